//! What device sessions allocate: no more than the configuration said before, with as many devices as there may be, and a store that answers nothing for a while.
//!
//! A binary of its own for its allocator.

#![cfg(feature = "contracts")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{DeviceSessionsConfig, Record, Server, Store, StoreError};
use std::sync::mpsc;
use support::{
    Client, PATIENCE,
    counting::{Counting, Meter},
    limits, stats_until,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CLIENTS: usize = 25;
const DEVICES: usize = 20;
/// No more than as many replies as may wait for the store.
const SESSIONS: usize = 4;
const ID_BYTES: usize = 128;

/// Answers when it is let, and keeps nothing.
struct Held(mpsc::Receiver<()>);

impl Store for Held {
    fn commit(&mut self, _: &[Record]) -> Result<(), StoreError> {
        // Let go of for good when the other end is dropped.
        let _ = self.0.recv();
        Ok(())
    }
}

fn device(client: usize, nth: usize) -> String {
    format!("{client:04}-{nth:04}-{}", "x".repeat(ID_BYTES - 10))
}

/// What one client says for all its devices, and how many answers it gets in the end.
fn words(client: usize) -> Vec<String> {
    let mut words = Vec::new();
    for nth in 0..DEVICES {
        let id = device(client, nth);
        words.push(format!(r#"{{"type":"device_register","deviceId":"{id}","clientVersion":"1.1.0"}}"#));
    }
    for _ in 0..SESSIONS {
        for nth in 0..DEVICES {
            let id = device(client, nth);
            words.push(format!(
                r#"{{"type":"session_start","deviceId":"{id}","timestamp":12345678901234567890}}"#
            ));
            words.push(format!(r#"{{"type":"sensor_data","deviceId":"{id}","pad":"{}"}}"#, "y".repeat(300)));
            words.push(format!(
                r#"{{"type":"session_end","deviceId":"{id}","timestamp":12345678901234567890}}"#
            ));
        }
    }
    words
}

#[test]
fn the_server_keeps_its_ceiling() {
    let (meter, words) = Meter::start_after(|| (0..CLIENTS).map(words).collect::<Vec<_>>());
    let config = DeviceSessionsConfig::new().devices(CLIENTS * DEVICES).id_bytes(ID_BYTES).ends_kept(64);
    let (let_go, held) = mpsc::channel();
    let limits = limits(|limits| {
        limits.connections = Some(CLIENTS + 1);
        (limits.message_bytes, limits.frame_bytes) = (16 << 10, 16 << 10);
        (limits.body_bytes, limits.partial_bytes_total) = (16 << 10, 256 << 10);
        (limits.outbox_bytes, limits.outbox_bytes_total) = (64 << 10, 2 << 20);
        (limits.log_bytes_total, limits.detached_bytes_total) = (64 << 10, 64 << 10);
        (limits.command_bytes, limits.event_bytes) = (64 << 10, 64 << 10);
        (limits.records, limits.record_bytes) = (16_384, 8 << 20);
    });
    let config = Server::builder()
        .listen("127.0.0.1:0")
        .limits(limits)
        .store(Held(held))
        .device_sessions("/ws/device", config)
        .build()
        .unwrap();
    let ceiling = config.memory_ceiling();
    let server = config.start().unwrap();
    let addr = server.local_addrs()[0];
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::open(addr, "/ws/device")).collect();
    for (client, words) in clients.iter_mut().zip(&words) {
        words.iter().for_each(|text| client.text(text));
    }
    // All is on its way, and of each session's two replies the first at most is said.
    let records = (CLIENTS * DEVICES * SESSIONS * 3) as u64;
    stats_until(&server.handle(), "all is recorded", |stats| stats.records_waiting == records);
    // Most of the ceiling is the answers, logs and commands that other contracts would need.
    meter.judge(ceiling, ceiling / 16);
    // Replies come in order, all of them.
    drop(let_go);
    for client in &mut clients {
        client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        for _ in 0..DEVICES * (1 + 2 * SESSIONS) {
            assert!(!client.take_text().contains("error"));
        }
    }
    meter.judge(ceiling, 0);
}
