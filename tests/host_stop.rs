//! A host stops a server: last words, what is under way, and what does not end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    CloseCause, ConnId, Event, EventClass, EventMask, Method, NoEventYet, Payload, Pulled, RefusalCause,
    Request, Response, RouteContext, SendError, Server, Setup, SnapshotSource, Stopped, Topic,
};
use std::{
    net::TcpStream,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use support::{
    Client, PATIENCE, Script, echo, eventually, get_head,
    host::{Slow, holder, late, next, next_opened, number, watch},
    limits, start, stats_until, take,
};

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
    assert_eq!(client.expect_close_and_answer(1001), "the server is stopping");
    client.expect_end();
    assert_eq!(stopping.join().unwrap(), (Stopped::Clean, Stopped::Clean));
    assert!(matches!(next(&events), Event::Closed { how, .. } if how.cause == CloseCause::Shutdown));
    assert_eq!(events.recv_timeout(PATIENCE), Err(NoEventYet::Ended));
    assert_eq!(handle.send(ConnId::from_bits(0), "x"), Err(SendError::Stopped("x".into())));
    assert!(TcpStream::connect(addr).is_err(), "nobody listens");
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
    let slow = move |context: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| {
        streams.send(context.conn).unwrap();
        let mut pulls = [Pulled::Wait, Pulled::End].into_iter();
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
    parked.send(get_head("/later"));
    stats_until(&handle, "it is parked", |stats| stats.parked == 1);
    let begin = || {
        let mut client = Client::connect(addr);
        client.send(get_head("/slow"));
        let conn = take(&stream);
        assert!(client.await_bytes(1), "its answer has begun");
        (client, conn)
    };
    let ((mut streaming, conn), (mut content, its_conn)) = (begin(), begin());

    handle.command(take(&mount), Box::new(Arc::clone(&server))).unwrap();
    take(&held);
    // None of this can be seen by the loop before it is told to stop.
    kept.send(get_head("/healthz"));
    begun.send("GET /heal");
    streaming.send(get_head("/healthz"));
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
    eventually("the stop is wanted", || handle.forget_key(state, "none").is_err());
    hold.release();
    for n in 0..COUNT {
        reader.expect_text(&n.to_string());
    }
    newest.expect_text("last");
    for client in [&mut reader, &mut newest, &mut hold.client] {
        client.expect_close_and_answer(1001);
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
        client.send(get_head("/healthz"));
    }
    let (handle, topic) = (server.handle(), server.topic("state").unwrap());
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    eventually("the stop is wanted", || handle.publish(topic, "x").is_err());
    hold.release();
    for client in &mut clients {
        // Those who are accepted before the stop begins are served.
        assert!([200, 503].contains(&client.answer().status));
    }
    drop(clients);
    hold.client.expect_close_and_answer(1001);
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
    client.expect_close_and_answer(1001);
    client.expect_end();
    dropping.join().unwrap();
    assert!(TcpStream::connect(addr).is_err(), "nobody listens");
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
    client.expect_close_and_answer(1001);
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
