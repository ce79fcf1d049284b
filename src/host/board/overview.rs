//! `/api`: what is served here.

use super::{
    answer,
    late::Late,
    site::{Hub, Shown},
};
use crate::{
    contracts::{
        route::{Route, RouteContext},
        topic_hub::config::TopicClass,
    },
    wire::{json::write, request::Request, tag::Tag},
};
use std::{fmt::Write as _, sync::Arc};

pub(super) fn route(title: String, shown: Shown, late: Arc<Late>) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let mut out = String::from("{\"name\":\"andon\",\"version\":\"");
        out.push_str(env!("CARGO_PKG_VERSION"));
        out.push_str("\",\"title\":");
        write::string(&title, &mut out);
        let (began, now) = (context.began.wall, context.now.wall);
        // Writing to a string does not fail.
        let _ = write!(out, ",\"started_at\":\"{began}\",\"timestamp\":\"");
        let before = out.len();
        let _ = write!(out, "{now}\"");
        let behind = out.len();
        place("monitor", shown.monitor.as_ref(), &mut out, |(pattern, monitor), out| {
            path(pattern, out);
            let (period, on_change) = monitor.rhythm();
            let _ = write!(out, ",\"period_ms\":{},\"on_change\":{on_change}", period.as_millis());
        });
        place("hub", shown.hub.as_ref(), &mut out, |hub, out| {
            path(&hub.pattern, out);
            topics(hub, out);
        });
        place("devices", shown.devices.as_ref(), &mut out, |devices, out| path(&devices.pattern, out));
        place("guided", shown.guided.as_ref(), &mut out, |guided, out| path(&guided.pattern, out));
        let _ = write!(out, ",\"recordings\":{}}}", late.recordings().is_some());
        let tag = Tag::of([&out.as_bytes()[..before], &out.as_bytes()[behind..]]);
        answer::tagged_json(request, tag, out)
    }
}

/// What kind is mounted where; null where there is none.
fn place<T>(kind: &str, shown: Option<&T>, out: &mut String, tell: impl FnOnce(&T, &mut String)) {
    let _ = write!(out, ",\"{kind}\":");
    match shown {
        None => out.push_str("null"),
        Some(shown) => {
            out.push('{');
            tell(shown, out);
            out.push('}');
        }
    }
}

fn path(pattern: &str, out: &mut String) {
    out.push_str("\"path\":");
    write::string(pattern, out);
}

fn topics(hub: &Hub, out: &mut String) {
    out.push_str(",\"topics\":[");
    for (index, (name, class)) in hub.topics.iter().enumerate() {
        out.push_str(if index > 0 { ",{\"name\":" } else { "{\"name\":" });
        write::string(name, out);
        let _ = write!(out, ",\"class\":\"{}\"}}", class_name(*class));
    }
    out.push(']');
}

/// As the class is written in JSON.
pub(super) fn class_name(class: TopicClass) -> &'static str {
    match class {
        TopicClass::State => "state",
        TopicClass::Stream => "stream",
    }
}
