//! Model clients: they speak HTTP and RFC 6455, and check everything they get against the journal.

mod reader;
mod speech;
mod track;

use self::track::Track;
use super::{
    contract::{Shared, open},
    transport::Wire,
};
use crate::ground::{id::ConnId, time::Tick};
use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    rc::Rc,
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
}
