//! What happens when the file cannot be written any more, and afterwards.

use super::{
    children::{ARGUMENTS, Child},
    *,
};
use andon::StoreError;
use std::{process::Command, time::Duration};

/// Says why the store is down.
fn down(outcome: Result<(), StoreError>) -> String {
    match outcome {
        Err(StoreError::Down(why)) => why,
        other => panic!("the store is not down: {other:?}"),
    }
}

#[test]
fn a_lock_of_another_program_is_waited_out() {
    let folder = Folder::new();
    let mut store = SqliteStore::builder(folder.file()).busy_wait(Duration::from_millis(10)).open().unwrap();
    commit(&mut store, &[started("session_1", 1)]);
    let mut other = Child::start("lock", &folder.file());
    assert_eq!(other.said().as_deref(), Some("locked"));
    let why = down(store.commit(&[sample("session_1", 1)]));
    assert!(why.contains("another program"), "{why}");
    other.go_on();
    assert_eq!(other.said().as_deref(), Some("unlocked"));
    commit(&mut store, &[sample("session_1", 1)]);
    let active = query(&folder.file(), "SELECT status FROM sessions");
    assert_eq!(active, ["active"], "what goes on is not taken for what an earlier run left");
}

/// A commit into a file that has no name any more is lost with the process; and what is in a file that has come back is not written twice.
#[test]
#[cfg(unix)]
fn a_file_that_was_removed_is_noticed_and_begun_anew() {
    let folder = Folder::new();
    // What is in the file at last. Without its log it still has what this process knows of it.
    for (removed, keys) in
        [("recording.db", vec!["after"]), ("recording.db-wal", vec!["after", "before", "after"])]
    {
        let mut store = folder.open();
        commit(&mut store, &[custom("before", 1, b"")]);
        fs::remove_file(folder.0.join(removed)).unwrap();
        let why = down(store.commit(&[custom("after", 2, b"")]));
        assert!(why.contains("removed"), "{why}");
        commit(&mut store, &[custom("after", 2, b"")]);
        assert_eq!(query(&folder.file(), "SELECT key FROM records ORDER BY id"), keys, "{removed}");
        is_whole(&folder.file());
        drop(store);
    }
}

#[test]
#[cfg(unix)]
fn a_directory_that_is_gone_is_waited_for() {
    let folder = Folder::new();
    let aside = Folder::new();
    let mut store = folder.open();
    commit(&mut store, &[ticketed(1, custom("k", 1, b"one"))]);
    let away = aside.0.join("away");
    fs::rename(&folder.0, &away).unwrap();
    down(store.commit(&[ticketed(2, custom("k", 2, b"two"))]));
    let why = down(store.commit(&[ticketed(2, custom("k", 2, b"two"))]));
    assert!(why.contains("directory"), "{why}");
    fs::rename(&away, &folder.0).unwrap();
    commit(&mut store, &[ticketed(2, custom("k", 2, b"two"))]);
    assert_eq!(query(&folder.file(), "SELECT payload FROM records"), ["one", "two"]);
}

/// The system's own full disk: a file system of 1 MiB, which only the child sees.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_waited_out() {
    let mut namespace = Command::new("unshare");
    namespace.args(["--user", "--map-root-user", "--mount"]);
    let possible = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/tmp"])
        .status();
    if !possible.is_ok_and(|status| status.success()) {
        println!("skipped: a_full_disk_is_waited_out: this user may not mount");
        return;
    }
    let folder = Folder::new();
    let script = format!(
        "mount -t tmpfs -o size=1m none \"$(dirname \"$1\")\" && exec \"$0\" {}",
        ARGUMENTS.join(" ")
    );
    let mut child = Child::under_shell(namespace, &script, "fill", &folder.file());
    let why = child.said().expect("the disk becomes full");
    assert!(why.contains("room"), "{why}");
    assert_eq!(child.said().as_deref(), Some("healed"));
}

/// REC-5: what was acknowledged is there, and the file is whole, whenever the process dies.
#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = Folder::new();
    let mut child = Child::start("record", &folder.file());
    let mut acknowledged = 0;
    while acknowledged < 50 {
        acknowledged = child.said().unwrap().parse().unwrap();
    }
    child.kill();
    while let Some(said) = child.said() {
        acknowledged = said.parse().unwrap();
    }
    let _store = folder.open();
    is_whole(&folder.file());
    let found: Vec<u64> = query(&folder.file(), "SELECT seq FROM samples ORDER BY seq")
        .iter()
        .map(|seq| seq.parse().unwrap())
        .collect();
    // One more may have been committed and not have been acknowledged any more.
    assert!(found.len() as u64 >= acknowledged && found.iter().copied().eq(1..=found.len() as u64));
    let session = query(&folder.file(), "SELECT status, sample_count, ended_at FROM sessions");
    assert_eq!(session, [format!("interrupted|{0}|{0}000", found.len())]);
}

/// What is damaged is not recorded into.
#[test]
fn damage_while_it_runs_takes_the_store_down() {
    let folder = Folder::new();
    let mut store = folder.open();
    commit(&mut store, &[custom("k", 1, b"one")]);
    let damage = Connection::open(folder.file()).unwrap();
    damage.pragma_update(None, "writable_schema", true).unwrap();
    damage.execute_batch("UPDATE sqlite_schema SET rootpage = 1 WHERE name = 'records'").unwrap();
    damage.pragma_update(None, "schema_version", 1_000).unwrap();
    drop(damage);
    let why = down(store.commit(&[custom("k", 2, b"two")]));
    assert!(why.contains("damaged"), "{why}");
}
