//! A request that outlives the bytes it came in.

use super::request::{Method, Request};
use core::net::SocketAddr;
use std::fmt;

/// A request by itself: what [`Event::Asked`](crate::Event::Asked) carries to the host, and what tests of gates, routes and contracts are
/// made of.
///
/// ```
/// use andon::{Method, OwnedRequest};
///
/// let asked = OwnedRequest::new(Method::Get, "/ws/sessions/A1?lang=ko")
///     .with_param("code", "A1")
///     .with_header("Cookie", "sessionid=s1; theme=dark");
/// asked.with(|request| {
///     assert_eq!(request.param("code"), Some("A1"));
///     assert_eq!(request.query("lang").as_deref(), Some("ko"));
///     assert_eq!(request.cookie("sessionid"), Some("s1"));
/// });
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedRequest {
    /// The method.
    pub method: Method,
    /// The path as sent.
    pub path: String,
    /// The query as sent.
    pub query: Option<String>,
    /// What the parameters of the pattern matched, decoded.
    pub params: Vec<(String, String)>,
    /// The headers in order; values that are no UTF-8 are left out.
    pub headers: Vec<(String, String)>,
    /// The client's address.
    pub peer: SocketAddr,
}

impl OwnedRequest {
    /// A request without headers, to a path that may have a query, from port 1 of localhost.
    pub fn new(method: Method, target: &str) -> Self {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Self {
            method,
            path: path.to_owned(),
            query,
            params: Vec::new(),
            headers: Vec::new(),
            peer: SocketAddr::from(([127, 0, 0, 1], 1)),
        }
    }

    /// With one more header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With one more parameter of the pattern.
    #[must_use]
    pub fn with_param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// From this address.
    #[must_use]
    pub fn with_peer(mut self, peer: SocketAddr) -> Self {
        self.peer = peer;
        self
    }

    /// Calls `look` with the request as gates, routes and contracts see it: with its cookies and its query decoded.
    pub fn with<R>(&self, look: impl FnOnce(&Request<'_>) -> R) -> R {
        let header =
            |(name, value)| httparse::Header { name: String::as_str(name), value: String::as_bytes(value) };
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| header((name, value))).collect();
        look(&Request {
            method: self.method,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &headers,
            params: &self.params,
            peer: self.peer,
        })
    }

    /// Bytes that it takes beside its own size.
    pub(crate) fn weight_bytes(&self) -> usize {
        let pairs = self.headers.iter().chain(&self.params);
        self.path.len()
            + self.query.as_ref().map_or(0, String::len)
            + pairs
                .map(|(name, value)| name.len() + value.len() + size_of::<(String, String)>())
                .sum::<usize>()
    }
}

impl From<&Request<'_>> for OwnedRequest {
    fn from(request: &Request<'_>) -> Self {
        let header = |header: &httparse::Header<'_>| {
            Some((header.name.to_owned(), std::str::from_utf8(header.value).ok()?.trim().to_owned()))
        };
        Self {
            method: request.method,
            path: request.path.to_owned(),
            query: request.query.map(str::to_owned),
            params: request.params.to_vec(),
            headers: request.headers.iter().filter_map(header).collect(),
            peer: request.peer,
        }
    }
}

impl fmt::Debug for OwnedRequest {
    /// As that of [`Request`]: never headers or query, since they carry secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|request| fmt::Debug::fmt(request, f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_a_copy_is_the_same() {
        let one = OwnedRequest::new(Method::Post, "/a/b?c=%20&d")
            .with_header("Cookie", "k=v")
            .with_param("x", "b")
            .with_peer(SocketAddr::from(([10, 0, 0, 1], 7)));
        let other = one.with(|request| {
            assert_eq!(request.query("c").as_deref(), Some(" "));
            assert_eq!(request.path(), "/a/b");
            OwnedRequest::from(request)
        });
        assert_eq!(one, other);
        assert!(!format!("{one:?}").contains("k=v") && !format!("{one:?}").contains("%20"));
        assert!(one.weight_bytes() > "/a/bc=%20&dCookiek=vxb".len());
    }
}
