//! Whether a text is JSON; if not, where and why.

use super::compact::string_end;
use crate::ground::limits::JSON_DEPTH_MAX;
use serde::de::IgnoredAny;
use std::fmt;

/// Why a text is no JSON that can be published, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JsonFault {
    /// The line, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

impl std::error::Error for JsonFault {}

impl JsonFault {
    /// What `error` says of `text`, which it is about.
    fn of(error: &serde_json::Error, text: &str) -> Self {
        let line = error.line().max(1);
        let content = text.split('\n').nth(line - 1).unwrap_or_default();
        let what = words(error);
        // Counted in bytes there, up to and with the one that is wrong, but for a control character, which is not counted; zero when
        // the line has none.
        let with_it = error.column() + usize::from(what.starts_with("control character"));
        let before = with_it.saturating_sub(1).min(content.len());
        let column = 1 + content.char_indices().take_while(|(at, c)| at + c.len_utf8() <= before).count();
        Self { line, column, what }
    }

    fn too_deep(text: &str, at: usize) -> Self {
        let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: 1 + text[..at].matches('\n').count(),
            column: 1 + text[line_start..at].chars().count(),
            what: format!("nested deeper than {JSON_DEPTH_MAX}"),
        }
    }
}

/// What is wrong, without where.
pub(super) fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.rfind(" at line ").map_or(text.as_str(), |at| &text[..at]);
    what.replace("EOF while parsing", "the text ends within")
}

/// Checks that `text` is JSON, nested at most [`JSON_DEPTH_MAX`] deep.
pub(crate) fn check(text: &str) -> Result<(), JsonFault> {
    // Depth first: the parser remembers a byte for each level.
    let (text, deep) = match too_deep_at(text) {
        Some(at) => (&text[..at], true),
        None => (text, false),
    };
    match serde_json::from_str::<IgnoredAny>(text) {
        // Cut off where it is too deep, it can only end too early, unless something was wrong before.
        Err(error) if deep && error.is_eof() => Err(JsonFault::too_deep(text, text.len())),
        Err(error) => Err(JsonFault::of(&error, text)),
        Ok(_) => Ok(()),
    }
}

/// Where `text` opens one array or object too many; exact for valid JSON, and for any text up to its first fault.
pub(super) fn too_deep_at(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'[' | b'{' => {
                depth += 1;
                if depth > JSON_DEPTH_MAX {
                    return Some(at);
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}
