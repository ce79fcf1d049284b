//! What the endpoints say of device and guided sessions, and their event streams, over real sockets. What they are to say is in `docs/http.md`.
#![cfg(feature = "board")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    BoardConfig, Builder, DeviceSessionsConfig, Equipment, EquipmentMonitor, GuidedSession,
    GuidedSessionsConfig, Identity, MemoryStore, MountOptions, Now, Request, Response, Server, Stale,
    Stopped, Subtask, Tags, Verdict,
};
use serde_json::Value;
use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};
use support::{Client, PATIENCE, eventually, get_head, host::holder, limits, start, upgrade_head};

const DEVICES: &str = "/ws/device";
const GUIDED: &str = "/ws/sessions/{code}/";

fn devices() -> Builder {
    Server::builder().device_sessions(DEVICES, DeviceSessionsConfig::new()).board(BoardConfig::new())
}

fn recorded() -> Builder {
    devices().store(MemoryStore::new(100_000))
}

#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[track_caller]
fn get(addr: SocketAddr, path: &str) -> Value {
    let answer = Client::connect(addr).get(path);
    assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
    json(answer.text())
}

/// The answer has this status, and says in a sentence what was expected.
#[track_caller]
fn expect_fault(addr: SocketAddr, path: &str, status: u16, words: &str) {
    let answer = Client::connect(addr).get(path);
    assert_eq!(answer.status, status, "{path}");
    let error = json(answer.text())["error"].as_str().unwrap().to_owned();
    assert!(error.contains(words), "{path}: {error}");
}

/// Takes the next message, which is of this type; gives its session's id.
#[track_caller]
fn expect(client: &mut Client, kind: &str) -> String {
    let text = client.take_text();
    let message = json(&text);
    assert_eq!(message["type"], kind, "{text}");
    message["sessionId"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn begin(client: &mut Client, device: &str) -> String {
    client.text(&format!(r#"{{"type":"session_start","deviceId":"{device}"}}"#));
    expect(client, "session_created")
}

#[track_caller]
fn end(client: &mut Client, device: &str) {
    client.text(&format!(r#"{{"type":"session_end","deviceId":"{device}"}}"#));
    expect(client, "session_ended");
}

fn sample(device: &str, number: usize) -> String {
    format!(r#"{{"type":"sensor_data","deviceId":"{device}","n":{number}.50}}"#)
}

/// An event stream.
struct Watch {
    client: Client,
    text: String,
    events: VecDeque<Told>,
}

/// One event of it.
#[derive(Debug)]
struct Told {
    id: Option<u64>,
    name: String,
    data: Value,
    raw: String,
}

impl Watch {
    #[track_caller]
    fn open(addr: SocketAddr, path: &str, headers: &str) -> Self {
        let mut client = Client::connect(addr);
        client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"));
        let answer = client.answer_head();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let mut watch = Self { client, text: String::new(), events: VecDeque::new() };
        assert_eq!(watch.next().name, "hello");
        watch
    }

    /// The next event; `None` when the stream has ended as it should.
    #[track_caller]
    fn try_next(&mut self) -> Option<Told> {
        let deadline = Instant::now() + PATIENCE;
        while self.events.is_empty() {
            // Comments keep coming.
            assert!(Instant::now() < deadline, "something is told in time");
            let chunk = self.client.chunk().expect("the stream is not cut short");
            if chunk.is_empty() {
                assert_eq!(self.text, "");
                return None;
            }
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some(at) = self.text.find("\n\n") {
                let event: String = self.text.drain(..at + 2).collect();
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let Some(name) = field("event: ") else { continue };
                let raw = field("data: ").unwrap().to_owned();
                let id = field("id: ").map(|id| id.parse().unwrap());
                self.events.push_back(Told { id, name: name.to_owned(), data: json(&raw), raw });
            }
        }
        self.events.pop_front()
    }

    #[track_caller]
    fn next(&mut self) -> Told {
        self.try_next().expect("the stream goes on")
    }

    /// The next event of this name; only newest samples may come before it.
    #[track_caller]
    fn expect(&mut self, name: &str) -> Told {
        loop {
            let told = self.next();
            if told.name == name {
                return told;
            }
            assert_eq!(told.name, "sample", "{told:?} instead of {name}");
        }
    }
}

#[test]
fn a_session_is_watched_while_it_is_recorded_and_then_downloaded() {
    let (_server, addr) = start(recorded());
    let mut watch = Watch::open(addr, "/api/events", "");
    let mut device = Client::open(addr, DEVICES);
    device.text(r#"{"type":"device_register","deviceId":"AMR_001","protocolVersion":"1.1.0"}"#);
    expect(&mut device, "device_registered");
    let told = watch.next();
    assert_eq!(
        (told.id, &*told.name, &*told.raw),
        (Some(1), "device_registered", r#"{"device_id":"AMR_001"}"#)
    );

    let id = begin(&mut device, "AMR_001");
    let told = watch.next();
    assert_eq!((told.id, &*told.name), (Some(2), "session_started"));
    assert_eq!(
        (&told.data["session_id"], &told.data["status"]),
        (&json(&format!("{id:?}")), &json("\"active\""))
    );
    let path = format!("/api/sessions/{id}");
    assert_eq!(get(addr, &path)["sample_count"], 0);

    for number in 1..=3 {
        device.text(&sample("AMR_001", number));
    }
    loop {
        let told = watch.next();
        assert_eq!((told.id, &*told.name), (None, "sample"));
        let number = told.data["sample_count"].as_u64().unwrap();
        let payload = format!(r#""payload":{}}}"#, sample("AMR_001", number as usize));
        assert!(told.raw.ends_with(&payload), "digit for digit: {}", told.raw);
        if number == 3 {
            break;
        }
    }
    let active = get(addr, &path);
    assert_eq!((&active["sample_count"], &active["ended_at"]), (&json("3"), &Value::Null));
    assert_eq!(active["started_at"], told.data["started_at"]);

    end(&mut device, "AMR_001");
    let told = watch.expect("session_ended");
    assert_eq!((told.id, &told.data["status"]), (Some(3), &json("\"completed\"")));
    assert_eq!(told.data, get(addr, &path), "as it is answered");
    drop(device);
    assert_eq!(watch.expect("device_left").raw, r#"{"device_id":"AMR_001"}"#);
    drop(watch);
    let mut back = Watch::open(addr, "/api/events", "Last-Event-ID: 2\r\n");
    assert_eq!([back.next(), back.next()].map(|told| told.id), [Some(3), Some(4)], "what it missed");

    let samples = format!("{path}/samples");
    let csv = Client::connect(addr).get(&format!("{samples}?format=csv"));
    assert!(csv.whole);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(csv.header("content-disposition"), Some(&*format!("attachment; filename=\"{id}.csv\"")));
    let (header, lines) = csv.text().split_once("\r\n").unwrap();
    assert_eq!((header, lines.lines().count()), ("seq,received_at,device_id,payload", 3));
    let rest = Client::connect(addr).get(&format!("{samples}?format=csv&after=1"));
    assert_eq!(rest.text(), lines.split_once("\r\n").unwrap().1, "resumed, without the header");
    let jsonl = Client::connect(addr).get(&format!("{samples}?after=2"));
    assert_eq!(jsonl.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(jsonl.header("x-content-type-options"), Some("nosniff"));
    let last = json(jsonl.text());
    assert_eq!((&last["seq"], &last["device_id"]), (&json("3"), &json("\"AMR_001\"")));
    assert_eq!(Client::connect(addr).get(&format!("{samples}?after=3")).text(), "");
}

/// The ids of all sessions, page by page.
#[track_caller]
fn pages(addr: SocketAddr, query: &str, limit: usize) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(addr, &format!("/api/sessions?limit={limit}{query}{after}"));
        let sessions = page["sessions"].as_array().unwrap();
        ids.extend(sessions.iter().map(|session| session["session_id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => {
                assert_eq!(sessions.len(), limit, "a page before the last is full");
                after = format!("&after={next}");
            }
            None => return ids,
        }
    }
}

#[test]
fn sessions_come_newest_first_each_once_whoever_knows_them() {
    let (server, addr) = start(recorded());
    let mut device = Client::open(addr, DEVICES);
    let mut all = Vec::new();
    for round in 0..4 {
        for name in ["A", "B"] {
            all.push(begin(&mut device, name));
            if round < 3 {
                end(&mut device, name);
            }
        }
    }
    device.text(&sample("B", 1));
    eventually("all is recorded", || server.stats().records == 15);
    let whole = get(addr, "/api/sessions");
    assert_eq!(whole["next"], Value::Null);
    let sessions = whole["sessions"].as_array().unwrap();
    let places: Vec<_> = sessions
        .iter()
        .map(|session| (session["started_at"].as_str().unwrap(), session["session_id"].as_str().unwrap()))
        .collect();
    assert!(places.is_sorted_by(|a, b| a > b), "{places:?}");
    let mut ids: Vec<_> = places.iter().map(|(_, id)| (*id).to_owned()).collect();
    for limit in [1, 3, 4, 8] {
        assert_eq!(pages(addr, "", limit), ids, "{limit} to a page");
    }
    let counts: Vec<_> = sessions.iter().filter(|session| session["status"] == "active").collect();
    assert_eq!(counts.len(), 2);
    assert!(counts.iter().any(|session| session["device_id"] == "B" && session["sample_count"] == 1));
    assert_eq!(pages(addr, "&device=A", 3).len(), 4);
    assert_eq!(pages(addr, "&status=active", 1).len(), 2);
    assert_eq!(pages(addr, "&status=completed&device=B", 2).len(), 3);
    assert_eq!(pages(addr, "&device=none", 2).len(), 0);
    ids.sort_unstable();
    all.sort_unstable();
    assert_eq!(ids, all);

    expect_fault(addr, "/api/sessions?limit=0", 400, "\"limit\" must be");
    expect_fault(addr, "/api/sessions?limit=257", 400, "\"limit\" must be");
    expect_fault(addr, "/api/sessions?status=gone", 400, "\"status\" must be");
    expect_fault(addr, "/api/sessions?after=x", 400, "\"after\" must be");
    expect_fault(addr, "/api/sessions/session_none", 404, "no device session");
    expect_fault(addr, "/api/sessions/session_none/samples", 404, "no device session");
    let id = &ids[0];
    expect_fault(addr, &format!("/api/sessions/{id}/samples?format=xml"), 400, "\"format\" must be");
    expect_fault(addr, &format!("/api/sessions/{id}/samples?after=-1"), 400, "\"after\" must be");
}

#[test]
fn without_a_store_sessions_under_way_are_there() {
    let (_server, addr) = start(devices());
    let mut device = Client::open(addr, DEVICES);
    let ids = ["A", "B", "C"].map(|name| begin(&mut device, name));
    end(&mut device, "B");
    assert_eq!(pages(addr, "", 1).len(), 2);
    assert_eq!(get(addr, &format!("/api/sessions/{}", ids[0]))["device_id"], "A");
    expect_fault(addr, &format!("/api/sessions/{}", ids[1]), 404, "no device session");
    expect_fault(addr, &format!("/api/sessions/{}/samples", ids[0]), 404, "no store");
}

/// A session with so many samples, of some 2 KiB each, all of them recorded.
fn long_session(server: &Server, addr: SocketAddr, samples: usize) -> String {
    let mut device = Client::open(addr, DEVICES);
    let id = begin(&mut device, "A");
    let padding = "x".repeat(2_000);
    for number in 1..=samples {
        device.text(&format!(r#"{{"type":"sensor_data","deviceId":"A","n":{number},"x":"{padding}"}}"#));
    }
    end(&mut device, "A");
    eventually("all is recorded", || server.stats().records as usize == samples + 2);
    id
}

#[test]
fn a_long_recording_comes_in_pages_and_goes_on_where_it_broke_off() {
    let (server, addr) = start(recorded());
    let id = long_session(&server, addr, 1_000);
    let path = format!("/api/sessions/{id}/samples");
    let whole = Client::connect(addr).get(&path);
    assert!(whole.whole);
    let lines: Vec<_> = whole.text().lines().collect();
    assert_eq!(lines.len(), 1_000);
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(json(line)["seq"], index + 1);
    }
    // One that leaves in the middle costs nobody anything.
    let mut leaver = Client::connect_narrow(addr, 4 << 10);
    leaver.send(get_head(&path));
    assert_eq!(leaver.answer_head().status, 200);
    assert!(leaver.chunk().is_some());
    leaver.reset();
    let rest = Client::connect(addr).get(&format!("{path}?after=700"));
    assert_eq!(rest.text().lines().collect::<Vec<_>>(), lines[700..]);
    let mut client = Client::connect(addr);
    client.send(format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_eq!(client.answer_head().status, 200);
    assert_eq!(client.get("/healthz").text(), "ok\n", "and no body");
}

#[test]
fn downloads_and_streams_are_bounded() {
    // Who does not read is not to be dropped meanwhile, nor to be given everything at once.
    let patient = limits(|limits| limits.close_wait = PATIENCE);
    let (server, addr) = start(recorded().limits(patient).send_buffer_bytes(16 << 10));
    let id = long_session(&server, addr, 300);
    let path = format!("/api/sessions/{id}/samples");
    let mut readers: Vec<_> = (0..16)
        .map(|_| {
            let mut reader = Client::connect_narrow(addr, 4 << 10);
            reader.send(get_head(&path));
            assert_eq!(reader.answer_head().status, 200);
            reader
        })
        .collect();
    let refused = Client::connect(addr).get(&path);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(server.stats().reads_refused, 1);
    readers.pop().unwrap().reset();
    eventually("a place is free again", || {
        Client::connect(addr).get(&format!("{path}?after=299")).status == 200
    });

    let mut watchers: Vec<_> = (0..64).map(|_| Watch::open(addr, "/api/events", "")).collect();
    expect_fault(addr, "/api/events", 503, "as many event streams");
    watchers.pop().unwrap().client.reset();
    eventually("a place is free again", || server.stats().feed_streams == 63);
    drop(Watch::open(addr, "/api/events", ""));
    assert_eq!(server.stats().feed_refused, 1);
}

/// For each list the contract copies all sessions under way: many who ask at once must not hold the loop up.
#[test]
fn lists_that_are_put_together_are_bounded() {
    let (factory, holding) = holder();
    let options = MountOptions::new().gate(gate);
    let builder = devices().guided_sessions_with(GUIDED, options, GuidedSessionsConfig::new());
    let (_server, addr) = start(builder.mount("/hold", factory));
    let mut hold = holding(addr, "/hold");
    for path in ["/api/sessions", "/api/guided"] {
        let ask = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: who=1-STUDENT\r\n\r\n");
        let mut clients: Vec<_> = (0..20).map(|_| Client::connect(addr)).collect();
        clients.iter_mut().for_each(|client| assert_eq!(client.get("/healthz").status, 200));
        // All of them are there when the loop looks again.
        hold.hold();
        clients.iter_mut().for_each(|client| client.send(&ask));
        hold.release();
        let answers: Vec<_> = clients.iter_mut().map(Client::answer).collect();
        let (shown, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((shown.len(), refused.len()), (16, 4), "{path}");
        for answer in refused {
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
            assert!(json(answer.text())["error"].as_str().unwrap().contains("as many lists"));
        }
        let mut again = Client::connect(addr);
        assert_eq!(again.ask(&ask).status, 200, "the places are free again");
    }
}

#[test]
fn a_stop_is_told_and_ends_streams_properly() {
    let (server, addr) = start(recorded());
    let mut watch = Watch::open(addr, "/api/events", "");
    let mut device = Client::open(addr, DEVICES);
    let id = begin(&mut device, "A");
    assert_eq!(watch.next().name, "session_started");
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| server.stop(PATIENCE));
        expect(&mut device, "session_ended");
        device.expect_close(1001);
        drop(device);
        let told = watch.expect("session_ended");
        assert_eq!(
            (&told.data["session_id"], &told.data["status"]),
            (&json(&format!("{id:?}")), &json("\"stopped\""))
        );
        assert!(watch.try_next().is_none_or(|told| told.name == "device_left"));
        drop(watch);
        assert_eq!(stopping.join().unwrap(), Stopped::Clean);
    });
}

/// That equipment is stale is told once, by whichever mount of its table looks first; the stream hears of it all the same.
#[test]
fn staleness_is_told_whichever_mount_sees_it() {
    for shown in ["/ws/one", "/ws/two"] {
        let equipment = Equipment::new("M001", "", Stale::after(Duration::from_millis(100)));
        let (tags, scan) = Tags::builder().equipment(equipment).build().unwrap();
        let monitor = EquipmentMonitor::new(scan);
        let builder = Server::builder()
            .mount("/ws/one", monitor.clone())
            .mount("/ws/two", monitor)
            .device_sessions(DEVICES, DeviceSessionsConfig::new())
            .board(BoardConfig::new().monitor(shown));
        let (_server, addr) = start(builder);
        let mut watch = Watch::open(addr, "/api/events", "");
        for _ in 0..2 {
            tags.touch(tags.equipment("M001").unwrap()).unwrap();
            // Unless it has come back before.
            let stale = |told: &Told| told.raw == r#"{"equipment_code":"M001","stale":true}"#;
            while !stale(&watch.expect("equipment")) {}
        }
    }
}

/// Whom the cookie `who` names: `USER-ROLE`.
fn gate(_: Now, request: &Request<'_>) -> Verdict {
    match request.cookie("who").and_then(|who| who.split_once('-')) {
        Some((user, role)) => {
            Verdict::Allow(Identity::new(user).with_name(format!("User {user}")).with_role(role))
        }
        None => Verdict::Refuse(Response::text(403, "who are you?")),
    }
}

fn ask_as(addr: SocketAddr, who: &str, path: &str) -> (u16, String) {
    let cookie = if who.is_empty() { String::new() } else { format!("Cookie: who={who}\r\n") };
    let answer =
        Client::connect(addr).ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n"));
    (answer.status, answer.text().to_owned())
}

#[test]
fn guided_sessions_are_shown_to_whom_they_would_let_in() {
    let step = |id, title: &str| Subtask::new(id, title);
    let session =
        GuidedSession::new("TEST001").subtask(step(1, "One").guide("CLICK", "here")).subtask(step(2, "Two"));
    let builder = Server::builder()
        .guided_sessions_with(
            GUIDED,
            MountOptions::new().gate(gate),
            GuidedSessionsConfig::new().session(session),
        )
        .board(BoardConfig::new());
    let (_server, addr) = start(builder);
    for path in ["/api/guided", "/api/guided/TEST001", "/api/guided/events"] {
        assert_eq!(ask_as(addr, "", path), (403, "who are you?".into()), "{path}");
        assert_eq!(ask_as(addr, "7-VISITOR", path).0, 403, "{path}");
    }
    assert_eq!(ask_as(addr, "", "/api/guided/me"), (403, "who are you?".into()));
    let visitor = r#"{"user_id":null,"name":"User 7","roles":["VISITOR"]}"#;
    assert_eq!(ask_as(addr, "7-VISITOR", "/api/guided/me"), (200, visitor.into()));
    assert_eq!(Client::connect(addr).get("/api/sessions").status, 404, "there is no such mount");
    let me = ask_as(addr, "1-STUDENT", "/api/guided/me").1;
    assert_eq!(me, r#"{"user_id":1,"name":"User 1","roles":["STUDENT"]}"#);
    assert_eq!(ask_as(addr, "1-STUDENT", "/api/guided/NONE").0, 404);

    let mut watch =
        Watch::open(addr, "/api/guided/events", "Cookie: who=10-INSTRUCTOR\r\nLast-Event-ID: 0\r\n");
    let begun = watch.next();
    let steps = r#"[{"id":1,"title":"One","guide":"here"},{"id":2,"title":"Two","guide":null}]"#;
    assert_eq!((begun.id, &*begun.name), (Some(1), "guided_session"));
    assert_eq!(
        begun.raw,
        format!(r#"{{"code":"TEST001","status":"IN_PROGRESS","current_subtask":null,"subtasks":{steps}}}"#)
    );

    let open = |who: &str| {
        let mut client = Client::connect(addr);
        let head = upgrade_head("/ws/sessions/TEST001/", &format!("Cookie: who={who}\r\n"));
        assert_eq!(client.ask(&head).status, 101);
        client
    };
    let person = |status: &str, online: bool, completed: &str| {
        format!(
            r#"{{"user_id":1,"name":"User 1","role":"STUDENT","status":"{status}","online":{online},"completed_subtask":{completed}}}"#
        )
    };
    let expect_person = |watch: &mut Watch, status: &str, online: bool, completed: &str| {
        let person = person(status, online, completed);
        let told = watch.expect("participant");
        assert_eq!(told.raw, format!(r#"{{"code":"TEST001","participant":{person}}}"#));
    };
    let mut student = open("1-STUDENT");
    expect_person(&mut watch, "WAITING", true, "null");
    student.text(r#"{"type":"join","data":{}}"#);
    expect_person(&mut watch, "ACTIVE", true, "null");
    student.text(r#"{"type":"heartbeat","data":{"timestamp":1}}"#);
    student.text(r#"{"type":"step_complete","data":{"subtask_id":1}}"#);
    expect_person(&mut watch, "ACTIVE", true, "1");
    student.text(r#"{"type":"help_request","data":{"subtask_id":2,"message":"how?"}}"#);
    let help = watch.next();
    assert_eq!(help.raw, r#"{"code":"TEST001","user_id":1,"subtask_id":2,"message":"how?"}"#);

    let shown = format!(
        r#"{{"code":"TEST001","status":"IN_PROGRESS","current_subtask":null,"subtasks":{steps},"participants":[{}]}}"#,
        person("ACTIVE", true, "1")
    );
    assert_eq!(ask_as(addr, "1-STUDENT", "/api/guided/TEST001"), (200, shown.clone()));
    let all = json(&ask_as(addr, "1-STUDENT", "/api/guided").1);
    assert_eq!(all["sessions"], json(&format!("[{shown}]")));

    let mut instructor = open("10-INSTRUCTOR");
    assert_eq!(watch.next().data["participant"]["user_id"], 10);
    instructor.text(r#"{"type":"next_step","data":{"subtask_id":2}}"#);
    assert_eq!(watch.expect("guided_session").data["current_subtask"], 2);
    instructor.text(r#"{"type":"pause_session","data":{}}"#);
    assert_eq!(watch.expect("guided_session").data["status"], "PAUSED");
    drop(student);
    expect_person(&mut watch, "DISCONNECTED", false, "1");
}

#[test]
fn a_list_of_guided_sessions_that_is_too_long_is_given_up() {
    let guide = "x".repeat(30_000);
    let session = |number: usize| {
        let steps = (1..=4).map(|id| Subtask::new(id, "step").guide("READ", &guide));
        steps.fold(GuidedSession::new(format!("S{number}")), GuidedSession::subtask)
    };
    let start_with = |sessions: usize| {
        let config = GuidedSessionsConfig::new().sessions_max(sessions);
        let config = (0..sessions).map(session).fold(config, GuidedSessionsConfig::session);
        let options = MountOptions::new().gate(gate);
        start(Server::builder().guided_sessions_with(GUIDED, options, config).board(BoardConfig::new()))
    };
    let (_server, addr) = start_with(60);
    let (status, text) = ask_as(addr, "1-STUDENT", "/api/guided");
    assert_eq!((status, json(&text)["sessions"].as_array().unwrap().len()), (200, 60));
    let (_server, addr) = start_with(80);
    let (status, text) = ask_as(addr, "1-STUDENT", "/api/guided");
    assert_eq!(status, 503);
    assert!(json(&text)["error"].as_str().unwrap().contains("longer than 8 MiB"), "{text}");
    assert_eq!(ask_as(addr, "1-STUDENT", "/api/guided/S79").0, 200, "each by itself is there");
}

#[test]
fn device_sessions_are_shown_to_whom_they_would_let_in() {
    let (_server, addr) = start(
        Server::builder()
            .device_sessions_with(DEVICES, MountOptions::new().gate(gate), DeviceSessionsConfig::new())
            .board(BoardConfig::new()),
    );
    for path in ["/api/sessions", "/api/sessions/x", "/api/sessions/x/samples", "/api/events"] {
        assert_eq!(ask_as(addr, "", path), (403, "who are you?".into()), "{path}");
    }
    assert_eq!(ask_as(addr, "1-X", "/api/sessions").0, 200);
}

/// A recording does not say by which mount a session came in, so the door of one cannot speak for it.
#[test]
fn recordings_of_several_mounts_are_shown_to_nobody() {
    let (_server, addr) = start(recorded().device_sessions_with(
        "/ws/secret",
        MountOptions::new().gate(gate),
        DeviceSessionsConfig::new(),
    ));
    let mut secret = Client::connect(addr);
    assert_eq!(secret.ask(&upgrade_head("/ws/secret", "Cookie: who=1-X\r\n")).status, 101);
    let id = begin(&mut secret, "SECRET");
    end(&mut secret, "SECRET");
    assert_eq!(get(addr, "/api/sessions")["sessions"], json("[]"));
    expect_fault(addr, &format!("/api/sessions/{id}"), 404, "no device session");
    expect_fault(addr, &format!("/api/sessions/{id}/samples"), 404, "no store");
    assert_eq!(get(addr, "/api")["recordings"], false);
}
