//! The board itself: one page, its style, its script, and the client for browsers that it is built upon. They lie in the library; page and script are put together when the server is built.

use super::{
    answer::{CODED, as_it_says, is_known, unchanged, with_tag},
    script,
};
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
pub(super) struct File {
    pub(super) path: &'static str,
    content_type: &'static str,
    bytes: Cow<'static, [u8]>,
}

/// Where the page has what is served; until then it is nothing.
const SERVED: &str = "id=\"served\">null<";

/// All of them. The page is told what is served here, in JSON, so that it need not ask.
pub(super) fn all(served: &str) -> [File; 4] {
    // In a page a text must not end the element that it is in.
    let served = format!("id=\"served\">{}<", served.replace('<', "\\u003c"));
    let page = include_str!("page/index.html").replacen(SERVED, &served, 1);
    [
        File { path: "/", content_type: "text/html; charset=utf-8", bytes: page.into_bytes().into() },
        File {
            path: "/board/board.css",
            content_type: "text/css; charset=utf-8",
            bytes: include_bytes!("page/board.css").into(),
        },
        script("/board/board.js", script::whole().into_bytes().into()),
        script("/board/andon-client.js", script::CLIENT.as_bytes().into()),
    ]
}

fn script(path: &'static str, bytes: Cow<'static, [u8]>) -> File {
    File { path, content_type: "text/javascript; charset=utf-8", bytes }
}

/// Serves a file, compressed once for all who take that.
pub(super) fn route(file: File) -> impl Route {
    let tag = Tag::of([file.bytes.as_ref()]);
    let packed = gzip(&file.bytes, true);
    move |_: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        if is_known(request, tag) {
            return unchanged(tag);
        }
        let small = packed.len() < file.bytes.len() && accepts_gzip(request.header_all("accept-encoding"));
        let bytes = if small { Cow::Owned(packed.clone()) } else { file.bytes.clone() };
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
    fn the_page_has_what_is_served_and_no_title_gets_out_of_its_place() {
        let [page, ..] = all(r#"{"title":"</script><script>1"}"#);
        let page = String::from_utf8(page.bytes.into_owned()).unwrap();
        let (_, behind) = page.split_once(r#"<script type="application/json" id="served">"#).unwrap();
        let (served, _) = behind.split_once("</script>").unwrap();
        assert_eq!(served, r#"{"title":"\u003c/script>\u003cscript>1"}"#);
    }

    #[test]
    fn no_word_of_a_client_gets_into_the_policy() {
        assert!(policy(Some("plant:8000")).contains("connect-src 'self' ws://plant:8000 wss://plant:8000;"));
        assert!(policy(Some("[::1]:8000")).contains(" ws://[::1]:8000 "));
        for host in [None, Some(""), Some("a; script-src *"), Some("a b"), Some("*")] {
            assert!(policy(host).contains("connect-src 'self'; img-src"), "{host:?}");
        }
    }
}
