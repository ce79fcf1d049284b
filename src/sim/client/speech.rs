//! What a client says: requests, frames, pings, and what the server must refuse.

use super::{
    super::{
        contract::open,
        message::{Kind, Said},
    },
    Asked, Client, Wish,
};
use crate::ground::time::Tick;
use std::time::Duration;

impl Client {
    pub(super) fn ask_socket(&mut self) {
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

    pub(super) fn frame(&mut self, first: u8, payload: &[u8]) {
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

    pub(super) fn close(&mut self) {
        if !std::mem::replace(&mut self.close_sent, true) {
            self.frame(0x88, &[3, 232]);
        }
    }

    pub(super) fn live(&mut self, now: Tick) {
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

    pub(super) fn send(&mut self, quiet: bool) {
        let chunk = if quiet { usize::MAX } else { [1, 10, 100, 2_000, 100_000][self.rng.usize(0..5)] };
        let n = chunk.min(self.out.len());
        let bytes = &self.out.make_contiguous()[..n];
        let n = self.wire.borrow_mut().client_write(bytes);
        self.out.drain(..n);
    }
}
