//! What is recorded, and what became of it.

use super::{session::ended_row, table::Place};
use crate::{
    contracts::{
        effects::{Count, Effects},
        store::device::{DeviceRecord, DeviceSample, SessionRow, SessionStatus},
    },
    ground::{
        id::{ConnId, RecordTicket},
        limits::{DEVICE_REFILE_AFTER, DEVICE_STOP_ENDS_MAX, Limits, REFUSALS_MAX},
        time::Tick,
    },
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The sessions whose end is not committed yet, as they are. It outlives a contract that panics: the next one records what has become of them. Only the
/// loop's thread has it, so its mutex is never waited for.
#[derive(Debug, Clone, Default)]
pub(super) struct Book(Arc<Mutex<BTreeMap<Arc<str>, Page>>>);

/// One session in the book.
#[derive(Debug)]
pub(super) struct Page {
    /// As it was written down, and filed.
    row: Arc<SessionRow>,
    /// Samples that it counts and that were refused since.
    refused: u64,
}

impl Page {
    /// The session with the samples that it has.
    fn corrected(&self) -> Arc<SessionRow> {
        if self.refused == 0 {
            return Arc::clone(&self.row);
        }
        let sample_count = self.row.sample_count.saturating_sub(self.refused);
        Arc::new(SessionRow { sample_count, ..SessionRow::clone(&self.row) })
    }
}

impl Book {
    /// Bytes for each session, beside its row.
    pub(super) const BYTES_PER_SESSION: usize = 2 * size_of::<(Arc<str>, Page)>();

    fn open(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Page>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out all there is.
    pub(super) fn take(&self) -> Vec<Arc<SessionRow>> {
        std::mem::take(&mut *self.open()).values().map(Page::corrected).collect()
    }

    /// How this session is, if it is in the book.
    pub(super) fn get(&self, id: &str) -> Option<Arc<SessionRow>> {
        self.open().get(id).map(Page::corrected)
    }

    pub(super) fn holds(&self, id: &str) -> bool {
        self.open().contains_key(id)
    }

    /// Writes down how a session is.
    pub(super) fn put(&self, row: &Arc<SessionRow>) {
        self.open().insert(Arc::clone(&row.id), Page { row: Arc::clone(row), refused: 0 });
    }

    fn has(&self, row: &Arc<SessionRow>) -> bool {
        self.open().get(&row.id).is_some_and(|page| Arc::ptr_eq(&page.row, row))
    }

    /// A sample of this session was refused, which its row may count.
    pub(super) fn refuse_sample(&self, id: &str) {
        if let Some(page) = self.open().get_mut(id) {
            page.refused += 1;
        }
    }

    pub(super) fn strike(&self, id: &str) {
        self.open().remove(id);
    }
}

/// What a ticket was given for.
#[derive(Debug)]
pub(super) enum Filed {
    Start(Arc<str>),
    Sample(FiledSample),
    End(Arc<SessionRow>),
}

/// Of a sample just enough to say that it was refused: its message is not kept.
#[derive(Debug)]
pub(super) struct FiledSample {
    /// `None`: unassigned.
    pub(super) session: Option<Arc<str>>,
    pub(super) device: Arc<str>,
    /// Who sent it.
    pub(super) from: ConnId,
}

/// A record without a verdict.
#[derive(Debug)]
pub(super) struct Entry {
    ticket: RecordTicket,
    /// Somebody waits for it.
    awaited: bool,
    pub(super) filed: Filed,
    pub(super) at: Place,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Clerk {
    has_store: bool,
    /// In the order of their tickets.
    outstanding: VecDeque<Entry>,
    /// How many of these somebody waits for.
    awaited: usize,
    /// How many may be so while the server stops.
    awaited_max: usize,
    pub(super) book: Book,
    /// Sessions of the book whose end is to be filed, because the store has refused it, or, while the server stops, in its turn; and their devices' places.
    waiting: BTreeMap<Arc<str>, Place>,
    waiting_max: usize,
    /// The store's last word was an error.
    sick: bool,
    /// How often it has become sick.
    outages: u64,
    /// When one that was refused is tried again, to see how the store does.
    retry_at: Option<Tick>,
}

impl Clerk {
    /// `records`: how many the store may have, of all who record.
    pub(super) fn new(has_store: bool, book: Book, waiting_max: usize, records: usize) -> Self {
        Self {
            has_store,
            outstanding: VecDeque::new(),
            awaited: 0,
            awaited_max: DEVICE_STOP_ENDS_MAX.min(records / 2).max(1),
            book,
            waiting: BTreeMap::new(),
            waiting_max,
            sick: false,
            outages: 0,
            retry_at: None,
        }
    }

    /// Bytes that it takes at most beside the sessions in its book: an entry for each record without a verdict, which the engine bounds, each with a row of this
    /// size.
    pub(super) fn memory_ceiling(limits: &Limits, row_bytes: usize) -> usize {
        (2 * limits.records + REFUSALS_MAX) * (2 * size_of::<Entry>() + row_bytes)
    }

    pub(super) fn has_store(&self) -> bool {
        self.has_store
    }

    /// Whether what is recorded now may well be refused.
    pub(super) fn is_sick(&self) -> bool {
        self.sick
    }

    /// Which outage this is, counted from 1.
    pub(super) fn outage(&self) -> u64 {
        self.outages
    }

    pub(super) fn retry_at(&self) -> Option<Tick> {
        self.retry_at
    }

    /// Whether the store has not answered for something, or has refused an end.
    #[cfg(test)]
    pub(super) fn owes_anything(&self) -> bool {
        !self.outstanding.is_empty() || !self.waiting.is_empty()
    }

    /// What it has not answered for.
    #[cfg(test)]
    pub(super) fn tickets(&self) -> Vec<RecordTicket> {
        self.outstanding.iter().map(|entry| entry.ticket).collect()
    }

    fn file(
        &mut self,
        fx: &mut Effects,
        at: Place,
        filed: Filed,
        record: DeviceRecord,
        now: bool,
    ) -> RecordTicket {
        let ticket = if now { fx.file_now(record) } else { fx.file(record) };
        self.outstanding.push_back(Entry { ticket, awaited: now, filed, at });
        self.awaited += usize::from(now);
        ticket
    }

    /// A session has begun. `None` without a store.
    pub(super) fn start(
        &mut self,
        fx: &mut Effects,
        at: Place,
        row: &Arc<SessionRow>,
        now: bool,
    ) -> Option<RecordTicket> {
        self.has_store.then(|| {
            let filed = Filed::Start(Arc::clone(&row.id));
            self.file(fx, at, filed, DeviceRecord::SessionStarted(Arc::clone(row)), now)
        })
    }

    pub(super) fn sample(&mut self, fx: &mut Effects, at: Place, sample: &Arc<DeviceSample>, from: ConnId) {
        if self.has_store {
            let session = sample.place.as_ref().map(|(id, _)| Arc::clone(id));
            let filed = FiledSample { session, device: Arc::clone(&sample.device), from };
            let record = DeviceRecord::Sample(Arc::clone(sample));
            self.file(fx, at, Filed::Sample(filed), record, false);
        }
    }

    /// A session has ended, or has changed since. `now`: somebody waits for it.
    pub(super) fn end(
        &mut self,
        fx: &mut Effects,
        at: Place,
        row: &Arc<SessionRow>,
        now: bool,
    ) -> Option<RecordTicket> {
        if !self.has_store {
            self.book.strike(&row.id);
            return None;
        }
        self.book.put(row);
        self.waiting.remove(&row.id);
        let record = DeviceRecord::SessionEnded(Arc::clone(row));
        Some(self.file(fx, at, Filed::End(Arc::clone(row)), record, now))
    }

    /// A session waits for its record to begin. A contract that is built after a panic knows nothing of it, and finds in the book how it ended.
    pub(super) fn await_start(&mut self, begun: &SessionRow) {
        self.book.put(&ended_row(begun, SessionStatus::Interrupted, begun.started_at, None, 0));
    }

    /// Files an end again whose record is not committed. `None` when it is, or was never made.
    pub(super) fn end_again(&mut self, fx: &mut Effects, at: Place, id: &str) -> Option<RecordTicket> {
        let row = self.book.get(id)?;
        self.end(fx, at, &row, true)
    }

    /// What this verdict is about.
    pub(super) fn take(&mut self, ticket: RecordTicket) -> Option<Entry> {
        // It is the first, or a refusal that is told at once, one of the last.
        let index = self.outstanding.binary_search_by_key(&ticket, |entry| entry.ticket).ok()?;
        let entry = self.outstanding.remove(index)?;
        self.awaited -= usize::from(entry.awaited);
        Some(entry)
    }

    /// The store has committed something. An end whose row counts samples that were refused is filed again, since all of them have been answered for before
    /// it. True when the store is well again: then what it refused can be, too.
    pub(super) fn committed(&mut self, fx: &mut Effects, entry: &Entry) -> bool {
        if let Filed::End(row) = &entry.filed
            && self.book.has(row)
        {
            let corrected = self.book.get(&row.id).filter(|corrected| corrected != row);
            self.book.strike(&row.id);
            if let Some(corrected) = corrected {
                self.end(fx, entry.at, &corrected, false);
            }
        }
        let recovers = std::mem::take(&mut self.sick);
        if recovers {
            self.retry_at = None;
        }
        recovers
    }

    /// Takes out one end that waits to be filed.
    pub(super) fn next_waiting(&mut self) -> Option<(Arc<str>, Place)> {
        self.waiting.pop_first()
    }

    /// How many more may be on their way while the server stops.
    pub(super) fn room(&self) -> usize {
        self.awaited_max.saturating_sub(self.awaited)
    }

    /// Whether anything is on its way that somebody waits for.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited > 0
    }

    /// Has an end wait for its turn while the server stops. False when it is to be filed at once: there is room, or none to wait.
    pub(super) fn postpone(&mut self, at: Place, row: &Arc<SessionRow>) -> bool {
        let postponed = self.has_store && self.room() == 0 && self.waiting.len() < self.waiting_max;
        if postponed {
            self.book.put(row);
            self.waiting.insert(Arc::clone(&row.id), at);
        }
        postponed
    }

    /// The store has refused something. True when it is an end that is kept.
    pub(super) fn refused(&mut self, fx: &mut Effects, entry: &Entry) -> bool {
        if !std::mem::replace(&mut self.sick, true) {
            self.outages += 1;
        }
        let Filed::End(row) = &entry.filed else { return false };
        if !self.book.has(row) {
            return false;
        }
        if self.waiting.len() >= self.waiting_max {
            fx.count(Count::Bound);
            self.book.strike(&row.id);
            return false;
        }
        self.waiting.insert(Arc::clone(&row.id), entry.at);
        self.retry_at = Some(self.retry_at.unwrap_or(fx.now().tick + DEVICE_REFILE_AFTER));
        true
    }

    /// Whether one of those that were refused is to be tried now: nothing else may be recorded for a long time, and the store's next word be good.
    pub(super) fn is_retry_due(&mut self, now: Tick) -> bool {
        self.retry_at.take_if(|at| *at <= now).is_some()
    }
}
