//! One connection of a client: a WebSocket over a faulty wire, and the ways in which it can end.

use super::super::transport::Wire;
use crate::ground::time::Tick;
use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

/// How a client has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// It has not.
    No,
    /// It has sent a close frame, or ended its side.
    Politely,
    /// The connection broke.
    Broken,
    /// It is there no more, and nobody has said so: it neither reads nor writes.
    Silent,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Visitor {
    /// Its number among all, by which the contract's wrapper knows it.
    pub(super) number: u32,
    pub(super) wire: Rc<RefCell<Wire>>,
    rng: fastrand::Rng,
    out: VecDeque<u8>,
    got: Vec<u8>,
    /// The status of the answer to its request.
    pub(super) status: Option<u16>,
    pub(super) leaving: Leaving,
    /// The code of the server's close frame.
    pub(super) closed: Option<u16>,
    /// The server has ended the connection.
    pub(super) at_end: bool,
    stalled_until: Tick,
}

impl Visitor {
    pub(super) fn connect(number: u32, path: &str, wire: Rc<RefCell<Wire>>, rng: &mut fastrand::Rng) -> Self {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        Self {
            number,
            wire,
            rng: rng.fork(),
            out: head.into_bytes().into(),
            got: Vec::new(),
            status: None,
            leaving: Leaving::No,
            closed: None,
            at_end: false,
            stalled_until: Tick::ZERO,
        }
    }

    /// Whether it can still say something that counts.
    pub(super) fn is_open(&self) -> bool {
        self.status == Some(101) && self.leaving == Leaving::No && self.closed.is_none() && !self.at_end
    }

    /// Whether nothing more is to be expected of it.
    pub(super) fn is_over(&self) -> bool {
        self.at_end || self.leaving == Leaving::Broken || self.wire.borrow().reset
    }

    fn frame(&mut self, opcode: u8, payload: &[u8]) {
        self.out.push_back(0x80 | opcode);
        match payload.len() {
            len @ 0..126 => self.out.push_back(0x80 | len as u8),
            len => {
                self.out.push_back(0x80 | 126);
                self.out.extend((len as u16).to_be_bytes());
            }
        }
        self.out.extend([0; 4]);
        self.out.extend(payload);
    }

    pub(super) fn say(&mut self, text: &str) {
        self.frame(1, text.as_bytes());
    }

    pub(super) fn stall(&mut self, until: Tick) {
        self.stalled_until = until;
    }

    /// Says goodbye, perhaps without a close frame.
    pub(super) fn leave(&mut self) {
        self.leaving = Leaving::Politely;
        if self.rng.bool() {
            self.frame(8, &[3, 232]);
        }
    }

    /// The connection breaks, perhaps in the middle of a frame.
    pub(super) fn drop_out(&mut self) {
        self.leaving = Leaving::Broken;
        if self.rng.bool() {
            let cut = self.rng.usize(0..=self.out.len());
            let bytes: Vec<u8> = self.out.drain(..cut).collect();
            self.wire.borrow_mut().client_write(&bytes);
        }
        self.out.clear();
        if self.rng.bool() {
            self.wire.borrow_mut().client_reset();
        } else {
            self.wire.borrow_mut().client_end();
        }
    }

    /// It is gone without a trace.
    pub(super) fn vanish(&mut self) {
        self.leaving = Leaving::Silent;
    }

    /// Sends and reads what it may; returns the texts that came. `quiet`: all there is.
    pub(super) fn act(&mut self, now: Tick, quiet: bool) -> Result<Vec<String>, String> {
        let mut heard = Vec::new();
        if matches!(self.leaving, Leaving::Silent | Leaving::Broken) || self.at_end {
            return Ok(heard);
        }
        let pace = |rng: &mut fastrand::Rng| match quiet {
            true => usize::MAX,
            false => [20, 200, 5_000, 200_000][rng.usize(0..4)],
        };
        let n = pace(&mut self.rng).min(self.out.len());
        let bytes = &self.out.make_contiguous()[..n];
        let n = self.wire.borrow_mut().client_write(bytes);
        self.out.drain(..n);
        if self.leaving == Leaving::Politely && self.out.is_empty() {
            self.wire.borrow_mut().client_end();
        }
        if !quiet && now < self.stalled_until {
            return Ok(heard);
        }
        let chunk = pace(&mut self.rng);
        self.wire.borrow_mut().client_read(chunk, &mut self.got);
        if self.status.is_none() {
            self.take_answer()?;
        }
        while self.status == Some(101)
            && let Some((opcode, payload)) = self.take_frame()
        {
            match opcode {
                1 => heard.push(String::from_utf8(payload).map_err(|_| "text that is no UTF-8")?),
                8 => {
                    self.closed =
                        Some(payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]])));
                    self.frame(8, payload.get(..2).unwrap_or_default());
                }
                9 => self.frame(10, &payload),
                10 => {}
                other => return Err(format!("a frame with opcode {other}")),
            }
        }
        if self.wire.borrow().client_at_end() {
            self.at_end = true;
            self.wire.borrow_mut().client_end();
        }
        Ok(heard)
    }

    fn take_answer(&mut self) -> Result<(), String> {
        let Some(end) = memchr::memmem::find(&self.got, b"\r\n\r\n") else { return Ok(()) };
        let head = String::from_utf8_lossy(&self.got[..end]).into_owned();
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        self.status = Some(status.ok_or_else(|| format!("no status in {head:?}"))?);
        self.got.drain(..end + 4);
        if self.status != Some(101) {
            self.leave();
        }
        Ok(())
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (first, second) = (*self.got.first()?, *self.got.get(1)?);
        let (len, header) = match second {
            126 => (usize::from(u16::from_be_bytes(self.got.get(2..4)?.try_into().ok()?)), 4),
            127 => (u64::from_be_bytes(self.got.get(2..10)?.try_into().ok()?) as usize, 10),
            short => (usize::from(short), 2),
        };
        let payload = self.got.get(header..header + len)?.to_vec();
        self.got.drain(..header + len);
        Some((first & 15, payload))
    }

    /// Something that a client does to its connection now and then. True when it is over for it.
    pub(super) fn tumble(&mut self, now: Tick) -> bool {
        match self.rng.u16(0..1_000) {
            0..4 => self.leave(),
            4..8 => self.drop_out(),
            8..11 => self.vanish(),
            11..16 => {
                let wait = Duration::from_millis(self.rng.u64(0..20_000));
                self.stall(now + wait);
                return false;
            }
            _ => return false,
        }
        true
    }
}
