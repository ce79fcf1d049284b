//! The way in, over real sockets: requests that are wrong, requests that are refused, and plain HTTP on the same port.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    Admission, BodyStream, Builder, EventMask, Identity, Method, MountOptions, Pulled, Reply, Response,
    RouteContext, Server, Setup, Verdict,
};
use std::{
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};
use support::{
    Answer, Client, Echo, PING, PONG, Script, TEXT, limits, masked, start, stats_until, take, upgrade_head,
};

fn echo(_: &mut Setup<'_>) -> Echo {
    Echo
}

/// Answers with the given text.
fn say(text: &'static str) -> impl andon::Route {
    move |_: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]| Response::text(200, text)
}

/// Answers with the request's body.
fn mirror(_: &RouteContext<'_>, _: &andon::Request<'_>, body: &[u8]) -> Response {
    Response::bytes(200, "application/octet-stream", body.to_vec())
}

fn plain() -> Builder {
    Server::builder().mount("/ws", echo).route(Method::Get, "/hello", say("hello")).route(
        Method::Post,
        "/mirror",
        mirror,
    )
}

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
    let gate = |_: andon::Now, request: &andon::Request<'_>| match request.header("authorization") {
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
fn open_when_there_is_room(addr: std::net::SocketAddr, path: &str) -> Client {
    let mut opened = None;
    support::eventually("there is room again", || {
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
    let stopping = std::thread::spawn(move || server.stop(support::PATIENCE));
    assert_retry(&client.answer(), 503, "stopping");
    client.expect_end();
    drop(client);
    assert_eq!(stopping.join().unwrap(), andon::Stopped::Clean);
}

/// What is held for clients is bounded for answers too: one that does not fit is refused, a short one always goes out.
#[test]
fn an_answer_beyond_the_outboxes_budget_gets_503() {
    let bounds = limits(|limits| {
        limits.outbox_bytes = 64 << 10;
        limits.outbox_bytes_total = 64 << 10;
    });
    let large = |_: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]| {
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
    let gate = |_: andon::Now, _: &andon::Request<'_>| {
        broken();
        Verdict::Ask
    };
    let (server, addr) = start(
        plain()
            .route(Method::Get, "/broken", |_: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]| {
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
    let count = |context: &RouteContext<'_>, request: &andon::Request<'_>, body: &[u8]| {
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
    let later = move |context: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]| {
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

// ---- plain HTTP --------------------------------------------------------------------------------------

#[test]
fn head_and_options() {
    let (_server, addr) = start(plain());
    let mut client = Client::connect(addr);
    client.send("HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let head = client.answer_head();
    assert_eq!((head.status, head.header("content-length")), (200, Some("5")));
    // No body lies before the next answer.
    let options = client.ask("OPTIONS /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
    let all = client.ask("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(all.status, 204);
    assert_eq!(all.header("allow"), Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    assert_eq!(client.get("/healthz").text(), "ok\n");
}

#[test]
fn who_expects_to_be_told_to_continue_is_told() {
    let (_server, addr) = start(plain());
    let mut client = Client::connect(addr);
    client.send(
        "POST /mirror HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.answer().status, 100);
    client.send("hello");
    let answer = client.answer();
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    // One that is refused is not told to go on.
    let answer = client.ask(
        "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(answer.status, 404);
    client.expect_end();
}

#[test]
fn a_request_body_may_come_in_chunks() {
    let (_server, addr) = start(plain());
    let mut client = Client::connect(addr);
    let post = "POST /mirror HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = "5\r\nhello\r\n7;name=value\r\n, world\r\n0\r\nTrailer: x\r\n\r\n";
    assert_eq!(client.ask(&format!("{post}{body}")).text(), "hello, world");
    assert_eq!(client.ask(&format!("{post}0\r\n\r\n")).text(), "");
}

#[test]
fn a_connection_lasts_as_the_client_wants() {
    let (_server, addr) = start(plain());
    for (request, keeps) in [
        ("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", true),
        ("GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false),
        ("GET /hello HTTP/1.0\r\n\r\n", false),
        ("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
    ] {
        let mut client = Client::connect(addr);
        let answer = client.ask(request);
        assert_eq!((answer.status, answer.text()), (200, "hello"));
        if keeps {
            assert_ne!(answer.header("connection"), Some("close"), "{request}");
            assert_eq!(client.ask(request).text(), "hello");
        } else {
            assert_eq!(answer.header("connection"), Some("close"), "{request}");
            client.expect_end();
        }
    }
}

#[test]
fn paths_find_the_right_place() {
    let show = |name: &'static str| {
        move |_: &RouteContext<'_>, request: &andon::Request<'_>, _: &[u8]| {
            let id = request.param("id").unwrap_or("-");
            Response::text(200, format!("{name} {id} {}", request.query("q").as_deref().unwrap_or("-")))
        }
    };
    for literal_first in [false, true] {
        let literal = |builder: Builder| builder.route(Method::Get, "/cell/all", show("literal"));
        let parameter = |builder: Builder| builder.route(Method::Get, "/cell/{id}", show("parameter"));
        let builder = Server::builder().mount("/cell/all", echo);
        let builder = if literal_first { parameter(literal(builder)) } else { literal(parameter(builder)) };
        let (_server, addr) = start(builder);
        let mut client = Client::connect(addr);
        for (path, text) in [
            ("/cell/all", "literal - -"),
            ("/cell/all/", "literal - -"),
            ("/cell/7", "parameter 7 -"),
            ("/cell/7/", "parameter 7 -"),
            ("/cell/a%20b%2Fc?x=1&q=a+b%21", "parameter a b/c a b!"),
            ("http://elsewhere/cell/7?q=absolute", "parameter 7 absolute"),
        ] {
            assert_eq!(client.get(path).text(), text);
        }
        assert_eq!(client.get("/cell").status, 404);
        assert_eq!(client.get("/cell/7/8").status, 404);
        // A route and a contract on one path: the contract gets the upgrades.
        client.upgrade("/cell/all");
        client.text("hi");
        client.expect_text("hi");
    }
}

#[test]
fn a_subprotocol_is_agreed_on_in_the_clients_order() {
    let options = || MountOptions::new().subprotocol("v1").subprotocol("v2");
    let (_server, addr) = start(Server::builder().mount_with("/ws", options(), |_: &mut Setup<'_>| {
        Script::new().opened(|fx, peer, hello| fx.send(peer, hello.subprotocol.unwrap_or("none")))
    }));
    for (offered, agreed) in [
        ("Sec-WebSocket-Protocol: v9, v2, v1\r\n", Some("v2")),
        ("Sec-WebSocket-Protocol: v9\r\nSec-WebSocket-Protocol: v1\r\n", Some("v1")),
        ("Sec-WebSocket-Protocol: V1\r\n", None),
        ("", None),
    ] {
        let mut client = Client::connect(addr);
        let answer = client.ask(&upgrade_head("/ws", offered));
        assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, agreed));
        client.expect_text(agreed.unwrap_or("none"));
    }
}

// ---- streamed answers --------------------------------------------------------------------------------

/// The byte at a place of a long body.
fn pattern(at: usize) -> u8 {
    (at % 251) as u8
}

struct Counted {
    pulled: Arc<AtomicUsize>,
    len: usize,
}

impl BodyStream for Counted {
    fn pull(&mut self, room: usize, out: &mut Vec<u8>) -> Pulled {
        let from = self.pulled.load(SeqCst);
        let to = (from + room).min(self.len);
        out.extend((from..to).map(pattern));
        self.pulled.store(to, SeqCst);
        if to == self.len { Pulled::End } else { Pulled::More }
    }
}

#[test]
fn a_streamed_answer_keeps_the_clients_pace() {
    const LEN: usize = 8 << 20;
    // The kernel's buffers on both sides, doubled by it, what the server holds, and some.
    const LEAD_MAX: usize = 1 << 20;
    let pulled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&pulled);
    let route = move |_: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]| {
        Response::stream(200, "application/octet-stream", Counted { pulled: Arc::clone(&counter), len: LEN })
    };
    let (server, addr) = start(plain().send_buffer_bytes(64 << 10).route(Method::Get, "/long", route));
    let mut client = Client::connect_narrow(addr, 64 << 10);
    client.send("GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.answer_head().status, 200);
    // While it does not read, others are served, and no more than fits is pulled.
    let mut other = Client::connect(addr);
    for _ in 0..200 {
        assert_eq!(other.get("/hello").status, 200);
    }
    assert!(pulled.load(SeqCst) > 64 << 10, "there was something to pull");
    let mut got = 0;
    let mut body = Vec::new();
    loop {
        let lead = pulled.load(SeqCst).saturating_sub(got);
        assert!(lead <= LEAD_MAX, "{lead} bytes were pulled ahead of the client");
        assert!(server.stats().outbox_bytes <= 192 << 10);
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            assert!(client.await_bytes(1));
            line.push(client.buffer.remove(0));
        }
        let len = usize::from_str_radix(std::str::from_utf8(&line[..line.len() - 2]).unwrap(), 16).unwrap();
        assert!(client.await_bytes(len + 2));
        body.extend(client.buffer.drain(..len));
        client.buffer.drain(..2);
        if len == 0 {
            break;
        }
        got += len;
    }
    assert_eq!(body.len(), LEN);
    assert!(body.iter().enumerate().all(|(at, byte)| *byte == pattern(at)));
    // And the connection is good for another.
    assert_eq!(client.get("/hello").text(), "hello");
}

#[test]
fn a_streamed_answer_that_waits_goes_on_when_it_is_resumed() {
    let (tells, hears) = mpsc::channel();
    let route = move |context: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]| {
        tells.send(context.conn).unwrap();
        let mut pieces = ["one", "two", "three"].into_iter();
        Response::stream(200, "text/plain", move |_: usize, out: &mut Vec<u8>| match pieces.next() {
            Some(piece) => {
                out.extend_from_slice(piece.as_bytes());
                Pulled::Wait
            }
            None => Pulled::End,
        })
    };
    let (server, addr) = start(plain().route(Method::Get, "/slow", route));
    let mut client = Client::connect(addr);
    client.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.answer_head().header("transfer-encoding"), Some("chunked"));
    let conn = take(&hears);
    for chunk in ["3\r\none\r\n", "3\r\ntwo\r\n", "5\r\nthree\r\n", "0\r\n\r\n"] {
        // Each is on the wire before the next is asked for.
        assert!(client.await_bytes(chunk.len()));
        assert_eq!(client.buffer.drain(..).collect::<Vec<_>>(), chunk.as_bytes());
        server.handle().resume(conn).unwrap();
    }
    assert_eq!(client.get("/hello").text(), "hello");
    stats_until(&server.handle(), "the last resume came too late", |stats| stats.commands_stale == 1);
}

#[test]
fn a_streamed_answer_that_fails_is_visibly_cut() {
    let route = |_: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]| {
        let mut pulls = 0;
        Response::stream(200, "text/plain", move |_: usize, out: &mut Vec<u8>| {
            pulls += 1;
            out.extend_from_slice(b"some");
            if pulls < 3 { Pulled::More } else { Pulled::Abort }
        })
    };
    let (server, addr) = start(plain().route(Method::Get, "/cut", route));
    let answer = Client::connect(addr).get("/cut");
    assert_eq!(answer.status, 200);
    assert!(!answer.whole, "the client must not take it for the whole");
    assert_eq!(
        stats_until(&server.handle(), "it is over", |stats| stats.connections == 0).streams_aborted,
        1
    );
}

#[test]
fn http_1_0_gets_a_stream_until_the_connection_ends() {
    let route = |_: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]| {
        let mut left = 3;
        Response::stream(200, "text/plain", move |_: usize, out: &mut Vec<u8>| {
            left -= 1;
            out.extend_from_slice(b"some");
            if left > 0 { Pulled::More } else { Pulled::End }
        })
    };
    let (_server, addr) = start(plain().route(Method::Get, "/stream", route));
    let answer = Client::connect(addr).ask("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((answer.header("transfer-encoding"), answer.header("connection")), (None, Some("close")));
    assert_eq!(answer.text(), "somesomesome");
    let mut client = Client::connect(addr);
    client.send("HEAD /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.answer_head().header("transfer-encoding"), Some("chunked"));
    assert_eq!(client.get("/hello").text(), "hello", "and no body");
}

// ---- origins and hosts (ALL-5) -----------------------------------------------------------------------

fn from_page(path: &str, host: &str, origin: &str) -> String {
    upgrade_head(path, &format!("Origin: {origin}\r\n")).replace("Host: localhost", &format!("Host: {host}"))
}

#[test]
fn a_name_that_is_not_this_machines_is_no_way_in_on_an_address_of_its_own() {
    let (server, addr) = start(Server::builder().mount("/ws", |_: &mut Setup<'_>| support::Echo));
    let mut client = Client::connect(addr);
    let answer = client.ask("GET /healthz HTTP/1.1\r\nHost: evil.example:8000\r\n\r\n");
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("Host"), "{}", answer.text());
    assert_eq!(client.ask(&from_page("/ws", "evil.example", "http://evil.example")).status, 403);
    assert_eq!(client.get("/healthz").status, 200);
    let anywhere = from_page("/ws", "127.0.0.1:9", "http://anywhere.example");
    assert_eq!(client.ask(&anywhere).status, 101, "every page, by default");
    assert_eq!(server.stats().refused_host, 2);

    let builder = Server::builder().mount("/ws", |_: &mut Setup<'_>| support::Echo).allow_host("plc.local");
    let (_server, addr) = start(builder);
    let mut client = Client::connect(addr);
    assert_eq!(client.get("/healthz").status, 403, "the list stands for itself");
    assert_eq!(client.ask(&from_page("/ws", "PLC.local:8000", "null")).status, 101);
}

#[test]
fn pages_of_listed_origins_come_in_and_others_get_403() {
    let gate = |_: andon::Now, _: &andon::Request<'_>| panic!("asked about a stranger's page");
    let options = MountOptions::new().gate(gate);
    let builder = Server::builder()
        .allow_origin("https://panel.example")
        .mount("/ws", |_: &mut Setup<'_>| support::Echo)
        .mount_with("/gated", options, |_: &mut Setup<'_>| support::Echo)
        .events(EventMask::REFUSALS);
    let (mut server, addr) = start(builder);
    let mut client = Client::connect(addr);
    for path in ["/ws", "/gated"] {
        let answer = client.ask(&from_page(path, "localhost", "http://panel.example"));
        assert_eq!(answer.status, 403);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let healthz =
        |origin: &str| format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n");
    assert_eq!(client.ask(&healthz("https://evil.example")).status, 403);
    assert_eq!(client.get("/healthz").status, 200, "no page");
    let answer = client.ask(&healthz("https://panel.example"));
    assert_eq!((answer.status, answer.header("vary")), (200, Some("Origin")));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://panel.example"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let answer = client.ask(
        "OPTIONS /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: https://panel.example\r\n\
         Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: x-one, x-two\r\n\r\n",
    );
    assert_eq!((answer.status, answer.header("access-control-allow-methods")), (204, answer.header("allow")));
    assert_eq!(answer.header("access-control-allow-headers"), Some("x-one, x-two"));
    assert_eq!(client.ask(&from_page("/ws", "localhost", "https://PANEL.example:443")).status, 101);
    assert_eq!(server.stats().refused_origin, 3);
    let events = server.events().unwrap();
    let event = events.try_recv().unwrap();
    let andon::Event::Refused { cause: andon::RefusalCause::Origin, mount, .. } = event else {
        panic!("{event:?}")
    };
    assert_eq!(mount, server.mount("/ws"));
}

#[test]
fn a_mount_may_ask_for_pages_of_its_own_host() {
    let options = MountOptions::new().same_origin();
    let builder = Server::builder()
        .mount_with("/own", options, |_: &mut Setup<'_>| support::Echo)
        .mount("/all", |_: &mut Setup<'_>| support::Echo);
    let (_server, addr) = start(builder);
    for (path, origin, status) in [
        ("/own", "http://localhost:81", 403),
        ("/own", "http://evil.example", 403),
        ("/all", "http://evil.example", 101),
        ("/own", "http://localhost", 101),
    ] {
        assert_eq!(
            Client::connect(addr).ask(&from_page(path, "localhost", origin)).status,
            status,
            "{path} {origin}"
        );
    }
    assert_eq!(Client::connect(addr).ask(&upgrade_head("/own", "")).status, 101, "no browser");
    let answer =
        Client::connect(addr).ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}
