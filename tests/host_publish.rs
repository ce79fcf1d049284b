//! A host publishes: states, streams and keys, on a loop that is busy.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{Limits, SendError, Server, SnapshotSource, Topic, TopicId};
use std::net::SocketAddr;
use support::{
    BINARY, Client,
    host::{Hold, holder, watch},
    limits, start, stats_until,
};

/// A topic, somebody who watches it, and a loop that stands still.
struct Watched {
    server: Server,
    addr: SocketAddr,
    topic: TopicId,
    watcher: Client,
    hold: Hold,
}

#[track_caller]
fn watched(topic: Topic, limits: Limits) -> Watched {
    let (factory, holding) = holder();
    let (server, addr) = start(
        Server::builder()
            .topic("watched", topic)
            .mount("/watch", watch("watched"))
            .mount("/hold", factory)
            .limits(limits),
    );
    let topic = server.handle().topic("watched").unwrap();
    let mut watcher = Client::open(addr, "/watch");
    watcher.expect_text("welcome");
    let mut hold = holding(addr, "/hold");
    hold.hold();
    Watched { server, addr, topic, watcher, hold }
}

#[test]
fn of_a_state_topic_the_newest_wins_and_newcomers_get_it() {
    // Not even one command fits: the newest value has a place of its own.
    let small = limits(|limits| limits.commands = 1);
    let Watched { server, addr, topic, mut watcher, mut hold } = watched(Topic::state(), small);
    let handle = server.handle();
    for n in 1..=1_000 {
        handle.publish(topic, n.to_string()).unwrap();
    }
    hold.release();
    watcher.expect_text("1000");
    stats_until(&handle, "it is counted", |stats| (stats.publish_conflated, stats.published) == (999, 1));
    let mut newcomer = Client::open(addr, "/watch");
    newcomer.expect_text("1000");
    newcomer.expect_text("welcome");
    handle.publish(topic, &b"bytes"[..]).unwrap();
    newcomer.expect_frame(BINARY, "bytes");
    watcher.expect_frame(BINARY, "bytes");
}

#[test]
fn of_a_stream_topic_every_message_counts() {
    let Watched { server, addr, topic, mut watcher, mut hold } = watched(Topic::stream(), Limits::default());
    let handle = server.handle();
    assert_eq!(server.topic("unheard of"), None);
    for n in 0..1_000 {
        handle.publish(topic, n.to_string()).unwrap();
    }
    hold.release();
    for n in 0..1_000 {
        watcher.expect_text(&n.to_string());
    }
    let mut newcomer = Client::open(addr, "/watch");
    newcomer.expect_text("welcome");
    handle.publish(topic, "last").unwrap();
    newcomer.expect_text("last");
    watcher.expect_text("last");
}

/// A fan-out that takes several turns comes before newest values. The wake-up of one that is published meanwhile is spent then, and nothing
/// else happens that would have it taken.
#[test]
fn a_value_published_during_a_long_fan_out_is_not_forgotten() {
    const WATCHERS: usize = 200;
    const ROUNDS: u64 = 60;
    let (server, addr) = start(
        Server::builder()
            .topic("stream", Topic::stream().with_log_bytes(64 << 10))
            .topic("state", Topic::state())
            .mount("/stream", watch("stream"))
            .mount("/state", watch("state"))
            .limits(limits(|limits| limits.ping_interval = None)),
    );
    let (handle, stream, state) =
        (server.handle(), server.topic("stream").unwrap(), server.topic("state").unwrap());
    let mut watchers: Vec<_> = (0..WATCHERS).map(|_| Client::open(addr, "/stream")).collect();
    let mut reader = Client::open(addr, "/state");
    reader.expect_text("welcome");
    for watcher in &mut watchers {
        watcher.expect_text("welcome");
    }
    for round in 0..ROUNDS {
        let turns = handle.stats().turns;
        // So much that the loop takes nothing more before everyone was offered it.
        for part in 0..2 {
            handle.publish(stream, format!("{round} {part} {}", "x".repeat(9 << 10))).unwrap();
        }
        stats_until(&handle, "the loop is at it", |stats| stats.turns > turns);
        // At another moment of the fan-out each time.
        (0..10 * round).for_each(|_| assert!(handle.stats().turns > turns));
        handle.publish(state, round.to_string()).unwrap();
        reader.expect_text(&round.to_string());
        for watcher in &mut watchers {
            watcher.take_text();
            watcher.take_text();
        }
    }
}

#[test]
fn a_keyed_topic_gives_newcomers_the_latest_of_every_key() {
    let keyed = Topic::state().with_snapshot(SnapshotSource::Keyed);
    let (server, addr) = start(Server::builder().topic("keyed", keyed).mount("/watch", watch("keyed")));
    let (handle, topic) = (server.handle(), server.topic("keyed").unwrap());
    let mut early = Client::open(addr, "/watch");
    early.expect_text("welcome");
    for (key, value) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("c", "c1")] {
        handle.publish_key(topic, key, value).unwrap();
        early.expect_text(value);
    }
    let mut newcomer = Client::open(addr, "/watch");
    for value in ["a2", "b1", "c1", "welcome"] {
        newcomer.expect_text(value);
    }
    handle.forget_key(topic, "b").unwrap();
    handle.publish(topic, "without a key").unwrap();
    newcomer.expect_text("without a key");
    let mut newcomer = Client::open(addr, "/watch");
    for value in ["a2", "c1", "without a key", "welcome"] {
        newcomer.expect_text(value);
    }
}

/// While the loop is busy, any number of values of a keyed state topic are taken: the newest of each key is what counts.
#[test]
fn the_newest_of_every_key_is_never_refused() {
    let keyed = Topic::state().with_snapshot(SnapshotSource::Keyed);
    let small = limits(|limits| limits.commands = 1);
    let Watched { server, topic, mut watcher, mut hold, .. } = watched(keyed, small);
    let handle = server.handle();
    for n in 0..1_000 {
        handle.publish_key(topic, ["even", "odd"][n % 2], n.to_string()).unwrap();
    }
    handle.publish_key(topic, "gone", "never heard of").unwrap();
    handle.forget_key(topic, "gone").unwrap();
    hold.release();
    let mut last = [watcher.take_text(), watcher.take_text()];
    last.sort();
    assert_eq!(last, ["998", "999"]);
    handle.publish_key(topic, "last", "that was all").unwrap();
    watcher.expect_text("that was all");
    let stats = stats_until(&handle, "all but two were replaced", |stats| stats.publish_conflated >= 999);
    assert_eq!(
        (stats.publish_conflated, stats.commands_refused),
        (999, 0),
        "also what was forgotten before it was taken"
    );
}

#[test]
fn a_message_too_large_for_its_topic_is_refused() {
    let stream = Topic::stream().with_log_bytes(64 << 10);
    let state = Topic::state().with_log_bytes(64 << 10);
    let (server, _) = start(Server::builder().topic("stream", stream).topic("state", state));
    let handle = server.handle();
    for name in ["stream", "state"] {
        let topic = server.topic(name).unwrap();
        let error = handle.publish(topic, "x".repeat(17 << 10)).unwrap_err();
        assert!(matches!(&error, SendError::Refused(payload, _) if payload.len() == 17 << 10));
        assert!(error.to_string().contains("larger log"), "{error}");
        handle.publish(topic, "x".repeat(16 << 10).split_off(10)).unwrap();
    }
}
