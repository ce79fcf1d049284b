//! `/readyz`: whether the server can do its work. While it stops no route is asked: the engine says 503.

use super::{answer, late::Late, site::Shown};
use crate::{
    contracts::route::{Route, RouteContext},
    wire::{request::Request, response::Response},
};
use std::sync::Arc;

pub(super) fn route(shown: Shown, late: Arc<Late>) -> impl Route {
    move |context: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| {
        let store_is_down = late.stats().store_down > 0;
        let source_is_lost =
            shown.monitor.as_ref().is_some_and(|(_, monitor)| monitor.source_lost(context.now));
        let reasons = [
            (store_is_down, "the store is down: what is recorded is refused\n"),
            (source_is_lost, "the source of the tags is lost: equipment is shown as it was\n"),
        ];
        let reasons: String = reasons.iter().filter(|(holds, _)| *holds).map(|(_, reason)| *reason).collect();
        let response =
            if reasons.is_empty() { Response::text(200, "ready\n") } else { Response::text(503, reasons) };
        answer::as_it_says(response).with_header("Cache-Control", "no-store")
    }
}
