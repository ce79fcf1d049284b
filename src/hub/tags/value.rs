//! What a tag can hold, and how it lies in words.

use super::copies::Claim;
use crate::ground::limits::TAG_TEXT_BYTES_MAX;
use std::fmt;

/// The type of a tag, which it keeps for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TagKind {
    /// True or false.
    Bool,
    /// A whole number.
    I64,
    /// A number; what is not finite becomes no value.
    F64,
    /// UTF-8 of up to 31 bytes.
    Text,
}

impl TagKind {
    /// Words that a tag of this kind takes in a copy.
    pub(super) const fn words(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::I64 | Self::F64 => 3,
            Self::Text => TEXT_WORDS,
        }
    }
}

impl fmt::Display for TagKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::I64 => "i64",
            Self::F64 => "f64",
            Self::Text => "text",
        })
    }
}

/// One value of a tag.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum TagValue<'a> {
    /// Of a [`TagKind::Bool`].
    Bool(bool),
    /// Of a [`TagKind::I64`].
    I64(i64),
    /// Of a [`TagKind::F64`]. One that is read is finite.
    F64(f64),
    /// Of a [`TagKind::Text`].
    Text(&'a str),
}

impl TagValue<'_> {
    /// The kind of tag that holds it.
    pub fn kind(&self) -> TagKind {
        match self {
            Self::Bool(_) => TagKind::Bool,
            Self::I64(_) => TagKind::I64,
            Self::F64(_) => TagKind::F64,
            Self::Text(_) => TagKind::Text,
        }
    }
}

impl From<bool> for TagValue<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for TagValue<'_> {
    fn from(value: i64) -> Self {
        Self::I64(value)
    }
}

impl From<f64> for TagValue<'_> {
    fn from(value: f64) -> Self {
        Self::F64(value)
    }
}

impl<'a> From<&'a str> for TagValue<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

/// The words of a text: a byte for its length plus one, and its bytes.
pub(super) const TEXT_WORDS: usize = (1 + TAG_TEXT_BYTES_MAX).div_ceil(4);
const _: () = assert!(TAG_TEXT_BYTES_MAX < u8::MAX as usize, "a text's length is kept in a byte, plus one");

/// What storing a value came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    Yes,
    /// It was not finite, and is no value now.
    AsNone,
    /// So many bytes of text are more than a tag holds; nothing was changed.
    TooLong(usize),
}

impl TagValue<'_> {
    /// Stores the value at word `at`, where a tag of its kind lies.
    #[inline(always)]
    pub(super) fn store(&self, claim: &mut Claim<'_>, at: usize) -> Stored {
        match *self {
            Self::Bool(value) => claim.store(at, [1 + u32::from(value)]),
            Self::I64(value) => store_wide(claim, at, Some(value as u64)),
            Self::F64(value) if value.is_finite() => store_wide(claim, at, Some(value.to_bits())),
            Self::F64(_) => {
                store_wide(claim, at, None);
                return Stored::AsNone;
            }
            Self::Text(text) => {
                let mut bytes = [0; TEXT_WORDS * 4];
                let Some(room) = bytes.get_mut(1..=text.len()).filter(|_| text.len() <= TAG_TEXT_BYTES_MAX)
                else {
                    return Stored::TooLong(text.len());
                };
                room.copy_from_slice(text.as_bytes());
                bytes[0] = 1 + text.len() as u8; // at most 1 + TAG_TEXT_BYTES_MAX
                let mut words = [0; TEXT_WORDS];
                for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
                    *word = u32::from_le_bytes(*bytes);
                }
                claim.store(at, words);
            }
        }
        Stored::Yes
    }

    /// The value that [`store`](Self::store) put into these bytes, which are the words in little-endian order.
    pub(super) fn load(kind: TagKind, bytes: &[u8]) -> Option<TagValue<'_>> {
        match kind {
            TagKind::Bool => match bytes.first()? {
                0 => None,
                word => Some(TagValue::Bool(*word == 2)),
            },
            TagKind::I64 => Some(TagValue::I64(load_wide(bytes)? as i64)),
            TagKind::F64 => Some(TagValue::F64(f64::from_bits(load_wide(bytes)?))),
            TagKind::Text => {
                let (length, text) = bytes.split_first()?;
                let text = text.get(..usize::from(length.checked_sub(1)?))?;
                std::str::from_utf8(text).ok().map(TagValue::Text)
            }
        }
    }
}

/// 64 bits behind a word that says whether there are any; those of none are as they were.
#[inline]
pub(super) fn store_wide(claim: &mut Claim<'_>, at: usize, bits: Option<u64>) {
    match bits {
        Some(bits) => claim.store(at, [1, bits as u32, (bits >> 32) as u32]),
        None => claim.store(at, [0]),
    }
}

pub(super) fn load_wide(bytes: &[u8]) -> Option<u64> {
    let (there, value) = bytes.split_first_chunk::<4>()?;
    (u32::from_le_bytes(*there) != 0).then_some(())?;
    value.first_chunk().map(|value| u64::from_le_bytes(*value))
}
