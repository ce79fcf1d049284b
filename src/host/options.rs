//! Options of mounts.

use crate::{contracts::gate::Gate, ground::foreign::Foreign};
use std::fmt;

/// Settings of one mount, beside its path and its contract.
///
/// The default demands nothing: no gate, no subprotocol, no cap below the server's.
#[derive(Default)]
pub struct MountOptions {
    pub(super) gate: Option<Foreign<dyn Gate>>,
    pub(super) subprotocols: Vec<String>,
    pub(super) connections: Option<usize>,
    pub(super) refuses_while_stopping: bool,
    pub(super) same_origin: bool,
}

impl MountOptions {
    /// As the default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks `gate` who a client is, before the contract sees it.
    #[must_use]
    pub fn gate(mut self, gate: impl Gate + 'static) -> Self {
        self.gate = Some(Foreign::new(Box::new(gate)));
        self
    }

    /// Speaks this subprotocol. Of those that are spoken, the first that a client lists is agreed on; a client that lists none, or none of them, is let in without.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocols.push(name.into());
        self
    }

    /// Lets in only pages of the same host as the one that they ask, of origins that are listed ([`Builder::allow_origin`](crate::Builder::allow_origin)), and clients
    /// that are no browsers. For mounts that know a client by a cookie: a browser sends it along for a stranger's page as well.
    #[must_use]
    pub fn same_origin(mut self) -> Self {
        self.same_origin = true;
        self
    }

    /// Takes at most this many connections; one more gets 503. Default: as many as the server.
    #[must_use]
    pub fn connections(mut self, max: usize) -> Self {
        self.connections = Some(max);
        self
    }

    /// While the server stops, the contract's [`admit`](crate::Contract::admit) is asked, so that it can refuse in its own words; whom it lets in is
    /// closed with 1001 as soon as [`opened`](crate::Contract::opened) returns, if not by the contract itself. Default: 503, without asking.
    #[must_use]
    pub fn refuses_while_stopping(mut self) -> Self {
        self.refuses_while_stopping = true;
        self
    }
}

impl fmt::Debug for MountOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MountOptions")
            .field("gated", &self.gate.is_some())
            .field("subprotocols", &self.subprotocols)
            .field("connections", &self.connections)
            .field("same_origin", &self.same_origin)
            .field("refuses_while_stopping", &self.refuses_while_stopping)
            .finish()
    }
}
