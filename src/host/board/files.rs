//! The board itself: one page, its style, its script, and the client for browsers that it is built upon. They lie in the library.

use super::answer::{CODED, as_it_says, is_known, unchanged, with_tag};
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

const fn page(path: &'static str, bytes: &'static [u8]) -> File {
    File { path, content_type: "text/html; charset=utf-8", bytes }
}

const fn style(path: &'static str, bytes: &'static [u8]) -> File {
    File { path, content_type: "text/css; charset=utf-8", bytes }
}

const fn script(path: &'static str, bytes: &'static [u8]) -> File {
    File { path, content_type: "text/javascript; charset=utf-8", bytes }
}

/// All of them.
pub(super) const FILES: [File; 16] = [
    page("/", include_bytes!("page/index.html")),
    style("/board/board.css", include_bytes!("page/board.css")),
    script("/board/board.js", include_bytes!("page/board.js")),
    script("/board/devices.js", include_bytes!("page/devices.js")),
    script("/board/guided.js", include_bytes!("page/guided.js")),
    script("/board/history.js", include_bytes!("page/history.js")),
    script("/board/link.js", include_bytes!("page/link.js")),
    script("/board/page.js", include_bytes!("page/page.js")),
    script("/board/panel.js", include_bytes!("page/panel.js")),
    script("/board/server.js", include_bytes!("page/server.js")),
    script("/board/server-side.js", include_bytes!("page/server-side.js")),
    script("/board/sparkline.js", include_bytes!("page/sparkline.js")),
    script("/board/tiles.js", include_bytes!("page/tiles.js")),
    script("/board/topics.js", include_bytes!("page/topics.js")),
    script("/board/words.js", include_bytes!("page/words.js")),
    script("/board/andon-client.js", include_bytes!("../../../examples/web/andon-client.js")),
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
        let mut response = with_tag(as_it_says(Response::bytes(200, file.content_type, bytes)), tag)
            .with_header("Cache-Control", "no-cache")
            .with_header("Vary", CODED)
            .with_header("Content-Security-Policy", policy(request.header("host")))
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
