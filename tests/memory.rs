//! The ceiling on memory, computed before start, against what the process really allocates while clients do their worst.
//!
//! A binary of its own, since it counts every allocation of the process; the tests take turns.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    Builder, Effects, Event, EventMask, Limits, Message, Record, SendError, Server, Setup, SnapshotSource,
    Stopped, Store, StoreError, Topic,
};
use std::{
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    time::Duration,
};
use support::{
    BINARY, CLOSE, Client, PATIENCE, PING, Script, TEXT, close_payload,
    counting::{Counting, Meter},
    eventually, limits, masked, upgrade_head,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MESSAGE: usize = 256 << 10;
const PARTIAL: usize = 6 << 20;
const OUTBOX: usize = 6 << 20;
const LOGS: usize = 2 << 20;

fn small() -> Limits {
    limits(|limits| {
        limits.connections = Some(128);
        (limits.message_bytes, limits.frame_bytes) = (MESSAGE, MESSAGE);
        limits.partial_bytes_total = PARTIAL;
        (limits.outbox_bytes, limits.outbox_bytes_total) = (2 * MESSAGE, OUTBOX);
        limits.detached_bytes_total = 1 << 20;
        (limits.topics, limits.log_bytes_total) = (4, LOGS);
        limits.subscriptions = 4;
        (limits.commands, limits.command_bytes) = (64, 1 << 20);
        (limits.events, limits.event_bytes) = (256, 64 << 10);
        (limits.records, limits.record_bytes) = (1, 1);
        // Nobody is to be saved by a deadline.
        (limits.handshake, limits.close_wait) = (PATIENCE, Duration::from_secs(1));
    })
}

fn started(builder: Builder) -> (Server, SocketAddr, usize) {
    started_with(builder, small())
}

fn started_with(builder: Builder, limits: Limits) -> (Server, SocketAddr, usize) {
    let config = builder.limits(limits).listen("127.0.0.1:0").build().unwrap();
    let ceiling = config.memory_ceiling();
    assert!(ceiling < 48 << 20, "{ceiling} bytes are no small server");
    let server = config.start().unwrap();
    let addr = server.local_addrs()[0];
    (server, addr, ceiling)
}

fn mirror(_: &mut Setup<'_>) -> Script {
    Script::new().message(|fx: &mut Effects, peer, message: Message<'_>| fx.send(peer, message))
}

/// Bytes that all tests send, made before anything is measured.
fn large_frame() -> &'static [u8] {
    static FRAME: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    FRAME.get_or_init(|| masked(BINARY, &[7; MESSAGE]))
}

/// Writes without waiting; what does not fit is not sent.
fn push(stream: &TcpStream, bytes: &[u8]) -> usize {
    use std::io::Write;
    stream.set_nonblocking(true).unwrap();
    let mut sent = 0;
    while sent < bytes.len() {
        match (&mut &*stream).write(&bytes[sent..]) {
            Ok(n) => sent += n,
            Err(_) => break,
        }
    }
    stream.set_nonblocking(false).unwrap();
    sent
}

#[test]
fn frames_messages_and_heads_that_are_never_whole() {
    let frame = large_frame();
    let meter = Meter::start();
    let (server, addr, ceiling) = started(Server::builder().mount("/", mirror));
    let handle = server.handle();
    let mut kept = Vec::new();
    // Twice the budget in each kind, in clients that all stay.
    let mut halves = vec![0; MESSAGE / 2 + 14];
    halves.copy_from_slice(&masked(0x02, &vec![7; MESSAGE / 2])[..]);
    for n in 0..100 {
        let mut client = Client::connect(addr);
        match n % 4 {
            // A slow head.
            0 => {
                client.try_send(format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(8_000)));
            }
            // A frame that lacks its last byte.
            1 | 2 => {
                client.upgrade("/");
                client.try_send(&frame[..frame.len() - 1]);
            }
            // A message that lacks its end, and is cut again in the middle of a frame.
            _ => {
                client.upgrade("/");
                client.try_send(&halves);
                client.try_send(&masked(0x00, &vec![7; MESSAGE / 2 - 1])[..1_000]);
            }
        }
        kept.push(client);
    }
    eventually("the largest go", || handle.stats().closed_overload > 0);
    eventually("the budget is kept", || {
        let stats = handle.stats();
        stats.partial_bytes as usize <= PARTIAL
    });
    meter.judge(ceiling, PARTIAL);
    drop(kept);
    eventually("nothing is kept of them", || handle.stats().partial_bytes == 0);
}

#[test]
fn clients_that_send_and_do_not_read() {
    let frame = large_frame();
    let pings: Vec<u8> = masked(PING, &[7; 125]).repeat(2_000);
    let meter = Meter::start();
    let (server, addr, ceiling) = started(Server::builder().send_buffer_bytes(4 << 10).mount("/", mirror));
    let handle = server.handle();
    let clients = deaf(addr, 100);
    // As long as any of them gets rid of anything.
    let mut at = vec![0; clients.len()];
    for round in 0..40 {
        push_all(&clients, &mut at, &[frame, &pings]);
        let mut other = Client::connect(addr);
        assert_eq!(other.get("/healthz").status, 200, "in round {round}");
    }
    let stats = handle.stats();
    assert!(stats.outbox_bytes as usize <= OUTBOX);
    assert_eq!(stats.closed_too_slow, 0, "nobody gets there by asking");
    meter.judge(ceiling, OUTBOX);
}

#[test]
fn a_client_that_does_not_take_answers_is_not_asked_for_more() {
    let frame = large_frame();
    let pings: Vec<u8> = masked(PING, &[7; 125]).repeat(2_000);
    let meter = Meter::start();
    let (server, addr, ceiling) = started(Server::builder().send_buffer_bytes(4 << 10).mount("/", mirror));
    let clients = deaf(addr, 8);
    let mut at = vec![0; clients.len()];
    for _ in 0..200 {
        push_all(&clients, &mut at, &[frame, &pings]);
        assert_eq!(Client::connect(addr).get("/healthz").status, 200);
    }
    // So few do not spend what all may hold, and none is let come near what one may.
    let stats = server.stats();
    assert_eq!((stats.open, stats.closed), (8, 0));
    meter.judge(ceiling, 1 << 20);
}

/// Each key of a keyed topic keeps its newest value, however small the topic's log is.
#[test]
fn topics_whose_keys_outweigh_their_logs() {
    const TOPICS: usize = LOGS / (64 << 10);
    let keyed = |setup: &mut Setup<'_>| {
        let topic = Topic::state().with_snapshot(SnapshotSource::Keyed).with_log_bytes(64 << 10);
        let topics: Vec<_> = (0..TOPICS).map(|n| setup.declare(&n.to_string(), topic).unwrap()).collect();
        Script::new().message(move |fx: &mut Effects, peer, message: Message<'_>| {
            let Message::Text(name) = message else { return };
            for &topic in &topics {
                fx.publish_key(topic, name, &[0; 16_000][..]);
                (0..20).for_each(|n| fx.publish_key(topic, &format!("{name} {n}"), ""));
            }
            fx.send(peer, "done");
        })
    };
    let meter = Meter::start();
    let mut limits = small();
    limits.topics = TOPICS;
    let (server, addr, ceiling) = started_with(Server::builder().mount("/", keyed), limits);
    let mut client = Client::open(addr, "/");
    for n in 0..300 {
        client.text(&n.to_string());
        client.expect_text("done");
    }
    assert!(server.stats().publish_refused > 0, "there was no room for more");
    meter.judge(ceiling, LOGS);
}

/// Narrow clients that are open and never read again.
fn deaf(addr: SocketAddr, count: usize) -> Vec<TcpStream> {
    let open = |_| {
        let mut client = Client::connect_narrow(addr, 4 << 10);
        client.upgrade("/");
        client.stream
    };
    (0..count).map(open).collect()
}

/// Each client sends, again and again and as much as is taken, its part of the mix; `at` says how far each has come.
fn push_all(clients: &[TcpStream], at: &mut [usize], mix: &[impl AsRef<[u8]>]) {
    for (n, (client, at)) in clients.iter().zip(at).enumerate() {
        let bytes = mix[n % mix.len()].as_ref();
        *at = (*at + push(client, &bytes[*at..])) % bytes.len();
    }
}

/// Clients that send this again and again, and read nothing, until all that may be owed to clients is spent.
fn flood(mix: &[Vec<u8>]) {
    let meter = Meter::start();
    let (server, addr, ceiling) = started(Server::builder().send_buffer_bytes(4 << 10).mount("/", mirror));
    let clients = deaf(addr, 100);
    let mut at = vec![0; clients.len()];
    eventually("the budget is spent", || {
        push_all(&clients, &mut at, mix);
        assert_eq!(Client::connect(addr).get("/healthz").status, 200, "everyone else is served");
        server.stats().closed_overload > 0
    });
    let stats = server.stats();
    // The close frame of whoever asked for too much is always taken.
    let closes = stats.closed_overload as usize * 256;
    assert!(stats.outbox_bytes as usize <= OUTBOX + closes, "{stats:?}");
    assert_eq!(stats.closed_too_slow, 0, "nobody gets there by asking");
    meter.judge(ceiling, OUTBOX);
}

/// So small that what is noted about each could outweigh it.
#[test]
fn tiny_messages_whose_answers_nobody_reads() {
    flood(&[masked(BINARY, b"").repeat(8_000), masked(TEXT, b"x").repeat(8_000)]);
}

#[test]
fn pings_whose_pongs_nobody_reads() {
    flood(&[masked(PING, &[7; 125]).repeat(400), masked(PING, b"").repeat(8_000)]);
}

#[test]
fn clients_that_do_not_take_what_is_published_and_sent_to_them() {
    let meter = Meter::start();
    let log = LOGS / 2;
    let watch = |setup: &mut Setup<'_>| {
        let (state, stream) = (setup.topic("state").unwrap(), setup.topic("stream").unwrap());
        Script::new().opened(move |fx, peer, hello| {
            match hello.request.raw_query() {
                Some("state") => fx.subscribe(peer, state),
                Some("stream") => fx.subscribe(peer, stream),
                _ => {}
            }
            fx.send(peer, "welcome");
        })
    };
    let (mut server, addr, ceiling) = started(
        Server::builder()
            .send_buffer_bytes(4 << 10)
            .topic("state", Topic::state().with_log_bytes(log))
            .topic("stream", Topic::stream().with_log_bytes(log))
            .events(EventMask::CONNECTIONS)
            .mount("/", watch),
    );
    let (handle, events) = (server.handle(), server.events().unwrap());
    let (state, stream) = (server.topic("state").unwrap(), server.topic("stream").unwrap());
    let mut clients = Vec::new();
    let mut conns = Vec::new();
    for n in 0..90 {
        let mut client = Client::connect_narrow(addr, 4 << 10);
        let query = ["state", "stream", "private"][n % 3];
        client.send(upgrade_head(&format!("/?{query}"), ""));
        assert_eq!(client.answer().status, 101);
        client.expect_text("welcome");
        clients.push(client);
        match events.recv_timeout(PATIENCE).unwrap() {
            Event::Opened { conn, .. } => conns.push(conn),
            other => panic!("{other:?}"),
        }
    }
    // The host repeats what the mailbox has no room for.
    let insist = |attempt: &mut dyn FnMut() -> bool| eventually("there is room", attempt);
    for round in 0..60 {
        let size = 1_000 + round * 3_000;
        insist(&mut || handle.publish(state, vec![1; size]).is_ok());
        insist(&mut || handle.publish(stream, vec![2; size]).is_ok());
        for (n, conn) in conns.iter().enumerate() {
            if n % 3 == 2 {
                insist(&mut || match handle.send(*conn, vec![3; 16 << 10]) {
                    Ok(()) => true,
                    Err(SendError::Full(_)) => false,
                    Err(error) => panic!("{error}"),
                });
            }
        }
    }
    eventually("the slow ones of the stream are cut off", || handle.stats().lag_disconnects > 0);
    eventually("the full ones are cut off, by what each holds and by what all hold", || {
        let stats = handle.stats();
        stats.closed_too_slow > stats.lag_disconnects && stats.closed_overload > 0
    });
    // A host that is faster than the loop conflates by itself: then there is less to skip.
    eventually("those of the state topic skip", || {
        handle.publish(state, vec![1; 100 << 10]).unwrap();
        handle.stats().conflated > 0
    });
    assert!(handle.stats().outbox_bytes as usize <= OUTBOX);
    meter.judge(ceiling, OUTBOX / 2 + LOGS);
    drop(clients);
    eventually("nothing is kept for them", || {
        let stats = handle.stats();
        // But the last shared piece of each topic.
        stats.outbox_bytes == 0 && stats.detached_bytes as usize <= 2 * log / 4
    });
}

/// Many clients that have taken a part of one large frame, each another, when `end` happens to the subscriptions of all: what is left of
/// the frame is kept once for all of them.
fn stopped_within_one_frame(end: impl FnOnce(&andon::Handle, &mut Client, &mut [Client])) {
    const CLIENTS: usize = 100;
    const LARGE: usize = 250 << 10;
    let meter = Meter::start();
    let hall = |setup: &mut Setup<'_>| {
        let topic = setup.declare("hall", Topic::state().with_log_bytes(LOGS / 2)).unwrap();
        Script::new()
            .opened(move |fx, peer, hello| {
                if hello.request.raw_query().is_none() {
                    fx.subscribe(peer, topic);
                }
                fx.send(peer, "welcome");
            })
            .message(move |fx, _, message| match message {
                Message::Text("publish") => fx.publish(topic, &[7; LARGE][..]),
                _ => fx.retire(topic),
            })
    };
    let (server, addr, ceiling) = started(Server::builder().send_buffer_bytes(4 << 10).mount("/", hall));
    let handle = server.handle();
    let mut speaker = Client::open(addr, "/?speaker");
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let mut client = Client::connect_narrow(addr, (4 + n) << 10);
            client.upgrade("/");
            client.expect_text("welcome");
            client
        })
        .collect();
    let before = handle.stats().bytes_out;
    speaker.text("publish");
    eventually("everybody has a part", || handle.stats().bytes_out - before > (CLIENTS * 4_000) as u64);
    let held = meter.forget_peak();
    end(&handle, &mut speaker, &mut clients);
    eventually("the frame is set aside", || handle.stats().detached_bytes > 0);
    let stats = handle.stats();
    assert_eq!(stats.frames_torn, 0);
    assert!(stats.detached_bytes < 2 * LARGE as u64, "{} bytes", stats.detached_bytes);
    assert!(stats.outbox_bytes < 1_000 * CLIENTS as u64, "{} bytes", stats.outbox_bytes);
    let grown = meter.peak() - held;
    assert!(grown < 4 * LARGE, "{grown} bytes for {CLIENTS} clients");
    // It is finished, and let go of with the last who needs it.
    for client in &mut clients[..2] {
        client.expect_frame(BINARY, [7; LARGE]);
    }
    drop(clients);
    eventually("nothing is kept", || handle.stats().detached_bytes == 0);
    meter.judge(ceiling, LARGE);
}

#[test]
fn a_topic_that_is_retired_within_a_large_frame() {
    stopped_within_one_frame(|_, speaker, _| speaker.text("retire"));
}

#[test]
fn clients_that_say_goodbye_within_a_large_frame() {
    stopped_within_one_frame(|handle, _, clients| {
        for client in clients.iter_mut() {
            client.send_frame(CLOSE, close_payload(1000, ""));
        }
        eventually("all are heard", || handle.stats().closed_peer == clients.len() as u64);
    });
}

/// A store that never answers while somebody holds the other end.
struct Hung(mpsc::Receiver<()>);

impl Store for Hung {
    fn commit(&mut self, _: &[Record]) -> Result<(), StoreError> {
        let _ = self.0.recv();
        Ok(())
    }
}

#[test]
fn records_that_the_store_never_answers_for() {
    const RECORDS: usize = 1_000;
    const RECORD_BYTES: usize = 1 << 20;
    let payload = [7; 3_000];
    let frames = masked(BINARY, &payload).repeat(100);
    let meter = Meter::start();
    let (release, held) = mpsc::channel();
    let told = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&told);
    let recording = move |_: &mut Setup<'_>| {
        let told = Arc::clone(&counter);
        Script::new()
            .message(move |fx: &mut Effects, _, message: Message<'_>| {
                fx.record("s", "k", message.as_bytes());
            })
            .command(move |fx, _| {
                fx.record("s", "k", &payload);
            })
            .recorded(move |_, _, outcome| {
                assert!(outcome.is_err(), "nothing is acknowledged");
                told.fetch_add(1, Relaxed);
            })
    };
    let mut limits = small();
    (limits.records, limits.record_bytes) = (RECORDS, RECORD_BYTES);
    let (server, addr, ceiling) =
        started_with(Server::builder().store(Hung(held)).mount("/", recording), limits);
    let handle = server.handle();
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let mut client = Client::connect(addr);
            client.upgrade("/");
            client.stream
        })
        .collect();
    let mut at = vec![0; clients.len()];
    for round in 0..20 {
        for (n, client) in clients.iter().enumerate() {
            at[n] = (at[n] + push(client, &frames[at[n]..])) % frames.len();
        }
        assert_eq!(Client::connect(addr).get("/healthz").status, 200, "in round {round}");
    }
    eventually("they are paused", || handle.stats().pauses > 0);
    // No pause keeps the host's commands away: of what they record more is refused than may wait in line, and is told at once.
    let mount = andon::MountId::from_index(0);
    for _ in 0..3 * RECORDS {
        eventually("there is room", || handle.command(mount, Box::new(())).is_ok());
    }
    eventually("all have been heard", || handle.stats().commands as usize == 3 * RECORDS);
    let stats = handle.stats();
    assert!(stats.records_waiting as usize <= RECORDS && stats.record_bytes_waiting as usize <= RECORD_BYTES);
    assert!(stats.refusals_waiting as usize <= RECORDS, "{} refusals wait", stats.refusals_waiting);
    assert!(told.load(Relaxed) > 0);
    assert_eq!(Client::connect(addr).get("/healthz").status, 200);
    meter.judge(ceiling.min(6 * RECORD_BYTES), RECORD_BYTES / 2);
    assert_eq!(server.stop(Duration::from_millis(100)), Stopped::Abandoned, "the store's thread hangs");
    let stats = server.stats();
    let (unanswered, told) = (stats.records_unanswered as usize, told.load(Relaxed));
    assert_eq!(told + unanswered, stats.messages_in as usize + 3 * RECORDS, "every record is accounted for");
    drop(release);
}
