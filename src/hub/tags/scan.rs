//! The reader's side: what was written since the last look, and who has gone silent.

#[cfg(feature = "contracts")]
use super::table::Extent;
use super::{
    counts::TagCounts,
    seen::{Life, Seen},
    table::Table,
    view::EquipmentView,
};
use crate::ground::{
    id::EquipmentId,
    limits::STALE_LOOKS,
    time::{Now, Tick},
};
use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU32,
            Ordering::{Acquire, Relaxed},
        },
    },
    time::Duration,
};

/// Equipment that has become stale, or is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Staleness {
    /// Which.
    pub equipment: EquipmentId,
    /// Whether it is stale now.
    pub stale: bool,
}

/// What a look at the table found, beside the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagLook<'a> {
    /// The look's number, from 1.
    pub number: u64,
    /// Who has become stale or came back since the last look, each told once.
    pub staleness: &'a [Staleness],
    /// Whether the host's source is lost, if that is otherwise than at the last look.
    pub source_lost: Option<bool>,
}

/// The one reader of a tag table.
///
/// [`look`](Self::look) takes what was written; everything else tells what the last look found, and does not change meanwhile. It never waits for
/// a writer, whatever that does. Look by [`next_deadline`](Self::next_deadline) at the latest: a write that a late look finds counts as made just then, so
/// equipment may pass for alive for as much longer.
#[derive(Debug)]
pub struct TagScan {
    table: Arc<Table>,
    memory_ceiling: usize,
    /// By slot.
    seen: Vec<Seen>,
    looks: u64,
    last_look: Tick,
    /// The first deadline of those who are not stale.
    next_due: Option<Tick>,
    /// Of all deadlines.
    shortest: Option<Duration>,
    staleness: Vec<Staleness>,
    source_lost: bool,
    counts: TagCounts,
    /// Of these, what is in the server's statistics.
    told: TagCounts,
    /// The table's own counters, as of the last look.
    strays: u32,
    declarations_refused: u32,
    tags_added: u32,
}

impl TagScan {
    pub(super) fn new(table: Arc<Table>, memory_ceiling: usize) -> Self {
        let capacity = table.capacity();
        Self {
            table,
            memory_ceiling,
            seen: Vec::with_capacity(capacity),
            looks: 0,
            last_look: Tick::ZERO,
            next_due: None,
            shortest: None,
            staleness: Vec::with_capacity(capacity),
            source_lost: false,
            counts: TagCounts::default(),
            told: TagCounts::default(),
            strays: 0,
            declarations_refused: 0,
            tags_added: 0,
        }
    }

    /// Bytes of a reader of so much equipment, without its copies.
    pub(super) fn bytes_for(capacity: usize) -> usize {
        size_of::<Self>() + capacity * (size_of::<Seen>() + size_of::<Staleness>())
    }

    /// Bytes that the table and this take at most; as [`TagsBuilder::memory_ceiling`](crate::TagsBuilder::memory_ceiling) said.
    pub fn memory_ceiling(&self) -> usize {
        self.memory_ceiling
    }

    /// How much there may be to show, once all room is filled.
    #[cfg(feature = "contracts")]
    pub(crate) fn extent_max(&self) -> Extent {
        self.table.extent_max()
    }

    /// Looks at all equipment at time `now`, which must not go back. Work grows with the equipment declared and with what was written.
    pub fn look(&mut self, now: Now) -> TagLook<'_> {
        self.looks += 1;
        self.last_look = now.tick;
        self.staleness.clear();
        self.next_due = None;
        self.meet_newcomers(now);
        // Acquire: pairs with the release in `Table::add_tag`.
        let added = self.table.tags_added.load(Acquire);
        if std::mem::replace(&mut self.tags_added, added) != added {
            self.seen.iter_mut().for_each(|seen| seen.meet_tags(self.looks));
        }
        for (seen, slot) in self.seen.iter_mut().zip(0..) {
            if let Some(stale) = seen.look(now, self.looks) {
                self.counts.equipment_staled += u64::from(stale);
                self.staleness.push(Staleness { equipment: self.table.id(slot), stale });
            }
            self.next_due = earlier(self.next_due, seen.due());
            let tally = seen.tallied();
            self.counts.tag_writes_busy += u64::from(tally.busy);
            self.counts.tag_writes_refused += u64::from(tally.refused);
            self.counts.tag_values_not_finite += u64::from(tally.not_finite);
        }
        self.counts.tag_handles_unknown += since(&self.table.strays, &mut self.strays);
        self.counts.tag_declarations_refused +=
            since(&self.table.declarations_refused, &mut self.declarations_refused);
        let lost = self.table.source_lost.load(Relaxed);
        let turned = std::mem::replace(&mut self.source_lost, lost) != lost;
        TagLook { number: self.looks, staleness: &self.staleness, source_lost: turned.then_some(lost) }
    }

    fn meet_newcomers(&mut self, now: Now) {
        for slot in self.seen.len()..self.table.declared() {
            let Some(record) = self.table.slot(slot) else { return };
            self.shortest = earlier(self.shortest, record.stale);
            self.seen.push(Seen::new(Arc::clone(record), now, self.looks));
        }
    }

    /// When the next look is needed for staleness to show in time; `None` when no equipment seen can become stale. Equipment declared since the last
    /// look makes it due at once.
    pub fn next_deadline(&self) -> Option<Tick> {
        if self.table.declared() > self.seen.len() {
            return Some(self.last_look);
        }
        let look = self.shortest.map(|shortest| self.last_look + shortest / STALE_LOOKS);
        earlier(look, self.next_due)
    }

    /// The number of the last look; 0 before the first.
    pub fn looks(&self) -> u64 {
        self.looks
    }

    /// Whether the host says that its source is lost.
    pub fn source_lost(&self) -> bool {
        self.source_lost
    }

    /// What was counted.
    pub fn counts(&self) -> TagCounts {
        self.counts
    }

    /// What was counted and never told by this.
    pub(crate) fn take_untold(&mut self) -> [u64; TagCounts::LEN] {
        let told = std::mem::replace(&mut self.told, self.counts).to_array();
        let mut counts = self.counts.to_array();
        counts.iter_mut().zip(told).for_each(|(count, told)| *count -= told);
        counts
    }

    /// All equipment, in the order of declaration.
    pub fn equipment(&self) -> impl Iterator<Item = EquipmentView<'_>> {
        self.seen.iter().zip(0..).map(|(seen, slot)| EquipmentView { id: self.table.id(slot), seen })
    }

    /// The equipment that has changed after the look of this number: a value, a status, staleness, a tag more, or that it is there.
    pub fn changed_since(&self, look: u64) -> impl Iterator<Item = EquipmentView<'_>> {
        self.equipment().filter(move |view| view.changed_in() > look)
    }

    /// One equipment, if a look has seen it.
    pub fn view(&self, id: EquipmentId) -> Option<EquipmentView<'_>> {
        self.table.record(id)?;
        self.seen.get(id.index()).map(|seen| EquipmentView { id, seen })
    }

    /// The equipment in this slot, if a look has seen it.
    #[cfg(feature = "contracts")]
    pub(crate) fn at(&self, slot: u32) -> Option<EquipmentView<'_>> {
        let seen = self.seen.get(slot as usize)?;
        Some(EquipmentView { id: self.table.id(slot), seen })
    }

    /// How much equipment is stale.
    pub fn stale(&self) -> usize {
        self.seen.iter().filter(|seen| seen.life == Life::Stale).count()
    }
}

/// What a counter that wraps has counted since it was `before`.
fn since(counter: &AtomicU32, before: &mut u32) -> u64 {
    let now = counter.load(Relaxed);
    u64::from(now.wrapping_sub(std::mem::replace(before, now)))
}

/// The smaller of those that are there.
fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}
