//! A topic hub with a small restaurant behind it: robots that move, orders that come in, and an answer whenever the hub asks for news.
//!
//!     cargo run --release --example topics
//!
//! Then watch `ws://127.0.0.1:8000/ws/robots`, `/ws/orders` or, where robots are mirrored to, `/ws/status`.

mod common;

use andon::{Event, EventBody, EventMask, HubError, HubEvent, Server, TopicHub, TopicHubConfig};
use std::{process::ExitCode, thread, time::Duration};

const ROBOTS: u64 = 3;

/// How a robot is after so many seconds.
fn robot(id: u64, seconds: u64) -> String {
    let (x, status) = ((seconds + 7 * id) % 20, if seconds % 10 < 7 { "moving" } else { "idle" });
    format!(r#"{{"id": {id}, "status": "{status}", "x": {x}}}"#)
}

/// Publishes until the server has stopped.
fn run(hub: &TopicHub) -> Result<(), HubError> {
    for seconds in 0.. {
        for id in 1..=ROBOTS {
            // Of a state topic only the newest counts, so this never fails for a busy server.
            hub.publish_key("robots", &id.to_string(), &robot(id, seconds))?;
        }
        if seconds % 5 == 0 {
            let order = seconds / 5 + 1;
            // Every entry of a stream counts, so it may have to be tried again.
            let entry = format!(r#"{{"order": {order}, "table": {}}}"#, order % 8 + 1);
            while hub.publish("orders", &entry) == Err(HubError::Full) {
                thread::sleep(Duration::from_millis(10));
            }
        }
        thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}

fn main() -> ExitCode {
    let listen = common::listen_flags("topics", "a topic hub with a restaurant behind it", "127.0.0.1:8000");
    let config = TopicHubConfig::new().mirror("robots", "status");
    let mut builder = Server::builder().topic_hub("/ws/{topic}", config).events(EventMask::CONTRACTS);
    for address in listen {
        builder = builder.listen(address);
    }
    let mut server = builder.start();
    if let Ok(server) = &mut server {
        let (hub, events) = (server.topic_hub().expect("mounted above"), server.events());
        let restaurant = hub.clone();
        thread::spawn(move || run(&restaurant));
        // Topics that were quiet for a while: say how things are.
        thread::spawn(move || {
            for event in events.iter().flat_map(|events| events.iter()) {
                if let Event::Contract { body: EventBody::Hub(HubEvent::Refresh { topic }), .. } = event {
                    let answer = match &*topic {
                        "tables" => hub.publish("tables", r#"[{"table": 1, "free": true}]"#),
                        "inventory" => hub.publish("inventory", r#"{"cups": 12}"#),
                        _ => Ok(()),
                    };
                    answer.unwrap_or_else(|error| eprintln!("topics: {topic}: {error}"));
                }
            }
        });
    }
    common::serve("topics", server)
}
