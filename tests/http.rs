//! Plain HTTP on the same port, over real sockets: bodies, paths, how long a connection lasts, and streamed answers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    BodyStream, Builder, Method, MountOptions, Pulled, Request, Response, RouteContext, Server, Setup,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
    mpsc,
};
use support::{Client, Script, echo, http::plain, start, stats_until, take, upgrade_head};

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
        move |_: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
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
    let route = move |_: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| {
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
    let route = move |context: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| {
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
    let route = |_: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| {
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
    let route = |_: &RouteContext<'_>, _: &Request<'_>, _: &[u8]| {
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
