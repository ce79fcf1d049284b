//! What the built-in contracts leave in the file, from their clients' first message on.

use super::{
    support::{Client, PATIENCE, eventually, limits, start, upgrade_head},
    *,
};
use andon::{
    Builder, DeviceSessionsConfig, GuidedSession, GuidedSessionsConfig, Identity, IdentityTable,
    MountOptions, Server, Subtask,
};
use std::{net::SocketAddr, time::Duration};

const DEVICES: &str = "/ws/device";
const PEOPLE: &str = "/ws/sessions/{code}/";

fn message(client: &mut Client) -> serde_json::Value {
    serde_json::from_str(&client.take_text()).unwrap()
}

/// The id of a session that the device begins, at its own time 1.
fn begin(client: &mut Client, device: &str) -> String {
    client.text(&format!(r#"{{"type":"session_start","deviceId":"{device}","timestamp":1}}"#));
    let created = message(client);
    assert_eq!(created["type"], "session_created");
    created["sessionId"].as_str().unwrap().to_owned()
}

/// REC-1: a session has its row from its beginning on, and in the end it says how it ended, by its client's times as well.
#[test]
fn each_way_in_which_a_session_ends_is_in_its_row() {
    let folder = Folder::new();
    let serve = |idle| {
        let config = DeviceSessionsConfig::new().idle_timeout(idle);
        // A client that hangs about does not hold the stop up.
        let short = limits(|limits| limits.close_wait = Duration::from_millis(50));
        start(Server::builder().limits(short).device_sessions(DEVICES, config).store(folder.open()))
    };
    let status = |id: &str| {
        let sql = format!(
            "SELECT device_id, status, sample_count, client_started_at, client_ended_at, ended_at IS NULL, ended_at < started_at
             FROM sessions WHERE session_id = '{id}'"
        );
        query(&folder.file(), &sql).concat()
    };
    let (server, addr) = serve(None);
    let mut client = Client::open(addr, DEVICES);
    let completed = begin(&mut client, "a");
    client.text(r#"{"type":"sensor_data","deviceId":"a","n":1.50}"#);
    eventually("it is there while it goes on", || status(&completed) == "a|active|0|1||1|");
    client.text(&format!(
        r#"{{"type":"session_end","deviceId":"a","sessionId":"{completed}","timestamp":2.50}}"#
    ));
    assert_eq!(message(&mut client)["type"], "session_ended");
    assert_eq!(status(&completed), "a|completed|1|1|2.50|0|0", "by the time that the client knows");
    let (auto_ended, ended_by_host) = (begin(&mut client, "b"), begin(&mut client, "b"));
    server.device_sessions(DEVICES).unwrap().end_session(&ended_by_host).unwrap();
    assert_eq!(message(&mut client)["sessionId"], *ended_by_host);
    let mut leaving = Client::open(addr, DEVICES);
    let disconnected = begin(&mut leaving, "c");
    drop(leaving);
    eventually("it is noticed", || status(&disconnected).starts_with("c|disconnected"));
    let stopped = begin(&mut client, "d");
    server.stop(PATIENCE);

    let (_server, addr) = serve(Some(Duration::from_millis(50)));
    let mut client = Client::open(addr, DEVICES);
    let timeout = begin(&mut client, "e");
    assert_eq!(message(&mut client)["type"], "session_ended", "it sends no data");
    for (id, row) in [
        (auto_ended, "b|auto_ended|0|1||0|0"),
        (ended_by_host, "b|ended_by_host|0|1||0|0"),
        (disconnected, "c|disconnected|0|1||0|0"),
        (stopped, "d|stopped|0|1||0|0"),
        (timeout, "e|timeout|0|1||0|0"),
    ] {
        assert_eq!(status(&id), row);
    }
}

/// REC-2: samples are what was sent, to the last blank, numbered in their session; those of no session by their device.
#[test]
fn samples_are_verbatim_and_numbered() {
    let folder = Folder::new();
    let config = DeviceSessionsConfig::new();
    let (_server, addr) = start(Server::builder().device_sessions(DEVICES, config).store(folder.open()));
    let mut client = Client::open(addr, DEVICES);
    let early = r#"{"type":"sensor_data", "deviceId":"b", "n":1}"#;
    client.text(early);
    let id = begin(&mut client, "a");
    let sent = [1, 2, 3]
        .map(|n| format!(r#"{{ "type" : "sensor_data", "deviceId":"a", "n":{n}.500, "이름":"\u00e9" }}"#));
    sent.iter().for_each(|sample| client.text(sample));
    client.text(&format!(r#"{{"type":"session_end","deviceId":"a","sessionId":"{id}","timestamp":2}}"#));
    assert_eq!(message(&mut client)["type"], "session_ended");
    let found = query(
        &folder.file(),
        "SELECT session_id, seq, device_id, payload FROM samples ORDER BY device_id, seq",
    );
    let mut expected: Vec<_> =
        (1..).zip(sent).map(|(seq, sample)| format!("{id}|{seq}|a|{sample}")).collect();
    expected.push(format!("|1|b|{early}"));
    assert_eq!(found, expected);
}

fn lesson(folder: &Folder) -> (Server, SocketAddr) {
    let people = IdentityTable::new().cookies();
    people.insert("s", Identity::new("1").with_name("김학생").with_role("STUDENT")).unwrap();
    people.insert("i", Identity::new("10").with_name("박강사").with_role("INSTRUCTOR")).unwrap();
    let session = GuidedSession::new("TEST001")
        .subtask(Subtask::new(1, "Step 1"))
        .subtask(Subtask::new(2, "Step 2").guide("CLICK", "Please do 2"));
    let mounted: Builder = Server::builder().guided_sessions_with(
        PEOPLE,
        MountOptions::new().gate(people),
        GuidedSessionsConfig::new().session(session),
    );
    start(mounted.store(folder.open()))
}

fn person(addr: SocketAddr, cookie: &str) -> Client {
    let mut client = Client::connect(addr);
    let head = upgrade_head("/ws/sessions/TEST001/", &format!("Cookie: sessionid={cookie}\r\n"));
    assert_eq!(client.ask(&head).status, 101);
    client
}

/// REC-3, REC-4: how a lesson stands, who takes part and how far they are; and all that was done in it.
#[test]
fn a_lesson_is_in_its_tables() {
    let folder = Folder::new();
    let (server, addr) = lesson(&folder);
    let (mut instructor, mut student) = (person(addr, "i"), person(addr, "s"));
    assert_eq!(message(&mut instructor)["type"], "participant_joined");
    student.text(r#"{"type":"join","data":{}}"#);
    assert_eq!(message(&mut student)["type"], "join_confirmed");
    instructor.text(r#"{"type":"next_step","data":{"subtask_id":2,"message":"on"}}"#);
    assert_eq!(message(&mut student)["type"], "step_changed");
    assert_eq!(message(&mut instructor)["type"], "step_changed");
    instructor.text(r#"{"type":"pause_session","data":{}}"#);
    assert_eq!(message(&mut student)["status"], "PAUSED");
    student.text(r#"{"type":"request_help","data":{"subtask_id":2,"message":"도와주세요"}}"#);
    student.text(r#"{"type":"step_complete","data":{"subtask_id":1}}"#);
    assert_eq!(message(&mut student)["type"], "step_complete_confirmed");
    let file = folder.file();
    // What is committed with it, and before it.
    assert_eq!(
        query(&file, "SELECT session_code, user_id, subtask_id FROM step_completions"),
        ["TEST001|1|1"]
    );
    let student_row = "SELECT user_name, role, status, current_subtask FROM participants WHERE user_id = 1";
    assert_eq!(query(&file, student_row), ["김학생|STUDENT|ACTIVE|1"]);
    assert_eq!(query(&file, "SELECT status, current_subtask, ended_at FROM guided_sessions"), ["PAUSED|2|"]);
    assert_eq!(
        query(
            &file,
            "SELECT id, title, order_index, target_action, guide_text, voice_guide_text FROM subtasks"
        ),
        ["1|Step 1|1|||", "2|Step 2|2|CLICK|Please do 2|"]
    );
    assert_eq!(
        query(&file, "SELECT subtask_id, instructor_id, instructor_name, action, message FROM step_controls"),
        ["2|10|박강사|START_STEP|on", "|10|박강사|PAUSE|"]
    );
    assert_eq!(query(&file, "SELECT user_id, subtask_id, message FROM help_requests"), ["1|2|도와주세요"]);
    drop((instructor, student));
    server.stop(PATIENCE);
    assert_eq!(
        query(&file, "SELECT user_id, status FROM participants ORDER BY 1"),
        ["1|DISCONNECTED", "10|DISCONNECTED"]
    );
}
