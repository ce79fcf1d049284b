//! RFC 6455 over real sockets, frame by frame: the ground that the conformance suites cover in their sections on framing, pings,
//! reserved bits, opcodes, fragments, UTF-8, limits and closing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{CloseCause, CloseCode, Closed, Contract, Limits, Server, Setup, Stats};
use std::{net::SocketAddr, sync::mpsc, time::Duration};
use support::{
    BINARY, CLOSE, Client, Echo, PING, PONG, Script, TEXT, close_payload, limits, masked, start, stats_until,
    take, unmasked,
};

/// First bytes of frames that are not final.
const TEXT_BEGINS: u8 = 0x01;
const BINARY_BEGINS: u8 = 0x02;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;

fn echo_server(limits: Limits) -> (Server, SocketAddr) {
    start(Server::builder().limits(limits).mount("/", |_: &mut Setup<'_>| Echo))
}

/// Sends bytes to a fresh echo connection, which must be closed with `code`, and end; nothing may be echoed but `before`.
#[track_caller]
fn expect_fault(addr: SocketAddr, bytes: &[u8], before: &[&str], code: u16) {
    let mut client = Client::open(addr, "/");
    client.send(bytes);
    for text in before {
        client.expect_text(text);
    }
    client.expect_close(code);
    // Whatever else it says is not heard any more, and its close ends it.
    client.try_send(masked(TEXT, b"too late"));
    client.try_send(masked(CLOSE, &close_payload(code, "")));
    client.expect_end();
}

#[track_caller]
fn closed_by_fault(server: &Server, count: u64) -> Stats {
    stats_until(&server.handle(), "all are gone", |stats| {
        stats.closed_fault == count && stats.connections == 0
    })
}

// ---- framing -----------------------------------------------------------------------------------------

#[test]
fn messages_of_all_lengths_come_back() {
    let large = limits(|limits| {
        (limits.message_bytes, limits.frame_bytes) = (4 << 20, 4 << 20);
        limits.outbox_bytes = 16 << 20;
    });
    let (_server, addr) = echo_server(large);
    let mut client = Client::open(addr, "/");
    for len in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, (1 << 20) + 3, 4 << 20] {
        let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        client.send_frame(BINARY, &bytes);
        client.expect_frame(BINARY, &bytes);
        let text = "ä".repeat(len / 2);
        client.text(&text);
        client.expect_text(&text);
    }
}

#[test]
fn frames_may_come_in_any_pieces() {
    let (_server, addr) = echo_server(Limits::default());
    let mut client = Client::open(addr, "/");
    let mut bytes = Vec::new();
    for len in [0, 5, 126, 3_000, 70_000] {
        bytes.extend(masked(TEXT, "x".repeat(len).as_bytes()));
        bytes.extend(masked(PING, &[7; 20]));
    }
    let mut size = 1;
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        client.send(piece);
        rest = behind;
        size = (size * 3 + 1) % 4_099;
    }
    let mut texts = Vec::new();
    let mut pongs = 0;
    while texts.len() < 5 || pongs < 5 {
        let frame = client.frame();
        match frame.first {
            TEXT => texts.push(frame.payload.len()),
            _ => {
                assert_eq!((frame.first, &frame.payload[..]), (PONG, &[7; 20][..]));
                pongs += 1;
            }
        }
    }
    assert_eq!(texts, [0, 5, 126, 3_000, 70_000]);
}

#[test]
fn many_messages_in_one_write_come_back_in_order() {
    let (_server, addr) = echo_server(Limits::default());
    let mut client = Client::open(addr, "/");
    let bytes: Vec<u8> = (0..2_000).flat_map(|n: i32| masked(TEXT, n.to_string().as_bytes())).collect();
    client.send(bytes);
    for n in 0..2_000 {
        client.expect_text(&n.to_string());
    }
}

#[test]
fn fragments_make_one_message_with_pings_answered_in_between() {
    let (_server, addr) = echo_server(Limits::default());
    let mut client = Client::open(addr, "/");
    for (begins, whole) in [(TEXT_BEGINS, TEXT), (BINARY_BEGINS, BINARY)] {
        client.send_frame(begins, "frag");
        client.send_frame(PING, "one");
        client.expect_frame(PONG, "one");
        client.send_frame(CONTINUES, "");
        client.send_frame(CONTINUES, "men");
        client.send_frame(PONG, "nobody asked");
        client.send_frame(PING, "two");
        client.expect_frame(PONG, "two");
        client.send_frame(ENDS, "ted");
        client.expect_frame(whole, "fragmented");
    }
    // A character may be cut by the fragments.
    let text = "κόσμε🤖".as_bytes();
    for (at, byte) in text.iter().enumerate() {
        let first = if at == 0 { TEXT_BEGINS } else { CONTINUES };
        client.send_frame(first, [*byte]);
    }
    client.send_frame(ENDS, "");
    client.expect_frame(TEXT, text);
}

#[test]
fn pings_of_all_lengths_come_back_and_pongs_do_not() {
    let (_server, addr) = echo_server(Limits::default());
    let mut client = Client::open(addr, "/");
    client.send_frame(PONG, "unasked");
    for len in [0, 1, 124, 125] {
        let payload: Vec<u8> = (0..len).map(|at| 255 - at as u8).collect();
        client.send_frame(PING, &payload);
        client.expect_frame(PONG, &payload);
    }
    for n in 0..10 {
        client.send_frame(PING, [n]);
    }
    for n in 0..10 {
        client.expect_frame(PONG, [n]);
    }
}

#[test]
fn broken_framing_closes_with_1002() {
    let (server, addr) = echo_server(Limits::default());
    let good = masked(TEXT, b"good");
    let mut cases: Vec<Vec<u8>> = vec![unmasked(TEXT, b"bare"), unmasked(PING, b"")];
    // Reserved bits, one by one and together, on data, control and empty frames.
    for bits in [0x10, 0x20, 0x40, 0x70] {
        cases.extend([masked(TEXT | bits, b"x"), masked(PING | bits, b""), masked(CLOSE | bits, b"")]);
    }
    // Reserved opcodes, final or not.
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        cases.extend([masked(0x80 | opcode, b"x"), masked(opcode, b"")]);
    }
    cases.extend([
        masked(PING, &[0; 126]),
        masked(PING & 0x7F, b"x"),
        masked(PONG & 0x7F, b"x"),
        masked(CLOSE & 0x7F, b""),
        masked(CONTINUES, b"of nothing"),
        masked(ENDS, b"of nothing"),
    ]);
    for bytes in &cases {
        expect_fault(addr, bytes, &[], 1002);
        // What came before it is served first.
        expect_fault(addr, &[&good[..], bytes].concat(), &["good"], 1002);
    }
    // A message that begins inside of another.
    for second in [TEXT, BINARY, TEXT_BEGINS, BINARY_BEGINS] {
        expect_fault(addr, &[masked(TEXT_BEGINS, b"a"), masked(second, b"b")].concat(), &[], 1002);
    }
    closed_by_fault(&server, 2 * cases.len() as u64 + 4);
}

#[test]
fn text_that_is_not_utf_8_closes_with_1007() {
    let (server, addr) = echo_server(Limits::default());
    let cases: [&[u8]; 10] = [
        b"\xFF",
        b"abc\x80",
        b"\xC0\xAF",
        b"\xE0\x80\xAF",
        b"\xED\xA0\x80",
        b"\xED\xBF\xBF",
        b"\xF4\x90\x80\x80",
        b"\xF8\x88\x80\x80\x80",
        b"cut off \xE2\x82",
        b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80edited",
    ];
    for bytes in cases {
        expect_fault(addr, &masked(TEXT, bytes), &[], 1007);
        let (a, b) = bytes.split_at(bytes.len() / 2);
        expect_fault(addr, &[masked(TEXT_BEGINS, a), masked(ENDS, b)].concat(), &[], 1007);
    }
    closed_by_fault(&server, 20);
    // As binary all of it is welcome.
    let mut client = Client::open(addr, "/");
    for bytes in cases {
        client.send_frame(BINARY, bytes);
        client.expect_frame(BINARY, bytes);
    }
}

#[test]
fn what_is_too_large_closes_with_1009() {
    let small = limits(|limits| (limits.frame_bytes, limits.message_bytes) = (1_000, 2_000));
    let (server, addr) = echo_server(small);
    let mut client = Client::open(addr, "/");
    client.send_frame(BINARY, [0; 1_000]);
    client.expect_frame(BINARY, [0; 1_000]);
    client.send_frame(BINARY_BEGINS, [1; 1_000]);
    client.send_frame(ENDS, [1; 1_000]);
    client.expect_frame(BINARY, [1; 2_000]);
    drop(client);
    expect_fault(addr, &masked(BINARY, &[0; 1_001]), &[], 1009);
    // By the header alone, however much it claims; what it claims is not waited for.
    expect_fault(addr, &masked(BINARY, &[0; 70_000])[..14], &[], 1009);
    let fragments = [masked(BINARY_BEGINS, &[0; 1_000]), masked(CONTINUES, &[0; 1_000]), masked(ENDS, &[0])];
    expect_fault(addr, &fragments.concat(), &[], 1009);
    closed_by_fault(&server, 3);
}

// ---- closing -----------------------------------------------------------------------------------------

/// A server whose contract tells how its connections ended.
fn telling(limits: Limits) -> (Server, SocketAddr, mpsc::Receiver<Closed>) {
    let (tells, hears) = mpsc::channel();
    let factory = move |_: &mut Setup<'_>| {
        let tells = tells.clone();
        Script::new()
            .message(|fx, peer, message| {
                let text = String::from_utf8_lossy(message.as_bytes());
                let (code, reason) = text.split_once(' ').unwrap();
                fx.send(peer, "before");
                fx.close(peer, CloseCode::new(code.parse().unwrap()).unwrap(), reason);
                fx.send(peer, "after");
            })
            .closed(move |_, _, how| {
                // The test may be over.
                let _ = tells.send(how);
            })
    };
    let (server, addr) = start(Server::builder().limits(limits).mount("/", factory));
    (server, addr, hears)
}

#[test]
fn a_clients_close_is_answered_with_its_code_and_told_to_the_contract() {
    let (_server, addr, hears) = telling(Limits::default());
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3001, 3999, 4000, 4001, 4999] {
        for reason in ["", "so long", &"x".repeat(123)] {
            let mut client = Client::open(addr, "/");
            client.send_frame(CLOSE, close_payload(code, reason));
            client.expect_close(code);
            client.expect_end();
            assert_eq!(take(&hears), Closed { cause: CloseCause::Peer, code: CloseCode::new(code).unwrap() });
        }
    }
    let mut client = Client::open(addr, "/");
    client.send_frame(CLOSE, "");
    client.expect_frame(CLOSE, "");
    client.expect_end();
    assert_eq!(take(&hears), Closed { cause: CloseCause::Peer, code: CloseCode::NO_STATUS });
}

#[test]
fn a_malformed_close_is_answered_with_its_fault() {
    let (_server, addr, hears) = telling(Limits::default());
    let mut cases = vec![(vec![3], 1002), (close_payload(1000, &"x".repeat(124)), 1002)];
    cases.push(([&1000_u16.to_be_bytes()[..], b"\xFF\xFE"].concat(), 1007));
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        cases.push((close_payload(code, ""), 1002));
    }
    for (payload, answer) in cases {
        let mut client = Client::open(addr, "/");
        client.send_frame(CLOSE, &payload);
        client.expect_close(answer);
        client.try_send(masked(CLOSE, &close_payload(1000, "")));
        client.expect_end();
        assert_eq!(take(&hears).code.get(), answer, "{payload:?}");
    }
}

#[test]
fn what_follows_a_close_is_not_heard() {
    let (_server, addr) = echo_server(Limits::default());
    let mut client = Client::open(addr, "/");
    let frames =
        [masked(TEXT, b"heard"), masked(CLOSE, &close_payload(1000, "")), masked(TEXT, b"not heard")];
    client.send(frames.concat());
    client.expect_text("heard");
    client.expect_close(1000);
    client.expect_end();
}

#[test]
fn the_servers_close_is_the_last_thing_it_sends() {
    let (server, addr, hears) = telling(Limits::default());
    for (code, reason) in [(1000, "done"), (1008, ""), (4321, "ä of my own")] {
        let mut client = Client::open(addr, "/");
        client.text(&format!("{code} {reason}"));
        client.expect_text("before");
        assert_eq!(client.expect_close(code), reason);
        assert_eq!(take(&hears), Closed { cause: CloseCause::Contract, code: CloseCode::new(code).unwrap() });
        // Pings are not answered any more; the close is.
        client.send_frame(PING, "anyone?");
        client.send_frame(CLOSE, close_payload(code, ""));
        client.expect_end();
    }
    let stats = stats_until(&server.handle(), "all are gone", |stats| stats.connections == 0);
    assert_eq!((stats.closed_contract, stats.closed_timeout, stats.effects_stale), (3, 0, 3));
    assert!(hears.try_recv().is_err(), "each end is told once");
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let (_server, addr, _hears) = telling(Limits::default());
    let mut client = Client::open(addr, "/");
    client.text(&format!("1000 {}", "ä".repeat(100)));
    client.expect_text("before");
    assert_eq!(client.expect_close(1000), "ä".repeat(61));
}

#[test]
fn a_close_that_is_not_answered_ends_in_time() {
    let (server, addr, hears) = telling(limits(|limits| limits.close_wait = Duration::from_millis(50)));
    let mut client = Client::open(addr, "/");
    client.text("1000 answer me");
    client.expect_text("before");
    client.expect_close(1000);
    client.expect_end();
    assert_eq!(take(&hears).cause, CloseCause::Contract);
    stats_until(&server.handle(), "it is gone", |stats| stats.connections == 0);
    assert!(hears.try_recv().is_err(), "each end is told once");
}

#[test]
fn a_connection_that_ends_without_a_close_is_lost() {
    let (_server, addr, hears) = telling(Limits::default());
    let lost = Closed { cause: CloseCause::Lost, code: CloseCode::ABNORMAL };
    drop(Client::open(addr, "/"));
    assert_eq!(take(&hears), lost);
    Client::open(addr, "/").reset();
    assert_eq!(take(&hears), lost);
    let mut cut = Client::open(addr, "/");
    cut.send(&masked(TEXT, b"1000 never whole")[..9]);
    drop(cut);
    assert_eq!(take(&hears), lost);
}

// ---- liveness ----------------------------------------------------------------------------------------

#[test]
fn a_silent_client_is_pinged_and_dropped_and_one_that_answers_stays() {
    let quick = limits(|limits| {
        limits.ping_interval = Some(Duration::from_millis(20));
        // Long enough for an answer on a busy machine.
        limits.pong_wait = Duration::from_secs(1);
    });
    let (server, addr, hears) = telling(quick);
    let mut silent = Client::open(addr, "/");
    silent.expect_frame(PING, "");
    silent.expect_end();
    assert_eq!(take(&hears), Closed { cause: CloseCause::Timeout, code: CloseCode::ABNORMAL });

    // One that answers outlives several such waits, although its answers come long before their ends.
    let mut alive = Client::open(addr, "/");
    for _ in 0..3 {
        alive.expect_frame(PING, "");
        alive.send_frame(PONG, "");
    }
    // Any frame is a sign of life.
    alive.expect_frame(PING, "");
    alive.text("4000 still here");
    loop {
        match alive.frame() {
            support::Frame { first: PING, .. } => {}
            frame => {
                assert_eq!(frame.payload, b"before");
                break;
            }
        }
    }
    alive.expect_close(4000);
    assert_eq!(stats_until(&server.handle(), "it is closed", |stats| stats.open == 0).closed_timeout, 1);
}

#[test]
fn a_client_that_talks_is_not_pinged() {
    let (pings, interval) = (|stats: &Stats| stats.pings, Duration::from_millis(500));
    let (server, addr) = echo_server(limits(|limits| limits.ping_interval = Some(interval)));
    let mut client = Client::open(addr, "/");
    let begun = std::time::Instant::now();
    // For several intervals, without a pause that comes near one: if the machine makes one, the test shows nothing.
    let mut longest = Duration::ZERO;
    while begun.elapsed() < 3 * interval {
        let before = std::time::Instant::now();
        client.text("hello");
        let frame = client.frame();
        longest = longest.max(before.elapsed());
        if longest >= interval {
            return;
        }
        assert_eq!(frame.payload, b"hello");
    }
    assert_eq!(pings(&server.stats()), 0);
}

#[test]
fn tungstenites_own_client_agrees() {
    let (server, addr) = echo_server(Limits::default());
    let stream = std::net::TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    let (mut socket, response) = tungstenite::client(format!("ws://{addr}/"), stream).unwrap();
    assert_eq!(response.status(), 101);
    for len in [0, 10, 1_000, 100_000] {
        let message = tungstenite::Message::text("ü".repeat(len));
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    let stats = stats_until(&server.handle(), "it is gone", |stats| stats.connections == 0);
    assert_eq!(stats.closed_peer, 1);
}

/// A contract that leaves everything to its defaults.
struct Deaf;

impl Contract for Deaf {
    fn message(&mut self, _: &mut andon::Effects, _: andon::ConnId, _: andon::Message<'_>) {}
}

#[test]
fn a_contract_need_not_answer() {
    let (server, addr) = start(Server::builder().mount("/", |_: &mut Setup<'_>| Deaf));
    let mut client = Client::open(addr, "/");
    client.text("hello?");
    client.send_frame(PING, "still there?");
    client.expect_frame(PONG, "still there?");
    let stats = stats_until(&server.handle(), "it is heard", |stats| {
        stats.messages_in == 1 && stats.frames_private > 0
    });
    assert_eq!(stats.frames_private, 1, "the pong; the answer to the upgrade is no frame");
}
