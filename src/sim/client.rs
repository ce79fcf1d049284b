//! Model clients: they speak HTTP and RFC 6455, and check everything they get against the journal.

use super::{
    contract::{Shared, open},
    journal::{Journal, Start},
    message::{Kind, Said},
    transport::Wire,
};
use crate::{
    ground::{
        close::{CloseCause, CloseCode},
        id::ConnId,
        time::Tick,
    },
    hub::topic::{Lag, SnapshotSource},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, VecDeque},
    rc::Rc,
    time::Duration,
};

/// What a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// A WebSocket.
    Socket,
    /// Plain requests.
    Requests,
    /// To send what is no HTTP.
    Garbage,
    /// To say nothing, or half a head.
    Silence,
}

/// A request that was sent, and what it may be answered with.
#[derive(Debug)]
struct Asked {
    id: u64,
    is_head: bool,
    /// The beginning of the body of a good answer.
    body: &'static str,
    upgrade: bool,
}

/// A subscription, as it was received so far.
#[derive(Debug)]
struct Track {
    start: Start,
    /// The highest number that came, and the highest of a value.
    last: u64,
    value: u64,
    notice: u64,
    /// The number that the last snapshot of the contract told.
    told: u64,
    keys: BTreeMap<u64, u64>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: usize,
    pub(super) wire: Rc<RefCell<Wire>>,
    rng: fastrand::Rng,
    journal: Shared,
    wish: Wish,
    /// To be sent.
    out: VecDeque<u8>,
    /// Received and not looked at.
    got: Vec<u8>,
    asked: VecDeque<Asked>,
    next_ask: u64,
    is_socket: bool,
    /// The server's name for it.
    pub(super) conn: Option<ConnId>,
    said: u64,
    said_max: u64,
    message_max: usize,
    ordered: u64,
    urgent: u64,
    stamp: u64,
    tracks: HashMap<u64, Track>,
    pings: VecDeque<Vec<u8>>,
    stalled_until: Tick,
    /// Reads nothing, ever: only the server can end this.
    dead: bool,
    answers_pings: bool,
    ended: bool,
    close_sent: bool,
    pub(super) close_got: Option<u16>,
    /// It has broken a rule, or the connection: nothing more is owed to it.
    broke: bool,
    pub(super) at_end: bool,
}

type Check = Result<(), String>;

impl Client {
    pub(super) fn new(
        name: usize,
        wire: Rc<RefCell<Wire>>,
        rng: &mut fastrand::Rng,
        journal: Shared,
        message_max: usize,
    ) -> Self {
        let wish = match rng.u8(0..20) {
            0..14 => Wish::Socket,
            14..18 => Wish::Requests,
            18 => Wish::Garbage,
            _ => Wish::Silence,
        };
        let mut this = Self {
            name,
            wire,
            journal,
            wish,
            out: VecDeque::new(),
            got: Vec::new(),
            asked: VecDeque::new(),
            next_ask: 1,
            is_socket: false,
            conn: None,
            said: 0,
            said_max: rng.u64(0..60),
            message_max,
            ordered: 0,
            urgent: 0,
            stamp: 0,
            tracks: HashMap::new(),
            pings: VecDeque::new(),
            stalled_until: Tick::ZERO,
            dead: rng.u8(0..30) == 0,
            answers_pings: rng.u8(0..12) > 0,
            ended: false,
            close_sent: false,
            close_got: None,
            broke: false,
            at_end: false,
            rng: rng.fork(),
        };
        match wish {
            Wish::Socket => this.ask_socket(),
            Wish::Requests => {}
            Wish::Garbage => {
                let n = this.rng.usize(1..9_000);
                let bytes: Vec<u8> = match this.rng.u8(0..3) {
                    0 => (0..n).map(|_| this.rng.u8(..)).collect(),
                    1 => b"GET / HTTP/1.1\r\nx: ".iter().copied().chain((0..n).map(|_| b'y')).collect(),
                    _ => b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n".to_vec(),
                };
                this.out.extend(bytes);
                this.broke = true;
            }
            Wish::Silence => {
                if this.rng.bool() {
                    this.out.extend(b"GET /healthz HTT");
                }
            }
        }
        this
    }

    fn fail(&self, what: impl std::fmt::Display) -> Check {
        Err(format!("client {} ({:?}): {what}", self.name, self.conn))
    }

    // ---- speaking ------------------------------------------------------------------------------------

    fn ask_socket(&mut self) {
        let path = ["/ws0", "/ws1", "/ws1?ask", "/ws0?refuse", "/ws1?deny", "/ws0?panic"]
            [[0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5][self.rng.usize(0..14)]];
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        self.out.extend(head.into_bytes());
        self.asked.push_back(Asked { id: 0, is_head: false, body: "", upgrade: true });
        if self.rng.u8(0..4) == 0 {
            // Not waiting for the answer.
            self.speak();
        }
    }

    fn ask(&mut self) {
        let id = self.next_ask;
        self.next_ask += 1;
        let (line, body, sent): (String, &str, String) = match self.rng.u8(0..8) {
            0 => ("GET /healthz".into(), "ok", String::new()),
            1 => ("HEAD /healthz".into(), "", String::new()),
            2 => ("GET /stream".into(), "line 0\n", String::new()),
            3 => ("GET /later".into(), "later", String::new()),
            4 => ("GET /gated".into(), "ok", String::new()),
            5 => ("GET /nowhere".into(), "404", String::new()),
            6 => ("POST /echo".into(), "echo", "x".repeat(self.rng.usize(0..3_000))),
            _ => ("GET /panic".into(), "500", String::new()),
        };
        let mut head = format!("{line}?{id} HTTP/1.1\r\nHost: sim\r\n");
        if !sent.is_empty() && self.rng.bool() {
            head += "Transfer-Encoding: chunked\r\n\r\n";
            let (a, b) = sent.split_at(self.rng.usize(0..sent.len()));
            for piece in [a, b].into_iter().filter(|piece| !piece.is_empty()) {
                head += &format!("{:x}\r\n{piece}\r\n", piece.len());
            }
            head += "0\r\n\r\n";
        } else if !sent.is_empty() {
            head += &format!("Content-Length: {}\r\n\r\n{sent}", sent.len());
        } else {
            head += "\r\n";
        }
        self.out.extend(head.into_bytes());
        self.asked.push_back(Asked { id, is_head: line.starts_with("HEAD"), body, upgrade: false });
    }

    fn frame(&mut self, first: u8, payload: &[u8]) {
        self.out.push_back(first);
        match payload.len() {
            len @ 0..126 => self.out.push_back(0x80 | len as u8),
            len @ 126..65_536 => {
                self.out.push_back(0x80 | 126);
                self.out.extend((len as u16).to_be_bytes());
            }
            len => {
                self.out.push_back(0x80 | 127);
                self.out.extend((len as u64).to_be_bytes());
            }
        }
        let mask: [u8; 4] = std::array::from_fn(|_| self.rng.u8(..));
        self.out.extend(mask);
        self.out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }

    /// One message, whole or in fragments.
    fn speak(&mut self) {
        self.said += 1;
        let stamp = open(&self.journal).next_stamp();
        let size = match self.rng.u8(0..8) {
            0 => self.rng.usize(0..self.message_max),
            _ => self.rng.usize(0..200),
        };
        let said = Said { kind: Kind::Up, origin: self.name as u64, number: self.said, stamp, key: 0 };
        let text = said.encode(size).into_bytes();
        let opcode = 1 + self.rng.u8(0..2);
        if self.rng.u8(0..4) > 0 {
            self.frame(0x80 | opcode, &text);
            return;
        }
        let (a, b) = text.split_at(self.rng.usize(0..=text.len()));
        self.frame(opcode, a);
        if self.rng.bool() {
            self.ping();
        }
        self.frame(0x80, b);
    }

    fn ping(&mut self) {
        let payload: Vec<u8> = (0..self.rng.usize(0..20)).map(|_| self.rng.u8(..)).collect();
        self.frame(0x89, &payload);
        self.pings.push_back(payload);
    }

    fn close(&mut self) {
        if !std::mem::replace(&mut self.close_sent, true) {
            self.frame(0x88, &[3, 232]);
        }
    }

    /// Something is done that a client may do at any time. `quiet`: nothing new, only what it owes.
    pub(super) fn act(&mut self, now: Tick, quiet: bool) -> Check {
        let over = self.at_end || self.wire.borrow().reset;
        if !over && !quiet {
            self.live(now);
        }
        self.send(quiet);
        if !quiet && (self.dead || now < self.stalled_until) {
            return Ok(());
        }
        if self.dead && !self.wire.borrow().dropped {
            return Ok(());
        }
        self.receive(now, quiet)
    }

    /// It sends nothing more, or breaks the connection.
    pub(super) fn leave(&mut self) {
        self.broke = true;
        if self.rng.u8(0..4) == 0 {
            self.wire.borrow_mut().client_reset();
        } else {
            // Half closed: an answer under way may still come, a WebSocket is over.
            self.ended = true;
            self.out.clear();
            self.wire.borrow_mut().client_end();
        }
    }

    fn live(&mut self, now: Tick) {
        match self.rng.u32(0..1_000) {
            0..4 if self.out.is_empty() => {
                self.leave();
                return;
            }
            4..14 => {
                let millis = self.rng.u64(0..20_000);
                self.stalled_until = now + Duration::from_millis(millis);
            }
            _ => {}
        }
        if self.ended || self.close_sent || self.out.len() > 100_000 {
            return;
        }
        match self.wish {
            Wish::Requests if self.next_ask <= 8 && self.rng.u8(0..10) == 0 => {
                for _ in 0..self.rng.usize(1..4) {
                    self.ask();
                }
            }
            Wish::Socket if self.is_socket => match self.rng.u8(0..100) {
                0..30 if self.said < self.said_max => {
                    for _ in 0..self.rng.usize(1..5) {
                        self.speak();
                    }
                }
                30..33 => self.ping(),
                33 if self.rng.u8(0..4) == 0 => self.close(),
                34 if self.rng.u8(0..20) == 0 => {
                    // What the server must refuse.
                    self.broke = true;
                    match self.rng.u8(0..4) {
                        0 => self.out.extend([0x81, 5, b'h', b'e', b'l', b'l', b'o']),
                        1 => self.frame(0x83, b"?"),
                        2 => self.frame(0x81, &[0xff, 0xfe]),
                        _ => self.frame(0x82, &vec![0; self.message_max * 2]),
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn send(&mut self, quiet: bool) {
        let chunk = if quiet { usize::MAX } else { [1, 10, 100, 2_000, 100_000][self.rng.usize(0..5)] };
        let n = chunk.min(self.out.len());
        let bytes = &self.out.make_contiguous()[..n];
        let n = self.wire.borrow_mut().client_write(bytes);
        self.out.drain(..n);
    }

    // ---- listening -----------------------------------------------------------------------------------

    fn receive(&mut self, now: Tick, quiet: bool) -> Check {
        let chunk = if quiet { usize::MAX } else { [1, 20, 500, 5_000, 200_000][self.rng.usize(0..5)] };
        self.wire.borrow_mut().client_read(chunk, &mut self.got);
        while self.take()? {}
        if !self.at_end && self.wire.borrow().client_at_end() {
            self.at_end = true;
            self.wire.borrow_mut().client_end();
            return self.end(now);
        }
        Ok(())
    }

    /// Takes one answer or frame; false when none is whole.
    fn take(&mut self) -> Result<bool, String> {
        if self.is_socket { self.take_frame() } else { self.take_answer() }
    }

    fn take_answer(&mut self) -> Result<bool, String> {
        let Some(end) = memchr::memmem::find(&self.got, b"\r\n\r\n") else { return Ok(false) };
        let head = String::from_utf8_lossy(&self.got[..end]).into_owned();
        let status: u16 = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .ok_or_else(|| format!("client {}: no status line in {head:?}", self.name))?;
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (n, value) = line.split_once(": ")?;
                n.eq_ignore_ascii_case(name).then_some(value)
            })
        };
        if status == 100 {
            self.got.drain(..end + 4);
            return Ok(true);
        }
        let asked = self.asked.front();
        if asked.is_none() && !self.broke && self.wish != Wish::Silence {
            return Err(format!("client {}: an answer to nothing: {head:?}", self.name));
        }
        if status == 101 {
            if !asked.is_some_and(|asked| asked.upgrade)
                || header("Sec-WebSocket-Accept") != Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            {
                return Err(format!("client {}: a wrong 101: {head:?}", self.name));
            }
            self.asked.pop_front();
            self.got.drain(..end + 4);
            self.is_socket = true;
            return Ok(true);
        }
        let is_head = asked.is_some_and(|asked| asked.is_head);
        let body = &self.got[end + 4..];
        let (body, len) = if is_head {
            (Vec::new(), 0)
        } else if let Some(len) = header("Content-Length") {
            let len: usize = len.parse().map_err(|_| format!("a wrong length: {head:?}"))?;
            let Some(body) = body.get(..len) else { return Ok(false) };
            (body.to_vec(), len)
        } else {
            match unchunk(body)? {
                Some(whole) => whole,
                None => return Ok(false),
            }
        };
        let closes = header("Connection").is_some_and(|value| value.contains("close"));
        self.got.drain(..end + 4 + len);
        if let Some(asked) = self.asked.pop_front() {
            let text = String::from_utf8_lossy(&body);
            let good = match status {
                _ if asked.is_head => true,
                200 => {
                    let id = format!(" {}", asked.id);
                    text.starts_with(asked.body) && (asked.body == "line 0\n" || text.ends_with(&id))
                }
                // Refused for one of the many reasons there are; the status is said again in the text.
                _ => text.starts_with(&status.to_string()) || matches!(status, 403),
            };
            if !good {
                return Err(format!("client {}: {asked:?} was answered with {head:?} {text:?}", self.name));
            }
            if asked.body == "line 0\n" && status == 200 && !are_lines(&text) {
                return Err(format!("client {}: a stream lost lines: {text:?}", self.name));
            }
            if asked.upgrade {
                // What was sent behind it is no request, and its answers are no frames.
                self.broke = true;
            }
        }
        if closes {
            // What was asked behind this gets no answer.
            self.asked.clear();
            self.broke = true;
        }
        Ok(true)
    }

    fn take_frame(&mut self) -> Result<bool, String> {
        let [first, second, ..] = self.got[..] else { return Ok(false) };
        let (header, len) = match second {
            0..126 => (2, usize::from(second)),
            126 => match self.got.get(2..4) {
                Some(len) => (4, usize::from(u16::from_be_bytes([len[0], len[1]]))),
                None => return Ok(false),
            },
            _ => return Err(format!("client {}: a frame torn, or larger than any: {second}", self.name)),
        };
        let Some(payload) = self.got.get(header..header + len) else { return Ok(false) };
        let payload = payload.to_vec();
        if self.close_got.is_some() {
            self.fail("a frame behind the close frame")?;
        }
        self.got.drain(..header + len);
        match first {
            0x81 | 0x82 => match Said::decode(&payload) {
                Some(said) => self.heard(said)?,
                None => self.fail(format_args!("a torn message: {:?}", String::from_utf8_lossy(&payload)))?,
            },
            0x88 => {
                let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                self.close_got = Some(code);
                self.got_close()?;
                if !self.ended {
                    self.close();
                }
            }
            0x89 => {
                if self.answers_pings && !self.ended && !self.close_sent {
                    self.frame(0x8a, &payload);
                }
            }
            0x8a => {
                if self.pings.pop_front().as_ref() != Some(&payload) {
                    self.fail("a pong that answers no ping, or the wrong one")?;
                }
            }
            other => self.fail(format_args!("a frame that begins with {other:#x}"))?,
        }
        Ok(true)
    }

    /// A close frame came: what was queued before it must have come before it.
    fn got_close(&mut self) -> Check {
        let journal = open(&self.journal);
        let Some(life) = self.conn.and_then(|conn| journal.conns.get(&conn)) else { return Ok(()) };
        let polite = life.closed.is_some_and(|(how, _)| {
            // Too many subscriptions end it in the middle of what its contract was saying.
            matches!(how.cause, CloseCause::Contract | CloseCause::Host | CloseCause::Shutdown)
                && how.code != CloseCode::POLICY
        });
        if polite && !self.close_sent && self.ordered != life.ordered {
            let what = format!("closed after ordered message {} of {}", self.ordered, life.ordered);
            drop(journal);
            self.fail(what)?;
        }
        Ok(())
    }

    fn heard(&mut self, said: Said) -> Check {
        match said.kind {
            Kind::Hello | Kind::Ordered | Kind::Begin | Kind::End => self.heard_ordered(said),
            Kind::Urgent => {
                if said.number != self.urgent + 1 {
                    self.fail(format_args!("urgent message {} after {}", said.number, self.urgent))?;
                }
                self.urgent = said.number;
                Ok(())
            }
            Kind::Value | Kind::Notice | Kind::Keyed | Kind::Snapshot => self.heard_topic(said),
            Kind::Up | Kind::Never => self.fail(format_args!("heard {said:?}")),
        }
    }

    fn heard_ordered(&mut self, said: Said) -> Check {
        let conn = ConnId::from_bits(said.origin);
        if *self.conn.get_or_insert(conn) != conn || said.number != self.ordered + 1 {
            self.fail(format_args!("{said:?} after ordered message {}", self.ordered))?;
        }
        self.ordered = said.number;
        self.in_order(&said, said.stamp, self.stamp + 1)?;
        let journal = open(&self.journal);
        match said.kind {
            Kind::Begin => {
                let start = journal.conns.get(&conn).and_then(|life| life.starts.get(&said.number)).cloned();
                let Some(start) = start else { return Ok(()) };
                let track = Track { start, last: 0, value: 0, notice: 0, told: 0, keys: BTreeMap::new() };
                self.tracks.insert(said.key, track);
            }
            Kind::End => {
                self.tracks.remove(&said.key);
            }
            _ => {}
        }
        Ok(())
    }

    /// Everything a client gets over topics and ordered lane comes in the order in which it was said.
    fn in_order(&mut self, said: &Said, stamp: u64, least: u64) -> Check {
        if stamp < least {
            self.fail(format_args!("{said:?} came behind stamp {}", self.stamp))?;
        }
        self.stamp = self.stamp.max(stamp);
        Ok(())
    }

    fn heard_topic(&mut self, said: Said) -> Check {
        let shared = self.journal.clone();
        let journal = open(&shared);
        let Some(life) = journal.topics.get(&said.origin) else { return self.fail("an unknown topic") };
        let Some(mut track) = self.tracks.remove(&said.origin) else {
            return self.fail(format_args!("{said:?}, without a subscription"));
        };
        let before = format!("{track:x?}");
        let (lag, source) = (life.lag, life.source);
        let fresh = said.number > track.start.count;
        let first = track.last == 0;
        // How far it is known to have come: nothing in between may be missing, unless it lagged.
        let known = track.last.max(track.told).max(track.start.count);
        let good = match said.kind {
            Kind::Snapshot => {
                let good = source == SnapshotSource::Contract && said.number >= track.last;
                track.told = track.told.max(said.number);
                good
            }
            Kind::Keyed if !fresh || said.number <= track.last => {
                // Told again by a snapshot.
                let newest = track.keys.get(&said.key).copied().unwrap_or(0);
                source == SnapshotSource::Keyed
                    && said.number >= newest
                    && (track.start.snapshot || lag == Lag::Conflate)
            }
            Kind::Keyed | Kind::Value if !fresh => {
                // The newest value, for a newcomer.
                source == SnapshotSource::Last
                    && track.start.snapshot
                    && said.number == track.start.value
                    && first
            }
            Kind::Notice if !fresh => {
                // Remarks behind the newest value come with it.
                source == SnapshotSource::Last
                    && track.start.snapshot
                    && said.number > track.start.value
                    && (track.last + 1 == said.number)
            }
            Kind::Value if life.notices && said.number < track.last => said.number > track.value,
            _ => {
                let gap = said.number > known + 1;
                let tells = track.told;
                said.number > track.last
                    && match (lag, source) {
                        (Lag::Disconnect, _) => !gap,
                        // What was skipped must be made up for by a snapshot.
                        (Lag::Conflate, SnapshotSource::Contract) => !gap || said.number <= tells + 1,
                        _ => true,
                    }
            }
        };
        if source == SnapshotSource::Contract
            && track.start.snapshot
            && said.kind != Kind::Snapshot
            && track.told == 0
            && track.start.count + track.told > 0
            && lag == Lag::Disconnect
        {
            // A snapshot is promised even if nothing was ever published.
            return self.fail(format_args!("{said:?} came before the snapshot of {before}"));
        }
        if !good {
            return self.fail(format_args!("{said:?} does not follow from {before} ({life:?})"));
        }
        let repeated = match said.kind {
            Kind::Snapshot => true,
            Kind::Keyed => true,
            // Kept for laggards when remarks have pushed it out of the log.
            Kind::Value => life.notices && life.count > said.number,
            _ => false,
        };
        if !repeated {
            let (stamp, since) = (said.stamp, track.start.stamp);
            let least = if stamp > since { self.stamp + 1 } else { self.stamp };
            self.in_order(&said, stamp.max(since), least)?;
        } else if said.kind != Kind::Snapshot {
            self.stamp = self.stamp.max(said.stamp);
        }
        if said.kind != Kind::Snapshot {
            track.last = track.last.max(said.number);
        }
        match said.kind {
            Kind::Value => track.value = track.value.max(said.number),
            Kind::Notice => track.notice = said.number,
            Kind::Keyed => {
                track.value = track.value.max(said.number);
                track.keys.insert(said.key, said.number);
            }
            _ => {}
        }
        self.tracks.insert(said.origin, track);
        Ok(())
    }

    /// The connection is over, as far as the server is concerned.
    fn end(&mut self, now: Tick) -> Check {
        let wire_reset = self.wire.borrow().reset;
        if self.broke || wire_reset || self.dead {
            return Ok(());
        }
        if !self.got.is_empty() && self.is_socket {
            let journal = open(&self.journal);
            let life = self.conn.and_then(|conn| journal.conns.get(&conn));
            // Only who was given up may end within a frame.
            let late = life.and_then(|life| life.closed).is_some_and(|(how, at)| {
                matches!(how.cause, CloseCause::Timeout | CloseCause::Lost)
                    || how.code == CloseCode::ABNORMAL
                    || now - at >= Duration::from_secs(1)
            });
            // It may have been closing already, for another reason, when there was no memory left to finish its frame.
            let torn = journal.torn > 0;
            let forgotten = torn || life.is_none_or(|life| life.doomed);
            drop(journal);
            if !late && !forgotten {
                self.fail("the connection ended within a frame")?;
            }
        }
        if self.is_socket && self.close_got.is_none() && !self.close_sent {
            let journal = open(&self.journal);
            let life = self.conn.and_then(|conn| journal.conns.get(&conn));
            let silent = life.is_some_and(|life| match life.closed {
                None => !life.doomed,
                // Dropped with its goodbye still to be sent only when it took too long to take it.
                Some((how, at)) => {
                    !matches!(how.cause, CloseCause::Timeout | CloseCause::Lost)
                        && how.code != CloseCode::ABNORMAL
                        && now - at < Duration::from_secs(1)
                }
            });
            let torn = journal.torn > 0;
            drop(journal);
            if silent && !torn {
                self.fail("the connection ended without a close frame")?;
            }
        }
        Ok(())
    }

    // ---- what is owed --------------------------------------------------------------------------------

    /// Whether it still has something to send that the server will take.
    pub(super) fn is_owed_attention(&self) -> bool {
        let wire = self.wire.borrow();
        !wire.reset && !wire.dropped && !self.out.is_empty()
    }

    /// Whether it sits there for good, without reading.
    pub(super) fn is_dead(&self) -> bool {
        self.dead
    }

    /// Everything is at rest: has it got everything?
    pub(super) fn check_settled(&self) -> Check {
        if self.dead || self.at_end || self.ended || self.broke || self.wire.borrow().reset {
            return Ok(());
        }
        if self.wire.borrow().has_unread() {
            self.fail("its bytes are not read")?;
        }
        if self.wire.borrow().has_talk() {
            self.fail("what reading gave rise to was not sent")?;
        }
        if !self.asked.is_empty() {
            self.fail(format_args!("{:?} is not answered", self.asked))?;
        }
        if !self.got.is_empty() {
            self.fail("half a frame or answer is not completed")?;
        }
        let journal = &*open(&self.journal);
        let Some((conn, life)) = self.conn.and_then(|conn| Some((conn, journal.conns.get(&conn)?))) else {
            return if self.is_socket { self.fail("never greeted") } else { Ok(()) };
        };
        if life.closed.is_some() || life.doomed {
            return if self.close_got.is_none() && !self.close_sent {
                self.fail("its close frame never came")
            } else {
                Ok(())
            };
        }
        if self.close_sent {
            return self.fail("its close frame was never answered");
        }
        if life.heard != self.said {
            self.fail(format_args!("the contract heard {} of {} messages", life.heard, self.said))?;
        }
        if (self.ordered, self.urgent) != (life.ordered, life.urgent) {
            self.fail(format_args!(
                "got {} of {} ordered and {} of {} urgent messages",
                self.ordered, life.ordered, self.urgent, life.urgent
            ))?;
        }
        if !self.pings.is_empty() {
            self.fail("its pings are not answered")?;
        }
        for topic in &life.subs {
            self.check_track(conn, *topic, journal)?;
        }
        Ok(())
    }

    /// Whether a subscription has come to where its topic is.
    fn check_track(&self, conn: ConnId, topic: u64, journal: &Journal) -> Check {
        let life = &journal.topics[&topic];
        let Some(track) = self.tracks.get(&topic) else {
            return self.fail(format_args!("{conn} never saw its subscription to {topic:x} begin"));
        };
        let start = &track.start;
        let moved = life.count > start.count;
        let good = match (life.lag, life.source) {
            (Lag::Disconnect, SnapshotSource::Contract) if start.snapshot && !moved => {
                track.told >= life.count
            }
            (Lag::Disconnect, _) => !moved || track.last == life.count,
            (_, SnapshotSource::Contract) if start.snapshot && life.lag == Lag::Conflate => {
                track.last.max(track.told) >= life.count
            }
            (Lag::Conflate, SnapshotSource::Keyed) => life.keys.iter().all(|(key, newest)| {
                track.keys.get(key) == Some(newest) || (!start.snapshot && *newest <= start.count)
            }),
            (Lag::Conflate, SnapshotSource::Last) => {
                track.value == life.value || (!start.snapshot && life.value <= start.count)
            }
            // Where remarks may push the newest value out of the log, it may be skipped.
            _ if life.notices => true,
            _ => track.value.max(track.last).max(track.told) >= life.value || life.value <= start.count,
        };
        let newcomer = match life.source {
            SnapshotSource::Last if start.snapshot && life.lag != Lag::Skip => track.value >= start.value,
            SnapshotSource::Keyed if start.snapshot => {
                start.keys.iter().all(|(key, then)| track.keys.get(key).is_some_and(|now| now >= then))
            }
            SnapshotSource::Contract if start.snapshot => track.told >= start.count,
            _ => true,
        };
        if good && newcomer {
            Ok(())
        } else {
            self.fail(format_args!("behind at rest: {track:x?} of {life:?} (topic {topic:x})"))
        }
    }
}

/// The body of a chunked answer and the bytes it took; `None` while it is not whole.
fn unchunk(mut rest: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let (mut body, mut taken) = (Vec::new(), 0);
    loop {
        let Some(line) = memchr::memmem::find(rest, b"\r\n") else { return Ok(None) };
        let size = std::str::from_utf8(&rest[..line]).ok().and_then(|s| usize::from_str_radix(s, 16).ok());
        let size = size.ok_or_else(|| format!("a torn chunk: {:?}", &rest[..line.min(40)]))?;
        let Some(chunk) = rest.get(line + 2..line + 2 + size + 2) else { return Ok(None) };
        if !chunk.ends_with(b"\r\n") {
            return Err("a chunk without an end".into());
        }
        body.extend_from_slice(&chunk[..size]);
        taken += line + 2 + size + 2;
        if size == 0 {
            return Ok(Some((body, taken)));
        }
        rest = &rest[line + 2 + size + 2..];
    }
}

fn are_lines(text: &str) -> bool {
    text.lines().enumerate().all(|(at, line)| line == format!("line {at}"))
}
