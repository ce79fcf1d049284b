//! Replies to one device, which leave in the order of its requests: each waits for those before it, some also for the store.

use super::{messages, messages::ErrorCode, session::NewSession};
use crate::ground::id::{ConnId, RecordTicket};
use std::{collections::VecDeque, sync::Arc};

/// What is said to a device.
#[derive(Debug)]
pub(super) enum Word {
    Registered {
        session: Option<Arc<str>>,
        timestamp: Box<str>,
    },
    Created {
        session: Arc<str>,
        timestamp: Box<str>,
    },
    /// `lost`: the store refused something of it.
    Ended {
        session: Option<Arc<str>>,
        timestamp: Box<str>,
        lost: bool,
    },
    /// A session that begins as soon as its record is committed.
    Starting {
        new: NewSession,
        timestamp: Box<str>,
    },
    AlreadyActive,
    NotStarted,
}

/// What a reply waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// What becomes of this record.
    Record(RecordTicket),
    /// The turn of its session's end to be filed.
    Turn,
}

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) to: ConnId,
    pub(super) waits: Option<Waits>,
    pub(super) word: Word,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Replies(VecDeque<Reply>);

impl Replies {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, reply: Reply) {
        self.0.push_back(reply);
    }

    /// Takes out the first, if it waits for nothing.
    pub(super) fn next_ready(&mut self) -> Option<Reply> {
        self.0.front().filter(|reply| reply.waits.is_none())?;
        let reply = self.0.pop_front();
        if self.0.is_empty() {
            // Few devices ever have replies that wait: their memory is not kept.
            self.0 = VecDeque::new();
        }
        reply
    }

    /// The one that waits for this ticket.
    pub(super) fn waiting_for(&mut self, ticket: RecordTicket) -> Option<&mut Reply> {
        self.0.iter_mut().find(|reply| reply.waits == Some(Waits::Record(ticket)))
    }

    /// The end of this session is filed under this ticket, or committed already.
    pub(super) fn filed(&mut self, id: &str, ticket: Option<RecordTicket>) {
        for reply in self.0.iter_mut().filter(|reply| reply.waits == Some(Waits::Turn)) {
            if matches!(&reply.word, Word::Ended { session: Some(session), .. } if **session == *id) {
                reply.waits = ticket.map(Waits::Record);
            }
        }
    }

    /// Whether a session waits to begin.
    pub(super) fn has_starting(&self) -> bool {
        self.0.iter().any(|reply| matches!(reply.word, Word::Starting { .. }))
    }

    /// The store has refused a sample of this session.
    pub(super) fn lost(&mut self, id: &str) {
        for reply in &mut self.0 {
            if let Word::Ended { session: Some(session), lost, .. } = &mut reply.word {
                *lost |= **session == *id;
            }
        }
    }
}

impl Word {
    /// As a message about `device`.
    pub(super) fn encode(&self, device: &str) -> String {
        let unavailable = |words: &str| messages::error(ErrorCode::StorageUnavailable, words, Some(device));
        match self {
            Self::Registered { session, timestamp } => {
                messages::device_registered(session.as_deref(), device, timestamp)
            }
            Self::Created { session, timestamp } => messages::session_created(session, device, timestamp),
            Self::Ended { session: Some(session), lost: true, .. } => {
                unavailable(&format!("Session {session} has ended, but not all of it could be recorded"))
            }
            Self::Ended { session, timestamp, .. } => {
                messages::session_ended(session.as_deref(), device, timestamp)
            }
            Self::AlreadyActive => messages::error(
                ErrorCode::SessionAlreadyActive,
                "Device already has an active session",
                Some(device),
            ),
            // One that still waits is not encoded.
            Self::Starting { .. } | Self::NotStarted => {
                unavailable("No session was started: its beginning could not be recorded; try again")
            }
        }
    }
}
