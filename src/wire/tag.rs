//! Entity tags: an answer's name for what it says, and `If-None-Match` (RFC 9110, 8.8.3 and 13.1.2).

use std::{
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// A weak tag: equal where the answers say the same, whatever their coding and the moment at which they say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag(u64);

impl Tag {
    /// The tag of what an answer says, in its parts.
    pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = DefaultHasher::new();
        // With their lengths, so that it matters where one ends.
        parts.into_iter().for_each(|part| part.hash(&mut hasher));
        Self(hasher.finish())
    }

    /// Whether the header's values name it, or anything (`*`). Compared weakly, as `If-None-Match` asks for. What is no tag ends its value.
    pub(crate) fn is_among<'a>(self, values: impl IntoIterator<Item = &'a str>) -> bool {
        let name = format!("{:016x}", self.0);
        values.into_iter().any(|value| value.trim() == "*" || opaques(value).any(|opaque| opaque == name))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "W/\"{:016x}\"", self.0)
    }
}

/// What stands between the quotes of each tag of a list. A comma may stand there too.
fn opaques(mut list: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        list = list.trim_start_matches([' ', '\t', ',']);
        let (opaque, rest) = list.strip_prefix("W/").unwrap_or(list).strip_prefix('"')?.split_once('"')?;
        list = rest;
        Some(opaque)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_what_clients_send() {
        let tag = Tag::of([&b"what it says"[..]]);
        let (weak, other) = (tag.to_string(), Tag::of([&b"something else"[..]]).to_string());
        let strong = weak.strip_prefix("W/").unwrap();
        for (value, is) in [
            (weak.clone(), true),
            (strong.to_owned(), true),
            (format!("{other}, {weak}"), true),
            (format!("\"a,b\",\t{weak}"), true),
            (format!(",, {weak} ,"), true),
            ("*".to_owned(), true),
            (other.clone(), false),
            (String::new(), false),
            (strong.trim_matches('"').to_owned(), false),
            (format!("nonsense {weak}"), false),
            (format!("w/{strong}"), false),
            (format!("\"{weak}"), false),
            ("W/\"".to_owned(), false),
        ] {
            assert_eq!(tag.is_among([value.as_str()]), is, "{value}");
        }
        assert!(tag.is_among([other.as_str(), &weak]), "of several headers each counts");
        assert!(!tag.is_among([]));
    }

    #[test]
    fn other_words_have_another_tag() {
        let tag = |parts: &[&'static str]| Tag::of(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(tag(&["ab", "c"]), tag(&["ab", "c"]));
        assert_ne!(tag(&["ab", "c"]), tag(&["a", "bc"]));
        assert_ne!(tag(&["ab"]), tag(&["ac"]));
    }
}
