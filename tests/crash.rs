//! A server that records is killed in the midst of its work, by `examples/crash.rs`: what its clients saw acknowledged is in the file.
//!
//! `ANDON_CRASH_CYCLES=200 cargo test --release --test crash` for more kills than the few of every run.

#![cfg(all(unix, feature = "sqlite", feature = "contracts"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;
use support::example;

/// REC-5, DEV-14.
#[test]
fn nothing_acknowledged_is_lost_to_a_kill() {
    let cycles = std::env::var("ANDON_CRASH_CYCLES").unwrap_or_else(|_| "4".into());
    let output = Command::new(example("crash")).args(["--cycles", &cycles]).output().unwrap();
    let words = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}{}", words[0], words[1]);
    assert!(words[0].contains(&format!("{cycles} kills: ")), "{}", words[0]);
}
