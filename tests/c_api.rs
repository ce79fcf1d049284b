//! The C interface, used by programs in C: each in `tests/c`, ending with 0 if all is well.

#![cfg(all(feature = "ffi", feature = "contracts", target_os = "linux"))]

#[path = "support/c.rs"]
mod c;

use c::{Link, run};

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
