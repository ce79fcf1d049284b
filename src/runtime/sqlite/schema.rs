//! The tables, and how the file of an older version becomes one of this version.

use super::error::{StoreOpenCause, StoreOpenError};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use std::path::Path;

/// Says in a file's header whose it is: `ando`.
const APPLICATION: i32 = 0x616e_646f;
/// The version of the tables: how many steps lead to them.
pub(super) const VERSION: i32 = STEPS.len() as i32;
/// Each leads from the version of its index to the next.
const STEPS: [fn(&Connection) -> rusqlite::Result<()>; 1] = [from_0];

/// The tables and columns that the store relies on. Whatever else is in the file is not its affair.
pub(super) const TABLES: [(&str, &[&str]); 11] = [
    (
        "sessions",
        &[
            "session_id",
            "device_id",
            "status",
            "started_at",
            "ended_at",
            "client_started_at",
            "client_ended_at",
            "sample_count",
        ],
    ),
    ("samples", &["session_id", "seq", "device_id", "received_at", "payload"]),
    ("unassigned", &["device_id", "seq"]),
    ("guided_sessions", &["session_code", "status", "current_subtask", "created_at", "ended_at"]),
    (
        "subtasks",
        &["session_code", "id", "title", "order_index", "target_action", "guide_text", "voice_guide_text"],
    ),
    (
        "participants",
        &["session_code", "user_id", "user_name", "role", "status", "current_subtask", "last_active_at"],
    ),
    (
        "step_controls",
        &[
            "id",
            "session_code",
            "subtask_id",
            "instructor_id",
            "instructor_name",
            "action",
            "message",
            "created_at",
        ],
    ),
    ("step_completions", &["id", "session_code", "user_id", "subtask_id", "created_at"]),
    ("help_requests", &["id", "session_code", "user_id", "subtask_id", "message", "created_at"]),
    ("records", &["contract", "stream", "key", "at", "payload"]),
    ("commits", &["id", "run", "batch"]),
];

/// All tables of version 1, as far as the file does not have them. Times are milliseconds since 1970. The clients' own times have no type: an
/// integer is kept as one, any other number as its text, digit for digit. The numbers of records are never used again, so that a reader's position holds
/// whatever retention takes away.
const CREATE: &str = "
CREATE TABLE IF NOT EXISTS sessions(
    session_id TEXT PRIMARY KEY NOT NULL,
    device_id TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    client_started_at,
    client_ended_at,
    sample_count INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_by_start ON sessions(started_at, session_id);
CREATE INDEX IF NOT EXISTS sessions_by_device ON sessions(device_id, started_at, session_id);
CREATE INDEX IF NOT EXISTS sessions_by_status ON sessions(status, started_at, session_id);
CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions(ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS samples(
    session_id TEXT,
    seq INTEGER NOT NULL,
    device_id TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    payload TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS samples_by_session ON samples(session_id, seq) WHERE session_id IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS samples_unassigned ON samples(device_id, seq) WHERE session_id IS NULL;
CREATE INDEX IF NOT EXISTS samples_by_age ON samples(received_at) WHERE session_id IS NULL;

CREATE TABLE IF NOT EXISTS unassigned(device_id TEXT PRIMARY KEY NOT NULL, seq INTEGER NOT NULL);
INSERT OR IGNORE INTO unassigned SELECT device_id, max(seq) FROM samples WHERE session_id IS NULL GROUP BY device_id;

CREATE TABLE IF NOT EXISTS guided_sessions(
    session_code TEXT PRIMARY KEY NOT NULL,
    status TEXT NOT NULL,
    current_subtask INTEGER,
    created_at INTEGER NOT NULL,
    ended_at INTEGER);
CREATE INDEX IF NOT EXISTS guided_by_end ON guided_sessions(ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS subtasks(
    session_code TEXT NOT NULL,
    id INTEGER NOT NULL,
    title TEXT NOT NULL,
    order_index INTEGER NOT NULL,
    target_action TEXT NOT NULL,
    guide_text TEXT NOT NULL,
    voice_guide_text TEXT,
    PRIMARY KEY(session_code, id));

CREATE TABLE IF NOT EXISTS participants(
    session_code TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    role TEXT NOT NULL,
    status TEXT NOT NULL,
    current_subtask INTEGER,
    last_active_at INTEGER NOT NULL,
    PRIMARY KEY(session_code, user_id));

CREATE TABLE IF NOT EXISTS step_controls(
    id INTEGER PRIMARY KEY,
    session_code TEXT NOT NULL,
    subtask_id INTEGER,
    instructor_id INTEGER,
    instructor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    message TEXT NOT NULL,
    created_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS step_controls_by_session ON step_controls(session_code);

CREATE TABLE IF NOT EXISTS step_completions(
    id INTEGER PRIMARY KEY,
    session_code TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    subtask_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS step_completions_by_session ON step_completions(session_code);

CREATE TABLE IF NOT EXISTS help_requests(
    id INTEGER PRIMARY KEY,
    session_code TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    subtask_id INTEGER,
    message TEXT NOT NULL,
    created_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS help_requests_by_session ON help_requests(session_code);

CREATE TABLE IF NOT EXISTS records(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contract TEXT NOT NULL,
    stream TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    payload BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS records_by_key ON records(contract, stream, key);
CREATE INDEX IF NOT EXISTS records_by_age ON records(at);

CREATE TABLE IF NOT EXISTS commits(id INTEGER PRIMARY KEY CHECK(id = 1), run TEXT NOT NULL, batch INTEGER NOT NULL);
";

/// Whether the file is a recording, or can become one: looked at before anything is written. Returns the version of its tables.
pub(super) fn look(path: &Path, file: &Connection) -> Result<i32, StoreOpenError> {
    let failed = |error: rusqlite::Error| StoreOpenError::of_sqlite(path, &error);
    let pragma = |name: &str| file.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let version = pragma("user_version").map_err(failed)?;
    if pragma("application_id").map_err(failed)? == APPLICATION {
        if version > VERSION {
            let cause = StoreOpenCause::Newer { found: version, known: VERSION };
            return Err(StoreOpenError::new(path, cause, ""));
        }
        return Ok(version);
    }
    // A file without a mark is new, or was made by hand with tables of these names.
    let mut tables = file.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").map_err(failed)?;
    let names = tables.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
    let names = names.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let ours = names.iter().any(|name| TABLES.iter().any(|(table, _)| table == name));
    if version != 0 || !ours && !names.is_empty() {
        let detail = format!("it has tables such as {:?}", names.first().map_or("none", |name| name));
        return Err(StoreOpenError::new(path, StoreOpenCause::NotARecording, detail));
    }
    Ok(0)
}

/// Leads the file to this version, all at once, and sees that it has what the store relies on.
pub(super) fn migrate(path: &Path, file: &mut Connection, version: i32) -> Result<(), StoreOpenError> {
    let failed = |error: rusqlite::Error| StoreOpenError::of_sqlite(path, &error);
    let steps = usize::try_from(version).ok().and_then(|version| STEPS.get(version..)).unwrap_or_default();
    if !steps.is_empty() {
        let change = file.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        for step in steps {
            // Tables that are there and are not as they must be.
            step(&change).map_err(|error| match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::Unknown | rusqlite::ErrorCode::ConstraintViolation) => {
                    StoreOpenError::new(path, StoreOpenCause::NotARecording, error.to_string())
                }
                _ => failed(error),
            })?;
        }
        check(path, &change)?;
        change.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
        change.pragma_update(None, "user_version", VERSION).map_err(failed)?;
        return change.commit().map_err(failed);
    }
    check(path, file)
}

fn check(path: &Path, file: &Connection) -> Result<(), StoreOpenError> {
    for (table, columns) in TABLES {
        for column in columns {
            if !has_column(file, table, column).map_err(|error| StoreOpenError::of_sqlite(path, &error))? {
                let detail = format!("table {table} has no column {column}");
                return Err(StoreOpenError::new(path, StoreOpenCause::NotARecording, detail));
            }
        }
    }
    Ok(())
}

fn has_column(file: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2";
    Ok(file.query_row(sql, [table, column], |_| Ok(())).optional()?.is_some())
}

/// From nothing, or from tables made by hand, whose records may not say of which stream they are.
fn from_0(file: &Connection) -> rusqlite::Result<()> {
    if has_column(file, "records", "key")? && !has_column(file, "records", "stream")? {
        file.execute_batch("ALTER TABLE records ADD COLUMN stream TEXT NOT NULL DEFAULT ''")?;
    }
    file.execute_batch(CREATE)
}
