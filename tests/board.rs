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
use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
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
fn show(test: &str, scene: &str, addr: SocketAddr, cookie: &str) -> Option<Page> {
    let ready = at("tests/web/board/ready.mjs");
    let ready = ready.to_str().expect("the path is text");
    let what = "Node 20 with the packages of tests/web/board (npm ci --prefix tests/web/board) and Chromium (apt install chromium, or CHROMIUM=its path)";
    let node = tool(test, what, &[&["node"]], &[ready])?;
    let shots = at("target/board");
    let shots = shots.to_str().expect("the path is text");
    let url = format!("http://{addr}/");
    let alone = ONE_BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let program = Program::run(node, "../web/board/board.mjs", &[scene, &url, shots, cookie]);
    Some(Page { program, _alone: alone, shown: HashMap::new() })
}

/// A browser takes a processor for itself, and axe takes its time.
const BROWSER_PATIENCE: Duration = PATIENCE.saturating_mul(4);
static ONE_BROWSER: Mutex<()> = Mutex::new(());

/// A board, and what it showed last of everything.
struct Page {
    program: Program,
    _alone: MutexGuard<'static, ()>,
    shown: HashMap<String, Value>,
}

impl Page {
    /// The next thing that it tells, be it a complaint.
    #[track_caller]
    fn next_told(&self) -> Value {
        let line = self.program.next_line_within(BROWSER_PATIENCE);
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))
    }

    /// The next thing that it tells. It has nothing to complain of.
    #[track_caller]
    fn next(&mut self) -> Value {
        let told = self.next_told();
        assert!(told.get("complaint").is_none(), "{told}");
        let told_all = told.as_object().expect("each line is an object");
        self.shown.extend(told_all.iter().map(|(what, value)| (what.clone(), value.clone())));
        told
    }

    /// Listens until this is what it shows, whatever else it shows before.
    #[track_caller]
    fn until(&mut self, what: &str, expected: &Value) {
        while self.shown.get(what) != Some(expected) {
            self.next();
        }
    }
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
    Value::Object(all)
}

fn mixed(n: usize) -> &'static str {
    LOOKS[n % LOOKS.len()]
}

#[test]
fn tiles_have_the_contracts_colours_and_follow_changes() {
    let (tags, builder) = line(MACHINES);
    (0..MACHINES).for_each(|n| make(&tags, n, mixed(n)));
    let (_server, addr) = start(builder);
    let Some(mut page) = show("tiles_have_the_contracts_colours_and_follow_changes", "watch", addr, "")
    else {
        return;
    };
    page.until("tiles", &looks(mixed));
    page.until("summary", &json!(["4 Running", "4 Idle", "3 Disconnected", "3 Stopped", "3 Fault"]));
    make(&tags, 4, "purple Fault");
    page.until("tiles", &looks(|n| if n == 4 { "purple Fault" } else { mixed(n) }));
    page.until("summary", &json!(["4 Running", "4 Idle", "2 Disconnected", "3 Stopped", "4 Fault"]));
}

#[test]
fn the_board_survives_a_restart() {
    let (tags, builder) = line(MACHINES);
    (0..MACHINES).for_each(|n| make(&tags, n, "green Running"));
    let (server, addr) = start(builder);
    let Some(mut page) = show("the_board_survives_a_restart", "watch", addr, "") else { return };
    page.until("tiles", &looks(|_| "green Running"));
    server.stop(PATIENCE);
    page.until("link", &json!("waiting"));
    // What nobody can know any more does not look alive.
    page.until("tiles", &looks(|_| "none Last: Running"));
    let (tags, builder) = line(MACHINES);
    (0..MACHINES).for_each(|n| make(&tags, n, "yellow Idle"));
    let _server = builder.listen(addr.to_string()).start().expect("the port is free again");
    page.until("link", &json!("live"));
    page.until("tiles", &looks(|_| "yellow Idle"));
}

#[test]
fn tiles_are_gray_once_five_tries_have_failed_and_it_goes_on_trying() {
    let (tags, builder) = line(MACHINES);
    (0..MACHINES).for_each(|n| make(&tags, n, "green Running"));
    let (server, addr) = start(builder);
    let test = "tiles_are_gray_once_five_tries_have_failed_and_it_goes_on_trying";
    let Some(mut page) = show(test, "impatient", addr, "") else { return };
    page.until("tiles", &looks(|_| "green Running"));
    server.stop(PATIENCE);
    page.until("link", &json!("lost"));
    page.until("tiles", &looks(|_| "gray Disconnected"));
    page.until("shot", &json!("lost"));
    let (tags, builder) = line(MACHINES);
    (0..MACHINES).for_each(|n| make(&tags, n, "green Running"));
    let _server = builder.listen(addr.to_string()).start().expect("the port is free again");
    page.until("link", &json!("live"));
    page.until("tiles", &looks(|_| "green Running"));
}

#[test]
fn tags_of_ones_own_and_topics_are_shown() {
    let (tags, builder) = line(1);
    let parts = tags.tag::<i64>(tags.equipment(&code(0)).expect("declared"), "parts").expect("declared");
    let (server, addr) = start(builder.topic_hub("/ws/{topic}", TopicHubConfig::new()));
    let Some(mut page) = show("tags_of_ones_own_and_topics_are_shown", "watch", addr, "") else { return };
    page.until("tags", &json!({code(0): ["parts=–"]}));
    tags.set(parts, 312).expect("one writer");
    page.until("tags", &json!({code(0): ["parts=312"]}));
    let hub = server.topic_hub().expect("mounted");
    hub.publish_key("robots", "1", r#"{"id":1,"at":"dock"}"#).expect("there is room");
    while page.shown.get("topics").is_none_or(|topics| topics["robots"] != "id 1 · at dock") {
        page.next();
    }
}

#[test]
fn a_session_being_recorded_is_seen_until_it_ends() {
    let (_tags, builder) = line(1);
    let builder = builder.store(MemoryStore::new(1_000));
    let (_server, addr) = start(builder.device_sessions("/ws/device", DeviceSessionsConfig::new()));
    let Some(mut page) = show("a_session_being_recorded_is_seen_until_it_ends", "watch", addr, "") else {
        return;
    };
    page.until("sessions", &json!([]));
    let mut device = Client::open(addr, "/ws/device");
    device.text(r#"{"type":"session_start","deviceId":"AMR_001"}"#);
    assert!(device.take_text().contains("session_created"));
    page.until("sessions", &json!(["AMR_001 | Recording | 0 samples | "]));
    for n in 1..=3 {
        device.text(&format!(
            r#"{{"type":"sensor_data","deviceId":"AMR_001","data":{{"speed":{n},"gyro":{{"z":0.5}}}}}}"#
        ));
    }
    page.until("sessions", &json!(["AMR_001 | Recording | 3 samples | speed,gyro.z"]));
    device.text(r#"{"type":"session_end","deviceId":"AMR_001"}"#);
    page.until("sessions", &json!(["AMR_001 | Completed | 3 samples | speed,gyro.z"]));
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
    let Some(mut page) = show(test, "lead", addr, "sessionid=instructor1") else { return };
    page.until("lesson", &json!(["TEST001 | In progress |  | "]));
    page.until("lesson", &json!(["TEST001 | In progress |  | 강사"]));
    page.until("lesson", &json!(["TEST001 | In progress | 알림 켜기 | 강사"]));
    page.until("lesson", &json!(["TEST001 | Paused | 알림 켜기 | 강사"]));
    page.until("lesson", &json!(["TEST001 | In progress | 알림 켜기 | 강사"]));
    page.until("lesson", &json!(["TEST001 | Ended | 알림 켜기 | 강사"]));
}

#[test]
fn a_board_without_an_identity_shows_the_rest_and_complains_of_nothing() {
    let (tags, builder) = line(1);
    make(&tags, 0, "green Running");
    // Everybody is let in; lessons know nobody of them.
    let config = GuidedSessionsConfig::new().session(GuidedSession::new("TEST001"));
    let (server, addr) = start(builder.guided_sessions("/ws/sessions/{code}/", config));
    let test = "a_board_without_an_identity_shows_the_rest_and_complains_of_nothing";
    let Some(mut page) = show(test, "watch", addr, "") else { return };
    page.until("tiles", &json!({code(0): "green Running"}));
    // Beside the page, its style, its script, and who one is.
    support::stats_until(&server.handle(), "statistics were asked for twice", |stats| stats.requests > 6);
    make(&tags, 0, "yellow Idle");
    page.until("tiles", &json!({code(0): "yellow Idle"}));
    assert_eq!(server.stats().answered_403, 0);
}

#[test]
fn the_language_is_chosen_and_remembered() {
    let (tags, builder) = line(1);
    make(&tags, 0, "green Running");
    let (_server, addr) = start(builder);
    let Some(mut page) = show("the_language_is_chosen_and_remembered", "languages", addr, "") else { return };
    let english = json!({"lang": "en", "heading": "Equipment", "state": "Running", "chip": "Running"});
    let korean = json!({"lang": "ko", "heading": "설비", "state": "가동", "chip": "가동"});
    for expected in [&english, &korean, &korean, &english] {
        assert_eq!(page.next(), *expected);
    }
}

#[test]
fn the_policy_forbids_what_is_not_the_boards() {
    let (_tags, builder) = line(1);
    let (_server, addr) = start(builder);
    let Some(page) = show("the_policy_forbids_what_is_not_the_boards", "policy", addr, "") else {
        return;
    };
    let expected = json!({"forbidden": ["connect-src", "img-src", "script-src-elem", "style-src-attr"]});
    // Here the complaints are what is wanted.
    while page.next_told() != expected {}
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
    let Some(mut page) = show(test, "accessible", addr, "sessionid=instructor1") else { return };
    for size in ["wall", "desk", "phone", "large"] {
        for scheme in ["dark", "light"] {
            assert_eq!(
                page.next(),
                json!({"screen": format!("{size} {scheme}"), "bad": [], "tooWide": false})
            );
        }
    }
}
