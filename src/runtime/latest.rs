//! The newest value of each of the host's state topics, or of each of their keys, on its way in: a slot each, so that publishing it never fails.

use super::{keyed::Keyed, mailbox::Wake};
use crate::{
    ground::frame::Payload,
    hub::topic::{Lag, SnapshotSource, Topic},
};
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

/// A pointer, swapped whole, so that neither side ever waits for the other.
type Slot = AtomicCell<Option<Box<Payload>>>;

/// Where the newest of a topic waits.
enum Place {
    One(Slot),
    ByKey(Keyed),
    /// Every message of this topic counts: it goes through the mailbox.
    None,
}

/// One place for each topic of the host, in its order.
pub(crate) struct Latest {
    places: Box<[Place]>,
    /// Some slot was filled since the loop last looked.
    any: AtomicBool,
    /// Values that were replaced before the loop took them.
    replaced: AtomicU64,
    wake: Arc<Wake>,
}

impl Latest {
    pub(crate) fn new(topics: impl Iterator<Item = Topic>, wake: Arc<Wake>) -> Self {
        debug_assert!(Slot::is_lock_free());
        let place = |topic: Topic| match (topic.lag, topic.source) {
            (Lag::Conflate, SnapshotSource::Keyed) => Place::ByKey(Keyed::new()),
            (Lag::Conflate, _) => Place::One(AtomicCell::new(None)),
            _ => Place::None,
        };
        Self {
            places: topics.map(place).collect(),
            any: AtomicBool::new(false),
            replaced: AtomicU64::new(0),
            wake,
        }
    }

    /// Whether the newest of this topic is all that counts.
    pub(crate) fn takes(&self, topic: usize) -> bool {
        !matches!(self.places[topic], Place::None)
    }

    /// Puts the newest value of a topic, or of its key, in place of one that was not taken yet. Handed back when the topic could not hold it.
    pub(crate) fn put(
        &self,
        topic: usize,
        key: Option<&str>,
        payload: Payload,
    ) -> Result<(), (Payload, &'static str)> {
        let replaced = match &self.places[topic] {
            Place::One(slot) => slot.swap(Some(Box::new(payload))).is_some(),
            Place::ByKey(keyed) => keyed.put(key.unwrap_or_default(), payload)?,
            Place::None => return Err((payload, "every message of this topic counts")),
        };
        if replaced {
            // Whoever filled it has woken the loop, or is about to; the loop takes what it finds.
            self.replaced.fetch_add(1, Relaxed);
        }
        self.tell();
        Ok(())
    }

    /// Has a key of a topic forgotten.
    pub(crate) fn forget(&self, topic: usize, key: &str) {
        if let Place::ByKey(keyed) = &self.places[topic] {
            if keyed.forget(key) {
                self.replaced.fetch_add(1, Relaxed);
            }
            self.tell();
        }
    }

    fn tell(&self) {
        // The swap of a slot is before this store, and the loop's look at the slots behind its swap of the flag: a value put after that
        // look finds the flag down and raises it again.
        // A swap, since a plain store would break the chain from another publisher's, which may be the one the loop reads.
        self.any.swap(true, AcqRel);
        self.wake.wake();
    }

    /// Takes what was put since, by topic and key; no payload: the key is forgotten.
    pub(crate) fn take(&self, mut each: impl FnMut(usize, Option<&str>, Option<Payload>)) {
        if self.any.load(Acquire) && self.any.swap(false, AcqRel) {
            for (index, place) in self.places.iter().enumerate() {
                match place {
                    Place::One(slot) => {
                        if let Some(payload) = slot.take() {
                            each(index, None, Some(*payload));
                        }
                    }
                    Place::ByKey(keyed) => keyed.take(|key, payload| each(index, Some(key), payload)),
                    Place::None => {}
                }
            }
        }
    }

    /// Whether something may be there to be taken. While it is not taken, the loop must not sleep: each wake-up comes once.
    pub(crate) fn waits(&self) -> bool {
        self.any.load(Acquire)
    }

    pub(crate) fn replaced(&self) -> u64 {
        self.replaced.load(Relaxed)
    }
}

impl fmt::Debug for Latest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latest").field("topics", &self.places.len()).finish_non_exhaustive()
    }
}
