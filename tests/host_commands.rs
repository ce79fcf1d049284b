//! A host speaks to connections and contracts: what it gives is taken in order, or handed back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    CloseCause, CloseCode, ConnId, Decision, Event, EventMask, Identity, Payload, Response, SendError,
    Server, Setup,
};
use std::sync::{Arc, Mutex, mpsc};
use support::{
    BINARY, CLOSE, Client, Script, close_payload, echo,
    host::{holder, next, next_opened},
    limits, start, stats_until, take,
};

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
    client.expect_frame(BINARY, [2]);
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
