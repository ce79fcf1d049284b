//! What guided sessions tell the host.

use crate::contracts::store::guided::{GuidedRole, StepControl};
use std::sync::Arc;

/// What guided sessions tell. All of it is lossless, and in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuidedEvent {
    /// Somebody has come: the first connection of a user.
    Joined {
        /// The session's code.
        code: Arc<str>,
        /// Who.
        user_id: i64,
        /// The name for people.
        user_name: Arc<str>,
        /// What.
        role: GuidedRole,
    },
    /// Somebody is gone: the last connection of a user.
    Left {
        /// The session's code.
        code: Arc<str>,
        /// Who.
        user_id: i64,
    },
    /// A participant has completed a subtask.
    StepCompleted {
        /// The session's code.
        code: Arc<str>,
        /// Who.
        user_id: i64,
        /// What.
        subtask_id: i64,
        /// It was the last one: the participant is through.
        completed: bool,
    },
    /// A participant has told of progress in the words of older clients.
    Progress {
        /// The session's code.
        code: Arc<str>,
        /// Who.
        user_id: i64,
        /// With what.
        subtask_id: Option<i64>,
        /// How it goes, in the client's words.
        status: Arc<str>,
    },
    /// A participant asks for help.
    HelpRequested {
        /// The session's code.
        code: Arc<str>,
        /// Who.
        user_id: i64,
        /// With what.
        subtask_id: Option<i64>,
        /// In the participant's own words.
        message: Arc<str>,
    },
    /// An instructor has controlled the session.
    Controlled(Arc<StepControl>),
}

impl GuidedEvent {
    /// Bytes that it takes, with its texts.
    pub(super) fn weight_bytes(&self) -> usize {
        let texts = match self {
            Self::Joined { code, user_name, .. } => code.len() + user_name.len(),
            Self::Left { code, .. } | Self::StepCompleted { code, .. } => code.len(),
            Self::Progress { code, status, .. } => code.len() + status.len(),
            Self::HelpRequested { code, message, .. } => code.len() + message.len(),
            Self::Controlled(act) => {
                size_of::<StepControl>() + act.code.len() + act.instructor_name.len() + act.message.len()
            }
        };
        size_of::<Self>() + texts
    }
}
