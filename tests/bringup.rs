//! The bring-up server as a program: what it serves, what its flags do, and clients as people write them against it.
#![cfg(all(unix, feature = "board", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use std::{
    io::{BufRead, Read},
    process::Command,
};
use support::{
    Client, Running,
    bringup::{Folder, bringup, end, end_by, parsed},
    example,
    program::{Program, tool},
    upgrade_head,
};

const TEST001: &str = "/ws/sessions/TEST001/";

/// What it shows, and where.
#[test]
fn it_has_a_board() {
    let running = bringup(&[]);
    let page = Client::connect(running.addr).get("/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{}", page.head);
    let served = parsed(Client::connect(running.addr).get("/api").text());
    assert_eq!(served["title"], "KRCWO12");
    assert_eq!(served["monitor"]["path"], "/ws/monitor");
    assert_eq!(served["hub"]["topics"].as_array().map(Vec::len), Some(9));
    assert_eq!(
        (&served["devices"]["path"], &served["guided"]["path"]),
        (&"/ws/device".into(), &"/ws/sessions/{code}/".into())
    );
}

/// MON-6, MON-7: seventeen machines with codes and names as they are in factories, in one message of agreed size.
#[test]
fn it_shows_a_line_of_machines() {
    // A period that nobody waits for: what comes is a change that was seen.
    let running = bringup(&["--period-ms", "60000"]);
    let shown = parsed(&Client::open(running.addr, "/ws/monitor").take_text());
    let equipment = shown["equipment"].as_array().unwrap();
    assert_eq!(equipment.len(), 17);
    for (n, machine) in equipment.iter().enumerate() {
        assert_eq!(machine["equipment_code"], format!("KRCWO12ELOA{}", 101 + n));
        let hangul = |c| ('\u{ac00}'..='\u{d7a3}').contains(&c);
        assert!(machine["equipment_name"].as_str().unwrap().contains(hangul), "{machine}");
    }
    // As its watchers know it: about 5 KB, below 8.
    let mut client = Client::open(running.addr, "/ws/monitor?mode=changes");
    assert_eq!(parsed(&client.take_text())["type"], "connection_status");
    let full = client.take_text();
    assert!((3_000..8_000).contains(&full.len()), "{}", full.len());
    assert_eq!(parsed(&full)["seq"], 0);
    assert_eq!(parsed(&client.take_text())["type"], "equipment_changes", "it lives");
}

#[test]
fn it_has_a_plc_that_falls_silent_and_comes_back() {
    let flags = ["--machines", "2", "--stale-s", "1", "--period-ms", "50"];
    let running = bringup(&flags);
    let mut client = Client::open(running.addr, "/ws/monitor");
    let mut told = 0;
    for connected in [true, false, true] {
        loop {
            told += 1;
            let message = parsed(&client.take_text());
            assert_eq!(message["equipment"].as_array().map(Vec::len), Some(2));
            let machine = &message["equipment"][1];
            if machine["tags"]["connection"] == connected {
                assert_eq!(machine["status"] == "disconnected", !connected);
                // What was known of it stays.
                assert!(machine["tags"]["good_count"].is_i64());
                break;
            }
        }
    }
    // Each second it would be told a dozen times.
    assert!(told > 30, "{told} messages in more than six seconds, 50 ms apart");
}

#[test]
fn it_feeds_nine_topics() {
    let running = bringup(&["--topic-limit", "1", "--ping-interval-s", "1"]);
    let topics = [
        "robots",
        "tables",
        "events",
        "orders",
        "status",
        "systemlogs",
        "customers",
        "inventory",
        "video_streams",
    ];
    for topic in topics {
        let mut client = Client::open(running.addr, &format!("/ws/{topic}"));
        let message = parsed(&client.take_text());
        assert_eq!(
            (&message["type"], &message["topic"]),
            (&"update".into(), &topic.into()),
            "the first is one's own"
        );
        assert!(message["data"].is_object(), "{message}");
        if topic == "robots" {
            let second = Client::connect(running.addr).ask(&upgrade_head("/ws/robots", ""));
            assert_eq!(second.status, 403, "there is room for one");
            while parsed(&client.take_text())["type"] != "ping" {}
        }
    }
    assert_eq!(Client::connect(running.addr).ask(&upgrade_head("/ws/nowhere", "")).status, 403);
}

#[test]
fn it_sends_a_quiet_topic_again() {
    let mut running =
        bringup(&["--poll-interval-s", "1", "--ping-interval-s", "5", "--listen", "127.0.0.1:0"]);
    let mut line = String::new();
    running.stdout.read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on ws://127.0.0.1:"), "{line}");
    let mut client = Client::open(running.addr, "/ws/inventory");
    let mut seen = std::collections::HashSet::new();
    // No count of portions comes twice by itself before the stock is low; and by default, a ping would be first.
    loop {
        let text = client.take_text();
        assert_eq!(parsed(&text)["type"], "update", "{text}");
        if !seen.insert(text) {
            break;
        }
    }
}

/// A person at the lesson.
fn person(running: &Running, cookie: &str) -> Client {
    let mut client = Client::connect(running.addr);
    let head = upgrade_head(TEST001, &format!("Cookie: sessionid={cookie}\r\n"));
    assert_eq!(client.ask(&head).status, 101, "{cookie}");
    client
}

#[test]
fn a_lesson_has_two_students_and_an_instructor() {
    let running = bringup(&[]);
    let mut instructor = person(&running, "instructor1");
    for (cookie, id) in [("student1", 1), ("student2", 2)] {
        let mut student = person(&running, cookie);
        let came = parsed(&instructor.take_text());
        assert_eq!((&came["user_id"], &came["role"]), (&id.into(), &"STUDENT".into()));
        student.text(r#"{"type":"join","data":{}}"#);
        assert_eq!(parsed(&student.take_text())["user_id"], id);
        instructor.text(r#"{"type":"next_step","data":{"subtask_id":2}}"#);
        let step = parsed(&student.take_text());
        let shown = json!({"id": 2, "title": "Step 2: Enable Notifications", "order_index": 2, "target_action": "CLICK",
            "guide_text": "Please enable notifications", "voice_guide_text": null});
        assert_eq!(step, json!({"type": "step_changed", "subtask": shown}));
        assert_eq!(parsed(&instructor.take_text()), step);
        drop(student);
        assert_eq!(parsed(&instructor.take_text())["type"], "participant_left");
    }
    for stranger in ["Cookie: sessionid=student3\r\n", ""] {
        assert_eq!(Client::connect(running.addr).ask(&upgrade_head(TEST001, stranger)).status, 403);
    }
    drop(instructor);
    assert!(end(running).contains("TEST001: START_STEP by 박강사 2\n"));
}

fn begin(client: &mut Client) -> String {
    client.text(r#"{"type":"session_start","deviceId":"AMR_001","timestamp":1}"#);
    parsed(&client.take_text())["sessionId"].as_str().unwrap().to_owned()
}

#[test]
fn what_it_is_told_is_in_a_file_when_it_says_so() {
    let folder = Folder::new("file");
    let running = bringup(&["--store", &folder.file("demo.db")]);
    let mut device = Client::open(running.addr, "/ws/device");
    let session = begin(&mut device);
    device.text(r#"{"type":"sensor_data","deviceId":"AMR_001","x":1.50}"#);
    device.text(r#"{"type":"session_end","deviceId":"AMR_001","timestamp":2}"#);
    assert_eq!(parsed(&device.take_text())["type"], "session_ended");
    let mut student = person(&running, "student1");
    student.text(r#"{"type":"step_complete","data":{"subtask_id":1}}"#);
    assert_eq!(parsed(&student.take_text())["type"], "step_complete_confirmed");
    // Both replies mean that it is there already.
    let file = Connection::open(folder.file("demo.db")).unwrap();
    let one = |sql: &str| file.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    let row = format!("{session} completed 1");
    assert_eq!(one("SELECT session_id || ' ' || status || ' ' || sample_count FROM sessions"), row);
    assert_eq!(one("SELECT payload FROM samples"), r#"{"type":"sensor_data","deviceId":"AMR_001","x":1.50}"#);
    assert_eq!(
        one("SELECT session_code || ' ' || user_id || ' ' || subtask_id FROM step_completions"),
        "TEST001 1 1"
    );
    drop((device, student));
    let said = end(running);
    assert!(said.contains(&format!("AMR_001 begins {session}\n")), "{said}");
    assert!(said.contains(&format!("{session} is completed after 1 samples\n")), "{said}");
}

/// At ten lines a second it can be read; the rest is a number.
#[test]
fn it_says_what_happens_at_a_quiet_rate() {
    let running = bringup(&[]);
    let mut device = Client::open(running.addr, "/ws/device");
    for _ in 0..200 {
        begin(&mut device);
    }
    drop(device);
    let said = end(running);
    // One session is ended by each of the others, and the last by the device that leaves.
    let told = said.lines().filter(|line| line.contains("begins") || line.contains(" is ")).count();
    let left_out = said
        .lines()
        .filter_map(|line| line.strip_prefix("and ")?.strip_suffix(" more")?.parse::<usize>().ok());
    assert_eq!(told + left_out.sum::<usize>(), 400, "{said}");
    assert!(told < 400, "{said}");
}

#[test]
fn its_flags_do_what_they_say() {
    let registered = |flags: &[&str], message: &str| {
        let running = bringup(flags);
        let mut device = Client::open(running.addr, "/ws/device");
        device.text(message);
        parsed(&device.take_text())["sessionId"].is_string()
    };
    let (old, new) = (
        r#"{"type":"device_register","deviceId":"a"}"#,
        r#"{"type":"device_register","deviceId":"a","clientVersion":"1.1.0"}"#,
    );
    assert!(registered(&[], old) && !registered(&[], new));
    assert!(registered(&["--register-session", "always"], new));
    assert!(!registered(&["--register-session", "never"], old));

    let running = bringup(&["--on-active", "reject", "--refuse", "close", "--max-message-bytes", "1000"]);
    let mut device = Client::open(running.addr, "/ws/device");
    begin(&mut device);
    device.text(r#"{"type":"session_start","deviceId":"AMR_001","timestamp":2}"#);
    assert_eq!(parsed(&device.take_text())["errorCode"], "SESSION_ALREADY_ACTIVE");
    device.text(&"x".repeat(1_001));
    device.expect_close(1009);
    Client::open(running.addr, "/ws/nowhere").expect_close(1003);

    let running = bringup(&["--allow-origin", "https://a.example", "--allow-origin", "https://b.example"]);
    for (page, status) in [("https://a.example", 101), ("https://b.example", 101), ("https://c.example", 403)]
    {
        let head = upgrade_head("/ws/robots", &format!("Origin: {page}\r\n"));
        assert_eq!(Client::connect(running.addr).ask(&head).status, status, "{page}");
    }

    // As behind a proxy, which passes on the name that it was asked by.
    for (flags, status) in [(&[][..], 403), (&["--allow-host", "plant.example"], 200)] {
        let asked = "GET /healthz HTTP/1.1\r\nHost: plant.example\r\n\r\n";
        assert_eq!(Client::connect(bringup(flags).addr).ask(asked).status, status, "{flags:?}");
    }

    let running = bringup(&["--max-connections", "1", "--session-idle-s", "1"]);
    let mut device = Client::open(running.addr, "/ws/device");
    begin(&mut device);
    assert_eq!(Client::connect(running.addr).get("/healthz").status, 503, "there is room for one");
    assert_eq!(parsed(&device.take_text())["type"], "session_ended", "it sends no data");

    let running = bringup(&["--handshake-timeout-s", "1"]);
    let mut slow = Client::connect(running.addr);
    slow.send("GET / HTTP/1.1\r\n");
    assert_eq!(slow.answer().status, 408);
}

#[test]
fn it_echoes_if_it_is_told_to() {
    let running = bringup(&[]);
    assert_eq!(Client::connect(running.addr).ask(&upgrade_head("/echo", "")).status, 404);
    let running = bringup(&["--echo"]);
    let mut client = Client::open(running.addr, "/echo");
    client.text("안녕");
    client.expect_text("안녕");
}

/// They come like devices anywhere: by a socket, in sessions, sample by sample.
#[test]
fn demo_devices_record_until_it_is_interrupted() {
    let folder = Folder::new("demo-devices");
    let mut running = bringup(&["--store", &folder.file("demo.db"), "--demo-devices", "2"]);
    let mut line = String::new();
    let mut begun = 0;
    while begun < 2 {
        line.clear();
        assert_ne!(running.stdout.read_line(&mut line).unwrap(), 0, "it ends too early");
        begun +=
            usize::from(["AMR_101 begins ", "AMR_102 begins "].iter().any(|words| line.starts_with(words)));
    }
    let file = Connection::open(folder.file("demo.db")).unwrap();
    let count = "SELECT count(*) FROM samples WHERE json_extract(payload, '$.speed') > 0";
    support::eventually("samples of both", || {
        file.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap_or(0) >= 4
    });
    let said = end_by("INT", running);
    assert_eq!(said.lines().filter(|line| line.contains(" is stopped after ")).count(), 2, "{said}");
}

/// As docs/deployment.md says: by another process, in one statement, without holding the recorder up.
#[test]
fn a_recording_is_copied_while_it_grows() {
    let folder = Folder::new("backup");
    let running = bringup(&["--store", &folder.file("demo.db"), "--demo-devices", "1"]);
    let live = Connection::open_with_flags(folder.file("demo.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let count = |file: &Connection| {
        file.query_row("SELECT count(*) FROM samples", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    support::eventually("samples", || count(&live) > 0);
    live.execute("VACUUM INTO ?1", [folder.file("copy.db")]).unwrap();
    let copied = Connection::open(folder.file("copy.db")).unwrap();
    let sound = copied.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(sound.unwrap(), "ok");
    assert!(count(&copied) > 0);
    // The recorder has not noticed.
    support::eventually("more samples", || count(&live) > count(&copied));
    drop(live);
    assert!(!end(running).contains("the store is down"));
}

/// On standard error, as much as it is told to.
#[test]
fn it_logs_as_much_as_it_is_told_to() {
    let logged = |flags: &[&str]| {
        let mut running = bringup(flags);
        let mut stderr = running.child.stderr.take().unwrap();
        end(running);
        let mut logged = String::new();
        stderr.read_to_string(&mut logged).unwrap();
        logged
    };
    assert_eq!(logged(&[]), "");
    let words = logged(&["--log", "debug"]);
    assert!(words.lines().any(|line| line.starts_with("[DEBUG andon::")), "{words}");
}

#[test]
fn it_refuses_what_it_does_not_know() {
    let folder = Folder::new("flags");
    for (args, words) in [
        (&["--machines", "0"][..], "--machines 0: give a whole number from 1 to 10000"),
        (&["--period-ms", "1s"], "--period-ms 1s: give a whole number from 10 to 60000"),
        (&["--stale-s"], "--stale-s: give a whole number from 0 to 86400"),
        (&["--on-active", "maybe"], "--on-active maybe: give end|reject"),
        (&["--refuse"], "--refuse: give http|close"),
        (&["--allow-origin"], "--allow-origin: give ORIGIN"),
        (&["--store", "--echo"], "--store: give PATH|none"),
        (&["--store", ""], "--store: give PATH|none"),
        (&["--log", "loud"], "--log loud: give off|error|warn|info|debug|trace"),
        (&["--demo-devices", "101"], "--demo-devices 101: give a whole number from 0 to 100"),
        (&["--listen", "localhost:80"], "--listen localhost:80: give IP:PORT, such as 127.0.0.1:8000"),
        (&["--prot", "1"], "unknown argument --prot: try --help"),
    ] {
        let output = Command::new(example("bringup")).args(args).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), complaint.trim_end()), (Some(2), &*format!("bringup: {words}")));
    }
    let nowhere = folder.0.join("none/demo.db");
    for (args, status, words) in [
        (&["--store", "none", "--allow-origin", "a.example"][..], 2, "a.example"),
        (&["--store", nowhere.to_str().unwrap()], 1, "none/demo.db"),
    ] {
        let output =
            Command::new(example("bringup")).args(["--listen", "127.0.0.1:0"]).args(args).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{complaint}");
        assert!(complaint.contains(words), "{complaint}");
    }
    let help = Command::new(example("bringup")).arg("--help").output().unwrap();
    let help_says = String::from_utf8_lossy(&help.stdout);
    assert_eq!(help.status.code(), Some(0));
    for flag in [
        "--listen IP:PORT ",
        "--machines N ",
        "--period-ms N ",
        "--on-change-ms N ",
        "--stale-s N ",
        "--ping-interval-s N ",
        "--poll-interval-s N ",
        "--topic-limit N ",
        "--session-idle-s N ",
        "--max-connections N ",
        "--max-message-bytes N ",
        "--handshake-timeout-s N ",
        "--store PATH|none ",
        "--register-session auto|always|never ",
        "--on-active end|reject ",
        "--refuse http|close ",
        "--allow-origin ORIGIN ",
        "--allow-host HOST ",
        "--identities FILE|demo ",
        "--demo-devices N ",
        "--log off|error|warn|info|debug|trace ",
        "--echo ",
        r#"{"secret": "8d1f6a0c93b74e25a1f0c7d2e96b3458", "id": 17, "name": "김학생", "roles": ["STUDENT"]}"#,
    ] {
        assert!(help_says.contains(flag), "{flag}: {help_says}");
    }
}

// ---- clients as people write them --------------------------------------------------------------------

fn node(test: &str) -> Option<Command> {
    let check = ["--input-type=module", "-e", "import 'ws'"];
    tool(test, "Node with the package ws in tests/clients (npm install ws)", &[&["node"]], &check)
}

fn python(test: &str) -> Option<Command> {
    let venv = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/.venv/bin/python");
    let tries: [&[&str]; 3] = [&[venv], &["python3"], &["python"]];
    let what = "Python with the package websockets (pip install websockets)";
    tool(test, what, &tries, &["-c", "import websockets"])
}

fn url(running: &Running, path: &str) -> String {
    format!("ws://{}{path}", running.addr)
}

#[test]
fn the_sensor_apps_client_has_two_sessions_on_one_connection() {
    let Some(node) = node("the_sensor_apps_client_has_two_sessions_on_one_connection") else { return };
    let folder = Folder::new("sensor");
    let running = bringup(&["--store", &folder.file("demo.db")]);
    let app = Program::run(node, "device_client.mjs", &[&url(&running, "/ws/device"), "AMR_001"]);
    assert_eq!(app.next()["type"], "device_registered");
    for _ in 0..2 {
        let created = app.next();
        assert_eq!((&created["type"], &created["deviceId"]), (&"session_created".into(), &"AMR_001".into()));
        let ended = app.next();
        assert_eq!((&ended["type"], &ended["sessionId"]), (&"session_ended".into(), &created["sessionId"]));
    }
    assert_eq!(app.next(), json!({"closed": 1000}));
    let file = Connection::open(folder.file("demo.db")).unwrap();
    let count = "SELECT count(*) FROM sessions JOIN samples USING (session_id) WHERE status = 'completed'";
    assert_eq!(file.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 6);
}

#[test]
fn a_page_and_a_script_watch_the_line() {
    let test = "a_page_and_a_script_watch_the_line";
    let (Some(node), Some(python)) = (node(test), python(test)) else { return };
    let running = bringup(&["--period-ms", "50"]);
    let monitor = url(&running, "/ws/monitor");
    let page = Program::run(node, "monitor_page.mjs", &[&monitor, "1000"]);
    assert_eq!(page.next(), json!({"status": "connected"}));
    assert_eq!(page.next(), json!({"told": "connected"}));
    assert_eq!(page.next()["equipment"].as_object().unwrap().len(), 17);
    let script = Program::run(python, "monitor_count.py", &[&monitor]);
    for number in 1..=10 {
        let kind = if number == 1 { "connection_status" } else { "equipment_status" };
        assert_eq!(script.next(), json!({"number": number, "type": kind, "equipment": 17}));
    }
}

#[test]
fn a_dashboard_follows_a_topic() {
    let Some(node) = node("a_dashboard_follows_a_topic") else { return };
    let running = bringup(&["--ping-interval-s", "1"]);
    let dashboard = Program::run(node, "topic_client.mjs", &[&url(&running, ""), "robots", "50"]);
    assert_eq!(dashboard.next(), json!({"event": "open", "detail": "robots"}));
    let first = dashboard.next();
    assert_eq!((&first["event"], &first["detail"]["topic"]), (&"update".into(), &"robots".into()));
    while dashboard.next()["event"] != "ping" {}
}

#[test]
fn the_lessons_script_and_both_its_scenarios_go_through() {
    let test = "the_lessons_script_and_both_its_scenarios_go_through";
    let (Some(for_student), Some(for_instructor), Some(python)) = (node(test), node(test), python(test))
    else {
        return;
    };
    let running = bringup(&[]);
    let script = Program::run(python, "guided_student.py", &[&url(&running, TEST001), "sessionid=student2"]);
    for (words, kind) in [
        ("Join response: ", "join_confirmed"),
        ("Heartbeat response: ", "heartbeat_ack"),
        ("Step complete response: ", "step_complete_confirmed"),
    ] {
        let line = script.next_line();
        assert_eq!(parsed(line.strip_prefix(words).expect(&line))["type"], kind);
    }
    drop(script);
    let client =
        |node, role, cookie| Program::run(node, "guided_client.mjs", &[&url(&running, ""), role, cookie]);
    // What is about people who come and go comes whenever they do.
    let next = |program: &Program| {
        std::iter::repeat_with(|| program.next())
            .find(|line| !line["event"].as_str().unwrap().starts_with("participant"))
            .unwrap()["event"]
            .clone()
    };
    let student = client(for_student, "student", "theme=dark; sessionid=student1");
    for event in ["open", "join_confirmed", "step_complete_confirmed"] {
        assert_eq!(next(&student), event);
    }
    let instructor = client(for_instructor, "instructor", "sessionid=instructor1");
    assert_eq!(next(&instructor), "open");
    for event in ["step_changed", "session_status_changed", "session_status_changed"] {
        assert_eq!((next(&student), next(&instructor)), (event.into(), event.into()));
    }
}
