//! Why a connection ended, in the words of RFC 6455.

use std::fmt;

/// A WebSocket close code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(pub(crate) u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server stops, or the page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the WebSocket protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// 1003: the kind of data cannot be accepted.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1005: the peer's close frame carried no code. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection ended without a close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: a rule of the server forbids it.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message larger than the limit.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: the server failed.
    pub const INTERNAL: Self = Self(1011);
    /// 1013: the server is overloaded, or the peer too slow; try again later.
    pub const TRY_AGAIN: Self = Self(1013);

    /// A code that may be sent in a close frame: 1000-1003, 1007-1014 and 3000-4999. `None` otherwise.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number itself.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who or what ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseCause {
    /// The peer sent a close frame.
    Peer,
    /// The TCP connection ended without a close frame: reset, or end of stream.
    Lost,
    /// The peer broke the protocol, sent text that is not UTF-8, or exceeded a size limit.
    Fault,
    /// The contract closed it.
    Contract,
    /// The host closed it, through a handle.
    Host,
    /// The host revoked the client's identity, by [`Handle::revoke`](crate::Handle::revoke).
    Revoked,
    /// The identity that it was let in with has expired.
    Expired,
    /// The server is stopping.
    Shutdown,
    /// No answer to a ping within the deadline, or no close frame in answer to ours.
    Timeout,
    /// The peer reads too slowly: its private outbox is full, or it lagged behind on a topic whose policy
    /// is to disconnect.
    TooSlow,
    /// A global memory budget was spent, and this connection held the most of it.
    Overload,
    /// The contract panicked.
    ContractPanic,
}

/// How a connection ended, as a contract and the host are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Closed {
    /// Who or what ended it.
    pub cause: CloseCause,
    /// The close code: the peer's when `cause` is [`CloseCause::Peer`], else the one that was sent to it;
    /// 1006 when no close frame passed.
    pub code: CloseCode,
}
