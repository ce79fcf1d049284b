//! The bring-up server: something to point a first client at.
//!
//!     cargo run --release --example bringup
//!
//! | path | shows |
//! |---|---|
//! | `/` | the board: all of it, for people |
//! | `/ws/monitor` | the equipment monitor: a simulated line of machines, of which a few fall silent now and then |
//! | `/ws/{topic}` | the topic hub: nine topics of a simulated restaurant, such as `/ws/robots` |
//! | `/ws/device` | device sessions: be the device |
//! | `/ws/sessions/{code}/` | guided sessions: a lesson, `TEST001`, for students and instructors who are known by demo cookies |
//! | `/ws/ticker` | a contract of our own, which counts the seconds |
//! | `/echo` | with `--echo`: whatever a client says, it hears again |
//! | `/demo/instructor1` | makes a browser the instructor; also `student1`, `student2`, `nobody` |
//! | `/healthz`, `/metrics`, `/api` | the same for programs, see `docs/http.md` |
//!
//! What devices and lessons tell is recorded in `andon.db`, unless `--store` says otherwise. It says how to try each; `--help` tells what can be set.

mod common;
#[path = "bringup/demo_devices.rs"]
mod demo_devices;
#[path = "bringup/hints.rs"]
mod hints;
#[path = "bringup/lesson.rs"]
mod lesson;
#[path = "bringup/people.rs"]
mod people;
#[path = "bringup/simulation.rs"]
mod simulation;
#[path = "bringup/ticker.rs"]
mod ticker;
#[path = "bringup/watch.rs"]
mod watch;

use andon::{
    BoardConfig, Builder, ConnId, Contract, DeviceSessionsConfig, Effects, EquipmentMonitor, EventMask,
    Gate as _, HubRefuse, IdentityTable, Limits, Message, MountOptions, OnActive, RegisterSession, Server,
    Setup, SqliteStore, StoreOpenError, Topic, TopicHubConfig,
};
use common::flags::{Flags, Given};
use demo_devices::DemoDevices;
use hints::People;
use log::LevelFilter;
use people::Door;
use simulation::{Simulation, line::Line, restaurant::Restaurant};
use std::{net::SocketAddr, process::ExitCode, thread, time::Duration};
use ticker::Ticker;

/// Whatever a client says, it hears again: for conformance suites and for measuring.
struct Echo;

impl Contract for Echo {
    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        fx.send(peer, message);
    }
}

/// What can be set.
fn flags() -> Flags {
    let day = 24 * 60 * 60;
    let limits = Limits::default();
    Flags::new("bringup", "a server to point a first client at", "127.0.0.1:8000")
        .number("--machines", "machines on the line", 17, 1..=10_000)
        .number("--period-ms", "time between two messages of the monitor", 1_000, 10..=60_000)
        .number("--on-change-ms", "least time between two of ?mode=changes; 0: each period", 5, 0..=60_000)
        .number("--stale-s", "a machine not written for so long is disconnected; 0: never", 5, 0..=day)
        .number("--ping-interval-s", "time between two pings of the hub; 0: none", 30, 0..=day)
        .number("--poll-interval-s", "a topic quiet for so long is sent again; 0: never", 10, 0..=day)
        .number("--topic-limit", "connections on each topic of the hub", 1_024, 1..=1_000_000)
        .number(
            "--session-idle-s",
            "a device's session without data ends after this; 0: never",
            1_800,
            0..=day,
        )
        .number(
            "--max-connections",
            "connections in all; 0: as many as there are descriptors for",
            0,
            0..=1 << 20,
        )
        .number("--max-message-bytes", "one message of a client", limits.message_bytes as u64, 125..=1 << 26)
        .number("--handshake-timeout-s", "time to ask for something", limits.handshake.as_secs(), 1..=day)
        .word("--store", "PATH|none", "where devices and lessons are recorded", "andon.db", &[])
        .word(
            "--register-session",
            "auto|always|never",
            "whether device_registered has a session: auto, for clients older than 1.1.0",
            "auto",
            &["auto", "always", "never"],
        )
        .word(
            "--on-active",
            "end|reject",
            "what session_start does to the session that the device has",
            "end",
            &["end", "reject"],
        )
        .word(
            "--refuse",
            "http|close",
            "how the hub refuses: 403, or accepted and closed with a code",
            "http",
            &["http", "close"],
        )
        .word(
            "--identities",
            "FILE|demo",
            "who may come to lessons; demo: three on loopback only",
            "demo",
            &[],
        )
        .number("--demo-devices", "devices that connect and record by themselves", 0, 0..=100)
        .word(
            "--log",
            "off|error|warn|info|debug|trace",
            "what the library says, on standard error",
            "warn",
            &["off", "error", "warn", "info", "debug", "trace"],
        )
        .list("--allow-origin", "ORIGIN", "pages of this origin may connect; default: all may")
        .list(
            "--allow-host",
            "HOST",
            "a name that clients know it by; default: all; on loopback only its own",
        )
        .switch("--echo", "serve an echo at /echo")
        .notes(people::FORM)
}

fn limits(flags: &Given) -> Limits {
    let mut limits = Limits::default();
    let message_bytes = flags.number("--max-message-bytes") as usize;
    (limits.message_bytes, limits.frame_bytes) = (message_bytes, message_bytes);
    // Of the largest messages, as many may be on their way as by default.
    limits.partial_bytes_total = limits.partial_bytes_total.max(4 * message_bytes);
    limits.handshake = Duration::from_secs(flags.number("--handshake-timeout-s"));
    limits
}

/// 0 says never, of whatever it is.
fn seconds(flags: &Given, flag: &str) -> Option<Duration> {
    Some(flags.number(flag)).filter(|&count| count > 0).map(Duration::from_secs)
}

/// The contracts that clients feed, each with its settings.
fn mount_sessions(builder: Builder, flags: &Given, door: Door) -> Builder {
    let devices = DeviceSessionsConfig::new()
        .idle_timeout(seconds(flags, "--session-idle-s"))
        .register_session(match flags.word("--register-session") {
            "always" => RegisterSession::Always,
            "never" => RegisterSession::Never,
            _ => RegisterSession::Auto,
        })
        .on_active(match flags.word("--on-active") {
            "reject" => OnActive::Reject,
            _ => OnActive::EndPrevious,
        });
    builder
        .device_sessions("/ws/device", devices)
        .guided_sessions_with(
            "/ws/sessions/{code}/",
            MountOptions::new().gate(door.optional()),
            lesson::config(),
        )
        .events(EventMask::CONTRACTS | EventMask::HEALTH)
}

/// The contracts that the simulation feeds.
fn mount_shown(builder: Builder, flags: &Given, monitor: EquipmentMonitor) -> Builder {
    let hub = TopicHubConfig::new()
        .ping_interval(seconds(flags, "--ping-interval-s"))
        .poll_interval(seconds(flags, "--poll-interval-s"))
        .cap_per_topic(flags.number("--topic-limit") as usize)
        .refuse(if flags.word("--refuse") == "close" { HubRefuse::Close } else { HubRefuse::Http });
    let builder =
        if flags.switch("--echo") { builder.mount("/echo", |_: &mut Setup<'_>| Echo) } else { builder };
    builder
        .mount("/ws/monitor", monitor)
        .topic_hub("/ws/{topic}", hub)
        .topic("ticker", Topic::state())
        .mount("/ws/ticker", Ticker::build)
        .board(BoardConfig::new().title("KRCWO12"))
}

fn open_store(builder: Builder, flags: &Given) -> Result<Builder, StoreOpenError> {
    Ok(match flags.word("--store") {
        "none" => builder,
        path => builder.store(SqliteStore::open(path)?),
    })
}

/// Whom the lesson knows, and what there is for them to sign in.
fn know_people(builder: Builder, flags: &Given) -> Result<(Builder, Door, People), String> {
    if flags.word("--identities") != "demo" {
        let known = people::read(flags.word("--identities"))?.cookies();
        return Ok((builder, Door { known, is_demo: false }, People::OfFile));
    }
    // What everybody can read in the sources is no secret: only this machine may use it. A name of its own means that there is a proxy in front, which lets others in.
    let is_loopback = |address: &String| address.parse().is_ok_and(|at: SocketAddr| at.ip().is_loopback());
    Ok(if flags.listen.iter().all(is_loopback) && flags.list("--allow-host").is_empty() {
        let door = Door { known: people::demo().cookies(), is_demo: true };
        (people::sign_in(builder), door, People::Demo)
    } else {
        (builder, Door { known: IdentityTable::new().cookies(), is_demo: false }, People::Nobody)
    })
}

fn complain(status: impl Into<ExitCode>, why: impl std::fmt::Display) -> ExitCode {
    eprintln!("bringup: {why}");
    status.into()
}

fn main() -> ExitCode {
    let flags = flags().read();
    let level: LevelFilter = flags.word("--log").parse().expect("one of the words that the flag takes");
    env_logger::Builder::new().filter_level(level).init();
    let line = Line::build(flags.number("--machines") as usize, seconds(&flags, "--stale-s"));
    let (line, scan) = line.expect("a table of machines, whose codes differ");
    let mut monitor = EquipmentMonitor::new(scan).period(Duration::from_millis(flags.number("--period-ms")));
    if flags.number("--on-change-ms") > 0 {
        monitor = monitor.on_change(Duration::from_millis(flags.number("--on-change-ms")));
    }

    let mut builder = Server::builder().limits(limits(&flags));
    if flags.number("--max-connections") > 0 {
        builder = builder.max_connections(flags.number("--max-connections") as usize);
    }
    builder = flags.listen.iter().fold(builder, Builder::listen);
    builder = flags.list("--allow-origin").iter().fold(builder, Builder::allow_origin);
    builder = flags.list("--allow-host").iter().fold(builder, Builder::allow_host);
    let (builder, door, people) = match know_people(builder, &flags) {
        Ok(known) => known,
        Err(why) => return complain(2, why),
    };
    let builder = mount_sessions(mount_shown(builder, &flags, monitor), &flags, door);
    let config = match open_store(builder, &flags).map(Builder::build) {
        Ok(Ok(config)) => config,
        // Every setting is of a flag.
        Ok(Err(error)) => return complain(2, error),
        Err(error) => return complain(ExitCode::FAILURE, error),
    };
    let mut server = config.start();
    let at = server.as_ref().ok().map(hints::reachable);
    let events = server.as_mut().ok().and_then(Server::events);
    let watcher = events.map(|events| thread::spawn(move || watch::watch(&events)));
    let hub = server.as_ref().ok().and_then(Server::topic_hub);
    // Both are dropped when the server has stopped: a host's own threads, which nobody else need wait for.
    let _simulation = hub.map(|hub| Simulation::start(line, Restaurant::open(hub)));
    let _devices = at.map(|at| DemoDevices::start(at, flags.number("--demo-devices")));
    let called = at.map(|at| hints::called(at, flags.list("--allow-host")));
    let hints = called.map(|at| hints::hints(&at, people)).unwrap_or_default();
    let code = common::serve_saying("bringup", server, &hints);
    // It has something to say up to the last moment.
    if watcher.is_some_and(|watcher| watcher.join().is_err()) {
        eprintln!("bringup: who reads the events has panicked");
    }
    code
}
