//! A request as gates, routes and contracts see it: parsed, borrowed, checked.

use core::net::SocketAddr;
use std::{borrow::Cow, fmt};

/// The methods that a route may serve. Any other gets 405 where the path exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    /// Every method, in the order in which `Allow` lists them.
    pub const ALL: [Method; 7] =
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// The method's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One HTTP request: the upgrade of a WebSocket, or a request to a route.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) headers: &'a [httparse::Header<'a>],
    pub(crate) params: &'a [(String, String)],
    pub(crate) peer: SocketAddr,
}

impl<'a> Request<'a> {
    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The path as sent, percent-encoding and all, without the query.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// What a parameter of the pattern matched, decoded: `param("code")` for `/ws/sessions/{code}`.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The query as sent, without the question mark.
    pub fn raw_query(&self) -> Option<&'a str> {
        self.query
    }

    /// The first value of a query key, decoded (`+` is a space). A key without `=` has the empty value.
    pub fn query(&self, name: &str) -> Option<Cow<'a, str>> {
        self.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// All pairs of the query in order, decoded. Bytes that are no UTF-8 become U+FFFD.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        super::target::query_pairs(self.query.unwrap_or_default())
    }

    /// The first value of a header that is UTF-8, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.header_all(name).next()
    }

    /// Every value of a header that came several times, in order. Values that are no UTF-8 are left out.
    pub fn header_all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.header_bytes(name).filter_map(|value| std::str::from_utf8(value.trim_ascii()).ok())
    }

    /// The cookie of exactly this name: the first one, over all `Cookie` headers, without the pair of quotes
    /// that may surround its value. `None` also when the value is no UTF-8.
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        // On bytes, so that one cookie in another encoding does not hide the rest of its header.
        let value = self
            .header_bytes("cookie")
            .flat_map(|line| line.split(|&byte| byte == b';'))
            .filter_map(|pair| {
                let at = memchr::memchr(b'=', pair)?;
                Some((pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()))
            })
            .find(|(found, _)| *found == name.as_bytes())?
            .1;
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        std::str::from_utf8(bare.unwrap_or(value)).ok()
    }

    fn header_bytes<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        super::headers::values(self.headers, name)
    }

    /// The client's address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }
}

impl fmt::Debug for Request<'_> {
    /// Method, path and peer; never headers or query, since they carry secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>(headers: &'a [httparse::Header<'a>], params: &'a [(String, String)]) -> Request<'a> {
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        Request { method: Method::Get, path: "/a", query: Some("k=v%20w&k=2&s3cret"), headers, params, peer }
    }

    fn cookie(line: &[u8], name: &str) -> Option<String> {
        let headers = [httparse::Header { name: "Cookie", value: line }];
        request(&headers, &[]).cookie(name).map(str::to_owned)
    }

    #[test]
    fn cookies() {
        assert_eq!(cookie(b"a=1; sid=x; b=2", "sid").as_deref(), Some("x"));
        assert_eq!(cookie(b"xsid=1;sid=2", "sid").as_deref(), Some("2"));
        assert_eq!(cookie(b"SID=1", "sid").as_deref(), None);
        assert_eq!(cookie(b"sid", "sid").as_deref(), None);
        assert_eq!(cookie(b"sid=", "sid").as_deref(), Some(""));
        assert_eq!(cookie(b" sid = a=b ", "sid").as_deref(), Some("a=b"));
        assert_eq!(cookie(b"sid=\"x y\"", "sid").as_deref(), Some("x y"));
        assert_eq!(cookie(b"sid=\"\"x\"\"", "sid").as_deref(), Some("\"x\""));
        assert_eq!(cookie(b"sid=\"", "sid").as_deref(), Some("\""));
        assert_eq!(cookie(b"sid=\"x", "sid").as_deref(), Some("\"x"));
        assert_eq!(cookie(b"sid=1; sid=2", "sid").as_deref(), Some("1"));
        assert_eq!(cookie(b";;=;sid=1;", "sid").as_deref(), Some("1"));
    }

    #[test]
    fn cookies_over_several_headers_and_other_encodings() {
        let headers = [
            httparse::Header { name: "cookie", value: b"a=1; latin=\xfc; b=2" },
            httparse::Header { name: "COOKIE", value: b"c=3" },
        ];
        let request = request(&headers, &[]);
        assert_eq!(request.cookie("b"), Some("2"));
        assert_eq!(request.cookie("c"), Some("3"));
        assert_eq!(request.cookie("latin"), None);
    }

    #[test]
    fn getters() {
        let headers = [
            httparse::Header { name: "X-A", value: b"\xff" },
            httparse::Header { name: "x-a", value: b" one " },
            httparse::Header { name: "X-a", value: b"two" },
        ];
        let params = [("code".to_owned(), "AB".to_owned())];
        let request = request(&headers, &params);
        assert_eq!(request.header("X-A"), Some("one"));
        assert_eq!(request.header_all("x-A").collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(request.param("code"), Some("AB"));
        assert_eq!(request.param("Code"), None);
        assert_eq!(request.query("k").as_deref(), Some("v w"));
        assert_eq!(request.query("none"), None);
        assert_eq!(request.query_pairs().count(), 3);
        assert!(!format!("{request:?}").contains("s3cret"));
        for method in Method::ALL {
            assert_eq!(Method::parse(method.as_str()), Some(method));
        }
        assert_eq!(Method::parse("get"), None);
    }
}
