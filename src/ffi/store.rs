//! The store: where records go.

use super::{
    config::{andon_config, change},
    fault::bad,
    guard::enter,
    options::{self, Options},
    status::andon_status,
    types::andon_str,
};
use crate::contracts::store::memory::MemoryStore;

/// What an acknowledged record survives: one of `ANDON_DURABILITY_*`.
pub type andon_durability = i32;
/// The power failing, the system dying, the process dying. The default.
pub const ANDON_DURABILITY_POWER_LOSS: andon_durability = 0;
/// The process dying. When the power fails the last seconds may be missing, but the file stays whole. Faster, and kinder to flash memory.
pub const ANDON_DURABILITY_PROCESS_END: andon_durability = 1;

/// How a SQLite file is recorded into. Zero means the default. For how long records are collected is a limit, `record_window_ms`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_sqlite_options {
    /// Set by `ANDON_SQLITE_OPTIONS_INIT`.
    pub struct_size: usize,
    /// Deletes what ended longer ago than so many seconds. Default: nothing for its age. What is under way is never deleted.
    pub keep_for_s: u64,
    /// Deletes the oldest while what the file holds takes more than so many bytes. Default: it grows without a bound.
    pub keep_bytes: u64,
    /// One of `ANDON_DURABILITY_*`.
    pub durability: andon_durability,
    /// How long another program's lock is waited for, before the store counts as down. Default 1,000.
    pub busy_wait_ms: u32,
}

// SAFETY: numbers, the size first.
unsafe impl Options for andon_sqlite_options {
    const NAME: &'static str = "andon_sqlite_options";
}

/// Opens a SQLite file, or makes a new one in a directory that exists, for the server to record into. Sessions that an earlier run has left active become interrupted. The file is the configuration's, and the server's after it. `options` may be NULL. When the store
/// goes down or answers again, `ANDON_EVENT_STORE` tells. A program with a SQLite of its own must not open this file by it while the server runs: read by `andon_server_read_*`, or from another process.
///
/// Threads: any. Blocking: for the disk. Ownership: copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`; of the file, which is then unchanged: `STORE_NO_DIRECTORY`, `STORE_DENIED`, `STORE_NOT_A_FILE`, `STORE_IN_USE`, `STORE_LOCKED`, `STORE_NOT_A_DATABASE`, `STORE_NOT_A_RECORDING`, `STORE_CORRUPT`, `STORE_NEWER`, `STORE_DISK_FULL`, `BAD_STORE` for all else, each with a message that names the path and what to do; `NOT_SUPPORTED` in a build without SQLite.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_store_sqlite(
    config: *mut andon_config,
    path: andon_str,
    options: *const andon_sqlite_options,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let (path, given) = unsafe { (path.read("the path")?, options::read(options)?) };
        // Nothing is done to the file for a configuration that does not take it.
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder) }?;
        let store = sqlite::open(path, &given)?;
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.store(store)) }
    })
}

/// Keeps the newest `records` in memory, for tests and for what need not outlive the process.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_ARGUMENT` for none, `SPENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_store_memory(
    config: *mut andon_config,
    records: usize,
) -> andon_status {
    enter(|| {
        if records == 0 {
            return Err(bad("records is 0: say how many are to be kept"));
        }
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.store(MemoryStore::new(records))) }
    })
}

#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
mod sqlite {
    use super::*;
    use crate::{
        ffi::fault::Fault,
        runtime::sqlite::{SqliteStore, settings::Durability},
    };
    use std::time::Duration;

    pub(super) fn open(path: &str, given: &andon_sqlite_options) -> Result<SqliteStore, Fault> {
        if path.is_empty() {
            return Err(bad("the path is empty: name the file to record into"));
        }
        let mut store = SqliteStore::builder(path).durability(match given.durability {
            ANDON_DURABILITY_POWER_LOSS => Durability::PowerLoss,
            ANDON_DURABILITY_PROCESS_END => Durability::ProcessEnd,
            other => return Err(bad(format!("durability is {other}: give one of ANDON_DURABILITY_*"))),
        });
        if given.keep_for_s != 0 {
            store = store.keep_for(Duration::from_secs(given.keep_for_s));
        }
        if given.keep_bytes != 0 {
            store = store.keep_bytes(given.keep_bytes);
        }
        if given.busy_wait_ms != 0 {
            store = store.busy_wait(Duration::from_millis(given.busy_wait_ms.into()));
        }
        Ok(store.open()?)
    }
}

#[cfg(not(any(feature = "sqlite", feature = "sqlite-system")))]
mod sqlite {
    use super::andon_sqlite_options;
    use crate::{
        contracts::store::memory::MemoryStore,
        ffi::{fault::Fault, status::ANDON_STATUS_NOT_SUPPORTED},
    };

    pub(super) fn open(_: &str, _: &andon_sqlite_options) -> Result<MemoryStore, Fault> {
        let why = "this build has no SQLite: build the library with its feature sqlite or sqlite-system";
        Err(Fault::new(ANDON_STATUS_NOT_SUPPORTED, why))
    }
}

#[cfg(all(test, not(any(feature = "sqlite", feature = "sqlite-system"))))]
mod tests {
    use super::*;
    use crate::ffi::{
        config::{andon_config_free, andon_config_new},
        status::{ANDON_STATUS_NOT_SUPPORTED, ANDON_STATUS_OK},
    };

    #[test]
    fn a_build_without_sqlite_says_so() {
        let mut config = std::ptr::null_mut();
        let path = andon_str { data: c"recording.db".as_ptr(), length: 12 };
        // SAFETY: the configuration is made and freed here, and the path is static.
        let said = unsafe {
            assert_eq!(andon_config_new(&raw mut config), ANDON_STATUS_OK);
            let said = andon_config_store_sqlite(config, path, std::ptr::null());
            andon_config_free(config);
            said
        };
        assert_eq!(said, ANDON_STATUS_NOT_SUPPORTED);
    }
}
