//! What contracts tell the host.

use crate::ground::frame::Payload;

/// What an [`Event::Contract`](crate::Event::Contract) says: a contract of yours tells what it likes, the built-in ones tell what their own
/// types name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventBody {
    /// In the words of a contract of the host's.
    Custom(Payload),
    /// A topic hub.
    Hub(HubEvent),
}

/// What a topic hub tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HubEvent {
    /// A topic has subscribers, and nothing was published to it for a while: the host may have missed a change of what it stands for, and should
    /// publish how things are now. State, by topic.
    Refresh {
        /// The topic's name.
        topic: Box<str>,
    },
}

impl EventBody {
    /// Bytes that it takes beside its own size.
    pub(crate) fn weight_bytes(&self) -> usize {
        match self {
            Self::Custom(payload) => payload.len(),
            Self::Hub(HubEvent::Refresh { topic }) => topic.len(),
        }
    }
}

impl From<HubEvent> for EventBody {
    fn from(event: HubEvent) -> Self {
        Self::Hub(event)
    }
}

impl<P: Into<Payload>> From<P> for EventBody {
    fn from(payload: P) -> Self {
        Self::Custom(payload.into())
    }
}
