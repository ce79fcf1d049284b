//! A host lets in: gates, decisions and answers from another thread, identities that are revoked or expire.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    ConnId, Decision, Event, EventMask, Events, Identity, Limits, Method, MountId, MountOptions, Now,
    RefusalCause, Reply, Request, Response, RouteContext, Server, Setup, Verdict, Wall,
};
use std::{net::SocketAddr, sync::mpsc, time::Duration};
use support::{
    Client, PATIENCE, PING, PONG, Script, echo, get_head,
    host::{late, next},
    limits, masked, start, stats_until, take, upgrade_head,
};

fn asking(change: impl FnOnce(&mut Limits)) -> (Server, SocketAddr, Events) {
    let options = MountOptions::new().gate(|_: Now, _: &Request<'_>| Verdict::Ask);
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
    let gate = |_: Now, request: &Request<'_>| match request.raw_query() {
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
    let options = MountOptions::new().gate(|_: Now, _: &Request<'_>| Verdict::Ask);
    let (_server, addr) = start(Server::builder().mount_with("/", options, echo));
    assert_eq!(Client::connect(addr).ask(&upgrade_head("/", "")).status, 503);
}

#[test]
fn an_answer_may_come_later_from_another_thread() {
    let (tells, hears) = mpsc::channel();
    let route = move |context: &RouteContext<'_>, _: &Request<'_>, body: &[u8]| {
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
    let gate = |_: Now, request: &Request<'_>| {
        Verdict::Allow(Identity::new(request.query("who").unwrap_or_default()))
    };
    let (server, addr) =
        start(Server::builder().mount_with("/ws/", MountOptions::new().gate(gate), echo).route_with_gate(
            Method::Get,
            "/later",
            gate,
            late,
        ));
    let mut anna = Client::open(addr, "/ws?who=anna");
    let mut other = Client::open(addr, "/ws?who=otto");
    let mut asking = Client::connect(addr);
    asking.send(get_head("/later?who=anna"));
    stats_until(&server.handle(), "it waits", |stats| stats.parked == 1);
    server.handle().revoke("anna").unwrap();
    assert_eq!(anna.expect_close(1008), "the identity is revoked");
    assert_eq!(asking.answer().status, 403);
    other.text("still here");
    other.expect_text("still here");
    let stats = stats_until(&server.handle(), "both are counted", |stats| stats.closed_revoked == 1);
    assert_eq!((stats.closed, stats.answered_403, stats.parked), (1, 1, 0));
    assert_eq!(server.mount("/ws"), Some(MountId::from_index(0)));
    assert_eq!(server.mount("/other"), None);
}

#[test]
fn an_identity_expires() {
    let gate = |now: Now, _: &Request<'_>| {
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
    let past = |now: Now| Identity::new("u1").with_expiry(now.wall);
    let gate = move |now: Now, request: &Request<'_>| match request.raw_query() {
        Some("ask") => Verdict::Ask,
        _ => Verdict::Allow(past(now)),
    };
    let route = |_: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| Response::new(200);
    let (mut server, addr) = start(
        Server::builder()
            .mount_with("/ws", MountOptions::new().gate(gate), echo)
            .route_with_gate(Method::Get, "/route", gate, route)
            .events(EventMask::ASKS | EventMask::REFUSALS),
    );
    let (handle, events) = (server.handle(), server.events().unwrap());
    let mut client = Client::connect(addr);
    for path in ["/ws", "/route", "/ws?ask"] {
        client.send(if path == "/route" { get_head(path) } else { upgrade_head(path, "") });
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
