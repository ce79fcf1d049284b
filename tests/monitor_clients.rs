//! Clients of the equipment monitor as people write them, in their languages, against a real server: `tests/clients/monitor_*`.
//!
//! What a machine lacks is said by name and left out; where `CI` is set it is a failure. `.ci/run` installs what is needed.
#![cfg(feature = "contracts")]

mod support;

use andon::{Builder, Equipment, EquipmentMonitor, EquipmentStatus, Server, Stale, Tags};
use serde_json::{Value, json};
use std::{net::SocketAddr, process::Command, time::Duration};
use support::{
    PATIENCE,
    program::{Program, tool},
    start,
};

/// One for each colour, and what is never written.
const CODES: [&str; 6] = ["running", "idle", "stopped", "error", "disconnected", "용접 6"];

fn line() -> (Tags, Builder) {
    let equipment = CODES.map(|code| Equipment::new(code, format!("설비 {code}"), Stale::never()));
    let (tags, scan) =
        equipment.into_iter().fold(Tags::builder(), |tags, one| tags.equipment(one)).build().unwrap();
    let of = |code| tags.equipment(code).unwrap();
    tags.set(of("running").status_tag(), true).unwrap();
    tags.touch(of("idle")).unwrap();
    tags.set_status(of("stopped"), Some(EquipmentStatus::Stopped)).unwrap();
    tags.set(of("error").error_tag(), true).unwrap();
    tags.set(of("disconnected").connection(), false).unwrap();
    let monitor = EquipmentMonitor::new(scan).period(Duration::from_millis(20));
    (tags, Server::builder().mount("/ws/monitor", monitor))
}

fn url(addr: SocketAddr) -> String {
    format!("ws://{addr}/ws/monitor")
}

fn node(test: &str) -> Option<Command> {
    let check = ["--input-type=module", "-e", "import 'ws'"];
    tool(test, "Node with the package ws in tests/clients (npm install ws)", &[&["node"]], &check)
}

fn colours(six: [&str; 6]) -> Value {
    json!({"equipment": CODES.into_iter().zip(six).collect::<std::collections::BTreeMap<_, _>>()})
}

/// Until the page shows just this; what it shows meanwhile is equipment.
#[track_caller]
fn until(page: &Program, expected: &Value) {
    loop {
        let line = page.next();
        if line == *expected {
            return;
        }
        assert!(line.get("equipment").is_some(), "{line}");
    }
}

#[test]
fn a_page_shows_the_line_and_comes_back() {
    let Some(node) = node("a_page_shows_the_line_and_comes_back") else { return };
    let (tags, builder) = line();
    let (server, addr) = start(builder);
    // Five attempts a second apart: the next server is there before the last.
    let page = Program::run(node, "monitor_page.mjs", &[&url(addr), "1000"]);
    assert_eq!(page.next(), json!({"status": "connected"}));
    assert_eq!(page.next(), json!({"told": "connected"}));
    assert_eq!(page.next(), colours(["green", "yellow", "red", "purple", "gray", "gray"]));
    tags.touch(tags.equipment(CODES[5]).unwrap()).unwrap();
    until(&page, &colours(["green", "yellow", "red", "purple", "gray", "yellow"]));
    tags.source_lost();
    until(&page, &json!({"told": "error"}));
    server.stop(PATIENCE);
    until(&page, &json!({"told": "disconnected"}));
    assert_eq!(page.next(), json!({"status": "reconnecting", "code": 1001}));

    let (_tags, builder) = line();
    let _server = builder.listen(addr.to_string()).start().expect("the port is free again");
    let mut next = page.next();
    while next == json!({"status": "reconnecting", "code": 1006}) {
        next = page.next();
    }
    assert_eq!(next, json!({"status": "connected"}));
    assert_eq!(page.next(), json!({"told": "connected"}));
    assert_eq!(page.next(), colours(["green", "yellow", "red", "purple", "gray", "gray"]));
}

#[test]
fn a_page_that_finds_nobody_any_more_shows_all_equipment_gray() {
    let Some(node) = node("a_page_that_finds_nobody_any_more_shows_all_equipment_gray") else { return };
    let (_tags, builder) = line();
    let (server, addr) = start(builder);
    let page = Program::run(node, "monitor_page.mjs", &[&url(addr), "1"]);
    assert_eq!(page.next(), json!({"status": "connected"}));
    assert_eq!(page.next(), json!({"told": "connected"}));
    assert_eq!(page.next(), colours(["green", "yellow", "red", "purple", "gray", "gray"]));
    server.stop(PATIENCE);
    until(&page, &json!({"told": "disconnected"}));
    assert_eq!(page.next(), json!({"status": "reconnecting", "code": 1001}));
    for _ in 0..5 {
        assert_eq!(page.next(), json!({"status": "reconnecting", "code": 1006}));
    }
    assert_eq!(page.next(), json!({"status": "failed"}));
    assert_eq!(page.next(), colours(["gray"; 6]));
}

#[test]
fn a_script_finds_equipment_in_every_message() {
    let test = "a_script_finds_equipment_in_every_message";
    let venv = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/.venv/bin/python");
    let tries: [&[&str]; 3] = [&[venv], &["python3"], &["python"]];
    let what = "Python with the package websockets (pip install websockets)";
    let Some(python) = tool(test, what, &tries, &["-c", "import websockets"]) else { return };
    let (_tags, builder) = line();
    let (_server, addr) = start(builder);
    let script = Program::run(python, "monitor_count.py", &[&url(addr)]);
    for number in 1..=10 {
        let kind = if number == 1 { "connection_status" } else { "equipment_status" };
        assert_eq!(script.next(), json!({"number": number, "type": kind, "equipment": CODES.len()}));
    }
}
