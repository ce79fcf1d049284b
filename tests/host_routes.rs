//! Routes that belong to a mount, over real sockets: they ask what the mount asks, and streams end with the identity they were given to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    Builder, ConfigError, Decision, Event, EventMask, Gate, Identity, Method, MountOptions, Now, Pulled,
    Request, Response, RouteContext, RouteOptions, Server, Setup, Topic, Verdict, Wall,
};
use std::{
    collections::BTreeMap,
    sync::mpsc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use support::{
    Client, echo, get_head,
    host::{holder, next},
    http::say,
    start, stats_until,
};

/// Whoever says who they are, with the role that they say.
fn by_query() -> impl Gate {
    |_: Now, request: &Request<'_>| match request.query("who") {
        Some(who) => {
            let role = request.query("role").unwrap_or_default();
            Verdict::Allow(Identity::new(who).with_role(role))
        }
        None => Verdict::Refuse(Response::text(403, "who are you?")),
    }
}

fn guarded(route: impl andon::Route + 'static) -> Builder {
    let options = MountOptions::new().gate(by_query()).role("LEADER").same_origin();
    Server::builder().mount_with("/ws/{line}/", options, echo).route_with(
        Method::Get,
        "/state",
        RouteOptions::new().of_mount("/ws/{line}/"),
        route,
    )
}

#[test]
fn a_route_of_a_mount_asks_what_the_mount_asks() {
    let whoami = |context: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| {
        Response::text(200, context.identity.subject().unwrap_or("nobody").to_owned())
    };
    let (server, addr) = start(guarded(whoami).events(EventMask::REFUSALS));
    let mut server = server;
    let events = server.events().unwrap();
    let ask = |path: &str, more: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
        let answer = Client::connect(addr).ask(&request);
        (answer.status, answer.text().to_owned())
    };
    assert_eq!(ask("/state?who=anna&role=LEADER", ""), (200, "anna".into()));
    assert_eq!(ask("/state", ""), (403, "who are you?".into()), "the mount's own gate, in its words");
    match next(&events) {
        Event::Refused { mount, .. } => assert_eq!(mount, server.mount("/ws/{line}")),
        other => panic!("{other:?}"),
    }
    assert_eq!(ask("/state?who=otto&role=GUEST", "").0, 403, "the role is the mount's");
    let foreign = "Origin: http://evil.example\r\n";
    assert_eq!(ask("/state?who=anna&role=LEADER", foreign).0, 403, "same origin is the mount's");
    let same = "Origin: http://localhost\r\n";
    assert_eq!(ask("/state?who=anna&role=LEADER", same).0, 200);
}

/// Many who ask for much at once do not hold everyone else up: a turn answers some of them, and the next turns the others.
#[test]
fn a_turn_answers_only_so_much() {
    const CLIENTS: usize = 24;
    const ANSWER: usize = 1 << 20;
    let (tell, told) = mpsc::channel();
    let large = move |context: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| {
        tell.send(context.stats.turns).unwrap();
        Response::bytes(200, "text/plain", vec![b'x'; ANSWER])
    };
    let (factory, holding) = holder();
    let builder = Server::builder().mount("/hold", factory).route(Method::Get, "/large", large);
    let (_server, addr) = start(builder);
    let mut hold = holding(addr, "/hold");
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::connect(addr)).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/healthz").status, 200));
    // All of them are there when the loop looks again.
    hold.hold();
    clients.iter_mut().for_each(|client| client.send(get_head("/large")));
    hold.release();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().body.len(), ANSWER));
    let mut in_turn = BTreeMap::new();
    told.try_iter().for_each(|turn| *in_turn.entry(turn).or_insert(0) += 1);
    assert_eq!(in_turn.values().sum::<usize>(), CLIENTS);
    assert!(in_turn.values().all(|answered| *answered <= 3), "2 MiB and one answer more: {in_turn:?}");
}

#[test]
fn a_gate_that_asks_names_the_mount() {
    let options = MountOptions::new().gate(andon::AskHost);
    let builder = Server::builder().mount_with("/ws", options, echo).events(EventMask::ASKS).route_with(
        Method::Get,
        "/state",
        RouteOptions::new().of_mount("/ws"),
        say("seen"),
    );
    let (mut server, addr) = start(builder);
    let events = server.events().unwrap();
    let mut client = Client::connect(addr);
    client.send(get_head("/state"));
    let Event::Asked { conn, mount, .. } = next(&events) else { panic!("the host is asked") };
    assert_eq!(mount, server.mount("/ws"));
    server.handle().decide(conn, Decision::Allow(Identity::new("anna"))).unwrap();
    assert_eq!(client.answer().text(), "seen");
}

#[test]
fn options_that_contradict_the_mount_do_not_build() {
    let build = |options: RouteOptions| {
        let route = say("state");
        let builder = Server::builder().listen("127.0.0.1:0").mount("/ws", echo);
        builder.route_with(Method::Get, "/state", options, route).build().map(drop)
    };
    let of_mount = || RouteOptions::new().of_mount("/ws");
    assert_eq!(build(of_mount()), Ok(()));
    for beside in [of_mount().gate(by_query()), of_mount().role("LEADER"), of_mount().any_origin()] {
        assert!(matches!(build(beside), Err(ConfigError::BadLimit { name: "of_mount", .. })));
    }
    match build(RouteOptions::new().of_mount("/other")) {
        Err(ConfigError::BadMount { pattern, .. }) => assert_eq!(pattern, "/other"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_route_goes_with_its_mount() {
    let broken = |_: &mut Setup<'_>| support::Script::new().opened(|_, _, _| panic!("on purpose"));
    let options = RouteOptions::new().of_mount("/ws");
    let (server, addr) =
        start(Server::builder().mount("/ws", broken).route_with(Method::Get, "/state", options, say("seen")));
    assert_eq!(Client::connect(addr).get("/state").status, 200);
    for panics in 1..=3 {
        let mut client = Client::connect(addr);
        client.send(support::upgrade_head("/ws", ""));
        stats_until(&server.handle(), "it has panicked", |stats| stats.contract_panics == panics);
    }
    assert_eq!(Client::connect(addr).get("/state").status, 404, "the mount is retired");
}

/// Says one thing, and then nothing for ever.
fn endless(_: &RouteContext<'_>, _: &Request<'_>, _: &[u8]) -> Response {
    let mut said = false;
    Response::stream(200, "text/plain", move |_: usize, out: &mut Vec<u8>| {
        if std::mem::replace(&mut said, true) {
            return Pulled::Wait;
        }
        out.extend_from_slice(b"begun");
        Pulled::More
    })
}

#[test]
fn a_stream_ends_with_a_revoked_identity() {
    let (server, addr) = start(guarded(endless));
    let mut streams = ["anna", "otto"].map(|who| {
        let mut client = Client::connect(addr);
        client.send(get_head(&format!("/state?who={who}&role=LEADER")));
        assert_eq!(client.answer_head().status, 200);
        assert!(client.await_bytes("5\r\nbegun\r\n".len()));
        client
    });
    server.handle().revoke("anna").unwrap();
    stats_until(&server.handle(), "one is cut short", |stats| stats.streams_aborted == 1);
    stats_until(&server.handle(), "the other goes on", |stats| stats.connections == 1);
    let [anna, _otto] = &mut streams;
    // Nothing more, and not even the chunk that would make it whole.
    assert!(!anna.await_bytes("5\r\nbegun\r\n".len() + 1));
}

#[test]
fn a_stream_ends_when_the_identity_expires() {
    let gate = |_: Now, _: &Request<'_>| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_millis(50);
        let expires = Wall::from_millis(i64::try_from(now.as_millis()).unwrap());
        Verdict::Allow(Identity::new("anna").with_expiry(expires))
    };
    let builder = Server::builder().route_with_gate(Method::Get, "/state", gate, endless);
    let (server, addr) = start(builder);
    let mut client = Client::connect(addr);
    client.send(get_head("/state"));
    assert_eq!(client.answer_head().status, 200);
    let stats = stats_until(&server.handle(), "it is cut short", |stats| stats.streams_aborted == 1);
    assert_eq!(stats.closed_expired, 0, "it was no WebSocket");
}

#[test]
fn a_route_sees_what_a_newcomer_of_a_topic_gets() {
    let look = |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let Some(topic) = request.query("of").and_then(|name| context.topic(&name)) else {
            return Response::new(404);
        };
        let texts = context.newest(topic).unwrap_or_default();
        let texts: Vec<String> = texts.iter().map(|message| format!("{:?}", message.as_message())).collect();
        Response::text(200, format!("{} {}", context.subscribers(topic), texts.join(" ")))
    };
    let keyed = Topic::state().with_snapshot(andon::SnapshotSource::Keyed);
    let builder = Server::builder()
        .topic("last", Topic::state())
        .topic("keyed", keyed)
        .topic("stream", Topic::stream())
        .mount("/ws", support::host::watch("last"))
        .route(Method::Get, "/look", look);
    let (server, addr) = start(builder);
    let topic = |name: &str| server.topic(name).unwrap();
    let mut watcher = Client::open(addr, "/ws");
    for (name, key) in [("last", None), ("keyed", Some("a")), ("keyed", Some("b")), ("stream", None)] {
        for text in ["old", "new"] {
            match key {
                Some(key) => server.handle().publish_key(topic(name), key, format!("{key} {text}")).unwrap(),
                None => server.handle().publish(topic(name), text).unwrap(),
            }
        }
    }
    while watcher.take_text() != "new" {}
    let mut client = Client::connect(addr);
    let mut look = |name: &str| client.get(&format!("/look?of={name}")).text().to_owned();
    assert_eq!(look("last"), r#"1 Text("new")"#);
    // In the order in which they were last published, which is that in which the loop took them.
    let both = [r#"0 Text("a new") Text("b new")"#, r#"0 Text("b new") Text("a new")"#];
    support::eventually("both keys are there", || both.contains(&look("keyed").as_str()));
    assert_eq!(look("stream"), "0 ", "a newcomer gets what comes from then on");
}
