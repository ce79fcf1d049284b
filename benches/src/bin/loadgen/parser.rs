//! Reads the frames of a server, however they are cut.
//!
//! Nothing is copied of a message that lies whole in one read; of any other only its beginning is kept, which has the number.

use andon_bench::frame;

/// How much of a message is kept when nobody wants to see all of it.
pub(crate) const BEGINNING: usize = 256;
const CONTROL_MAX: u64 = 125;

/// What a server must not send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Violation {
    Masked,
    ReservedBits,
    UnknownOpcode,
    /// A control frame in pieces, or with more than 125 bytes.
    BadControl,
    /// A continuation of nothing, or a new message inside of another.
    BadOrder,
}

/// A whole message, or a control frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) opcode: u8,
    pub(crate) length: u64,
    /// As much of the payload as is kept, or more.
    pub(crate) beginning: &'a [u8],
}

/// A frame whose head has been read.
#[derive(Clone, Copy)]
struct Frame {
    opcode: u8,
    last: bool,
    remaining: u64,
}

impl Frame {
    fn is_control(self) -> bool {
        self.opcode >= frame::CLOSE
    }
}

/// What is there of a message or a control frame.
#[derive(Default)]
struct Partial {
    opcode: u8,
    length: u64,
    kept: Vec<u8>,
}

impl Partial {
    fn begin(&mut self, opcode: u8) {
        self.opcode = opcode;
        self.length = 0;
        self.kept.clear();
    }

    fn add(&mut self, chunk: &[u8], keep: usize) {
        self.length += chunk.len() as u64;
        let room = keep.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }

    fn message(&self) -> Message<'_> {
        Message { opcode: self.opcode, length: self.length, beginning: &self.kept }
    }
}

pub(crate) struct Parser {
    keep: usize,
    head: [u8; 10],
    head_length: usize,
    frame: Option<Frame>,
    /// The message that is not over, possibly between two of its frames; opcode 0: none.
    message: Partial,
    /// Control frames may come between the frames of a message.
    control: Partial,
}

impl Parser {
    /// Keeps at least the first `keep` bytes of each message.
    pub(crate) fn new(keep: usize) -> Self {
        Self {
            keep,
            head: [0; 10],
            head_length: 0,
            frame: None,
            message: Partial::default(),
            control: Partial::default(),
        }
    }

    /// Takes what was read, and hands on each message that is whole now.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut on_message: impl FnMut(Message<'_>),
    ) -> Result<(), Violation> {
        loop {
            let Some(mut frame) = self.frame else {
                match self.head(&mut bytes)? {
                    Some(frame) => {
                        self.begin(frame)?;
                        continue;
                    }
                    None => return Ok(()),
                }
            };
            let here = usize::try_from(frame.remaining).map_or(bytes.len(), |all| all.min(bytes.len()));
            let (chunk, rest) = bytes.split_at(here);
            bytes = rest;
            frame.remaining -= here as u64;
            let whole = frame.remaining == 0;
            self.frame = (!whole).then_some(frame);
            let partial = if frame.is_control() { &mut self.control } else { &mut self.message };
            if whole && frame.last && partial.length == 0 {
                // The usual case: all of it at once.
                let message = Message { opcode: partial.opcode, length: here as u64, beginning: chunk };
                partial.begin(0);
                on_message(message);
                continue;
            }
            partial.add(chunk, self.keep);
            if !whole {
                return Ok(());
            }
            if frame.last {
                on_message(partial.message());
                partial.begin(0);
            }
        }
    }

    /// The next frame's head, once all of it is there.
    fn head(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, Violation> {
        loop {
            let need = match (self.head_length, self.head[1] & 0x7f) {
                (0 | 1, _) => 2,
                (_, 126) => 4,
                (_, 127) => 10,
                _ => 2,
            };
            if self.head_length == need {
                break;
            }
            if bytes.is_empty() {
                return Ok(None);
            }
            let (here, rest) = bytes.split_at((need - self.head_length).min(bytes.len()));
            self.head[self.head_length..self.head_length + here.len()].copy_from_slice(here);
            self.head_length += here.len();
            *bytes = rest;
        }
        self.head_length = 0;
        let [first, second, length @ ..] = self.head;
        if first & 0x70 != 0 {
            return Err(Violation::ReservedBits);
        }
        if second & 0x80 != 0 {
            return Err(Violation::Masked);
        }
        let remaining = match second {
            126 => u64::from(u16::from_be_bytes([length[0], length[1]])),
            127 => u64::from_be_bytes(length),
            short => u64::from(short),
        };
        Ok(Some(Frame { opcode: first & 0x0f, last: first & 0x80 != 0, remaining }))
    }

    fn begin(&mut self, frame: Frame) -> Result<(), Violation> {
        let within = self.message.opcode != 0;
        match frame.opcode {
            frame::CONTINUATION if within => {}
            frame::TEXT | frame::BINARY if !within => self.message.begin(frame.opcode),
            frame::CONTINUATION | frame::TEXT | frame::BINARY => return Err(Violation::BadOrder),
            frame::CLOSE | frame::PING | frame::PONG => {
                if !frame.last || frame.remaining > CONTROL_MAX {
                    return Err(Violation::BadControl);
                }
                self.control.begin(frame.opcode);
            }
            _ => return Err(Violation::UnknownOpcode),
        }
        self.frame = Some(frame);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(out: &mut Vec<u8>, opcode: u8, last: bool, payload: &[u8]) {
        let at = out.len();
        frame::put_unmasked(out, opcode, payload);
        if !last {
            out[at] &= 0x7f;
        }
    }

    fn stream() -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, frame::TEXT, true, b"hello");
        put(&mut bytes, frame::PING, true, b"");
        put(&mut bytes, frame::TEXT, false, &[b'a'; 300]);
        put(&mut bytes, frame::PONG, true, b"pp");
        put(&mut bytes, frame::CONTINUATION, false, b"");
        put(&mut bytes, frame::CONTINUATION, true, &[b'b'; 5]);
        put(&mut bytes, frame::BINARY, true, &[b'c'; 70_000]);
        put(&mut bytes, frame::TEXT, false, b"");
        put(&mut bytes, frame::CONTINUATION, true, b"late");
        put(&mut bytes, frame::TEXT, true, b"");
        bytes
    }

    fn parse(chunks: &mut dyn Iterator<Item = &[u8]>, keep: usize) -> Vec<(u8, u64, Vec<u8>)> {
        let mut parser = Parser::new(keep);
        let mut seen = Vec::new();
        for chunk in chunks {
            let on_message = |message: Message<'_>| {
                seen.push((message.opcode, message.length, message.beginning.to_vec()))
            };
            parser.feed(chunk, on_message).expect("nothing is wrong with it");
        }
        seen
    }

    #[test]
    fn any_cut_gives_the_same_messages() {
        let bytes = stream();
        let expected =
            [(1, 5), (9, 0), (10, 2), (1, 305), (2, 70_000), (1, 4), (1, 0)].map(|(o, l): (u8, u64)| (o, l));
        for step in [1, 2, 3, 7, 13, 64, 1000, 1 << 20] {
            let seen = parse(&mut bytes.chunks(step), BEGINNING);
            assert_eq!(seen.iter().map(|m| (m.0, m.1)).collect::<Vec<_>>(), expected, "step {step}");
            for (_, length, beginning) in seen {
                assert!(beginning.len() as u64 >= length.min(BEGINNING as u64), "step {step}");
            }
        }
        for at in 0..bytes.len().min(400) {
            let seen = parse(&mut [&bytes[..at], &bytes[at..]].into_iter(), BEGINNING);
            assert_eq!(seen.iter().map(|m| (m.0, m.1)).collect::<Vec<_>>(), expected, "cut at {at}");
        }
    }

    #[test]
    fn everything_is_kept_for_who_checks_it() {
        let bytes = stream();
        let whole = parse(&mut std::iter::once(&bytes[..]), usize::MAX);
        for step in [1, 7, 4096] {
            assert!(parse(&mut bytes.chunks(step), usize::MAX) == whole, "step {step}");
        }
        assert_eq!(whole[3].2, [&[b'a'; 300][..], b"bbbbb"].concat());
    }

    #[test]
    fn what_a_server_must_not_send_is_a_violation() {
        let violation = |bytes: &[u8]| Parser::new(BEGINNING).feed(bytes, |_| {}).expect_err("it is wrong");
        assert_eq!(violation(&[0x81, 0x81, 0, 0, 0, 0, 0]), Violation::Masked);
        assert_eq!(violation(&[0xc1, 0x01, 0]), Violation::ReservedBits);
        assert_eq!(violation(&[0x83, 0x00]), Violation::UnknownOpcode);
        assert_eq!(violation(&[0x09, 0x00]), Violation::BadControl);
        assert_eq!(violation(&[0x89, 126, 0, 126]), Violation::BadControl);
        assert_eq!(violation(&[0x80, 0x00]), Violation::BadOrder);
        assert_eq!(violation(&[0x01, 0x00, 0x81, 0x00]), Violation::BadOrder);
    }
}
