//! Where records go: the trait behind the recorder's thread, and a store in memory.

use crate::ground::{
    id::{MountId, RecordTicket},
    time::Wall,
};
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One record of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The pattern of the mount whose contract made it, such as `/ws/device`: it means the same in the next run, whatever the order of
    /// mounting is then.
    pub contract: Arc<str>,
    /// The mount in this run.
    pub mount: MountId,
    /// Counts up over all records of this run of the server; the next run begins anew.
    pub ticket: RecordTicket,
    /// When the contract made it.
    pub at: Wall,
    /// What it belongs to: a kind, a table.
    pub stream: Box<str>,
    /// Whom it belongs to within the stream.
    pub key: Box<str>,
    /// What is recorded, verbatim.
    pub payload: Box<[u8]>,
}

impl Record {
    /// A record as the engine makes it, for tests of stores. Mount and ticket are 0 until they are set.
    pub fn new(contract: &str, at: Wall, stream: &str, key: &str, payload: impl Into<Box<[u8]>>) -> Self {
        Self {
            contract: contract.into(),
            mount: MountId(0),
            ticket: RecordTicket(0),
            at,
            stream: stream.into(),
            key: key.into(),
            payload: payload.into(),
        }
    }

    /// Bytes that count towards [`Limits::record_bytes`](crate::Limits::record_bytes).
    pub fn weight_bytes(&self) -> usize {
        self.stream.len() + self.key.len() + self.payload.len()
    }
}

/// Why a store did not commit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot store anything at present (a full disk, a locked file): the batch is offered again, with what has come
    /// meanwhile, and nothing is acknowledged. The host is told the words, as [`Event::Store`](crate::Event::Store).
    Down(String),
    /// It will never store this batch: if there are several, its records are offered again one by one, and those that are still rejected are
    /// given back as refused.
    Rejected(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(why) => write!(f, "the store is down: {why}"),
            Self::Rejected(why) => write!(f, "the store refused: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// Keeps records. Called on a thread of its own, so it may wait for a disk.
pub trait Store: Send {
    /// Commits a batch: all of it or nothing. `Ok` is the acknowledgement: the records are as safe as this store makes them. A panic
    /// counts as [`StoreError::Rejected`].
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError>;

    /// A way to read back what is committed, beside this store and on another thread than its own; `None` when there is none. Asked
    /// for once, before the first batch.
    fn reader(&mut self) -> Option<Box<dyn StoreReader>> {
        None
    }

    /// The server stops; nothing follows.
    fn close(&mut self) {}
}

/// Which records to read: those of one key of one stream of one contract, oldest first, page by page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// The pattern of the mount whose contract made them.
    pub contract: String,
    /// Their stream.
    pub stream: String,
    /// Their key.
    pub key: String,
    /// At most so many records for a page. A store may give fewer, but never none while there are some.
    pub limit: usize,
}

impl Query {
    /// The records of this key, 256 to a page.
    pub fn new(contract: impl Into<String>, stream: impl Into<String>, key: impl Into<String>) -> Self {
        Self { contract: contract.into(), stream: stream.into(), key: key.into(), limit: 256 }
    }

    /// With pages of at most so many records, at least one.
    #[must_use]
    pub fn with_limit(mut self, records: usize) -> Self {
        self.limit = records.max(1);
        self
    }
}

/// A place behind a record, in the order in which its store committed. It holds across runs of the server; what the number means is the
/// store's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(u64);

impl Position {
    /// The number, to be kept somewhere.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The position of a number that [`to_bits`](Self::to_bits) gave; for a store, the position of its own making.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

/// Some records, and where they end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The records, oldest first. None: there are no more now.
    pub records: Vec<Record>,
    /// The place behind the last of them, from which the next page is read; `None` when there are none.
    pub end: Option<Position>,
}

/// Reads what a [`Store`] has committed. It may wait for a disk, so it is for threads of the host, never for the loop; and it keeps nothing
/// open between two pages, so that no reader holds the store up.
///
/// ```
/// # use andon::{Query, StoreError, StoreReader};
/// fn export(reader: &mut dyn StoreReader, query: &Query) -> Result<Vec<String>, StoreError> {
///     let (mut lines, mut after) = (Vec::new(), None);
///     loop {
///         let page = reader.page(query, after)?;
///         let Some(end) = page.end else { return Ok(lines) };
///         lines.extend(page.records.iter().map(|record| String::from_utf8_lossy(&record.payload).into_owned()));
///         after = Some(end);
///     }
/// }
/// ```
pub trait StoreReader: Send {
    /// The next records of a query: from the beginning, or behind the end of an earlier page.
    fn page(&mut self, query: &Query, after: Option<Position>) -> Result<Page, StoreError>;
}

/// A store in memory, for tests and for hosts that read the records themselves. Keeps the newest `capacity` records.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    kept: Arc<Mutex<Kept>>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Kept {
    records: VecDeque<Record>,
    /// How many were dropped before the first that is kept: positions count from the first ever.
    dropped: u64,
}

impl MemoryStore {
    /// A store that keeps the newest `capacity` records. Clones share them.
    pub fn new(capacity: usize) -> Self {
        Self { kept: Arc::default(), capacity }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The records kept, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.kept().records.iter().cloned().collect()
    }
}

impl Store for MemoryStore {
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        let mut kept = self.kept();
        kept.records.extend(batch.iter().cloned());
        let excess = kept.records.len().saturating_sub(self.capacity);
        kept.records.drain(..excess);
        kept.dropped += excess as u64;
        Ok(())
    }

    fn reader(&mut self) -> Option<Box<dyn StoreReader>> {
        Some(Box::new(self.clone()))
    }
}

impl StoreReader for MemoryStore {
    fn page(&mut self, query: &Query, after: Option<Position>) -> Result<Page, StoreError> {
        let kept = self.kept();
        let seen = after.map_or(0, |after| after.0.saturating_sub(kept.dropped)) as usize;
        let of_it = |(_, record): &(usize, &Record)| {
            *record.contract == *query.contract
                && *record.stream == *query.stream
                && *record.key == *query.key
        };
        let mut page = Page::default();
        let found = kept.records.iter().enumerate().skip(seen).filter(of_it);
        for (index, record) in found.take(query.limit.max(1)) {
            page.records.push(record.clone());
            page.end = Some(Position(kept.dropped + index as u64 + 1));
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let mut store = MemoryStore::new(15);
        let record = |n: u32| {
            let key = if n.is_multiple_of(3) { "b" } else { "a" };
            Record::new("/ws", Wall::default(), "samples", key, n.to_string().into_bytes())
        };
        let query = Query::new("/ws", "samples", "a").with_limit(4);
        let mut reader = store.reader().unwrap();
        let (mut read, mut after) = (Vec::new(), None);
        for n in 1..=12 {
            store.commit(&[record(n)]).unwrap();
        }
        // The oldest are dropped between two pages: what is read goes on where it was.
        for more in [13..21, 21..21] {
            store.commit(&more.map(record).collect::<Vec<_>>()).unwrap();
            loop {
                let page = reader.page(&query, after).unwrap();
                assert!(page.records.len() <= 4 && page.records.is_empty() == page.end.is_none());
                let Some(end) = page.end else { break };
                after = Some(end);
                read.extend(page.records.iter().map(|r| String::from_utf8_lossy(&r.payload).into_owned()));
            }
        }
        let kept = (6..=20).filter(|n: &u32| !n.is_multiple_of(3)).map(|n| n.to_string());
        assert_eq!(read, kept.collect::<Vec<_>>());
        let other = Query::new("/other", "samples", "a");
        assert_eq!(reader.page(&other, None), Ok(Page::default()), "another contract's");
    }
}
