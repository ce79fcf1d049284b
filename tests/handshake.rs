//! The way in, over real sockets: requests that are wrong, that are refused, that come in pieces or several at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    Admission, Identity, Method, MountOptions, Now, Reply, Request, Response, RouteContext, Server, Setup,
    Stopped, Verdict,
};
use std::{
    net::{Shutdown, SocketAddr},
    sync::mpsc,
    time::Duration,
};
use support::{
    Answer, Client, PATIENCE, PING, PONG, Script, TEXT, echo, eventually,
    http::{plain, say},
    limits, masked, start, stats_until, take, upgrade_head,
};

#[track_caller]
fn assert_retry(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.head);
    assert_eq!(answer.header("retry-after"), Some("1"), "{}", answer.head);
    assert!(answer.text().contains(words), "{}", answer.text());
}

// ---- requests that are wrong -------------------------------------------------------------------------

#[test]
fn malformed_requests_are_told_what_is_wrong_and_end_the_connection() {
    let (server, addr) = start(plain());
    let good = upgrade_head("/ws", "");
    let cases = [
        ("HELLO\r\n\r\n".to_owned(), 400, "request line"),
        ("GET /hello\r\nHost: localhost\r\n\r\n".to_owned(), 400, "request line"),
        ("GET /hello HTTP/1.1\r\n\r\n".to_owned(), 400, "Host"),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), 400, "Host"),
        ("GET /hello HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n".to_owned(), 400, "header"),
        ("GET hello HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 400, "target"),
        ("GET /hello HTTP/2.0\r\nHost: localhost\r\n\r\n".to_owned(), 505, "version"),
        ("POST /mirror HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n".to_owned(), 400, "Content-Length"),
        (
            "POST /mirror HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(),
            501,
            "Transfer-Encoding",
        ),
        (
            "POST /mirror HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
                .to_owned(),
            400,
            "both",
        ),
        (
            "POST /mirror HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(),
            400,
            "chunk",
        ),
    ];
    for (request, status, words) in &cases {
        let mut client = Client::connect(addr);
        let answer = client.ask(request);
        assert_eq!(answer.status, *status, "{request}: {}", answer.head);
        assert!(answer.text().contains(words), "{request}: {}", answer.text());
        assert_eq!(answer.header("connection"), Some("close"), "{request}");
        client.expect_end();
    }
    for (request, words) in [
        (good.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), "Sec-WebSocket-Key"),
        (good.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), "Sec-WebSocket-Key"),
        (good.replace("Connection: Upgrade", "Connection: keep-alive"), "Connection: Upgrade"),
        (good.replace("/ws", "/%zz"), "percent"),
        (good.replace("/ws", "/%ff"), "percent"),
    ] {
        let answer = Client::connect(addr).ask(&request);
        assert_eq!(answer.status, 400, "{request}: {}", answer.head);
        assert!(answer.text().contains(words), "{request}: {}", answer.text());
    }
    let stats = stats_until(&server.handle(), "all is counted", |stats| stats.answered_400 == 14);
    assert_eq!((stats.answered_other, stats.opened), (2, 0));
}

#[test]
fn an_upgrade_of_another_version_or_none_gets_426_with_the_right_one() {
    let (_server, addr) = start(plain());
    let other = upgrade_head("/ws", "").replace("Version: 13", "Version: 8");
    for request in [other, "GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned()] {
        let answer = Client::connect(addr).ask(&request);
        assert_eq!(answer.status, 426, "{}", answer.head);
        assert_eq!(answer.header("sec-websocket-version"), Some("13"));
        assert_eq!(answer.header("upgrade"), Some("websocket"));
        assert!(answer.header("connection").is_some_and(|value| value.contains("upgrade")));
    }
}

#[test]
fn unknown_paths_and_methods() {
    let (server, addr) = start(plain());
    let mut client = Client::connect(addr);
    assert_eq!(client.get("/nowhere").status, 404);
    // The connection is kept: nothing was wrong with the request.
    let answer = client.ask("DELETE /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    let answer = client.ask("BREW /mirror HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST, OPTIONS")));
    let answer = client.ask("POST /ws HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, OPTIONS")));
    assert_eq!(Client::connect(addr).ask(&upgrade_head("/nowhere", "")).status, 404);
    let stats = stats_until(&server.handle(), "all is counted", |stats| stats.answered_404 == 2);
    assert_eq!(stats.answered_405, 3);
}

#[test]
fn a_slow_head_or_body_gets_408_and_silence_gets_nothing() {
    let (server, addr) = start(plain().limits(limits(|limits| limits.handshake = Duration::from_millis(50))));
    let mut slow_head = Client::connect(addr);
    slow_head.send("GET /hello HTTP/1.1\r\nHos");
    assert_eq!(slow_head.answer().status, 408);
    slow_head.expect_end();
    drop(slow_head);
    let mut slow_body = Client::connect(addr);
    slow_body.send("POST /mirror HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab");
    assert_eq!(slow_body.answer().status, 408);
    slow_body.expect_end();
    drop(slow_body);
    Client::connect(addr).expect_end();
    let stats = stats_until(&server.handle(), "all are gone", |stats| stats.connections == 0);
    assert_eq!((stats.answered_408, stats.accepted), (2, 3));
}

#[test]
fn a_kept_connection_that_idles_is_closed_without_a_word() {
    let (_server, addr) =
        start(plain().limits(limits(|limits| limits.keep_alive = Duration::from_millis(50))));
    let mut client = Client::connect(addr);
    assert_eq!(client.get("/hello").status, 200);
    client.expect_end();
}

#[test]
fn large_heads_and_bodies() {
    let small = limits(|limits| (limits.head_bytes, limits.body_bytes) = (1_024, 100));
    let (_server, addr) = start(plain().limits(small));
    let large_head = format!("GET /hello HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(2_000));
    let mut endless_head = large_head.clone();
    endless_head.truncate(1_500);
    let many = format!("GET /hello HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(64));
    for request in [large_head, endless_head, many] {
        let mut client = Client::connect(addr);
        assert_eq!(client.ask(&request).status, 431);
        client.expect_end();
    }
    let fits = format!("GET /hello HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(63));
    assert_eq!(Client::connect(addr).ask(&fits).status, 200);

    let mut client = Client::connect(addr);
    let post = "POST /mirror HTTP/1.1\r\nHost: localhost\r\n";
    assert_eq!(client.ask(&format!("{post}Content-Length: 100\r\n\r\n{}", "x".repeat(100))).body.len(), 100);
    // Refused by what it announces, before a byte of it has come.
    assert_eq!(client.ask(&format!("{post}Content-Length: 101\r\n\r\n")).status, 413);
    client.expect_end();
    let mut client = Client::connect(addr);
    let chunk = format!("64\r\n{}\r\n", "x".repeat(100));
    assert_eq!(client.ask(&format!("{post}Transfer-Encoding: chunked\r\n\r\n{chunk}1\r\ny\r\n")).status, 413);
    client.expect_end();
}

// ---- requests that are refused -----------------------------------------------------------------------

#[test]
fn gates_refuse_mounts_and_routes() {
    let gate = |_: Now, request: &Request<'_>| match request.header("authorization") {
        Some("let me in") => Verdict::Allow(Identity::new("friend")),
        _ => Verdict::Refuse(Response::text(403, "not you")),
    };
    let (opened, hears) = mpsc::channel();
    let (_server, addr) = start(
        Server::builder()
            .mount_with("/ws", MountOptions::new().gate(gate), move |_: &mut Setup<'_>| {
                let opened = opened.clone();
                Script::new().opened(move |_, _, hello| {
                    opened.send(hello.identity.subject().map(str::to_owned)).unwrap();
                })
            })
            .route_with_gate(Method::Get, "/hello", gate, say("hello")),
    );
    let mut client = Client::connect(addr);
    let answer = client.ask(&upgrade_head("/ws", ""));
    assert_eq!((answer.status, answer.text()), (403, "not you"));
    assert_eq!(client.get("/hello").status, 403);
    assert_eq!(
        client.ask("GET /hello HTTP/1.1\r\nHost: localhost\r\nAuthorization: let me in\r\n\r\n").status,
        200
    );
    assert_eq!(client.ask(&upgrade_head("/ws", "Authorization: let me in\r\n")).status, 101);
    assert_eq!(take(&hears).as_deref(), Some("friend"), "the first that the contract hears of");
}

#[test]
fn a_contract_refuses_with_an_answer_of_its_own() {
    let (server, addr) = start(Server::builder().mount("/{room}", |_: &mut Setup<'_>| {
        Script::new().admit(|hello| match hello.request.param("room") {
            Some("open") => {
                Ok(Admission::new().with_header("X-Room", "open").with_header("Sec-WebSocket-Protocol", "no"))
            }
            _ => Err(Response::text(409, "the room is closed")
                .with_header("X-Room", "closed")
                .with_header("X-Bad", "a\r\nX-Worse: b")),
        })
    }));
    let mut client = Client::connect(addr);
    let answer = client.ask(&upgrade_head("/shut", ""));
    assert_eq!((answer.status, answer.header("x-room")), (409, Some("closed")));
    assert!(answer.header("x-bad").or(answer.header("x-worse")).is_none(), "{}", answer.head);
    let answer = client.ask(&upgrade_head("/open", ""));
    assert_eq!((answer.status, answer.header("x-room")), (101, Some("open")));
    assert_eq!(answer.header("sec-websocket-protocol"), None, "the server's own");
    stats_until(&server.handle(), "the headers that cannot be sent are counted", |s| s.headers_dropped == 2);
}

/// Tries again until there is room.
#[track_caller]
fn open_when_there_is_room(addr: SocketAddr, path: &str) -> Client {
    let mut opened = None;
    eventually("there is room again", || {
        let mut client = Client::connect(addr);
        let is_in = client.ask(&upgrade_head(path, "")).status == 101;
        opened = Some(client);
        is_in
    });
    opened.unwrap()
}

#[test]
fn one_connection_too_many_gets_503_until_another_leaves() {
    let (server, addr) = start(plain().max_connections(2));
    let first = Client::open(addr, "/ws");
    let _second = Client::open(addr, "/ws");
    let mut third = Client::connect(addr);
    assert_retry(&third.ask(&upgrade_head("/ws", "")), 503, "too many connections");
    third.expect_end();
    stats_until(&server.handle(), "it is counted", |stats| stats.refused_connections == 1);
    drop(first);
    open_when_there_is_room(addr, "/ws");
}

#[test]
fn one_connection_too_many_from_an_address_gets_503() {
    let (server, addr) = start(plain().limits(limits(|limits| limits.connections_per_address = 1)));
    let first = Client::open(addr, "/ws");
    let mut second = Client::connect(addr);
    assert_retry(&second.ask(&upgrade_head("/ws", "")), 503, "from this address");
    stats_until(&server.handle(), "it is counted", |stats| stats.refused_address == 1);
    drop(first);
    open_when_there_is_room(addr, "/ws");
}

#[test]
fn a_full_mount_gets_503_while_others_have_room() {
    let (server, addr) = start(plain().mount_with("/small", MountOptions::new().connections(1), echo));
    let first = Client::open(addr, "/small");
    let mut second = Client::connect(addr);
    assert_retry(&second.ask(&upgrade_head("/small", "")), 503, "this path");
    // It was its path that was full, not the connection that was wrong.
    second.upgrade("/ws");
    stats_until(&server.handle(), "it is counted", |stats| stats.refused_mount == 1);
    drop(first);
    open_when_there_is_room(addr, "/small");
}

#[test]
fn a_request_under_way_when_the_server_stops_gets_503() {
    let (server, addr) = start(plain());
    let mut client = Client::connect(addr);
    let begun = "GET /hello HTTP/1.1\r\n";
    client.send(begun);
    let handle = server.handle();
    stats_until(&handle, "the beginning is read", |stats| stats.bytes_in == begun.len() as u64);
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    assert_retry(&client.answer(), 503, "stopping");
    client.expect_end();
    drop(client);
    assert_eq!(stopping.join().unwrap(), Stopped::Clean);
}

/// What is held for clients is bounded for answers too: one that does not fit is refused, a short one always goes out.
#[test]
fn an_answer_beyond_the_outboxes_budget_gets_503() {
    let bounds = limits(|limits| {
        limits.outbox_bytes = 64 << 10;
        limits.outbox_bytes_total = 64 << 10;
    });
    let large = |_: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| {
        Response::bytes(200, "application/octet-stream", vec![b'x'; 65 << 10])
    };
    let (_server, addr) = start(plain().limits(bounds).route(Method::Get, "/large", large));
    let mut client = Client::connect(addr);
    assert_retry(&client.ask("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"), 503, "holds too much");
    client.expect_end();
    let mut client = Client::connect(addr);
    assert_eq!(client.ask("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").text(), "hello");
}

#[test]
fn a_panic_in_a_route_a_gate_or_an_admission_is_answered_with_500() {
    fn broken() {
        panic!("as a test wants it");
    }
    let gate = |_: Now, _: &Request<'_>| {
        broken();
        Verdict::Ask
    };
    let (server, addr) = start(
        plain()
            .route(Method::Get, "/broken", |_: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| {
                broken();
                Response::new(204)
            })
            .mount_with("/gate", MountOptions::new().gate(gate), echo)
            .mount("/admit", |_: &mut Setup<'_>| {
                Script::new().admit(|_| {
                    broken();
                    Ok(Admission::new())
                })
            }),
    );
    let mut client = Client::connect(addr);
    assert_eq!(client.get("/broken").status, 500);
    assert_eq!(client.get("/hello").status, 200, "the connection goes on");
    assert_eq!(client.ask(&upgrade_head("/gate", "")).status, 500);
    assert_eq!(client.ask(&upgrade_head("/admit", "")).status, 500);
    client.upgrade("/ws");
    assert_eq!(stats_until(&server.handle(), "it is open", |stats| stats.open == 1).contract_panics, 3);
}

// ---- requests in pieces, and several at once ---------------------------------------------------------

#[test]
fn the_first_frame_may_come_with_the_request() {
    let (_server, addr) = start(plain());
    let mut client = Client::connect(addr);
    client.send([upgrade_head("/ws", "").as_bytes(), &masked(TEXT, b"early")].concat());
    let answer = client.answer();
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "RFC 6455, 1.3");
    client.expect_text("early");
    // The answer to a ping is urgent, but not so urgent that it comes before the answer to the request.
    let mut client = Client::connect(addr);
    client.send([upgrade_head("/ws", "").as_bytes(), &masked(PING, b"early")].concat());
    assert_eq!(client.answer().status, 101);
    client.expect_frame(PONG, "early");
}

#[test]
fn a_request_and_a_frame_may_come_byte_by_byte() {
    let (server, addr) = start(plain());
    let mut client = Client::connect(addr);
    let bytes = [upgrade_head("/ws", "").as_bytes(), &masked(TEXT, b"slow")].concat();
    for (sent, byte) in bytes.iter().enumerate() {
        client.send([*byte]);
        // Each byte is read on its own, or the test would be one of the network's mood.
        stats_until(&server.handle(), "the byte is read", |stats| stats.bytes_in > sent as u64);
    }
    assert_eq!(client.answer().status, 101);
    client.expect_text("slow");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let count = |context: &RouteContext<'_>, request: &Request<'_>, body: &[u8]| {
        assert_eq!(context.stats.connections, 1);
        let text = format!("{} {}", request.param("n").unwrap_or_default(), body.len());
        Response::text(200, text)
    };
    let (_server, addr) =
        start(plain().route(Method::Get, "/n/{n}", count).route(Method::Post, "/n/{n}", count));
    let mut client = Client::connect(addr);
    let mut requests = Vec::new();
    for n in 0..50 {
        requests.extend(format!("GET /n/{n} HTTP/1.1\r\nHost: localhost\r\n\r\n").bytes());
        requests.extend(
            format!("POST /n/{n} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc").bytes(),
        );
    }
    // Behind all of them an upgrade, and a frame behind that.
    requests.extend(upgrade_head("/ws", "").bytes());
    requests.extend(masked(TEXT, b"last"));
    client.send(requests);
    for n in 0..50 {
        assert_eq!(client.answer().text(), format!("{n} 0"));
        assert_eq!(client.answer().text(), format!("{n} 3"));
    }
    assert_eq!(client.answer().status, 101);
    client.expect_text("last");
}

/// The same when the answer comes later.
#[test]
fn a_client_that_sends_no_more_still_gets_a_later_answer() {
    let (asked, who) = mpsc::channel();
    let later = move |context: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| {
        asked.send(context.conn).unwrap();
        Reply::Later
    };
    let (server, addr) = start(Server::builder().route(Method::Get, "/later", later));
    let mut client = Client::connect(addr);
    client.send("GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let conn = take(&who);
    client.stream.shutdown(Shutdown::Write).unwrap();
    let handle = server.handle();
    stats_until(&handle, "the end is read", |stats| stats.reads >= 2);
    handle.answer(conn, Response::text(200, "at last")).unwrap();
    assert_eq!(client.answer().text(), "at last");
    client.expect_end();
}

#[test]
fn a_client_that_sends_no_more_still_gets_its_answer() {
    let (_server, addr) = start(plain());
    let mut client = Client::connect(addr);
    client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.answer().text(), "hello");
    client.expect_end();
}
