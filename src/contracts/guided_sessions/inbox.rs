//! What people ask for: `{type, data}`, read in two steps, so that who may not ask for something is told that first.

use crate::{
    contracts::store::guided::{GuidedRole, StepAction},
    ground::{
        frame::Message,
        limits::{GUIDED_MESSAGE_SPARE, QUOTE_BYTES_MAX},
    },
    wire::json::object::{Fault, Object},
};
use std::borrow::Cow;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Join,
    Heartbeat,
    StepComplete,
    /// In the words of older clients.
    Progress,
    Help,
    Control(StepAction),
}

impl Kind {
    fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "join" => Self::Join,
            "heartbeat" => Self::Heartbeat,
            "step_complete" => Self::StepComplete,
            "progress_update" => Self::Progress,
            "request_help" | "help_request" => Self::Help,
            "next_step" => Self::Control(StepAction::StartStep),
            "pause_session" => Self::Control(StepAction::Pause),
            "resume_session" => Self::Control(StepAction::Resume),
            "end_session" => Self::Control(StepAction::EndStep),
            _ => return None,
        })
    }

    /// Whether somebody of this role may ask for it, as far as the role tells.
    pub(super) fn is_for(self, role: GuidedRole) -> bool {
        match self {
            Self::Join | Self::Heartbeat => true,
            Self::StepComplete | Self::Progress | Self::Help => role == GuidedRole::Student,
            Self::Control(_) => role == GuidedRole::Instructor,
        }
    }
}

/// A message whose type is known.
pub(super) struct Asked<'a> {
    pub(super) kind: Kind,
    envelope: Object<'a, 2>,
}

/// What comes with it.
pub(super) struct Details<'a> {
    data: Object<'a, 4>,
    words_bytes_max: usize,
}

impl<'a> Asked<'a> {
    pub(super) fn read(message: Message<'a>) -> Result<Self, Fault> {
        let Message::Text(text) = message else {
            return Err(Fault::of_message("a message must be JSON in a text frame, not binary"));
        };
        let envelope = Object::read(text, ["type", "data"])?;
        let name = envelope.required_string("type")?;
        let kind = Kind::of_name(&name)
            .ok_or_else(|| Fault::of_field("type", format!("Unknown message type: {}", cut(&name))))?;
        Ok(Self { kind, envelope })
    }

    pub(super) fn details(&self, words_bytes_max: usize) -> Result<Details<'a>, Fault> {
        let data = self.envelope.object("data", ["timestamp", "subtask_id", "message", "status"])?;
        Ok(Details { data, words_bytes_max })
    }
}

impl<'a> Details<'a> {
    /// Digit for digit.
    pub(super) fn timestamp(&self) -> Result<&'a str, Fault> {
        let timestamp = self
            .data
            .number("timestamp")?
            .ok_or_else(|| Fault::of_field("timestamp", "\"timestamp\" is missing: a number is expected"))?;
        if timestamp.len() > GUIDED_MESSAGE_SPARE {
            return Err(Fault::of_field(
                "timestamp",
                format!("\"timestamp\" must have at most {GUIDED_MESSAGE_SPARE} digits"),
            ));
        }
        Ok(timestamp)
    }

    pub(super) fn subtask_id(&self) -> Result<Option<i64>, Fault> {
        self.data.integer("subtask_id")
    }

    pub(super) fn required_subtask_id(&self) -> Result<i64, Fault> {
        self.subtask_id()?.ok_or_else(|| {
            Fault::of_field("subtask_id", "\"subtask_id\" is missing: the id of a subtask is expected")
        })
    }

    pub(super) fn message(&self) -> Result<Cow<'a, str>, Fault> {
        self.words("message", "")
    }

    pub(super) fn status(&self) -> Result<Cow<'a, str>, Fault> {
        self.words("status", "completed")
    }

    fn words(&self, name: &'static str, default: &'static str) -> Result<Cow<'a, str>, Fault> {
        if matches!(self.data.raw(name), None | Some("null")) {
            return Ok(Cow::Borrowed(default));
        }
        let words = self.data.required_string(name)?;
        if words.len() > self.words_bytes_max {
            return Err(Fault::of_field(
                name,
                format!("\"{name}\" must have at most {} bytes, not {}", self.words_bytes_max, words.len()),
            ));
        }
        Ok(words)
    }
}

/// What a client calls a type, if that is short enough to be said back.
fn cut(name: &str) -> &str {
    let end = (0..=name.len().min(QUOTE_BYTES_MAX)).rev().find(|&at| name.is_char_boundary(at));
    &name[..end.unwrap_or(0)]
}
