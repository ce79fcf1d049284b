//! A guided session as it is told.

use crate::contracts::store::guided::{GuidedSessionRow, ParticipantRow, Subtask};
use std::sync::Arc;

/// A guided session and its people, as they are at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuidedInfo {
    /// The session: its status and its current step among others.
    pub session: GuidedSessionRow,
    /// Its steps, in their order.
    pub subtasks: Arc<[Subtask]>,
    /// Who takes part or did, by user: with the status, and the step completed last.
    pub participants: Vec<ParticipantRow>,
    /// The users among them who have a connection, in order.
    pub(crate) online: Vec<i64>,
}
