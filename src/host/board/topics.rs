//! `/api/topics`: the topics of the hub, and what a newcomer of each gets.

use super::{answer, overview::class_name, site::Hub};
use crate::{
    contracts::{
        route::{Route, RouteContext},
        topic_hub::config::{TopicClass, host_name},
    },
    ground::{frame::Payload, limits::TOPIC_LISTED_BYTES_MAX},
    wire::{
        json::{object::quoted, write},
        request::Request,
        tag::Tag,
    },
};
use std::fmt::Write as _;

/// All of them.
pub(super) fn list(hub: Hub) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let mut topics = String::new();
        for (name, class) in &hub.topics {
            if !topics.is_empty() {
                topics.push(',');
            }
            describe(context, &hub.pattern, name, *class, TOPIC_LISTED_BYTES_MAX, &mut topics);
        }
        let tag = Tag::of([topics.as_bytes()]);
        let text = format!("{{\"timestamp\":\"{}\",\"topics\":[{topics}]}}", context.now.wall);
        answer::tagged_json(request, tag, text)
    }
}

/// One of them, by the path's parameter.
pub(super) fn one(hub: Hub) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let asked = request.param("topic").unwrap_or_default();
        let Some((name, class)) = hub.topics.iter().find(|(name, _)| name == asked) else {
            return answer::fault(404, &format!("there is no topic {}: see /api/topics", quoted(asked)));
        };
        let mut text = String::new();
        describe(context, &hub.pattern, name, *class, usize::MAX, &mut text);
        answer::json(request, text)
    }
}

/// A topic with its messages, if they are at most so long together.
fn describe(
    context: &RouteContext<'_>,
    pattern: &str,
    name: &str,
    class: TopicClass,
    bytes_max: usize,
    out: &mut String,
) {
    let topic = context.topic(&host_name(pattern, name));
    out.push_str("{\"name\":");
    write::string(name, out);
    let clients = topic.map_or(0, |topic| context.subscribers(topic));
    // Writing to a string does not fail.
    let _ = write!(out, ",\"class\":\"{}\",\"clients\":{clients},\"messages\":", class_name(class));
    let messages = topic.and_then(|topic| context.newest(topic)).unwrap_or_default();
    if messages.iter().map(Payload::len).sum::<usize>() > bytes_max {
        out.push_str("null}");
        return;
    }
    out.push('[');
    // What a hub publishes is JSON, put into envelopes when it was published.
    let texts = messages.iter().filter_map(|message| match message {
        Payload::Text(text) => Some(&**text),
        Payload::Binary(_) => None,
    });
    for (index, text) in texts.enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(text);
    }
    out.push_str("]}");
}
