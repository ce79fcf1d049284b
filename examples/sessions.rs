//! Device sessions: devices stay connected and collect data in sessions; the host sees all of it happen.
//!
//!     cargo run --release --example sessions
//!
//! Then be a device, in another terminal, with any client that speaks WebSocket, such as websocat:
//!
//!     printf '%s\n' '{"type":"session_start","deviceId":"AMR_001"}' '{"type":"sensor_data","v":1}' | websocat -n ws://127.0.0.1:8000/ws/device
//!
//! It answers `session_created`; the session ends when websocat does (by Ctrl-C), since nobody said `session_end`.

mod common;

use andon::{DeviceEvent, DeviceSessionsConfig, Event, EventBody, EventMask, Events, MemoryStore, Server};
use std::{process::ExitCode, thread};

/// Says what happens, until the server has stopped. The server waits for who reads these events: nothing is left out, however fast devices send.
fn watch(events: &Events) {
    for event in events.iter() {
        let Event::Contract { body: EventBody::Device(event), .. } = event else { continue };
        match event {
            DeviceEvent::Registered { device, .. } => println!("{device} is there"),
            DeviceEvent::SessionCreated(session) => println!("{} begins {}", session.device, session.id),
            DeviceEvent::Sample(sample) => match &sample.place {
                Some((session, number)) => println!("{session} {number}: {}", sample.payload),
                None => println!("{} outside of a session: {}", sample.device, sample.payload),
            },
            DeviceEvent::SessionEnded(session) => {
                println!("{} is {} after {} samples", session.id, session.status, session.sample_count);
            }
            // More may be told one day.
            _ => {}
        }
    }
}

fn main() -> ExitCode {
    let listen = common::listen_flags("sessions", "device sessions that it tells about", "127.0.0.1:8000");
    let mut builder = Server::builder()
        .device_sessions("/ws/device", DeviceSessionsConfig::new())
        .events(EventMask::CONTRACTS)
        // Where it goes is the store's affair; with one, session_ended means that everything is in it.
        .store(MemoryStore::new(100_000));
    for address in listen {
        builder = builder.listen(address);
    }
    let mut server = builder.start();
    let events = server.as_mut().ok().and_then(Server::events);
    let watcher = thread::spawn(move || events.iter().for_each(watch));
    let code = common::serve("sessions", server);
    // It has something to say up to the last moment.
    watcher.join().expect("printing does not panic");
    code
}
