//! What was recorded, read back.

use super::{
    device_event::{andon_sample, andon_session, andon_session_status, sample, session, status_of},
    fault::{Fault, bad, not_found, null},
    guard::enter,
    object::{Head, Object, give, look, put, take_back},
    options::{self, Options},
    server::andon_server,
    status::andon_status,
    types::{Texts, andon_bytes, andon_str, put_array},
};
use crate::{
    contracts::store::{
        reader::{Position, Query},
        record::{Record, RecordBody},
        session_filter::{SessionFilter, SessionPosition},
    },
    host::recordings::Recordings,
};
use core::ffi::c_void;
use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A place in what was recorded, from which it is read page by page: of device sessions, newest first, of the samples of one, in order, or of records of the host's own contracts, oldest first. It is made by `andon_server_read_sessions`, `andon_server_read_samples` or
/// `andon_server_read_records`. It may outlive the server, of which it then
/// says that it has stopped.
#[cfg_attr(feature = "ffi", repr(C))] // Not seen by cbindgen, for which it is opaque.
pub struct andon_cursor {
    head: Head,
    /// Held while a page is read.
    state: Mutex<State>,
}

// SAFETY: its layout is C's, and its head comes first.
unsafe impl Object for andon_cursor {
    const MARK: u32 = u32::from_be_bytes(*b"curs");
    const NAME: &'static str = "andon_cursor";
}

struct State {
    recordings: Recordings,
    place: Place,
    page: Page,
}

enum Place {
    Sessions { filter: SessionFilter, after: Option<SessionPosition> },
    Samples { session: String, after: u64 },
    Records { query: Query, after: Option<Position> },
}

impl Place {
    /// A page of something else was asked for.
    fn is_of_another_kind(&self) -> Fault {
        let (of, by) = match self {
            Self::Sessions { .. } => ("sessions", "andon_cursor_next_sessions"),
            Self::Samples { .. } => ("samples", "andon_cursor_next_samples"),
            Self::Records { .. } => ("records", "andon_cursor_next_records"),
        };
        bad(format!("the cursor is of {of}: read it by {by}"))
    }
}

/// What was given to C last.
#[derive(Default)]
struct Page {
    sessions: Vec<andon_session>,
    samples: Vec<andon_sample>,
    records: Vec<andon_record>,
    /// What all of them point to.
    _texts: Texts,
}

/// A record of a contract of the host's own.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_record {
    /// What it belongs to, as the contract said.
    pub stream: andon_str,
    /// Whom it belongs to there.
    pub key: andon_str,
    /// When it happened, by the server's clock, or as the contract said.
    pub time_ms: i64,
    /// What was recorded, verbatim.
    pub payload: andon_bytes,
}

/// What is read of a recording, and how. Zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_read_options {
    /// Set by `ANDON_READ_OPTIONS_INIT`.
    pub struct_size: usize,
    /// Sessions: of this device alone. Default: of all.
    pub device: andon_str,
    /// Sessions: of this status alone, one of `ANDON_SESSION_*`. Default: of all.
    pub status: andon_session_status,
    /// How long a page is waited for. Default 10,000.
    pub timeout_ms: u32,
    /// Sessions and records: at most so many in a page. Default and most: 256.
    pub page_rows: usize,
    /// Samples: those behind this number. Records: those behind this place, which `andon_cursor_position` gave. Default: from the first on.
    pub after_seq: u64,
}

// SAFETY: the size first; numbers and empty texts are zeros.
unsafe impl Options for andon_read_options {
    const NAME: &'static str = "andon_read_options";
}

/// How samples are written: one of `ANDON_EXPORT_*`.
pub type andon_export_format = i32;
/// A JSON object in a line for each sample, with seq, received_at, device_id and payload.
pub const ANDON_EXPORT_JSON_LINES: andon_export_format = 1;
/// The columns seq, received_at, device_id and payload, quoted as RFC 4180 says; their names come first, unless it goes on where an earlier export ended. An apostrophe
/// stands before a text that a spreadsheet would take for a formula, as an id that a device chose may be one.
pub const ANDON_EXPORT_CSV: andon_export_format = 2;

/// Begins to read device sessions, newest first. `options` may be NULL.
///
/// Threads: any. Blocking: never. Ownership: the cursor is the caller's, until `andon_cursor_free`. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `NOT_FOUND` without a store that can be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_read_sessions(
    server: *const andon_server,
    options: *const andon_read_options,
    cursor: *mut *mut andon_cursor,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let given = unsafe { options::read(options) }?;
        // SAFETY: the caller's word.
        let device = unsafe { given.device.read("the device") }?;
        let mut filter = SessionFilter::new();
        if !device.is_empty() {
            filter = filter.device(device);
        }
        if given.status != 0 {
            filter = filter.status(status_of(given.status)?);
        }
        if given.page_rows != 0 {
            let most = filter.limit;
            filter = filter.with_limit(given.page_rows.min(most));
        }
        // SAFETY: the caller's word.
        unsafe { begin(server, &given, Place::Sessions { filter, after: None }, cursor) }
    })
}

/// Begins to read the samples of one device session, in order. `options` may be NULL.
///
/// Threads: any. Blocking: never. Ownership: the cursor is the caller's, until `andon_cursor_free`. Real-time: no. Errors: as `andon_server_read_sessions`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_read_samples(
    server: *const andon_server,
    session: andon_str,
    options: *const andon_read_options,
    cursor: *mut *mut andon_cursor,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (session, given) = unsafe { (session.read("the session")?.to_owned(), options::read(options)?) };
        // SAFETY: the caller's word.
        unsafe { begin(server, &given, Place::Samples { session, after: given.after_seq }, cursor) }
    })
}

/// Begins to read what contracts of the host's own have recorded under one key of one stream, oldest first. `contract` is the pattern of their mount, as `andon_config_contract` was given it. `options` may be NULL.
///
/// Threads: any. Blocking: never. Ownership: the cursor is the caller's, until `andon_cursor_free`. Real-time: no. Errors: as `andon_server_read_sessions`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_read_records(
    server: *const andon_server,
    contract: andon_str,
    stream: andon_str,
    key: andon_str,
    options: *const andon_read_options,
    cursor: *mut *mut andon_cursor,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let given = unsafe { options::read(options) }?;
        // SAFETY: the caller's word.
        let (contract, stream) = unsafe { (contract.read("the contract")?, stream.read("the stream")?) };
        // SAFETY: the caller's word.
        let key = unsafe { key.read("the key") }?;
        let mut query = Query::new(contract, stream, key);
        if given.page_rows != 0 {
            let most = query.limit;
            query = query.with_limit(given.page_rows.min(most));
        }
        let after = (given.after_seq != 0).then(|| Position::from_bits(given.after_seq));
        // SAFETY: the caller's word.
        unsafe { begin(server, &given, Place::Records { query, after }, cursor) }
    })
}

/// Reads the next page of sessions: an array of `count`, at least one while there are more. A page that failed can be asked for again.
///
/// Threads: any but the server's own; one at a time for one cursor. Blocking: for the disk, up to the timeout. Ownership: the cursor's; it all lives until the next page is asked for. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_ARGUMENT` for a cursor of something else, `FULL` when too many read, `TIMED_OUT`, `STOPPED`, `BAD_STORE` with what the store said.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_cursor_next_sessions(
    cursor: *mut andon_cursor,
    sessions: *mut *const andon_session,
    count: *mut usize,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let mut state = unsafe { lock(cursor) }?;
        see_places(sessions, count)?;
        let State { recordings, place, page } = &mut *state;
        let Place::Sessions { filter, after } = place else {
            return Err(place.is_of_another_kind());
        };
        let rows = recordings.sessions_page(filter, after.as_ref())?;
        *after = rows.last().map(|row| row.position()).or(after.take());
        let mut texts = Texts::default();
        let found = rows.iter().map(|row| session(row, &mut texts)).collect();
        *page = Page { sessions: found, _texts: texts, ..Page::default() };
        // SAFETY: the caller's word.
        unsafe { put_array(&page.sessions, sessions, count) }
    })
}

/// Reads the next page of samples: an array of `count`, at least one while there are more. Asked again after the last, it gives what has come since.
///
/// Threads: any but the server's own; one at a time for one cursor. Blocking: for the disk, up to the timeout. Ownership: the cursor's; it all lives until the next page is asked for. Real-time: no.
/// Errors: as `andon_cursor_next_sessions`; `BAD_ARGUMENT` for a cursor of something else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_cursor_next_samples(
    cursor: *mut andon_cursor,
    samples: *mut *const andon_sample,
    count: *mut usize,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let mut state = unsafe { lock(cursor) }?;
        see_places(samples, count)?;
        let State { recordings, place, page } = &mut *state;
        let Place::Samples { session, after } = place else {
            return Err(place.is_of_another_kind());
        };
        let rows = recordings.samples_page(session, *after)?;
        *after = rows.last().and_then(|row| row.place.as_ref()).map_or(*after, |(_, seq)| *seq);
        let mut texts = Texts::default();
        let found = rows.iter().map(|row| sample(row, &mut texts)).collect();
        *page = Page { samples: found, _texts: texts, ..Page::default() };
        // SAFETY: the caller's word.
        unsafe { put_array(&page.samples, samples, count) }
    })
}

/// Reads the next page of records: an array of `count`, at least one while there are more. Asked again after the last, it gives what has come since.
///
/// Threads: any but the server's own; one at a time for one cursor. Blocking: for the disk, up to the timeout. Ownership: the cursor's; it all lives until the next page is asked for. Real-time: no.
/// Errors: as `andon_cursor_next_sessions`; `BAD_ARGUMENT` for a cursor of something else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_cursor_next_records(
    cursor: *mut andon_cursor,
    records: *mut *const andon_record,
    count: *mut usize,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let mut state = unsafe { lock(cursor) }?;
        see_places(records, count)?;
        let State { recordings, place, page } = &mut *state;
        let Place::Records { query, after } = place else {
            return Err(place.is_of_another_kind());
        };
        let read = recordings.records_page(query, *after)?;
        *after = read.end.or(*after);
        let mut texts = Texts::default();
        let found = read.records.into_iter().filter_map(|read| record(read, &mut texts)).collect();
        *page = Page { records: found, _texts: texts, ..Page::default() };
        // SAFETY: the caller's word.
        unsafe { put_array(&page.records, records, count) }
    })
}

/// A record, its texts lent; none of one that is in the words of a built-in contract, which no query finds.
fn record(record: Record, texts: &mut Texts) -> Option<andon_record> {
    let RecordBody::Custom { stream, key, payload } = record.body else { return None };
    Some(andon_record {
        stream: texts.lend(&stream),
        key: texts.lend(&key),
        time_ms: record.at.as_millis(),
        payload: texts.lend_bytes(payload),
    })
}

/// The place behind what a cursor of samples or of records has read last, for `after_seq` of another, also in a later run of the server: the number of a sample, or the place of a record. 0: it has read none.
///
/// Threads: any. Blocking: for a page that is being read. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_ARGUMENT` for a cursor of sessions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_cursor_position(
    cursor: *const andon_cursor,
    position: *mut u64,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let state = unsafe { lock(cursor.cast_mut()) }?;
        let reached = match &state.place {
            Place::Samples { after, .. } => *after,
            Place::Records { after, .. } => after.map_or(0, Position::to_bits),
            Place::Sessions { .. } => {
                return Err(bad("a cursor of sessions has no place that lasts: they are read newest first"));
            }
        };
        // SAFETY: the caller's word.
        unsafe { put(position, "position", reached) }
    })
}

/// Frees a cursor and its last page. NULL is nothing to be freed.
///
/// Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see `andon_last_error` for a pointer that was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_cursor_free(cursor: *mut andon_cursor) {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { take_back(cursor) }.map(drop)
    });
}

/// Writes the samples of a device session behind the number `after_seq` (0: all), by `write`, which is given whole lines and says whether to go on. `last_seq` is the number of the last sample that `write` took, behind which another export can go on; it is written
/// also when this one ends early, and may be NULL.
///
/// Threads: any but the server's own; `write` is called on it. Blocking: for the disk, up to 10 s for each page. Ownership: what `write` is given lives until it returns. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_ARGUMENT`, `NOT_FOUND` without a store that can be read, `CANCELLED` when `write` said so, `FULL`, `TIMED_OUT`, `STOPPED`, `BAD_STORE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_export(
    server: *const andon_server,
    session: andon_str,
    format: andon_export_format,
    after_seq: u64,
    write: Option<unsafe extern "C" fn(context: *mut c_void, lines: andon_bytes) -> bool>,
    context: *mut c_void,
    last_seq: *mut u64,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (recordings, session) = unsafe { (recordings(server)?, session.read("the session")?) };
        let write = write.ok_or_else(|| null("write"))?;
        let mut out = Writer { write, context };
        let exported = match format {
            ANDON_EXPORT_JSON_LINES => recordings.export_jsonl(session, after_seq, &mut out),
            ANDON_EXPORT_CSV => recordings.export_csv(session, after_seq, &mut out),
            other => return Err(bad(format!("{other} is no format: give one of ANDON_EXPORT_*"))),
        };
        let last = *exported.as_ref().unwrap_or_else(|error| &error.after_seq);
        if !last_seq.is_null() {
            // SAFETY: checked, and the caller's word.
            unsafe { put(last_seq, "last_seq", last) }?;
        }
        exported.map(drop).map_err(Fault::from)
    })
}

/// The host's `write`.
struct Writer {
    write: unsafe extern "C" fn(*mut c_void, andon_bytes) -> bool,
    context: *mut c_void,
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: the host gave both for this; what it is given lives until it returns.
        let goes_on = bytes.is_empty() || unsafe { (self.write)(self.context, andon_bytes::of(bytes)) };
        if goes_on { Ok(bytes.len()) } else { Err(io::Error::other("the host's callback said to stop")) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// # Safety
///
/// As [`look`].
unsafe fn recordings(server: *const andon_server) -> Result<Recordings, Fault> {
    // SAFETY: the caller's word.
    let recordings = unsafe { look(server) }?.recordings();
    recordings.ok_or_else(|| {
        not_found("the server has no store that can be read: see andon_config_store_sqlite".into())
    })
}

/// # Safety
///
/// As [`give`] and [`look`].
unsafe fn begin(
    server: *const andon_server,
    given: &andon_read_options,
    place: Place,
    cursor: *mut *mut andon_cursor,
) -> Result<(), Fault> {
    // SAFETY: the caller's word.
    let mut recordings = unsafe { recordings(server) }?;
    if given.timeout_ms != 0 {
        recordings = recordings.with_timeout(Duration::from_millis(given.timeout_ms.into()));
    }
    let state = Mutex::new(State { recordings, place, page: Page::default() });
    // SAFETY: the caller's word.
    unsafe { give(|| Ok(andon_cursor { head: Head::of::<andon_cursor>(), state }), cursor) }
}

/// # Safety
///
/// As [`look`].
unsafe fn lock<'a>(cursor: *mut andon_cursor) -> Result<MutexGuard<'a, State>, Fault> {
    // SAFETY: the caller's word.
    Ok(unsafe { look(cursor) }?.state.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Before a page is read that could not be given.
fn see_places<T>(first: *mut *const T, count: *mut usize) -> Result<(), Fault> {
    match (first.is_null(), count.is_null()) {
        (true, _) => Err(null("the place for the page")),
        (_, true) => Err(null("count")),
        _ => Ok(()),
    }
}
