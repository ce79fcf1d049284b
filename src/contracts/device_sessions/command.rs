//! What the host asks of device sessions.

use crate::ground::{id::ConnId, time::Wall};
use std::{fmt, sync::Arc};

/// A session under way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its id.
    pub id: Arc<str>,
    /// The device's id.
    pub device: Arc<str>,
    /// When it began, by the server's clock.
    pub started_at: Wall,
    /// Samples so far, without those that the store has refused.
    pub sample_count: u64,
    /// The connection with which it ends.
    pub holder: ConnId,
}

/// See the module.
pub(crate) enum DeviceCommand {
    /// Ends a session, if it is under way.
    End { session: Box<str> },
    /// Tells of all sessions under way, in the order of their devices' ids.
    List { answer: Box<dyn FnOnce(Vec<SessionInfo>) + Send> },
    /// Tells of one session, if it is under way.
    #[cfg(feature = "board")]
    Find { session: Box<str>, answer: Box<dyn FnOnce(Option<SessionInfo>) + Send> },
}

impl fmt::Debug for DeviceCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End { session } => f.debug_struct("End").field("session", session).finish(),
            Self::List { .. } => f.debug_struct("List").finish_non_exhaustive(),
            #[cfg(feature = "board")]
            Self::Find { session, .. } => {
                f.debug_struct("Find").field("session", session).finish_non_exhaustive()
            }
        }
    }
}
