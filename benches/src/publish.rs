//! What the load generator asks a server to publish, and the messages that are published then.
//!
//! Every publish is asked for from outside. So each server is offered the same load, the time of a publish is known on one clock,
//! and what is outstanding has a bound.

use std::fmt;

/// Asks for `count` messages of `size` bytes, numbered from `seq` on. On the wire: `P <seq> <count> <size>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// The number of the first.
    pub seq: u64,
    /// How many.
    pub count: u64,
    /// The payload of each, in bytes.
    pub size: usize,
}

impl Request {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(text).ok()?.split(' ');
        if words.next()? != "P" {
            return None;
        }
        let mut number = || words.next()?.parse::<u64>().ok();
        Some(Self { seq: number()?, count: number()?, size: usize::try_from(number()?).ok()? })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P {} {} {}", self.seq, self.count, self.size)
    }
}

const HEAD: &[u8] = b"{\"seq\":\"";
const DIGITS: usize = 16;
const MIDDLE: &[u8] = b"\",\"pad\":\"";
const TAIL: &[u8] = b"\"}";

/// The shortest message there can be.
pub const SIZE_MIN: usize = HEAD.len() + DIGITS + MIDDLE.len() + TAIL.len();

/// A numbered message, such as `{"seq":"0000000000000042","pad":"xxx"}`: only its digits change.
#[derive(Default)]
pub struct Numbered(Vec<u8>);

impl Numbered {
    /// The message of that number, of exactly `size` bytes (at least [`SIZE_MIN`]).
    pub fn get(&mut self, seq: u64, size: usize) -> &[u8] {
        if self.0.len() != size {
            self.0.clear();
            self.0.extend_from_slice(HEAD);
            self.0.extend_from_slice(&[b'0'; DIGITS]);
            self.0.extend_from_slice(MIDDLE);
            self.0.resize(size.max(SIZE_MIN) - TAIL.len(), b'x');
            self.0.extend_from_slice(TAIL);
        }
        let mut rest = seq;
        for digit in self.0[HEAD.len()..HEAD.len() + DIGITS].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        &self.0
    }
}

/// The number of a message, of which only the beginning is needed.
pub fn number_of(message: &[u8]) -> Option<u64> {
    let digits = message.strip_prefix(HEAD)?.get(..DIGITS)?;
    decimal(digits)
}

/// A decimal number and nothing else.
pub fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| match byte {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_as_it_is_written() {
        let request = Request { seq: 42, count: 8, size: 5000 };
        assert_eq!(request.to_string(), "P 42 8 5000");
        assert_eq!(Request::parse(b"P 42 8 5000"), Some(request));
        assert_eq!(Request::parse(b"P 42 8"), None);
        assert_eq!(Request::parse(b"Q 42 8 5000"), None);
    }

    #[test]
    fn a_message_has_its_number_and_size() {
        let mut numbered = Numbered::default();
        assert_eq!(numbered.get(42, 38), br#"{"seq":"0000000000000042","pad":"xxx"}"#);
        assert_eq!(numbered.get(43, 38), br#"{"seq":"0000000000000043","pad":"xxx"}"#);
        assert_eq!(numbered.get(7, SIZE_MIN).len(), SIZE_MIN);
        assert_eq!(number_of(numbered.get(1_000_000, 5000)), Some(1_000_000));
        assert_eq!(number_of(b"{\"seq\":\"12\"}"), None);
    }
}
