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

    /// The server stops; nothing follows.
    fn close(&mut self) {}
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
}
