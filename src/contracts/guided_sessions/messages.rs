//! What guided sessions send: flat objects with exactly these keys.

use crate::{
    contracts::store::guided::{GuidedRole, GuidedStatus, ParticipantRow, Subtask},
    wire::json::write,
};
use std::fmt::{Display, Write as _};

/// A message that is being written.
struct Flat(String);

impl Flat {
    fn new(kind: &str) -> Self {
        let mut out = String::with_capacity(128);
        out.push_str("{\"type\":");
        write::string(kind, &mut out);
        Self(out)
    }

    fn key(&mut self, name: &str) {
        self.0.push_str(",\"");
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    fn text(mut self, name: &str, text: &str) -> Self {
        self.key(name);
        write::string(text, &mut self.0);
        self
    }

    /// What is JSON as it prints.
    fn plain(mut self, name: &str, value: impl Display) -> Self {
        self.key(name);
        // Writing to a string does not fail.
        let _ = write!(self.0, "{value}");
        self
    }

    fn number_or_null(self, name: &str, number: Option<i64>) -> Self {
        match number {
            Some(number) => self.plain(name, number),
            None => self.plain(name, "null"),
        }
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

pub(super) fn error(message: &str) -> String {
    Flat::new("error").text("message", message).end()
}

pub(super) fn join_confirmed(who: &ParticipantRow, message: &str) -> String {
    Flat::new("join_confirmed")
        .text("session_code", &who.code)
        .plain("user_id", who.user_id)
        .text("message", message)
        .end()
}

/// `timestamp` is the JSON number that came.
pub(super) fn heartbeat_ack(timestamp: &str) -> String {
    Flat::new("heartbeat_ack").plain("timestamp", timestamp).end()
}

pub(super) fn step_complete_confirmed(subtask_id: i64, message: &str) -> String {
    Flat::new("step_complete_confirmed").plain("subtask_id", subtask_id).text("message", message).end()
}

pub(super) fn progress_updated(who: &ParticipantRow, subtask_id: Option<i64>, status: &str) -> String {
    Flat::new("progress_updated")
        .plain("user_id", who.user_id)
        .text("user_name", &who.user_name)
        .number_or_null("subtask_id", subtask_id)
        .text("status", status)
        .end()
}

pub(super) fn help_requested(who: &ParticipantRow, subtask_id: Option<i64>, message: &str) -> String {
    Flat::new("help_requested")
        .plain("user_id", who.user_id)
        .text("user_name", &who.user_name)
        .number_or_null("subtask_id", subtask_id)
        .text("message", message)
        .end()
}

pub(super) fn participant_joined(user_id: i64, user_name: &str, role: GuidedRole) -> String {
    Flat::new("participant_joined")
        .plain("user_id", user_id)
        .text("user_name", user_name)
        .text("role", role.as_str())
        .end()
}

pub(super) fn participant_left(user_id: i64, user_name: &str) -> String {
    Flat::new("participant_left").plain("user_id", user_id).text("user_name", user_name).end()
}

pub(super) fn step_changed(subtask: &Subtask) -> String {
    let mut out = Flat::new("step_changed");
    out.key("subtask");
    // Its first key stands behind a brace, not behind a comma.
    let _ = write!(out.0, "{{\"id\":{}", subtask.id);
    let mut out = out
        .text("title", &subtask.title)
        .plain("order_index", subtask.order_index)
        .text("target_action", &subtask.target_action)
        .text("guide_text", &subtask.guide_text);
    out = match &subtask.voice_guide_text {
        Some(text) => out.text("voice_guide_text", text),
        None => out.plain("voice_guide_text", "null"),
    };
    out.0.push('}');
    out.end()
}

pub(super) fn session_status_changed(status: GuidedStatus, message: &str) -> String {
    Flat::new("session_status_changed").text("status", status.as_str()).text("message", message).end()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients may read keys in the order shown.
    #[test]
    fn keys_stand_in_the_order_shown() {
        let step = Subtask::new(2, "Step 2: \"x\"").guide("CLICK", "Please");
        assert_eq!(
            step_changed(&step),
            r#"{"type":"step_changed","subtask":{"id":2,"title":"Step 2: \"x\"","order_index":2,"target_action":"CLICK","guide_text":"Please","voice_guide_text":null}}"#
        );
        assert!(step_changed(&step.voice("Say")).ends_with(r#""voice_guide_text":"Say"}}"#));
        assert_eq!(
            session_status_changed(GuidedStatus::Paused, "세션"),
            r#"{"type":"session_status_changed","status":"PAUSED","message":"세션"}"#
        );
        assert_eq!(heartbeat_ack("1.50e3"), r#"{"type":"heartbeat_ack","timestamp":1.50e3}"#);
    }
}
