//! `/api/stats`: all statistics as JSON.

use super::{answer, late::Late};
use crate::{
    contracts::route::{Route, RouteContext},
    ground::counters::Stats,
    wire::request::Request,
};
use std::{fmt::Write as _, sync::Arc};

pub(super) fn route(late: Arc<Late>) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let up = context.now.tick - context.began.tick;
        let mut text =
            format!("{{\"timestamp\":\"{}\",\"uptime_ms\":{},\"stats\":{{", context.now.wall, up.as_millis());
        for (index, (name, value)) in Stats::NAMES.iter().zip(late.stats().to_array()).enumerate() {
            let comma = if index > 0 { "," } else { "" };
            // Writing to a string does not fail.
            let _ = write!(text, "{comma}\"{name}\":{value}");
        }
        text.push_str("}}");
        answer::json(request, text)
    }
}
