//! A small site: what the tests of requests and answers ask for.

use super::echo;
use andon::{Builder, Method, Request, Response, Route, RouteContext, Server};

/// Answers with the given text.
pub(crate) fn say(text: &'static str) -> impl Route {
    move |_: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| Response::text(200, text)
}

/// Answers with the request's body.
fn mirror(_: &RouteContext<'_>, _: &Request<'_>, body: &[u8]) -> Response {
    Response::bytes(200, "application/octet-stream", body.to_vec())
}

/// A WebSocket that echoes, and a route to read and one to write.
pub(crate) fn plain() -> Builder {
    Server::builder().mount("/ws", echo).route(Method::Get, "/hello", say("hello")).route(
        Method::Post,
        "/mirror",
        mirror,
    )
}
