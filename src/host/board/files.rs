//! The board itself: one page, its style, its script, and the client for browsers that it is built upon. They lie in the library.

use super::answer::{CODED, is_known, unchanged, with_tag};
use crate::{
    contracts::route::{Route, RouteContext},
    wire::{
        coding::{accepts_gzip, gzip},
        request::Request,
        response::Response,
        tag::Tag,
    },
};
use std::borrow::Cow;

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct File {
    pub(super) path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// All of them.
pub(super) const FILES: [File; 4] = [
    File { path: "/", content_type: "text/html; charset=utf-8", bytes: include_bytes!("page/index.html") },
    File {
        path: "/board/board.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("page/board.css"),
    },
    File {
        path: "/board/board.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("page/board.js"),
    },
    File {
        path: "/board/andon-client.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../../examples/web/andon-client.js"),
    },
];

/// Serves a file, compressed once for all who take that.
pub(super) fn route(file: File) -> impl Route {
    let tag = Tag::of([file.bytes]);
    let packed = gzip(file.bytes, true);
    move |_: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        if is_known(request, tag) {
            return unchanged(tag);
        }
        let small = packed.len() < file.bytes.len() && accepts_gzip(request.header_all("accept-encoding"));
        let bytes = if small { Cow::Owned(packed.clone()) } else { Cow::Borrowed(file.bytes) };
        let mut response = with_tag(Response::bytes(200, file.content_type, bytes), tag)
            .with_header("Cache-Control", "no-cache")
            .with_header("Vary", CODED)
            .with_header("Content-Security-Policy", policy(request.header("host")))
            .with_header("X-Content-Type-Options", "nosniff")
            .with_header("Referrer-Policy", "no-referrer");
        if small {
            response = response.with_header("Content-Encoding", "gzip");
        }
        response
    }
}

/// What the page may do: nothing but what comes from this server. Browsers that take `'self'` for HTTP alone are told the WebSockets by name.
fn policy(host: Option<&str>) -> String {
    let plain = |host: &&str| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b))
    };
    let sockets = host.filter(plain).map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{sockets}; img-src 'self' data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_a_client_gets_into_the_policy() {
        assert!(policy(Some("plant:8000")).contains("connect-src 'self' ws://plant:8000 wss://plant:8000;"));
        assert!(policy(Some("[::1]:8000")).contains(" ws://[::1]:8000 "));
        for host in [None, Some(""), Some("a; script-src *"), Some("a b"), Some("*")] {
            assert!(policy(host).contains("connect-src 'self'; img-src"), "{host:?}");
        }
    }
}
