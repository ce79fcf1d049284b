//! Other processes: this program again, in one of some roles.

use super::{commit, sample, started};
use andon::{SqliteStore, Store as _, StoreError};
use rusqlite::Connection;
use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{self, ChildStdin, ChildStdout, Command, Stdio},
};

const ROLE: &str = "ANDON_RECORDER_ROLE";
const FILE: &str = "ANDON_RECORDER_FILE";

/// A process in a role. Killed when it is dropped.
pub(super) struct Child {
    process: process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    pub(super) fn start(role: &str, file: &Path) -> Self {
        Self::run(Command::new(env::current_exe().unwrap()), role, file)
    }

    /// The role in the hands of `sh`, to which the program's path is `$0` and the file's `$1`.
    pub(super) fn under_shell(mut shell: Command, script: &str, role: &str, file: &Path) -> Self {
        shell.args(["sh", "-c", script]).arg(env::current_exe().unwrap()).arg(file);
        Self::run(shell, role, file)
    }

    fn run(mut command: Command, role: &str, file: &Path) -> Self {
        if command.get_args().next().is_none() {
            command.args(ARGUMENTS);
        }
        let mut process = command
            .env(ROLE, role)
            .env(FILE, file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, input, output }
    }

    /// What it says next; `None` when it has ended.
    pub(super) fn said(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // The test harness talks as well.
            if let Some((_, said)) = line.split_once("> ") {
                return Some(said.trim_end().to_owned());
            }
        }
    }

    pub(super) fn go_on(&mut self) {
        writeln!(self.input, "go on").unwrap();
    }

    /// Kills it as nothing can be held against (SIGKILL), and waits until it is gone.
    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How the program is told to be a child.
pub(super) const ARGUMENTS: [&str; 4] = ["--exact", "children::role", "--ignored", "--nocapture"];

fn say(what: &str) {
    println!("> {what}");
}

fn wait_for_go() {
    std::io::stdin().lines().next();
}

#[test]
#[ignore = "the other process of other tests"]
fn role() {
    let Ok(role) = env::var(ROLE) else { return };
    let file = env::var_os(FILE).unwrap();
    let file = Path::new(&file);
    match role.as_str() {
        "lock" => {
            let other = Connection::open(file).unwrap();
            other.execute_batch("BEGIN EXCLUSIVE").unwrap();
            say("locked");
            wait_for_go();
            other.execute_batch("ROLLBACK").unwrap();
            drop(other);
            say("unlocked");
            wait_for_go();
        }
        "own" => {
            let _store = SqliteStore::open(file).unwrap();
            say("open");
            wait_for_go();
        }
        "record" => {
            let mut store = SqliteStore::open(file).unwrap();
            commit(&mut store, &[started("session_1", 0)]);
            for seq in 1.. {
                commit(&mut store, &[sample("session_1", seq)]);
                say(&seq.to_string());
            }
        }
        "fill" => fill(file),
        role => panic!("no role is named {role}"),
    }
}

/// On a disk of its own with 1 MiB: records until it is full, and again when there is room.
fn fill(file: &Path) {
    let ballast = file.with_extension("ballast");
    fs::write(&ballast, vec![0; 256 << 10]).unwrap();
    let mut store = SqliteStore::open(file).unwrap();
    commit(&mut store, &[started("session_1", 0)]);
    let mut acknowledged = 0;
    let down = loop {
        let batch: Vec<_> = (1..=50).map(|n| sample("session_1", acknowledged + n)).collect();
        match store.commit(&batch) {
            Ok(()) => acknowledged += 50,
            Err(StoreError::Down(why)) => break why,
            Err(other) => panic!("{other:?}"),
        }
    };
    say(&down);
    fs::remove_file(&ballast).unwrap();
    let batch: Vec<_> = (1..=50).map(|n| sample("session_1", acknowledged + n)).collect();
    commit(&mut store, &batch);
    acknowledged += 50;
    store.close();
    super::is_whole(file);
    let found = super::query(file, "SELECT count(*), max(seq) FROM samples");
    assert_eq!(found, [format!("{acknowledged}|{acknowledged}")]);
    say("healed");
}
