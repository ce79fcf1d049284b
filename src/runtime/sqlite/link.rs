//! An open file: how it is opened, and whether it is still the one that lies at its place.

use super::{
    error::{Fault, StoreOpenCause, StoreOpenError},
    place::{Identity, Place},
    schema,
    settings::{Durability, Settings},
};
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// Pages of the write-ahead log from which on what is in it is moved into the file, which SQLite does within a commit.
const CHECKPOINT_PAGES: u32 = 1_000;
/// The log is cut to this once it has been moved, however long a reader has made it grow.
const LOG_BYTES_KEPT: u64 = 16 << 20;
/// What a connection keeps of the file in memory.
const CACHE_KIB: i64 = 8 << 10;
/// Statements that are kept ready.
const STATEMENTS: usize = 64;

/// The one connection that writes, and the lock that says so.
#[derive(Debug)]
pub(super) struct Link {
    // Closed before the lock is let go.
    pub(super) file: Connection,
    _owner: Connection,
    identity: Identity,
}

impl Link {
    /// Opens the file, or makes it, and leads it to this version of the tables.
    pub(super) fn open(place: &Place, settings: &Settings) -> Result<Self, StoreOpenError> {
        let path = &*place.file;
        if path.exists() && !path.is_file() {
            return Err(StoreOpenError::new(path, StoreOpenCause::NotAFile, "something else lies there"));
        }
        if !place.has_folder() {
            return Err(StoreOpenError::new(path, StoreOpenCause::NoDirectory, "it is gone"));
        }
        let owner = own(place, settings)?;
        let failed = |error: rusqlite::Error| StoreOpenError::of_sqlite(path, &error);
        let mut file = connect(path, settings).map_err(failed)?;
        let version = schema::look(path, &file)?;
        if version == 0 {
            // Of a file that has pages already this is not heeded.
            file.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(failed)?;
        }
        let mode: String =
            file.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(failed)?;
        if !mode.eq_ignore_ascii_case("wal") {
            let detail = "its file system cannot share memory between processes: use a local one";
            return Err(StoreOpenError::new(path, StoreOpenCause::Other, detail));
        }
        set_up(&file, settings).map_err(failed)?;
        schema::migrate(path, &mut file, version)?;
        // Reading has made the log, if nothing else has: from here on every name there is lasts.
        place.sync_folder().map_err(|error| StoreOpenError::of_io(path, &error))?;
        let identity = place.identity();
        if !identity.is_whole() {
            return Err(StoreOpenError::new(path, StoreOpenCause::Other, "it was removed meanwhile"));
        }
        Ok(Self { file, _owner: owner, identity })
    }

    /// An error unless the file and its log are the ones that were opened: what is committed into files that nobody can find is lost.
    pub(super) fn see_in_place(&self, place: &Place) -> Result<(), Fault> {
        if place.identity() == self.identity { Ok(()) } else { Err(Fault::moved(&place.file)) }
    }
}

/// Takes the lock that makes a file one store's own. It is a database of its own without any content, whose lock SQLite keeps until the
/// process ends, however it does: the recording's own locks are for each transaction, and shared with readers.
fn own(place: &Place, settings: &Settings) -> Result<Connection, StoreOpenError> {
    let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => {
            let detail = format!("{} is locked", place.owner.display());
            StoreOpenError::new(&place.file, StoreOpenCause::InUse, detail)
        }
        _ => StoreOpenError::of_sqlite(&place.file, &error),
    };
    let owner = connect(&place.owner, settings).map_err(failed)?;
    owner.execute_batch("BEGIN EXCLUSIVE").map_err(failed)?;
    Ok(owner)
}

fn connect(path: &std::path::Path, settings: &Settings) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(path, flags)?;
    file.busy_timeout(settings.busy_wait)?;
    file.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(file)
}

fn set_up(file: &Connection, settings: &Settings) -> rusqlite::Result<()> {
    let synchronous = match settings.durability {
        Durability::PowerLoss => "FULL",
        Durability::ProcessEnd => "NORMAL",
    };
    file.pragma_update(None, "synchronous", synchronous)?;
    // Where a plain sync stops at the disk's own cache (macOS).
    file.pragma_update(None, "fullfsync", settings.durability == Durability::PowerLoss)?;
    file.pragma_update(None, "checkpoint_fullfsync", settings.durability == Durability::PowerLoss)?;
    file.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    file.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES_KEPT.cast_signed(), |_| Ok(()))?;
    file.pragma_update(None, "cache_size", -CACHE_KIB)?;
    file.pragma_update(None, "foreign_keys", false)
}
