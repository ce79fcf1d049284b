//! `/api/events` and `/api/guided/events`: what happens, as server-sent events.

use super::{answer, guided::stranger};
use crate::{
    contracts::{
        feed::Feed,
        guided_sessions::user,
        route::{Route, RouteContext},
    },
    wire::{request::Request, response::Response},
};

/// What happens to devices and their sessions.
pub(super) fn of_devices(feed: Feed) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| open(&feed, context, request)
}

/// What happens in guided sessions.
pub(super) fn of_guided(feed: Feed) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| match user(context.identity) {
        Some(_) => open(&feed, context, request),
        None => stranger(),
    }
}

fn open(feed: &Feed, context: &RouteContext<'_>, request: &Request<'_>) -> Response {
    // What is no number of ours is nothing that could have been missed.
    let last = request.header("last-event-id").and_then(|number| number.parse().ok());
    match feed.open(context.conn, last, context.now) {
        Some(stream) => answer::stream("text/event-stream", stream)
            // What stands in between must not collect events.
            .with_header("X-Accel-Buffering", "no"),
        None => {
            let why = "as many event streams are open as may be: close one, or try again later";
            answer::fault(503, why).with_header("Retry-After", "3")
        }
    }
}
