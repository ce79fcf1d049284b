//! Gates: who may come in, decided at the upgrade, before a contract sees the connection.

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
    /// Refused with this answer (403 is the usual one).
    Refuse(Response),
    /// The host decides: the handshake is parked, an [`Event::Asked`](crate::Event::Asked) goes out, and
    /// [`Handle::decide`](crate::Handle::decide) answers it before [`Limits::parked_wait`](crate::Limits::parked_wait) has passed.
    Ask,
}

/// Decides who a client is. Runs on the loop thread and must not wait; what takes time is for [`Verdict::Ask`].
///
/// Any closure `FnMut(Now, &Request) -> Verdict` is one.
pub trait Gate: Send {
    /// Looks at the request: its cookies, headers, query, address.
    fn identify(&mut self, now: Now, request: &Request<'_>) -> Verdict;
}

impl<F: FnMut(Now, &Request<'_>) -> Verdict + Send> Gate for F {
    fn identify(&mut self, now: Now, request: &Request<'_>) -> Verdict {
        self(now, request)
    }
}
