//! What the integration tests share: a raw client, which does what it is told and nothing more, and contracts made of closures.
//!
//! Nothing here sleeps. Whoever waits blocks on a socket or a channel, and [`PATIENCE`] turns waiting for ever into a failure.
#![allow(dead_code, reason = "each test binary uses a part of it")]

#[cfg(all(unix, feature = "contracts"))]
pub(crate) mod bringup;
pub(crate) mod counting;
pub(crate) mod host;
pub(crate) mod http;
#[cfg(feature = "contracts")]
pub(crate) mod program;

use andon::{
    Admission, Builder, Closed, ConnId, Contract, Effects, Handle, Hello, Limits, Message, RecordTicket,
    Response, Server, Setup, StoreError,
};
use std::{
    any::Any,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// How long anything may take before the test fails. Never how long a test takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;

/// Starts a server on a free port of the loopback address.
#[track_caller]
pub(crate) fn start(builder: Builder) -> (Server, SocketAddr) {
    let server = builder.listen("127.0.0.1:0").start().expect("the server starts");
    let addr = server.local_addrs()[0];
    (server, addr)
}

/// The default limits, changed.
pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

/// Tries until it holds. For what the server does with nobody to tell; what has a wire or a channel is awaited there.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never came to be that {what}");
        std::thread::yield_now();
    }
}

/// Receives, within [`PATIENCE`].
#[track_caller]
pub(crate) fn take<T>(channel: &mpsc::Receiver<T>) -> T {
    channel.recv_timeout(PATIENCE).expect("something is sent in time")
}

/// A frame as a client sends it.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    let mut frame = header(first, 0x80, payload.len());
    frame.extend_from_slice(&KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The same without a mask, which no client may send.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, 0, payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn header(first: u8, mask: u8, len: usize) -> Vec<u8> {
    let mut header = vec![first];
    match len {
        0..126 => header.push(mask | len as u8),
        126..=0xFFFF => {
            header.push(mask | 126);
            header.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            header.push(mask | 127);
            header.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    header
}

/// The payload of a close frame.
pub(crate) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

/// A request line and its headers, for an upgrade.
pub(crate) fn upgrade_head(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// A request for what lies at a path.
pub(crate) fn get_head(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The end of the body was seen, not only the end of the connection.
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }
}

/// One frame from the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

/// A TCP client that does what it is told.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// Read, and not looked at yet.
    pub(crate) buffer: Vec<u8>,
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).expect("the server accepts"))
    }

    /// One with a small receive buffer, so that not reading is soon felt by the server.
    #[track_caller]
    pub(crate) fn connect_narrow(addr: SocketAddr, receive_bytes: usize) -> Self {
        let domain = socket2::Domain::for_address(addr);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(receive_bytes).expect("a small buffer");
        socket.connect(&addr.into()).expect("the server accepts");
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, buffer: Vec::new() }
    }

    /// Connects and upgrades.
    #[track_caller]
    pub(crate) fn open(addr: SocketAddr, path: &str) -> Self {
        let mut client = Self::connect(addr);
        client.upgrade(path);
        client
    }

    #[track_caller]
    pub(crate) fn upgrade(&mut self, path: &str) -> Answer {
        let answer = self.ask(&upgrade_head(path, ""));
        assert_eq!(answer.status, 101, "{}", answer.head);
        answer
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server takes bytes");
    }

    /// Sends what the server may not want to hear any more.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    #[track_caller]
    pub(crate) fn send_frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.send(masked(first, payload.as_ref()));
    }

    #[track_caller]
    pub(crate) fn text(&mut self, text: &str) {
        self.send_frame(TEXT, text);
    }

    /// Reads once. False at the end of the connection, also by a reset.
    #[track_caller]
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 16 << 10];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(n) => {
                self.buffer.extend_from_slice(&chunk[..n]);
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => {
                panic!("nothing came from the server: {error}; before it: {:?}", self.buffer.escape_ascii())
            }
        }
    }

    /// Waits for so many bytes. False when the connection ends before.
    #[track_caller]
    pub(crate) fn await_bytes(&mut self, len: usize) -> bool {
        while self.buffer.len() < len {
            if !self.fill() {
                return false;
            }
        }
        true
    }

    #[track_caller]
    fn take_head(&mut self) -> String {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.buffer.drain(..at + 4).collect();
                return String::from_utf8(head).expect("a head is text");
            }
            assert!(
                self.fill(),
                "the connection ended before a whole head: {:?}",
                self.buffer.escape_ascii()
            );
        }
    }

    #[track_caller]
    fn take_line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Sends a request and takes its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: &str) -> Answer {
        self.send(request);
        self.answer()
    }

    /// `GET path`, and its answer.
    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask(&get_head(path))
    }

    /// Takes one answer: to anything but a HEAD.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = self.answer_head();
        if answer.status < 200 || matches!(answer.status, 204 | 304) {
            return answer;
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.whole = false;
            while let Some(chunk) = self.chunk() {
                answer.whole = chunk.is_empty();
                if answer.whole {
                    break;
                }
                answer.body.extend(chunk);
            }
            if !answer.whole {
                answer.body.append(&mut self.buffer);
            }
        } else if let Some(len) = answer.header("content-length") {
            let len = len.parse().expect("a length");
            answer.whole = self.await_bytes(len);
            answer.body = self.buffer.drain(..len.min(self.buffer.len())).collect();
        } else {
            while self.fill() {}
            answer.body = std::mem::take(&mut self.buffer);
        }
        answer
    }

    /// Takes the next chunk of a body, the last of which is empty; `None` when the connection ends before a whole one.
    #[track_caller]
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.take_line()?;
        let len = usize::from_str_radix(&line, 16).expect("the length of a chunk");
        if !self.await_bytes(len + 2) {
            return None;
        }
        let chunk = self.buffer.drain(..len).collect();
        assert_eq!(self.buffer.drain(..2).collect::<Vec<_>>(), b"\r\n");
        Some(chunk)
    }

    /// Takes the head of an answer.
    #[track_caller]
    pub(crate) fn answer_head(&mut self) -> Answer {
        let head = self.take_head();
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status line");
        Answer { status, head, body: Vec::new(), whole: true }
    }

    /// The next frame, `None` at the end of the connection. Never one with a mask.
    #[track_caller]
    pub(crate) fn try_frame(&mut self) -> Option<Frame> {
        if !self.await_bytes(2) {
            assert!(self.buffer.is_empty(), "the connection ended in the middle of a frame");
            return None;
        }
        assert_eq!(self.buffer[1] & 0x80, 0, "a server must not mask");
        let (from, len) = match self.buffer[1] {
            126 => {
                assert!(self.await_bytes(4), "the connection ended in the middle of a frame");
                (4, usize::from(u16::from_be_bytes([self.buffer[2], self.buffer[3]])))
            }
            127 => {
                assert!(self.await_bytes(10), "the connection ended in the middle of a frame");
                let len: [u8; 8] = self.buffer[2..10].try_into().expect("eight bytes");
                (10, u64::from_be_bytes(len) as usize)
            }
            short => (2, usize::from(short)),
        };
        assert!(self.await_bytes(from + len), "the connection ended in the middle of a frame");
        let frame: Vec<u8> = self.buffer.drain(..from + len).collect();
        Some(Frame { first: frame[0], payload: frame[from..].to_vec() })
    }

    #[track_caller]
    pub(crate) fn frame(&mut self) -> Frame {
        self.try_frame().expect("a frame, not the end of the connection")
    }

    #[track_caller]
    pub(crate) fn expect_frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        let frame = self.frame();
        let (got, want) = (&frame.payload, payload.as_ref());
        assert_eq!(frame.first, first, "with the payload {:?}", got[..got.len().min(200)].escape_ascii());
        assert!(
            got == want,
            "{} bytes {:?} instead of {} bytes {:?}",
            got.len(),
            got[..got.len().min(100)].escape_ascii(),
            want.len(),
            want[..want.len().min(100)].escape_ascii()
        );
    }

    #[track_caller]
    pub(crate) fn expect_text(&mut self, text: &str) {
        self.expect_frame(TEXT, text);
    }

    #[track_caller]
    pub(crate) fn take_text(&mut self) -> String {
        let frame = self.frame();
        assert_eq!(frame.first, TEXT);
        String::from_utf8(frame.payload).expect("text is UTF-8")
    }

    /// The next frame is a close with this code. Returns its reason.
    #[track_caller]
    pub(crate) fn expect_close(&mut self, code: u16) -> String {
        let frame = self.frame();
        let text = frame.payload.escape_ascii().to_string();
        assert_eq!(frame.first, CLOSE, "with the payload {text}");
        assert!(frame.payload.len() >= 2, "a close without a code instead of {code}");
        assert_eq!(u16::from_be_bytes([frame.payload[0], frame.payload[1]]), code, "{text}");
        String::from_utf8(frame.payload[2..].to_vec()).expect("a reason is UTF-8")
    }

    /// As [`expect_close`](Self::expect_close), and answers it, as a client does that takes its leave in order.
    #[track_caller]
    pub(crate) fn expect_close_and_answer(&mut self, code: u16) -> String {
        let reason = self.expect_close(code);
        self.send_frame(CLOSE, close_payload(code, ""));
        reason
    }

    /// The connection ends, with nothing more.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        while self.fill() {}
        assert!(self.buffer.is_empty(), "still there: {:?}", self.buffer.escape_ascii());
    }

    /// Reads and forgets until the connection ends.
    #[track_caller]
    pub(crate) fn drain(&mut self) {
        while self.fill() {
            self.buffer.clear();
        }
    }

    /// Goes at once, by a reset.
    pub(crate) fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).expect("no lingering");
    }
}

/// Sends back what comes.
pub(crate) struct Echo;

impl Contract for Echo {
    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        fx.send(peer, message);
    }
}

/// Its factory.
pub(crate) fn echo(_: &mut Setup<'_>) -> Echo {
    Echo
}

type OnHello = Box<dyn FnMut(&mut Effects, ConnId, &Hello<'_>) + Send>;
type OnMessage = Box<dyn FnMut(&mut Effects, ConnId, Message<'_>) + Send>;
type OnClosed = Box<dyn FnMut(&mut Effects, ConnId, Closed) + Send>;
type OnCommand = Box<dyn FnMut(&mut Effects, Box<dyn Any + Send>) + Send>;
type OnDeadline = Box<dyn FnMut(&mut Effects) + Send>;
type OnRecorded = Box<dyn FnMut(&mut Effects, RecordTicket, Result<(), &StoreError>) + Send>;
type OnAdmit = Box<dyn FnMut(&Hello<'_>) -> Result<Admission, Response> + Send>;

/// A contract made of closures; what it has none for it ignores.
#[derive(Default)]
pub(crate) struct Script {
    admit: Option<OnAdmit>,
    opened: Option<OnHello>,
    message: Option<OnMessage>,
    closed: Option<OnClosed>,
    command: Option<OnCommand>,
    deadline: Option<OnDeadline>,
    recorded: Option<OnRecorded>,
    shutdown: Option<OnDeadline>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn admit(
        mut self,
        on: impl FnMut(&Hello<'_>) -> Result<Admission, Response> + Send + 'static,
    ) -> Self {
        self.admit = Some(Box::new(on));
        self
    }

    pub(crate) fn opened(
        mut self,
        on: impl FnMut(&mut Effects, ConnId, &Hello<'_>) + Send + 'static,
    ) -> Self {
        self.opened = Some(Box::new(on));
        self
    }

    pub(crate) fn message(
        mut self,
        on: impl FnMut(&mut Effects, ConnId, Message<'_>) + Send + 'static,
    ) -> Self {
        self.message = Some(Box::new(on));
        self
    }

    pub(crate) fn closed(mut self, on: impl FnMut(&mut Effects, ConnId, Closed) + Send + 'static) -> Self {
        self.closed = Some(Box::new(on));
        self
    }

    pub(crate) fn command(
        mut self,
        on: impl FnMut(&mut Effects, Box<dyn Any + Send>) + Send + 'static,
    ) -> Self {
        self.command = Some(Box::new(on));
        self
    }

    pub(crate) fn deadline(mut self, on: impl FnMut(&mut Effects) + Send + 'static) -> Self {
        self.deadline = Some(Box::new(on));
        self
    }

    pub(crate) fn recorded(
        mut self,
        on: impl FnMut(&mut Effects, RecordTicket, Result<(), &StoreError>) + Send + 'static,
    ) -> Self {
        self.recorded = Some(Box::new(on));
        self
    }

    pub(crate) fn shutdown(mut self, on: impl FnMut(&mut Effects) + Send + 'static) -> Self {
        self.shutdown = Some(Box::new(on));
        self
    }
}

impl Contract for Script {
    fn admit(&mut self, _: &mut Effects, _: ConnId, hello: &Hello<'_>) -> Result<Admission, Response> {
        self.admit.as_mut().map_or(Ok(Admission::new()), |on| on(hello))
    }

    fn opened(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) {
        if let Some(on) = &mut self.opened {
            on(fx, peer, hello);
        }
    }

    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        if let Some(on) = &mut self.message {
            on(fx, peer, message);
        }
    }

    fn closed(&mut self, fx: &mut Effects, peer: ConnId, how: Closed) {
        if let Some(on) = &mut self.closed {
            on(fx, peer, how);
        }
    }

    fn command(&mut self, fx: &mut Effects, command: Box<dyn Any + Send>) {
        if let Some(on) = &mut self.command {
            on(fx, command);
        }
    }

    fn deadline(&mut self, fx: &mut Effects) {
        if let Some(on) = &mut self.deadline {
            on(fx);
        }
    }

    fn recorded(&mut self, fx: &mut Effects, ticket: RecordTicket, outcome: Result<(), &StoreError>) {
        if let Some(on) = &mut self.recorded {
            on(fx, ticket, outcome);
        }
    }

    fn shutdown(&mut self, fx: &mut Effects) {
        if let Some(on) = &mut self.shutdown {
            on(fx);
        }
    }
}

/// Waits until the counters satisfy `holds`, and returns them.
#[track_caller]
pub(crate) fn stats_until(
    handle: &Handle,
    what: &str,
    mut holds: impl FnMut(&andon::Stats) -> bool,
) -> andon::Stats {
    eventually(what, || holds(&handle.stats()));
    handle.stats()
}

/// The program of an example, built if it is not there yet.
pub(crate) fn example(name: &str) -> PathBuf {
    let deps = std::env::current_exe().expect("an example can be run");
    let profile = deps.parent().expect("an example can be run").parent().expect("an example can be run");
    let program = profile.join("examples").join(name);
    if !program.exists() {
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--example", name]).current_dir(env!("CARGO_MANIFEST_DIR"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("an example can be run").success());
    }
    program
}

/// A running example. Kills it when dropped, if it has not ended.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) addr: SocketAddr,
    /// What it says after its first line.
    pub(crate) stdout: BufReader<ChildStdout>,
}

/// Starts an example on a free port and waits until it listens.
#[track_caller]
pub(crate) fn run_example(name: &str) -> Running {
    run_example_with(name, &[])
}

/// The same, with more flags.
#[track_caller]
pub(crate) fn run_example_with(name: &str, flags: &[&str]) -> Running {
    let mut child = Command::new(example(name))
        .args(["--listen", "127.0.0.1:0"])
        .args(flags)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("an example can be run");
    let mut stdout = BufReader::new(child.stdout.take().expect("an example can be run"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("an example can be run");
    let addr = line.trim().strip_prefix("listening on ws://").unwrap_or_else(|| panic!("{line:?}"));
    Running { addr: addr.parse().expect("an example can be run"), child, stdout }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
