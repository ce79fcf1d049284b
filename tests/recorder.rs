//! The recorder: what is in the file, what an acknowledgement is worth, and what happens when the file cannot be written. On real files, in a
//! directory of each test's own.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

#[path = "recorder/children.rs"]
mod children;
#[cfg(feature = "contracts")]
#[path = "recorder/contracts.rs"]
mod contracts;
#[path = "recorder/failures.rs"]
mod failures;
#[path = "recorder/opening.rs"]
mod opening;
#[path = "recorder/reading.rs"]
mod reading;
#[path = "recorder/retention.rs"]
mod retention;
#[path = "recorder/rows.rs"]
mod rows;
#[path = "recorder/serving.rs"]
mod serving;
mod support;

use andon::{
    DeviceRecord, DeviceSample, Record, RecordBody, SessionRow, SessionStatus, SqliteStore,
    SqliteStoreBuilder, Store, Wall,
};
use rusqlite::{Connection, OpenFlags};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

/// A directory that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("andon-recorder-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("recording.db")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(self.file()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a query says, a line for each row, its columns apart by `|` and no value as nothing: as `sqlite3 -readonly` shows it.
fn query(file: &Path, sql: &str) -> Vec<String> {
    let file = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = file.prepare(sql).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let values = (0..columns).map(|column| match row.get_ref(column).unwrap() {
            rusqlite::types::ValueRef::Null => String::new(),
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Real(number) => format!("{number:?}"),
            rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            rusqlite::types::ValueRef::Blob(bytes) => format!("{bytes:?}"),
        });
        lines.push(values.collect::<Vec<_>>().join("|"));
    }
    lines
}

fn is_whole(file: &Path) {
    assert_eq!(query(file, "PRAGMA integrity_check"), ["ok"]);
}

/// A session as it begins, at a second.
fn session(id: &str, second: i64) -> SessionRow {
    SessionRow {
        id: id.into(),
        device: "AMR_001".into(),
        status: SessionStatus::Active,
        started_at: Wall::from_millis(second * 1_000),
        ended_at: None,
        client_started_at: None,
        client_ended_at: None,
        sample_count: 0,
    }
}

/// The same as it is over.
fn ended(id: &str, second: i64, ended_at: i64, status: SessionStatus, sample_count: u64) -> Record {
    let ended_at = Some(Wall::from_millis(ended_at * 1_000));
    device(DeviceRecord::SessionEnded(Arc::new(SessionRow {
        status,
        ended_at,
        sample_count,
        ..session(id, second)
    })))
}

fn started(id: &str, second: i64) -> Record {
    device(DeviceRecord::SessionStarted(Arc::new(session(id, second))))
}

/// A sample of a session, received at the second of its number.
fn sample(session: &str, seq: u64) -> Record {
    placed(Some((session.into(), seq)), "AMR_001", seq)
}

fn unassigned(device: &str, second: u64) -> Record {
    placed(None, device, second)
}

fn placed(place: Option<(Arc<str>, u64)>, device_id: &str, second: u64) -> Record {
    device(DeviceRecord::Sample(Arc::new(DeviceSample {
        place,
        device: device_id.into(),
        received_at: Wall::from_millis(second as i64 * 1_000),
        payload: format!(r#"{{"type":"sensor_data","n":{second}}}"#).into(),
    })))
}

fn custom(key: &str, second: i64, payload: &[u8]) -> Record {
    Record::new("/ws", Wall::from_millis(second * 1_000), RecordBody::custom("stream", key, payload))
}

fn device(record: DeviceRecord) -> Record {
    Record::new("/ws/device", Wall::from_millis(0), record)
}

/// A record with the ticket that a server would give it.
fn ticketed(ticket: u64, record: Record) -> Record {
    let mut record = record;
    record.ticket = andon::RecordTicket::from_bits(ticket);
    record
}

/// Commits, which must go well.
fn commit(store: &mut SqliteStore, batch: &[Record]) {
    store.commit(batch).unwrap();
}
