//! What the host is told.

use crate::{
    contracts::{contract::Hello, effects::EventClass, told::EventBody},
    ground::{
        close::Closed,
        id::{ConnId, MountId},
        limits::CLIENT_PATH_MAX,
        text::cut,
    },
    hub::identity::Identity,
    wire::owned::OwnedRequest,
};
use core::net::SocketAddr;
use std::ops::BitOr;

/// Which events are made at all. None by default: a host that never reads events pays nothing for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EventMask(u32);

impl EventMask {
    /// No events.
    pub const NONE: Self = Self(0);
    /// [`Event::Opened`] and [`Event::Closed`].
    pub const CONNECTIONS: Self = Self(1);
    /// [`Event::Asked`]. Without it, a gate's [`Verdict::Ask`](crate::Verdict::Ask) is answered with 503.
    pub const ASKS: Self = Self(2);
    /// [`Event::Contract`].
    pub const CONTRACTS: Self = Self(4);
    /// [`Event::MountRetired`] and [`Event::Store`].
    pub const HEALTH: Self = Self(8);
    /// [`Event::Refused`].
    pub const REFUSALS: Self = Self(16);
    /// All events.
    pub const ALL: Self = Self(31);

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The mask as a number: the sum of the parts, 1 for connections, 2 for asks, 4 for contracts, 8 for health, 16 for refusals.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The mask of a number; bits that mean nothing are left out.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }
}

impl BitOr for EventMask {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Who has opened a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// Its address.
    pub peer: SocketAddr,
    /// The path as it was asked for, without the query; cut after 256 bytes.
    pub path: Box<str>,
    /// Who it is, as the mount's gate or the host decided.
    pub identity: Identity,
    /// The subprotocol that was agreed on.
    pub subprotocol: Option<Box<str>>,
}

impl Client {
    pub(crate) fn of(hello: &Hello<'_>) -> Self {
        Self {
            peer: hello.request.peer(),
            path: cut(hello.request.path(), CLIENT_PATH_MAX).into(),
            identity: hello.identity.clone(),
            subprotocol: hello.subprotocol.map(Into::into),
        }
    }
}

/// Why a connection or request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalCause {
    /// As many connections as [`Limits::connections`](crate::Limits::connections).
    Connections,
    /// As many from this address as [`Limits::connections_per_address`](crate::Limits::connections_per_address).
    Address,
    /// As many as the mount takes.
    Mount,
    /// As many undecided handshakes as [`Limits::parked`](crate::Limits::parked).
    Parked,
    /// The `Host` that it asked for is none of the server's.
    Host,
    /// The `Origin` of the page that it is may not come in.
    Origin,
    /// A gate, or the host, said no, or let in an identity that had expired or has none of the roles that are demanded.
    Gate,
    /// The contract said no.
    Contract,
    /// The server is stopping.
    Stopping,
}

/// Something the host may want to know. Which are made is set by the [`EventMask`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A WebSocket was opened. State: one that opens and closes while the host does not read leaves no trace.
    #[non_exhaustive]
    Opened {
        /// The connection.
        conn: ConnId,
        /// Where.
        mount: MountId,
        /// Who.
        client: Box<Client>,
    },
    /// A WebSocket is over. It always reaches a host that has heard of its opening, and no other.
    #[non_exhaustive]
    Closed {
        /// The connection.
        conn: ConnId,
        /// Where.
        mount: MountId,
        /// Why.
        how: Closed,
    },
    /// A gate wants the host to decide: answer by [`Handle::decide`](crate::Handle::decide). When there is no room for it, the client gets 503 at once.
    #[non_exhaustive]
    Asked {
        /// The connection, for the answer.
        conn: ConnId,
        /// The mount that it asks for; `None`: a route.
        mount: Option<MountId>,
        /// The request.
        request: Box<OwnedRequest>,
    },
    /// A contract said something.
    #[non_exhaustive]
    Contract {
        /// Where.
        mount: MountId,
        /// How it is treated when the host does not keep up.
        class: EventClass,
        /// For [`EventClass::State`]: a newer one of the same key replaces it.
        key: u64,
        /// The connection it is about.
        about: Option<ConnId>,
        /// What it said.
        body: EventBody,
    },
    /// A contract panicked too often and its mount answers 404 from now on. State.
    #[non_exhaustive]
    MountRetired {
        /// Where.
        mount: MountId,
    },
    /// The store went down, or answers again. State.
    #[non_exhaustive]
    Store {
        /// Whether it works.
        up: bool,
        /// What it said when it went down; what is to be said of one that says nothing for 10 s.
        why: String,
    },
    /// A connection or request was refused. Notice.
    #[non_exhaustive]
    Refused {
        /// Why.
        cause: RefusalCause,
        /// The mount that was asked for; `None`: a route, or nothing was asked yet.
        mount: Option<MountId>,
        /// The client's address.
        peer: SocketAddr,
    },
}

impl Event {
    pub(crate) fn weight_bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Event::Contract { body, .. } => body.weight_bytes(),
                Event::Opened { client, .. } => size_of::<Client>() + client.path.len(),
                Event::Asked { request, .. } => size_of::<OwnedRequest>() + request.weight_bytes(),
                Event::Store { why, .. } => why.len(),
                _ => 0,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_stay_small() {
        assert!(size_of::<Event>() <= 72, "{}", size_of::<Event>());
        assert!(EventMask::ALL.contains(EventMask::ASKS | EventMask::HEALTH));
        assert_eq!(EventMask::from_bits(u32::MAX), EventMask::ALL);
    }
}
