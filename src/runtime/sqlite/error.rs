//! What goes wrong with the file, whose fault it is, and what to do.

use crate::contracts::store::StoreError;
use rusqlite::{Error, ErrorCode};
use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Why a file could not be opened as a store. It has not been changed.
#[derive(Debug)]
pub struct StoreOpenError {
    path: PathBuf,
    cause: StoreOpenCause,
    /// What SQLite or the operating system said.
    detail: String,
}

/// See [`StoreOpenError::cause`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreOpenCause {
    /// The directory of the file does not exist.
    NoDirectory,
    /// The file, or its directory, may not be read and written by this process: permissions, or a file system that is mounted read-only.
    Denied,
    /// The path leads to something else than a file: a directory, a device.
    NotAFile,
    /// Another [`SqliteStore`](crate::SqliteStore) has the file, in this process or in another.
    InUse,
    /// Another program keeps the file locked for longer than the store waits.
    Locked,
    /// It is no SQLite database.
    NotADatabase,
    /// It is a SQLite database, but another program's, or a table of it has been changed.
    NotARecording,
    /// It is damaged.
    Corrupt,
    /// It was written by a newer version of this library.
    Newer {
        /// The version of its tables.
        found: i32,
        /// The newest that this library knows.
        known: i32,
    },
    /// There is no room on its disk.
    DiskFull,
    /// Something else, see the text.
    Other,
}

impl StoreOpenError {
    pub(super) fn new(path: &Path, cause: StoreOpenCause, detail: impl Into<String>) -> Self {
        Self { path: path.to_owned(), cause, detail: detail.into() }
    }

    /// What the operating system said about a path, before SQLite was asked.
    pub(super) fn of_io(path: &Path, error: &io::Error) -> Self {
        let cause = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreOpenCause::NoDirectory,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreOpenCause::Denied,
            io::ErrorKind::StorageFull => StoreOpenCause::DiskFull,
            _ => StoreOpenCause::Other,
        };
        Self::new(path, cause, error.to_string())
    }

    /// What SQLite said.
    pub(super) fn of_sqlite(path: &Path, error: &Error) -> Self {
        let cause = match error.sqlite_error_code() {
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                StoreOpenCause::Denied
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreOpenCause::Locked,
            Some(ErrorCode::NotADatabase) => StoreOpenCause::NotADatabase,
            Some(ErrorCode::DatabaseCorrupt) => StoreOpenCause::Corrupt,
            Some(ErrorCode::DiskFull) => StoreOpenCause::DiskFull,
            _ => StoreOpenCause::Other,
        };
        Self::new(path, cause, error.to_string())
    }

    /// What is wrong.
    pub fn cause(&self) -> &StoreOpenCause {
        &self.cause
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for StoreOpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, cause, detail } = self;
        let path = path.display();
        match cause {
            StoreOpenCause::NoDirectory => {
                write!(
                    f,
                    "cannot record into {path}: its directory does not exist; create it first ({detail})"
                )
            }
            StoreOpenCause::Denied => write!(
                f,
                "cannot record into {path}: this process may not write the file, or new files beside it; give it the \
                 permission, or a place on a file system that is not read-only ({detail})"
            ),
            StoreOpenCause::NotAFile => {
                write!(
                    f,
                    "cannot record into {path}: it is no regular file; give the path of a file ({detail})"
                )
            }
            StoreOpenCause::InUse => write!(
                f,
                "cannot record into {path}: another server records into it; stop that one, or give each its own file \
                 ({detail})"
            ),
            StoreOpenCause::Locked => write!(
                f,
                "cannot record into {path}: another program keeps it locked; let that one finish, or end it ({detail})"
            ),
            StoreOpenCause::NotADatabase => write!(
                f,
                "cannot record into {path}: it is no SQLite database; give another path, or move that file away ({detail})"
            ),
            StoreOpenCause::NotARecording => write!(
                f,
                "cannot record into {path}: its tables are not those of a recording; give another path, or move that \
                 file away ({detail})"
            ),
            StoreOpenCause::Corrupt => write!(
                f,
                "cannot record into {path}: the file is damaged; move it away together with its -wal file, and rescue \
                 what it holds with sqlite3's .recover ({detail})"
            ),
            StoreOpenCause::Newer { found, known } => write!(
                f,
                "cannot record into {path}: its tables are of version {found}, and this library knows those up to \
                 {known}; use the newer library that wrote it, or another file"
            ),
            StoreOpenCause::DiskFull => {
                write!(f, "cannot record into {path}: there is no room on its disk; free some ({detail})")
            }
            StoreOpenCause::Other => write!(f, "cannot record into {path}: {detail}"),
        }
    }
}

impl std::error::Error for StoreOpenError {}

/// What an error means for a file that is open.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: StoreError,
    /// The file is to be opened anew before it is tried again.
    pub(super) reopen: bool,
}

impl Fault {
    /// Nothing that is done to this file helps whoever asked for it.
    pub(super) fn rejected(why: impl Into<String>) -> Self {
        Self { error: StoreError::Rejected(why.into()), reopen: false }
    }

    /// Somebody has moved, removed or replaced the file.
    pub(super) fn moved(path: &Path) -> Self {
        let why = format!(
            "{} was moved, removed or replaced while it was recorded into: it is begun anew; leave the file and its -wal \
             where they are while the server runs",
            path.display()
        );
        Self { error: StoreError::Down(why), reopen: true }
    }

    /// The file could not be opened again.
    pub(super) fn unopened(error: &StoreOpenError) -> Self {
        Self { error: StoreError::Down(error.to_string()), reopen: true }
    }

    /// SQLite said something about the file.
    pub(super) fn of_sqlite(path: &Path, error: &Error) -> Self {
        let path = path.display();
        let down = |reopen, words: &str| {
            let why = format!("{path}: {words} ({error})");
            Self { error: StoreError::Down(why), reopen }
        };
        match error.sqlite_error_code() {
            Some(
                ErrorCode::ConstraintViolation
                | ErrorCode::TooBig
                | ErrorCode::TypeMismatch
                | ErrorCode::ParameterOutOfRange,
            ) => Self::rejected(error.to_string()),
            // Not SQLite's own: a value that cannot be bound or read.
            None => Self::rejected(error.to_string()),
            Some(ErrorCode::DiskFull) => down(false, "there is no room on its disk; free some"),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                down(false, "another program keeps it locked; let that one finish, or end it")
            }
            Some(ErrorCode::OutOfMemory) => down(false, "there is no memory left; free some"),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => down(
                true,
                "it may not be written any more; give back the permission, or mount its file system for writing",
            ),
            Some(ErrorCode::CannotOpen) => {
                down(true, "it cannot be opened; see that its directory is there and may be written")
            }
            Some(ErrorCode::SystemIoFailure) => {
                down(true, "its disk fails, or is gone; see what the system's log says of it")
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => down(
                true,
                "it is damaged; move it away together with its -wal file, and rescue what it holds with sqlite3's .recover",
            ),
            Some(_) => down(true, "it cannot be written; see that nothing else changes it"),
        }
    }
}
