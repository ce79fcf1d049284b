//! `/api/stats`: all statistics as JSON.

use super::{answer, late::Late};
use crate::{
    contracts::route::{Route, RouteContext},
    ground::counters::Stats,
    wire::{json::fields::object, request::Request},
};
use std::sync::Arc;

pub(super) fn route(late: Arc<Late>) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let up = context.now.tick - context.began.tick;
        let mut text = String::new();
        object(&mut text, |fields| {
            fields.quoted("timestamp", context.now.wall).plain("uptime_ms", up.as_millis());
            fields.value("stats", |out| {
                object(out, |fields| {
                    for (name, value) in Stats::NAMES.iter().zip(late.stats().to_array()) {
                        fields.plain(name, value);
                    }
                });
            });
        });
        answer::json(request, text)
    }
}
