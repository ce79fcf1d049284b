//! A store in a SQLite file.

pub(crate) mod error;
mod link;
mod place;
mod reader;
mod retention;
mod rows;
mod schema;
pub(crate) mod settings;
mod writer;

use crate::{
    contracts::store::{Store, StoreError, guided::SavedGuidedSession, reader::StoreReader, record::Record},
    ground::{id::RecordTicket, time::Wall},
};
use error::{Fault, StoreOpenError};
use link::Link;
use place::Place;
use reader::SqliteReader;
use settings::{Settings, SqliteStoreBuilder};
use std::{fmt, path::Path};
use writer::Failed;

/// A store in one SQLite file, whose tables people may query: `sessions`, `samples`, `guided_sessions`, `subtasks`, `participants`, `step_controls`,
/// `step_completions`, `help_requests` and, of contracts of the host's, `records`.
///
/// What it acknowledges is on the disk and survives a power failure, see [`Durability`](crate::Durability). While it cannot write (no room, a lock of another program,
/// a failing disk, a file that was moved away) it is down, says what to do, and goes on by itself when it can.
///
/// One store has the file, and a lock on an empty file beside it (`-owner`) says so; a second one is refused. Until the last connection
/// is closed the newest data lies in the file that ends in `-wal`: copy, move or delete all or none of them, and only when no server runs.
///
/// # Reading while it runs
///
/// Another *process* may read the file at any time: `sqlite3 -readonly recording.db`. It should not keep a transaction open for long, since the
/// `-wal` file grows meanwhile. Within the server's process use [`Server::recordings`](crate::Server::recordings), and never open the file by another SQLite library (a second copy that
/// is linked into the same program, another language's binding), nor in any other way: when a process closes any descriptor of a file, the system drops all locks that the process has on
/// it (POSIX advisory locks), also those of the store, and the file can then be damaged.
///
/// ```no_run
/// # use andon::{Server, SqliteStore};
/// # use std::time::Duration;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = SqliteStore::builder("recording.db")
///     .keep_for(Duration::from_secs(90 * 24 * 3_600))
///     .keep_bytes(20 << 30)
///     .open()?;
/// let server = Server::builder().listen("127.0.0.1:8000").store(store).start()?;
/// # Ok(()) }
/// ```
pub struct SqliteStore {
    place: Place,
    settings: Settings,
    /// `None` when the file must be opened anew.
    link: Option<Link>,
    /// Names this run in the file.
    run: String,
    /// Counts the batches of this run.
    batches: u64,
    /// One that was found in the file, and one behind that which may be there as well.
    unsure: Vec<Unsure>,
}

/// Records that are in the file if that has this batch, although they were not acknowledged: the batch's own, and those that were found to be in the file
/// when it was written.
#[derive(Debug, Clone, Copy)]
struct Unsure {
    batch: u64,
    first: RecordTicket,
    last: RecordTicket,
}

impl Unsure {
    /// What remains of records of which these, once found in the file, are the beginning.
    fn rest(self, batch: &[Record]) -> &[Record] {
        let known = self.first..=self.last;
        let there = batch.iter().take_while(|record| known.contains(&record.ticket)).count();
        batch.split_at(there).1
    }
}

impl SqliteStore {
    /// Opens the file, or makes a new one in a directory that exists. Sessions that an earlier run has left active become `interrupted`: ended
    /// with their last sample.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreOpenError> {
        Self::builder(path).open()
    }

    /// The same with settings.
    pub fn builder(path: impl AsRef<Path>) -> SqliteStoreBuilder {
        SqliteStoreBuilder::new(path.as_ref())
    }

    fn open_with(path: &Path, settings: Settings) -> Result<Self, StoreOpenError> {
        let place = Place::of(path).map_err(|error| StoreOpenError::of_io(path, &error))?;
        let mut link = Link::open(&place, &settings)?;
        let interrupted = writer::interrupt(&mut link.file)
            .map_err(|error| StoreOpenError::of_sqlite(&place.file, &error))?;
        if interrupted > 0 {
            log::warn!(
                "{}: {interrupted} sessions were left open by an earlier run, and are interrupted",
                place.file.display()
            );
        }
        let run = uuid::Uuid::new_v4().simple().to_string();
        Ok(Self { place, settings, link: Some(link), run, batches: 0, unsure: Vec::new() })
    }

    /// Does something with the open file, which is opened first if need be; after a fault that asks for it, it is closed.
    fn with_link<R>(
        &mut self,
        work: impl FnOnce(&mut Link, &Place, &Settings) -> Result<R, Fault>,
    ) -> Result<R, StoreError> {
        let opened = match self.link.take() {
            Some(link) => Ok(link),
            None => Link::open(&self.place, &self.settings)
                .inspect(|_| self.log_opened())
                .map_err(|e| Fault::unopened(&e)),
        };
        let done = opened.and_then(|mut link| {
            let done = work(&mut link, &self.place, &self.settings);
            if !matches!(&done, Err(fault) if fault.reopen) {
                self.link = Some(link);
            }
            done
        });
        done.map_err(|fault| fault.error)
    }

    fn log_opened(&self) {
        log::warn!("{} was opened again", self.place.file.display());
    }
}

impl Store for SqliteStore {
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        self.batches += 1;
        let (run, number) = (self.run.clone(), self.batches);
        let mut unsure = std::mem::take(&mut self.unsure);
        let done = self.with_link(|link, place, _| {
            if !unsure.is_empty() {
                let marked = writer::marked(&place.file, &link.file, &run)?;
                unsure.retain(|batch| Some(batch.batch) == marked);
            }
            let found = unsure.first().copied();
            let rest = found.map_or(batch, |found| found.rest(batch));
            let first = found.map(|found| found.first).or(rest.first().map(|record| record.ticket));
            let last = rest.last().map(|record| record.ticket).or(found.map(|found| found.last));
            let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
            let perhaps = Unsure { batch: number, first, last };
            // Also where nothing remains: what was found in the file may never have been synced, and is by this.
            match writer::write(&place.file, &mut link.file, &run, number, rest) {
                Ok(()) => {
                    // A commit into a file that is gone is none. Should that file come back, it may be in there.
                    link.see_in_place(place).inspect_err(|_| unsure.push(perhaps))?;
                    // What was found may be offered one by one.
                    unsure = if rest.is_empty() { vec![perhaps] } else { Vec::new() };
                    Ok(())
                }
                Err(Failed::Undone(fault)) => Err(fault),
                Err(Failed::Unsure(fault)) => {
                    unsure.push(perhaps);
                    Err(fault)
                }
            }
        });
        self.unsure = unsure;
        done
    }

    fn guided_sessions(&mut self) -> Result<Vec<SavedGuidedSession>, StoreError> {
        self.with_link(|link, place, _| {
            rows::guided_sessions(&link.file).map_err(|error| Fault::of_sqlite(&place.file, &error))
        })
    }

    fn reader(&mut self) -> Option<Box<dyn StoreReader>> {
        Some(Box::new(SqliteReader::new(self.place.clone(), self.settings.busy_wait)))
    }

    fn tend(&mut self, now: Wall) -> bool {
        if self.link.is_none() {
            // It is down: the next batch opens it.
            return false;
        }
        let tended = self.with_link(|link, place, settings| {
            link.see_in_place(place)?;
            retention::tend(place, &mut link.file, settings, now)
        });
        tended.unwrap_or_else(|error| {
            log::warn!("cannot tidy up: {error}");
            false
        })
    }

    fn close(&mut self) {
        self.link = None;
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("file", &self.place.file).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::store::record::RecordBody;

    /// As when the last step of a commit fails, and the file has the batch all the same when it is opened again.
    #[test]
    fn a_batch_that_was_committed_without_an_acknowledgement_is_not_committed_again() {
        let folder = std::env::temp_dir().join(format!("andon-sqlite-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let mut store = SqliteStore::open(folder.join("recording.db")).unwrap();
        let record = |ticket| Record {
            ticket: RecordTicket(ticket),
            ..Record::new("/", Wall::default(), RecordBody::custom("s", "k", []))
        };
        let kept = |store: &SqliteStore| -> i64 {
            let file = &store.link.as_ref().unwrap().file;
            file.query_one("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap()
        };
        let batch: Vec<_> = (1..=3).map(record).collect();
        store.commit(&batch[..2]).unwrap();
        let unsure =
            |batch, first, last| vec![Unsure { batch, first: RecordTicket(first), last: RecordTicket(last) }];
        store.unsure = unsure(store.batches, 1, 2);
        store.link = None;
        store.commit(&batch).unwrap();
        assert_eq!(kept(&store), 3, "with what has come meanwhile");
        // And when the file does not have it.
        store.unsure = unsure(store.batches + 1, 1, 2);
        store.commit(&batch).unwrap();
        assert_eq!(kept(&store), 6);
        // Or when whoever offers something now offers something else.
        store.unsure = unsure(store.batches, 8, 9);
        store.commit(&batch).unwrap();
        assert_eq!(kept(&store), 9);
        drop(store);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    /// Nor when what has come meanwhile fails in its turn, and fails again.
    #[test]
    #[cfg(unix)]
    fn what_is_in_the_file_is_not_committed_again_however_often_the_rest_fails() {
        let folder = std::env::temp_dir().join(format!("andon-sqlite-rest-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let (path, aside) = (folder.join("recording.db"), folder.join("aside.db"));
        let mut store =
            SqliteStore::builder(&path).busy_wait(std::time::Duration::from_millis(1)).open().unwrap();
        let record = |ticket| Record {
            ticket: RecordTicket(ticket),
            ..Record::new("/", Wall::default(), RecordBody::custom("s", "k", []))
        };
        let batch: Vec<_> = (1..=6).map(record).collect();
        store.commit(&batch[..1]).unwrap();
        // Committed into a file that is away, and then comes back.
        let away = |store: &mut SqliteStore, batch: &[Record]| {
            std::fs::rename(&path, &aside).unwrap();
            assert!(matches!(store.commit(batch), Err(StoreError::Down(_))));
            std::fs::rename(&aside, &path).unwrap();
        };
        let locked = |store: &mut SqliteStore, batch: &[Record]| {
            let other = rusqlite::Connection::open(&path).unwrap();
            other.execute_batch("BEGIN IMMEDIATE").unwrap();
            assert!(matches!(store.commit(batch), Err(StoreError::Down(_))));
        };
        away(&mut store, &batch[1..2]);
        locked(&mut store, &batch[1..3]);
        away(&mut store, &batch[1..4]);
        locked(&mut store, &batch[1..5]);
        // One by one, as after a refusal.
        for one in batch[1..].chunks(1) {
            store.commit(one).unwrap();
        }
        let file = &store.link.as_ref().unwrap().file;
        let kept: i64 = file.query_one("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 6);
        drop(store);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
