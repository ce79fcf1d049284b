//! Where records go: the trait behind the recorder's thread, and a store in memory.

use crate::ground::{
    id::{MountId, RecordTicket},
    time::Wall,
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// One record of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The mount whose contract made it.
    pub mount: MountId,
    /// Counts up over all records of this run of the server.
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
    /// Bytes that count towards [`Limits::record_bytes`](crate::Limits::record_bytes).
    pub fn weight_bytes(&self) -> usize {
        self.stream.len() + self.key.len() + self.payload.len()
    }
}

/// Why a store did not commit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot store anything at present (a full disk, a locked file): the batch is offered again, and nothing is
    /// acknowledged meanwhile.
    Down(String),
    /// It will never store this batch: its records are given back as refused.
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
    /// Commits a batch: all of it or nothing. `Ok` is the acknowledgement: the records are as safe as this store makes them.
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError>;

    /// A way to read back what is committed, beside this store and on another thread than its own; `None` when there is none. Asked
    /// for once, before the first batch.
    fn reader(&mut self) -> Option<Box<dyn StoreReader>> {
        None
    }

    /// The server stops; nothing follows.
    fn close(&mut self) {}
}

/// Which records to read: those of one key of one stream, in the order of their tickets, page by page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The mount whose contract made them.
    pub mount: MountId,
    /// Their stream.
    pub stream: String,
    /// Their key.
    pub key: String,
    /// Only what comes behind this record: the last of the page before. `None` begins.
    pub after: Option<RecordTicket>,
    /// At most so many records.
    pub limit: usize,
}

/// Reads what a [`Store`] has committed. It may wait for a disk, so it is for threads of the host, never for the loop; and it keeps nothing
/// open between two pages, so that no reader holds the store up.
pub trait StoreReader: Send {
    /// The next records of a query. Fewer than its limit means that there are no more now.
    fn page(&mut self, query: &Query) -> Result<Vec<Record>, StoreError>;
}

/// A store in memory, for tests and for hosts that read the records themselves. Keeps the newest `capacity` records.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    records: Arc<Mutex<std::collections::VecDeque<Record>>>,
    capacity: usize,
}

impl MemoryStore {
    /// A store that keeps the newest `capacity` records. Clones share them.
    pub fn new(capacity: usize) -> Self {
        Self { records: Arc::default(), capacity }
    }

    /// The records kept, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Store for MemoryStore {
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.extend(batch.iter().cloned());
        let excess = records.len().saturating_sub(self.capacity);
        records.drain(..excess);
        Ok(())
    }

    fn reader(&mut self) -> Option<Box<dyn StoreReader>> {
        Some(Box::new(self.clone()))
    }
}

impl StoreReader for MemoryStore {
    fn page(&mut self, query: &Query) -> Result<Vec<Record>, StoreError> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let of_it = |record: &&Record| {
            record.mount == query.mount
                && *record.stream == *query.stream
                && *record.key == *query.key
                && query.after.is_none_or(|after| record.ticket > after)
        };
        Ok(records.iter().filter(of_it).take(query.limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let mut store = MemoryStore::new(100);
        let record = |ticket: u64| Record {
            mount: MountId(0),
            ticket: RecordTicket(ticket),
            at: Wall::default(),
            stream: "samples".into(),
            key: if ticket.is_multiple_of(3) { "b" } else { "a" }.into(),
            payload: ticket.to_string().into_bytes().into(),
        };
        store.commit(&(1..=20).map(record).collect::<Vec<_>>()).unwrap();
        let mut reader = store.reader().unwrap();
        let mut query =
            Query { mount: MountId(0), stream: "samples".into(), key: "a".into(), after: None, limit: 4 };
        let mut read = Vec::new();
        loop {
            let page = reader.page(&query).unwrap();
            assert!(page.len() <= 4);
            let Some(last) = page.last() else { break };
            query.after = Some(last.ticket);
            read.extend(page.iter().map(|record| record.ticket.0));
        }
        assert_eq!(read, (1..=20).filter(|ticket: &u64| !ticket.is_multiple_of(3)).collect::<Vec<_>>());
        query = Query { mount: MountId(1), after: None, ..query };
        assert_eq!(reader.page(&query), Ok(Vec::new()), "another mount's");
    }
}
