//! `/api/topics`: the topics of the hub, and what a newcomer of each gets.

use super::{answer, site::Hub};
use crate::{
    contracts::{
        route::{Route, RouteContext},
        topic_hub::config::{TopicClass, host_name},
    },
    ground::{frame::Payload, limits::TOPIC_LISTED_BYTES_MAX},
    wire::{
        json::{
            fields::{list, object},
            object::quoted,
        },
        request::Request,
        tag::Tag,
    },
};

/// All of them.
pub(super) fn all(hub: Hub) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let (mut topics, mut looked_at) = (String::new(), 0);
        list(&mut topics, &hub.topics, |out, (name, class)| {
            looked_at += describe(context, &hub.pattern, name, *class, TOPIC_LISTED_BYTES_MAX, out);
        });
        let tag = Tag::of([topics.as_bytes()]);
        let mut text = String::with_capacity(topics.len() + 64);
        object(&mut text, |fields| {
            fields.quoted("timestamp", context.now.wall).plain("topics", topics);
        });
        answer::tagged_json(request, tag, text).with_effort(looked_at)
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

/// A topic with its messages, if they are at most so long together. Returns how long they are.
fn describe(
    context: &RouteContext<'_>,
    pattern: &str,
    name: &str,
    class: TopicClass,
    bytes_max: usize,
    out: &mut String,
) -> usize {
    let topic = context.topic(&host_name(pattern, name));
    let clients = topic.map_or(0, |topic| context.subscribers(topic));
    let messages = topic.and_then(|topic| context.newest(topic)).unwrap_or_default();
    let bytes = messages.iter().map(Payload::len).sum();
    object(out, |fields| {
        fields.text("name", name).text("class", class.as_str()).plain("clients", clients);
        if bytes > bytes_max {
            fields.plain("messages", "null");
            return;
        }
        // What a hub publishes is JSON, put into envelopes when it was published.
        let texts = messages.iter().filter_map(|message| match message {
            Payload::Text(text) => Some(&**text),
            Payload::Binary(_) => None,
        });
        fields.value("messages", |out| list(out, texts, |out, text| out.push_str(text)));
    });
    bytes
}
