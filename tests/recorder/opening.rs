//! Opening a file: new, known, older, newer, somebody else's, or not at all.

use super::{children::Child, *};
use andon::{StoreOpenCause, StoreOpenError};
use std::time::Duration;

fn refused(file: &Path) -> StoreOpenError {
    let builder = SqliteStore::builder(file).busy_wait(Duration::from_millis(10));
    let error = builder.open().unwrap_err();
    let told = error.path().file_name() == file.file_name();
    assert!(told && error.to_string().contains(&*file.file_name().unwrap().to_string_lossy()), "{error}");
    error
}

fn cause(file: &Path) -> StoreOpenCause {
    refused(file).cause().clone()
}

#[test]
fn what_is_recorded_is_there_when_the_file_is_opened_again() {
    let folder = Folder::new();
    for n in 1..=3 {
        let mut store = folder.open();
        commit(&mut store, &[custom("k", n, b"payload")]);
        store.close();
        assert_eq!(query(&folder.file(), "SELECT count(*) FROM records"), [n.to_string()]);
    }
    is_whole(&folder.file());
}

/// REC-1: who was killed left sessions active; each ends with its last sample, or when it began.
#[test]
fn sessions_found_active_are_interrupted() {
    let folder = Folder::new();
    let mut store = folder.open();
    commit(
        &mut store,
        &[
            started("session_1", 1),
            started("session_2", 2),
            started("session_3", 3),
            sample("session_1", 5),
            sample("session_1", 4),
            ended("session_3", 3, 9, SessionStatus::Completed, 7),
        ],
    );
    drop(store);
    let _store = folder.open();
    assert_eq!(
        query(&folder.file(), "SELECT session_id, status, ended_at, sample_count FROM sessions ORDER BY 1"),
        ["session_1|interrupted|5000|2", "session_2|interrupted|2000|0", "session_3|completed|9000|7"]
    );
}

/// Tables of the agreed names, without any version: made by a script, or taken over from elsewhere.
#[test]
fn a_file_made_by_hand_becomes_a_recording() {
    let folder = Folder::new();
    let old = Connection::open(folder.file()).unwrap();
    old.execute_batch(
        "CREATE TABLE records(contract, key, at, payload);
         INSERT INTO records VALUES('/ws', 'k', 1, 'old');
         CREATE TABLE samples(session_id, seq, device_id, received_at, payload);
         INSERT INTO samples VALUES(NULL, 4, 'A', 1, '{}');",
    )
    .unwrap();
    drop(old);
    let mut store = folder.open();
    commit(&mut store, &[custom("k", 2, b"new"), unassigned("A", 2)]);
    let records = query(&folder.file(), "SELECT stream, payload FROM records ORDER BY rowid");
    assert_eq!(records, ["|old", "stream|new"]);
    assert_eq!(query(&folder.file(), "SELECT max(seq) FROM samples"), ["5"]);
    assert_eq!(query(&folder.file(), "PRAGMA user_version"), ["1"]);
    drop(store);
    folder.open();
}

#[test]
fn a_newer_file_is_left_alone() {
    let folder = Folder::new();
    drop(folder.open());
    let newer = Connection::open(folder.file()).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let before = fs::read(folder.file()).unwrap();
    assert_eq!(cause(&folder.file()), StoreOpenCause::Newer { found: 99, known: 1 });
    assert!(fs::read(folder.file()).unwrap() == before);
}

#[test]
fn another_programs_file_is_left_alone() {
    let folder = Folder::new();
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("CREATE TABLE albums(title)").unwrap();
    drop(other);
    let before = fs::read(folder.file()).unwrap();
    assert_eq!(cause(&folder.file()), StoreOpenCause::NotARecording);
    assert!(fs::read(folder.file()).unwrap() == before);
}

#[test]
fn a_table_that_lacks_a_column_is_named() {
    let folder = Folder::new();
    drop(folder.open());
    let changed = Connection::open(folder.file()).unwrap();
    changed.execute_batch("ALTER TABLE samples DROP COLUMN payload").unwrap();
    drop(changed);
    let error = refused(&folder.file());
    assert_eq!(*error.cause(), StoreOpenCause::NotARecording);
    assert!(error.to_string().contains("samples has no column payload"), "{error}");
}

#[test]
fn what_is_no_database_is_said_to_be_none() {
    let folder = Folder::new();
    fs::write(
        folder.file(),
        "a letter to somebody, long enough to be taken for a file's header, if one is careless",
    )
    .unwrap();
    assert_eq!(cause(&folder.file()), StoreOpenCause::NotADatabase);
    let folder = Folder::new();
    fs::create_dir(folder.file()).unwrap();
    assert_eq!(cause(&folder.file()), StoreOpenCause::NotAFile);
}

#[test]
fn a_damaged_file_is_said_to_be_damaged() {
    let folder = Folder::new();
    drop(folder.open());
    let mut bytes = fs::read(folder.file()).unwrap();
    // Behind the header: the root of the list of tables.
    bytes[100..4_000].fill(0xa5);
    fs::write(folder.file(), bytes).unwrap();
    assert_eq!(cause(&folder.file()), StoreOpenCause::Corrupt);
}

#[test]
fn a_directory_must_be_there() {
    let folder = Folder::new();
    let error = refused(&folder.0.join("missing").join("recording.db"));
    assert_eq!(*error.cause(), StoreOpenCause::NoDirectory);
    assert!(error.to_string().contains("create it"), "{error}");
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    drop(folder.open());
    fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o444)).unwrap();
    if fs::OpenOptions::new().append(true).open(folder.file()).is_ok() {
        println!("skipped: a_file_that_may_not_be_written_is_refused: this user may write anything");
        return;
    }
    assert_eq!(cause(&folder.file()), StoreOpenCause::Denied);
}

/// Two servers on one file would take each other's sessions for those of the dead.
#[test]
fn a_file_has_one_store() {
    let folder = Folder::new();
    let store = folder.open();
    assert_eq!(cause(&folder.file()), StoreOpenCause::InUse, "in this process");
    drop(store);
    let mut other = Child::start("own", &folder.file());
    assert_eq!(other.said().as_deref(), Some("open"));
    assert_eq!(cause(&folder.file()), StoreOpenCause::InUse, "in another");
    other.kill();
    folder.open();
}

#[test]
fn a_file_locked_by_another_program_is_refused_after_a_while() {
    let folder = Folder::new();
    let mut store = folder.open();
    commit(&mut store, &[started("session_1", 1)]);
    drop(store);
    let mut other = Child::start("lock", &folder.file());
    assert_eq!(other.said().as_deref(), Some("locked"));
    assert_eq!(cause(&folder.file()), StoreOpenCause::Locked);
    other.go_on();
    assert_eq!(other.said().as_deref(), Some("unlocked"));
    folder.open();
}
