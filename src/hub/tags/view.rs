//! One equipment as it is shown.

use super::{
    equipment::EquipmentStatus,
    record::{FLAGS, Flags},
    seen::{Life, Seen},
    value::TagValue,
};
use crate::ground::{id::EquipmentId, time::Wall};

/// One equipment as the last look at the table found it: all of it from one moment.
#[derive(Debug, Clone, Copy)]
pub struct EquipmentView<'a> {
    pub(super) id: EquipmentId,
    pub(super) seen: &'a Seen,
}

impl<'a> EquipmentView<'a> {
    /// Its handle.
    pub fn id(&self) -> EquipmentId {
        self.id
    }

    /// What it is known by.
    pub fn code(&self) -> &'a str {
        &self.seen.record.code
    }

    /// What people call it.
    pub fn name(&self) -> &'a str {
        &self.seen.record.name
    }

    /// The time given with the last write, or else that of the look which saw it; `None` if it was never written.
    pub fn last_updated(&self) -> Option<Wall> {
        self.seen.last_updated
    }

    fn flags(&self) -> Flags {
        let word = self.seen.bytes.get(FLAGS * 4..).and_then(<[u8]>::first_chunk);
        Flags::of(u32::from_le_bytes(word.copied().unwrap_or_default()))
    }

    /// What it is doing: disconnected if the host does not write, or never did; else what the host said explicitly; else disconnected without
    /// `connection`, error by `error_tag`, running by `status_tag`; else idle.
    pub fn status(&self) -> EquipmentStatus {
        let Flags { status_tag, error_tag, connection, explicit } = self.flags();
        match explicit {
            _ if self.seen.life != Life::Live => EquipmentStatus::Disconnected,
            Some(status) => status,
            None if !connection => EquipmentStatus::Disconnected,
            None if error_tag => EquipmentStatus::Error,
            None if status_tag => EquipmentStatus::Running,
            None => EquipmentStatus::Idle,
        }
    }

    /// Its `status_tag`.
    pub fn status_tag(&self) -> bool {
        self.flags().status_tag
    }

    /// Its `error_tag`.
    pub fn error_tag(&self) -> bool {
        self.flags().error_tag
    }

    /// Its `connection`; false if the host does not write, or never did.
    pub fn connection(&self) -> bool {
        self.seen.life == Life::Live && self.flags().connection
    }

    /// Whether the host has not written within the deadline.
    pub fn is_stale(&self) -> bool {
        self.seen.life == Life::Stale
    }

    /// Its own tags in the order of declaration, and their values: `None` before the first, and after a number that was not finite. A number is finite.
    pub fn tags(&self) -> impl Iterator<Item = (&'a str, Option<TagValue<'a>>)> + use<'a> {
        let seen = self.seen;
        seen.record.tags().map(move |tag| {
            let value = seen.bytes.get(tag.at * 4..).and_then(|bytes| TagValue::load(tag.kind, bytes));
            (&*tag.name, value)
        })
    }

    /// The number of the look that last saw a write, an equal value included; 0 if there was none.
    pub fn written_in(&self) -> u64 {
        self.seen.written_in
    }

    /// The number of the look that last saw it otherwise than before, its [`last_updated`](Self::last_updated) aside.
    pub fn changed_in(&self) -> u64 {
        self.seen.changed_in
    }
}
