//! `/api`: what is served here.

use super::{
    answer,
    late::Late,
    site::{Sessions, Shown},
};
use crate::{
    contracts::{
        route::{Route, RouteContext},
        topic_hub::config::TopicClass,
    },
    wire::{
        json::fields::{Fields, list, object},
        request::Request,
        tag::Tag,
    },
};
use std::{fmt::Write as _, sync::Arc};

pub(super) fn route(title: String, shown: Shown, late: Arc<Late>) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let mut out = String::new();
        let mut moment = 0..0;
        object(&mut out, |fields| {
            name(&title, fields);
            fields.quoted("started_at", context.began.wall).value("timestamp", |out| {
                let before = out.len();
                // Writing to a string does not fail.
                let _ = write!(out, "\"{}\"", context.now.wall);
                moment = before..out.len();
            });
            places(&shown, fields);
            fields.plain("recordings", late.recordings().is_some());
        });
        let tag = Tag::of([&out.as_bytes()[..moment.start], &out.as_bytes()[moment.end..]]);
        answer::tagged_json(request, tag, out)
    }
}

/// What of it does not change while the server runs: for the page, which has it from the start.
pub(super) fn lasting(title: &str, shown: &Shown) -> String {
    let mut out = String::new();
    object(&mut out, |fields| {
        name(title, fields);
        places(shown, fields);
    });
    out
}

fn name(title: &str, fields: &mut Fields<'_>) {
    fields.text("name", "andon").text("version", env!("CARGO_PKG_VERSION")).text("title", title);
}

fn places(shown: &Shown, fields: &mut Fields<'_>) {
    place(fields, "monitor", shown.monitor.as_ref(), |fields, (pattern, monitor)| {
        let (period, on_change) = monitor.rhythm();
        fields.text("path", pattern).plain("period_ms", period.as_millis());
        fields.plain("on_change", on_change);
    });
    place(fields, "hub", shown.hub.as_ref(), |fields, hub| {
        fields.text("path", &hub.pattern).value("topics", |out| list(out, &hub.topics, topic));
    });
    let sessions = |fields: &mut Fields<'_>, shown: &Sessions| {
        fields.text("path", &shown.pattern);
    };
    place(fields, "devices", shown.devices.as_ref(), sessions);
    place(fields, "guided", shown.guided.as_ref(), sessions);
}

/// What kind is mounted where; null where there is none.
fn place<T>(fields: &mut Fields<'_>, kind: &str, shown: Option<&T>, tell: impl FnOnce(&mut Fields<'_>, &T)) {
    match shown {
        None => fields.plain(kind, "null"),
        Some(shown) => fields.value(kind, |out| object(out, |fields| tell(fields, shown))),
    };
}

fn topic(out: &mut String, (name, class): &(String, TopicClass)) {
    object(out, |fields| {
        fields.text("name", name).text("class", class.as_str());
    });
}
