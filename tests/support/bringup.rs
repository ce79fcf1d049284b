//! The bring-up server as a program.

use super::{Running, run_example_with};
use serde_json::Value;
use std::{fs, io::Read, path::PathBuf, process::Command};

/// With these flags, and nothing left behind.
pub(crate) fn bringup(flags: &[&str]) -> Running {
    run_example_with("bringup", &[&["--store", "none"], flags].concat())
}

/// Ends it as its user would, and gives what it has said until then.
#[track_caller]
pub(crate) fn end(running: Running) -> String {
    end_by("TERM", running)
}

/// The same, by a signal.
#[track_caller]
pub(crate) fn end_by(signal: &str, mut running: Running) -> String {
    let killed = Command::new("kill").args(["-s", signal, &running.child.id().to_string()]).status();
    assert!(killed.expect("a signal can be sent").success());
    let mut said = String::new();
    running.stdout.read_to_string(&mut said).expect("what it says is text");
    assert_eq!(running.child.wait().expect("it ends").code(), Some(0));
    said
}

#[track_caller]
pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A directory that goes with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("andon-bringup-{}-{test}", std::process::id()));
        fs::create_dir(&path).expect("a folder for the test");
        Self(path)
    }

    /// The path of a file there.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path in UTF-8").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
