//! JSON without the whitespace between its tokens.

/// Appends `text`, which has been checked, without the whitespace outside of strings. Nothing else is touched.
pub(crate) fn compact(text: &str, out: &mut String) {
    let bytes = text.as_bytes();
    let (mut at, mut kept) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = string_end(bytes, at),
            b' ' | b'\t' | b'\n' | b'\r' => {
                out.push_str(&text[kept..at]);
                at += 1;
                kept = at;
            }
            _ => at += 1,
        }
    }
    out.push_str(&text[kept..]);
}

/// Behind the closing quote of the string that begins at `start`; the end of the text when it is not closed.
pub(super) fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if bytes[at - 1] == b'"' {
            return at;
        }
        // What is escaped is no quote of ours.
        at += 1;
    }
    bytes.len()
}
