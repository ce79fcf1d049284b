//! What goes after its time, or when there is too much of it.

use super::*;
use andon::{GuidedRecord, GuidedSessionRow, GuidedStatus};
use std::time::Duration;

const DAY: i64 = 24 * 3_600;

/// Tidies up at a second until there is nothing more to do. Returns how often it was called.
fn tend(store: &mut SqliteStore, second: i64) -> usize {
    (1..).find(|_| !store.tend(Wall::from_millis(second * 1_000))).unwrap()
}

fn count(folder: &Folder, table: &str) -> u64 {
    query(&folder.file(), &format!("SELECT count(*) FROM {table}"))[0].parse().unwrap()
}

fn guided(code: &str, ended_at: Option<i64>) -> [Record; 2] {
    let record = |body| Record::new("/ws/sessions/{code}", Wall::from_millis(0), body);
    let status = if ended_at.is_some() { GuidedStatus::Ended } else { GuidedStatus::InProgress };
    [
        record(GuidedRecord::Session(Box::new(GuidedSessionRow {
            code: code.into(),
            status,
            current_subtask: None,
            created_at: Wall::from_millis(0),
            ended_at: ended_at.map(|second| Wall::from_millis(second * 1_000)),
        }))),
        record(GuidedRecord::StepCompletion { code: code.into(), user_id: 1, subtask_id: 1 }),
    ]
}

#[test]
fn what_is_older_than_its_time_goes_and_nothing_else() {
    let folder = Folder::new();
    let mut store =
        SqliteStore::builder(folder.file()).keep_for(Duration::from_secs(DAY as u64)).open().unwrap();
    commit(&mut store, &[started("session_active", 0), sample("session_active", 1)]);
    commit(&mut store, &[sample("session_old", 1), ended("session_old", 0, 9, SessionStatus::Completed, 1)]);
    commit(&mut store, &[sample("session_new", 1), ended("session_new", 0, 10, SessionStatus::Completed, 1)]);
    commit(
        &mut store,
        &[unassigned("A", 9), unassigned("A", 10), custom("old", 9, b""), custom("new", 10, b"")],
    );
    commit(&mut store, &guided("OLD", Some(9)));
    commit(&mut store, &guided("NEW", Some(10)));
    commit(&mut store, &guided("OPEN", None));
    tend(&mut store, DAY + 10);
    let left = |sql: &str| query(&folder.file(), sql);
    assert_eq!(left("SELECT session_id FROM sessions ORDER BY 1"), ["session_active", "session_new"]);
    assert_eq!(
        left("SELECT session_id, received_at FROM samples ORDER BY 1, 2"),
        ["|10000", "session_active|1000", "session_new|1000"]
    );
    assert_eq!(left("SELECT key FROM records"), ["new"]);
    assert_eq!(left("SELECT session_code FROM guided_sessions ORDER BY 1"), ["NEW", "OPEN"]);
    assert_eq!(left("SELECT session_code FROM step_completions ORDER BY 1"), ["NEW", "OPEN"]);
    // A number is not used again while anything is left of its device.
    commit(&mut store, &[unassigned("A", 11)]);
    assert_eq!(left("SELECT seq FROM samples WHERE session_id IS NULL ORDER BY 1"), ["2", "3"]);
}

/// Whoever makes up names of devices does not fill the file with their counters, and has nothing else deleted in their stead.
#[test]
fn nothing_is_left_of_devices_whose_samples_are_gone() {
    let by_age = |builder: SqliteStoreBuilder| builder.keep_for(Duration::from_secs(DAY as u64));
    let by_size = |builder: SqliteStoreBuilder| builder.keep_bytes(1 << 20);
    for keep in [by_age as fn(SqliteStoreBuilder) -> SqliteStoreBuilder, by_size] {
        let folder = Folder::new();
        let mut store = keep(SqliteStore::builder(folder.file())).open().unwrap();
        for block in 0..40 {
            let name = |n| format!("{:0>100}", block * 500 + n);
            let batch: Vec<_> = (0..500).map(|n| unassigned(&name(n), 10 + block)).collect();
            commit(&mut store, &batch);
        }
        let kept = [sample("session_1", 1), ended("session_1", 0, 2 * DAY, SessionStatus::Completed, 1)];
        commit(&mut store, &kept);
        commit(&mut store, &[unassigned("A", 2 * DAY as u64), unassigned("A", 2 * DAY as u64)]);
        tend(&mut store, 2 * DAY);
        let samples = "SELECT count(DISTINCT device_id) FROM samples WHERE session_id IS NULL";
        assert_eq!(query(&folder.file(), samples)[0].parse(), Ok(count(&folder, "unassigned")));
        assert!(count(&folder, "unassigned") < 10_000, "most of it is gone");
        assert_eq!(query(&folder.file(), "SELECT seq FROM unassigned WHERE device_id = 'A'"), ["2"]);
        assert_eq!(count(&folder, "sessions"), 1);
    }
}

/// However much there is to delete, a batch does not wait for long.
#[test]
fn it_is_deleted_a_little_at_a_time_and_the_session_last() {
    let folder = Folder::new();
    let mut store = SqliteStore::builder(folder.file()).keep_for(Duration::from_secs(1)).open().unwrap();
    let samples: Vec<_> = (1..=5_000).map(|seq| sample("session_1", seq)).collect();
    commit(&mut store, &samples);
    commit(&mut store, &[ended("session_1", 0, 1, SessionStatus::Completed, 5_000)]);
    for left in [3_000, 1_000] {
        assert!(store.tend(Wall::from_millis(DAY * 1_000)));
        assert_eq!((count(&folder, "samples"), count(&folder, "sessions")), (left, 1));
    }
    tend(&mut store, DAY);
    assert_eq!((count(&folder, "samples"), count(&folder, "sessions")), (0, 0));
}

#[test]
fn the_oldest_goes_when_there_is_too_much_and_the_file_shrinks() {
    const KEPT: u64 = 4 << 20;
    let folder = Folder::new();
    let mut store = SqliteStore::builder(folder.file()).keep_bytes(KEPT).open().unwrap();
    commit(&mut store, &[started("session_active", 0), sample("session_active", 1)]);
    let payload = [b'x'; 1_000];
    for block in 0..16 {
        let mut batch: Vec<_> = (0..1_000).map(|n| custom("k", block * 1_000 + n, &payload)).collect();
        let session = format!("session_{block:02}");
        batch.extend((1..=20).map(|seq| sample(&session, seq)));
        batch.push(ended(&session, 0, block * 1_000, SessionStatus::Completed, 20));
        commit(&mut store, &batch);
    }
    store.close();
    let grown = fs::metadata(folder.file()).unwrap().len();
    let mut store = SqliteStore::builder(folder.file()).keep_bytes(KEPT).open().unwrap();
    commit(&mut store, &[started("session_now", 0), sample("session_now", 1)]);
    assert!(tend(&mut store, DAY) > 1);
    let used =
        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count,
                pragma_page_size";
    let used: u64 = query(&folder.file(), used)[0].parse().unwrap();
    assert!(used <= KEPT && used > KEPT / 2, "{used}");
    // Kinds go in turn, by their age: what is left begins at the same time.
    let oldest = |sql: &str| query(&folder.file(), sql)[0].parse::<i64>().unwrap();
    let record = oldest("SELECT min(at) FROM records");
    let session = oldest("SELECT min(ended_at) FROM sessions WHERE session_id GLOB 'session_[01]*'");
    assert!((0..=1_000_000).contains(&(session - record)), "{session} {record}");
    assert_eq!(query(&folder.file(), "SELECT count(*) FROM sessions WHERE status = 'active'"), ["1"]);
    assert_eq!(query(&folder.file(), "SELECT count(*) FROM samples WHERE session_id = 'session_now'"), ["1"]);
    store.close();
    let shrunk = fs::metadata(folder.file()).unwrap().len();
    assert!(shrunk < grown / 2 && shrunk < KEPT + (2 << 20), "{grown} {shrunk}");
    is_whole(&folder.file());
}
