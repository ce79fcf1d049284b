//! The numbers of docs/sizing.md that can be computed: memory ceilings, and what a recording takes on the disk.
#![cfg(all(feature = "contracts", feature = "sqlite", target_pointer_width = "64"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use andon::{
    Builder, DeviceRecord, DeviceSample, DeviceSessionsConfig, Equipment, EquipmentMonitor, EventMask,
    GuidedSessionsConfig, Limits, MemoryStore, Record, Server, SqliteStore, Stale, Store, TagKind, Tags,
    Topic, TopicHubConfig, Wall,
};
use rusqlite::Connection;
use std::{fs, sync::Arc, time::Duration};

/// How far a number of the page may be from what is so: it is there to plan by.
const NEAR: f64 = 0.1;

fn builder(connections: usize) -> Builder {
    let mut limits = Limits::default();
    limits.connections = Some(connections);
    Server::builder().listen("127.0.0.1:0").limits(limits)
}

fn ceiling(builder: Builder) -> f64 {
    builder.build().unwrap().memory_ceiling() as f64
}

/// What something adds to a server of 1,000 connections.
fn added(add: impl FnOnce(Builder) -> Builder) -> f64 {
    ceiling(add(builder(1_000))) - ceiling(builder(1_000))
}

fn monitor(machines: usize) -> f64 {
    let table = (0..machines).fold(Tags::builder(), |table, n| {
        let machine = Equipment::new(
            format!("KRCWO12ELO{n:05}"),
            "Upper 로봇 용접",
            Stale::after(Duration::from_secs(5)),
        );
        table.equipment((0..6).fold(machine, |machine, tag| machine.tag(format!("tag_{tag}"), TagKind::F64)))
    });
    let (_tags, scan) = table.build().unwrap();
    added(|builder| builder.mount("/ws/monitor", EquipmentMonitor::new(scan)))
}

/// What a sample with a payload so long takes in the file, when ten devices record at once.
fn recorded(payload_bytes: usize) -> f64 {
    const SAMPLES: u64 = 20_000;
    let folder = std::env::temp_dir().join(format!("andon-sizing-{}-{payload_bytes}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let mut store = SqliteStore::open(folder.join("sizing.db")).unwrap();
    for first in (0..SAMPLES).step_by(1_000) {
        let sample = |n: u64| {
            let device = n % 10;
            let sample = DeviceSample {
                place: Some((format!("session_0123456789a{device}").into(), n / 10 + 1)),
                device: format!("AMR_10{device}").into(),
                received_at: Wall::from_millis(1_703_123_456_789 + n as i64),
                payload: "x".repeat(payload_bytes).into(),
            };
            Record::new("/ws/device", Wall::from_millis(0), DeviceRecord::Sample(Arc::new(sample)))
        };
        let records: Vec<_> = (first..first + 1_000).map(sample).collect();
        store.commit(&records).unwrap();
    }
    drop(store);
    let file = Connection::open(folder.join("sizing.db")).unwrap();
    let one = |sql: &str| file.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    let bytes = f64::from(one("PRAGMA page_count")) * f64::from(one("PRAGMA page_size"));
    drop(file);
    fs::remove_dir_all(&folder).unwrap();
    bytes / SAMPLES as f64
}

/// The figure of the row that begins with these words: its first number, with the unit that follows.
fn written(page: &str, row: &str) -> f64 {
    let line = page.lines().find(|line| line.starts_with(&format!("| {row} |")));
    let line = line.unwrap_or_else(|| panic!("docs/sizing.md has no row `{row}`"));
    let figure = line.split('|').nth(2).unwrap().trim();
    let (number, unit) =
        figure.split_once(' ').unwrap_or_else(|| panic!("{row}: {figure}: a number and its unit"));
    let number: f64 = number.replace(',', "").parse().unwrap_or_else(|_| panic!("{row}: {figure}"));
    number
        * match unit {
            "bytes" => 1.0,
            "KB" => 1e3,
            "MB" => 1e6,
            _ => panic!("{row}: {figure}: bytes, KB or MB"),
        }
}

#[test]
fn the_page_on_sizing_is_true() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sizing.md")).unwrap();
    let mut small = Limits::default();
    small.connections = Some(64);
    small.message_bytes = 64 << 10;
    small.frame_bytes = 64 << 10;
    small.partial_bytes_total = 2 << 20;
    small.outbox_bytes = 512 << 10;
    small.outbox_bytes_total = 4 << 20;
    small.detached_bytes_total = 2 << 20;
    small.topics = 32;
    small.log_bytes_total = 4 << 20;
    small.commands = 512;
    small.command_bytes = 2 << 20;
    let rows = [
        ("a server with 1,000 connections and nothing mounted", ceiling(builder(1_000))),
        ("each connection more", (ceiling(builder(11_000)) - ceiling(builder(1_000))) / 10_000.0),
        ("events, if the host asks for any", added(|builder| builder.events(EventMask::CONTRACTS))),
        ("a store", added(|builder| builder.store(MemoryStore::new(1)))),
        (
            "a topic with the default log of 1 MiB",
            added(|builder| {
                (0..10).fold(builder, |builder, n| builder.topic(format!("t{n}"), Topic::state()))
            }) / 10.0,
        ),
        ("the monitor of 17 machines with six tags each", monitor(17)),
        ("the monitor of 500", monitor(500)),
        ("the monitor of 10,000", monitor(10_000)),
        (
            "the topic hub, nine topics",
            added(|builder| builder.topic_hub("/ws/{topic}", TopicHubConfig::new())),
        ),
        (
            "device sessions, 10,000 devices",
            added(|builder| builder.device_sessions("/ws/device", DeviceSessionsConfig::new())),
        ),
        (
            "device sessions, 100 devices",
            added(|builder| {
                let config =
                    DeviceSessionsConfig::new().devices(100).devices_per_connection(4).ends_kept(100);
                builder.device_sessions("/ws/device", config)
            }),
        ),
        (
            "guided sessions, 64 with 512 people each",
            added(|builder| builder.guided_sessions("/ws/sessions/{code}/", GuidedSessionsConfig::new())),
        ),
        (
            "guided sessions, 4 with 32 people each",
            added(|builder| {
                let config = GuidedSessionsConfig::new().sessions_max(4).participants(32);
                builder.guided_sessions("/ws/sessions/{code}/", config)
            }),
        ),
        ("a small one", ceiling(Server::builder().listen("127.0.0.1:0").limits(small))),
        ("a sample of 120 bytes", recorded(120)),
        ("a sample of 500 bytes", recorded(500)),
    ];
    let wrong = rows.iter().filter(|(row, is)| {
        let says = written(&page, row);
        (says - is).abs() > NEAR * is
    });
    let wrong: Vec<_> = wrong.map(|(row, is)| format!("{row}: is {is:.0} bytes")).collect();
    assert!(wrong.is_empty(), "docs/sizing.md is out of date:\n{}", wrong.join("\n"));
}

/// Numbers, as they are written; the last of a list or a sentence has nothing behind it.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_digit() || ".,".contains(c)))
        .map(|number| number.trim_matches(['.', ',']))
        .filter(|number| !number.is_empty())
}

/// What is measured stands in docs/performance.md, under the heading that a row or a paragraph leads to.
#[test]
fn what_was_measured_is_that_of_the_page_on_performance() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/");
    let read = |page: &str| fs::read_to_string(format!("{docs}{page}")).unwrap();
    let (sizing, performance) = (read("sizing.md"), read("performance.md"));
    let section = |heading: &str| {
        let (_, rest) = performance.split_once(&format!("\n## {heading}\n")).unwrap();
        rest.split("\n## ").next().unwrap()
    };
    let figure = |row: &str| {
        let line = sizing.lines().find(|line| line.starts_with(&format!("| {row} |")));
        let line = line.unwrap_or_else(|| panic!("docs/sizing.md has no row `{row}`"));
        line.split('|').nth(2).unwrap().split('(').next().unwrap()
    };
    let yardstick = "Against the yardstick";
    for (row, heading, taken) in [
        ("a message of 5 KB to 1,000 clients", yardstick, 1),
        ("a message of 5 KB to 10,000 clients, once a second", yardstick, 1),
        ("receiving a text of 250 bytes", yardstick, 1),
        ("a connection that comes and goes", yardstick, 1),
        ("a control thread that writes a tag", "Tag writes", 1),
        ("a change at one of 10,000 machines, to all who watch changes", "The equipment monitor", 2),
        ("a sample that is recorded, when they come in floods", "Devices that record", 4),
        ("as fast as a hundred devices can, 5 s", "Devices that record", 2),
        ("where 200,000 are sent, 10 s", "Devices that record", 1),
        ("the same for a minute", "Devices that record", 1),
    ] {
        let measured: Vec<_> = numbers(section(heading)).collect();
        let says: Vec<_> = numbers(figure(row)).take(taken).collect();
        assert_eq!(says.len(), taken, "{row}");
        for number in says {
            let value = |text: &str| text.replace(',', "").parse::<f64>().unwrap_or(f64::NAN);
            let decimals = number.split_once('.').map_or(0, |(_, behind)| behind.len());
            // A figure may be rounded here, to the digits that it has.
            let half_a_digit = 0.5 / 10f64.powi(decimals as i32);
            let near = |other: &str| (value(other) - value(number)).abs() <= half_a_digit;
            assert!(measured.iter().any(|other| near(other)), "{row}: {number} is not under {heading}");
        }
    }
}
