//! The parts of a request target: the path's segments and the query's pairs, decoded.

use crate::ground::limits::SEGMENTS_MAX;
use std::{borrow::Cow, fmt};

/// A path, split at its slashes and then percent-decoded, so that an encoded slash stays inside its segment.
/// Made once per request and matched against every [`Pattern`](super::pattern::Pattern).
///
/// A trailing slash is not kept: `/a/` and `/a` are both `["a"]`, `/` is `[]`. An empty segment in any other
/// place is kept (`//` is `[""]`) and matches nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path<'a> {
    /// At most [`SEGMENTS_MAX`] and one more, which is enough to match no pattern: a path of nothing but
    /// slashes must not cost 24 bytes for each.
    segments: Vec<Cow<'a, str>>,
}

impl<'a> Path<'a> {
    /// Splits and decodes a path as it was sent, without its query.
    pub(crate) fn decode(path: &'a str) -> Result<Self, PathFault> {
        let mut rest = path.strip_prefix('/').ok_or(PathFault)?.split('/').peekable();
        let mut segments = Vec::new();
        while let Some(segment) = rest.next() {
            if segment.is_empty() && rest.peek().is_none() {
                break;
            }
            // Segments that are not kept are decoded too: a malformed path is malformed at any depth.
            let segment = decode_segment(segment)?;
            if segments.len() <= SEGMENTS_MAX {
                segments.push(segment);
            }
        }
        Ok(Self { segments })
    }

    /// The decoded segments.
    pub(crate) fn segments(&self) -> &[Cow<'a, str>] {
        &self.segments
    }
}

/// A path that cannot be decoded: a `%` without two hexadecimal digits behind it, bytes that are no UTF-8, a
/// NUL, or no slash at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PathFault;

impl PathFault {
    /// The status of the answer.
    pub(crate) const fn status(self) -> u16 {
        400
    }

    /// What the client did wrong, in one line.
    pub(crate) const fn message(self) -> &'static str {
        "malformed path: expected a leading '/', and percent-encoding (%XX) that makes UTF-8 without NUL"
    }
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

fn decode_segment(text: &str) -> Result<Cow<'_, str>, PathFault> {
    if text.contains('\0') {
        return Err(PathFault);
    }
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (digits, behind) = rest.split_first_chunk().ok_or(PathFault)?;
        rest = behind;
        match hex_pair(*digits) {
            None | Some(0) => return Err(PathFault),
            Some(decoded) => out.push(decoded),
        }
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| PathFault)
}

/// The pairs of a query, decoded. Lenient: a `%` that is no escape stands for itself.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode_lossy(name), decode_lossy(value))
    })
}

fn decode_lossy(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        let escape = behind.split_first_chunk().filter(|_| byte == b'%');
        match escape.and_then(|(digits, behind)| Some((hex_pair(*digits)?, behind))) {
            Some((decoded, behind)) => {
                out.push(decoded);
                rest = behind;
            }
            None => out.push(if byte == b'+' { b' ' } else { byte }),
        }
    }
    Cow::Owned(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// The byte that two hexadecimal digits name.
fn hex_pair([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| Some(char::from(byte).to_digit(16)? as u8); // below 16, so the cast keeps it
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(path: &str) -> Option<Vec<String>> {
        Some(Path::decode(path).ok()?.segments.into_iter().map(Cow::into_owned).collect())
    }

    #[test]
    fn paths_split_before_they_decode() {
        for (path, segments) in [
            ("/", &[][..]),
            ("/a", &["a"]),
            ("/a/", &["a"]),
            ("/a/b%20c/", &["a", "b c"]),
            ("/a%2Fb/%c3%bc", &["a/b", "ü"]),
            ("/a+b", &["a+b"]),
            ("//", &[""]),
            ("/a//", &["a", ""]),
            ("//a", &["", "a"]),
            ("/..", &[".."]),
        ] {
            assert_eq!(decoded(path).unwrap(), segments, "{path}");
        }
    }

    #[test]
    fn malformed_paths_are_refused() {
        for path in
            ["", "*", "a", "/%", "/%4", "/%4x", "/%zz", "/%00", "/a\0", "/%ff", "/%c3", "/%+1", "/ok/%"]
        {
            assert_eq!(Path::decode(path), Err(PathFault), "{path}");
        }
        let deep_fault = "/a".repeat(100) + "/%";
        assert_eq!(Path::decode(&deep_fault), Err(PathFault));
    }

    #[test]
    fn a_path_of_slashes_stays_small() {
        let path = "/".repeat(8 << 10);
        assert_eq!(Path::decode(&path).unwrap().segments.len(), SEGMENTS_MAX + 1);
    }

    #[test]
    fn queries_decode_leniently() {
        let pairs = |query| {
            query_pairs(query)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect::<Vec<_>>()
        };
        let expect = |list: &[(&str, &str)]| {
            list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect::<Vec<_>>()
        };
        assert_eq!(pairs("a=1&b=x+y&c"), expect(&[("a", "1"), ("b", "x y"), ("c", "")]));
        assert_eq!(pairs("a=b=c&&=v"), expect(&[("a", "b=c"), ("", "v")]));
        assert_eq!(pairs("t=%C3%BC&u=%ff"), expect(&[("t", "ü"), ("u", "\u{fffd}")]));
        assert_eq!(
            pairs("p=100%&q=%4&r=%zz&s=%2"),
            expect(&[("p", "100%"), ("q", "%4"), ("r", "%zz"), ("s", "%2")])
        );
        assert_eq!(pairs("é%é=%25%32%35"), expect(&[("é%é", "%25")]));
        assert_eq!(pairs(""), []);
    }
}
