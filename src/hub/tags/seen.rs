//! What the reader knows of one equipment.

use super::{
    copies::{Front, Tally},
    record::{HEAD_WORDS, Record, TIME},
    value::load_wide,
};
use crate::ground::time::{Now, Tick, Wall};
use std::sync::Arc;

/// Whether the host keeps writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It has never written.
    Silent,
    Live,
    /// It did not, for a deadline.
    Stale,
}

#[derive(Debug)]
pub(super) struct Seen {
    pub(super) record: Arc<Record>,
    front: Front,
    /// A copy of the words, in little-endian order.
    pub(super) bytes: Box<[u8]>,
    pub(super) life: Life,
    /// When a write was last seen, or this began.
    since: Tick,
    pub(super) last_updated: Option<Wall>,
    /// The looks that last saw it written and changed.
    pub(super) written_in: u64,
    pub(super) changed_in: u64,
    /// Tags of its own that it had.
    tags: usize,
    /// As of the last look.
    tally: Tally,
}

impl Seen {
    /// Equipment that the look of this number is the first to see.
    pub(super) fn new(record: Arc<Record>, now: Now, look: u64) -> Self {
        Self {
            bytes: vec![0; record.copies.words() * 4].into(),
            tags: record.tags().count(),
            record,
            front: Front::default(),
            life: Life::Silent,
            since: now.tick,
            last_updated: None,
            written_in: 0,
            changed_in: look,
            tally: Tally::default(),
        }
    }

    /// Tags have been added, to this equipment or to others.
    pub(super) fn meet_tags(&mut self, look: u64) {
        let tags = self.record.tags().count();
        if std::mem::replace(&mut self.tags, tags) != tags {
            self.changed_in = look;
        }
    }

    /// Takes what was written, and says whether the equipment became stale (`Some(true)`) or came back (`Some(false)`).
    pub(super) fn look(&mut self, now: Now, look: u64) -> Option<bool> {
        let before = self.life;
        if let Some(changed) = self.take() {
            self.life = Life::Live;
            self.since = now.tick;
            let given = self.bytes.get(TIME * 4..).and_then(load_wide);
            self.last_updated = Some(given.map_or(now.wall, |millis| Wall(millis as i64)));
            self.written_in = look;
            if changed || before != Life::Live {
                self.changed_in = look;
            }
            return (before == Life::Stale).then_some(false);
        }
        if self.due().is_some_and(|due| due <= now.tick) {
            self.life = Life::Stale;
            self.changed_in = look;
            return Some(true);
        }
        None
    }

    /// Copies what was written since the last time, and says whether it is other than before.
    fn take(&mut self) -> Option<bool> {
        let seen = self.bytes.as_chunks_mut::<4>().0;
        let mut changed = false;
        let taken = self.record.copies.take(&mut self.front, |words| {
            for (at, (seen, word)) in seen.iter_mut().zip(words).enumerate() {
                let new = word.to_le_bytes();
                // When something was written is not what was written.
                changed |= *seen != new && !(TIME..HEAD_WORDS).contains(&at);
                *seen = new;
            }
        });
        taken.then_some(changed)
    }

    /// When it becomes stale if nothing is written.
    pub(super) fn due(&self) -> Option<Tick> {
        match self.life {
            Life::Silent | Life::Live => Some(self.since + self.record.stale?),
            Life::Stale => None,
        }
    }

    /// What was counted since the last time.
    pub(super) fn tallied(&mut self) -> Tally {
        let now = self.record.copies.tally();
        let before = std::mem::replace(&mut self.tally, now);
        Tally {
            busy: now.busy.wrapping_sub(before.busy),
            refused: now.refused.wrapping_sub(before.refused),
            not_finite: now.not_finite.wrapping_sub(before.not_finite),
        }
    }
}
