//! The topic hub from the host's side, over real sockets. What it does on the wire is in `tests/transcripts/topic_hub/`.
#![cfg(feature = "contracts")]

mod support;

use andon::{
    ConfigError, Event, EventMask, HubError, HubEvent, HubRefuse, Server, Setup, Topic, TopicClass, TopicHub,
    TopicHubConfig,
};
use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use support::{Client, PATIENCE, Script, limits, start, stats_until, take};

const HUB: &str = "/ws/{topic}";

fn update(topic: &str, data: &str) -> String {
    format!(r#"{{"type":"update","topic":"{topic}","data":{data}}}"#)
}

#[test]
fn mistakes_of_a_hub_say_what_to_do() {
    let on = || Server::builder().listen("127.0.0.1:0");
    let config = TopicHubConfig::new;
    for (builder, why) in [
        (on().topic_hub("/ws/topics", config()), "exactly one parameter"),
        (on().topic_hub("/{a}/{b}", config()), "exactly one parameter"),
        (on().topic_hub(HUB, config().topic("Robots", TopicClass::State)), "lower case"),
        (on().topic_hub(HUB, config().mirror("robots", "nowhere")), "\"nowhere\""),
        (on().topic_hub(HUB, config()).topic_hub("/more/{topic}", config()), "one topic hub"),
        (on().topic_hub("ws/{topic}", config()), "begin with '/'"),
        (on().topic_hub(HUB, config()).mount("/ws/{other}", |_: &mut Setup<'_>| Script::new()), "same paths"),
        (on().topic_hub(HUB, config().log_bytes(1_000)), "64 KiB"),
        (on().topic_hub(HUB, config().log_bytes(16 << 20)), "log_bytes_total"),
        (on().topic("/ws/{topic}#robots", Topic::state()).topic_hub(HUB, config()), "two topics"),
    ] {
        let error = builder.build().expect_err(why).to_string();
        assert!(error.contains(why), "{error}");
    }
    let twice = on().topic_hub(HUB, config()).topic_hub(HUB, config()).build();
    assert!(matches!(twice, Err(ConfigError::BadTopicHub { .. })));
    let (server, _) = start(Server::builder());
    assert!(server.topic_hub().is_none());
}

#[test]
fn what_is_published_is_checked_where_it_is_published() {
    fn check<T: Send + Sync + Clone>() {}
    check::<TopicHub>();
    let (server, addr) = start(Server::builder().topic_hub(HUB, TopicHubConfig::new()));
    let hub = server.handle().topic_hub().expect("mounted above");
    let mut client = Client::open(addr, "/ws/robots");
    let Err(HubError::InvalidJson(fault)) = hub.publish("robots", "{\n \"id\": 1,\n}") else { panic!() };
    assert_eq!((fault.line, fault.column), (3, 1));
    let Err(HubError::UnknownTopic { topic, known, .. }) = hub.publish("robot", "{}") else { panic!() };
    assert_eq!(topic, "robot");
    assert!(known.starts_with("robots, tables"), "{known}");
    let large = format!("\"{}\"", "x".repeat(256 << 10));
    let Err(HubError::Refused(why)) = hub.publish("robots", &large) else { panic!() };
    assert!(why.contains("quarter"), "{why}");
    hub.publish("robots", " { \"id\" : 1.0 } ").unwrap();
    client.expect_text(&update("robots", r#"{"id":1.0}"#));
    server.stop(Duration::ZERO);
    assert_eq!(hub.publish("robots", "{}"), Err(HubError::Stopped));
    assert_eq!(hub.forget("robots", ""), Err(HubError::Stopped));
}

/// A message that fits its topic but, with a longer name, not the mirror, is published in neither.
#[test]
fn a_message_too_large_for_the_mirror_is_refused_as_a_whole() {
    let config = TopicHubConfig::empty()
        .topic("a", TopicClass::State)
        .topic("a-mirror-of-it", TopicClass::State)
        .mirror("a", "a-mirror-of-it");
    let (server, addr) = start(Server::builder().topic_hub(HUB, config));
    let hub = server.topic_hub().unwrap();
    let room = (256 << 10) - 10 - update("a", "\"\"").len();
    let mut client = Client::open(addr, "/ws/a");
    assert!(matches!(hub.publish("a", &format!("\"{}\"", "x".repeat(room))), Err(HubError::Refused(_))));
    hub.publish("a", "1").unwrap();
    client.expect_text(&update("a", "1"));
}

/// While the loop stands still, the newest values of state topics and of their mirrors are taken; a stream's entries are not thrown away for newer ones.
#[test]
fn only_a_stream_is_ever_full() {
    let (holds, held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let holder = move |_: &mut Setup<'_>| {
        let (holds, released) = (holds.clone(), Arc::clone(&released));
        Script::new().message(move |_, _, _| {
            holds.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
        })
    };
    let (server, addr) = start(
        Server::builder()
            .mount("/ws/hold", holder)
            .topic_hub(HUB, TopicHubConfig::new().mirror("robots", "status"))
            .limits(limits(|limits| limits.commands = 2)),
    );
    let hub = server.topic_hub().unwrap();
    let mut robots = Client::open(addr, "/ws/robots");
    let mut status = Client::open(addr, "/ws/status");
    let mut orders = Client::open(addr, "/ws/orders");
    Client::open(addr, "/ws/hold").text("hold");
    take(&held);
    for n in 0..100 {
        hub.publish("robots", &n.to_string()).unwrap();
    }
    hub.publish("orders", "1").unwrap();
    hub.publish("orders", "2").unwrap();
    assert_eq!(hub.publish("orders", "3"), Err(HubError::Full));
    release.send(()).unwrap();
    robots.expect_text(&update("robots", "99"));
    status.expect_text(&update("status", "99"));
    orders.expect_text(&update("orders", "1"));
    orders.expect_text(&update("orders", "2"));
    stats_until(&server.handle(), "the refusal is counted", |stats| stats.commands_refused == 1);
}

#[test]
fn a_host_is_asked_to_refresh_what_is_quiet() {
    let config = TopicHubConfig::new().poll_interval(Some(Duration::from_millis(20)));
    let (mut server, addr) = start(Server::builder().topic_hub(HUB, config).events(EventMask::CONTRACTS));
    let events = server.events().unwrap();
    let hub = server.topic_hub().unwrap();
    hub.publish("tables", "1").unwrap();
    let mut client = Client::open(addr, "/ws/tables");
    client.expect_text(&update("tables", "1"));
    client.expect_text(&update("tables", "1"));
    let event = events.recv_timeout(PATIENCE).unwrap();
    let Event::Contract { body: andon::EventBody::Hub(HubEvent::Refresh { topic }), .. } = event else {
        panic!("{event:?}")
    };
    assert_eq!(&*topic, "tables");
}

#[test]
fn what_a_hub_refuses_is_counted() {
    for refuse in [HubRefuse::Http, HubRefuse::Close] {
        let config = TopicHubConfig::new().cap_of("robots", 1).refuse(refuse);
        let (server, addr) = start(Server::builder().topic_hub(HUB, config));
        let mut client = Client::open(addr, "/ws/robots");
        client.text("nonsense");
        assert!(client.take_text().contains("invalid JSON"));
        let mut one_more = Client::connect(addr);
        match refuse {
            HubRefuse::Http => {
                assert_eq!(one_more.ask(&support::upgrade_head("/ws/robots", "")).status, 403);
            }
            _ => {
                one_more.upgrade("/ws/robots");
                assert_eq!(one_more.expect_close(1008), "Too many connections");
            }
        }
        let counted = |stats: &andon::Stats| (stats.messages_refused, stats.contract_bounds) == (1, 1);
        stats_until(&server.handle(), "both are counted", counted);
    }
}
