//! The board in a real browser (`tests/web/board`): what it shows for given tags, and what becomes of it when the server goes and comes.
//!
//! What a machine lacks is said by name and left out; where `CI` is set it is a failure. Screenshots are left in `target/board`.
#![cfg(feature = "board")]

mod support;

use andon::{
    BoardConfig, Builder, DeviceSessionsConfig, Equipment, EquipmentMonitor, EquipmentStatus, GuidedSession,
    GuidedSessionsConfig, Identity, MemoryStore, MountOptions, Now, Request, Server, Stale, Subtask,
    TagWrite, Tags, TopicHubConfig, Verdict,
};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use support::{
    Client, PATIENCE,
    program::{Program, tool},
    start,
};

const MACHINES: usize = 17;
/// By the contract's precedence, as often as it takes.
const LOOKS: [&str; 5] = ["green Running", "yellow Idle", "red Stopped", "purple Fault", "gray Disconnected"];

fn at(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The board of this server in a browser, in this scene.
fn show(test: &str, scene: &str, addr: SocketAddr, cookie: &str) -> Option<Program> {
    let ready = at("tests/web/board/ready.mjs");
    let ready = ready.to_str().expect("the path is text");
    let what = "Node 20 with the packages of tests/web/board (npm ci --prefix tests/web/board) and Chromium (apt install chromium, or CHROMIUM=its path)";
    let node = tool(test, what, &[&["node"]], &[ready])?;
    let shots = at("target/board");
    let shots = shots.to_str().expect("the path is text");
    let url = format!("http://{addr}/");
    Some(Program::run(node, "../web/board/board.mjs", &[scene, &url, shots, cookie]))
}

/// The next thing that the page tells. It has nothing to complain of.
#[track_caller]
fn next(page: &Program) -> Value {
    let told = page.next();
    assert!(told.get("complaint").is_none(), "{told}");
    told
}

/// Skips what is told until it is this.
#[track_caller]
fn until(page: &Program, expected: &Value) {
    while next(page) != *expected {}
}

fn code(n: usize) -> String {
    format!("KRCWO12ELOA{}", 101 + n)
}

/// Tags of a line, and a server that shows it as soon as something changes.
fn line(machines: usize) -> (Tags, Builder) {
    let equipment = (0..machines).map(|n| {
        Equipment::new(code(n), format!("{n}호 로봇 용접"), Stale::never()).tag("parts", andon::TagKind::I64)
    });
    let (tags, scan) = equipment.fold(Tags::builder(), |tags, one| tags.equipment(one)).build().unwrap();
    let monitor =
        EquipmentMonitor::new(scan).period(Duration::from_millis(500)).on_change(Duration::from_millis(5));
    let builder =
        Server::builder().mount("/ws/monitor", monitor).board(BoardConfig::new().title("용접 1라인"));
    (tags, builder)
}

/// Makes a machine look so. One that is gray is left as it was declared: never written.
fn make(tags: &Tags, n: usize, look: &str) {
    let id = tags.equipment(&code(n)).expect("declared");
    let (running, fault, status) = match look {
        "green Running" => (true, false, None),
        "yellow Idle" => (false, false, None),
        "red Stopped" => (false, false, Some(EquipmentStatus::Stopped)),
        // The worse wins.
        "purple Fault" => (true, true, Some(EquipmentStatus::Stopped)),
        _ => return,
    };
    let values = [id.status_tag().to(running), id.error_tag().to(fault), TagWrite::status(id, status)];
    tags.update(id, &values).expect("there is room, and one writer");
}

/// All machines, looking like this.
fn looks(of: impl Fn(usize) -> &'static str) -> Value {
    let all: serde_json::Map<_, _> = (0..MACHINES).map(|n| (code(n), json!(of(n)))).collect();
    json!({ "tiles": all })
}

fn mixed(n: usize) -> &'static str {
    LOOKS[n % LOOKS.len()]
}

#[test]
fn tiles_have_the_contracts_colours_and_follow_changes() {
    let (tags, builder) = line(MACHINES);
    (0..MACHINES).for_each(|n| make(&tags, n, mixed(n)));
    let (_server, addr) = start(builder);
    let Some(page) = show("tiles_have_the_contracts_colours_and_follow_changes", "watch", addr, "") else {
        return;
    };
    until(&page, &looks(mixed));
    until(&page, &json!({"summary": ["4 Running", "4 Idle", "3 Disconnected", "3 Stopped", "3 Fault"]}));
    make(&tags, 4, "purple Fault");
    until(&page, &looks(|n| if n == 4 { "purple Fault" } else { mixed(n) }));
    until(&page, &json!({"summary": ["4 Running", "4 Idle", "2 Disconnected", "3 Stopped", "4 Fault"]}));
}

#[test]
fn the_board_survives_a_restart() {
    let (tags, builder) = line(MACHINES);
    (0..MACHINES).for_each(|n| make(&tags, n, "green Running"));
    let (server, addr) = start(builder);
    let Some(page) = show("the_board_survives_a_restart", "watch", addr, "") else { return };
    until(&page, &looks(|_| "green Running"));
    server.stop(PATIENCE);
    until(&page, &json!({"link": "waiting"}));
    // What nobody can know any more does not look alive.
    until(&page, &looks(|_| "none Last: Running"));
    let (tags, builder) = line(MACHINES);
    (0..MACHINES).for_each(|n| make(&tags, n, "yellow Idle"));
    let _server = builder.listen(addr.to_string()).start().expect("the port is free again");
    until(&page, &json!({"link": "live"}));
    until(&page, &looks(|_| "yellow Idle"));
}

#[test]
fn tiles_are_gray_once_five_tries_have_failed_and_it_goes_on_trying() {
    let (tags, builder) = line(MACHINES);
    (0..MACHINES).for_each(|n| make(&tags, n, "green Running"));
    let (server, addr) = start(builder);
    let test = "tiles_are_gray_once_five_tries_have_failed_and_it_goes_on_trying";
    let Some(page) = show(test, "impatient", addr, "") else { return };
    until(&page, &looks(|_| "green Running"));
    server.stop(PATIENCE);
    until(&page, &json!({"link": "lost"}));
    until(&page, &looks(|_| "gray Disconnected"));
    until(&page, &json!({"shot": "lost"}));
    let (tags, builder) = line(MACHINES);
    (0..MACHINES).for_each(|n| make(&tags, n, "green Running"));
    let _server = builder.listen(addr.to_string()).start().expect("the port is free again");
    until(&page, &json!({"link": "live"}));
    until(&page, &looks(|_| "green Running"));
}

#[test]
fn tags_of_ones_own_and_topics_are_shown() {
    let (tags, builder) = line(1);
    let parts = tags.tag::<i64>(tags.equipment(&code(0)).expect("declared"), "parts").expect("declared");
    let (server, addr) = start(builder.topic_hub("/ws/{topic}", TopicHubConfig::new()));
    let Some(page) = show("tags_of_ones_own_and_topics_are_shown", "watch", addr, "") else { return };
    until(&page, &json!({"tags": {code(0): ["parts=–"]}}));
    tags.set(parts, 312).expect("one writer");
    until(&page, &json!({"tags": {code(0): ["parts=312"]}}));
    let hub = server.topic_hub().expect("mounted");
    hub.publish_key("robots", "1", r#"{"id":1,"at":"dock"}"#).expect("there is room");
    while next(&page)["topics"]["robots"] != "id 1 · at dock" {}
}

#[test]
fn a_session_being_recorded_is_seen_until_it_ends() {
    let (_tags, builder) = line(1);
    let builder = builder.store(MemoryStore::new(1_000));
    let (_server, addr) = start(builder.device_sessions("/ws/device", DeviceSessionsConfig::new()));
    let Some(page) = show("a_session_being_recorded_is_seen_until_it_ends", "watch", addr, "") else {
        return;
    };
    until(&page, &json!({"sessions": []}));
    let mut device = Client::open(addr, "/ws/device");
    device.text(r#"{"type":"session_start","deviceId":"AMR_001"}"#);
    assert!(device.take_text().contains("session_created"));
    until(&page, &json!({"sessions": ["AMR_001 | Recording | 0 samples | "]}));
    for n in 1..=3 {
        device.text(&format!(
            r#"{{"type":"sensor_data","deviceId":"AMR_001","data":{{"speed":{n},"gyro":{{"z":0.5}}}}}}"#
        ));
    }
    until(&page, &json!({"sessions": ["AMR_001 | Recording | 3 samples | speed,gyro.z"]}));
    device.text(r#"{"type":"session_end","deviceId":"AMR_001"}"#);
    until(&page, &json!({"sessions": ["AMR_001 | Completed | 3 samples | speed,gyro.z"]}));
}

/// Who one is stands in a cookie.
fn cookies() -> MountOptions {
    MountOptions::new().gate(|_: Now, request: &Request<'_>| {
        let cookie = request.header("cookie").unwrap_or_default();
        if cookie.contains("sessionid=instructor1") {
            Verdict::Allow(Identity::new("10").with_name("강사").with_role("INSTRUCTOR"))
        } else {
            Verdict::Allow(Identity::new("1").with_name("학생").with_role("STUDENT"))
        }
    })
}

fn lessons(builder: Builder) -> Builder {
    let steps = ["설정 열기", "알림 켜기", "끝내기"];
    let lesson = GuidedSession::new("TEST001");
    let lesson = steps.iter().zip(1..).fold(lesson, |all, (title, id)| all.subtask(Subtask::new(id, *title)));
    let config = GuidedSessionsConfig::new().session(lesson);
    builder.guided_sessions_with("/ws/sessions/{code}/", cookies(), config)
}

#[test]
fn an_instructor_leads_from_the_board_and_is_there_only_then() {
    let (_tags, builder) = line(1);
    let (_server, addr) = start(lessons(builder));
    let test = "an_instructor_leads_from_the_board_and_is_there_only_then";
    let Some(page) = show(test, "lead", addr, "sessionid=instructor1") else { return };
    until(&page, &json!({"lesson": ["TEST001 | In progress |  | "]}));
    until(&page, &json!({"lesson": ["TEST001 | In progress |  | 강사"]}));
    until(&page, &json!({"lesson": ["TEST001 | In progress | 알림 켜기 | 강사"]}));
    until(&page, &json!({"lesson": ["TEST001 | Paused | 알림 켜기 | 강사"]}));
    until(&page, &json!({"lesson": ["TEST001 | In progress | 알림 켜기 | 강사"]}));
    until(&page, &json!({"lesson": ["TEST001 | Ended | 알림 켜기 | 강사"]}));
}

#[test]
fn a_board_without_an_identity_shows_the_rest_and_complains_of_nothing() {
    let (tags, builder) = line(1);
    make(&tags, 0, "green Running");
    // Everybody is let in; lessons know nobody of them.
    let config = GuidedSessionsConfig::new().session(GuidedSession::new("TEST001"));
    let (server, addr) = start(builder.guided_sessions("/ws/sessions/{code}/", config));
    let test = "a_board_without_an_identity_shows_the_rest_and_complains_of_nothing";
    let Some(page) = show(test, "watch", addr, "") else { return };
    until(&page, &json!({"tiles": {code(0): "green Running"}}));
    support::stats_until(&server.handle(), "statistics were asked for twice", |stats| stats.requests > 20);
    make(&tags, 0, "yellow Idle");
    until(&page, &json!({"tiles": {code(0): "yellow Idle"}}));
    assert_eq!(server.stats().answered_403, 0);
}

#[test]
fn the_language_is_chosen_and_remembered() {
    let (tags, builder) = line(1);
    make(&tags, 0, "green Running");
    let (_server, addr) = start(builder);
    let Some(page) = show("the_language_is_chosen_and_remembered", "languages", addr, "") else { return };
    let english = json!({"lang": "en", "heading": "Equipment", "state": "Running", "chip": "Running"});
    let korean = json!({"lang": "ko", "heading": "설비", "state": "가동", "chip": "가동"});
    for expected in [&english, &korean, &korean, &english] {
        assert_eq!(next(&page), *expected);
    }
}

#[test]
fn the_policy_forbids_what_is_not_the_boards() {
    let (_tags, builder) = line(1);
    let (_server, addr) = start(builder);
    let Some(page) = show("the_policy_forbids_what_is_not_the_boards", "policy", addr, "") else { return };
    let expected = json!({"forbidden": ["connect-src", "img-src", "script-src-elem", "style-src-attr"]});
    // Here the complaints are what is wanted.
    while page.next() != expected {}
}

#[test]
fn everybody_can_use_it_on_every_screen() {
    let (tags, builder) = line(MACHINES);
    (0..MACHINES).for_each(|n| make(&tags, n, mixed(n)));
    let builder = lessons(builder.topic_hub("/ws/{topic}", TopicHubConfig::new()));
    let (_server, addr) = start(builder.device_sessions("/ws/device", DeviceSessionsConfig::new()));
    let mut device = Client::open(addr, "/ws/device");
    device.text(r#"{"type":"session_start","deviceId":"AMR_001"}"#);
    assert!(device.take_text().contains("session_created"));
    let test = "everybody_can_use_it_on_every_screen";
    let Some(page) = show(test, "accessible", addr, "sessionid=instructor1") else { return };
    for size in ["wall", "desk", "phone", "large"] {
        for scheme in ["dark", "light"] {
            assert_eq!(
                next(&page),
                json!({"screen": format!("{size} {scheme}"), "bad": [], "tooWide": false})
            );
        }
    }
}
