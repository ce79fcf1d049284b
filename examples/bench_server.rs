//! The server under test for the load generator: fan-out, ingest and echo, written with the public API alone.
//!
//!     cargo run --release --example bench_server -- --listen 127.0.0.1:9001
//!
//! | path | behaviour |
//! |---|---|
//! | `/ws/monitor` | subscribes to the one topic |
//! | `/ws/ctl` | `P <seq> <count> <size>` publishes `count` numbered messages of `size` bytes to it |
//! | `/ws/ingest` | counts text messages; `Q` asks for the number |
//! | `/ws/parse` | the same, and parses each as JSON for `type` and `sessionId` |
//! | `/ws/echo` | echoes |

mod common;

use andon::{
    Config, ConnId, Contract, Effects, Hello, Lag, Limits, Message, Server, Setup, StartError, Topic, TopicId,
};
use serde::Deserialize;
use std::process::ExitCode;

/// The subscribers: conflated if they lag, without a snapshot, as the load generator counts every message.
struct Monitor(TopicId);

impl Contract for Monitor {
    fn opened(&mut self, fx: &mut Effects, peer: ConnId, _hello: &Hello<'_>) {
        fx.subscribe_from_now(peer, self.0);
    }

    fn message(&mut self, _: &mut Effects, _: ConnId, _: Message<'_>) {}
}

/// The publisher.
struct Control {
    topic: TopicId,
    message: String,
}

impl Control {
    /// The numbered message, of exactly `size` bytes if they hold its fixed parts.
    fn number(&mut self, seq: u64, size: usize) -> &str {
        const HEAD: &str = "{\"seq\":\"";
        const MIDDLE: &str = "\",\"pad\":\"";
        const TAIL: &str = "\"}";
        let pad = size.saturating_sub(HEAD.len() + 16 + MIDDLE.len() + TAIL.len());
        if self.message.len() != size {
            self.message = format!("{HEAD}{seq:016}{MIDDLE}{}{TAIL}", "x".repeat(pad));
        } else {
            self.message.replace_range(HEAD.len()..HEAD.len() + 16, &format!("{seq:016}"));
        }
        &self.message
    }
}

impl Contract for Control {
    fn message(&mut self, fx: &mut Effects, _: ConnId, message: Message<'_>) {
        let Message::Text(text) = message else { return };
        let mut words = text.split(' ');
        if words.next() != Some("P") {
            return;
        }
        let mut number = || words.next()?.parse::<u64>().ok();
        if let (Some(seq), Some(count), Some(size)) = (number(), number(), number()) {
            for nth in 0..count {
                let topic = self.topic;
                let message = self.number(seq + nth, size as usize);
                fx.publish(topic, message);
            }
        }
    }
}

#[derive(Deserialize)]
struct Sample<'a> {
    #[serde(rename = "type", borrow)]
    kind: &'a str,
    #[serde(rename = "sessionId", borrow)]
    session: &'a str,
}

#[derive(Default)]
struct Ingest {
    parse: bool,
    count: u64,
    bytes: usize,
}

impl Contract for Ingest {
    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        let Message::Text(text) = message else { return };
        if text == "Q" {
            fx.send(peer, &self.count.to_string());
            return;
        }
        self.count += 1;
        self.bytes += if self.parse {
            serde_json::from_str::<Sample<'_>>(text)
                .map_or(0, |sample| sample.kind.len() + sample.session.len())
        } else {
            text.len()
        };
    }
}

struct Echo;

impl Contract for Echo {
    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        fx.send(peer, message);
    }
}

fn main() -> ExitCode {
    let listen = common::listen_flags("bench_server", "the server under test", "127.0.0.1:9001");
    let mut limits = Limits::default();
    limits.connections = Some(16_000);
    let log = Topic::state().with_lag(Lag::Conflate).with_log_bytes(4 << 20);
    let topic = |setup: &mut Setup<'_>| setup.topic("bench").expect("declared below");
    let mut builder = Server::builder()
        .limits(limits)
        .topic("bench", log)
        .mount("/ws/monitor", move |setup: &mut Setup<'_>| Monitor(topic(setup)))
        .mount("/ws/ctl", move |setup: &mut Setup<'_>| Control {
            topic: topic(setup),
            message: String::new(),
        })
        .mount("/ws/ingest", |_: &mut Setup<'_>| Ingest::default())
        .mount("/ws/parse", |_: &mut Setup<'_>| Ingest { parse: true, ..Ingest::default() })
        .mount("/ws/echo", |_: &mut Setup<'_>| Echo);
    for address in listen {
        builder = builder.listen(address);
    }
    let config = builder.build();
    // `benches/run` compares it with what the server has really grown to.
    let ceiling = config.as_ref().map_or(0, Config::memory_ceiling);
    let server = config.map_err(StartError::from).and_then(Config::start);
    common::serve_saying("bench_server", server, &format!("memory ceiling {ceiling} bytes"))
}
