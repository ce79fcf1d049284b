//! What may be set of a store.

use super::{SqliteStore, error::StoreOpenError};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// What an acknowledged record survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Durability {
    /// The power failing, the system dying, the process dying: each batch is on the disk before it is acknowledged. The default, and what the
    /// contracts promise to clients.
    #[default]
    PowerLoss,
    /// The process dying. When the power fails or the system dies the last seconds may be missing, but the file stays whole. Faster, and kinder to flash memory.
    ProcessEnd,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) durability: Durability,
    pub(super) busy_wait: Duration,
    pub(super) keep_for: Option<Duration>,
    pub(super) keep_bytes: Option<u64>,
}

/// How long another program's lock is waited for, unless it is set otherwise.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Settings of a [`SqliteStore`], made by [`SqliteStore::builder`].
#[derive(Debug, Clone)]
#[must_use = "nothing is opened until open is called"]
pub struct SqliteStoreBuilder {
    path: PathBuf,
    settings: Settings,
}

impl SqliteStoreBuilder {
    pub(super) fn new(path: &Path) -> Self {
        let settings = Settings {
            durability: Durability::default(),
            busy_wait: BUSY_WAIT,
            keep_for: None,
            keep_bytes: None,
        };
        Self { path: path.to_owned(), settings }
    }

    /// What an acknowledged record survives. Default [`Durability::PowerLoss`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.settings.durability = durability;
        self
    }

    /// Deletes what is older: sessions that ended so long ago with their samples and all that belongs to them, samples without a session, custom records. By the machine's clock: one that jumps ahead makes everything old.
    /// Default: nothing for its age. What is under way is never deleted.
    pub fn keep_for(mut self, age: Duration) -> Self {
        self.settings.keep_for = Some(age);
        self
    }

    /// Deletes the oldest of the same while what the file holds takes more than so many bytes. The file itself is a little larger, by free pages and
    /// the write-ahead log. Default: it grows without a bound.
    pub fn keep_bytes(mut self, bytes: u64) -> Self {
        self.settings.keep_bytes = Some(bytes);
        self
    }

    /// How long a lock of another program is waited for, before the store counts as down. Default 1 s; more than a few seconds are not sensible, since the server gives a store 10 s
    /// to answer.
    pub fn busy_wait(mut self, wait: Duration) -> Self {
        self.settings.busy_wait = wait;
        self
    }

    /// Opens the file, or makes a new one, as [`SqliteStore::open`] does.
    pub fn open(self) -> Result<SqliteStore, StoreOpenError> {
        SqliteStore::open_with(&self.path, self.settings)
    }
}
