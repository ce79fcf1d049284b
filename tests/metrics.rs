//! `/metrics`: exactly in Prometheus' text format, read by a parser that takes nothing else, and every statistic once.

#![cfg(feature = "board")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{BoardConfig, DeviceSessionsConfig, MemoryStore, Server, Stats, Topic};
use std::collections::{BTreeMap, BTreeSet};
use support::{Client, eventually, start};

/// One sample: its name, its labels, its value.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

/// One metric: what stands above it, and its samples.
#[derive(Debug)]
struct Metric {
    help: String,
    kind: String,
    samples: Vec<Sample>,
}

fn is_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// The text format 0.0.4, as far as a server writes it: HELP, TYPE, then the samples, of each metric once and together.
fn parse(text: &str) -> BTreeMap<String, Metric> {
    assert!(text.ends_with('\n'), "the last line ends too");
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    let mut current = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && !help.is_empty(), "{line}");
            let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
            let metric = Metric { help: help.into(), kind: kind.into(), samples: Vec::new() };
            assert!(metrics.insert(name.into(), metric).is_none(), "{name} comes once");
            current = name.into();
            continue;
        }
        let sample = sample(line);
        let metric = metrics.get_mut(&current).expect("samples stand below their metric");
        let suffix = sample.name.strip_prefix(&current).unwrap_or_else(|| panic!("{line} below {current}"));
        let fits = match metric.kind.as_str() {
            "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
            _ => suffix.is_empty(),
        };
        assert!(fits, "{line} below {current}");
        metric.samples.push(sample);
    }
    metrics
}

fn sample(line: &str) -> Sample {
    let (name, mut rest) = line.split_at(line.find(['{', ' ']).unwrap());
    assert!(is_name(name), "{line}");
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        let (inside, behind) = inside.split_once('}').unwrap();
        for label in inside.split(',') {
            let (key, value) = label.split_once('=').unwrap();
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap();
            assert!(is_name(key) && !value.contains(['"', '\\']), "{line}");
            labels.push((key.to_owned(), value.to_owned()));
        }
        rest = behind;
    }
    let value = rest.strip_prefix(' ').unwrap();
    assert!(value.bytes().all(|b| b.is_ascii_digit() || b == b'.'), "{line}");
    Sample { name: name.into(), labels, value: value.parse().unwrap() }
}

/// The statistic that a sample shows.
fn statistic(metric: &str, labels: &[(String, String)]) -> String {
    let bare = metric.strip_prefix("andon_").unwrap();
    let bare = bare.strip_suffix("_total").unwrap_or(bare);
    let Some((_, value)) = labels.first() else { return bare.into() };
    match (bare, value.as_str()) {
        ("refused", cause) => format!("refused_{cause}"),
        ("answers", status) => format!("answered_{status}"),
        ("closed_by_cause", cause) => format!("closed_{cause}"),
        ("frames_dropped", cause) => cause.into(),
        ("events_dropped", "conflated") => "events_conflated".into(),
        ("events_dropped", "ended") => "events_dropped".into(),
        ("events_dropped", "no_room") => "notices_dropped".into(),
        ("records_lost", "rejected") => "records_failed".into(),
        ("records_lost", "refused") => "records_refused".into(),
        ("records_lost", "unanswered") => "records_unanswered".into(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_statistic_is_there_once_and_the_format_is_kept() {
    let builder = Server::builder()
        .topic("t", Topic::state())
        .device_sessions("/ws/device", DeviceSessionsConfig::new())
        .store(MemoryStore::new(100))
        .board(BoardConfig::new());
    let (server, addr) = start(builder);
    let mut device = Client::open(addr, "/ws/device");
    device.text(r#"{"type":"session_start","deviceId":"AMR_001"}"#);
    device.text(r#"{"type":"session_end","deviceId":"AMR_001"}"#);
    while !device.take_text().contains("session_ended") {}
    server.handle().publish(server.topic("t").unwrap(), "{}").unwrap();
    let metrics = || {
        let answer = Client::connect(addr).get("/metrics");
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        parse(answer.text())
    };
    let count = |metric: &Metric| metric.samples.last().unwrap().value;
    for histogram in ["andon_turn_seconds", "andon_handover_seconds", "andon_commit_seconds"] {
        eventually("something was measured", || count(&metrics()[histogram]) >= 1.0);
    }

    let metrics = metrics();
    let mut shown = Vec::new();
    for (name, metric) in &metrics {
        assert!(name.starts_with("andon_") && !metric.help.contains(['[', '`']), "{name}: {}", metric.help);
        assert_eq!(name.ends_with("_total"), metric.kind == "counter", "{name}");
        let distinct: BTreeSet<_> = metric.samples.iter().map(|s| (&s.name, &s.labels)).collect();
        assert_eq!(distinct.len(), metric.samples.len(), "{name}");
        match name.as_str() {
            "andon_build_info" => {
                let version = ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
                assert_eq!(metric.samples[0].labels, [version]);
            }
            "andon_start_time_seconds" => assert!(metric.samples[0].value > 1.7e9),
            _ if metric.kind == "histogram" => check_histogram(name, metric),
            _ => shown.extend(metric.samples.iter().map(|s| statistic(&s.name, &s.labels))),
        }
    }
    shown.sort_unstable();
    let mut expected: Vec<_> = Stats::NAMES.iter().map(|name| (*name).to_owned()).collect();
    expected.sort_unstable();
    assert_eq!(shown, expected);
    assert_eq!(metrics["andon_opened_total"].samples[0].value, 1.0);
    for gauge in ["andon_connections", "andon_records_waiting", "andon_store_down", "andon_commands_waiting"]
    {
        assert_eq!(metrics[gauge].kind, "gauge");
    }
}

fn check_histogram(name: &str, metric: &Metric) {
    let (buckets, rest) = metric.samples.split_at(metric.samples.len() - 2);
    let mut last = (f64::NEG_INFINITY, 0.0);
    for bucket in buckets {
        assert_eq!(bucket.name, format!("{name}_bucket"));
        let [(label, bound)] = &bucket.labels[..] else { panic!("{bucket:?}") };
        assert_eq!(label, "le");
        let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
        assert!(bound > last.0 && bucket.value >= last.1, "{name} grows: {bucket:?}");
        last = (bound, bucket.value);
    }
    assert_eq!((last.0, buckets[0].labels[0].1.as_str()), (f64::INFINITY, "0.00001"));
    let [sum, count] = rest else { panic!("{rest:?}") };
    assert_eq!((sum.name.clone(), count.name.clone()), (format!("{name}_sum"), format!("{name}_count")));
    assert_eq!(count.value, last.1);
    assert!(sum.value > 0.0, "nothing takes no time at all");
}
