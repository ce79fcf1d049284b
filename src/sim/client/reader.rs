//! What a client reads: its bytes as answers and frames, and the way the connection ends.

use super::{
    super::{contract::open, message::Said},
    Check, Client, Wish,
};
use crate::ground::{
    close::{CloseCause, CloseCode},
    time::Tick,
};
use std::time::Duration;

impl Client {
    pub(super) fn receive(&mut self, now: Tick, quiet: bool) -> Check {
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
