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

    /// The first value of a header, whatever the case of its name; `None` also when it is no UTF-8.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.header_all(name).next()
    }

    /// Every value of a header that came several times, in order.
    pub fn header_all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .filter_map(|header| std::str::from_utf8(header.value).ok().map(str::trim))
    }

    /// The cookie of exactly this name, over all `Cookie` headers.
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        self.header_all("cookie")
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.split_once('='))
            .find(|(n, _)| n.trim() == name)
            .map(|(_, value)| value.trim().trim_matches('"'))
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
