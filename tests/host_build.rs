//! A host builds a server: what it may not say, where it listens, what goes across threads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{Events, Handle, Limits, Method, MountOptions, Server, SnapshotSource, StartError, Topic};
use std::{net::TcpListener, sync::mpsc, time::Duration};
use support::{Client, echo, host::late, limits, start, take};

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
    let has_v6 = TcpListener::bind("[::1]:0").is_ok();
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

/// Handles and servers go where a host needs them.
#[test]
fn types_cross_threads() {
    fn both<T: Send + Sync>() {}
    both::<Server>();
    both::<Handle>();
    both::<Events>();
}
