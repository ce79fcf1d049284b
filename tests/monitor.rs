//! The equipment monitor over real sockets: what its existing clients get, and what they may ask for beside.

#![cfg(feature = "contracts")]

mod support;

use andon::{
    Equipment, EquipmentMonitor, Event, EventBody, EventMask, MonitorEvent, Server, Stale, TagKind, Tags,
};
use serde_json::Value;
use std::{
    net::SocketAddr,
    sync::atomic::{
        AtomicBool, AtomicI64,
        Ordering::{Acquire, Relaxed, Release},
    },
    time::Duration,
};
use support::{Client, PATIENCE, start, stats_until, upgrade_head};

const CODES: [&str; 3] = ["KRCWO12ELOA101", "KRCWO12ELOA102", "가공\"3"];

fn line(stale: Stale) -> (Tags, andon::TagScan) {
    let mut tags = Tags::builder().room(2, 2);
    for (index, code) in CODES.into_iter().enumerate() {
        let equipment = Equipment::new(code, format!("용접 {index}"), stale).tag("temp", TagKind::F64);
        tags = tags.equipment(equipment);
    }
    tags.build().expect("a good table")
}

fn serve(monitor: EquipmentMonitor) -> (Server, SocketAddr) {
    start(Server::builder().mount("/ws/monitor", monitor).events(EventMask::CONTRACTS))
}

#[track_caller]
fn json(client: &mut Client) -> Value {
    let text = client.take_text();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[track_caller]
fn next_of(client: &mut Client, kind: &str) -> Value {
    loop {
        let message = json(client);
        if message["type"] == kind {
            return message;
        }
    }
}

fn codes(message: &Value) -> Vec<&str> {
    let equipment = message["equipment"].as_array().expect("equipment");
    equipment.iter().map(|equipment| equipment["equipment_code"].as_str().expect("a code")).collect()
}

#[test]
fn every_client_gets_everything_first_at_once_and_then_each_period() {
    let (tags, scan) = line(Stale::never());
    let (_server, addr) = serve(EquipmentMonitor::new(scan).period(Duration::from_millis(20)));
    let (robot, other) = (tags.equipment(CODES[0]).unwrap(), tags.equipment(CODES[1]).unwrap());
    tags.update(robot, &[robot.status_tag().to(true)]).unwrap();
    tags.touch(other).unwrap();
    let mut client = Client::open(addr, "/ws/monitor/");
    let first = json(&mut client);
    assert_eq!((&first["type"], &first["status"]), (&"connection_status".into(), &"connected".into()));
    assert_eq!(codes(&first), CODES);
    let then = json(&mut client);
    assert_eq!(then["type"], "equipment_status");
    assert_eq!(then["timestamp"].as_str().map(str::len), Some("2025-11-03T10:30:45.123Z".len()));
    let shown = &then["equipment"][0];
    assert_eq!(shown["status"], "running");
    assert_eq!((&shown["tags"]["status_tag"], &shown["tags"]["connection"]), (&1.into(), &true.into()));
    assert!(shown["tags"]["temp"].is_null(), "never written");
    assert_eq!(then["equipment"][1]["status"], "idle");
    assert_eq!(then["equipment"][2]["status"], "disconnected", "never written");
    tags.set(tags.tag::<f64>(robot, "temp").unwrap(), 21.5).unwrap();
    while next_of(&mut client, "equipment_status")["equipment"][0]["tags"]["temp"] != 21.5 {}
}

#[test]
fn a_ping_is_answered_and_everything_else_is_passed_over() {
    let (_tags, scan) = line(Stale::never());
    let (server, addr) = serve(EquipmentMonitor::new(scan).period(Duration::from_secs(60)));
    let mut client = Client::open(addr, "/ws/monitor");
    assert_eq!(json(&mut client)["type"], "connection_status");
    for nonsense in
        ["", "ping", "{}", "[1]", "{\"type\":1}", "{\"type\":\"subscribe\"}", "{\"type\":\"ping\""]
    {
        client.text(nonsense);
    }
    client.send_frame(support::BINARY, b"{\"type\":\"ping\"}");
    client.text("{\"type\":\"ping\",\"timestamp\":\"2025-11-03T10:30:45.123Z\"}");
    let pong = json(&mut client);
    assert_eq!(pong["type"], "pong");
    assert_eq!(pong.as_object().map(serde_json::Map::len), Some(2));
    stats_until(&server.handle(), "they are counted", |stats| stats.messages_ignored == 8);
}

#[test]
fn clients_that_want_the_same_share_a_view_and_others_get_what_they_ask_for() {
    let (tags, scan) = line(Stale::never());
    let (server, addr) = serve(EquipmentMonitor::new(scan).period(Duration::from_millis(20)).views(2));
    let two = "/ws/monitor?equipment=KRCWO12ELOA102,%EA%B0%80%EA%B3%B5%223&rate=51&unknown=x";
    let same = "/ws/monitor?rate=50&equipment=%EA%B0%80%EA%B3%B5%223,,KRCWO12ELOA102,KRCWO12ELOA102";
    let mut clients = [Client::open(addr, two), Client::open(addr, same), Client::open(addr, "/ws/monitor")];
    for client in &mut clients[..2] {
        assert_eq!(codes(&json(client)), CODES[1..]);
        assert_eq!(codes(&next_of(client, "equipment_status")), CODES[1..]);
    }
    assert_eq!(codes(&json(&mut clients[2])), CODES);
    let mut refused = Client::connect(addr);
    for (query, status, says) in [
        ("equipment=KRCWO12ELOA102,NOPE", 400, "NOPE"),
        ("equipment=", 400, "at least one code"),
        ("rate=fast", 400, "fast"),
        ("rate=-1", 400, "rate"),
        ("mode=some", 400, "full or changes"),
        ("mode=changes", 503, "as many different views"),
    ] {
        let answer = refused.ask(&upgrade_head(&format!("/ws/monitor?{query}"), ""));
        assert_eq!(answer.status, status, "{query}");
        assert!(answer.text().contains(says), "{query}: {}", answer.text());
    }
    // Equipment that is declared later is there for those who come after, and for those who watch all.
    let late = tags.declare(Equipment::new("LATE", "나중", Stale::never())).unwrap();
    tags.touch(late).unwrap();
    while codes(&next_of(&mut clients[2], "equipment_status")).len() < 4 {}
    // A view that nobody watches makes room for another.
    let [one, another, _all] = clients;
    drop((one, another));
    support::eventually("there is room", || {
        Client::connect(addr).ask(&upgrade_head("/ws/monitor?equipment=LATE", "")).status == 101
    });
    stats_until(&server.handle(), "bounds are counted", |stats| stats.contract_bounds >= 1);
}

#[test]
fn changes_come_alone_and_numbered() {
    let (tags, scan) = line(Stale::never());
    let monitor = EquipmentMonitor::new(scan).on_change(Duration::ZERO).period(Duration::from_secs(60));
    let (_server, addr) = serve(monitor);
    let robots = CODES.map(|code| tags.equipment(code).unwrap());
    let mut client = Client::open(addr, "/ws/monitor?mode=changes");
    assert_eq!(codes(&json(&mut client)), CODES);
    let full = json(&mut client);
    assert_eq!((&full["type"], &full["seq"]), (&"equipment_status".into(), &0.into()));
    for seq in 1..=5 {
        let robot = robots[seq % 3];
        tags.set(robot.status_tag(), true).unwrap();
        tags.set(tags.tag::<f64>(robot, "temp").unwrap(), seq as f64).unwrap();
        // Both writes may be seen at once, or one after the other.
        let mut temp = Value::Null;
        while temp != seq as f64 {
            let changes = json(&mut client);
            assert_eq!(changes["type"], "equipment_changes");
            assert_eq!(codes(&changes), [CODES[seq % 3]]);
            temp = changes["equipment"][0]["tags"]["temp"].clone();
        }
    }
    // Numbers go up by one for everyone alike; a newcomer begins at where the others are.
    tags.touch(robots[0]).unwrap();
    let mut newcomer = Client::open(addr, "/ws/monitor?mode=changes");
    let at = next_of(&mut newcomer, "equipment_status")["seq"].as_u64().unwrap();
    tags.set(robots[0].error_tag(), true).unwrap();
    let expected: Value = (at + 1).into();
    let (one, other) = (json(&mut client), json(&mut newcomer));
    assert_eq!((&one["seq"], &one), (&expected, &other), "one encoding for both");
    assert_eq!(one["equipment"][0]["status"], "error");
}

#[test]
fn a_client_that_is_too_slow_for_changes_is_told_what_it_missed() {
    let equipment =
        |n| Equipment::new(format!("E{n}"), "x".repeat(100), Stale::never()).tag("n", TagKind::I64);
    let tags = (0..200).fold(Tags::builder(), |tags, n| tags.equipment(equipment(n)));
    let (tags, scan) = tags.build().unwrap();
    let monitor = EquipmentMonitor::new(scan).on_change(Duration::ZERO);
    let (server, addr) = start(Server::builder().mount("/ws/monitor", monitor).send_buffer_bytes(16 << 10));
    let counters: Vec<_> = (0..200).map(|n| tags.equipment(&format!("E{n}")).unwrap()).collect();
    let counters: Vec<_> = counters.iter().map(|id| tags.tag::<i64>(*id, "n").unwrap()).collect();
    let mut slow = Client::open(addr, "/ws/monitor?mode=changes");
    let mut round = 0;
    stats_until(&server.handle(), "it is led forward", |stats| {
        round += 1;
        counters.iter().for_each(|tag| tags.set(*tag, round).unwrap());
        stats.conflated > 5
    });
    // Then it reads: every number is either told or named as missed, and what it knows in the end is how things are.
    let (mut next, mut missed, mut full) = (1, 0, None);
    while missed == 0 || full != Some(round) {
        let message = json(&mut slow);
        match message["type"].as_str().unwrap() {
            "equipment_changes" => {
                assert_eq!(message["seq"], next);
                next += 1;
                full = message["equipment"][199]["tags"]["n"].as_i64().or(full);
            }
            "gap" => {
                assert_eq!(message["from"], next);
                let to = message["to"].as_u64().unwrap();
                assert!(to >= next);
                (missed, next) = (missed + to + 1 - next, to + 1);
                let made_up = json(&mut slow);
                assert_eq!(made_up["type"], "equipment_status");
                assert!(made_up["seq"].as_u64() >= Some(to));
                assert_eq!(codes(&made_up).len(), 200);
                full = made_up["equipment"][199]["tags"]["n"].as_i64();
            }
            "connection_status" | "equipment_status" => assert_eq!((next, missed), (1, 0)),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_host_that_stops_writing_is_shown_as_disconnected_and_the_host_is_told() {
    let (tags, scan) = line(Stale::after(Duration::from_millis(100)));
    let (mut server, addr) = serve(EquipmentMonitor::new(scan).period(Duration::from_millis(20)));
    let events = server.events().unwrap();
    let robot = tags.equipment(CODES[0]).unwrap();
    tags.update(robot, &[robot.status_tag().to(true)]).unwrap();
    let told = |stale: bool| loop {
        match events.recv_timeout(PATIENCE).expect("an event") {
            Event::Contract {
                body: EventBody::Monitor(MonitorEvent::Staleness { equipment, code, stale: now, .. }),
                ..
            } if equipment == robot => {
                assert_eq!(&*code, CODES[0]);
                if now == stale {
                    break;
                }
            }
            other => assert!(matches!(other, Event::Contract { .. }), "{other:?}"),
        }
    };
    told(true);
    let mut client = Client::open(addr, "/ws/monitor");
    let shown = &next_of(&mut client, "equipment_status")["equipment"][0];
    assert_eq!((&shown["status"], &shown["tags"]["connection"]), (&"disconnected".into(), &false.into()));
    assert_eq!(shown["tags"]["status_tag"], 1, "what was written stays");
    // It is written again, at its own pace, until that has shown.
    loop {
        tags.touch(robot).unwrap();
        if next_of(&mut client, "equipment_status")["equipment"][0]["status"] == "running" {
            break;
        }
    }
    told(false);
}

#[test]
fn a_lost_source_and_a_stop_are_said() {
    let (tags, scan) = line(Stale::never());
    let (server, addr) = serve(EquipmentMonitor::new(scan).period(Duration::from_millis(20)));
    let mut client = Client::open(addr, "/ws/monitor");
    assert_eq!(json(&mut client)["status"], "connected");
    tags.source_lost();
    assert_eq!(next_of(&mut client, "connection_status")["status"], "error");
    let mut newcomer = Client::open(addr, "/ws/monitor");
    assert_eq!(json(&mut newcomer)["status"], "connected");
    assert_eq!(json(&mut newcomer)["status"], "error");
    tags.source_back();
    for client in [&mut client, &mut newcomer] {
        assert_eq!(next_of(client, "connection_status")["status"], "connected");
    }
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    for client in [&mut client, &mut newcomer] {
        assert_eq!(next_of(client, "connection_status")["status"], "disconnected");
        client.expect_close_and_answer(1001);
    }
    assert_eq!(stopping.join().unwrap(), andon::Stopped::Clean);
}

#[test]
fn what_the_table_counts_is_in_the_statistics_once() {
    let (tags, scan) = line(Stale::after(Duration::from_millis(100)));
    let robot = tags.equipment(CODES[0]).unwrap();
    let temp = tags.tag::<f64>(robot, "temp").unwrap();
    for _ in 0..3 {
        tags.set(temp, f64::NAN).unwrap();
    }
    tags.set_status(andon::EquipmentId::from_bits(u64::MAX), None).unwrap_err();
    tags.declare(Equipment::new(CODES[0], "taken", Stale::never())).unwrap_err();
    // Shown twice, it is one table all the same.
    let monitor = EquipmentMonitor::new(scan).period(Duration::from_millis(20));
    let (server, addr) =
        start(Server::builder().mount("/ws/monitor", monitor.clone()).mount("/ws/wall", monitor));
    let mut clients = [Client::open(addr, "/ws/monitor"), Client::open(addr, "/ws/wall")];
    let stats = stats_until(&server.handle(), "all is counted", |stats| {
        clients.iter_mut().for_each(|client| drop(json(client)));
        stats.equipment_staled >= 3
    });
    assert_eq!((stats.tag_values_not_finite, stats.equipment_staled), (3, 3));
    assert_eq!((stats.tag_handles_unknown, stats.tag_declarations_refused), (1, 1));
    assert_eq!((stats.tag_writes_busy, stats.tag_writes_refused), (0, 0));
}

/// A control thread that writes as fast as it can, and the loop that publishes what it finds: no message is torn, none is older than what was
/// written before its scan, and there are some. `ANDON_HAMMER_SECONDS` has it go on for longer.
#[test]
fn what_a_writer_in_a_tight_loop_writes_is_shown_whole_and_fresh() {
    let seconds =
        std::env::var("ANDON_HAMMER_SECONDS").map_or(1, |seconds| seconds.parse().expect("seconds"));
    let press =
        ["a", "b", "c"].iter().fold(Equipment::new("PRESS", "프레스", Stale::never()), |press, name| {
            press.tag(*name, TagKind::I64)
        });
    let (tags, scan) = Tags::builder().equipment(press).build().unwrap();
    let (_server, addr) = serve(EquipmentMonitor::new(scan).period(Duration::from_millis(10)));
    let press = tags.equipment("PRESS").unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| tags.tag::<i64>(press, name).unwrap());
    let (written, done) = (AtomicI64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !done.load(Relaxed) {
                n += 1;
                tags.update(press, &[a.to(n), b.to(-n), c.to(n * 3)]).expect("the only writer is never busy");
                written.store(n, Release);
            }
        });
        let mut client = Client::open(addr, "/ws/monitor");
        let until = std::time::Instant::now() + Duration::from_secs(seconds);
        let (mut shown, mut last) = (0_u64, 0);
        while std::time::Instant::now() < until {
            // The loop's answer comes after this was written, and before what it publishes next.
            let before = written.load(Acquire);
            client.text("{\"type\":\"ping\"}");
            next_of(&mut client, "pong");
            let message = next_of(&mut client, "equipment_status");
            let value = |name: &str| message["equipment"][0]["tags"][name].as_i64();
            let Some(n) = value("a") else { continue };
            assert_eq!((value("b"), value("c")), (Some(-n), Some(n * 3)), "torn");
            assert!(n >= before.max(last), "{n} is shown, though {before} was written and {last} was shown");
            (last, shown) = (n, shown + 1);
        }
        done.store(true, Relaxed);
        assert!(shown > 0 && last > 0, "{shown} messages, the last of {last}");
    });
}
