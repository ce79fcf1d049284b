//! One connection, and for whom it speaks.

use super::table::Place;
use std::collections::BTreeSet;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Peer {
    /// The devices that it has registered, or sends data for.
    pub(super) devices: BTreeSet<Place>,
    /// It begins its sessions itself: it has said so, by its version or by doing it. An old client is told nothing that it did not use to be told.
    pub(super) is_new: bool,
    /// It was told that there is no session, and there has been none since.
    pub(super) told_idle: bool,
    /// The outage of the store that it was last told of.
    pub(super) told_outage: u64,
}

impl Peer {
    /// The one device that it speaks for.
    pub(super) fn only_device(&self) -> Option<Place> {
        self.devices.first().copied().filter(|_| self.devices.len() == 1)
    }
}
