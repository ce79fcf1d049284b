//! What a host's contracts may count on and may do wrong: deadlines, panics, objects that panic when they are dropped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    ConnId, Contract, Effects, Event, EventMask, Identity, Message, Method, MountId, MountOptions, Now,
    Pulled, Record, Request, Response, RouteContext, Server, Setup, StartError, Stopped, Store, StoreError,
    Verdict,
};
use std::{
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};
use support::{
    Client, PATIENCE, PING, PONG, Script, echo, host::next, start, stats_until, take, upgrade_head,
};

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
            Pulled::End
        })
    };
    let (counter, inside) = (Arc::clone(&dropped), bomb());
    let route = move |_: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| {
        let _ = &inside;
        streamed(Bomb(Arc::clone(&counter)))
    };
    let inside = bomb();
    let gate = move |_: Now, _: &Request<'_>| {
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
    handle.command(MountId::from_index(9), Box::new(bomb())).unwrap();
    client.text("still here");
    client.expect_text("still here");
    let so_far = stats_until(&handle, "four are counted", |stats| stats.contract_panics == 4);
    assert_eq!((so_far.open, so_far.closed_panic), (1, 0), "it is nobody's fault");
    drop((client, other));
    // More commands than a turn takes, some of which are still there at the end.
    for _ in 0..3_000 {
        handle.command(MountId::from_index(9), Box::new(bomb())).unwrap();
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
    let (mine, taken) = (Arc::clone(&dropped), TcpListener::bind("127.0.0.1:0").unwrap());
    let started = Server::builder()
        .listen(taken.local_addr().unwrap().to_string())
        .mount("/", move |_: &mut Setup<'_>| Armed(Bomb(Arc::clone(&mine))))
        .store(Armed(Bomb(Arc::clone(&dropped))))
        .start();
    assert!(matches!(started, Err(StartError::Listen { .. })));
    assert_eq!(dropped.load(SeqCst), 1);
}

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
