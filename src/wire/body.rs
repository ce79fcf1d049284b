//! The body of a request, taken as it arrives.

use super::head::BodyLength;
use crate::ground::limits::CHUNK_EXTRA_BYTES_MAX;

/// Takes the bytes of a request's body out of what is received, and undoes the chunks.
///
/// Fixed vocabulary: [`new`](Self::new) once, [`feed`](Self::feed) until it is done or fails. What it gives
/// out grows as bytes arrive, never as a header claims. A reader that failed stays failed.
#[derive(Debug)]
pub(crate) struct BodyReader {
    state: State,
    /// Data bytes that the limit still allows behind the chunk at hand.
    room: u64,
    /// Bytes of extensions and trailers that are still put up with.
    extra: usize,
}

/// As many as fill the 64 bits of a size, so that none is shifted out.
const SIZE_DIGITS_MAX: u8 = 16;

/// Chunk lines end in CRLF and nothing else: a bare CR or LF there is read in two ways by two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Of a body with a length. Invariant: `left > 0`.
    Fixed {
        left: u64,
    },
    /// In the digits of a chunk's size.
    Size {
        digits: u8,
        size: u64,
    },
    /// Behind the digits: blanks and extensions.
    Extension {
        size: u64,
    },
    /// At the LF of the size line.
    SizeEnd {
        size: u64,
    },
    /// Invariant: `left > 0`.
    Data {
        left: u64,
    },
    /// At the CR behind the data.
    DataCr,
    /// At the LF behind the data.
    DataLf,
    /// In the trailers, at the beginning of a line.
    TrailerStart,
    /// Within a line of the trailers.
    Trailer,
    /// At the LF of a line of the trailers.
    TrailerLf,
    /// At the last LF.
    LastLf,
    Done,
    Failed(BodyFault),
}

/// What [`BodyReader::feed`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fed {
    /// How many of the given bytes belonged to the body: all of them, unless it is done.
    pub(crate) consumed: usize,
    /// Whether the body is complete. What follows is the next request.
    pub(crate) done: bool,
}

/// Why a body is refused. The connection cannot be used any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BodyFault {
    TooLarge,
    ChunkSize,
    ChunkEnd,
    Trailer,
    TooMuchExtra,
}

impl BodyFault {
    /// The status of the answer.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::ChunkSize | Self::ChunkEnd | Self::Trailer | Self::TooMuchExtra => 400,
        }
    }

    /// What the client did wrong and what was expected, in one line.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::TooLarge => "the request body is larger than this server takes",
            Self::ChunkSize => "malformed chunk: expected its size in 1 to 16 hexadecimal digits, then CRLF",
            Self::ChunkEnd => "malformed chunk: expected CRLF behind as many bytes as its size said",
            Self::Trailer => "malformed trailer behind the last chunk: expected lines that end in CRLF",
            Self::TooMuchExtra => "the chunk extensions and trailers are larger than this server takes",
        }
    }
}

impl BodyReader {
    /// For a body of this length and at most `limit_bytes`. A length that is too large fails here, before a
    /// `100 Continue` invites it.
    pub(crate) fn new(length: BodyLength, limit_bytes: usize) -> Result<Self, BodyFault> {
        // A usize fits 64 bits on every machine this runs on; saturating is right in any case.
        let room = u64::try_from(limit_bytes).unwrap_or(u64::MAX);
        let state = match length {
            BodyLength::None | BodyLength::Fixed(0) => State::Done,
            BodyLength::Fixed(bytes) if bytes > room => return Err(BodyFault::TooLarge),
            BodyLength::Fixed(left) => State::Fixed { left },
            BodyLength::Chunked => State::SIZE,
        };
        Ok(Self { state, room, extra: CHUNK_EXTRA_BYTES_MAX })
    }

    /// Whether the body is complete.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the next bytes received and appends the body's data to `out`.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<Fed, BodyFault> {
        let mut rest = bytes;
        while self.state != State::Done {
            if let State::Failed(fault) = self.state {
                return Err(fault);
            }
            if let State::Fixed { left } | State::Data { left } = self.state {
                let take = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                let (data, behind) = rest.split_at(take);
                out.extend_from_slice(data);
                rest = behind;
                let left = left - take as u64; // no more than `left`, see above
                self.state = match self.state {
                    State::Fixed { .. } if left == 0 => State::Done,
                    State::Fixed { .. } => State::Fixed { left },
                    _ if left == 0 => State::DataCr,
                    _ => State::Data { left },
                };
                if left > 0 {
                    break;
                }
                continue;
            }
            let Some((&byte, behind)) = rest.split_first() else { break };
            rest = behind;
            self.state = self.framing(byte).unwrap_or_else(State::Failed);
        }
        Ok(Fed { consumed: bytes.len() - rest.len(), done: self.is_done() })
    }

    /// The state behind one byte of what is around the data.
    fn framing(&mut self, byte: u8) -> Result<State, BodyFault> {
        Ok(match (self.state, byte) {
            (State::Size { digits, size }, _) if byte.is_ascii_hexdigit() => {
                if digits == SIZE_DIGITS_MAX {
                    return Err(BodyFault::ChunkSize);
                }
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                State::Size { digits: digits + 1, size: size << 4 | digit }
            }
            (State::Size { digits: 0, .. }, _) => return Err(BodyFault::ChunkSize),
            (State::Size { size, .. } | State::Extension { size }, b'\r') => State::SizeEnd { size },
            (State::Size { size, .. }, b';' | b' ' | b'\t') => {
                self.spend_extra()?;
                State::Extension { size }
            }
            (State::Extension { size }, _) if is_text(byte) => {
                self.spend_extra()?;
                State::Extension { size }
            }
            (State::SizeEnd { size: 0 }, b'\n') => State::TrailerStart,
            (State::SizeEnd { size }, b'\n') => {
                self.room = self.room.checked_sub(size).ok_or(BodyFault::TooLarge)?;
                State::Data { left: size }
            }
            (State::Size { .. } | State::Extension { .. } | State::SizeEnd { .. }, _) => {
                return Err(BodyFault::ChunkSize);
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::SIZE,
            (State::DataCr | State::DataLf, _) => return Err(BodyFault::ChunkEnd),
            (State::TrailerStart, b'\r') => State::LastLf,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerStart | State::Trailer, _) if is_text(byte) => {
                self.spend_extra()?;
                State::Trailer
            }
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::LastLf, b'\n') => State::Done,
            (State::TrailerStart | State::Trailer | State::TrailerLf | State::LastLf, _) => {
                return Err(BodyFault::Trailer);
            }
            // Data is not taken byte by byte, and a reader at its end takes nothing.
            (state @ (State::Fixed { .. } | State::Data { .. } | State::Done | State::Failed(_)), _) => state,
        })
    }

    fn spend_extra(&mut self) -> Result<(), BodyFault> {
        self.extra = self.extra.checked_sub(1).ok_or(BodyFault::TooMuchExtra)?;
        Ok(())
    }
}

impl State {
    const SIZE: State = State::Size { digits: 0, size: 0 };
}

/// What a header's value may consist of.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 127)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 64;

    /// Feeds `bytes` in pieces that end at `cuts`. What came out, and how many bytes were consumed if it is
    /// done.
    fn run(length: BodyLength, bytes: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, Option<usize>), BodyFault> {
        let mut reader = BodyReader::new(length, LIMIT)?;
        let (mut out, mut consumed, mut from) = (Vec::new(), 0, 0);
        for &to in cuts.iter().chain([&bytes.len()]) {
            let fed = reader.feed(&bytes[from..to], &mut out)?;
            consumed += fed.consumed;
            assert_eq!(fed.done, reader.is_done());
            if fed.done {
                assert_eq!(reader.feed(b"more", &mut out), Ok(Fed { consumed: 0, done: true }));
                return Ok((out, Some(consumed)));
            }
            assert_eq!(fed.consumed, to - from, "what is not done takes everything");
            from = to;
        }
        Ok((out, None))
    }

    fn chunked(text: &str) -> Result<(String, Option<usize>), BodyFault> {
        let (out, end) = run(BodyLength::Chunked, text.as_bytes(), &[])?;
        Ok((String::from_utf8(out).unwrap(), end))
    }

    #[test]
    fn fixed() {
        assert_eq!(run(BodyLength::None, b"GET", &[]), Ok((vec![], Some(0))));
        assert_eq!(run(BodyLength::Fixed(0), b"GET", &[]), Ok((vec![], Some(0))));
        assert_eq!(run(BodyLength::Fixed(3), b"abcGET", &[]), Ok((b"abc".to_vec(), Some(3))));
        assert_eq!(run(BodyLength::Fixed(3), b"ab", &[]), Ok((b"ab".to_vec(), None)));
        assert!(run(BodyLength::Fixed(LIMIT as u64), b"", &[]).is_ok());
        assert_eq!(run(BodyLength::Fixed(LIMIT as u64 + 1), b"", &[]), Err(BodyFault::TooLarge));
        assert_eq!(run(BodyLength::Fixed(u64::MAX), b"", &[]), Err(BodyFault::TooLarge));
        assert_eq!(BodyFault::TooLarge.status(), 413);
    }

    #[test]
    fn chunks() {
        let ok = |text: &str, end: usize| Ok((text.to_owned(), Some(end)));
        assert_eq!(chunked("0\r\n\r\nGET"), ok("", 5));
        assert_eq!(chunked("3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\nX"), ok("abc0123456789", 29));
        assert_eq!(chunked("3;a=b;c=\"d\"\r\nabc\r\n0 ;x\r\n\r\n"), ok("abc", 26));
        assert_eq!(chunked("0000000000000003 \t\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n"), ok("abc", 42));
        assert_eq!(chunked("3\r\nab"), Ok(("ab".to_owned(), None)));
        assert_eq!(chunked("2\r\n\r\n\r\n0\r\n\r\n"), ok("\r\n", 12));
    }

    #[test]
    fn malformed_chunks() {
        for (text, fault) in [
            ("\r\n", BodyFault::ChunkSize),
            ("x\r\n", BodyFault::ChunkSize),
            (" 3\r\n", BodyFault::ChunkSize),
            ("+3\r\n", BodyFault::ChunkSize),
            ("-1\r\n", BodyFault::ChunkSize),
            ("0x3\r\n", BodyFault::ChunkSize),
            (";a\r\n", BodyFault::ChunkSize),
            ("3\nabc\r\n", BodyFault::ChunkSize),
            ("3;a\nabc\r\n", BodyFault::ChunkSize),
            ("3;a\0\r\n", BodyFault::ChunkSize),
            ("3\rabc\r\n", BodyFault::ChunkSize),
            ("00000000000000003\r\n", BodyFault::ChunkSize),
            ("3\r\nabcd\r\n", BodyFault::ChunkEnd),
            ("3\r\nabc\n", BodyFault::ChunkEnd),
            ("3\r\nabc\rx", BodyFault::ChunkEnd),
            ("0\r\n\n", BodyFault::Trailer),
            ("0\r\n\rx", BodyFault::Trailer),
            ("0\r\nA: b\n\r\n", BodyFault::Trailer),
            ("0\r\nA: b\rx", BodyFault::Trailer),
            ("0\r\nA: \x01", BodyFault::Trailer),
        ] {
            assert_eq!(chunked(text), Err(fault), "{text:?}");
            assert_eq!(fault.status(), 400);
        }
    }

    #[test]
    fn limits() {
        assert!(chunked(&format!("{LIMIT:x}\r\n")).is_ok());
        assert_eq!(chunked(&format!("{:x}\r\n", LIMIT + 1)), Err(BodyFault::TooLarge));
        assert_eq!(chunked("ffffffffffffffff\r\n"), Err(BodyFault::TooLarge));
        let many = "1\r\nx\r\n".repeat(LIMIT);
        assert!(chunked(&(many.clone() + "0\r\n\r\n")).is_ok());
        assert_eq!(chunked(&(many + "1\r\nx\r\n")), Err(BodyFault::TooLarge));

        let extra = "e".repeat(CHUNK_EXTRA_BYTES_MAX - 1);
        assert!(chunked(&format!("0;{extra}\r\n\r\n")).is_ok());
        assert_eq!(chunked(&format!("0;{extra}e\r\n\r\n")), Err(BodyFault::TooMuchExtra));
        assert_eq!(chunked(&format!("0\r\n{extra}\r\nee\r\n\r\n")), Err(BodyFault::TooMuchExtra));
        // Over the whole body, not for each chunk.
        let half = "e".repeat(CHUNK_EXTRA_BYTES_MAX / 2);
        assert_eq!(chunked(&format!("1;{half}\r\nx\r\n1;{half}\r\n")), Err(BodyFault::TooMuchExtra));
    }

    #[test]
    fn a_failed_reader_stays_failed() {
        let mut reader = BodyReader::new(BodyLength::Chunked, LIMIT).unwrap();
        let mut out = Vec::new();
        assert_eq!(reader.feed(b"x", &mut out), Err(BodyFault::ChunkSize));
        assert_eq!(reader.feed(b"0\r\n\r\n", &mut out), Err(BodyFault::ChunkSize));
        assert_eq!(reader.feed(b"", &mut out), Err(BodyFault::ChunkSize));
        assert!(!reader.is_done() && out.is_empty());
    }

    /// Wherever the bytes are cut, data, end and fault are the same.
    #[test]
    fn cuts_make_no_difference() {
        for seed in 0..3_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut bytes = Vec::new();
            for _ in 0..random.usize(..5) {
                let data = "\r\n0;abc".repeat(3)[..random.usize(1..20)].to_owned();
                let extension = ["", ";x", " ; y=\"z\""][random.usize(..3)];
                bytes.extend_from_slice(format!("{:x}{extension}\r\n{data}\r\n", data.len()).as_bytes());
            }
            bytes.extend_from_slice(
                ["0\r\n\r\n", "0\r\nA: b\r\n\r\nGET /", "0\r\n\r\n\r\n"][random.usize(..3)].as_bytes(),
            );
            if random.bool() {
                let at = random.usize(..bytes.len());
                bytes[at] = *random.choice(b"\r\n 0;fx\0").unwrap();
            }
            let fixed = BodyLength::Fixed(random.u64(1..80));
            let length = if random.u8(..4) == 0 { fixed } else { BodyLength::Chunked };
            let whole = run(length, &bytes, &[]);
            for _ in 0..10 {
                let mut cuts: Vec<_> = (0..random.usize(..6)).map(|_| random.usize(..=bytes.len())).collect();
                cuts.sort_unstable();
                assert_eq!(run(length, &bytes, &cuts), whole, "seed {seed}, cuts {cuts:?}");
            }
            let every: Vec<_> = (0..bytes.len()).collect();
            assert_eq!(run(length, &bytes, &every), whole, "seed {seed}, every byte alone");
        }
    }
}
