//! Where records go: the trait behind the recorder's thread.

pub(crate) mod device;
pub(crate) mod guided;
pub(crate) mod memory;
pub(crate) mod reader;
pub(crate) mod record;
pub(crate) mod session_filter;

use crate::ground::time::Wall;
use guided::SavedGuidedSession;
use reader::StoreReader;
use record::Record;
use std::fmt;

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

    /// The guided sessions that it knows from earlier runs. Asked for once, before the first batch, on the thread that starts the server: an error
    /// fails the start.
    fn guided_sessions(&mut self) -> Result<Vec<SavedGuidedSession>, StoreError> {
        Ok(Vec::new())
    }

    /// Time to tidy up: to delete what is too old, to give back room. Called between batches, when there is nothing to commit and now and then while
    /// there is. Must be short, since batches wait for it: true when there is more to do, and it is soon called again.
    fn tend(&mut self, now: Wall) -> bool {
        let _ = now;
        false
    }

    /// The server stops; nothing follows.
    fn close(&mut self) {}
}
