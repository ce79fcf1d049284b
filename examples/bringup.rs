//! The bring-up server: something to point a first client at.
//!
//!     cargo run --release --example bringup
//!
//! A ticker at `/ws/ticker` counts the seconds for everyone who watches; `/healthz` says that the server serves.

mod common;

use andon::{ConnId, Contract, Effects, Hello, Message, Server, Setup, Tick, Topic, TopicId};
use std::{process::ExitCode, time::Duration};

const PERIOD: Duration = Duration::from_secs(1);

/// Publishes the time once a period, to whoever watches.
struct Ticker {
    topic: TopicId,
    count: u64,
    next: Tick,
}

impl Ticker {
    fn build(setup: &mut Setup<'_>) -> Self {
        let topic = setup.topic("ticker").expect("declared in main");
        let next = setup.effects().now().tick + PERIOD;
        setup.effects().arm(Some(next));
        Self { topic, count: 0, next }
    }
}

impl Contract for Ticker {
    fn opened(&mut self, fx: &mut Effects, peer: ConnId, _hello: &Hello<'_>) {
        fx.subscribe(peer, self.topic);
    }

    fn message(&mut self, fx: &mut Effects, peer: ConnId, _: Message<'_>) {
        fx.send(peer, r#"{"type":"error","message":"the ticker only speaks"}"#);
    }

    fn deadline(&mut self, fx: &mut Effects) {
        // A deadline may come early; and after a long pause, the missed ticks are not made up for.
        let now = fx.now();
        if now.tick >= self.next {
            self.count += 1;
            fx.publish(
                self.topic,
                &format!(r#"{{"type":"tick","count":{},"timestamp":"{}"}}"#, self.count, now.wall),
            );
            self.next = now.tick + PERIOD;
        }
        fx.arm(Some(self.next));
    }
}

fn main() -> ExitCode {
    let listen = common::listen_flags("bringup", "a server to point a first client at", "127.0.0.1:8000");
    let mut builder = Server::builder().topic("ticker", Topic::state()).mount("/ws/ticker", Ticker::build);
    for address in listen {
        builder = builder.listen(address);
    }
    common::serve("bringup", builder.start())
}
