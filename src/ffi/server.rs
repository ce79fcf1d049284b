//! The server: started, spoken to, stopped.

use super::{
    config::{andon_config, take},
    fault::{Fault, bad, not_found, null},
    guard::{enter, enter_for},
    inbox::Inbox,
    object::{Head, Object, give, look, put, take_back},
    sink::{Sink, speak_to},
    status::{ANDON_STATUS_NOT_FOUND, andon_status},
    types::{andon_bytes, andon_conn, andon_message_kind, andon_mount, andon_str},
};
use crate::{
    ground::{close::CloseCode, counters::Stats},
    host::{
        handle::Handle,
        recordings::Recordings,
        server::{Server, Stopped},
    },
};
use core::ffi::{CStr, c_char};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// A server that runs, or has been stopped.
#[cfg_attr(feature = "ffi", repr(C))] // Not seen by cbindgen, for which it is opaque.
pub struct andon_server {
    head: Head,
    pub(super) handle: Handle,
    pub(super) inbox: Inbox,
    server: Server,
    /// Freed last: the end is spoken of as well.
    _sink: Option<Arc<Sink>>,
}

// SAFETY: its layout is C's, and its head comes first.
unsafe impl Object for andon_server {
    const MARK: u32 = u32::from_be_bytes(*b"serv");
    const NAME: &'static str = "andon_server";
}

impl andon_server {
    /// What was recorded, if the store can be read.
    pub(super) fn recordings(&self) -> Option<Recordings> {
        self.server.recordings()
    }
}

/// How a server stopped: one of `ANDON_STOPPED_*`.
pub type andon_stopped = i32;
/// Every client was told, took what it was owed, and is closed; every lossless event was read.
pub const ANDON_STOPPED_CLEAN: andon_stopped = 0;
/// Time ran out: a client was cut off, or events were dropped.
pub const ANDON_STOPPED_FORCED: andon_stopped = 1;
/// A callback does not return: the thread was left behind. The library must not be unloaded any more.
pub const ANDON_STOPPED_ABANDONED: andon_stopped = 2;
/// Called from a callback: the stop is under way, and complete when another thread says so.
pub const ANDON_STOPPED_REQUESTED: andon_stopped = 3;

/// Starts a server. When this returns, it listens. The configuration is spent, whatever the outcome, and still to be freed.
///
/// Threads: any. Blocking: for the system, to make a thread. Ownership: the server is the caller's, until `andon_server_free`. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `SPENT`, `BAD_CONFIG`, `CANNOT_LISTEN`, `BAD_STORE`, `SYSTEM`; the message names what is wrong.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_start(
    config: *mut andon_config,
    server: *mut *mut andon_server,
) -> andon_status {
    enter(|| {
        let start = || {
            // SAFETY: the caller's word, see docs/c-api.md.
            let (config, sink) = unsafe { take(config) }?;
            let before = speak_to(sink.clone());
            let started = config.start();
            speak_to(before);
            let mut server = started?;
            Ok(andon_server {
                _sink: sink,
                head: Head::of::<andon_server>(),
                handle: server.handle(),
                inbox: Inbox::new(server.events()),
                server,
            })
        };
        // SAFETY: the caller's word.
        unsafe { give(start, server) }
    })
}

/// Stops the server: contracts say their last words, clients are closed with 1001, and have until the timeout to take both. Called again, it tells the same. The handle stays valid: see docs/c-api.md.
/// From a callback it only requests the stop. `stopped` may be NULL.
///
/// Threads: any; also in an `atexit` handler. Blocking: up to the timeout and some seconds, for threads to end. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_stop(
    server: *const andon_server,
    timeout_ms: u32,
    stopped: *mut andon_stopped,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let server = unsafe { look(server) }?;
        let how = match server.server.stop(Duration::from_millis(timeout_ms.into())) {
            Stopped::Clean => ANDON_STOPPED_CLEAN,
            Stopped::Forced => ANDON_STOPPED_FORCED,
            Stopped::Abandoned => ANDON_STOPPED_ABANDONED,
            Stopped::Requested => ANDON_STOPPED_REQUESTED,
        };
        if stopped.is_null() {
            return Ok(());
        }
        // SAFETY: checked, and the caller's word.
        unsafe { put(stopped, "stopped", how) }
    })
}

/// Stops the server if that was not done, and frees it. NULL is nothing to be freed; in a child of a fork nothing happens.
///
/// Threads: any but the server's own, and nobody may use the server any more. Blocking: as `andon_server_stop`, with the timeout of `andon_config_stop_timeout`. Real-time: no.
/// Errors: none; see `andon_last_error` for a pointer that was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_free(server: *mut andon_server) {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { take_back(server) }.map(drop)
    });
}

/// The port that the server listens on: of the address given first (`index` 0), or of another. 0: there is no such address.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: 0, see `andon_last_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_port(server: *const andon_server, index: usize) -> u16 {
    enter_for(0, || {
        // SAFETY: the caller's word.
        let addresses = unsafe { look(server) }?.server.local_addrs();
        let address = addresses.get(index).ok_or_else(|| {
            Fault::new(
                ANDON_STATUS_NOT_FOUND,
                format!("there are {} addresses, and no number {index}", addresses.len()),
            )
        })?;
        Ok(address.port())
    })
}

/// The mount at this pattern, as it was given to the configuration.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_mount(
    server: *const andon_server,
    pattern: andon_str,
    mount: *mut andon_mount,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (server, pattern) = unsafe { (look(server)?, pattern.read("the pattern")?) };
        let found = server.handle.mount(pattern);
        let found = found.ok_or_else(|| not_found(format!("nothing is mounted at {pattern:?}")))?;
        // SAFETY: the caller's word.
        unsafe { put(mount, "mount", found.into()) }
    })
}

/// Sends one message to one client, in order with everything else it gets. One that is gone by then is counted, and no error.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_ARGUMENT`, `FULL`, `STOPPED`, `REFUSED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_send(
    server: *const andon_server,
    conn: andon_conn,
    kind: andon_message_kind,
    message: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (server, message) = unsafe { (look(server)?, message.message(kind)?) };
        Ok(server.handle.send(conn.into(), message.to_payload())?)
    })
}

/// Sends one message ahead of everything that still waits for this client. All else as `andon_server_send`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_send_urgent(
    server: *const andon_server,
    conn: andon_conn,
    kind: andon_message_kind,
    message: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (server, message) = unsafe { (look(server)?, message.message(kind)?) };
        Ok(server.handle.send_urgent(conn.into(), message.to_payload())?)
    })
}

/// Closes a client, after everything that was sent to it before. Good codes are 1000, 1001, 1008 and 4000 to 4999; a reason longer than 123 bytes is cut.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_ARGUMENT` for a code that may not be sent, `FULL`, `STOPPED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_close(
    server: *const andon_server,
    conn: andon_conn,
    code: u16,
    reason: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (server, reason) = unsafe { (look(server)?, reason.read("the reason")?) };
        Ok(server.handle.close(conn.into(), close_code(code)?, reason)?)
    })
}

/// Closes every client whose identity has this subject with 1008.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `FULL`, `STOPPED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_revoke(
    server: *const andon_server,
    subject: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (server, subject) = unsafe { (look(server)?, subject.read("the subject")?) };
        Ok(server.handle.revoke(subject)?)
    })
}

/// How many numbers there are in the statistics. It grows with versions.
///
/// Threads: any. Blocking: never. Real-time: yes. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn andon_stats_count() -> usize {
    Stats::NAMES.len()
}

/// The name of one of them, such as "connections"; NULL beyond the last. A name keeps its meaning, not its place: look for the name once.
///
/// Threads: any. Blocking: never. Ownership: static. Real-time: no. Errors: NULL.
#[unsafe(no_mangle)]
pub extern "C" fn andon_stats_name(index: usize) -> *const c_char {
    enter_for(std::ptr::null(), || {
        static NAMES: OnceLock<Vec<String>> = OnceLock::new();
        let names = NAMES.get_or_init(|| Stats::NAMES.iter().map(|name| format!("{name}\0")).collect());
        let name = names.get(index).and_then(|name| CStr::from_bytes_with_nul(name.as_bytes()).ok());
        Ok(name.map_or(std::ptr::null(), CStr::as_ptr))
    })
}

/// Copies the statistics, of the end of the loop's last turn, into `values`: the first `count` of them; places beyond the last get 0. Also after a stop.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_stats(
    server: *const andon_server,
    values: *mut u64,
    count: usize,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let stats = unsafe { look(server) }?.server.stats().to_array();
        if values.is_null() {
            return Err(null("values"));
        }
        for at in 0..count {
            // SAFETY: not null, and the caller's word that there is room for so many.
            unsafe { values.add(at).write(stats.get(at).copied().unwrap_or(0)) };
        }
        Ok(())
    })
}

/// A close code that may be sent.
pub(super) fn close_code(code: u16) -> Result<CloseCode, Fault> {
    CloseCode::new(code).ok_or_else(|| {
        bad(format!(
            "the close code {code} may not be sent: 1000, 1001, 1008 and 4000 to 4999 are good choices"
        ))
    })
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<andon_server>();
};
