//! What the host can do wrong. Values, never panics: a control thread must survive its own bugs.

use super::value::TagKind;
use crate::ground::limits::{TAG_TEXT_BYTES_MAX, UPDATE_WRITES_MAX};
use std::fmt;

/// Why a write changed nothing. All but [`Busy`](Self::Busy) are faults in the host program, which the same call would meet again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TagWriteError {
    /// Another thread was writing the same equipment at that moment. Write again in the next cycle, or give each equipment one writer.
    Busy,
    /// The handle is of another table, or was never given out.
    UnknownEquipment,
    /// The equipment has no such tag: the handle was never given out.
    UnknownTag,
    /// The update is of one equipment, and the tag belongs to another.
    OtherEquipment,
    /// The tag holds another kind of value.
    WrongKind {
        /// What the tag holds.
        expected: TagKind,
        /// What was given.
        given: TagKind,
    },
    /// The text is longer than a tag holds.
    TextTooLong {
        /// Its length in bytes.
        given: usize,
    },
    /// More writes in one update than an equipment has tags.
    TooManyWrites {
        /// How many.
        given: usize,
    },
}

impl fmt::Display for TagWriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str(
                "another thread is writing this equipment: write again in the next cycle, or give it one writer",
            ),
            Self::UnknownEquipment => {
                f.write_str("no such equipment: the handle must come from this table's declare or equipment")
            }
            Self::UnknownTag => f.write_str("no such tag: the handle must come from this table's tag or add_tag"),
            Self::OtherEquipment => {
                f.write_str("the tag belongs to other equipment: an update is of one equipment")
            }
            Self::WrongKind { expected, given } => {
                write!(f, "the tag holds {expected}, not {given}: give what it was declared with")
            }
            Self::TextTooLong { given } => {
                write!(f, "a text of {given} bytes: a tag holds up to {TAG_TEXT_BYTES_MAX}")
            }
            Self::TooManyWrites { given } => {
                write!(f, "an update of {given} writes: it takes up to {UPDATE_WRITES_MAX}")
            }
        }
    }
}

impl std::error::Error for TagWriteError {}

/// Why equipment or a tag was not declared or found. The fault is the host program's, and nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TagDeclareError {
    /// The table has as much equipment as its builder made room for.
    Full {
        /// How much.
        capacity: usize,
    },
    /// There is equipment of this code.
    CodeTaken {
        /// The code.
        code: String,
    },
    /// Equipment that cannot be as it was described.
    BadEquipment {
        /// Its code.
        code: String,
        /// What is wrong, and what would be right.
        why: &'static str,
    },
    /// A tag that cannot be, or is not there.
    BadTag {
        /// The equipment's code.
        code: String,
        /// The tag's name.
        tag: String,
        /// What is wrong, and what would be right.
        why: &'static str,
    },
    /// The equipment's handle is of another table, or was never given out.
    UnknownEquipment,
}

impl fmt::Display for TagDeclareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => {
                write!(f, "the tag table is full with {capacity} equipment: give its builder more room")
            }
            Self::CodeTaken { code } => {
                write!(f, "two equipment have the code {code:?}: give one of them another")
            }
            Self::BadEquipment { code, why } => write!(f, "equipment {code:?}: {why}"),
            Self::BadTag { code, tag, why } => write!(f, "tag {tag:?} of equipment {code:?}: {why}"),
            Self::UnknownEquipment => TagWriteError::UnknownEquipment.fmt(f),
        }
    }
}

impl std::error::Error for TagDeclareError {}
