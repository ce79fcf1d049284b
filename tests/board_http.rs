//! The endpoints and the board over real sockets, as `docs/http.md` describes them: what each answers, and to whom.

#![cfg(feature = "board")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    BoardConfig, Builder, ConfigError, DeviceSessionsConfig, Equipment, EquipmentMonitor, Gate,
    GuidedSessionsConfig, Identity, Method, MountOptions, Now, Record, Request, Response, RouteOptions,
    Server, Stale, Store, StoreError, Tags, TopicHubConfig, Verdict,
};
use serde_json::{Value, json};
use std::{io::Read as _, net::SocketAddr, time::Duration};
use support::{Answer, Client, echo, eventually, get_head, host::holder, http::say, start};

const MONITOR: &str = "/ws/monitor";
const HUB: &str = "/ws/{topic}";

fn line(machines: usize) -> (Tags, EquipmentMonitor) {
    let tags = (1..=machines).fold(Tags::builder(), |tags, number| {
        tags.equipment(Equipment::new(format!("M{number:03}"), format!("용접 {number}"), Stale::never()))
    });
    let (tags, scan) = tags.build().unwrap();
    (tags, EquipmentMonitor::new(scan))
}

/// Asks once, with these headers.
fn ask(addr: SocketAddr, path: &str, headers: &str) -> Answer {
    Client::connect(addr).ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"))
}

#[track_caller]
fn json(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_str(answer.text()).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
}

#[track_caller]
fn get(addr: SocketAddr, path: &str) -> Value {
    let answer = ask(addr, path, "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    json(&answer)
}

fn unpacked(answer: &Answer) -> String {
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap();
    text
}

/// Lets in who names the right word.
fn by_word(word: &'static str) -> impl Gate {
    move |_: Now, request: &Request<'_>| match request.query("word") {
        Some(said) if said == word => Verdict::Allow(Identity::new("someone")),
        _ => Verdict::Refuse(Response::text(403, "say the word")),
    }
}

#[test]
fn the_overview_tells_what_is_served() {
    let (_tags, monitor) = line(1);
    let builder = Server::builder()
        .mount(MONITOR, monitor.period(Duration::from_millis(500)).on_change(Duration::ZERO))
        .topic_hub(HUB, TopicHubConfig::empty().topic("robots", andon::TopicClass::State))
        .device_sessions("/ws/device", DeviceSessionsConfig::new())
        .guided_sessions("/ws/sessions/{code}/", GuidedSessionsConfig::new())
        .store(andon::MemoryStore::new(8))
        .board(BoardConfig::new().title("Line \"3\""));
    let (_server, addr) = start(builder);
    let mut overview = get(addr, "/api");
    for moment in ["started_at", "timestamp"] {
        let text = overview[moment].as_str().unwrap();
        assert!(text.len() == 24 && text.ends_with('Z'), "{text}");
        overview[moment] = Value::Null;
    }
    let expected = json!({
        "name": "andon", "version": env!("CARGO_PKG_VERSION"), "title": "Line \"3\"", "started_at": null, "timestamp": null,
        "monitor": {"path": MONITOR, "period_ms": 500, "on_change": true},
        "hub": {"path": HUB, "topics": [{"name": "robots", "class": "state"}]},
        "devices": {"path": "/ws/device"}, "guided": {"path": "/ws/sessions/{code}/"}, "recordings": true
    });
    assert_eq!(overview, expected);

    let (_server, addr) = start(Server::builder().board(BoardConfig::new()));
    let overview = get(addr, "/api");
    for kind in ["monitor", "hub", "devices", "guided"] {
        assert_eq!(overview[kind], Value::Null, "{kind}");
    }
    assert_eq!((&overview["title"], &overview["recordings"]), (&json!("andon"), &json!(false)));
    for path in ["/api/equipment", "/api/topics", "/api/topics/robots"] {
        assert_eq!(ask(addr, path, "").status, 404, "there is no mount for {path}");
    }
    let (_server, addr) = start(Server::builder());
    assert_eq!(ask(addr, "/api", "").status, 404, "nobody asked for a board");
}

#[test]
fn equipment_is_as_the_monitor_shows_it() {
    let (tags, monitor) = line(3);
    let (server, addr) = start(Server::builder().mount(MONITOR, monitor).board(BoardConfig::new()));
    tags.set(tags.equipment("M002").unwrap().status_tag(), true).unwrap();
    // A look is shared for 2 ms.
    eventually("it is seen", || get(addr, "/api/equipment")["data"][1]["status"] == "running");
    let all = get(addr, "/api/equipment");
    assert_eq!(all["source_lost"], false);
    // A newcomer to the monitor is shown the same.
    let mut watcher = Client::open(addr, MONITOR);
    let shown: Value = serde_json::from_str(&watcher.take_text()).unwrap();
    assert_eq!(all["data"], shown["equipment"]);
    drop(watcher);

    let some = get(addr, "/api/equipment?equipment=M003,M001");
    let codes: Vec<_> =
        some["data"].as_array().unwrap().iter().map(|e| e["equipment_code"].clone()).collect();
    assert_eq!(codes, ["M001", "M003"]);
    let unknown = ask(addr, "/api/equipment?equipment=M004", "");
    assert_eq!(unknown.status, 400);
    let why = json(&unknown)["error"].as_str().unwrap().to_owned();
    assert!(why.contains("equipment must be codes") && why.contains("M004"), "{why}");

    tags.source_lost();
    eventually("it tells of the source", || get(addr, "/api/equipment")["source_lost"] == true);
    drop(server);
}

#[test]
fn a_look_by_an_endpoint_does_not_keep_staleness_from_the_host() {
    let after = Duration::from_millis(100);
    let (tags, scan) =
        Tags::builder().equipment(Equipment::new("M001", "", Stale::after(after))).build().unwrap();
    let builder = Server::builder().mount(MONITOR, EquipmentMonitor::new(scan)).board(BoardConfig::new());
    let (mut server, addr) = start(builder.events(andon::EventMask::CONTRACTS));
    let events = server.events().unwrap();
    tags.touch(tags.equipment("M001").unwrap()).unwrap();
    let is_stale = || get(addr, "/api/equipment")["data"][0]["status"] == "disconnected";
    eventually("it is seen", || !is_stale());
    eventually("the endpoint sees that it is stale", is_stale);
    let event = support::host::next(&events);
    assert!(format!("{event:?}").contains("stale: true"), "{event:?}");
}

#[test]
fn topics_show_what_a_newcomer_gets() {
    let config = TopicHubConfig::empty()
        .topic("robots", andon::TopicClass::State)
        .topic("alarms", andon::TopicClass::Stream)
        .log_bytes(1 << 20);
    let (server, addr) = start(Server::builder().topic_hub(HUB, config).board(BoardConfig::new()));
    let hub = server.topic_hub().unwrap();
    let mut watcher = Client::open(addr, "/ws/robots");
    hub.publish("robots", r#"{"id": 1}"#).unwrap();
    let expected = json!([{"type": "update", "topic": "robots", "data": {"id": 1}}]);
    assert_eq!(serde_json::from_str::<Value>(&watcher.take_text()).unwrap(), expected[0]);
    let robots = json!({"name": "robots", "class": "state", "clients": 1, "messages": expected});
    let alarms = json!({"name": "alarms", "class": "stream", "clients": 0, "messages": []});
    assert_eq!(get(addr, "/api/topics")["topics"], json!([robots, alarms]));
    assert_eq!(get(addr, "/api/topics/robots"), robots);

    let long = "x".repeat(64 << 10);
    hub.publish("robots", &format!("\"{long}\"")).unwrap();
    while !watcher.take_text().contains(&long) {}
    assert_eq!(get(addr, "/api/topics")["topics"][0]["messages"], Value::Null, "too long for the list");
    assert_eq!(get(addr, "/api/topics/robots")["messages"][0]["data"], long);

    let unknown = ask(addr, "/api/topics/robot", "");
    assert_eq!(unknown.status, 404);
    assert!(json(&unknown)["error"].as_str().unwrap().contains("\"robot\""));
}

/// Also an answer that does not show them costs a look at all messages: a turn makes so many of those.
#[test]
fn a_turn_looks_through_only_so_much() {
    const CLIENTS: usize = 24;
    let config = TopicHubConfig::empty().topic("robots", andon::TopicClass::State).log_bytes(16 << 20);
    let (factory, holding) = holder();
    let builder = Server::builder().topic_hub(HUB, config).mount("/hold", factory);
    let (server, addr) = start(builder.board(BoardConfig::new()));
    let long = format!("\"{}\"", "x".repeat(2 << 20));
    server.topic_hub().unwrap().publish("robots", &long).unwrap();
    eventually("it is there", || get(addr, "/api/topics")["topics"][0]["messages"].is_null());
    let mut hold = holding(addr, "/hold");
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::connect(addr)).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/healthz").status, 200));
    // All of them are there when the loop looks again.
    hold.hold();
    let before = server.stats().turns;
    clients.iter_mut().for_each(|client| client.send(get_head("/api/topics")));
    hold.release();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().status, 200));
    eventually("it took as many turns", || server.stats().turns >= before + CLIENTS as u64);
}

#[test]
fn statistics_are_those_of_the_server() {
    let (server, addr) = start(Server::builder().mount("/ws", echo).board(BoardConfig::new()));
    let _client = Client::open(addr, "/ws");
    let answer = get(addr, "/api/stats");
    assert_eq!(answer["stats"]["opened"], 1);
    assert!(answer["uptime_ms"].is_u64() && answer["timestamp"].is_string());
    let names: Vec<_> = answer["stats"].as_object().unwrap().keys().cloned().collect();
    let mut expected = andon::Stats::NAMES.to_vec();
    expected.sort_unstable();
    assert_eq!(names, expected);
    drop(server);
}

/// What a mount asks, its endpoints ask.
#[test]
fn endpoints_ask_what_their_mounts_ask() {
    let (_tags, monitor) = line(1);
    let gated = |word| MountOptions::new().gate(by_word(word)).same_origin();
    let builder = Server::builder()
        .mount_with(MONITOR, gated("monitor"), monitor)
        .topic_hub_with(HUB, gated("hub"), TopicHubConfig::new())
        .board(BoardConfig::new().options(RouteOptions::new().gate(by_word("board"))));
    let (_server, addr) = start(builder);
    let of_board = [
        "/",
        "/board/board.css",
        "/board/board.js",
        "/board/andon-client.js",
        "/readyz",
        "/metrics",
        "/api",
        "/api/stats",
    ];
    let doors = of_board.into_iter().map(|path| (path, "board"));
    let others = [("/api/equipment", "monitor"), ("/api/topics", "hub"), ("/api/topics/robots", "hub")];
    for (path, door) in doors.chain(others) {
        for word in ["monitor", "hub", "board"] {
            let answer = ask(addr, &format!("{path}?word={word}"), "");
            assert_eq!(answer.status, if word == door { 200 } else { 403 }, "{path} by {word}");
        }
        let foreign = ask(addr, &format!("{path}?word={door}"), "Origin: http://evil.example\r\n").status;
        assert_eq!(foreign, if door == "board" { 200 } else { 403 }, "{path} for another page");
    }
    assert_eq!(ask(addr, "/healthz", "").status, 200, "healthz is no part of the board");
}

#[test]
fn who_has_an_answer_already_is_told_in_short() {
    let (tags, monitor) = line(1);
    let (_server, addr) = start(Server::builder().mount(MONITOR, monitor).board(BoardConfig::new()));
    for path in ["/api", "/api/equipment", "/", "/board/board.js"] {
        let first = ask(addr, path, "");
        let tag = first.header("etag").unwrap_or_else(|| panic!("{path} has a tag"));
        assert_eq!(first.header("cache-control"), Some("no-cache"), "{path}");
        assert!(first.header("vary").unwrap().contains("Accept-Encoding"), "{path}");
        let again = ask(addr, path, &format!("If-None-Match: \"other\", {tag}\r\n"));
        assert_eq!((again.status, again.header("etag"), again.body.len()), (304, Some(tag), 0), "{path}");
        assert_eq!(ask(addr, path, "If-None-Match: \"other\"\r\n").status, 200, "{path}");
    }
    let tag = ask(addr, "/api/equipment", "").header("etag").unwrap().to_owned();
    tags.set(tags.equipment("M001").unwrap().status_tag(), true).unwrap();
    eventually("what has changed has another tag", || {
        ask(addr, "/api/equipment", &format!("If-None-Match: {tag}\r\n")).status == 200
    });
}

#[test]
fn large_answers_are_compressed_for_who_takes_that() {
    let (_tags, monitor) = line(40);
    let (_server, addr) = start(Server::builder().mount(MONITOR, monitor).board(BoardConfig::new()));
    let plain = ask(addr, "/api/equipment", "");
    assert_eq!(plain.header("content-encoding"), None);
    let packed = ask(addr, "/api/equipment", "Accept-Encoding: br, gzip\r\n");
    let unpacked = unpacked(&packed);
    assert!(packed.body.len() < unpacked.len() / 4);
    let data = |text: &str| serde_json::from_str::<Value>(text).unwrap()["data"].clone();
    assert_eq!(data(&unpacked), data(plain.text()));
    assert_eq!(packed.header("etag"), plain.header("etag"), "a weak tag: it says the same");
    let small = ask(addr, "/api/equipment?equipment=M001", "Accept-Encoding: gzip\r\n");
    assert_eq!(small.header("content-encoding"), None, "less than 1 KiB");
    let refused = ask(addr, "/api/equipment", "Accept-Encoding: gzip;q=0\r\n");
    assert_eq!(refused.header("content-encoding"), None);
    // HEAD tells what GET would, and nothing comes behind it.
    let mut client = Client::connect(addr);
    client.send("HEAD /api/equipment HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
    let head = client.answer_head();
    assert_eq!((head.status, head.header("content-encoding")), (200, Some("gzip")));
    assert_eq!(client.get("/healthz").text(), "ok\n");
}

/// What devices and people wrote is never taken for a page.
#[test]
fn no_browser_guesses_what_an_answer_is() {
    let (_tags, monitor) = line(1);
    let builder = Server::builder()
        .mount(MONITOR, monitor)
        .topic_hub(HUB, TopicHubConfig::new())
        .device_sessions("/ws/device", DeviceSessionsConfig::new())
        .board(BoardConfig::new());
    let (_server, addr) = start(builder);
    for (path, status) in [
        ("/readyz", 200),
        ("/metrics", 200),
        ("/api", 200),
        ("/api/stats", 200),
        ("/api/equipment", 200),
        ("/api/equipment?equipment=x", 400),
        ("/api/topics", 200),
        ("/api/topics/robots", 200),
        ("/api/topics/none", 404),
        ("/api/sessions", 200),
        ("/api/sessions?limit=0", 400),
        ("/api/sessions/none", 404),
        ("/api/sessions/none/samples", 404),
    ] {
        let answer = ask(addr, path, "");
        assert_eq!(
            (answer.status, answer.header("x-content-type-options")),
            (status, Some("nosniff")),
            "{path}"
        );
    }
}

#[test]
fn an_answer_too_long_to_compress_goes_as_it_is() {
    let (_tags, monitor) = line(7_000);
    let (_server, addr) = start(Server::builder().mount(MONITOR, monitor).board(BoardConfig::new()));
    let answer = ask(addr, "/api/equipment", "Accept-Encoding: gzip\r\n");
    assert!(answer.body.len() > 1 << 20, "{}", answer.body.len());
    assert_eq!((answer.status, answer.header("content-encoding")), (200, None));
}

#[test]
fn the_page_and_its_parts_are_there() {
    let (_server, addr) = start(Server::builder().board(BoardConfig::new()));
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/board/board.css", "text/css; charset=utf-8"),
        ("/board/board.js", "text/javascript; charset=utf-8"),
        ("/board/andon-client.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = ask(addr, path, "");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self';",
            "style-src 'self';",
            "connect-src 'self' ws://localhost wss://localhost;",
            "img-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!answer.body.is_empty());
    }
    let client = ask(addr, "/board/andon-client.js", "Accept-Encoding: gzip\r\n");
    assert_eq!(unpacked(&client), include_str!("../examples/web/andon-client.js"));
    assert_eq!(Client::connect(addr).ask("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 405);
    assert_eq!(ask(addr, "/board/", "").status, 404);
}

/// A store that works when it is told to.
struct Moody(std::sync::Arc<std::sync::atomic::AtomicBool>);

impl Store for Moody {
    fn commit(&mut self, _: &[Record]) -> Result<(), StoreError> {
        match self.0.load(std::sync::atomic::Ordering::SeqCst) {
            true => Ok(()),
            false => Err(StoreError::Down("no room".into())),
        }
    }
}

#[test]
fn it_is_ready_when_it_can_do_its_work() {
    let works = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (tags, monitor) = line(1);
    let builder = Server::builder()
        .mount(MONITOR, monitor)
        .device_sessions("/ws/device", DeviceSessionsConfig::new())
        .store(Moody(std::sync::Arc::clone(&works)))
        .board(BoardConfig::new());
    let (_server, addr) = start(builder);
    let ready = || {
        let answer = ask(addr, "/readyz", "");
        (answer.status, answer.text().to_owned())
    };
    assert_eq!(ready(), (200, "ready\n".into()));
    works.store(false, std::sync::atomic::Ordering::SeqCst);
    let mut device = Client::open(addr, "/ws/device");
    device.text(r#"{"type":"session_start","deviceId":"AMR_001"}"#);
    eventually("the store is down", || {
        ready() == (503, "the store is down: what is recorded is refused\n".into())
    });
    tags.source_lost();
    eventually("both are told, a line each", || ready().1.lines().count() == 2);
    works.store(true, std::sync::atomic::Ordering::SeqCst);
    tags.source_back();
    eventually("it is ready again", || ready() == (200, "ready\n".into()));
}

#[test]
fn what_contradicts_the_board_does_not_build() {
    let on = || Server::builder().listen("127.0.0.1:0");
    let error = |builder: Builder| builder.build().err();
    let taken =
        |pattern: &str| Some(ConfigError::PatternTaken { pattern: pattern.into(), by: pattern.into() });
    assert_eq!(error(on().route(Method::Get, "/", say("mine")).board(BoardConfig::new())), taken("/"));
    assert_eq!(error(on().board(BoardConfig::new()).route(Method::Get, "/api", say("mine"))), taken("/api"));
    let bad =
        |builder| matches!(error(builder), Some(ConfigError::BadMount { pattern, .. }) if pattern == "/ws");
    assert!(bad(on().mount("/ws", echo).board(BoardConfig::new().monitor("/ws"))));
    assert!(bad(on().mount("/ws", echo).board(BoardConfig::new().device_sessions("/ws"))));
    // A contract at the page's place gets the upgrades, and another method is the host's.
    let beside = on().mount("/", echo).route(Method::Post, "/api", say("mine")).board(BoardConfig::new());
    assert_eq!(error(beside), None);
}

#[test]
fn what_answers_take_is_in_the_memory_ceiling() {
    let ceiling = |machines: usize, served: bool| {
        let (_tags, monitor) = line(machines);
        let builder = Server::builder().listen("127.0.0.1:0").mount(MONITOR, monitor);
        let builder = if served { builder.board(BoardConfig::new()) } else { builder };
        builder.build().unwrap().memory_ceiling()
    };
    let answers = |machines| ceiling(machines, true) - ceiling(machines, false);
    assert!(answers(1_000) > answers(1) + 1_000 * 5 * 100, "{} {}", answers(1_000), answers(1));
    // Of guided sessions the longest answer is the list up to its bound and one session more; of devices a copy is made of each.
    let guided = |people| {
        let ceiling = |builder: Builder| {
            let config = GuidedSessionsConfig::new().sessions_max(1).participants(people);
            let builder = builder.listen("127.0.0.1:0").guided_sessions("/ws/sessions/{code}/", config);
            builder.build().unwrap().memory_ceiling()
        };
        ceiling(Server::builder().board(BoardConfig::new())) - ceiling(Server::builder())
    };
    let alone = |builder: Builder| builder.listen("127.0.0.1:0").build().unwrap().memory_ceiling();
    let nothing = alone(Server::builder().board(BoardConfig::new())) - alone(Server::builder());
    assert!(guided(1) > nothing + 5 * (8 << 20), "{} {nothing}", guided(1));
    assert!(guided(1_001) > guided(1) + 1_000 * 5 * 6 * 256, "{} {}", guided(1_001), guided(1));
    let devices = |devices| {
        let ceiling = |builder: Builder| {
            let config = DeviceSessionsConfig::new().devices(devices);
            let builder = builder.listen("127.0.0.1:0").device_sessions("/ws/device", config);
            builder.build().unwrap().memory_ceiling()
        };
        ceiling(Server::builder().board(BoardConfig::new())) - ceiling(Server::builder())
    };
    assert!(devices(10_000) > devices(1) + 9_999 * 50, "{} {}", devices(10_000), devices(1));
}

#[test]
fn of_several_monitors_the_one_named_is_shown() {
    let ((_t1, first), (_t2, second)) = (line(1), line(2));
    let mounted = || Server::builder().mount(MONITOR, first.clone()).mount("/second", second.clone());
    let count = |builder: Builder| {
        let (_server, addr) = start(builder);
        (
            get(addr, "/api")["monitor"]["path"].clone(),
            get(addr, "/api/equipment")["data"].as_array().unwrap().len(),
        )
    };
    assert_eq!(count(mounted().board(BoardConfig::new())), (json!(MONITOR), 1));
    assert_eq!(count(mounted().board(BoardConfig::new().monitor("/second"))), (json!("/second"), 2));
}
