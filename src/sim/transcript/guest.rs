//! A client of a transcript: it upgrades, speaks and listens by RFC 6455, and answers pings and closes by itself.

use super::pipe::{Pipe, PipeEnd};
use crate::ground::time::Tick;
use std::{cell::RefCell, collections::VecDeque, fmt, rc::Rc};

/// Characters of a message that an error shows.
const SHOWN_MAX: usize = 300;

/// Something that a client got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    Text(String),
    Binary(Vec<u8>),
    /// 1006 when the end came without a close frame.
    Closed(u16, String),
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => {
                let cut = text.char_indices().nth(SHOWN_MAX).map_or(text.len(), |(at, _)| at);
                f.write_str(&text[..cut])?;
                f.write_str(if cut < text.len() { "..." } else { "" })
            }
            Self::Binary(bytes) => write!(f, "binary {bytes:02x?}"),
            Self::Closed(code, reason) => write!(f, "closed {code} {reason}"),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) pipe: Rc<RefCell<Pipe>>,
    bytes: Vec<u8>,
    /// The status of the answer to its request.
    pub(super) status: Option<u16>,
    pub(super) heard: VecDeque<(Tick, Heard)>,
    /// A close frame has come, it has closed itself, or it is gone.
    over: bool,
    leaving: bool,
}

impl Guest {
    pub(super) fn connect(path: &str, cookie: Option<&str>) -> (Self, PipeEnd) {
        let pipe = Rc::new(RefCell::new(Pipe::default()));
        let cookie = cookie.map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: stage\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{cookie}\r\n"
        );
        pipe.borrow_mut().say(head.as_bytes());
        let end = PipeEnd(Rc::clone(&pipe));
        let heard = VecDeque::new();
        (Self { pipe, bytes: Vec::new(), status: None, heard, over: false, leaving: false }, end)
    }

    /// Sends one frame, masked with zeros, which change nothing.
    pub(super) fn send(&mut self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            len @ 0..126 => frame.push(0x80 | len as u8),
            len => {
                frame.push(0x80 | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.pipe.borrow_mut().say(&frame);
    }

    pub(super) fn leave(&mut self) {
        self.leaving = true;
        self.send(8, &1000_u16.to_be_bytes());
    }

    pub(super) fn drop_out(&mut self) {
        self.over = true;
        self.pipe.borrow_mut().reset();
    }

    /// Takes what has come.
    pub(super) fn listen(&mut self, now: Tick) {
        let bytes = self.pipe.borrow_mut().hear();
        self.bytes.extend(bytes);
        if self.status.is_none() && !self.take_answer() {
            return;
        }
        while let Some((opcode, payload)) = self.take_frame() {
            match opcode {
                1 => self.hear(now, Heard::Text(String::from_utf8(payload).expect("text is UTF-8"))),
                2 => self.hear(now, Heard::Binary(payload)),
                8 => {
                    let code = payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
                    let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
                    if !self.leaving {
                        self.hear(now, Heard::Closed(code, reason));
                        self.send(8, payload.get(..2).unwrap_or_default());
                    }
                    self.over = true;
                    self.pipe.borrow_mut().end();
                }
                9 => self.send(10, &payload),
                _ => {}
            }
        }
        if self.status == Some(101) && !self.over && self.pipe.borrow().is_over() {
            self.over = true;
            self.hear(now, Heard::Closed(1006, String::new()));
        }
    }

    fn hear(&mut self, now: Tick, what: Heard) {
        self.heard.push_back((now, what));
    }

    fn take_answer(&mut self) -> bool {
        let Some(end) = memchr::memmem::find(&self.bytes, b"\r\n\r\n") else { return false };
        let head = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
        self.status = head.get(9..12).and_then(|status| status.parse().ok());
        self.bytes.drain(..end + 4);
        if self.status != Some(101) {
            self.bytes.clear();
            self.over = true;
            self.pipe.borrow_mut().end();
        }
        true
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = *self.bytes.first()?;
        let (len, header) = match *self.bytes.get(1)? {
            126 => (usize::from(u16::from_be_bytes(self.bytes.get(2..4)?.try_into().ok()?)), 4),
            127 => (u64::from_be_bytes(self.bytes.get(2..10)?.try_into().ok()?) as usize, 10),
            short => (usize::from(short), 2),
        };
        let payload = self.bytes.get(header..header + len)?.to_vec();
        self.bytes.drain(..header + len);
        Some((first & 15, payload))
    }
}
