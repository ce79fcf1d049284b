//! What contracts tell to those who watch, beside their events.

use crate::contracts::store::guided::{GuidedSessionRow, ParticipantRow, Subtask};
use std::sync::Arc;

/// What no event says, or none says whole. Only the event streams hear of it, see `contracts/feed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// The last connection that spoke for a device is gone.
    DeviceLeft { device: Arc<str> },
    /// A guided session was begun or has changed.
    Session { row: GuidedSessionRow, subtasks: Arc<[Subtask]> },
    /// Somebody in a guided session has come, gone, or come further.
    Participant { row: ParticipantRow, online: bool },
}
