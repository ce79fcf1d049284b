//! A host listens: what it asked for, in which class, and what happens while it does not read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    Event, EventBody, EventClass, EventMask, Events, NoEventYet, RefusalCause, Server, Setup, Stopped,
};
use std::{net::SocketAddr, sync::mpsc, time::Duration};
use support::{
    Client, PATIENCE, Script, TEXT, echo,
    host::{next, number},
    limits, masked, start, stats_until, take,
};

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

#[test]
fn a_host_that_does_not_read_pauses_those_who_feed_it_and_loses_nothing() {
    const COUNT: usize = 3_000;
    let (server, addr, events) = feeding(EventClass::Lossless);
    let mut feeder = Client::open(addr, "/feed");
    let numbers = (0..COUNT).flat_map(|n| masked(TEXT, n.to_string().as_bytes()));
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
    let numbers = (0..1_000).flat_map(|n: i32| masked(TEXT, n.to_string().as_bytes()));
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
