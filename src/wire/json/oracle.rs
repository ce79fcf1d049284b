//! A slow and simple parser of JSON, by the grammar of RFC 8259, to compare the quick one with.

use super::{check::check, compact::compact, object::Object};
use crate::ground::limits::JSON_DEPTH_MAX;

/// What the slow parser found.
#[derive(Debug, Default)]
pub(super) struct Parsed<'a> {
    /// All tokens, as they stand in the text.
    tokens: Vec<&'a str>,
    /// The members of the outermost object: name with its quotes, value from its first to its last token.
    members: Vec<(&'a str, &'a str)>,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    parsed: Parsed<'a>,
}

/// `None`: it is not JSON, or too deep.
pub(super) fn parse(text: &str) -> Option<Parsed<'_>> {
    let mut parser = Parser { text, at: 0, parsed: Parsed::default() };
    parser.value(0)?;
    parser.space();
    (parser.at == text.len()).then_some(parser.parsed)
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn token(&mut self, len: usize) -> Option<&'a str> {
        let token = self.text.get(self.at..self.at + len)?;
        self.at += len;
        self.parsed.tokens.push(token);
        Some(token)
    }

    fn value(&mut self, depth: usize) -> Option<&'a str> {
        self.space();
        let start = self.at;
        match self.peek()? {
            b'"' => {
                let len = string_len(&self.text.as_bytes()[start..])?;
                self.token(len)?;
            }
            open @ (b'[' | b'{') => self.group(open, depth + 1)?,
            b'-' | b'0'..=b'9' => {
                let len = number_len(&self.text.as_bytes()[start..])?;
                self.token(len)?;
            }
            _ => {
                let rest = &self.text[start..];
                let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word))?;
                self.token(word.len())?;
            }
        }
        Some(&self.text[start..self.at])
    }

    fn group(&mut self, open: u8, depth: usize) -> Option<()> {
        if depth > JSON_DEPTH_MAX {
            return None;
        }
        let close = if open == b'{' { b'}' } else { b']' };
        self.token(1)?;
        self.space();
        if self.peek()? == close {
            self.token(1)?;
            return Some(());
        }
        loop {
            let mut name = "";
            if open == b'{' {
                self.space();
                let len = string_len(&self.text.as_bytes()[self.at..])?;
                name = self.token(len)?;
                self.space();
                (self.peek()? == b':').then(|| self.token(1))??;
            }
            let value = self.value(depth)?;
            if depth == 1 && open == b'{' {
                self.parsed.members.push((name, value));
            }
            self.space();
            match self.peek()? {
                b',' => self.token(1)?,
                byte if byte == close => {
                    self.token(1)?;
                    return Some(());
                }
                _ => return None,
            };
        }
    }
}

fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    bytes.first().filter(|&&byte| byte == b'"')?;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match bytes.get(at + 1)? {
                b'u' => {
                    bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                    at += 6;
                }
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                _ => return None,
            },
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

fn number_len(bytes: &[u8]) -> Option<usize> {
    let digits = |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes[0] == b'-');
    match digits(at) {
        0 => return None,
        // A number does not begin with a zero, unless it is one.
        more if more > 1 && bytes[at] == b'0' => return None,
        more => at += more,
    }
    if bytes.get(at) == Some(&b'.') {
        at += 1 + Some(digits(at + 1)).filter(|&more| more > 0)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at += Some(digits(at)).filter(|&more| more > 0)?;
    }
    Some(at)
}

/// What must be true of any text.
pub(super) fn compare(text: &str) {
    let slow = parse(text);
    let quick = check(text);
    assert_eq!(quick.is_ok(), slow.is_some(), "{quick:?} of {text:?}");
    if let Err(fault) = &quick {
        assert!(fault.line >= 1 && fault.column >= 1, "{fault}");
        let line = text.split('\n').nth(fault.line - 1).unwrap_or_else(|| panic!("{fault} of {text:?}"));
        assert!(fault.column <= line.chars().count() + 1, "{fault} of {text:?}");
    }
    const NAMES: [&str; 2] = ["type", "data"];
    let object = Object::read(text, NAMES);
    let Some(slow) = slow else {
        assert!(object.is_err(), "{text:?}");
        return;
    };
    let mut compacted = String::new();
    compact(text, &mut compacted);
    assert_eq!(compacted, slow.tokens.concat(), "of {text:?}");
    let is_object = slow.tokens[0] == "{";
    assert_eq!(object.is_ok(), is_object, "{object:?} of {text:?}");
    let Ok(object) = object else { return };
    for name in NAMES {
        let of_that_name =
            |(key, _): &&(&str, &str)| serde_json::from_str::<String>(key).is_ok_and(|key| key == name);
        let last = slow.members.iter().rev().find(of_that_name).map(|(_, value)| *value);
        assert_eq!(object.raw(name), last, "{name} of {text:?}");
        if let Some(raw) = last {
            let said: Option<String> = serde_json::from_str(raw).ok();
            let read = object.string(name).ok().flatten().map(String::from);
            assert_eq!(read, said, "{name} of {text:?}");
            let number = object.number(name).ok().flatten();
            assert_eq!(
                number.is_some(),
                number_len(raw.as_bytes().get(..raw.len()).unwrap_or(b"x"))
                    .is_some_and(|len| len == raw.len()),
                "{name} of {text:?}"
            );
        }
    }
}

#[cfg(fuzzing)]
pub(crate) fn fuzz_json(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        compare(text);
    }
}
