//! What contracts tell the host.

pub(crate) mod device;
pub(crate) mod guided;
#[cfg(feature = "contracts")]
pub(crate) mod news;

use crate::ground::{frame::Payload, id::EquipmentId};
use device::DeviceEvent;
use guided::GuidedEvent;

/// What an [`Event::Contract`](crate::Event::Contract) says: a contract of yours tells what it likes, the built-in ones tell what their own
/// types name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventBody {
    /// In the words of a contract of the host's.
    Custom(Payload),
    /// A topic hub.
    Hub(HubEvent),
    /// An equipment monitor.
    Monitor(MonitorEvent),
    /// Device sessions.
    Device(DeviceEvent),
    /// Guided sessions.
    Guided(Box<GuidedEvent>),
}

/// What an equipment monitor tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MonitorEvent {
    /// The host has not written to equipment within its deadline, so it is shown as disconnected; or it is written again. State, by equipment.
    Staleness {
        /// Which.
        equipment: EquipmentId,
        /// Its code.
        code: Box<str>,
        /// Whether it is stale now.
        stale: bool,
    },
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
            Self::Monitor(MonitorEvent::Staleness { code, .. }) => code.len(),
            Self::Device(event) => event.weight_bytes(),
            Self::Guided(event) => event.weight_bytes(),
        }
    }
}

impl From<HubEvent> for EventBody {
    fn from(event: HubEvent) -> Self {
        Self::Hub(event)
    }
}

impl From<MonitorEvent> for EventBody {
    fn from(event: MonitorEvent) -> Self {
        Self::Monitor(event)
    }
}

impl From<DeviceEvent> for EventBody {
    fn from(event: DeviceEvent) -> Self {
        Self::Device(event)
    }
}

impl From<GuidedEvent> for EventBody {
    fn from(event: GuidedEvent) -> Self {
        Self::Guided(Box::new(event))
    }
}

impl<P: Into<Payload>> From<P> for EventBody {
    fn from(payload: P) -> Self {
        Self::Custom(payload.into())
    }
}
