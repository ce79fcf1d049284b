//! Clients as people write them, in their languages, against a real server: `tests/clients/`.
//!
//! What a machine lacks is said by name and left out; where `CI` is set it is a failure. `.ci/run` installs what is needed.
#![cfg(feature = "contracts")]

mod support;

use andon::{
    Builder, HubError, Identity, IdentityTable, MountOptions, Server, Setup, TopicHub, TopicHubConfig,
};
use serde_json::{Value, json};
use std::{net::SocketAddr, process::Command, time::Duration};
use support::{
    PATIENCE, Script,
    program::{Program, tool},
    start,
};

fn is_ping(line: &Value) -> bool {
    line["event"] == "ping" || line["type"] == "ping"
}

/// The next line that is not about the server's pings, which come when they come.
#[track_caller]
fn next_but_pings(client: &Program) -> Value {
    std::iter::from_fn(|| Some(client.next())).find(|line| !is_ping(line)).expect("never at an end")
}

fn node(test: &str) -> Option<Command> {
    let what = "Node 20.10 or newer (or an older one and the package ws in tests/clients)";
    let check = ["--input-type=module", "-e", "globalThis.WebSocket ?? (await import('ws')).default"];
    tool(test, what, &[&["node"], &["node", "--experimental-websocket", "--no-warnings"]], &check)
}

fn hub() -> Builder {
    // Pings often enough that a test meets some; nothing of it depends on when.
    let config = TopicHubConfig::new().ping_interval(Some(Duration::from_millis(50)));
    Server::builder().topic_hub("/ws/{topic}", config.mirror("robots", "status"))
}

fn update(topic: &str, data: &Value) -> Value {
    json!({"event": "update", "detail": {"type": "update", "topic": topic, "data": data}})
}

#[track_caller]
fn publish(hub: &TopicHub, topic: &str, data: &Value) {
    hub.publish(topic, &data.to_string()).expect("it is JSON, and there is room");
}

#[test]
fn the_javascript_client_watches_answers_pings_and_comes_back() {
    let Some(node) = node("the_javascript_client_watches_answers_pings_and_comes_back") else { return };
    let (server, addr) = start(hub());
    let topics = server.topic_hub().expect("mounted");
    publish(&topics, "robots", &json!({"id": 1, "status": "idle"}));
    let client = Program::run(node, "topic_client.mjs", &[&format!("ws://{addr}"), "robots", "50"]);
    assert_eq!(next_but_pings(&client), json!({"event": "open", "detail": "robots"}));
    assert_eq!(next_but_pings(&client), update("robots", &json!({"id": 1, "status": "idle"})));
    for n in 0..3 {
        publish(&topics, "robots", &json!({ "이름": n }));
        assert_eq!(next_but_pings(&client), update("robots", &json!({ "이름": n })));
    }
    while !is_ping(&client.next()) {}
    // Its answer was understood.
    support::stats_until(&server.handle(), "a pong came", |stats| stats.messages_in > 0);
    assert_eq!(server.stats().messages_refused, 0);

    server.stop(PATIENCE);
    assert_eq!(next_but_pings(&client), json!({"event": "close", "detail": 1001}));
    assert_eq!(topics.publish("robots", "1"), Err(HubError::Stopped));
    // It tries until somebody is there again; then it gets how things are.
    let server = hub().listen(addr.to_string()).start().expect("the port is free again");
    let topics = server.topic_hub().expect("mounted");
    publish(&topics, "robots", &json!({"id": 2}));
    let mut line = client.next();
    while line["event"] == "close" {
        line = client.next();
    }
    assert_eq!(line, json!({"event": "open", "detail": "robots"}));
    assert_eq!(next_but_pings(&client), update("robots", &json!({"id": 2})));
}

/// Refused by 403, as by the deployed servers, it only tries again.
#[test]
fn the_javascript_client_survives_a_topic_that_there_is_not() {
    let Some(node) = node("the_javascript_client_survives_a_topic_that_there_is_not") else { return };
    let (_server, addr) = start(hub());
    let client = Program::run(node, "topic_client.mjs", &[&format!("ws://{addr}"), "nowhere", "1"]);
    for _ in 0..2 {
        assert_eq!(client.next(), json!({"event": "close", "detail": 1006}));
    }
}

fn raw(python: Command, addr: SocketAddr, topic: &str) -> Program {
    Program::run(python, "raw_client.py", &[&addr.ip().to_string(), &addr.port().to_string(), topic])
}

fn python(test: &str) -> Option<Command> {
    tool(test, "Python 3.8 or newer", &[&["python3"], &["python"]], &["-c", "assert (x := 1)"])
}

#[test]
fn a_client_on_a_bare_socket_is_served() {
    let Some(command) = python("a_client_on_a_bare_socket_is_served") else { return };
    let (server, addr) = start(hub());
    let topics = server.topic_hub().expect("mounted");
    publish(&topics, "robots", &json!({"id": 1}));
    let client = raw(command, addr, "status");
    let mirrored = json!({"type": "update", "topic": "status", "data": {"id": 1}});
    assert_eq!(next_but_pings(&client), mirrored);
    let pong = json!({"type": "pong", "topic": "status", "data": {"timestamp": 1.25}});
    assert_eq!(next_but_pings(&client), pong);
    while !is_ping(&client.next()) {}
    support::stats_until(&server.handle(), "its ping and a pong came", |stats| stats.messages_in >= 2);
    assert_eq!(server.stats().messages_refused, 0);
    server.stop(PATIENCE);
    let shutdown = next_but_pings(&client);
    let reason = json!({"reason": "Server is shutting down"});
    assert_eq!(shutdown, json!({"type": "shutdown", "topic": "status", "data": reason}));
    assert_eq!(client.next(), json!({"closed": 1001}));
}

#[test]
fn a_client_on_a_bare_socket_is_refused() {
    let Some(command) = python("a_client_on_a_bare_socket_is_refused") else { return };
    let (_server, addr) = start(hub());
    assert_eq!(raw(command, addr, "nowhere").next(), json!({"status": "HTTP/1.1 403 Forbidden"}));
}

/// A page can write no header but the subprotocols, and fails when none of them is agreed on: the check that browsers make, and Node's with them.
#[test]
fn the_javascript_client_shows_its_token_among_the_subprotocols() {
    let test = "the_javascript_client_shows_its_token_among_the_subprotocols";
    let (Some(first), Some(second), Some(third)) = (node(test), node(test), node(test)) else { return };
    let table = IdentityTable::new().subprotocol();
    table.insert("c2VjcmV0.X-_", Identity::new("17")).expect("there is room");
    let greet = |_: &mut Setup<'_>| {
        Script::new().opened(|fx, peer, hello| fx.send(peer, hello.identity.subject().unwrap_or_default()))
    };
    let options = MountOptions::new().gate(table.clone()).subprotocol("chat");
    let (server, addr) = start(Server::builder().mount_with("/ws", options, greet));
    let url = format!("ws://{addr}/ws");
    let run = |node, arguments: &[&str]| Program::run(node, "bearer_client.mjs", arguments);

    let client = run(first, &[&url, "c2VjcmV0.X-_"]);
    assert_eq!(client.next(), json!({"event": "open", "detail": "andon.bearer"}));
    assert_eq!(client.next(), json!({"event": "message", "detail": "17"}));
    let talker = run(second, &[&url, "c2VjcmV0.X-_", "chat"]);
    assert_eq!(talker.next(), json!({"event": "open", "detail": "chat"}));
    assert_eq!(talker.next(), json!({"event": "message", "detail": "17"}));
    let stranger = run(third, &[&url, "c2VjcmV0"]);
    assert_eq!(stranger.next(), json!({"event": "close", "detail": 1006}));

    assert_eq!(table.remove_subject("17"), 1);
    server.handle().revoke("17").expect("the server runs");
    for client in [client, talker] {
        assert_eq!(client.next(), json!({"event": "close", "detail": 1008}));
    }
}
