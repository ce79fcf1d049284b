//! What a host does with a server, through the public API: building, publishing, sending, deciding, listening, recording, stopping.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    CloseCause, CloseCode, ConnId, Contract, Decision, Effects, Event, EventBody, EventClass, EventMask,
    Events, Handle, Identity, Limits, MemoryStore, Message, Method, MountOptions, NoEventYet, Payload, Query,
    Record, RecordBody, RefusalCause, Reply, Response, RouteContext, SendError, Server, Setup,
    SnapshotSource, StartError, Stopped, Store, StoreError, Topic, Verdict, Wall,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};
use support::{
    CLOSE, Client, Echo, PATIENCE, PING, PONG, Script, close_payload, limits, masked, start, stats_until,
    take, upgrade_head,
};

fn echo(_: &mut Setup<'_>) -> Echo {
    Echo
}

#[track_caller]
fn next(events: &Events) -> Event {
    events.recv_timeout(PATIENCE).expect("an event in time")
}

/// The id of the next connection that opens.
#[track_caller]
fn next_opened(events: &Events) -> ConnId {
    match next(events) {
        Event::Opened { conn, .. } => conn,
        other => panic!("not an opening but {other:?}"),
    }
}

/// Holds the loop in a contract's call, so that what the host does meanwhile meets a loop that is busy.
struct Hold {
    client: Client,
    held: mpsc::Receiver<()>,
    release: mpsc::Sender<()>,
}

/// A factory for the path that holds, and how to make use of it.
fn holder() -> (impl FnMut(&mut Setup<'_>) -> Script + Send, impl FnOnce(SocketAddr, &str) -> Hold) {
    let (holds, held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let factory = move |_: &mut Setup<'_>| {
        let (holds, released) = (holds.clone(), Arc::clone(&released));
        Script::new().message(move |fx, peer, _| {
            holds.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
            fx.send(peer, "released");
        })
    };
    (factory, move |addr, path| Hold { client: Client::open(addr, path), held, release })
}

impl Hold {
    /// When this returns, the loop stands still.
    #[track_caller]
    fn hold(&mut self) {
        self.client.text("hold");
        take(&self.held);
    }

    #[track_caller]
    fn release(&mut self) {
        self.release.send(()).unwrap();
        self.client.expect_text("released");
    }
}

/// A contract that subscribes everyone to one of the host's topics.
fn watch(topic: &'static str) -> impl FnMut(&mut Setup<'_>) -> Script + Send {
    move |setup| {
        let topic = setup.topic(topic).expect("the host declares it");
        Script::new().opened(move |fx, peer, _| {
            fx.subscribe(peer, topic);
            fx.send(peer, "welcome");
        })
    }
}

// ---- building ----------------------------------------------------------------------------------------

/// What a record of a contract of the test's own says.
fn said(record: &Record) -> &[u8] {
    match &record.body {
        RecordBody::Custom { payload, .. } => payload,
        other => panic!("{other:?}"),
    }
}

#[test]
fn mistakes_of_configuration_say_what_to_do() {
    let on = || Server::builder().listen("127.0.0.1:0");
    let bad = |change: fn(&mut Limits)| on().limits(limits(change));
    for (builder, words) in [
        (Server::builder(), "call listen"),
        (Server::builder().listen("localhost:80"), "give IP:PORT"),
        (on().mount("ws", echo), "must begin with"),
        (on().mount("/a//b", echo), "empty segment"),
        (on().mount("/a/{x}", echo).mount("/a/{y}/", echo), "give one of them another path"),
        (on().topic("t", Topic::state()).topic("t", Topic::stream()), "another name"),
        (on().topic("t", Topic::state().with_log_bytes(100)), "at least 65536"),
        (on().topic("t", Topic::state().with_snapshot(SnapshotSource::Contract)), "host declares it"),
        (on().topic("t", Topic::state().with_log_bytes(128 << 20)), "log_bytes_total"),
        (on().mount_with("/", MountOptions::new().subprotocol("two words"), echo), "subprotocol"),
        (on().allow_origin("panel.example"), "https://panel.example"),
        (on().allow_host("http://panel"), "a name or an address"),
        (bad(|limits| limits.connections = Some(0)), "connections"),
        (bad(|limits| limits.frame_bytes = 2 << 20), "frame_bytes"),
        (bad(|limits| limits.partial_bytes_total = 3 << 20), "partial_bytes_total"),
        (bad(|limits| limits.head_bytes = 100), "head_bytes"),
        (bad(|limits| limits.events = 10), "events"),
        (bad(|limits| limits.close_wait = Duration::ZERO), "close_wait"),
    ] {
        let error = builder.build().expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
    }
    let twice = on().route(Method::Get, "/a", late).route(Method::Get, "/a/", late).build().unwrap_err();
    assert!(twice.to_string().contains("/a"));
}

fn late(_: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]) -> Reply {
    Reply::Later
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let (_server, addr) = start(Server::builder());
    let error = Server::builder().listen(addr.to_string()).start().unwrap_err();
    assert!(matches!(&error, StartError::Listen { address, .. } if *address == addr.to_string()));
    let text = error.to_string();
    assert!(text.contains(&addr.to_string()) && text.contains("choose another port"), "{text}");
}

#[test]
fn a_server_listens_on_several_addresses_of_both_families() {
    let mut builder = Server::builder().mount("/", echo).listen("127.0.0.1:0").listen("127.0.0.1:0");
    let has_v6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    if has_v6 {
        builder = builder.listen("[::1]:0");
    }
    let server = builder.start().unwrap();
    let addrs = server.local_addrs();
    assert_eq!(addrs.len(), 2 + usize::from(has_v6));
    assert!(addrs.iter().all(|addr| addr.port() != 0) && addrs[0] != addrs[1]);
    for addr in addrs {
        let mut client = Client::open(*addr, "/");
        client.text("hi");
        client.expect_text("hi");
    }
}

#[test]
fn the_start_hook_runs_on_the_loops_thread() {
    let (tells, hears) = mpsc::channel();
    let hook = move || tells.send(std::thread::current().name().map(str::to_owned)).unwrap();
    let (_server, _) = start(Server::builder().thread_name("cell 7").on_thread_start(hook));
    assert_eq!(take(&hears).as_deref(), Some("cell 7"));
}

// ---- topics ------------------------------------------------------------------------------------------

#[test]
fn of_a_state_topic_the_newest_wins_and_newcomers_get_it() {
    let (factory, holding) = holder();
    let (server, addr) = start(
        Server::builder()
            .topic("state", Topic::state())
            .mount("/watch", watch("state"))
            .mount("/hold", factory)
            // Not even one command fits: the newest value has a place of its own.
            .limits(limits(|limits| limits.commands = 1)),
    );
    let (handle, topic) = (server.handle(), server.topic("state").unwrap());
    let mut early = Client::open(addr, "/watch");
    early.expect_text("welcome");
    let mut hold = holding(addr, "/hold");
    hold.hold();
    for n in 1..=1_000 {
        handle.publish(topic, n.to_string()).unwrap();
    }
    hold.release();
    early.expect_text("1000");
    stats_until(&handle, "it is counted", |stats| (stats.publish_conflated, stats.published) == (999, 1));
    let mut newcomer = Client::open(addr, "/watch");
    newcomer.expect_text("1000");
    newcomer.expect_text("welcome");
    handle.publish(topic, &b"bytes"[..]).unwrap();
    newcomer.expect_frame(support::BINARY, "bytes");
    early.expect_frame(support::BINARY, "bytes");
}

#[test]
fn of_a_stream_topic_every_message_counts() {
    let (factory, holding) = holder();
    let (server, addr) = start(
        Server::builder()
            .topic("stream", Topic::stream())
            .mount("/watch", watch("stream"))
            .mount("/hold", factory),
    );
    let (handle, topic) = (server.handle(), handle_topic(&server, "stream"));
    let mut early = Client::open(addr, "/watch");
    early.expect_text("welcome");
    let mut hold = holding(addr, "/hold");
    hold.hold();
    for n in 0..1_000 {
        handle.publish(topic, n.to_string()).unwrap();
    }
    hold.release();
    for n in 0..1_000 {
        early.expect_text(&n.to_string());
    }
    let mut newcomer = Client::open(addr, "/watch");
    newcomer.expect_text("welcome");
    handle.publish(topic, "last").unwrap();
    newcomer.expect_text("last");
    early.expect_text("last");
}

fn handle_topic(server: &Server, name: &str) -> andon::TopicId {
    assert_eq!(server.topic("unheard of"), None);
    server.handle().topic(name).unwrap()
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
    let (factory, hold) = holder();
    let (server, addr) = start(
        Server::builder()
            .topic("keyed", keyed)
            .mount("/watch", watch("keyed"))
            .mount("/hold", factory)
            .limits(limits(|limits| limits.commands = 1)),
    );
    let (handle, topic) = (server.handle(), server.topic("keyed").unwrap());
    let mut client = Client::open(addr, "/watch");
    client.expect_text("welcome");
    let mut hold = hold(addr, "/hold");
    hold.hold();
    for n in 0..1_000 {
        handle.publish_key(topic, ["even", "odd"][n % 2], n.to_string()).unwrap();
    }
    handle.publish_key(topic, "gone", "never heard of").unwrap();
    handle.forget_key(topic, "gone").unwrap();
    hold.release();
    let mut last = [client.take_text(), client.take_text()];
    last.sort();
    assert_eq!(last, ["998", "999"]);
    handle.publish_key(topic, "last", "that was all").unwrap();
    client.expect_text("that was all");
    let stats = stats_until(&handle, "all but two were replaced", |stats| stats.publish_conflated >= 999);
    assert_eq!(
        (stats.publish_conflated, stats.commands_refused),
        (999, 0),
        "also what was forgotten before it was taken"
    );
}

// ---- commands ----------------------------------------------------------------------------------------

#[test]
fn a_host_sends_to_and_closes_the_connections_it_hears_of() {
    let (mut server, addr) = start(Server::builder().mount("/", echo).events(EventMask::CONNECTIONS));
    let (handle, events) = (server.handle(), server.events().unwrap());
    assert!(server.events().is_none(), "there is one end");
    let mut client = Client::open(addr, "/?secret=1");
    let opened = next(&events);
    let Event::Opened { conn, mount, client: who, .. } = opened else { panic!("{opened:?}") };
    assert_eq!((mount, &*who.path, who.subprotocol), (server.mount("/").unwrap(), "/", None));
    assert!(who.peer.ip().is_loopback() && who.identity.is_anonymous());
    handle.send(conn, "one").unwrap();
    handle.send(conn, vec![2]).unwrap();
    client.expect_text("one");
    client.expect_frame(support::BINARY, [2]);
    assert!(matches!(handle.close(conn, CloseCode::NO_STATUS, ""), Err(SendError::Refused((), _))));
    handle.close(conn, CloseCode::new(4000).unwrap(), "enough").unwrap();
    assert_eq!(client.expect_close(4000), "enough");
    match next(&events) {
        Event::Closed { conn: closed, how, .. } => {
            assert_eq!((closed, how.cause, how.code.get()), (conn, CloseCause::Host, 4000));
        }
        other => panic!("{other:?}"),
    }
    client.send_frame(CLOSE, close_payload(4000, ""));
    client.expect_end();
    stats_until(&handle, "it is gone", |stats| stats.connections == 0);
    // Its successor has its slot, and must not be taken for it.
    let mut successor = Client::open(addr, "/");
    let id = next_opened(&events);
    assert_ne!(id, conn);
    handle.send(conn, "not for you").unwrap();
    handle.close(conn, CloseCode::NORMAL, "nor this").unwrap();
    handle.send(ConnId::from_bits(u64::MAX), "for nobody").unwrap();
    handle.send(id, "for you").unwrap();
    successor.expect_text("for you");
    assert_eq!(stats_until(&handle, "they are counted", |stats| stats.commands_stale == 3).open, 1);
}

#[test]
fn an_urgent_message_overtakes_what_waits() {
    let (factory, holding) = holder();
    let (mut server, addr) =
        start(Server::builder().mount("/", echo).mount("/hold", factory).events(EventMask::CONNECTIONS));
    let (handle, events) = (server.handle(), server.events().unwrap());
    let mut client = Client::open(addr, "/");
    let conn = next_opened(&events);
    let mut hold = holding(addr, "/hold");
    hold.hold();
    handle.send(conn, "first").unwrap();
    handle.send(conn, "second").unwrap();
    handle.send_urgent(conn, "urgent").unwrap();
    hold.release();
    for text in ["urgent", "first", "second"] {
        client.expect_text(text);
    }
}

#[test]
fn a_full_mailbox_gives_back_what_it_does_not_take() {
    let (factory, holding) = holder();
    let small = limits(|limits| (limits.commands, limits.command_bytes) = (4, 1_000));
    let (mut server, addr) = start(
        Server::builder()
            .mount("/", echo)
            .mount("/hold", factory)
            .events(EventMask::CONNECTIONS)
            .limits(small),
    );
    let (handle, events) = (server.handle(), server.events().unwrap());
    let mut client = Client::open(addr, "/");
    let conn = next_opened(&events);
    let mut hold = holding(addr, "/hold");
    hold.hold();
    for n in 0..4 {
        handle.send(conn, n.to_string()).unwrap();
    }
    assert_eq!(handle.send(conn, "five"), Err(SendError::Full(Payload::from("five"))));
    assert_eq!(handle.resume(conn), Err(SendError::Full(())));
    let Event::Opened { mount, .. } = next(&events) else { panic!("the holding connection opened") };
    let given = handle.command(mount, Box::new(7_u8)).unwrap_err();
    assert_eq!(given.into_inner().downcast_ref::<u8>(), Some(&7));
    hold.release();
    for n in 0..4 {
        client.expect_text(&n.to_string());
    }
    hold.hold();
    handle.send(conn, "x".repeat(600)).unwrap();
    let large = handle.send(conn, "y".repeat(600)).unwrap_err();
    assert_eq!(large, SendError::Full(Payload::from("y".repeat(600))));
    hold.release();
    client.expect_text(&"x".repeat(600));
    // What can never be taken is not to be tried again.
    let huge = handle.send(conn, "z".repeat(1_001)).unwrap_err();
    assert!(matches!(&huge, SendError::Refused(payload, _) if payload.len() == 1_001), "{huge}");
    let huge = Response::text(200, "z".repeat(1_001));
    assert!(matches!(handle.answer(conn, huge), Err(SendError::Refused(..))));
}

/// Whatever a command carries counts towards what may wait.
#[test]
fn a_decision_weighs_what_it_says() {
    let (server, _) =
        start(Server::builder().mount("/", echo).limits(limits(|limits| limits.command_bytes = 1_000)));
    let (handle, conn) = (server.handle(), ConnId::from_bits(0));
    let long = || "x".repeat(1_001);
    let heavy = [
        Decision::Refuse(Response::text(403, long())),
        Decision::Refuse(Response::new(403).with_header("X-Why", long())),
        Decision::Allow(Identity::new(long())),
        Decision::Allow(Identity::new("a").with_name("b").with_role("c").with_claim("d", long())),
    ];
    for decision in heavy {
        let outcome = handle.decide(conn, decision);
        assert!(matches!(outcome, Err(SendError::Refused(..))), "{outcome:?}");
    }
    assert!(matches!(
        handle.answer(conn, Response::new(200).with_header("X-Why", long())),
        Err(SendError::Refused(..))
    ));
    handle.decide(conn, Decision::Allow(Identity::new("a"))).unwrap();
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

#[test]
fn a_contract_gets_commands_of_its_own() {
    let (mounts, mount) = mpsc::channel();
    let (server, addr) = start(Server::builder().mount("/", move |setup: &mut Setup<'_>| {
        mounts.send(setup.mount()).unwrap();
        let peers = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&peers);
        Script::new()
            .opened(move |fx, peer, _| {
                peers.lock().unwrap().push(peer);
                fx.send(peer, "welcome");
            })
            .command(move |fx, command| {
                let text = command.downcast::<String>().unwrap();
                for &peer in known.lock().unwrap().iter() {
                    fx.send(peer, &*text);
                }
            })
    }));
    let mut client = Client::open(addr, "/");
    client.expect_text("welcome");
    server.handle().command(take(&mount), Box::new("all hear".to_owned())).unwrap();
    client.expect_text("all hear");
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

// ---- stopping ----------------------------------------------------------------------------------------

#[test]
fn a_stop_says_goodbye_and_may_be_repeated() {
    let last_word = |_: &mut Setup<'_>| {
        let peers = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&peers);
        Script::new().opened(move |_, peer, _| peers.lock().unwrap().push(peer)).shutdown(move |fx| {
            for &peer in known.lock().unwrap().iter() {
                fx.send(peer, "goodbye");
            }
        })
    };
    let (mut server, addr) = start(Server::builder().mount("/", last_word).events(EventMask::CONNECTIONS));
    let (handle, events) = (server.handle(), server.events().unwrap());
    let mut client = Client::open(addr, "/");
    next_opened(&events);
    let stopping = std::thread::spawn(move || (server.stop(PATIENCE), server.stop(Duration::ZERO)));
    client.expect_text("goodbye");
    assert_eq!(client.expect_close(1001), "the server is stopping");
    client.send_frame(CLOSE, close_payload(1001, ""));
    client.expect_end();
    assert_eq!(stopping.join().unwrap(), (Stopped::Clean, Stopped::Clean));
    assert!(matches!(next(&events), Event::Closed { how, .. } if how.cause == CloseCause::Shutdown));
    assert_eq!(events.recv_timeout(PATIENCE), Err(NoEventYet::Ended));
    assert_eq!(handle.send(ConnId::from_bits(0), "x"), Err(SendError::Stopped("x".into())));
    assert!(std::net::TcpStream::connect(addr).is_err(), "nobody listens");
    assert_eq!(handle.stats().closed_shutdown, 1);
}

/// Whoever has asked, or begun to, when the server stops is told; whoever has said nothing is only let go.
#[test]
fn requests_that_the_stop_overtakes_are_refused_and_counted() {
    let (mounts, mount) = mpsc::channel();
    let (holds, held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let stopper = move |setup: &mut Setup<'_>| {
        mounts.send(setup.mount()).unwrap();
        let (holds, released) = (holds.clone(), Arc::clone(&released));
        Script::new().command(move |_, command| {
            let server = command.downcast::<Arc<Server>>().unwrap();
            holds.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
            assert_eq!(server.stop(PATIENCE), Stopped::Requested);
        })
    };
    let (streams, stream) = mpsc::channel();
    let slow = move |context: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]| {
        streams.send(context.conn).unwrap();
        let mut pulls = [andon::Pulled::Wait, andon::Pulled::End].into_iter();
        Response::stream(200, "text/plain", move |_: usize, out: &mut Vec<u8>| {
            out.extend_from_slice(b"piece");
            pulls.next().unwrap()
        })
    };
    let (mut server, addr) = start(
        Server::builder()
            .mount("/", stopper)
            .route(Method::Get, "/slow", slow)
            .route(Method::Get, "/later", late)
            .events(EventMask::REFUSALS)
            // Nobody is to be let go by a deadline.
            .limits(limits(|limits| limits.close_wait = 2 * PATIENCE)),
    );
    let (events, handle) = (server.events().unwrap(), server.handle());
    let server = Arc::new(server);

    let (mut silent, mut kept, mut begun) =
        (Client::connect(addr), Client::connect(addr), Client::connect(addr));
    for client in [&mut silent, &mut kept, &mut begun] {
        assert_eq!(client.get("/healthz").status, 200);
    }
    let mut parked = Client::connect(addr);
    parked.send(get("/later"));
    stats_until(&handle, "it is parked", |stats| stats.parked == 1);
    let begin = || {
        let mut client = Client::connect(addr);
        client.send(get("/slow"));
        let conn = take(&stream);
        assert!(client.await_bytes(1), "its answer has begun");
        (client, conn)
    };
    let ((mut streaming, conn), (mut content, its_conn)) = (begin(), begin());

    handle.command(take(&mount), Box::new(Arc::clone(&server))).unwrap();
    take(&held);
    // None of this can be seen by the loop before it is told to stop.
    kept.send(get("/healthz"));
    begun.send("GET /heal");
    streaming.send(get("/healthz"));
    handle.resume(conn).unwrap();
    handle.resume(its_conn).unwrap();
    release.send(()).unwrap();

    assert_eq!(streaming.answer().text(), "piecepiece");
    for mut client in [kept, begun, parked, streaming] {
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("connection")), (503, Some("close")));
        assert!(answer.text().contains("the server is stopping"), "{}", answer.text());
        client.expect_end();
        match next(&events) {
            Event::Refused { cause, .. } => assert_eq!(cause, RefusalCause::Stopping),
            other => panic!("{other:?}"),
        }
    }
    silent.expect_end();
    // Behind its answer it asks nothing, and is not reset for what it says later: an answer not read yet would be lost.
    assert_eq!(content.answer().text(), "piecepiece");
    content.expect_end();
    assert!((0..2).all(|_| content.try_send("late")));
    drop(content);
    assert_eq!(server.stop(PATIENCE), Stopped::Clean);
    assert_eq!(handle.stats().refused_stopping, 4);
}

/// More than the loop takes in one turn, all of it given before the stop was wanted.
#[test]
fn what_the_host_gave_before_the_stop_is_carried_out_before_it() {
    const COUNT: usize = 3_000;
    let (factory, holding) = holder();
    let (server, addr) = start(
        Server::builder()
            .topic("stream", Topic::stream())
            .topic("state", Topic::state())
            .mount("/stream", watch("stream"))
            .mount("/state", watch("state"))
            .mount("/hold", factory),
    );
    let (handle, stream, state) =
        (server.handle(), server.topic("stream").unwrap(), server.topic("state").unwrap());
    let (mut reader, mut newest) = (Client::open(addr, "/stream"), Client::open(addr, "/state"));
    reader.expect_text("welcome");
    newest.expect_text("welcome");
    let mut hold = holding(addr, "/hold");
    hold.hold();
    for n in 0..COUNT {
        handle.publish(stream, n.to_string()).unwrap();
    }
    handle.publish(state, "last").unwrap();
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    support::eventually("the stop is wanted", || handle.forget_key(state, "none").is_err());
    hold.release();
    for n in 0..COUNT {
        reader.expect_text(&n.to_string());
    }
    newest.expect_text("last");
    for client in [&mut reader, &mut newest, &mut hold.client] {
        client.expect_close(1001);
        client.send_frame(CLOSE, close_payload(1001, ""));
    }
    assert_eq!(stopping.join().unwrap(), Stopped::Clean);
}

/// Whoever waits less long than the stop that is under way is not told that the loop hangs.
#[test]
fn a_later_stop_may_allow_less_time() {
    let (tells, hears) = mpsc::channel();
    let (mounts, mount) = mpsc::channel();
    let factory = move |setup: &mut Setup<'_>| {
        mounts.send(setup.mount()).unwrap();
        let tells = tells.clone();
        Script::new().command(move |_, command| {
            let server = command.downcast::<Arc<Server>>().unwrap();
            tells.send(server.stop(PATIENCE)).unwrap();
        })
    };
    let limits = limits(|limits| limits.close_wait = PATIENCE);
    let (server, addr) = start(Server::builder().mount("/", factory).limits(limits));
    let server = Arc::new(server);
    let mut client = Client::open(addr, "/");
    server.handle().command(take(&mount), Box::new(Arc::clone(&server))).unwrap();
    assert_eq!(take(&hears), Stopped::Requested);
    // It is told, and never answers.
    client.expect_close(1001);
    assert_eq!(server.stop(Duration::from_millis(1)), Stopped::Forced);
}

/// A contract that must not be called, since the host takes no events, never gets its commands.
#[test]
fn commands_that_nobody_gets_before_the_end_are_counted() {
    const COUNT: usize = 3_000;
    let (tells, hears) = mpsc::channel();
    let factory = move |setup: &mut Setup<'_>| {
        tells.send(setup.mount()).unwrap();
        Script::new().command(|fx, _| fx.event(EventClass::Lossless, 0, None, "done"))
    };
    let (mut server, _) = start(
        Server::builder()
            .mount("/", factory)
            .events(EventMask::CONTRACTS)
            .limits(limits(|limits| (limits.events, limits.commands) = (256, COUNT / 2))),
    );
    let (handle, events, mount) = (server.handle(), server.events().unwrap(), take(&hears));
    let mut given = 0;
    while given < COUNT {
        // Half of them are held for the mount in the end, and half are in the mailbox.
        match handle.command(mount, Box::new(())) {
            Ok(()) => given += 1,
            Err(_) => break,
        }
        let stats = handle.stats();
        if stats.commands_waiting as usize > COUNT / 4 {
            stats_until(&handle, "the loop takes them", |stats| {
                stats.commands_waiting == 0 || stats.commands as usize >= COUNT / 2
            });
        }
    }
    server.stop(Duration::from_millis(100));
    let done = std::iter::from_fn(|| events.try_recv().ok()).count();
    let stats = server.stats();
    assert!(done < given / 2, "{done} of {given} were carried out");
    assert_eq!(done + stats.events_dropped as usize + stats.commands_stale as usize, given);
}

/// More of them than the loop accepts in one turn.
#[test]
fn requests_that_wait_to_be_accepted_when_the_stop_comes_are_answered() {
    const CLIENTS: usize = 100;
    let (factory, holding) = holder();
    let (server, addr) = start(Server::builder().topic("state", Topic::state()).mount("/hold", factory));
    let mut hold = holding(addr, "/hold");
    hold.hold();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::connect(addr)).collect();
    for client in &mut clients {
        client.send(get("/healthz"));
    }
    let (handle, topic) = (server.handle(), server.topic("state").unwrap());
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    support::eventually("the stop is wanted", || handle.publish(topic, "x").is_err());
    hold.release();
    for client in &mut clients {
        // Those who are accepted before the stop begins are served.
        assert!([200, 503].contains(&client.answer().status));
    }
    drop(clients);
    hold.client.expect_close(1001);
    hold.client.send_frame(CLOSE, close_payload(1001, ""));
    assert_eq!(stopping.join().unwrap(), Stopped::Clean);
}

#[test]
fn publishing_to_a_server_that_has_stopped_gives_the_message_back() {
    let (server, _) = start(Server::builder().topic("a", Topic::state()).topic("b", Topic::stream()));
    let handle = server.handle();
    assert_eq!(server.stop(Duration::MAX), Stopped::Clean);
    for name in ["a", "b"] {
        let topic = handle.topic(name).unwrap();
        assert_eq!(handle.publish(topic, "x"), Err(SendError::Stopped("x".into())));
    }
}

/// All of it happens in one call on the loop's own thread, so that the stop is wanted and cannot be over.
#[test]
fn publishing_to_a_server_that_is_stopping_gives_the_message_back() {
    let (tells, hears) = mpsc::channel();
    let (mounts, mount) = mpsc::channel();
    let factory = move |setup: &mut Setup<'_>| {
        mounts.send(setup.mount()).unwrap();
        let tells = tells.clone();
        Script::new().command(move |_, command| {
            let server = command.downcast::<Arc<Server>>().unwrap();
            let handle = server.handle();
            let publish = |name: &str| match name {
                "keyed" => handle.publish_key(handle.topic(name).unwrap(), "k", "x"),
                _ => handle.publish(handle.topic(name).unwrap(), "x"),
            };
            let names = ["state", "stream", "keyed"];
            assert_eq!(names.map(publish), [Ok(()), Ok(()), Ok(())]);
            server.stop(PATIENCE);
            tells.send(names.map(publish)).unwrap();
        })
    };
    let (server, _) = start(
        Server::builder()
            .topic("state", Topic::state())
            .topic("stream", Topic::stream())
            .topic("keyed", Topic::state().with_snapshot(SnapshotSource::Keyed))
            .mount("/", factory),
    );
    let server = Arc::new(server);
    server.handle().command(take(&mount), Box::new(Arc::clone(&server))).unwrap();
    let stopped = || Err(SendError::Stopped(Payload::from("x")));
    assert_eq!(take(&hears), [stopped(), stopped(), stopped()]);
}

#[test]
fn dropping_a_server_stops_it() {
    let (server, addr) = start(Server::builder().mount("/", echo).stop_timeout(PATIENCE));
    let mut client = Client::open(addr, "/");
    let dropping = std::thread::spawn(move || drop(server));
    client.expect_close(1001);
    client.send_frame(CLOSE, close_payload(1001, ""));
    client.expect_end();
    dropping.join().unwrap();
    assert!(std::net::TcpStream::connect(addr).is_err(), "nobody listens");
}

#[test]
fn on_the_loops_own_thread_a_stop_is_only_requested() {
    let (tells, hears) = mpsc::channel();
    let (mounts, mount) = mpsc::channel();
    let (server, addr) = start(Server::builder().mount("/", move |setup: &mut Setup<'_>| {
        mounts.send(setup.mount()).unwrap();
        let tells = tells.clone();
        Script::new().message(|fx, peer, message| fx.send(peer, message)).command(move |_, command| {
            let server = command.downcast::<Arc<Server>>().unwrap();
            tells.send(server.stop(PATIENCE)).unwrap();
        })
    }));
    let server = Arc::new(server);
    let mut client = Client::open(addr, "/");
    server.handle().command(take(&mount), Box::new(Arc::clone(&server))).unwrap();
    assert_eq!(take(&hears), Stopped::Requested);
    client.expect_close(1001);
    client.send_frame(CLOSE, close_payload(1001, ""));
    client.expect_end();
    assert_eq!(server.stop(PATIENCE), Stopped::Clean);
}

#[test]
fn a_contract_that_does_not_return_is_left_behind() {
    let (factory, holding) = holder();
    let (server, addr) = start(Server::builder().mount("/hold", factory));
    let mut hold = holding(addr, "/hold");
    hold.hold();
    assert_eq!(server.stop(Duration::from_millis(1)), Stopped::Abandoned);
    assert_eq!(server.stop(Duration::from_millis(1)), Stopped::Abandoned);
    drop(server);
    // It ends by itself once it can.
    hold.release.send(()).unwrap();
    hold.client.drain();
}

#[test]
fn a_client_that_does_not_take_its_goodbye_is_cut_off() {
    let (server, addr) = start(Server::builder().mount("/", echo));
    let mut client = Client::open(addr, "/");
    assert_eq!(server.stop(Duration::from_millis(100)), Stopped::Forced);
    client.expect_close(1001);
    client.expect_end();
    assert_eq!(server.stats().connections, 0);
}

#[test]
fn a_client_that_does_not_answer_the_goodbye_in_time_makes_the_stop_forced() {
    let limits = limits(|limits| limits.close_wait = Duration::from_millis(50));
    let (server, addr) = start(Server::builder().mount("/", echo).limits(limits));
    let mut client = Client::open(addr, "/");
    assert_eq!(server.stop(PATIENCE), Stopped::Forced);
    client.expect_close(1001);
    client.expect_end();
}

/// Says as many lossless events as its last words as fit twice.
fn talkative(_: &mut Setup<'_>) -> Script {
    Script::new().shutdown(|fx| {
        for number in 0..512 {
            fx.event(EventClass::Lossless, 0, None, number.to_string());
        }
    })
}

#[test]
fn a_stop_waits_for_the_host_to_take_lossless_events() {
    let limits = limits(|limits| limits.events = 256);
    let builder = Server::builder().mount("/", talkative).events(EventMask::CONTRACTS).limits(limits);
    let (mut server, _) = start(builder);
    let (events, handle) = (server.events().unwrap(), server.handle());
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    for expected in 0..512 {
        assert_eq!(number(next(&events)), expected);
    }
    assert_eq!(stopping.join().unwrap(), Stopped::Clean);
    assert_eq!(handle.stats().events_dropped, 0);
}

#[test]
fn events_that_the_host_does_not_take_until_the_timeout_make_the_stop_forced_and_are_counted() {
    let limits = limits(|limits| limits.events = 256);
    let builder = Server::builder().mount("/", talkative).events(EventMask::CONTRACTS).limits(limits);
    let (mut server, _) = start(builder);
    let events = server.events().unwrap();
    assert_eq!(server.stop(Duration::from_millis(100)), Stopped::Forced);
    assert_eq!(server.stats().events_dropped, 256);
    assert_eq!(std::iter::from_fn(|| events.try_recv().ok()).count(), 256, "those in the queue are there");
}

/// A stop does not wait for a host that reads no events to take states, but says what it was not told.
#[test]
fn state_events_that_the_host_never_took_are_counted_when_the_server_ends() {
    let limits = limits(|limits| limits.events = 256);
    let builder = Server::builder().mount("/", echo).events(EventMask::CONNECTIONS).limits(limits);
    let (mut server, addr) = start(builder);
    let (events, handle) = (server.events().unwrap(), server.handle());
    // Half of the queue is kept for lossless events.
    let clients: Vec<_> = (0..150).map(|_| Client::open(addr, "/")).collect();
    drop(clients);
    stats_until(&handle, "all have gone", |stats| stats.closed == 150);
    assert_eq!(server.stop(PATIENCE), Stopped::Clean);
    let heard = std::iter::from_fn(|| events.try_recv().ok()).count() as u64;
    let stats = handle.stats();
    assert_eq!((heard, stats.events_dropped), (128, 128), "each that it heard of has closed since");
    assert_eq!(heard + stats.events_dropped + stats.events_conflated, 300);
}

/// Records its last words, and tells what became of them.
fn testator(verdicts: mpsc::Sender<Result<(), String>>) -> impl FnMut(&mut Setup<'_>) -> Script + Send {
    move |_| {
        let verdicts = verdicts.clone();
        Script::new()
            .shutdown(|fx| {
                fx.record("s", "k", b"last words");
            })
            .recorded(move |_, _, outcome| {
                verdicts.send(outcome.map_err(ToString::to_string)).unwrap();
            })
    }
}

#[test]
fn a_stop_waits_for_the_store_and_tells_the_contract() {
    let (let_through, gate) = mpsc::channel();
    let (verdicts, told) = mpsc::channel();
    let (server, _) = start(Server::builder().mount("/", testator(verdicts)).store(Slow(gate)));
    let handle = server.handle();
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    let_through.send(()).unwrap();
    assert_eq!(take(&told), Ok(()));
    assert_eq!(stopping.join().unwrap(), Stopped::Clean);
    let stats = handle.stats();
    assert_eq!((stats.records, stats.records_unanswered), (1, 0));
}

#[test]
fn a_store_that_answers_too_late_makes_the_stop_forced_and_what_it_held_is_counted() {
    let (let_through, gate) = mpsc::channel();
    let (verdicts, told) = mpsc::channel();
    let (server, _) = start(Server::builder().mount("/", testator(verdicts)).store(Slow(gate)));
    let handle = server.handle();
    let stopping = std::thread::spawn(move || server.stop(Duration::from_millis(100)));
    stats_until(&handle, "time has run out", |stats| stats.records_unanswered == 1);
    drop(let_through);
    assert_eq!(stopping.join().unwrap(), Stopped::Forced);
    assert!(told.try_recv().is_err(), "nobody was there to be told");
}

// ---- faults of contracts -----------------------------------------------------------------------------

#[test]
fn a_contract_that_panics_is_rebuilt_and_after_three_times_retired() {
    let mut builds = 0;
    let factory = move |_: &mut Setup<'_>| {
        builds += 1;
        let build = builds;
        Script::new().message(move |fx, peer, message| match message {
            Message::Text("panic") => panic!("as a test wants it"),
            _ => fx.send(peer, &format!("build {build}")),
        })
    };
    let (mut server, addr) =
        start(Server::builder().mount("/frail", factory).mount("/sound", echo).events(EventMask::HEALTH));
    let events = server.events().unwrap();
    let mut sound = Client::open(addr, "/sound");
    for round in 1..=3 {
        let (mut guilty, mut bystander) = (Client::open(addr, "/frail"), Client::open(addr, "/frail"));
        for client in [&mut guilty, &mut bystander] {
            client.text("who?");
            client.expect_text(&format!("build {round}"));
        }
        guilty.text("panic");
        guilty.expect_close(1011);
        bystander.expect_close(1011);
        sound.text("still here");
        sound.expect_text("still here");
    }
    assert!(matches!(next(&events), Event::MountRetired { .. }));
    assert_eq!(Client::connect(addr).ask(&upgrade_head("/frail", "")).status, 404);
    sound.text("still here");
    sound.expect_text("still here");
    let stats = stats_until(&server.handle(), "all is counted", |stats| stats.closed_panic == 6);
    assert_eq!((stats.contract_panics, stats.mounts_retired, stats.open), (3, 1, 1));
}

/// Panics when it is dropped.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        // Not `panic!`: the hook would print it.
        std::panic::resume_unwind(Box::new("as a host's object may"));
    }
}

/// A contract, and a store, with something in it that panics when it is dropped.
struct Armed(#[allow(dead_code, reason = "it is there to be dropped")] Bomb);

impl Contract for Armed {
    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        fx.send(peer, message);
    }
}

impl Store for Armed {
    fn commit(&mut self, _: &[Record]) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Whatever of the host's is dropped, and wherever: it is caught, counted, and over. Two at once would end the process if each were not caught by itself.
#[test]
fn objects_of_the_host_that_panic_when_they_are_dropped_harm_nobody() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let bomb = || Bomb(Arc::clone(&dropped));
    let armed = || {
        let (counter, inside) = (Arc::clone(&dropped), bomb());
        move |_: &mut Setup<'_>| {
            let _ = &inside;
            Armed(Bomb(Arc::clone(&counter)))
        }
    };
    let streamed = |bomb: Bomb| {
        Response::stream(200, "text/plain", move |_: usize, out: &mut Vec<u8>| {
            let _ = &bomb;
            out.push(b'x');
            andon::Pulled::End
        })
    };
    let (counter, inside) = (Arc::clone(&dropped), bomb());
    let route = move |_: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]| {
        let _ = &inside;
        streamed(Bomb(Arc::clone(&counter)))
    };
    let inside = bomb();
    let gate = move |_: andon::Now, _: &andon::Request<'_>| {
        let _ = &inside;
        Verdict::Allow(Identity::new("anybody"))
    };
    let builder = Server::builder()
        .mount("/a", armed())
        .mount_with("/b", MountOptions::new().gate(gate), armed())
        .route(Method::Get, "/stream", route)
        .store(Armed(bomb()));
    let (server, addr) = start(builder);
    let handle = server.handle();
    let mut client = Client::open(addr, "/a");
    // Bodies that are sent, and one that nobody wants.
    assert_eq!(Client::connect(addr).get("/stream").body, b"x");
    let head = "HEAD /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut other = Client::connect(addr);
    other.send(head);
    other.drain();
    // An answer and a command that nobody waits for.
    handle.answer(ConnId::from_bits(0), streamed(bomb())).unwrap();
    handle.command(andon::MountId::from_index(9), Box::new(bomb())).unwrap();
    client.text("still here");
    client.expect_text("still here");
    let so_far = stats_until(&handle, "four are counted", |stats| stats.contract_panics == 4);
    assert_eq!((so_far.open, so_far.closed_panic), (1, 0), "it is nobody's fault");
    drop((client, other));
    // More commands than a turn takes, some of which are still there at the end.
    for _ in 0..3_000 {
        handle.command(andon::MountId::from_index(9), Box::new(bomb())).unwrap();
    }
    assert_eq!(server.stop(PATIENCE), Stopped::Clean);
    drop(server);
    let made = dropped.load(SeqCst) as u64;
    assert!(made >= 3_000 + 4 + 7, "{made} were dropped");
    assert_eq!(handle.stats().contract_panics, made - 1, "all but the store's, on its own thread");
}

/// A host that gives up what it has not started is not unwound either.
#[test]
fn a_server_that_does_not_start_drops_what_it_was_given_without_a_panic() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let (mine, taken) = (Arc::clone(&dropped), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let started = Server::builder()
        .listen(taken.local_addr().unwrap().to_string())
        .mount("/", move |_: &mut Setup<'_>| Armed(Bomb(Arc::clone(&mine))))
        .store(Armed(Bomb(Arc::clone(&dropped))))
        .start();
    assert!(matches!(started, Err(StartError::Listen { .. })));
    assert_eq!(dropped.load(SeqCst), 1);
}

// ---- gates -------------------------------------------------------------------------------------------

fn asking(change: impl FnOnce(&mut Limits)) -> (Server, SocketAddr, Events) {
    let options = MountOptions::new().gate(|_: andon::Now, _: &andon::Request<'_>| Verdict::Ask);
    let greeting = |_: &mut Setup<'_>| {
        Script::new().opened(|fx, peer, hello| fx.send(peer, hello.identity.name().unwrap_or("nobody")))
    };
    let (mut server, addr) = start(
        Server::builder()
            .mount_with("/ws/{code}", options, greeting)
            .events(EventMask::ASKS)
            .limits(limits(change)),
    );
    let events = server.events().unwrap();
    (server, addr, events)
}

#[track_caller]
fn next_asked(events: &Events) -> ConnId {
    match next(events) {
        Event::Asked { conn, .. } => conn,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_host_decides_about_a_handshake_from_another_thread() {
    let (server, addr, events) = asking(|_| {});
    let handle = server.handle();
    let deciding = std::thread::spawn(move || {
        for event in events.iter() {
            let Event::Asked { conn, request, .. } = event else { panic!("{event:?}") };
            assert_eq!((request.method, request.path.as_str()), (Method::Get, "/ws/7"));
            request.with(|request| {
                assert_eq!((request.cookie("a"), request.param("code")), (Some("b"), Some("7")))
            });
            let decision = match request.query.as_deref() {
                Some("who=anna") => Decision::Allow(Identity::new("u1").with_name("Anna")),
                _ => Decision::Refuse(Response::text(403, "the host says no")),
            };
            handle.decide(conn, decision).unwrap();
        }
    });
    let mut client = Client::connect(addr);
    // A frame that comes while it is parked is not lost.
    let request = upgrade_head("/ws/7?who=anna", "Cookie: a=b\r\n");
    client.send([request.as_bytes(), &masked(PING, b"early")].concat());
    assert_eq!(client.answer().status, 101);
    client.expect_frame(PONG, "early");
    client.expect_text("Anna");
    let mut refused = Client::connect(addr);
    let answer = refused.ask(&upgrade_head("/ws/7?who=eve", "Cookie: a=b\r\n"));
    assert_eq!((answer.status, answer.text()), (403, "the host says no"));
    drop((client, refused));
    server.stop(PATIENCE);
    deciding.join().unwrap();
}

#[test]
fn a_refusal_by_the_host_is_noticed_like_that_of_a_gate() {
    let gate = |_: andon::Now, request: &andon::Request<'_>| match request.raw_query() {
        Some("ask") => Verdict::Ask,
        _ => Verdict::Refuse(Response::new(403)),
    };
    let (mut server, addr) = start(
        Server::builder()
            .mount_with("/", MountOptions::new().gate(gate), echo)
            .events(EventMask::ASKS | EventMask::REFUSALS),
    );
    let (handle, events) = (server.handle(), server.events().unwrap());
    let mut client = Client::connect(addr);
    for path in ["/?ask", "/"] {
        client.send(upgrade_head(path, ""));
        if path == "/?ask" {
            handle.decide(next_asked(&events), Decision::Refuse(Response::new(403))).unwrap();
        }
        assert_eq!(client.answer().status, 403);
        let from = client.stream.local_addr().unwrap();
        let told = next(&events);
        let Event::Refused { cause: RefusalCause::Gate, mount: Some(_), peer, .. } = told else {
            panic!("{path}: {told:?}")
        };
        assert_eq!(peer, from, "{path}");
    }
    stats_until(&handle, "both are counted", |stats| stats.answered_403 == 2);
}

#[test]
fn a_decision_that_comes_too_late_misses() {
    let (server, addr, events) = asking(|limits| limits.parked_wait = Duration::from_millis(50));
    let mut client = Client::connect(addr);
    let answer = client.ask(&upgrade_head("/ws/7", ""));
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    server.handle().decide(next_asked(&events), Decision::Allow(Identity::new("late"))).unwrap();
    let stats = stats_until(&server.handle(), "it missed", |stats| stats.commands_stale == 1);
    assert_eq!((stats.parked_expired, stats.parked, stats.opened), (1, 0, 0));
}

#[test]
fn a_client_that_leaves_while_it_is_decided_about_is_forgotten() {
    let (server, addr, events) = asking(|_| {});
    let mut client = Client::connect(addr);
    client.send(upgrade_head("/ws/7", ""));
    let conn = next_asked(&events);
    stats_until(&server.handle(), "it is parked", |stats| stats.parked == 1);
    drop(client);
    stats_until(&server.handle(), "it is gone", |stats| stats.parked == 0 && stats.connections == 0);
    server.handle().decide(conn, Decision::Allow(Identity::new("gone"))).unwrap();
    let stats = stats_until(&server.handle(), "it missed", |stats| stats.commands_stale == 1);
    assert_eq!(stats.opened, 0);
}

#[test]
fn one_undecided_handshake_too_many_gets_503() {
    let (server, addr, events) = asking(|limits| limits.parked = 1);
    let mut first = Client::connect(addr);
    first.send(upgrade_head("/ws/7", ""));
    let conn = next_asked(&events);
    assert_eq!(Client::connect(addr).ask(&upgrade_head("/ws/7", "")).status, 503);
    server.handle().decide(conn, Decision::Allow(Identity::new("first"))).unwrap();
    assert_eq!(first.answer().status, 101);
    assert_eq!(stats_until(&server.handle(), "it is open", |stats| stats.open == 1).refused_parked, 1);
}

#[test]
fn a_gate_that_asks_a_host_that_does_not_listen_gets_503() {
    let options = MountOptions::new().gate(|_: andon::Now, _: &andon::Request<'_>| Verdict::Ask);
    let (_server, addr) = start(Server::builder().mount_with("/", options, echo));
    assert_eq!(Client::connect(addr).ask(&upgrade_head("/", "")).status, 503);
}

#[test]
fn an_answer_may_come_later_from_another_thread() {
    let (tells, hears) = mpsc::channel();
    let route = move |context: &RouteContext<'_>, _: &andon::Request<'_>, body: &[u8]| {
        tells.send((context.conn, body.len())).unwrap();
        Reply::Later
    };
    let quick = limits(|limits| limits.parked_wait = Duration::from_secs(2));
    let (server, addr) = start(Server::builder().route(Method::Post, "/later", route).limits(quick));
    let mut client = Client::connect(addr);
    let request = "POST /later HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc";
    // Two at once: the second is not looked at before the first is answered.
    client.send(request.repeat(2));
    for text in ["one", "two"] {
        let (conn, len) = take(&hears);
        assert_eq!(len, 3);
        assert!(hears.try_recv().is_err());
        server.handle().answer(conn, Response::text(200, text)).unwrap();
        assert_eq!(client.answer().text(), text);
    }
    client.send(request);
    let answer = client.answer();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "nobody answered");
}

#[test]
fn a_revoked_identity_is_out_at_once() {
    let gate = |_: andon::Now, request: &andon::Request<'_>| {
        Verdict::Allow(Identity::new(request.query("who").unwrap_or_default()))
    };
    let waits = |_: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]| Reply::Later;
    let (server, addr) =
        start(Server::builder().mount_with("/ws/", MountOptions::new().gate(gate), echo).route_with_gate(
            Method::Get,
            "/later",
            gate,
            waits,
        ));
    let mut anna = Client::open(addr, "/ws?who=anna");
    let mut other = Client::open(addr, "/ws?who=otto");
    let mut asking = Client::connect(addr);
    asking.send("GET /later?who=anna HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stats_until(&server.handle(), "it waits", |stats| stats.parked == 1);
    server.handle().revoke("anna").unwrap();
    assert_eq!(anna.expect_close(1008), "the identity is revoked");
    assert_eq!(asking.answer().status, 403);
    other.text("still here");
    other.expect_text("still here");
    let stats = stats_until(&server.handle(), "both are counted", |stats| stats.closed_revoked == 1);
    assert_eq!((stats.closed, stats.answered_403, stats.parked), (1, 1, 0));
    assert_eq!(server.mount("/ws"), Some(andon::MountId::from_index(0)));
    assert_eq!(server.mount("/other"), None);
}

#[test]
fn an_identity_expires() {
    let gate = |now: andon::Now, _: &andon::Request<'_>| {
        let soon = Wall::from_millis(now.wall.as_millis() + 100);
        Verdict::Allow(Identity::new("u1").with_expiry(soon))
    };
    let (server, addr) =
        start(Server::builder().mount_with("/", MountOptions::new().gate(gate), echo).mount("/free", echo));
    let mut free = Client::open(addr, "/free");
    let mut client = Client::open(addr, "/");
    client.text("in time");
    client.expect_text("in time");
    assert!(client.expect_close(1008).contains("expired"));
    free.text("unharmed");
    free.expect_text("unharmed");
    let stats = stats_until(&server.handle(), "it is closed", |stats| stats.closed == 1);
    assert_eq!((stats.closed_expired, stats.closed_host, stats.open), (1, 0, 1));
}

/// Whether the gate or the host names it, to a contract or to a route: nobody meets who it was.
#[test]
fn an_identity_that_has_expired_lets_nobody_in() {
    let past = |now: andon::Now| Identity::new("u1").with_expiry(now.wall);
    let gate = move |now: andon::Now, request: &andon::Request<'_>| match request.raw_query() {
        Some("ask") => Verdict::Ask,
        _ => Verdict::Allow(past(now)),
    };
    let route = |_: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]| Response::new(200);
    let (mut server, addr) = start(
        Server::builder()
            .mount_with("/ws", MountOptions::new().gate(gate), echo)
            .route_with_gate(Method::Get, "/route", gate, route)
            .events(EventMask::ASKS | EventMask::REFUSALS),
    );
    let (handle, events) = (server.handle(), server.events().unwrap());
    let mut client = Client::connect(addr);
    for path in ["/ws", "/route", "/ws?ask"] {
        client.send(if path == "/route" { get(path) } else { upgrade_head(path, "") });
        if path == "/ws?ask" {
            let long_ago = Identity::new("u1").with_expiry(Wall::from_millis(0));
            handle.decide(next_asked(&events), Decision::Allow(long_ago)).unwrap();
        }
        let answer = client.answer();
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.text().contains("the identity has expired"), "{}", answer.text());
        assert!(matches!(next(&events), Event::Refused { cause: RefusalCause::Gate, .. }), "{path}");
    }
    assert_eq!(handle.stats().opened, 0);
}

// ---- events ------------------------------------------------------------------------------------------

#[test]
fn only_the_events_asked_for_are_made() {
    let talk = |_: &mut Setup<'_>| {
        Script::new().opened(|fx, peer, _| {
            fx.event(EventClass::Lossless, 0, Some(peer), "hello");
            fx.send(peer, "welcome");
        })
    };
    let build = |mask| Server::builder().mount("/", talk).max_connections(1).events(mask);
    let (mut silent, addr) = start(build(EventMask::NONE));
    assert!(silent.events().is_none());
    Client::open(addr, "/").expect_text("welcome");
    assert_eq!(silent.stats().events, 0);

    let (mut server, addr) = start(build(EventMask::CONTRACTS | EventMask::REFUSALS));
    let events = server.events().unwrap();
    let mut client = Client::open(addr, "/");
    client.expect_text("welcome");
    Client::connect(addr).get("/healthz");
    assert!(matches!(next(&events), Event::Contract { body, .. } if body == EventBody::from("hello")));
    assert!(matches!(next(&events), Event::Refused { cause: RefusalCause::Connections, .. }));
    assert_eq!(events.try_recv(), Err(NoEventYet::Empty));
}

/// A contract that makes an event of each message, of the class that its path names.
fn feeder(class: EventClass) -> impl FnMut(&mut Setup<'_>) -> Script + Send {
    move |_| {
        Script::new().message(move |fx, peer, message| {
            fx.event(class, 1, Some(peer), message.to_payload());
            fx.send(peer, message);
        })
    }
}

fn feeding(class: EventClass) -> (Server, SocketAddr, Events) {
    let (mut server, addr) = start(
        Server::builder()
            .mount("/feed", feeder(class))
            .mount("/echo", echo)
            .events(EventMask::CONTRACTS)
            .limits(limits(|limits| limits.events = 256)),
    );
    let events = server.events().unwrap();
    (server, addr, events)
}

#[track_caller]
fn number(event: Event) -> usize {
    let Event::Contract { body: EventBody::Custom(Payload::Text(text)), .. } = event else {
        panic!("{event:?}")
    };
    text.parse().unwrap()
}

#[test]
fn a_host_that_does_not_read_pauses_those_who_feed_it_and_loses_nothing() {
    const COUNT: usize = 3_000;
    let (server, addr, events) = feeding(EventClass::Lossless);
    let mut feeder = Client::open(addr, "/feed");
    let numbers = (0..COUNT).flat_map(|n| masked(support::TEXT, n.to_string().as_bytes()));
    feeder.send(numbers.collect::<Vec<_>>());
    let stats = stats_until(&server.handle(), "it is paused", |stats| stats.pauses > 0);
    assert!(stats.messages_in <= 256, "what is not wanted is not read");
    // Everyone else is served.
    let mut other = Client::open(addr, "/echo");
    other.text("hi");
    other.expect_text("hi");
    for n in 0..COUNT {
        assert_eq!(number(next(&events)), n);
    }
    for n in 0..COUNT {
        feeder.expect_text(&n.to_string());
    }
    assert_eq!(events.try_recv(), Err(NoEventYet::Empty));
    assert_eq!(server.stats().notices_dropped, 0);
}

#[test]
fn ends_that_no_pause_prevents_reach_the_host_too() {
    const COUNT: usize = 1_000;
    let farewell = |_: &mut Setup<'_>| {
        Script::new().opened(|fx, peer, _| fx.send(peer, "welcome")).closed(|fx, peer, _| {
            fx.event(EventClass::Lossless, 0, Some(peer), "ended");
        })
    };
    let (mut server, addr) = start(
        Server::builder()
            .mount("/", farewell)
            .events(EventMask::CONTRACTS)
            .limits(limits(|limits| limits.events = 256)),
    );
    let events = server.events().unwrap();
    let clients: Vec<_> = (0..COUNT)
        .map(|_| {
            let mut client = Client::open(addr, "/");
            client.expect_text("welcome");
            client
        })
        .collect();
    // All of them end at once, and nobody reads: what finds no room waits in the slots of the dead.
    let handle = server.handle();
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    stats_until(&handle, "all are closed", |stats| stats.closed == COUNT as u64);
    drop(clients);
    let mut ended = std::collections::HashSet::new();
    for _ in 0..COUNT {
        match next(&events) {
            Event::Contract { about: Some(conn), .. } => assert!(ended.insert(conn), "told twice"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stopping.join().unwrap(), Stopped::Clean);
    assert_eq!(events.try_recv(), Err(NoEventYet::Ended));
}

#[test]
fn commands_that_make_events_wait_for_the_host_and_go_on_when_it_reads() {
    const COUNT: usize = 1_000;
    let (tells, hears) = mpsc::channel();
    let factory = move |setup: &mut Setup<'_>| {
        tells.send(setup.mount()).unwrap();
        Script::new().command(|fx, command| {
            let n = command.downcast::<usize>().unwrap();
            fx.event(EventClass::Lossless, 0, None, n.to_string());
        })
    };
    let (mut server, _) = start(
        Server::builder()
            .mount("/", factory)
            .events(EventMask::CONTRACTS)
            .limits(limits(|limits| limits.events = 256)),
    );
    let (handle, events, mount) = (server.handle(), server.events().unwrap(), take(&hears));
    for n in 0..COUNT {
        handle.command(mount, Box::new(n)).unwrap();
    }
    stats_until(&handle, "some are taken", |stats| stats.commands >= 128);
    for n in 0..COUNT {
        assert_eq!(number(next(&events)), n);
    }
}

#[test]
fn a_contracts_deadline_waits_for_the_host_without_spinning() {
    let (armed, is_armed) = mpsc::channel();
    let (tells, hears) = mpsc::channel();
    let factory = move |_: &mut Setup<'_>| {
        let (armed, tells) = (armed.clone(), tells.clone());
        Script::new()
            .message(move |fx, _, _| {
                for _ in 0..200 {
                    fx.event(EventClass::Lossless, 0, None, "1");
                }
                let soon = fx.now().tick + Duration::from_millis(1);
                fx.arm(Some(soon));
                armed.send(()).unwrap();
            })
            .deadline(move |_| tells.send(()).unwrap())
    };
    let (mut server, addr) = start(
        Server::builder()
            .mount("/", factory)
            .mount("/echo", echo)
            .events(EventMask::CONTRACTS)
            .limits(limits(|limits| limits.events = 256)),
    );
    let events = server.events().unwrap();
    let mut client = Client::open(addr, "/");
    client.text("go");
    take(&is_armed);
    // Round trips with a client take far longer than the deadline, and a few turns each.
    let mut other = Client::open(addr, "/echo");
    for _ in 0..500 {
        other.text("hi");
        other.expect_text("hi");
    }
    assert!(hears.try_recv().is_err(), "it would tell the host more");
    let turns = server.stats().turns;
    assert!(turns < 2_000, "{turns} turns for 500 messages");
    for _ in 0..200 {
        assert_eq!(number(next(&events)), 1);
    }
    take(&hears);
}

#[test]
fn who_drops_the_events_wants_none() {
    let (_server, addr, events) = feeding(EventClass::Lossless);
    let mut feeder = Client::open(addr, "/feed");
    drop(events);
    let numbers = (0..1_000).flat_map(|n: i32| masked(support::TEXT, n.to_string().as_bytes()));
    feeder.send(numbers.collect::<Vec<_>>());
    for n in 0..1_000 {
        feeder.expect_text(&n.to_string());
    }
}

#[test]
fn state_events_conflate_to_the_newest_and_pause_nobody() {
    const COUNT: usize = 1_000;
    let (server, addr, events) = feeding(EventClass::State);
    let mut feeder = Client::open(addr, "/feed");
    for n in 0..COUNT {
        feeder.text(&n.to_string());
        feeder.expect_text(&n.to_string());
    }
    let mut numbers = vec![number(next(&events))];
    while numbers.last() != Some(&(COUNT - 1)) {
        numbers.push(number(next(&events)));
    }
    assert!(numbers.is_sorted() && numbers.len() < 256, "{} events", numbers.len());
    let stats = stats_until(&server.handle(), "all is counted", |stats| stats.events == numbers.len() as u64);
    assert_eq!(stats.events + stats.events_conflated, COUNT as u64);
    assert_eq!(stats.pauses, 0);
}

#[test]
fn notices_are_dropped_and_counted() {
    const COUNT: usize = 1_000;
    let (server, addr, events) = feeding(EventClass::Notice);
    let mut feeder = Client::open(addr, "/feed");
    for n in 0..COUNT {
        feeder.text(&n.to_string());
        feeder.expect_text(&n.to_string());
    }
    let stats = stats_until(&server.handle(), "all is counted", |stats| {
        stats.events + stats.notices_dropped == COUNT as u64
    });
    assert!(stats.notices_dropped > 0 && stats.pauses == 0);
    assert!(stats.events <= 128, "the rest of the queue is for what must not be lost");
    for n in 0..stats.events as usize {
        assert_eq!(number(next(&events)), n, "the first ones");
    }
    assert_eq!(events.try_recv(), Err(NoEventYet::Empty));
}

// ---- records -----------------------------------------------------------------------------------------

/// Records each message, and tells its sender what became of it.
fn recording(_: &mut Setup<'_>) -> Script {
    let waiting = Arc::new(Mutex::new(std::collections::VecDeque::new()));
    let asked = Arc::clone(&waiting);
    Script::new()
        .message(move |fx, peer, message| {
            let ticket = fx.record("samples", "k", message.as_bytes());
            asked.lock().unwrap().push_back((ticket, peer));
        })
        .recorded(move |fx, ticket, outcome| {
            let (first, peer) = waiting.lock().unwrap().pop_front().unwrap();
            assert_eq!(first, ticket, "tickets come back in order");
            match outcome {
                Ok(()) => fx.send(peer, "committed"),
                Err(error) => fx.send(peer, &error.to_string()),
            }
        })
}

#[test]
fn what_is_acknowledged_is_in_the_store() {
    let store = MemoryStore::new(1_000);
    let (server, addr) = start(Server::builder().mount("/", recording).store(store.clone()));
    let mut client = Client::open(addr, "/");
    for n in 0..100 {
        client.text(&n.to_string());
        client.expect_text("committed");
        let records = store.records();
        assert_eq!(records.len(), n + 1);
        assert_eq!(records[n].body, RecordBody::custom("samples", "k", n.to_string().into_bytes()));
        assert!(records[n].awaited);
    }
    stats_until(&server.handle(), "all is counted", |stats| stats.records == 100);
}

/// What is committed can be read back page by page, also when the server is gone.
#[test]
fn what_is_stored_is_read_back_by_the_hosts_own_thread() {
    let (server, addr) = start(Server::builder().mount("/", recording).store(MemoryStore::new(1_000)));
    let mut client = Client::open(addr, "/");
    for n in 0..10 {
        client.text(&n.to_string());
        client.expect_text("committed");
    }
    let mut reader = server.store_reader().expect("a store that can be read");
    assert!(server.store_reader().is_none(), "it is given once");
    drop(server);
    let query = Query::new("/", "samples", "k").with_limit(4);
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = reader.page(&query, after).unwrap();
        let Some(end) = page.end else { break };
        after = Some(end);
        read.extend(page.records.iter().map(|record| String::from_utf8_lossy(said(record)).into_owned()));
    }
    assert_eq!(read, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn without_a_store_records_are_refused() {
    let (server, addr) = start(Server::builder().mount("/", recording));
    let mut client = Client::open(addr, "/");
    client.text("x");
    assert!(client.take_text().contains("without a store"));
    assert!(server.store_reader().is_none());
}

/// However many messages arrive at once, few refusals wait to be told.
#[test]
fn refusals_are_told_before_more_is_read() {
    const COUNT: usize = 20_000;
    let (waiting, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let peak = Arc::clone(&most);
    let (server, addr) = start(Server::builder().mount("/", move |_: &mut Setup<'_>| {
        let (waiting, told, peak) = (Arc::clone(&waiting), Arc::clone(&waiting), Arc::clone(&peak));
        Script::new()
            .message(move |fx, _, _| {
                fx.record("s", "k", b"");
                peak.fetch_max(1 + waiting.fetch_add(1, SeqCst), SeqCst);
            })
            .recorded(move |_, _, _| {
                told.fetch_sub(1, SeqCst);
            })
    }));
    let mut client = Client::open(addr, "/");
    client.send(masked(support::TEXT, b"").repeat(COUNT));
    client.send_frame(PING, "all are heard");
    client.expect_frame(PONG, "all are heard");
    stats_until(&server.handle(), "all are refused", |stats| stats.records_refused == COUNT as u64);
    // And one for each time that a connection is looked at.
    assert!(most.load(SeqCst) < 2 * 1_024, "{} waited", most.load(SeqCst));
}

/// A store that does as it is told, and tells of each attempt.
struct Moody {
    down: Arc<AtomicBool>,
    attempts: mpsc::Sender<usize>,
}

impl Store for Moody {
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        let _ = self.attempts.send(batch.len());
        if self.down.load(SeqCst) {
            return Err(StoreError::Down("the disk is full".into()));
        }
        match batch.iter().any(|record| said(record) == b"poison") {
            true => Err(StoreError::Rejected("poison".into())),
            false => Ok(()),
        }
    }
}

#[test]
fn a_store_that_is_down_acknowledges_nothing_until_it_is_back() {
    let down = Arc::new(AtomicBool::new(true));
    let (attempts, tries) = mpsc::channel();
    let store = Moody { down: Arc::clone(&down), attempts };
    let (server, addr) = start(Server::builder().mount("/", recording).store(store));
    let mut client = Client::open(addr, "/");
    client.text("one");
    take(&tries);
    client.text("two");
    // It is tried again, with nothing in between but rest.
    take(&tries);
    take(&tries);
    client.send_frame(PING, "still served");
    client.expect_frame(PONG, "still served");
    assert_eq!(server.stats().records, 0);
    down.store(false, SeqCst);
    client.expect_text("committed");
    client.expect_text("committed");
    stats_until(&server.handle(), "both are counted", |stats| stats.records == 2);
}

#[test]
fn a_store_that_rejects_is_told_to_the_contract() {
    let (attempts, _tries) = mpsc::channel();
    let store = Moody { down: Arc::default(), attempts };
    let (server, addr) = start(Server::builder().mount("/", recording).store(store));
    let mut client = Client::open(addr, "/");
    client.text("poison");
    assert!(client.take_text().contains("poison"));
    client.text("good");
    client.expect_text("committed");
    let stats = stats_until(&server.handle(), "both are counted", |stats| stats.records == 1);
    assert_eq!(stats.records_failed, 1);
}

#[test]
fn a_store_that_is_down_is_reported_in_its_own_words_and_so_is_its_return() {
    let down = Arc::new(AtomicBool::new(true));
    let (attempts, _tries) = mpsc::channel();
    let store = Moody { down: Arc::clone(&down), attempts };
    let builder = Server::builder().mount("/", recording).store(store).events(EventMask::HEALTH);
    let (mut server, addr) = start(builder);
    let events = server.events().unwrap();
    let mut client = Client::open(addr, "/");
    client.text("one");
    // Its queue is all but empty.
    assert_store(&next(&events), false, "the disk is full");
    stats_until(&server.handle(), "the record waits", |stats| stats.records_waiting == 1);
    down.store(false, SeqCst);
    client.expect_text("committed");
    assert_store(&next(&events), true, "");
    assert_eq!(events.try_recv(), Err(NoEventYet::Empty), "the same words are told once");
}

#[track_caller]
fn assert_store(event: &Event, expected_up: bool, expected_why: &str) {
    let Event::Store { up, why, .. } = event else { panic!("{event:?}") };
    assert_eq!((*up, why.as_str()), (expected_up, expected_why));
}

#[test]
fn one_poisoned_record_does_not_take_its_neighbours() {
    let down = Arc::new(AtomicBool::new(true));
    let (attempts, tries) = mpsc::channel();
    let store = Moody { down: Arc::clone(&down), attempts };
    let (server, addr) = start(Server::builder().mount("/", recording).store(store));
    let mut client = Client::open(addr, "/");
    for text in ["good", "poison", "good too"] {
        client.text(text);
    }
    // Whatever came while it was down is offered together.
    while take(&tries) < 3 {}
    down.store(false, SeqCst);
    client.expect_text("committed");
    assert!(client.take_text().contains("poison"));
    client.expect_text("committed");
    let stats = stats_until(&server.handle(), "all are counted", |stats| stats.records == 2);
    assert_eq!((stats.records_failed, stats.records_waiting), (1, 0));
}

/// The store answers for far more than a turn of the loop takes, while the loop is busy: everyone hears what became of his record, in order.
#[test]
fn no_verdict_is_lost_on_a_busy_loop() {
    const COUNT: usize = 500;
    let down = Arc::new(AtomicBool::new(true));
    let (attempts, tries) = mpsc::channel();
    let store = Moody { down: Arc::clone(&down), attempts };
    let (factory, holding) = holder();
    let (server, addr) = start(Server::builder().mount("/", recording).mount("/hold", factory).store(store));
    let mut client = Client::open(addr, "/");
    for n in 0..COUNT {
        client.text(if n % 50 == 7 { "poison" } else { "good" });
    }
    while take(&tries) < COUNT {}
    let mut hold = holding(addr, "/hold");
    hold.hold();
    // All at once, in vain, then one by one.
    down.store(false, SeqCst);
    let mut singles = 0;
    while singles < COUNT {
        singles += usize::from(take(&tries) == 1);
    }
    hold.release.send(()).unwrap();
    for n in 0..COUNT {
        let expected = if n % 50 == 7 { "poison" } else { "committed" };
        assert!(client.take_text().contains(expected), "record {n}");
    }
    let stats = stats_until(&server.handle(), "all is counted", |stats| stats.records_waiting == 0);
    assert_eq!((stats.records, stats.records_failed), (490, 10));
}

/// A store that waits to be let through.
struct Slow(mpsc::Receiver<()>);

impl Store for Slow {
    fn commit(&mut self, _: &[Record]) -> Result<(), StoreError> {
        let _ = self.0.recv();
        Ok(())
    }
}

#[test]
fn a_store_that_does_not_keep_up_pauses_those_who_feed_it() {
    const COUNT: usize = 500;
    let (let_through, gate) = mpsc::channel();
    let (server, addr) = start(
        Server::builder()
            .mount("/", recording)
            .mount("/echo", echo)
            .store(Slow(gate))
            .limits(limits(|limits| limits.records = 10)),
    );
    let mut client = Client::open(addr, "/");
    client.send((0..COUNT).flat_map(|_| masked(support::TEXT, b"x")).collect::<Vec<_>>());
    let stats = stats_until(&server.handle(), "it is paused", |stats| stats.pauses > 0);
    assert!(stats.messages_in < 50, "{} messages were read", stats.messages_in);
    let mut other = Client::open(addr, "/echo");
    other.text("hi");
    other.expect_text("hi");
    drop(let_through);
    for _ in 0..COUNT {
        client.expect_text("committed");
    }
    assert_eq!(server.stats().records_refused, 0);
}

#[test]
fn what_is_queued_is_offered_to_the_store_before_the_server_ends() {
    let (let_through, gate) = mpsc::channel();
    let (server, addr) = start(Server::builder().mount("/", recording).store(Slow(gate)));
    let mut client = Client::open(addr, "/");
    client.text("x");
    stats_until(&server.handle(), "it is heard", |stats| stats.messages_in == 1);
    drop((client, let_through));
    assert_eq!(server.stop(PATIENCE), Stopped::Clean);
}

// ---- time --------------------------------------------------------------------------------------------

#[test]
fn a_contract_is_called_when_its_deadline_has_passed_and_the_last_word_counts() {
    let (tells, hears) = mpsc::channel();
    let (server, addr) = start(Server::builder().mount("/", move |setup: &mut Setup<'_>| {
        // Replaced by the next word, so it never comes.
        setup.effects().arm(None);
        let tells = tells.clone();
        let due = Arc::new(Mutex::new(None));
        let armed = Arc::clone(&due);
        Script::new()
            .message(move |fx, _, message| {
                let Message::Text(text) = message else { return };
                let at = text.parse().ok().map(|millis| fx.now().tick + Duration::from_millis(millis));
                *armed.lock().unwrap() = at;
                fx.arm(at);
            })
            .deadline(move |fx| {
                let at = due.lock().unwrap().expect("nothing is due");
                if fx.now().tick >= at {
                    tells.send(()).unwrap();
                    fx.arm(None);
                } else {
                    fx.arm(Some(at));
                }
            })
    }));
    let mut client = Client::open(addr, "/");
    client.text("20");
    take(&hears);
    client.text("30");
    client.text("never");
    client.send_frame(PING, "heard");
    client.expect_frame(PONG, "heard");
    client.text("60");
    take(&hears);
    assert!(hears.try_recv().is_err(), "the one in between was taken back");
    assert_eq!(server.stats().contract_panics, 0, "nothing came that was not due");
}

/// Handles and servers go where a host needs them.
#[test]
fn types_cross_threads() {
    fn both<T: Send + Sync>() {}
    both::<Server>();
    both::<Handle>();
    both::<Events>();
}
