//! Device sessions under test for the load generator: everything is recorded, and every event read.
//!
//!     cargo run --release --example bench_sessions -- --listen 127.0.0.1:9001 --store bench.db
//!
//! `--store none` records nothing. When it is stopped it prints one line of JSON: the samples that the host was told of, and those that the store has committed.

mod common;

use andon::{
    Builder, DeviceEvent, DeviceSessionsConfig, Event, EventBody, EventMask, Limits, Server, SqliteStore,
};
use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

fn main() -> ExitCode {
    let flags = common::flags::Flags::new("bench_sessions", "device sessions under test", "127.0.0.1:9001")
        .number("--window-ms", "time in which the store collects a batch", 50, 0..=10_000)
        .word("--store", "PATH|none", "where samples are recorded", "none", &[])
        .read();
    let mut limits = Limits::default();
    limits.connections = Some(16_000);
    limits.record_window = Duration::from_millis(flags.number("--window-ms"));
    let mut builder: Builder = Server::builder()
        .limits(limits)
        .events(EventMask::CONTRACTS)
        .device_sessions("/ws/device", DeviceSessionsConfig::new());
    if flags.word("--store") != "none" {
        match SqliteStore::open(flags.word("--store")) {
            Ok(store) => builder = builder.store(store),
            Err(error) => {
                eprintln!("bench_sessions: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    for address in flags.listen {
        builder = builder.listen(address);
    }
    let mut server = builder.start();
    let told = Arc::new(AtomicU64::new(0));
    let reader = server.as_mut().ok().and_then(Server::events).map(|events| {
        let told = Arc::clone(&told);
        thread::spawn(move || {
            for event in events.iter() {
                if let Event::Contract { body: EventBody::Device(DeviceEvent::Sample(_)), .. } = event {
                    told.fetch_add(1, Relaxed);
                }
            }
        })
    });
    let handle = server.as_ref().ok().map(Server::handle);
    let status = common::serve("bench_sessions", server);
    // Its events end with the server.
    if let Some(reader) = reader {
        let _ = reader.join();
    }
    let stats = handle.map(|handle| handle.stats()).unwrap_or_default();
    println!(
        r#"{{"samples_told":{},"records":{},"records_refused":{},"pauses":{}}}"#,
        told.load(Relaxed),
        stats.records,
        stats.records_refused,
        stats.pauses
    );
    status
}
