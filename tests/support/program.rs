//! Programs that are clients: run, listened to, ended.

use super::PATIENCE;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

/// A client's program, which is ended when this is dropped, and the lines that it prints.
pub(crate) struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Program {
    pub(crate) fn run(mut command: Command, script: &str, args: &[&str]) -> Self {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
        command.arg(script).args(args);
        Self::start(command)
    }

    /// A command as it is.
    pub(crate) fn start(mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn();
        let mut child = child.expect("it was found before");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let (tx, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if tx.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line, which is JSON.
    #[track_caller]
    pub(crate) fn next(&self) -> Value {
        let line = self.next_line();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))
    }

    /// The next line.
    #[track_caller]
    pub(crate) fn next_line(&self) -> String {
        self.next_line_within(PATIENCE)
    }

    /// The next line of one that may take so long.
    #[track_caller]
    pub(crate) fn next_line_within(&self, patience: Duration) -> String {
        self.lines.recv_timeout(patience).expect("the client says something")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first of `tries` that runs; says what is missing otherwise, and fails where everything should be there.
pub(crate) fn tool(test: &str, what: &str, tries: &[&[&str]], check: &[&str]) -> Option<Command> {
    for words in tries {
        let command = || {
            let mut command = Command::new(words[0]);
            command
                .args(&words[1..])
                .current_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients"));
            command
        };
        let ran = command().args(check).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if ran.is_ok_and(|status| status.success()) {
            return Some(command());
        }
    }
    assert!(std::env::var_os("CI").is_none(), "{test}: {what} is missing");
    println!("{test}: skipped, since {what} is missing");
    None
}
