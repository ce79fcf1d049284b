//! Clients of guided sessions as people write them, in their languages, against a real server: `tests/clients/guided_*`.
//!
//! What a machine lacks is said by name and left out; where `CI` is set it is a failure. `.ci/run` installs what is needed.
#![cfg(feature = "contracts")]

mod support;

use andon::{
    Builder, GuidedSession, GuidedSessionsConfig, Identity, MemoryStore, MountOptions, Now, Request, Server,
    Subtask, Verdict,
};
use serde_json::{Value, json};
use std::{net::SocketAddr, process::Command};
use support::{
    PATIENCE,
    program::{Program, tool},
    start,
};

fn lesson() -> Builder {
    let gate = |_: Now, request: &Request<'_>| {
        Verdict::Allow(match request.cookie("sessionid") {
            Some("student2") => Identity::new("2").with_name("Test Student").with_role("STUDENT"),
            Some("instructor10") => Identity::new("10").with_name("강사").with_role("INSTRUCTOR"),
            _ => Identity::ANONYMOUS,
        })
    };
    let session =
        GuidedSession::new("TEST001").subtask(Subtask::new(1, "Step 1: Open the settings")).subtask(
            Subtask::new(2, "Step 2: Enable Notifications").guide("CLICK", "Please enable notifications"),
        );
    Server::builder().store(MemoryStore::new(1_000)).guided_sessions_with(
        "/ws/sessions/{code}/",
        MountOptions::new().gate(gate),
        GuidedSessionsConfig::new().session(session),
    )
}

fn node(test: &str) -> Option<Command> {
    let what = "Node 20.10 or newer (or an older one and the package ws in tests/clients)";
    let check = ["--input-type=module", "-e", "globalThis.WebSocket ?? (await import('ws')).default"];
    tool(test, what, &[&["node"], &["node", "--experimental-websocket", "--no-warnings"]], &check)
}

fn javascript(node: Command, addr: SocketAddr, role: &str, cookie: &str) -> Program {
    Program::run(node, "guided_client.mjs", &[&format!("ws://{addr}"), role, cookie, "20"])
}

/// The next message but acknowledged heartbeats, which come when they come.
#[track_caller]
fn next_but_acks(client: &Program) -> Value {
    let next = std::iter::from_fn(|| Some(client.next()));
    let line = next.into_iter().find(|line| line["event"] != "heartbeat_ack").expect("never at an end");
    line["detail"].clone()
}

#[test]
fn the_javascript_clients_go_through_the_two_scenarios() {
    let test = "the_javascript_clients_go_through_the_two_scenarios";
    let (Some(for_student), Some(for_instructor)) = (node(test), node(test)) else { return };
    let (server, addr) = start(lesson());
    let student = javascript(for_student, addr, "student", "theme=dark; sessionid=student2");
    assert_eq!(student.next(), json!({"event": "open", "detail": "student"}));
    let joined = json!({"type": "join_confirmed", "session_code": "TEST001", "user_id": 2, "message": "세션에 참가했습니다"});
    assert_eq!(next_but_acks(&student), joined);
    let done = json!({"type": "step_complete_confirmed", "subtask_id": 1, "message": "단계를 완료했습니다"});
    assert_eq!(next_but_acks(&student), done);
    let ack = student.next();
    assert_eq!(ack["event"], "heartbeat_ack");
    assert!(ack["detail"]["timestamp"].as_i64().is_some_and(|at| at > 1_700_000_000_000));

    let instructor = javascript(for_instructor, addr, "instructor", "sessionid=instructor10");
    assert_eq!(instructor.next(), json!({"event": "open", "detail": "instructor"}));
    let joined =
        json!({"type": "participant_joined", "user_id": 10, "user_name": "강사", "role": "INSTRUCTOR"});
    assert_eq!(next_but_acks(&student), joined);
    let step = json!({"id": 2, "title": "Step 2: Enable Notifications", "order_index": 2, "target_action": "CLICK",
        "guide_text": "Please enable notifications", "voice_guide_text": null});
    let status =
        |status, message| json!({"type": "session_status_changed", "status": status, "message": message});
    for told in [
        json!({"type": "step_changed", "subtask": step}),
        status("PAUSED", "세션이 일시정지되었습니다"),
        status("IN_PROGRESS", "세션이 재개되었습니다"),
    ] {
        assert_eq!(next_but_acks(&instructor), told);
        assert_eq!(next_but_acks(&student), told);
    }
    drop(instructor);
    let left = json!({"type": "participant_left", "user_id": 10, "user_name": "강사"});
    assert_eq!(next_but_acks(&student), left);
    server.stop(PATIENCE);
    assert_eq!(next_but_acks(&student), json!(1001));
}

#[test]
fn the_documents_script_gets_its_three_answers() {
    let test = "the_documents_script_gets_its_three_answers";
    let venv = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/.venv/bin/python");
    let tries: [&[&str]; 3] = [&[venv], &["python3"], &["python"]];
    let what = "Python with the package websockets (pip install websockets)";
    let Some(python) = tool(test, what, &tries, &["-c", "import websockets"]) else { return };
    let (_server, addr) = start(lesson());
    let uri = format!("ws://{addr}/ws/sessions/TEST001/");
    let script = Program::run(python, "guided_student.py", &[&uri, "sessionid=student2"]);
    for (words, kind) in [
        ("Join response: ", "join_confirmed"),
        ("Heartbeat response: ", "heartbeat_ack"),
        ("Step complete response: ", "step_complete_confirmed"),
    ] {
        let line = script.next_line();
        let json = line.strip_prefix(words).unwrap_or_else(|| panic!("{words}: {line}"));
        let message: Value = serde_json::from_str(json).expect(json);
        assert_eq!(message["type"], kind);
    }
}
