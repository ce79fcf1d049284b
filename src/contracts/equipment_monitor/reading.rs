//! One table's only scan and the JSON that is kept of what it found, for all who show them: contracts at several paths, and an endpoint.

use super::fragments::{Fragments, slot};
#[cfg(feature = "board")]
use super::{messages, query};
#[cfg(feature = "board")]
use crate::ground::limits::MONITOR_LOOK_SHARED;
use crate::{
    ground::time::{Now, Tick},
    hub::tags::scan::{Staleness, TagScan},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// See the module.
pub(super) struct Reading {
    pub(super) scan: TagScan,
    pub(super) fragments: Fragments,
    /// Who became stale or came back since a contract last told the host, by slot: of each the newest.
    untold: BTreeMap<usize, Staleness>,
    looked_at: Option<Tick>,
}

impl Reading {
    pub(super) fn new(scan: TagScan) -> Self {
        Self { scan, fragments: Fragments::default(), untold: BTreeMap::new(), looked_at: None }
    }

    /// Looks at the table.
    pub(super) fn look(&mut self, now: Now) {
        self.fragments.begin(now.wall);
        for told in self.scan.look(now).staleness {
            self.untold.insert(slot(told.equipment), *told);
        }
        self.looked_at = Some(now.tick);
    }

    /// What the host has not been told, in the order of the equipment.
    pub(super) fn take_untold(&mut self) -> impl Iterator<Item = Staleness> + use<> {
        std::mem::take(&mut self.untold).into_values()
    }
}

#[cfg(feature = "board")]
impl Reading {
    /// Looks, unless somebody has just done so.
    pub(super) fn look_lately(&mut self, now: Now) {
        if self.looked_at.is_none_or(|at| now.tick >= at + MONITOR_LOOK_SHARED) {
            self.look(now);
        }
    }

    /// Appends the JSON of the equipment of these codes, or of all, with commas between; an error says what is wrong with the codes.
    pub(super) fn list(&mut self, codes: Option<&str>, out: &mut String) -> Result<(), String> {
        let slots = codes.map(|codes| query::slots(codes, &self.scan)).transpose()?;
        let Self { scan, fragments, .. } = self;
        messages::list(messages::select(scan, slots.as_deref()), fragments, scan.looks(), out);
        Ok(())
    }
}

/// It is used on the loop's thread only, by one of them at a time, so this does not wait. A contract that panicked while it
/// read leaves it in order: a look is whole or was not begun.
pub(super) fn lock(reading: &Mutex<Reading>) -> MutexGuard<'_, Reading> {
    reading.lock().unwrap_or_else(PoisonError::into_inner)
}
