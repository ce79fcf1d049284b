//! The newest value of each of the host's state topics, on its way in: a slot each, so that publishing it never fails.

use super::mailbox::Wake;
use crate::ground::frame::Payload;
use crossbeam_utils::atomic::AtomicCell;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
};

/// A slot: a pointer, swapped whole, so that neither side ever waits for the other.
type Slot = AtomicCell<Option<Box<Payload>>>;

/// One slot for each topic of the host, in its order.
pub(crate) struct Latest {
    slots: Box<[Slot]>,
    /// Some slot was filled since the loop last looked.
    any: AtomicBool,
    /// Values that were replaced before the loop took them.
    replaced: AtomicU64,
    wake: Arc<Wake>,
}

impl Latest {
    pub(crate) fn new(topics: usize, wake: Arc<Wake>) -> Self {
        debug_assert!(Slot::is_lock_free());
        Self {
            slots: (0..topics).map(|_| AtomicCell::new(None)).collect(),
            any: AtomicBool::new(false),
            replaced: AtomicU64::new(0),
            wake,
        }
    }

    /// Puts the newest value into a slot, in place of one that was not taken yet.
    pub(crate) fn put(&self, slot: usize, payload: Payload) {
        if self.slots[slot].swap(Some(Box::new(payload))).is_some() {
            // Whoever filled it has woken the loop, or is about to; the loop takes what it finds.
            self.replaced.fetch_add(1, Relaxed);
        }
        // The swap above is before this store, and the loop's look at the slots behind its swap of the flag: a value put after that
        // look finds the flag down and raises it again.
        self.any.store(true, std::sync::atomic::Ordering::Release);
        self.wake.wake();
    }

    /// Takes the values that were put since, by slot.
    pub(crate) fn take(&self, mut each: impl FnMut(usize, Payload)) {
        if self.any.load(Acquire) && self.any.swap(false, AcqRel) {
            for (index, slot) in self.slots.iter().enumerate() {
                if let Some(payload) = slot.take() {
                    each(index, *payload);
                }
            }
        }
    }

    pub(crate) fn replaced(&self) -> u64 {
        self.replaced.load(Relaxed)
    }
}

impl fmt::Debug for Latest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latest").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}
