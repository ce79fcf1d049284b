//! What the host wants of guided sessions: checked on its own thread, carried out on the loop's.

use super::{
    config::{GuidedSession, GuidedSessionsConfig},
    info::GuidedInfo,
};
use crate::{
    contracts::store::guided::{GuidedRole, StepAction},
    ground::limits::GUIDED_ORDER_BYTES_MAX,
    wire::json::{
        check::{JsonFault, check},
        compact::compact,
    },
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// Why guided sessions did not take something.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuidedError {
    /// It is no JSON, or nested too deep.
    InvalidJson(JsonFault),
    /// A session that cannot be as it is described, and what would be right.
    BadSession(String),
    /// Too much waits for the loop: try again later, or slow down.
    Full,
    /// The server has stopped.
    Stopped,
    /// It can never be taken as it is.
    Refused(&'static str),
    /// The loop has not answered in time.
    NoAnswer,
}

impl fmt::Display for GuidedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidJson(fault) => write!(f, "invalid JSON at {fault}"),
            Self::BadSession(why) => f.write_str(why),
            Self::Full => f.write_str("too much waits for the server: try again later"),
            Self::Stopped => f.write_str("the server has stopped"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::NoAnswer => f.write_str("the server has not answered in time: allow it more, or try again"),
        }
    }
}

impl std::error::Error for GuidedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::InvalidJson(fault) => Some(fault),
            _ => None,
        }
    }
}

/// One wish of the host.
pub(crate) enum Order {
    Create(GuidedSession),
    Control {
        code: String,
        action: StepAction,
        subtask_id: Option<i64>,
        message: String,
    },
    SendTo {
        code: String,
        user_id: i64,
        text: String,
    },
    SendToRole {
        code: String,
        role: GuidedRole,
        text: String,
    },
    /// Says how things are.
    List(Box<dyn FnOnce(Vec<GuidedInfo>) + Send>),
    /// Says how one session is, if there is one of this code.
    #[cfg(feature = "board")]
    Find {
        code: String,
        tell: Box<dyn FnOnce(Option<GuidedInfo>) + Send>,
    },
}

/// An order on its way, and the room that it takes until it is carried out.
pub(crate) struct Placed {
    pub(super) order: Order,
    _room: Room,
}

struct Room {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Relaxed);
    }
}

/// Where orders are placed; any thread.
#[derive(Debug)]
pub(crate) struct OrderDesk {
    message_bytes_max: usize,
    words_bytes_max: usize,
    /// Bytes of orders on their way. It guards nothing but itself, hence relaxed.
    taken: Arc<AtomicUsize>,
}

impl OrderDesk {
    pub(crate) fn new(config: &GuidedSessionsConfig) -> Self {
        Self {
            message_bytes_max: config.message_bytes_max(),
            words_bytes_max: config.words_bytes_max,
            taken: Arc::default(),
        }
    }

    /// What clients are to get, as it will be sent.
    pub(crate) fn text(&self, json: &str) -> Result<String, GuidedError> {
        check(json).map_err(GuidedError::InvalidJson)?;
        let mut text = String::with_capacity(json.len());
        compact(json, &mut text);
        if text.len() > self.message_bytes_max {
            return Err(GuidedError::Refused(
                "the message is larger than a quarter of log_bytes: shorten it, or raise log_bytes",
            ));
        }
        Ok(text)
    }

    pub(crate) fn place(&self, order: Order) -> Result<Placed, GuidedError> {
        let bytes = match &order {
            Order::Create(session) => {
                session.check(self.message_bytes_max).map_err(GuidedError::BadSession)?;
                session.weight_bytes()
            }
            Order::Control { code, message, .. } => {
                if message.len() > self.words_bytes_max {
                    return Err(GuidedError::Refused("the message is longer than words_bytes: shorten it"));
                }
                code.len() + message.len()
            }
            Order::SendTo { code, text, .. } | Order::SendToRole { code, text, .. } => {
                code.len() + text.len()
            }
            Order::List(_) => 0,
            #[cfg(feature = "board")]
            Order::Find { code, .. } => code.len(),
        };
        let bytes = bytes + size_of::<Placed>();
        let room = Room { taken: Arc::clone(&self.taken), bytes };
        if self.taken.fetch_add(bytes, Relaxed) + bytes > GUIDED_ORDER_BYTES_MAX {
            return Err(GuidedError::Full);
        }
        Ok(Placed { order, _room: room })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> OrderDesk {
        OrderDesk::new(&GuidedSessionsConfig::new())
    }

    fn note(message: &str) -> Order {
        let (code, message) = ("a".into(), message.into());
        Order::Control { code, action: StepAction::Pause, subtask_id: None, message }
    }

    #[test]
    fn what_waits_is_bounded_and_makes_room_when_it_is_carried_out() {
        let desk = desk();
        let long = "x".repeat(2_000);
        let mut placed = Vec::new();
        while let Ok(order) = desk.place(note(&long)) {
            placed.push(order);
        }
        assert!((1_000..=GUIDED_ORDER_BYTES_MAX / 2_000).contains(&placed.len()), "{}", placed.len());
        assert_eq!(
            desk.place(note(&long)).err(),
            Some(GuidedError::Full),
            "refused again: nothing was kept of it"
        );
        placed.pop();
        assert!(desk.place(note(&long)).is_ok());
    }

    #[test]
    fn what_cannot_be_sent_is_refused_at_once() {
        let desk = desk();
        assert_eq!(desk.text(" { \"a\" : 1.0 } ").as_deref(), Ok("{\"a\":1.0}"));
        assert!(matches!(desk.text("{oops}"), Err(GuidedError::InvalidJson(fault)) if fault.column == 2));
        let large = format!("\"{}\"", "x".repeat(32 << 10));
        assert!(matches!(desk.text(&large), Err(GuidedError::Refused(why)) if why.contains("log_bytes")));
        let session = Order::Create(GuidedSession::new(""));
        assert!(matches!(desk.place(session).err(), Some(GuidedError::BadSession(_))));
        assert!(matches!(desk.place(note(&"x".repeat(3_000))).err(), Some(GuidedError::Refused(_))));
    }
}
