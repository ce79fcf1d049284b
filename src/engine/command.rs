//! What the host asks the loop to do.

use crate::{
    contracts::effects::Lane,
    ground::{
        close::CloseCode,
        foreign::Foreign,
        frame::Payload,
        id::{ConnId, MountId, TopicId},
    },
    hub::identity::Identity,
    wire::response::Response,
};
use std::{any::Any, fmt};

/// The host's decision about a parked handshake.
#[derive(Debug)]
#[non_exhaustive]
pub enum Decision {
    /// Let in, as this identity.
    Allow(Identity),
    /// Refused with this answer (403 is the usual one).
    Refuse(Response),
}

/// See the module. The driver takes commands from its mailbox and gives them to the engine one by one.
pub(crate) enum Command {
    Publish { topic: TopicId, key: Option<Box<str>>, payload: Payload },
    Forget { topic: TopicId, key: Box<str> },
    Send { conn: ConnId, payload: Payload, lane: Lane },
    Close { conn: ConnId, code: CloseCode, reason: Box<str> },
    Contract { mount: MountId, command: Foreign<dyn Any + Send> },
    Decide { conn: ConnId, decision: Decision },
    Answer { conn: ConnId, response: Response },
    Resume { conn: ConnId },
    Revoke { subject: Box<str> },
}

impl Command {
    /// Payload bytes that count towards [`Limits::command_bytes`](crate::Limits::command_bytes).
    pub(crate) fn weight_bytes(&self) -> usize {
        match self {
            Command::Publish { payload, key, .. } => payload.len() + key.as_ref().map_or(0, |key| key.len()),
            Command::Forget { key, .. } => key.len(),
            Command::Send { payload, .. } => payload.len(),
            Command::Close { reason, .. } => reason.len(),
            Command::Revoke { subject } => subject.len(),
            Command::Answer { response, .. } => response.weight_bytes(),
            Command::Decide { decision: Decision::Allow(identity), .. } => identity.weight_bytes(),
            Command::Decide { decision: Decision::Refuse(response), .. } => response.weight_bytes(),
            Command::Contract { .. } | Command::Resume { .. } => 0,
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Command::Publish { .. } => "Publish",
            Command::Forget { .. } => "Forget",
            Command::Send { .. } => "Send",
            Command::Close { .. } => "Close",
            Command::Contract { .. } => "Contract",
            Command::Decide { .. } => "Decide",
            Command::Answer { .. } => "Answer",
            Command::Resume { .. } => "Resume",
            Command::Revoke { .. } => "Revoke",
        })
    }
}
