//! Comparing JSON with what a transcript expects of it.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fmt};

/// What `$NAME`s stand for, as JSON.
pub(super) type Vars = BTreeMap<String, String>;

/// The key that `..` becomes.
const OPEN: &str = "..";

/// An object's members in their order, duplicates and all.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Turns the `..` of open objects into a member, so that the pattern is JSON.
pub(super) fn as_json(pattern: &str) -> String {
    let (mut out, mut in_string, mut escaped) = (String::new(), false, false);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if !in_string && rest.starts_with(OPEN) {
            out.push_str("\"..\":0");
            rest = &rest[OPEN.len()..];
            continue;
        }
        match c {
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// Compares `actual` with `pattern`, which [`as_json`] made; the error says where they differ.
pub(super) fn compare(pattern: &str, actual: &str, vars: &mut Vars) -> Result<(), String> {
    compare_at("", pattern.trim(), actual.trim(), vars)
}

fn compare_at(path: &str, pattern: &str, actual: &str, vars: &mut Vars) -> Result<(), String> {
    let differs =
        || Err(format!("{}: expected {pattern}, got {actual}", if path.is_empty() { "." } else { path }));
    let is_number = actual.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    match text(pattern).as_deref() {
        Some("<any>") => return Ok(()),
        Some("<number>") => return if is_number { Ok(()) } else { differs() },
        Some("<iso>") => {
            return if text(actual).is_some_and(|text| is_iso(&text)) { Ok(()) } else { differs() };
        }
        Some(text) if text.starts_with('$') => {
            let known = vars.entry(text[1..].to_owned()).or_insert_with(|| actual.to_owned());
            return if known == actual {
                Ok(())
            } else {
                Err(format!("{path}: {text} is {known}, got {actual}"))
            };
        }
        Some(expected) => {
            return if text(actual).as_deref() == Some(expected) { Ok(()) } else { differs() };
        }
        None => {}
    }
    if pattern.starts_with('{') {
        let expected = members(pattern)?;
        let Ok(mut got) = members(actual) else { return differs() };
        let mut open = false;
        for (name, pattern) in &expected {
            if name == OPEN {
                open = true;
                continue;
            }
            let Some(at) = got.iter().position(|(other, _)| other == name) else {
                return Err(format!("{path}.{name}: expected {}, got nothing", pattern.get()));
            };
            let (_, actual) = got.remove(at);
            compare_at(&format!("{path}.{name}"), pattern.get(), actual.get(), vars)?;
        }
        return match got.first() {
            Some((name, value)) if !open => {
                Err(format!("{path}.{name}: expected nothing, got {}", value.get()))
            }
            _ => Ok(()),
        };
    }
    if pattern.starts_with('[') {
        let expected: Vec<Box<RawValue>> =
            serde_json::from_str(pattern).map_err(|error| error.to_string())?;
        let Ok(got) = serde_json::from_str::<Vec<Box<RawValue>>>(actual) else { return differs() };
        if expected.len() != got.len() {
            return differs();
        }
        for (index, (pattern, actual)) in expected.iter().zip(&got).enumerate() {
            compare_at(&format!("{path}[{index}]"), pattern.get(), actual.get(), vars)?;
        }
        return Ok(());
    }
    if pattern == actual { Ok(()) } else { differs() }
}

fn members(json: &str) -> Result<Vec<(String, Box<RawValue>)>, String> {
    serde_json::from_str::<Members>(json).map(|members| members.0).map_err(|error| error.to_string())
}

fn text(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

fn is_iso(text: &str) -> bool {
    const FORM: &str = "0000-00-00T00:00:00.000Z";
    text.len() == FORM.len()
        && text.bytes().zip(FORM.bytes()).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

/// Puts what they stand for in place of the `"$NAME"`s of a text that is sent.
pub(super) fn fill_in(text: &str, vars: &Vars) -> String {
    vars.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("\"${name}\""), value))
}
