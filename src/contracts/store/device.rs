//! What device sessions record.

use crate::ground::time::Wall;
use std::{fmt, sync::Arc};

/// A record of device sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceRecord {
    /// A session has begun. A store that has one of this id already rejects it.
    SessionStarted(Arc<SessionRow>),
    /// A session is over, or, once it is, has changed: all there is to say about it, whatever the store knew. Of one that was
    /// [interrupted](SessionStatus::Interrupted) the store counts the samples that it has, and takes that for the count.
    SessionEnded(Arc<SessionRow>),
    /// A sample of a device.
    Sample(Arc<DeviceSample>),
}

/// What a device has sent, as it is recorded, and as the host is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSample {
    /// The session that it belongs to, and its number there, from 1. `None`: to none; a store counts those for each device.
    pub place: Option<(Arc<str>, u64)>,
    /// The device's id.
    pub device: Arc<str>,
    /// When, by the server's clock.
    pub received_at: Wall,
    /// The message, verbatim.
    pub payload: Box<str>,
}

/// A device's session, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id: `session_` and twelve hexadecimal digits.
    pub id: Arc<str>,
    /// The device's id.
    pub device: Arc<str>,
    /// How it is, or how it ended.
    pub status: SessionStatus,
    /// When it began, by the server's clock.
    pub started_at: Wall,
    /// When it ended, by the server's clock.
    pub ended_at: Option<Wall>,
    /// The timestamp of the message that began it, as the client wrote the number.
    pub client_started_at: Option<Box<str>>,
    /// The timestamp of the message that ended it.
    pub client_ended_at: Option<Box<str>>,
    /// Samples under it that a store has committed, or may yet.
    pub sample_count: u64,
}

/// How a device's session is, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionStatus {
    /// It is under way.
    Active,
    /// The client ended it.
    Completed,
    /// The device began another.
    AutoEnded,
    /// Its connection ended.
    Disconnected,
    /// No data came for too long.
    Timeout,
    /// The server stopped.
    Stopped,
    /// The host ended it.
    EndedByHost,
    /// The server ended without a word, or lost sight of it; it was found open afterwards.
    Interrupted,
}

impl SessionStatus {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Active,
        Self::Completed,
        Self::AutoEnded,
        Self::Disconnected,
        Self::Timeout,
        Self::Stopped,
        Self::EndedByHost,
        Self::Interrupted,
    ];

    /// As it is recorded, such as `auto_ended`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Completed => "completed",
            Self::AutoEnded => "auto_ended",
            Self::Disconnected => "disconnected",
            Self::Timeout => "timeout",
            Self::Stopped => "stopped",
            Self::EndedByHost => "ended_by_host",
            Self::Interrupted => "interrupted",
        }
    }

    /// The status of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

impl fmt::Display for SessionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl DeviceRecord {
    /// Bytes that it takes beside its own size.
    pub(super) fn weight_bytes(&self) -> usize {
        match self {
            Self::SessionStarted(row) | Self::SessionEnded(row) => row.weight_bytes(),
            Self::Sample(sample) => sample.weight_bytes(),
        }
    }
}

impl SessionRow {
    /// Bytes that it takes, with its texts.
    pub(crate) fn weight_bytes(&self) -> usize {
        let client = [&self.client_started_at, &self.client_ended_at];
        let client: usize = client.into_iter().flatten().map(|text| text.len()).sum();
        size_of::<Self>() + self.id.len() + self.device.len() + client
    }
}

impl DeviceSample {
    /// Bytes that it takes, with its payload. Its ids are its session's and its device's own; but of a device that has no session perhaps nobody else has one.
    pub(crate) fn weight_bytes(&self) -> usize {
        let id = if self.place.is_none() { self.device.len() } else { 0 };
        size_of::<Self>() + id + self.payload.len()
    }
}
