//! Writing JSON into a string that grows.

use std::fmt::Write as _;

/// Appends `text` as a JSON string, with its quotes.
pub(crate) fn string(text: &str, out: &mut String) {
    out.push('"');
    let mut kept = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[kept..at]);
        kept = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[kept..]);
    out.push('"');
}

/// Appends JSON with spaces for its line breaks, which can only stand between tokens.
pub(crate) fn in_one_line(json: &str, out: &mut String) {
    let mut kept = 0;
    for (at, _) in json.match_indices(['\r', '\n']) {
        out.push_str(&json[kept..at]);
        out.push(' ');
        kept = at + 1;
    }
    out.push_str(&json[kept..]);
}
