//! A client's message: an object of which some fields are read.

use super::check::{JsonFault, check, too_deep_at, words};
use crate::ground::{
    limits::{JSON_DEPTH_MAX, QUOTE_BYTES_MAX},
    text::cut,
};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// What is wrong with a message, in a sentence for its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The field that it is about; `None`: the message as a whole.
    pub(crate) field: Option<&'static str>,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn of_message(message: impl Into<String>) -> Self {
        Self { field: None, message: message.into() }
    }

    pub(crate) fn of_field(field: &'static str, message: impl Into<String>) -> Self {
        Self { field: Some(field), message: message.into() }
    }

    fn expected(field: &'static str, expected: &str, raw: &str) -> Self {
        Self::of_field(field, format!("\"{field}\" must be {expected}, not {}", kind(raw)))
    }
}

/// The named fields of an object, as their JSON text, verbatim. Of a name that comes twice the last counts.
#[derive(Debug)]
pub(crate) struct Object<'a, const N: usize> {
    names: [&'static str; N],
    raws: [Option<&'a str>; N],
}

impl<'a, const N: usize> Object<'a, N> {
    /// Finds the fields of `names` in a text that should be an object. The whole text is checked.
    pub(crate) fn read(text: &'a str, names: [&'static str; N]) -> Result<Self, Fault> {
        // Depth first: the parser remembers a byte for each level.
        if too_deep_at(text).is_some() {
            let what = check(text).err().map_or_else(
                || format!("nested deeper than {JSON_DEPTH_MAX}"),
                |JsonFault { what, .. }| what,
            );
            return Err(Fault::of_message(format!("invalid JSON: {what}")));
        }
        let mut parser = serde_json::Deserializer::from_str(text);
        let raws = match parser.deserialize_map(Fields(&names)) {
            Ok(raws) => raws,
            // "Data": it is JSON so far, but of another type.
            Err(error) if error.is_data() => {
                return Err(match check(text) {
                    Ok(()) => Fault::of_message(format!(
                        "a message must be a JSON object, not {}",
                        kind(text.trim_start())
                    )),
                    Err(fault) => Fault::of_message(format!("invalid JSON: {}", fault.what)),
                });
            }
            Err(error) => return Err(Fault::of_message(format!("invalid JSON: {}", words(&error)))),
        };
        parser.end().map_err(|error| Fault::of_message(format!("invalid JSON: {}", words(&error))))?;
        Ok(Self { names, raws })
    }

    /// A field's JSON text, if the field is there.
    pub(crate) fn raw(&self, name: &'static str) -> Option<&'a str> {
        let at = self.names.iter().position(|n| *n == name);
        debug_assert!(at.is_some(), "{name} was not asked for");
        self.raws[at?]
    }

    /// A field that is a string, if it is there. Borrowed unless it holds escapes.
    pub(crate) fn string(&self, name: &'static str) -> Result<Option<Cow<'a, str>>, Fault> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
            None => Err(Fault::expected(name, "a string", raw)),
            Some(plain) if !plain.contains('\\') => Ok(Some(Cow::Borrowed(plain))),
            // The text was checked: only half a surrogate pair can be wrong with it.
            Some(_) => match serde_json::from_str(raw) {
                Ok(text) => Ok(Some(Cow::Owned(text))),
                Err(_) => Err(Fault::of_field(
                    name,
                    format!(
                        "\"{name}\" must be a string of whole characters: it escapes half a surrogate pair"
                    ),
                )),
            },
        }
    }

    /// The same, where it must be there.
    pub(crate) fn required_string(&self, name: &'static str) -> Result<Cow<'a, str>, Fault> {
        self.string(name)?
            .ok_or_else(|| Fault::of_field(name, format!("\"{name}\" is missing: a string is expected")))
    }

    /// A field that is a whole number, if it is there and not null.
    pub(crate) fn integer(&self, name: &'static str) -> Result<Option<i64>, Fault> {
        match self.raw(name) {
            None | Some("null") => Ok(None),
            Some(raw) if kind(raw) != "a number" => Err(Fault::expected(name, "a whole number", raw)),
            Some(raw) => raw.parse().map(Some).map_err(|_| {
                Fault::of_field(name, format!("\"{name}\" must be a whole number, not {}", quoted(raw)))
            }),
        }
    }

    /// Fields of a field that is an object; all of them are missing where it is, or is null.
    pub(crate) fn object<const M: usize>(
        &self,
        name: &'static str,
        names: [&'static str; M],
    ) -> Result<Object<'a, M>, Fault> {
        match self.raw(name) {
            None | Some("null") => Ok(Object { names, raws: [None; M] }),
            Some(raw) if kind(raw) != "an object" => Err(Fault::expected(name, "an object", raw)),
            Some(raw) => Object::read(raw, names),
        }
    }

    /// A field that is a number, if it is there, digit for digit.
    pub(crate) fn number(&self, name: &'static str) -> Result<Option<&'a str>, Fault> {
        match self.raw(name) {
            Some(raw) if kind(raw) != "a number" => Err(Fault::expected(name, "a number", raw)),
            raw => Ok(raw),
        }
    }
}

/// What a JSON text is, by its first character.
fn kind(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A client's own words, to be quoted in an error: cut, if they are long.
pub(crate) fn quoted(text: &str) -> String {
    let shown = cut(text, QUOTE_BYTES_MAX);
    if shown.len() < text.len() { format!("\"{shown}...\"") } else { format!("\"{shown}\"") }
}

/// Keeps the text of the values it has names for, and walks over the others.
struct Fields<'n, const N: usize>(&'n [&'static str; N]);

impl<const N: usize> Fields<'_, N> {
    /// Which field a key names: JSON text, with its quotes.
    fn index_of(&self, raw_key: &str) -> Option<usize> {
        let inside = raw_key.get(1..raw_key.len() - 1)?;
        if !inside.contains('\\') {
            return self.0.iter().position(|name| *name == inside);
        }
        // An escape takes at most six characters for one of ours, so what is longer is none of them.
        let longest = self.0.iter().map(|name| name.len()).max()?;
        if inside.len() > longest * 6 {
            return None;
        }
        let key: String = serde_json::from_str(raw_key).ok()?;
        self.0.iter().position(|name| *name == key)
    }
}

impl<'de, const N: usize> Visitor<'de> for Fields<'_, N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut raws = [None; N];
        while let Some(key) = map.next_key::<&RawValue>()? {
            let value = map.next_value::<&RawValue>()?;
            if let Some(at) = self.index_of(key.get()) {
                raws[at] = Some(value.get());
            }
        }
        Ok(raws)
    }
}
