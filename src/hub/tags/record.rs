//! One equipment: what it is, and its words.

use super::{
    copies::{Claim, Copies},
    equipment::{Equipment, EquipmentStatus},
    error::TagWriteError,
    handle::{BUILT_IN, CONNECTION, Change, ERROR_TAG, FIRST_OWN, STATUS_TAG, TagWrite},
    value::{Stored, TEXT_WORDS, TagKind, TagValue, store_wide},
};
use crate::ground::{
    id::EquipmentId,
    limits::{TAG_NAME_BYTES_MAX, UPDATE_WRITES_MAX},
    time::Wall,
};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The words of a copy: the flags, the time that was given, and from `HEAD_WORDS` on the equipment's own tags.
pub(super) const FLAGS: usize = 0;
pub(super) const TIME: usize = 1;
pub(super) const HEAD_WORDS: usize = 4;

// In the flags, such that zero is how equipment begins.
const STATUS_ON: u32 = 1;
const ERROR_ON: u32 = 1 << 1;
const UNCONNECTED: u32 = 1 << 2;
/// The explicit status, from this bit on; 0 is none.
const EXPLICIT_SHIFT: u32 = 3;
const EXPLICIT: u32 = 0b111 << EXPLICIT_SHIFT;

/// The first word of a copy, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) status_tag: bool,
    pub(super) error_tag: bool,
    pub(super) connection: bool,
    pub(super) explicit: Option<EquipmentStatus>,
}

impl Flags {
    pub(super) fn of(word: u32) -> Self {
        Self {
            status_tag: word & STATUS_ON != 0,
            error_tag: word & ERROR_ON != 0,
            connection: word & UNCONNECTED == 0,
            explicit: match (word & EXPLICIT) >> EXPLICIT_SHIFT {
                1 => Some(EquipmentStatus::Running),
                2 => Some(EquipmentStatus::Idle),
                3 => Some(EquipmentStatus::Stopped),
                4 => Some(EquipmentStatus::Error),
                5 => Some(EquipmentStatus::Disconnected),
                _ => None,
            },
        }
    }
}

fn explicit_bits(status: Option<EquipmentStatus>) -> u32 {
    let number = match status {
        None => 0,
        Some(EquipmentStatus::Running) => 1,
        Some(EquipmentStatus::Idle) => 2,
        Some(EquipmentStatus::Stopped) => 3,
        Some(EquipmentStatus::Error) => 4,
        Some(EquipmentStatus::Disconnected) => 5,
    };
    number << EXPLICIT_SHIFT
}

/// A tag of the equipment's own.
#[derive(Debug)]
pub(super) struct OwnTag {
    pub(super) name: Box<str>,
    pub(super) kind: TagKind,
    /// Its first word in a copy.
    pub(super) at: usize,
}

#[derive(Debug)]
pub(super) struct Record {
    pub(super) copies: Copies,
    pub(super) code: Arc<str>,
    pub(super) name: Box<str>,
    pub(super) stale: Option<Duration>,
    /// Filled from the front, and never emptied.
    tags: Box<[OnceLock<OwnTag>]>,
}

impl Record {
    /// Equipment as described, without its tags: these are [added](Self::add), and there is room for them.
    pub(super) fn new(equipment: &Equipment, code: Arc<str>) -> Self {
        Self {
            copies: Copies::new(words_of(equipment)),
            code,
            name: equipment.name.as_str().into(),
            stale: equipment.stale.0,
            tags: (0..equipment.tags_max()).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Bytes of a record that is described so, its reader's copy included and its names left aside.
    pub(super) fn bytes_for(equipment: &Equipment) -> usize {
        let copies = Copies::bytes_for(words_of(equipment));
        size_of::<Self>() + copies + copies / 4 + equipment.tags_max() * size_of::<OnceLock<OwnTag>>()
    }

    pub(super) fn tags(&self) -> impl Iterator<Item = &OwnTag> {
        self.tags.iter().map_while(OnceLock::get)
    }

    /// Tags that it may have, and bytes of its code and its names then.
    #[cfg(feature = "contracts")]
    pub(super) fn extent_max(&self) -> (usize, usize) {
        let name = |tag: &OnceLock<OwnTag>| tag.get().map_or(TAG_NAME_BYTES_MAX, |tag| tag.name.len());
        (self.tags.len(), self.code.len() + self.name.len() + self.tags.iter().map(name).sum::<usize>())
    }

    /// The place and kind of the tag of this name.
    pub(super) fn find(&self, name: &str) -> Option<(u16, TagKind)> {
        let built_in = BUILT_IN.iter().zip(0..).find(|(built_in, _)| **built_in == name);
        let own = || self.tags().zip(FIRST_OWN..).find(|(tag, _)| *tag.name == *name);
        built_in.map(|(_, index)| (index, TagKind::Bool)).or_else(|| own().map(|(tag, at)| (at, tag.kind)))
    }

    /// Adds a tag, and says its place. One caller at a time.
    pub(super) fn add(&self, name: &str, kind: TagKind) -> Result<u16, &'static str> {
        if name.is_empty() || name.len() > TAG_NAME_BYTES_MAX {
            return Err("a tag's name has 1 to 128 bytes");
        }
        if BUILT_IN.contains(&name) {
            return Err("every equipment has a tag of this name: give it another");
        }
        if self.find(name).is_some() {
            return Err("the equipment has a tag of this name: give it another");
        }
        let at = self.tags().last().map_or(HEAD_WORDS, |tag| tag.at + tag.kind.words());
        let (slot, index) =
            self.tags.iter().zip(FIRST_OWN..).find(|(slot, _)| slot.get().is_none()).ok_or(NO_ROOM)?;
        slot.set(OwnTag { name: name.into(), kind, at }).map_err(|_| NO_ROOM)?;
        Ok(index)
    }

    /// One write of the host: all of `writes`, or nothing.
    #[inline(always)]
    pub(super) fn write<'a, E: From<TagWriteError>>(
        &self,
        equipment: EquipmentId,
        at: Option<Wall>,
        writes: impl ExactSizeIterator<Item = Result<TagWrite<'a>, E>>,
    ) -> Result<(), E> {
        let mut claim = self.copies.claim().ok_or(TagWriteError::Busy)?;
        let filled = self.fill(&mut claim, equipment, at, writes);
        match filled {
            Ok(()) => claim.publish(),
            Err(_) => claim.count_refused(),
        }
        filled
    }

    #[inline(always)]
    fn fill<'a, E: From<TagWriteError>>(
        &self,
        claim: &mut Claim<'_>,
        equipment: EquipmentId,
        at: Option<Wall>,
        writes: impl ExactSizeIterator<Item = Result<TagWrite<'a>, E>>,
    ) -> Result<(), E> {
        if writes.len() > UPDATE_WRITES_MAX {
            return Err(TagWriteError::TooManyWrites { given: writes.len() }.into());
        }
        store_wide(claim, TIME, at.map(|at| at.as_millis() as u64));
        let mut flags = claim.load(FLAGS);
        let mut set = |bits: u32, on: bool| flags = if on { flags | bits } else { flags & !bits };
        let mut not_finite = 0;
        for write in writes {
            let write = write?;
            if write.equipment != equipment {
                return Err(TagWriteError::OtherEquipment.into());
            }
            match write.change {
                Change::Status(status) => {
                    set(EXPLICIT, false);
                    set(explicit_bits(status), true);
                }
                Change::Tag(index @ ..FIRST_OWN, value) => {
                    let TagValue::Bool(on) = value else {
                        return Err(TagWriteError::WrongKind {
                            expected: TagKind::Bool,
                            given: value.kind(),
                        }
                        .into());
                    };
                    match index {
                        STATUS_TAG => set(STATUS_ON, on),
                        ERROR_TAG => set(ERROR_ON, on),
                        CONNECTION => set(UNCONNECTED, !on),
                        FIRST_OWN.. => return Err(TagWriteError::UnknownTag.into()),
                    }
                }
                Change::Tag(index, value) => {
                    not_finite += self.fill_own(claim, usize::from(index - FIRST_OWN), value)?;
                }
            }
        }
        claim.store(FLAGS, [flags]);
        if not_finite > 0 {
            claim.count_not_finite(not_finite);
        }
        Ok(())
    }

    /// Says how many values have become none, which are counted if the write comes to anything.
    #[inline(always)]
    fn fill_own(&self, claim: &mut Claim<'_>, own: usize, value: TagValue<'_>) -> Result<u32, TagWriteError> {
        let tag = self.tags.get(own).and_then(OnceLock::get).ok_or(TagWriteError::UnknownTag)?;
        if value.kind() != tag.kind {
            return Err(TagWriteError::WrongKind { expected: tag.kind, given: value.kind() });
        }
        match value.store(claim, tag.at) {
            Stored::Yes => Ok(0),
            Stored::AsNone => Ok(1),
            Stored::TooLong(given) => Err(TagWriteError::TextTooLong { given }),
        }
    }
}

const NO_ROOM: &str = "the equipment has no room for another tag: declare it with room_for_tags";

/// What is there, and the widest kind for each tag that may come.
fn words_of(equipment: &Equipment) -> usize {
    let declared: usize = equipment.tags.iter().map(|(_, kind)| kind.words()).sum();
    HEAD_WORDS + declared + equipment.room * TEXT_WORDS
}
