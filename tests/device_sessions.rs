//! Device sessions from the host's side, over real sockets. What they do on the wire is in `tests/transcripts/device_sessions/`.
#![cfg(feature = "contracts")]

mod support;

use andon::{
    AskError, Builder, ConfigError, DeviceEvent, DeviceRecord, DeviceSessions, DeviceSessionsConfig, Event,
    EventBody, EventMask, Events, MemoryStore, MountOptions, Record, RecordBody, SendError, Server,
    SessionStatus, Store, StoreError,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use support::{Client, PATIENCE, Script, eventually, host::Slow, limits, start, stats_until, take};

const DEVICES: &str = "/ws/device";

fn server(builder: Builder) -> (Server, SocketAddr) {
    start(builder.device_sessions(DEVICES, DeviceSessionsConfig::new()))
}

/// Takes the next message, which is of this type; gives its session's id.
#[track_caller]
fn expect(client: &mut Client, kind: &str) -> String {
    let text = client.take_text();
    let message: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(message["type"], kind, "{text}");
    message["sessionId"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn begin(client: &mut Client, device: &str) -> String {
    client.text(&format!(r#"{{"type":"session_start","deviceId":"{device}","timestamp":1703123456789}}"#));
    expect(client, "session_created")
}

#[track_caller]
fn end(client: &mut Client, device: &str, session: &str) {
    client.text(&format!(r#"{{"type":"session_end","deviceId":"{device}","sessionId":"{session}"}}"#));
    assert_eq!(expect(client, "session_ended"), session);
}

fn data(client: &mut Client, device: &str, session: &str) {
    client.text(&format!(r#"{{"type":"sensor_data","deviceId":"{device}","sessionId":"{session}"}}"#));
}

#[track_caller]
fn next(events: &Events) -> DeviceEvent {
    match events.recv_timeout(PATIENCE).expect("an event in time") {
        Event::Contract { body: EventBody::Device(event), .. } => event,
        other => panic!("{other:?}"),
    }
}

/// The next event is the end of a session.
#[track_caller]
fn next_end(events: &Events) -> (String, SessionStatus, u64) {
    match next(events) {
        DeviceEvent::SessionEnded(row) => (row.id.to_string(), row.status, row.sample_count),
        other => panic!("{other:?}"),
    }
}

/// What was recorded, in one word each.
fn told(records: &[Record]) -> Vec<String> {
    let words = records.iter().map(|record| match &record.body {
        RecordBody::Device(DeviceRecord::SessionStarted(row)) => format!("{} begins", row.id),
        RecordBody::Device(DeviceRecord::SessionEnded(row)) => format!("{} {}", row.id, row.status),
        RecordBody::Device(DeviceRecord::Sample(sample)) => match &sample.place {
            Some((session, seq)) => format!("{session} {seq}"),
            None => format!("{} unassigned", sample.device),
        },
        other => panic!("{other:?}"),
    });
    words.collect()
}

#[test]
fn mistakes_in_the_settings_say_what_to_do() {
    let on = || Server::builder().listen("127.0.0.1:0");
    let config = DeviceSessionsConfig::new;
    let bad = on().device_sessions(DEVICES, config().devices(0)).build();
    assert!(matches!(&bad, Err(ConfigError::BadMount { pattern, .. }) if pattern == DEVICES), "{bad:?}");
    assert!(bad.unwrap_err().to_string().contains("devices must be from 1"));
    let twice = on().device_sessions(DEVICES, config()).device_sessions("/ws/device/", config()).build();
    assert!(matches!(twice, Err(ConfigError::PatternTaken { .. })));
    let ceiling = |config| on().device_sessions(DEVICES, config).build().unwrap().memory_ceiling();
    assert!(ceiling(config().devices(20_000)) > ceiling(config()), "devices are counted");
}

#[test]
fn a_mount_is_found_by_its_pattern() {
    fn check<T: Send + Sync + Clone>() {}
    check::<DeviceSessions>();
    let builder = Server::builder()
        .mount("/ws/other", |_: &mut andon::Setup<'_>| Script::new())
        .device_sessions_with("/ws/more", MountOptions::new().connections(1), DeviceSessionsConfig::new());
    let (server, addr) = server(builder);
    assert!(server.device_sessions("/ws/other").is_none() && server.device_sessions("/nowhere").is_none());
    let (here, there) =
        (server.device_sessions("/ws/device/").unwrap(), server.handle().device_sessions("/ws/more"));
    let mut client = Client::open(addr, "/ws/more");
    let session = begin(&mut client, "a");
    assert_eq!(here.sessions(PATIENCE), Ok(Vec::new()));
    assert_eq!(*there.unwrap().sessions(PATIENCE).unwrap()[0].id, *session);
    assert_eq!(
        Client::connect(addr).ask(&support::upgrade_head("/ws/more", "")).status,
        503,
        "one connection"
    );
}

#[test]
fn start_and_stop_as_often_as_one_likes_on_one_connection() {
    let store = MemoryStore::new(1_000);
    let (server, addr) = server(Server::builder().store(store.clone()));
    let mut client = Client::open(addr, DEVICES);
    client.text(r#"{"type":"device_register","deviceId":"AMR_001","clientVersion":"1.1.0"}"#);
    expect(&mut client, "device_registered");
    let mut expected = Vec::new();
    for _ in 0..3 {
        let session = begin(&mut client, "AMR_001");
        assert_eq!(session.len(), "session_".len() + 12);
        data(&mut client, "AMR_001", &session);
        data(&mut client, "AMR_001", &session);
        end(&mut client, "AMR_001", &session);
        expected.extend([" begins", " 1", " 2", " completed"].map(|word| format!("{session}{word}")));
        // What is acknowledged is committed.
        assert_eq!(told(&store.records()), expected);
    }
    assert_eq!(server.handle().stats().records_refused, 0);
}

/// Whoever sends more than the store takes is slowed, whichever of the bounds comes first: nothing is refused.
#[test]
fn a_slow_store_slows_its_clients_and_loses_nothing() {
    const SAMPLES: u64 = 200;
    for (records, record_bytes) in [(8_192, 20_000), (64, 1 << 20)] {
        let (go_on, held) = mpsc::channel();
        let limits = limits(|limits| {
            (limits.records, limits.record_bytes) = (records, record_bytes);
            (limits.message_bytes, limits.frame_bytes) = (2_000, 2_000);
        });
        let (server, addr) = server(Server::builder().limits(limits).store(Slow(held)));
        let mut client = Client::open(addr, DEVICES);
        let session = begin(&mut client, "a");
        let payload = "x".repeat(700);
        for _ in 0..SAMPLES {
            client.text(&format!(r#"{{"type":"data","deviceId":"a","payload":"{payload}"}}"#));
        }
        stats_until(&server.handle(), "it is slowed", |stats| stats.pauses > 0);
        drop(go_on);
        end(&mut client, "a", &session);
        let stats = server.handle().stats();
        assert_eq!((stats.records_refused, stats.samples_lost), (0, 0));
        stats_until(&server.handle(), "all is recorded", |stats| stats.records == SAMPLES + 2);
    }
}

#[test]
fn an_old_client_needs_no_new_words() {
    let (mut server, addr) = server(Server::builder().events(EventMask::CONTRACTS));
    let events = server.events().unwrap();
    for _ in 0..2 {
        let mut client = Client::open(addr, DEVICES);
        client.text(r#"{"type":"device_register","deviceId":"AMR_001","model":"old"}"#);
        let session = expect(&mut client, "device_registered");
        let DeviceEvent::Registered { device, message } = next(&events) else { panic!() };
        assert!(&*device == "AMR_001" && message.contains("\"old\""));
        data(&mut client, "AMR_001", &session);
        assert!(matches!(next(&events), DeviceEvent::SessionCreated(row) if *row.id == *session));
        assert!(
            matches!(next(&events), DeviceEvent::Sample(sample) if sample.place.as_ref().unwrap().1 == 1)
        );
        drop(client);
        assert_eq!(next_end(&events), (session, SessionStatus::Disconnected, 1));
    }
}

/// The event's sample and the record's are one.
#[test]
fn a_session_moves_with_its_device_and_its_samples_are_shared() {
    let store = MemoryStore::new(1_000);
    let (mut server, addr) = server(Server::builder().events(EventMask::CONTRACTS).store(store.clone()));
    let events = server.events().unwrap();
    let (mut old, mut new) = (Client::open(addr, DEVICES), Client::open(addr, DEVICES));
    let session = begin(&mut old, "AMR_001");
    assert!(matches!(next(&events), DeviceEvent::SessionCreated(_)));
    data(&mut new, "AMR_001", &session);
    let DeviceEvent::Sample(sample) = next(&events) else { panic!() };
    old.reset();
    eventually("the old connection is gone", || server.handle().stats().connections == 1);
    data(&mut new, "AMR_001", &session);
    assert!(matches!(next(&events), DeviceEvent::Sample(sample) if sample.place.as_ref().unwrap().1 == 2));
    let devices = server.device_sessions(DEVICES).unwrap();
    assert_eq!(devices.sessions(PATIENCE).unwrap()[0].sample_count, 2);
    drop(new);
    assert_eq!(next_end(&events), (session, SessionStatus::Disconnected, 2));
    eventually("all of it is recorded", || store.records().len() == 4);
    let shared = store.records().into_iter().any(|record| match record.body {
        RecordBody::Device(DeviceRecord::Sample(recorded)) => Arc::ptr_eq(&recorded, &sample),
        _ => false,
    });
    assert!(shared);
}

#[test]
fn a_gateway_speaks_for_several_devices_and_the_host_ends_one_session() {
    let (mut server, addr) = server(Server::builder().events(EventMask::CONTRACTS));
    let events = server.events().unwrap();
    let devices = server.device_sessions(DEVICES).unwrap();
    let mut gateway = Client::open(addr, DEVICES);
    let sessions = ["c", "a", "b"].map(|device| begin(&mut gateway, device));
    for session in &sessions {
        assert!(matches!(next(&events), DeviceEvent::SessionCreated(row) if *row.id == **session));
    }
    let list = devices.sessions(PATIENCE).unwrap();
    assert_eq!(list.iter().map(|info| &*info.device).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(list.iter().all(|info| info.holder == list[0].holder && info.sample_count == 0));
    devices.end_session(&sessions[1]).unwrap();
    assert_eq!(expect(&mut gateway, "session_ended"), sessions[1]);
    assert_eq!(next_end(&events), (sessions[1].clone(), SessionStatus::EndedByHost, 0));
    devices.end_session("session_abc").unwrap();
    assert_eq!(devices.sessions(PATIENCE).unwrap().len(), 2);
    drop(gateway);
    let ended = [next_end(&events).0, next_end(&events).0];
    assert!(ended.contains(&sessions[0]) && ended.contains(&sessions[2]));
}

#[test]
fn a_stop_ends_every_session_and_says_so() {
    let (mut server, addr) = server(Server::builder().events(EventMask::CONTRACTS));
    let events = server.events().unwrap();
    let devices = server.device_sessions(DEVICES).unwrap();
    let mut client = Client::open(addr, DEVICES);
    let session = begin(&mut client, "a");
    assert!(matches!(next(&events), DeviceEvent::SessionCreated(_)));
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    assert_eq!(next_end(&events), (session.clone(), SessionStatus::Stopped, 0));
    assert_eq!(expect(&mut client, "session_ended"), session);
    client.expect_close(1001);
    drop(client);
    assert_eq!(stopping.join().unwrap(), andon::Stopped::Clean);
    assert_eq!(devices.end_session(&session), Err(SendError::Stopped(())));
    assert_eq!(devices.sessions(PATIENCE), Err(AskError::Stopped));
}

/// However little room records have.
#[test]
fn a_stop_records_every_end_before_it_is_acknowledged() {
    const SESSIONS: usize = 100;
    for (records, others) in [(64, 0), (8_192, 0), (64, 200)] {
        let store = MemoryStore::new(10_000);
        let builder = Server::builder().limits(limits(|limits| limits.records = records));
        let (server, addr) = server(builder.store(store.clone()));
        let mut clients: Vec<_> = (0..SESSIONS)
            .map(|device| {
                let mut client = Client::open(addr, DEVICES);
                let session = begin(&mut client, &device.to_string());
                (client, session)
            })
            .collect();
        // What the store has to do when the server stops.
        for _ in 0..others {
            let (client, session) = &mut clients[0];
            data(client, "0", session);
        }
        let stopping = std::thread::spawn(move || server.stop(PATIENCE));
        for (client, session) in &mut clients {
            assert_eq!(expect(client, "session_ended"), *session);
            client.expect_close(1001);
        }
        drop(clients);
        assert_eq!(stopping.join().unwrap(), andon::Stopped::Clean);
        let stopped = told(&store.records()).iter().filter(|word| word.ends_with("stopped")).count();
        assert_eq!(stopped, SESSIONS);
    }
}

/// Commits nothing before it is let, and fails if it is told so.
struct Gated {
    asked: mpsc::Sender<Vec<String>>,
    answers: Arc<Mutex<mpsc::Receiver<Result<(), StoreError>>>>,
}

impl Store for Gated {
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        let _ = self.asked.send(told(batch));
        self.answers.lock().unwrap().recv().unwrap_or(Ok(()))
    }
}

/// On a real recorder's thread: no acknowledgement before the commit.
#[test]
fn an_end_is_acknowledged_when_it_is_committed() {
    let (asked, batches) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    let store = Gated { asked, answers: Arc::new(Mutex::new(answers)) };
    let (server, addr) = server(Server::builder().store(store));
    let mut client = Client::open(addr, DEVICES);
    let session = begin(&mut client, "a");
    assert_eq!(take(&batches), [format!("{session} begins")]);
    client.text(&format!(r#"{{"type":"session_end","deviceId":"a","sessionId":"{session}"}}"#));
    // Of another device, and so answered before.
    let other = begin(&mut client, "b");
    answer.send(Ok(())).unwrap();
    let mut batch = take(&batches);
    while batch.len() < 2 {
        answer.send(Ok(())).unwrap();
        batch.extend(take(&batches));
    }
    assert_eq!(batch, [format!("{session} completed"), format!("{other} begins")]);
    answer.send(Ok(())).unwrap();
    assert_eq!(expect(&mut client, "session_ended"), session);
    // A sample that is refused is counted, and its sender told.
    data(&mut client, "b", &other);
    assert_eq!(take(&batches), [format!("{other} 1")]);
    answer.send(Err(StoreError::Rejected("no".into()))).unwrap();
    assert!(client.take_text().contains("STORAGE_UNAVAILABLE"));
    stats_until(&server.handle(), "it is counted", |stats| stats.samples_lost == 1);
    drop(answer);
    server.stop(Duration::ZERO);
}

#[test]
fn what_is_odd_is_counted() {
    let (server, addr) = server(Server::builder());
    let mut client = Client::open(addr, DEVICES);
    data(&mut client, "a", "session_abc");
    let session = begin(&mut client, "a");
    client.text(&format!(r#"{{"type":"battery","sessionId":"{session}"}}"#));
    client.text("nonsense");
    expect(&mut client, "error");
    let counted = |stats: &andon::Stats| {
        (stats.samples_unassigned, stats.messages_untyped, stats.messages_refused) == (1, 1, 1)
    };
    stats_until(&server.handle(), "each once", counted);
}
