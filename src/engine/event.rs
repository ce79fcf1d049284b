//! What the host is told.

use crate::{
    contracts::effects::EventClass,
    ground::{
        close::Closed,
        frame::Payload,
        id::{ConnId, MountId},
    },
    wire::request::{Method, Request},
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

/// A request as the host sees it when it is asked to decide: an owned copy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AskedRequest {
    /// The method.
    pub method: Method,
    /// The path as sent.
    pub path: String,
    /// The query as sent.
    pub query: Option<String>,
    /// The headers in order; values that are no UTF-8 are left out.
    pub headers: Vec<(String, String)>,
    /// The client's address.
    pub peer: SocketAddr,
}

impl AskedRequest {
    pub(crate) fn of(request: &Request<'_>) -> Self {
        let header = |header: &httparse::Header<'_>| {
            Some((header.name.to_owned(), std::str::from_utf8(header.value).ok()?.trim().to_owned()))
        };
        Self {
            method: request.method,
            path: request.path.to_owned(),
            query: request.query.map(str::to_owned),
            headers: request.headers.iter().filter_map(header).collect(),
            peer: request.peer,
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
    /// A gate, or the host, said no.
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
    Opened {
        /// The connection.
        conn: ConnId,
        /// Where.
        mount: MountId,
        /// The client's address.
        peer: SocketAddr,
    },
    /// A WebSocket is over. It always reaches a host that has heard of its opening, and no other.
    Closed {
        /// The connection.
        conn: ConnId,
        /// Where.
        mount: MountId,
        /// Why.
        how: Closed,
    },
    /// A gate wants the host to decide: answer by [`Handle::decide`](crate::Handle::decide). When there is no room for it, the client gets 503 at once.
    Asked {
        /// The connection, for the answer.
        conn: ConnId,
        /// The request.
        request: Box<AskedRequest>,
    },
    /// A contract said something.
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
        payload: Payload,
    },
    /// A contract panicked too often and its mount answers 404 from now on. State.
    MountRetired {
        /// Where.
        mount: MountId,
    },
    /// The store went down, or is back. State.
    Store {
        /// Whether it works.
        up: bool,
        /// What it said when it went down.
        why: String,
    },
    /// A connection or request was refused. Notice.
    Refused {
        /// Why.
        cause: RefusalCause,
        /// The client's address.
        peer: SocketAddr,
    },
}

impl Event {
    pub(crate) fn weight_bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Event::Contract { payload, .. } => payload.len(),
                Event::Asked { request, .. } => {
                    request.path.len()
                        + request.headers.iter().map(|(n, v)| n.len() + v.len() + 48).sum::<usize>()
                }
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
