//! The client for browsers (`examples/web`): its rules, in virtual time (`tests/web/*.test.mjs`), its types, and itself against a real server.
//!
//! What a machine lacks is said by name and left out; where `CI` is set it is a failure. `.ci/run` installs what is needed.
#![cfg(feature = "contracts")]

mod support;

use andon::{
    Builder, DeviceRecord, DeviceSessionsConfig, Equipment, EquipmentMonitor, GuidedSession,
    GuidedSessionsConfig, Identity, IdentityTable, MemoryStore, MountOptions, Now, RecordBody, Request,
    Server, Stale, Subtask, Tags, TopicHubConfig, Verdict,
};
use serde_json::{Value, json};
use std::{path::PathBuf, process::Command, time::Duration};
use support::{
    PATIENCE,
    program::{Program, tool},
    start,
};

/// Tries come soon and never end; nothing here depends on when.
const SOON: &str = r#""retryMs": 20, "lostRetryMs": 20"#;

fn at(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Node with a WebSocket of its own, which behaves as a browser's does.
fn node_as_a_browser(test: &str) -> Option<Command> {
    let tries: [&[&str]; 2] = [&["node"], &["node", "--experimental-websocket", "--no-warnings"]];
    tool(test, "Node 20.10 or newer", &tries, &["-e", "new WebSocket('ws://127.0.0.1:9').onerror = () => {}"])
}

/// Node with the package ws, whose sockets are handed to the client.
fn node_with_ws(test: &str) -> Option<Command> {
    let check = ["--input-type=module", "-e", "import 'ws'"];
    tool(test, "Node with the package ws in tests/clients (npm install ws)", &[&["node"]], &check)
}

/// Skips what is said until it is this.
#[track_caller]
fn until(client: &Program, expected: &Value) {
    while client.next() != *expected {}
}

#[track_caller]
fn passes(mut command: Command) {
    let output = command.output().expect("it was found before");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_client_keeps_its_rules() {
    let check = ["-e", "process.exit(Number(process.versions.node.split('.')[0]) < 20 ? 1 : 0)"];
    let Some(mut node) = tool("the_client_keeps_its_rules", "Node 20 or newer", &[&["node"]], &check) else {
        return;
    };
    let files = std::fs::read_dir(at("tests/web")).expect("the tests are there");
    let mut tests: Vec<_> = files.map(|file| file.expect("it can be listed").path()).collect();
    tests.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    assert!(!tests.is_empty());
    tests.sort();
    // Of a test of its own that runs this one it would report to that.
    node.env_remove("NODE_TEST_CONTEXT").arg("--test").args(tests);
    passes(node);
}

#[test]
fn the_types_are_what_pages_write() {
    let compiler = at("tests/clients/node_modules/typescript/bin/tsc");
    let compiler = compiler.to_str().expect("the path is text");
    let what = "Node with the package typescript in tests/clients (npm install typescript)";
    let tries: [&[&str]; 2] = [&["node", compiler], &["tsc"]];
    let Some(mut tsc) = tool("the_types_are_what_pages_write", what, &tries, &["--version"]) else { return };
    tsc.args(["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext"]);
    tsc.arg(at("tests/web/types.mts"));
    passes(tsc);
}

fn line() -> (Tags, Builder) {
    let equipment = ["용접 1", "A2"].map(|code| Equipment::new(code, "설비", Stale::never()));
    let (tags, scan) =
        equipment.into_iter().fold(Tags::builder(), |tags, one| tags.equipment(one)).build().unwrap();
    let monitor = EquipmentMonitor::new(scan).period(Duration::from_millis(20));
    (tags, Server::builder().mount("/ws/monitor", monitor))
}

fn monitor_shows_the_line_and_comes_back(node: Command, mode: &str) {
    let (tags, builder) = line();
    let (server, addr) = start(builder);
    let options = format!("{{{SOON}{mode}}}");
    let client =
        Program::run(node, "web_client.mjs", &["monitor", &format!("ws://{addr}/ws/monitor"), &options]);
    assert_eq!(client.next(), json!({"state": "connecting"}));
    assert_eq!(client.next(), json!({"state": "open"}));
    until(&client, &json!({"equipment": {"용접 1": "disconnected", "A2": "disconnected"}}));
    tags.set(tags.equipment("용접 1").unwrap().status_tag(), true).unwrap();
    until(&client, &json!({"equipment": {"용접 1": "running", "A2": "disconnected"}}));
    tags.touch(tags.equipment("A2").unwrap()).unwrap();
    until(&client, &json!({"equipment": {"용접 1": "running", "A2": "idle"}}));
    tags.source_lost();
    until(&client, &json!({"source": "error"}));

    server.stop(PATIENCE);
    until(&client, &json!({"source": "disconnected"}));
    assert_eq!(client.next(), json!({"state": "waiting", "code": 1001}));
    // It stays away until what is shown is too old.
    until(&client, &json!({"equipment": {"용접 1": "disconnected", "A2": "disconnected"}}));
    let (tags, builder) = line();
    tags.touch(tags.equipment("A2").unwrap()).unwrap();
    let _server = builder.listen(addr.to_string()).start().expect("the port is free again");
    until(&client, &json!({"state": "open"}));
    until(&client, &json!({"equipment": {"용접 1": "disconnected", "A2": "idle"}}));
}

#[test]
fn the_monitor_shows_the_line_and_comes_back() {
    let Some(node) = node_as_a_browser("the_monitor_shows_the_line_and_comes_back") else { return };
    monitor_shows_the_line_and_comes_back(node, "");
}

#[test]
fn the_monitor_lives_on_changes_alone() {
    let Some(node) = node_with_ws("the_monitor_lives_on_changes_alone") else { return };
    monitor_shows_the_line_and_comes_back(node, r#", "mode": "changes""#);
}

#[test]
fn the_monitor_watches_some_equipment() {
    let Some(node) = node_as_a_browser("the_monitor_watches_some_equipment") else { return };
    let (_tags, builder) = line();
    let (_server, addr) = start(builder);
    let options = r#"{"equipment": ["용접 1"], "rate": 50}"#;
    let client =
        Program::run(node, "web_client.mjs", &["monitor", &format!("ws://{addr}/ws/monitor"), options]);
    until(&client, &json!({"equipment": {"용접 1": "disconnected"}}));
}

#[test]
fn the_monitor_is_lost_where_it_asks_in_vain() {
    let Some(node) = node_as_a_browser("the_monitor_is_lost_where_it_asks_in_vain") else { return };
    let (_tags, builder) = line();
    let (_server, addr) = start(builder);
    let options = format!(r#"{{{SOON}, "equipment": ["NOPE"]}}"#);
    let client =
        Program::run(node, "web_client.mjs", &["monitor", &format!("ws://{addr}/ws/monitor"), &options]);
    for _ in 0..5 {
        assert_eq!(client.next(), json!({"state": "connecting"}));
        assert_eq!(client.next(), json!({"state": "waiting", "code": 1006}));
    }
    assert_eq!(client.next(), json!({"state": "connecting"}));
    assert_eq!(client.next(), json!({"state": "lost", "code": 1006}));
}

#[test]
fn the_topic_client_keeps_the_latest_of_every_key_and_answers_pings() {
    let Some(node) = node_as_a_browser("the_topic_client_keeps_the_latest_of_every_key_and_answers_pings")
    else {
        return;
    };
    let config = || TopicHubConfig::new().ping_interval(Some(Duration::from_millis(50)));
    let (server, addr) = start(Server::builder().topic_hub("/ws/{topic}", config()));
    let hub = server.topic_hub().expect("mounted");
    hub.publish_key("robots", "1", r#"{"id":1,"at":"dock"}"#).expect("there is room");
    hub.publish_key("robots", "2", r#"{"id":2}"#).expect("there is room");
    let options = format!("{{{SOON}}}");
    let args = ["topic", &format!("ws://{addr}/ws"), "robots", &options];
    let client = Program::run(node, "web_client.mjs", &args);
    until(&client, &json!({"update": 2, "values": {"1": {"id": 1, "at": "dock"}, "2": {"id": 2}}}));
    hub.publish_key("robots", "1", r#"{"id":1,"at":"gate"}"#).expect("there is room");
    until(&client, &json!({"update": 1, "values": {"1": {"id": 1, "at": "gate"}, "2": {"id": 2}}}));
    until(&client, &json!({"ping": true}));
    support::stats_until(&server.handle(), "its pong came", |stats| stats.messages_in > 0);
    assert_eq!(server.stats().messages_refused, 0);

    server.stop(PATIENCE);
    until(&client, &json!({"shutdown": "Server is shutting down"}));
    until(&client, &json!({"state": "waiting", "code": 1001}));
    let server = Server::builder().topic_hub("/ws/{topic}", config()).listen(addr.to_string());
    let server = server.start().expect("the port is free again");
    until(&client, &json!({"state": "open"}));
    let hub = server.topic_hub().expect("mounted");
    hub.publish_key("robots", "2", r#"{"id":2}"#).expect("there is room");
    until(&client, &json!({"update": 2, "values": {"2": {"id": 2}}}));
}

/// A page shows its token among the subprotocols. Revoked, it is told so by 1008 and is lost at once; known again, it is back.
#[test]
fn who_is_revoked_is_lost_until_it_is_known_again() {
    let Some(node) = node_as_a_browser("who_is_revoked_is_lost_until_it_is_known_again") else { return };
    let table = IdentityTable::new().subprotocol();
    let admit = || table.insert("token", Identity::new("17")).expect("there is room");
    admit();
    let options = MountOptions::new().gate(table.clone());
    let hub = Server::builder().topic_hub_with("/ws/{topic}", options, TopicHubConfig::new());
    let (server, addr) = start(hub);
    let options = format!(r#"{{{SOON}, "protocols": ["andon.bearer", "token"]}}"#);
    let args = ["topic", &format!("ws://{addr}/ws"), "robots", &options];
    let client = Program::run(node, "web_client.mjs", &args);
    until(&client, &json!({"state": "open"}));
    table.remove("token").expect("it was there");
    server.handle().revoke("17").expect("the server runs");
    assert_eq!(client.next(), json!({"state": "lost", "code": 1008}));
    admit();
    assert_eq!(client.next(), json!({"state": "open"}));
}

/// What a device's session was, once it had ended: how, how many samples, and what they say.
fn recorded(store: &MemoryStore, session: &str) -> (String, u64, Vec<Value>) {
    let records = store.records().into_iter().filter_map(|record| match record.body {
        RecordBody::Device(record) => Some(record),
        _ => None,
    });
    let (mut end, mut samples) = (None, Vec::new());
    for record in records {
        match record {
            DeviceRecord::SessionEnded(row) if *row.id == *session => end = Some(row),
            DeviceRecord::Sample(sample)
                if sample.place.as_ref().is_some_and(|place| *place.0 == *session) =>
            {
                samples.push(serde_json::from_str(&sample.payload).expect("it is JSON"));
            }
            _ => {}
        }
    }
    let end = end.expect("it was acknowledged");
    (end.status.as_str().to_owned(), end.sample_count, samples)
}

#[test]
fn a_device_collects_across_networks_and_servers() {
    let Some(node) = node_as_a_browser("a_device_collects_across_networks_and_servers") else { return };
    let store = MemoryStore::new(1_000);
    let builder =
        || Server::builder().store(store.clone()).device_sessions("/ws/device", DeviceSessionsConfig::new());
    let (server, addr) = start(builder());
    let options = format!("{{{SOON}}}");
    let args = ["device", &format!("ws://{addr}/ws/device"), "AMR_001", &options];
    let client = Program::run(node, "web_client.mjs", &args);
    let told = |name: &str| loop {
        if let Value::String(id) = &client.next()[name] {
            return id.clone();
        }
    };
    let first = told("started");
    until(&client, &json!({"waiting": 1}));
    until(&client, &json!({"state": "open"}));
    assert_eq!(told("over"), first);
    let sample = |session: &str, kind: &str, v: u8| json!({"type": kind, "v": v, "deviceId": "AMR_001", "sessionId": session});
    let both = vec![sample(&first, "sensor_data", 1), sample(&first, "sensor_data", 2)];
    // Its first connection was never heard to end.
    assert_eq!(recorded(&store, &first), ("completed".to_owned(), 2, both));

    let second = told("started");
    support::stats_until(&server.handle(), "its sample came", |stats| stats.messages_in >= 8);
    server.stop(PATIENCE);
    assert_eq!(told("ended"), second);
    until(&client, &json!({"state": "waiting", "code": 1001}));
    assert_eq!(recorded(&store, &second), ("stopped".to_owned(), 1, vec![sample(&second, "lidar", 3)]));
    // It asked to start again at once; the next server answers.
    let _server = builder().listen(addr.to_string()).start().expect("the port is free again");
    let third = told("started");
    assert_ne!(third, second);
}

fn lesson() -> Builder {
    let gate = |_: Now, request: &Request<'_>| {
        Verdict::Allow(match request.cookie("who") {
            Some("student") => Identity::new("2").with_name("학생").with_role("STUDENT"),
            Some("instructor") => Identity::new("10").with_name("강사").with_role("INSTRUCTOR"),
            _ => Identity::ANONYMOUS,
        })
    };
    let session =
        GuidedSession::new("TEST001").subtask(Subtask::new(1, "One")).subtask(Subtask::new(2, "Two"));
    Server::builder().store(MemoryStore::new(1_000)).guided_sessions_with(
        "/ws/sessions/{code}/",
        MountOptions::new().gate(gate),
        GuidedSessionsConfig::new().session(session),
    )
}

#[test]
fn a_student_is_led_through_a_session_and_comes_back() {
    let test = "a_student_is_led_through_a_session_and_comes_back";
    let (Some(for_student), Some(for_instructor)) = (node_as_a_browser(test), node_as_a_browser(test)) else {
        return;
    };
    let (server, addr) = start(lesson());
    let options = format!("{{{SOON}}}");
    let person = |node, role, cookie| {
        let args = ["guided", &format!("ws://{addr}/ws/sessions"), "TEST001", role, cookie, &options];
        Program::run(node, "web_client.mjs", &args)
    };
    let instructor = person(for_instructor, "INSTRUCTOR", "who=instructor");
    until(&instructor, &json!({"joined": 10}));
    let student = person(for_student, "STUDENT", "who=student");
    until(&student, &json!({"joined": 2}));
    assert_eq!(student.next(), json!({"done": 1}));
    assert_eq!(instructor.next(), json!({"participant_joined": 2}));
    assert_eq!(instructor.next(), json!({"progress": [2, 1, "completed"]}));
    let unknown = "\"subtask_id\" must be the id of a subtask of this session";
    assert_eq!(student.next(), json!({"fault": unknown}));
    assert_eq!(student.next(), json!({"rejected": unknown}));
    assert_eq!(instructor.next(), json!({"help": 2, "message": "도와주세요"}));
    for told in [
        json!({"step": 2, "title": "Two"}),
        json!({"status": "PAUSED", "message": "세션이 일시정지되었습니다"}),
        json!({"status": "IN_PROGRESS", "message": "세션이 재개되었습니다"}),
        json!({"status": "ENDED", "message": "세션이 종료되었습니다"}),
    ] {
        assert_eq!(instructor.next(), told);
        assert_eq!(student.next(), told);
    }

    drop(instructor);
    until(&student, &json!({"participant_left": 10}));
    server.stop(PATIENCE);
    until(&student, &json!({"state": "waiting", "code": 1001}));
    let server = lesson().listen(addr.to_string()).start().expect("the port is free again");
    until(&student, &json!({"state": "open"}));
    support::stats_until(&server.handle(), "it has joined again", |stats| stats.messages_in > 0);
    assert_eq!(server.stats().messages_refused, 0);
}
