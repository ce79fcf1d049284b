//! The bring-up server: something to point a first client at.
//!
//!     cargo run --release --example bringup
//!
//! | path | shows |
//! |---|---|
//! | `/ws/monitor` | the equipment monitor: a simulated line of machines, of which a few fall silent now and then |
//! | `/ws/{topic}` | the topic hub: nine topics of a simulated restaurant, such as `/ws/robots` |
//! | `/ws/ticker` | a contract of our own, which counts the seconds |
//! | `/healthz` | whether the server serves |
//!
//! It says how to try each; `--help` tells what can be set.

mod common;
#[path = "bringup/simulation.rs"]
mod simulation;

use andon::{
    ConnId, Contract, Effects, EquipmentMonitor, Hello, Message, Server, Setup, Tick, Topic, TopicHubConfig,
    TopicId,
};
use common::flags::Flags;
use simulation::{Simulation, line::Line, restaurant::Restaurant};
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

/// One line for each thing there is to try.
fn how_to_try(server: &Server) -> String {
    let mut address = server.local_addrs()[0];
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    format!(
        "try, with websocat, Python (pip install websockets) and a browser's console:
  websocat 'ws://{address}/ws/monitor?mode=changes'
  python3 -c 'from websockets.sync.client import connect; [print(m) for m in connect(\"ws://{address}/ws/robots\")]'
  new WebSocket(\"ws://{address}/ws/ticker\").onmessage = (message) => console.log(message.data)"
    )
}

fn main() -> ExitCode {
    let day = 24 * 60 * 60;
    let flags = Flags::new("bringup", "a server to point a first client at", "127.0.0.1:8000")
        .number("--machines", "machines on the line", 17, 1..=10_000)
        .number("--period-ms", "time between two messages of the monitor", 1_000, 10..=60_000)
        .number("--on-change-ms", "least time between two of ?mode=changes; 0: each period", 5, 0..=60_000)
        .number("--stale-s", "a machine not written for so long is disconnected; 0: never", 5, 0..=day)
        .number("--ping-interval-s", "time between two pings of the hub; 0: none", 30, 0..=day)
        .number("--poll-interval-s", "a topic quiet for so long is sent again; 0: never", 10, 0..=day)
        .number("--topic-limit", "connections on each topic of the hub", 1_024, 1..=1_000_000)
        .read();
    let number = |flag| flags.number(flag);
    // 0 says never, of whatever it is.
    let seconds = |flag| Some(number(flag)).filter(|&count| count > 0).map(Duration::from_secs);

    let line = Line::build(number("--machines") as usize, seconds("--stale-s"));
    let (line, scan) = line.expect("a table of machines, whose codes differ");
    let mut monitor = EquipmentMonitor::new(scan).period(Duration::from_millis(number("--period-ms")));
    if number("--on-change-ms") > 0 {
        monitor = monitor.on_change(Duration::from_millis(number("--on-change-ms")));
    }
    let hub = TopicHubConfig::new()
        .ping_interval(seconds("--ping-interval-s"))
        .poll_interval(seconds("--poll-interval-s"))
        .cap_per_topic(number("--topic-limit") as usize);
    let mut builder = Server::builder()
        .mount("/ws/monitor", monitor)
        .topic_hub("/ws/{topic}", hub)
        .topic("ticker", Topic::state())
        .mount("/ws/ticker", Ticker::build);
    for address in flags.listen {
        builder = builder.listen(address);
    }
    let server = builder.start();
    let words = server.as_ref().map(how_to_try).unwrap_or_default();
    let hub = server.as_ref().ok().and_then(Server::topic_hub);
    // Dropped when the server has stopped: a host's own thread, which nobody else need wait for.
    let _simulation = hub.map(|hub| Simulation::start(line, Restaurant::open(hub)));
    common::serve_saying("bringup", server, &words)
}
