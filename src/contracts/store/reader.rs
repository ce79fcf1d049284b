//! Reading back what a store has committed.

use super::{
    StoreError,
    device::{DeviceSample, SessionRow},
    record::Record,
    session_filter::{SessionFilter, SessionPosition},
};

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

/// Reads what a [`Store`](crate::Store) has committed, a page at a time. It may wait for a disk, so it has a thread of its own, and hosts ask by
/// [`Recordings`](crate::Recordings). It keeps nothing open between two pages, so that no reader holds the store up.
pub trait StoreReader: Send {
    /// The next records of a query: from the beginning, or behind the end of an earlier page. A store need not know their mounts, tickets and whether
    /// they were awaited.
    fn page(&mut self, query: &Query, after: Option<Position>) -> Result<Page, StoreError>;

    /// The device session of this id.
    fn session(&mut self, id: &str) -> Result<Option<SessionRow>, StoreError> {
        let _ = id;
        Err(unsupported())
    }

    /// The next device sessions, newest first: from the newest on, or behind an earlier one. None: there are no more.
    fn sessions(
        &mut self,
        filter: &SessionFilter,
        after: Option<&SessionPosition>,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let _ = (filter, after);
        Err(unsupported())
    }

    /// At most `limit` samples of a device session, in order, behind the one of the number `after_seq`. It may give fewer. None: there are no
    /// more now.
    fn samples(
        &mut self,
        session: &str,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<DeviceSample>, StoreError> {
        let _ = (session, after_seq, limit);
        Err(unsupported())
    }
}

fn unsupported() -> StoreError {
    StoreError::Rejected(
        "this store does not read device sessions back: its StoreReader does not implement it".into(),
    )
}
