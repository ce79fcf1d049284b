//! Gates: who may come in, decided at the upgrade, before a contract sees the connection.

use super::gates::chain::{Optional, Or};
use crate::{
    ground::time::Now,
    hub::identity::Identity,
    wire::{request::Request, response::Response},
};

/// A gate's decision.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Let in, as this identity.
    Allow(Identity),
    /// Refused with this answer (403 is the usual one), whatever other gates would say.
    Refuse(Response),
    /// The host decides: the handshake is parked, an [`Event::Asked`](crate::Event::Asked) goes out, and
    /// [`Handle::decide`](crate::Handle::decide) answers it before [`Limits::parked_wait`](crate::Limits::parked_wait) has passed.
    Ask,
    /// Nothing was shown that this gate looks for. The next gate of a chain ([`Gate::or`]) decides; without one it is refused with this answer.
    Absent(Response),
    /// What was shown is nothing that this gate knows. The next gate of a chain decides; without one it is refused with this answer.
    Unknown(Response),
}

/// Decides who a client is. Runs on the loop thread and must not wait; what takes time is for [`Verdict::Ask`].
///
/// Any closure `FnMut(Now, &Request) -> Verdict` is one. Those that need not be written are [`IdentityTable`](crate::IdentityTable), `JwtGate` (feature
/// `jwt`) and [`AskHost`](crate::AskHost).
pub trait Gate: Send {
    /// Looks at the request: its cookies, headers, query, address.
    fn identify(&mut self, now: Now, request: &Request<'_>) -> Verdict;

    /// Subprotocols that this gate speaks: a client that offers one, and none of the mount's own, is let in with it. For credentials that are
    /// carried in `Sec-WebSocket-Protocol`, since browsers fail a connection when none of what they offer is agreed on. Asked once, when
    /// the gate is given to a mount. Default none.
    fn subprotocols(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether what it guards is by default only for pages of the same host ([`MountOptions::same_origin`](crate::MountOptions::same_origin)). True for gates that know
    /// clients by a cookie, since a browser sends that along for a stranger's page as well. Asked once, when the gate is given to a mount or a
    /// route. Default false.
    fn same_origin(&self) -> bool {
        false
    }

    /// This gate, and `next` for those whom it does not know or who show it nothing.
    ///
    /// ```
    /// use andon::{AskHost, Gate, IdentityTable, MountOptions};
    ///
    /// let table = IdentityTable::new().cookies();
    /// let options = MountOptions::new().gate(table.or(AskHost));
    /// ```
    fn or<G: Gate>(self, next: G) -> Or<Self, G>
    where
        Self: Sized,
    {
        Or { first: self, next }
    }

    /// This gate, but who shows it nothing is let in as [`Identity::ANONYMOUS`]. Who shows something wrong is still refused. In a chain it is the
    /// last: behind it nobody is left to be asked about.
    fn optional(self) -> Optional<Self>
    where
        Self: Sized,
    {
        Optional { gate: self }
    }
}

impl<F: FnMut(Now, &Request<'_>) -> Verdict + Send> Gate for F {
    fn identify(&mut self, now: Now, request: &Request<'_>) -> Verdict {
        self(now, request)
    }
}
