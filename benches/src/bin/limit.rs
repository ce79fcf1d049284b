//! The yardstick: the least that a WebSocket server can do on one thread.
//!
//!     limit each|coalesce [--listen IP:PORT]
//!
//! Raw epoll, level-triggered, one `recv` per readiness, frames encoded once, and per subscriber
//!
//! - `each`: one `send` for each message, so the floor where messages come singly;
//! - `coalesce`: one `send` for all messages published in one turn of the loop, the floor where they come in bursts.
//!
//! It has none of a server's duties: no limits, no time-outs, no UTF-8 check, no fragments, an unbounded
//! backlog for whoever does not read. What a real server takes more than this is what those duties cost.

use andon_bench::{
    descriptors,
    epoll::{Epoll, Interest},
    frame,
    publish::{Numbered, Request},
    socket::Listener,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha1_smol::Sha1;
use std::{
    hint::black_box,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddrV4, TcpStream},
    os::fd::AsRawFd,
    process::ExitCode,
};

const READ_BUFFER_BYTES: usize = 256 * 1024;
const ACCEPTS_PER_TURN: usize = 64;
const LISTENER: u64 = u64::MAX;

/// How many sends a turn's messages take per subscriber.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sends {
    Each,
    Coalesce,
}

/// What a connection came for, which its path says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Upgrading,
    Monitor,
    Control,
    Ingest,
    Echo,
}

impl Role {
    fn of(path: &str) -> Self {
        match path {
            "/ws/monitor" => Self::Monitor,
            "/ws/ctl" => Self::Control,
            "/ws/ingest" => Self::Ingest,
            _ => Self::Echo,
        }
    }
}

struct Connection {
    stream: TcpStream,
    role: Role,
    /// The beginning of a frame whose rest has not arrived.
    partial: Vec<u8>,
    /// What the socket did not take, sent from `backlog_at` on.
    backlog: Vec<u8>,
    backlog_at: usize,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self { stream, role: Role::Upgrading, partial: Vec::new(), backlog: Vec::new(), backlog_at: 0 }
    }

    /// One `send`; what the socket does not take waits in the backlog.
    fn send(&mut self, epoll: &Epoll, bytes: &[u8]) {
        if !self.backlog.is_empty() {
            self.backlog.extend_from_slice(bytes);
            return;
        }
        let taken = (&self.stream).write(bytes).unwrap_or(0);
        if taken < bytes.len() {
            self.backlog.extend_from_slice(&bytes[taken..]);
            self.watch(epoll, Interest::ReadWrite);
        }
    }

    fn send_backlog(&mut self, epoll: &Epoll) {
        self.backlog_at += (&self.stream).write(&self.backlog[self.backlog_at..]).unwrap_or(0);
        if self.backlog_at == self.backlog.len() {
            self.backlog = Vec::new();
            self.backlog_at = 0;
            self.watch(epoll, Interest::Read);
        }
    }

    fn watch(&self, epoll: &Epoll, interest: Interest) {
        let token = self.stream.as_raw_fd() as u64;
        // It can fail only for a descriptor that is not watched, which then is never heard of again either.
        let _ = epoll.change(&self.stream, interest, token);
    }
}

struct Limit {
    epoll: Epoll,
    listener: Listener,
    sends: Sends,
    /// By descriptor: the kernel hands out the lowest that is free, so that the table stays dense.
    connections: Vec<Option<Box<Connection>>>,
    subscribers: Vec<usize>,
    /// Asked for in this turn, published at its end.
    requests: Vec<Request>,
    numbered: Numbered,
    frames: Vec<u8>,
    replies: Vec<u8>,
    ingested: u64,
    buffer: Vec<u8>,
}

impl Limit {
    fn new(listen: SocketAddrV4, sends: Sends) -> io::Result<Self> {
        let listener = Listener::bind(listen)?;
        let epoll = Epoll::new()?;
        epoll.add(&listener, Interest::Read, LISTENER)?;
        Ok(Self {
            epoll,
            listener,
            sends,
            connections: Vec::new(),
            subscribers: Vec::new(),
            requests: Vec::new(),
            numbered: Numbered::default(),
            frames: Vec::new(),
            replies: Vec::new(),
            ingested: 0,
            buffer: vec![0; READ_BUFFER_BYTES],
        })
    }

    /// One turn: everything that is readable, then everything that was asked to be published.
    fn turn(&mut self) {
        let count = self.epoll.wait(-1, usize::MAX);
        for index in 0..count {
            let ready = self.epoll.ready(index);
            if ready.token() == LISTENER {
                self.accept();
                continue;
            }
            let slot = ready.token() as usize;
            if ready.writable()
                && let Some(connection) = &mut self.connections[slot]
            {
                connection.send_backlog(&self.epoll);
            }
            if ready.readable() && self.read(slot) == Next::Over {
                self.close(slot);
            }
        }
        self.publish();
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Ok(stream) = self.listener.accept() else { return };
            let slot = stream.as_raw_fd() as usize;
            if stream.set_nodelay(true).is_err()
                || self.epoll.add(&stream, Interest::Read, slot as u64).is_err()
            {
                continue;
            }
            if self.connections.len() <= slot {
                self.connections.resize_with(slot + 1, || None);
            }
            self.connections[slot] = Some(Box::new(Connection::new(stream)));
        }
    }

    fn close(&mut self, slot: usize) {
        if let Some(connection) = self.connections[slot].take()
            && connection.role == Role::Monitor
        {
            self.subscribers.retain(|&subscriber| subscriber != slot);
        }
    }

    fn read(&mut self, slot: usize) -> Next {
        let Some(connection) = &mut self.connections[slot] else { return Next::Goes };
        let kept = connection.partial.len();
        self.buffer[..kept].copy_from_slice(&connection.partial);
        let end = match (&connection.stream).read(&mut self.buffer[kept..]) {
            Ok(0) => return Next::Over,
            Ok(count) => kept + count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Next::Goes,
            Err(_) => return Next::Over,
        };
        connection.partial.clear();
        let mut at = 0;
        if connection.role == Role::Upgrading
            && let Some(upgrade) = Upgrade::find(&self.buffer[..end])
        {
            at = upgrade.head_bytes;
            connection.role = upgrade.role;
            if upgrade.role == Role::Monitor {
                self.subscribers.push(slot);
            }
            // A new socket takes as much as this.
            let _ = (&connection.stream).write(upgrade.answer.as_bytes());
        }
        let mut next = Next::Goes;
        if connection.role != Role::Upgrading {
            let (replies, requests, ingested) = (&mut self.replies, &mut self.requests, &mut self.ingested);
            at += walk(&mut self.buffer[at..end], |opcode, payload| match (opcode, connection.role) {
                (frame::CLOSE, _) => {
                    frame::put_unmasked(replies, frame::CLOSE, &payload[..payload.len().min(2)]);
                    next = Next::Over;
                }
                (frame::PING, _) => frame::put_unmasked(replies, frame::PONG, payload),
                (_, Role::Control) => requests.extend(Request::parse(payload)),
                (_, Role::Ingest) if payload == b"Q" => {
                    frame::put_unmasked(replies, frame::TEXT, ingested.to_string().as_bytes());
                }
                (_, Role::Ingest) => {
                    *ingested += 1;
                    // So that the unmasking is not optimised away.
                    black_box(payload);
                }
                (frame::TEXT | frame::BINARY, Role::Echo) => frame::put_unmasked(replies, opcode, payload),
                _ => {}
            });
            if !self.replies.is_empty() {
                // As each client has little outstanding, its socket takes it.
                let _ = (&connection.stream).write(&self.replies);
                self.replies.clear();
            }
        }
        connection.partial.extend_from_slice(&self.buffer[at..end]);
        next
    }

    fn publish(&mut self) {
        let mut requests = std::mem::take(&mut self.requests);
        self.frames.clear();
        for request in requests.drain(..) {
            for nth in 0..request.count {
                let message = self.numbered.get(request.seq + nth, request.size);
                frame::put_unmasked(&mut self.frames, frame::TEXT, message);
                if self.sends == Sends::Each {
                    self.fan_out();
                    self.frames.clear();
                }
            }
        }
        if !self.frames.is_empty() {
            self.fan_out();
        }
        self.requests = requests;
    }

    fn fan_out(&mut self) {
        for &slot in &self.subscribers {
            if let Some(connection) = &mut self.connections[slot] {
                connection.send(&self.epoll, &self.frames);
            }
        }
    }
}

/// What becomes of a connection after a read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Goes,
    Over,
}

struct Upgrade {
    role: Role,
    answer: String,
    head_bytes: usize,
}

impl Upgrade {
    /// A request to upgrade at the beginning of `bytes`, if it is whole.
    fn find(bytes: &[u8]) -> Option<Self> {
        let head_bytes = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&bytes[..head_bytes]).ok()?;
        let path = head.split(' ').nth(1)?;
        let key = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
        })?;
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            accept(key)
        );
        Some(Self { role: Role::of(path), answer, head_bytes })
    }
}

/// The answer to a key (RFC 6455, 4.2.2).
fn accept(key: &str) -> String {
    let mut hash = Sha1::from(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.digest().bytes())
}

/// Unmasks the whole frames at the beginning of `bytes` where they lie and hands each on; returns how many bytes they were.
fn walk(bytes: &mut [u8], mut on_frame: impl FnMut(u8, &[u8])) -> usize {
    let mut at = 0;
    while let Some((head, length)) = measure(&bytes[at..]) {
        let opcode = bytes[at] & 0x0f;
        let payload = at + head..at + head + length;
        let Some(mask) = bytes[..payload.start].last_chunk::<4>().copied() else { break };
        if payload.end > bytes.len() {
            break;
        }
        at = payload.end;
        let payload = &mut bytes[payload];
        unmask(payload, mask);
        on_frame(opcode, payload);
    }
    at
}

/// The lengths of a masked frame's head, its mask included, and of its payload; `None` if the head is incomplete.
fn measure(bytes: &[u8]) -> Option<(usize, usize)> {
    let (head, length) = match bytes.get(1)? & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
        short => (2, usize::from(short)),
    };
    (bytes.len() >= head + 4).then_some((head + 4, length))
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(never) => match never {},
        Err(why) => {
            eprintln!("limit: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<std::convert::Infallible, String> {
    const USAGE: &str = "usage: limit each|coalesce [--listen IP:PORT]";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (sends, listen) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [sends] => (sends, "127.0.0.1:0"),
        [sends, "--listen", listen] => (sends, listen),
        _ => return Err(USAGE.to_owned()),
    };
    let sends = match sends {
        "each" => Sends::Each,
        "coalesce" => Sends::Coalesce,
        _ => return Err(USAGE.to_owned()),
    };
    let listen = listen.parse().map_err(|_| format!("{listen} is not an IPv4 address and a port"))?;
    descriptors::raise_limit().map_err(|error| format!("cannot raise the descriptor limit: {error}"))?;
    let mut limit =
        Limit::new(listen, sends).map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let address = limit.listener.address().map_err(|error| error.to_string())?;
    println!("listening on ws://{address}");
    loop {
        limit.turn();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_value_is_the_one_of_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn whole_frames_are_walked_and_a_partial_one_is_left() {
        let long = vec![b'y'; 70_000];
        let mut bytes = Vec::new();
        for payload in [&b"hello"[..], b"", &long[..300], &long] {
            frame::put_masked(&mut bytes, frame::TEXT, payload, [1, 2, 3, 4]);
        }
        let whole = bytes.len();
        frame::put_masked(&mut bytes, frame::BINARY, b"cut off", [9, 8, 7, 6]);
        for end in whole..bytes.len() {
            let mut seen = Vec::new();
            let mut cut = bytes[..end].to_vec();
            let walked = walk(&mut cut, |opcode, payload| seen.push((opcode, payload.to_vec())));
            assert_eq!(walked, whole);
            let payloads: Vec<&[u8]> = seen.iter().map(|(_, payload)| &payload[..]).collect();
            assert_eq!(payloads, [&b"hello"[..], b"", &long[..300], &long]);
        }
    }
}
