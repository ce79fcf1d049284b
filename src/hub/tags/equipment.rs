//! What is said of equipment when it is declared.

use super::value::TagKind;
use std::{fmt, time::Duration};

/// What equipment is doing, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EquipmentStatus {
    /// At work.
    Running,
    /// Ready.
    Idle,
    /// Stopped.
    Stopped,
    /// At fault.
    Error,
    /// Nothing is known of it.
    Disconnected,
}

impl EquipmentStatus {
    /// Its word on the wire: `running`, `idle`, `stopped`, `error`, `disconnected`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Idle => "idle",
            Self::Stopped => "stopped",
            Self::Error => "error",
            Self::Disconnected => "disconnected",
        }
    }
}

impl fmt::Display for EquipmentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When equipment that is not written any more is shown as disconnected. There is no default: only the host knows how often it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stale(pub(super) Option<Duration>);

impl Stale {
    /// When nothing was written for `deadline`, an equal value included; at least 100 ms. It shows up to a quarter of the shortest deadline
    /// of all equipment later, never earlier.
    pub const fn after(deadline: Duration) -> Self {
        Self(Some(deadline))
    }

    /// Never: what was written last is true until something else is written.
    pub const fn never() -> Self {
        Self(None)
    }
}

/// The description of one equipment, given when it is declared.
#[derive(Debug, Clone)]
pub struct Equipment {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) stale: Stale,
    pub(super) tags: Vec<(String, TagKind)>,
    pub(super) room: usize,
}

impl Equipment {
    /// Equipment with `status_tag`, `error_tag` and `connection`, and no tags of its own. The code is what it is known by, any UTF-8 of 1 to 256
    /// bytes, unlike that of any other; the name is for people, up to 256 bytes.
    pub fn new(code: impl Into<String>, name: impl Into<String>, stale: Stale) -> Self {
        Self { code: code.into(), name: name.into(), stale, tags: Vec::new(), room: 0 }
    }

    /// With one more tag, which has no value until one is written. A name of 1 to 128 bytes, unlike those of its other tags.
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, kind: TagKind) -> Self {
        self.tags.push((name.into(), kind));
        self
    }

    /// With room for this many tags to be added later, beside those declared. Default 0: each takes some 170 bytes whether or not it comes.
    #[must_use]
    pub const fn room_for_tags(mut self, tags: usize) -> Self {
        self.room = tags;
        self
    }

    /// Tags of its own that it can ever have.
    pub(super) fn tags_max(&self) -> usize {
        self.tags.len().saturating_add(self.room)
    }
}
