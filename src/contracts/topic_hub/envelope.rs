//! The messages of a topic hub: `{type, topic, data}`.

use crate::{
    ground::time::Tick,
    wire::json::{compact::compact, object::Fault, write},
};
use std::fmt::Write as _;

/// The topic that is named in what concerns the whole server.
const OF_ALL: &str = "status";

/// The beginning of a message, up to its data.
fn begin(kind: &str, topic: &str, room: usize) -> String {
    let mut out = String::with_capacity(room + topic.len() + 48);
    out.push_str("{\"type\":");
    write::string(kind, &mut out);
    out.push_str(",\"topic\":");
    write::string(topic, &mut out);
    out.push_str(",\"data\":");
    out
}

/// News of a topic. `data` has been checked.
pub(super) fn update(topic: &str, data: &str) -> String {
    with_data("update", topic, data)
}

/// The answer to a client's ping. `data` is of a text that was checked.
pub(super) fn pong(topic: &str, data: Option<&str>) -> String {
    with_data("pong", topic, data.unwrap_or("null"))
}

fn with_data(kind: &str, topic: &str, data: &str) -> String {
    let mut out = begin(kind, topic, data.len());
    compact(data, &mut out);
    out.push('}');
    out
}

/// The answer to what cannot be answered otherwise.
pub(super) fn error(topic: &str, fault: &Fault) -> String {
    let mut out = begin("error", topic, fault.message.len() + 32);
    out.push_str("{\"message\":");
    write::string(&fault.message, &mut out);
    out.push_str(",\"field\":");
    match fault.field {
        Some(field) => write::string(field, &mut out),
        None => out.push_str("null"),
    }
    out.push_str("}}");
    out
}

/// The server's ping: seconds on a clock that never goes back.
pub(super) fn ping(now: Tick) -> String {
    let micros = now.as_nanos() / 1_000;
    let mut out = begin("ping", OF_ALL, 48);
    // Writing to a string does not fail.
    let _ = write!(out, "{{\"timestamp\":{}.{:06}}}}}", micros / 1_000_000, micros % 1_000_000);
    out
}

/// The last word.
pub(super) fn shutdown() -> String {
    with_data("shutdown", OF_ALL, r#"{"reason":"Server is shutting down"}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_compact_and_escaped() {
        assert_eq!(update("a", " { \"x\" : 1.0 } "), r#"{"type":"update","topic":"a","data":{"x":1.0}}"#);
        let fault = Fault::of_field("type", "a \"quoted\" word");
        assert_eq!(
            error("a", &fault),
            r#"{"type":"error","topic":"a","data":{"message":"a \"quoted\" word","field":"type"}}"#
        );
        assert_eq!(pong("a", None), r#"{"type":"pong","topic":"a","data":null}"#);
        assert_eq!(
            ping(Tick::from_nanos(12_000_345_678)),
            r#"{"type":"ping","topic":"status","data":{"timestamp":12.000345}}"#
        );
    }
}
