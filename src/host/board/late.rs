//! What there is only once the server starts: routes are made before.

use super::ceiling::Ceiling;
use crate::{
    ground::{counters::Stats, limits::Limits},
    host::{handle::Handle, recordings::Recordings},
    runtime::timings::Timings,
};
use std::sync::OnceLock;

/// Set before the loop serves its first request.
#[derive(Debug, Default)]
pub(crate) struct Late {
    /// For answers that come later, and streams that go on.
    handle: OnceLock<Handle>,
    /// Nothing where there is no store that can be read, or what it has may not be shown.
    recordings: OnceLock<Recordings>,
    /// What was recorded may be shown.
    shows_recordings: bool,
    ceiling: Ceiling,
}

impl Late {
    pub(super) fn new(ceiling: Ceiling, shows_recordings: bool) -> Self {
        Self { ceiling, shows_recordings, ..Self::default() }
    }

    /// Bytes that the endpoints take at their bounds, where a command that waits for the loop takes so much beside its content.
    pub(crate) fn memory_ceiling(&self, limits: &Limits, per_command: usize) -> usize {
        self.ceiling.bytes(limits, per_command)
    }

    /// The server starts.
    pub(crate) fn started(&self, handle: Handle, recordings: Option<Recordings>) {
        let _ = self.handle.set(handle);
        if let Some(recordings) = recordings.filter(|_| self.shows_recordings) {
            let _ = self.recordings.set(recordings);
        }
    }

    pub(super) fn handle(&self) -> Option<&Handle> {
        self.handle.get()
    }

    /// What was counted until the end of the loop's last turn, by the loop and beside it.
    pub(super) fn stats(&self) -> Stats {
        self.handle.get().map_or_else(Stats::default, Handle::stats)
    }

    /// How long the loop and the recorder take.
    pub(super) fn timings(&self) -> Option<&Timings> {
        self.handle.get().map(Handle::timings)
    }

    pub(super) fn recordings(&self) -> Option<&Recordings> {
        self.recordings.get()
    }
}
