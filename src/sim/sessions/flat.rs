//! Fields of flat JSON, as the clients of this world and the contracts write it: read naively, digit for digit.

/// The JSON text of a field.
pub(super) fn raw<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let key = format!("\"{name}\":");
    let at = text.find(&key)? + key.len();
    let rest = &text[at..];
    let end = match rest.strip_prefix('"') {
        Some(string) => string.find('"')? + 2,
        None => rest.find([',', '}'])?,
    };
    Some(&rest[..end])
}

/// A string; null is none.
pub(super) fn string<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    raw(text, name)?.strip_prefix('"')?.strip_suffix('"')
}

/// A number, as it stands.
pub(super) fn number<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    raw(text, name).filter(|raw| *raw != "null")
}
