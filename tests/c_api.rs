//! The C interface, used by programs in C: each in `tests/c`, ending with 0 if all is well.

#![cfg(all(feature = "ffi", feature = "contracts", target_os = "linux"))]

#[path = "support/c.rs"]
mod c;

use c::{Link, run};
use std::process::Command;

#[test]
fn a_server_lives_and_ends() {
    run("tests/c/life.c", Link::Shared);
}

#[test]
fn a_server_lives_and_ends_when_linked_statically() {
    run("tests/c/life.c", Link::Static);
}

#[test]
fn tags_are_written_in_every_way_and_wrongly() {
    run("tests/c/tags.c", Link::Shared);
}

#[test]
fn topics_are_published_to() {
    run("tests/c/topics.c", Link::Shared);
}

#[test]
fn contracts_routes_and_decisions_are_the_hosts() {
    run("tests/c/contract.c", Link::Shared);
}

#[test]
fn every_mistake_has_its_status() {
    run("tests/c/errors.c", Link::Shared);
}

#[test]
fn many_threads_share_a_server_whose_clients_vanish() {
    run("tests/c/threads.c", Link::Shared);
}

#[test]
fn every_end_is_defined() {
    if !c::has("cc") {
        return;
    }
    let program = c::build("tests/c/ends.c", Link::Shared, &[]);
    for (end, says) in [
        ("after_a_stop", ""),
        ("in_a_child", ""),
        ("without_a_stop", ""),
        ("at_exit", "stopped at exit\n"),
        ("abandoned", ""),
        ("from_a_callback", ""),
    ] {
        let output = c::succeed(Command::new(&program).arg(end));
        assert_eq!(String::from_utf8_lossy(&output.stdout), says, "{end}");
    }
}

#[test]
fn writes_are_for_real_time_threads() {
    if c::has("cc") {
        // Bound at the start, so that the first call of a function asks the loader for nothing.
        c::succeed(&mut Command::new(c::build(
            "tests/c/realtime.c",
            Link::Shared,
            &["-Wl,-z,now", "-fno-builtin"],
        )));
    }
}

/// The program that times writes works; what it finds is for people.
#[test]
fn writes_can_be_timed() {
    if c::has("cc") {
        let output = c::succeed(Command::new(c::build("tests/c/timing.c", Link::Shared, &[])).arg("20000"));
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}
