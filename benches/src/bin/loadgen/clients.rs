//! All connections of this process, on one epoll instance.

use super::{
    options::{Options, Target},
    parser::{BEGINNING, Message, Parser},
};
use andon_bench::{
    clock::now_ns,
    epoll::{Epoll, Interest},
    frame, socket,
    timer::Timer,
};
use std::{
    io::{self, ErrorKind, Read, Write},
    mem,
    net::{Ipv4Addr, TcpStream},
    ops::Range,
};

/// The example of RFC 6455: the key that every client sends, and the only right answer to it. The protocol does not
/// ask for security from it, only that the server has understood.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const READ_BUFFER_BYTES: usize = 256 * 1024;
/// How many a workload opens at a time.
pub(crate) const OPENED_AT_ONCE: usize = 256;
const OPENING_NS_MAX: u64 = 60_000_000_000;
const TIMER: u64 = u64::MAX;

/// The index of a connection. It stays when the connection is closed, and can be opened again.
pub(crate) type Id = usize;

/// What happens to connections.
pub(crate) trait Watch {
    /// The server has answered the upgrade.
    fn opened(&mut self, _: &mut Clients, _: Id) {}
    /// A message, or a control frame other than a ping, which has been answered.
    fn message(&mut self, _: &mut Clients, _: Id, _: Message<'_>) {}
    /// There is room to write, which was asked for with [`Clients::want_room`].
    fn writable(&mut self, _: &mut Clients, _: Id) {}
    /// It is over, not by our doing.
    fn closed(&mut self, _: &mut Clients, _: Id, _why: &str) {}
}

/// Nobody looks.
pub(crate) struct Unwatched;

impl Watch for Unwatched {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    /// The answer's head is not complete.
    Upgrading,
    Open,
    Closed,
}

struct Client {
    stream: Option<TcpStream>,
    phase: Phase,
    head: Vec<u8>,
    parser: Parser,
    /// What the socket did not take, from `unsent_at` on.
    unsent: Vec<u8>,
    unsent_at: usize,
    interest: Interest,
}

pub(crate) struct Clients {
    epoll: Epoll,
    timer: Timer,
    /// What the timer was last set to.
    wake_ns: u64,
    clients: Vec<Client>,
    buffer: Vec<u8>,
    /// For new connections.
    pub(crate) settings: socket::Settings,
    /// Addresses to connect from in turn, if not the system's choice.
    pub(crate) sources: Vec<Ipv4Addr>,
    opened: usize,
    random: u64,
    spin: bool,
    /// How much of each message is kept at least, for connections from now on.
    pub(crate) keep: usize,
    pub(crate) reads: u64,
}

fn polled() -> io::Result<(Epoll, Timer)> {
    let (epoll, timer) = (Epoll::new()?, Timer::new()?);
    epoll.add(&timer, Interest::Read, TIMER)?;
    Ok((epoll, timer))
}

impl Clients {
    pub(crate) fn new(options: &Options) -> Result<Self, String> {
        let (epoll, timer) = polled().map_err(|error| format!("cannot wait for sockets: {error}"))?;
        Ok(Self {
            epoll,
            timer,
            wake_ns: 0,
            clients: Vec::new(),
            buffer: vec![0; READ_BUFFER_BYTES],
            settings: socket::Settings::default(),
            sources: Vec::new(),
            opened: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            spin: options.spin,
            keep: if options.check { usize::MAX } else { BEGINNING },
            reads: 0,
        })
    }

    /// A mask for a frame: xorshift, as it must differ, not be secret.
    pub(crate) fn mask(&mut self) -> [u8; 4] {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        ((self.random >> 16) as u32).to_be_bytes()
    }

    /// Connections that are open.
    pub(crate) fn open_count(&self) -> usize {
        self.clients.iter().filter(|client| client.phase == Phase::Open).count()
    }

    /// Connects anew and asks for the upgrade.
    pub(crate) fn open(&mut self, target: &Target) -> io::Result<Id> {
        let client = self.connect(target, self.clients.len())?;
        self.clients.push(client);
        Ok(self.clients.len() - 1)
    }

    /// Connects again in the place of a connection that is closed.
    pub(crate) fn reopen(&mut self, id: Id, target: &Target) -> io::Result<()> {
        self.clients[id] = self.connect(target, id)?;
        Ok(())
    }

    fn connect(&mut self, target: &Target, id: Id) -> io::Result<Client> {
        let source = self.sources.get(self.opened % self.sources.len().max(1)).copied();
        let stream = socket::connect(target.address, &socket::Settings { source, ..self.settings })?;
        self.opened += 1;
        self.epoll.add(&stream, Interest::ReadWrite, id as u64)?;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n",
            target.path, target.address
        );
        Ok(Client {
            stream: Some(stream),
            phase: Phase::Connecting,
            head: Vec::new(),
            parser: Parser::new(self.keep),
            unsent: request.into_bytes(),
            unsent_at: 0,
            interest: Interest::ReadWrite,
        })
    }

    /// Opens `count` connections, at most `at_once` of them being opened at any moment.
    pub(crate) fn open_many(
        &mut self,
        target: &Target,
        count: usize,
        at_once: usize,
    ) -> Result<Range<Id>, String> {
        let mut opening = Opening { open: 0, failed: None };
        let first = self.clients.len();
        let give_up_ns = now_ns() + OPENING_NS_MAX;
        while opening.open < count {
            while self.clients.len() - first < count.min(opening.open + at_once) {
                self.open(target)
                    .map_err(|error| format!("connection {}: {error}", self.clients.len() - first))?;
            }
            self.poll(100, &mut opening);
            if let Some(why) = opening.failed {
                return Err(format!("a connection failed after {}: {why}", opening.open));
            }
            if now_ns() > give_up_ns {
                return Err(format!("timed out after {} of {count} connections", opening.open));
            }
        }
        Ok(first..self.clients.len())
    }

    /// Closes the socket; the one who does it is not told of it.
    pub(crate) fn close(&mut self, id: Id) {
        let client = &mut self.clients[id];
        client.stream = None;
        client.phase = Phase::Closed;
        client.unsent = Vec::new();
        client.unsent_at = 0;
    }

    /// Never reads from it again.
    pub(crate) fn stall(&mut self, id: Id) -> io::Result<()> {
        self.clients[id].stream.as_ref().map_or(Ok(()), |stream| self.epoll.remove(stream))
    }

    pub(crate) fn send(&mut self, id: Id, opcode: u8, payload: &[u8]) {
        let mask = self.mask();
        frame::put_masked(&mut self.clients[id].unsent, opcode, payload, mask);
        self.flush(id);
    }

    /// Hands bytes to the socket directly; 0 when there is no room.
    pub(crate) fn write(&mut self, id: Id, bytes: &[u8]) -> usize {
        // What ends a connection is seen by the next read.
        self.clients[id].stream.as_ref().map_or(0, |mut stream| stream.write(bytes).unwrap_or(0))
    }

    /// Writes what waits; is told of room as long as something does. True when nothing waits any more.
    fn flush(&mut self, id: Id) -> bool {
        let client = &mut self.clients[id];
        let Some(mut stream) = client.stream.as_ref() else { return false };
        if client.phase == Phase::Connecting {
            return false;
        }
        while client.unsent_at < client.unsent.len() {
            match stream.write(&client.unsent[client.unsent_at..]) {
                Ok(taken) => client.unsent_at += taken,
                Err(_) => break,
            }
        }
        let all = client.unsent_at == client.unsent.len();
        if all {
            client.unsent.clear();
            client.unsent_at = 0;
        }
        self.want_room(id, !all);
        all
    }

    /// Whether [`Watch::writable`] is wanted.
    pub(crate) fn want_room(&mut self, id: Id, wanted: bool) {
        let client = &mut self.clients[id];
        let interest = if wanted { Interest::ReadWrite } else { Interest::Read };
        if let Some(stream) = client.stream.as_ref().filter(|_| client.interest != interest) {
            client.interest = interest;
            // Only a descriptor that was never added could be refused.
            let _ = self.epoll.change(stream, interest, id as u64);
        }
    }

    /// Wakes the poll at that time at the latest.
    pub(crate) fn wake_at(&mut self, at_ns: u64) {
        if self.wake_ns != at_ns {
            self.wake_ns = at_ns;
            self.timer.set(at_ns);
        }
    }

    /// One turn: waits at most `timeout_ms` for connections to be ready, and tells of what they have.
    pub(crate) fn poll(&mut self, timeout_ms: i32, watch: &mut impl Watch) {
        self.poll_some(timeout_ms, usize::MAX, watch);
    }

    /// The same, with at most so many connections in this turn. Returns when the waiting was over.
    pub(crate) fn poll_some(&mut self, timeout_ms: i32, most: usize, watch: &mut impl Watch) -> u64 {
        let count = self.epoll.wait(if self.spin { 0 } else { timeout_ms }, most);
        let woken_ns = now_ns();
        for index in 0..count {
            let ready = self.epoll.ready(index);
            if ready.token() == TIMER {
                self.timer.clear();
                continue;
            }
            let id = ready.token() as Id;
            if ready.writable() {
                self.write_ready(id, watch);
            }
            if ready.readable() {
                self.read(id, watch);
            }
        }
        woken_ns
    }

    fn write_ready(&mut self, id: Id, watch: &mut impl Watch) {
        let client = &mut self.clients[id];
        let Some(stream) = &client.stream else { return };
        if client.phase == Phase::Connecting {
            if let Ok(Some(error)) | Err(error) = stream.take_error() {
                return self.fail(id, &format!("connect: {error}"), watch);
            }
            client.phase = Phase::Upgrading;
            self.flush(id);
        } else if self.flush(id) && self.clients[id].phase == Phase::Open {
            watch.writable(self, id);
        }
    }

    fn fail(&mut self, id: Id, why: &str, watch: &mut impl Watch) {
        self.close(id);
        watch.closed(self, id, why);
    }

    /// Reads once, and tells of what was read.
    pub(crate) fn read(&mut self, id: Id, watch: &mut impl Watch) {
        let Some(mut stream) = self.clients[id].stream.as_ref() else { return };
        self.reads += 1;
        let end = match stream.read(&mut self.buffer) {
            Ok(0) => return self.fail(id, "end of stream", watch),
            Ok(end) => end,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => return self.fail(id, &error.to_string(), watch),
        };
        // Lent out while the messages in it are told of, as whoever is told may use all of this.
        let buffer = mem::take(&mut self.buffer);
        let mut bytes = &buffer[..end];
        if self.clients[id].phase == Phase::Upgrading {
            match self.clients[id].upgraded(bytes) {
                Ok(None) => bytes = &[],
                Ok(Some(after)) => {
                    bytes = &bytes[after..];
                    watch.opened(self, id);
                }
                Err(why) => {
                    bytes = &[];
                    self.fail(id, &why, watch);
                }
            }
        }
        if !bytes.is_empty() && self.clients[id].phase == Phase::Open {
            let mut parser = mem::replace(&mut self.clients[id].parser, Parser::new(self.keep));
            let result = parser.feed(bytes, |message| match message.opcode {
                frame::PING => self.send(id, frame::PONG, message.beginning),
                _ => watch.message(self, id, message),
            });
            // It may have been closed, or even opened again, by who was told of a message.
            if self.clients[id].phase == Phase::Open {
                self.clients[id].parser = parser;
                if let Err(violation) = result {
                    self.fail(id, &format!("protocol violation: {violation:?}"), watch);
                }
            }
        }
        self.buffer = buffer;
    }

    /// Goes on for a while, with nobody looking.
    pub(crate) fn rest(&mut self, ns: u64) {
        let until_ns = now_ns() + ns;
        while now_ns() < until_ns {
            self.poll(20, &mut Unwatched);
        }
    }
}

impl Client {
    /// Takes bytes of the answer to the upgrade. Once its head is complete, says how many of them belonged to it.
    fn upgraded(&mut self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = mem::take(&mut self.head);
        let head = String::from_utf8_lossy(&head[..end]);
        let accepted = head.lines().any(|line| {
            line.split_once(':').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == ACCEPT
            })
        });
        if !head.starts_with("HTTP/1.1 101") || !accepted {
            return Err(format!("upgrade refused: {}", head.lines().next().unwrap_or_default()));
        }
        self.phase = Phase::Open;
        Ok(Some(end + 4 - before))
    }
}

/// Counts while many are opened.
struct Opening {
    open: usize,
    failed: Option<String>,
}

impl Watch for Opening {
    fn opened(&mut self, _: &mut Clients, _: Id) {
        self.open += 1;
    }

    fn closed(&mut self, _: &mut Clients, _: Id, why: &str) {
        self.failed = Some(why.to_owned());
    }
}
