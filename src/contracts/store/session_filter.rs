//! Which device sessions to read, and where a page of them ended.

use super::device::{SessionRow, SessionStatus};
use crate::ground::time::Wall;
use std::sync::Arc;

/// Which device sessions to read. They come newest first, by the time of their start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionFilter {
    /// Those of this device alone.
    pub device: Option<String>,
    /// Those of this status alone.
    pub status: Option<SessionStatus>,
    /// At most so many for a page. A store may give fewer, but never none while there are some.
    pub limit: usize,
}

impl SessionFilter {
    /// All sessions, 256 to a page.
    pub fn new() -> Self {
        Self { device: None, status: None, limit: 256 }
    }

    /// Those of this device alone.
    #[must_use]
    pub fn device(mut self, device: impl Into<String>) -> Self {
        self.device = Some(device.into());
        self
    }

    /// Those of this status alone.
    #[must_use]
    pub fn status(mut self, status: SessionStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// With pages of at most so many sessions, at least one.
    #[must_use]
    pub fn with_limit(mut self, sessions: usize) -> Self {
        self.limit = sessions.max(1);
        self
    }

    pub(super) fn takes(&self, row: &SessionRow) -> bool {
        self.device.as_ref().is_none_or(|device| **device == *row.device)
            && self.status.is_none_or(|status| status == row.status)
    }
}

impl Default for SessionFilter {
    fn default() -> Self {
        Self::new()
    }
}

/// A session's place among all sessions: behind those that began later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionPosition {
    /// When it began.
    pub started_at: Wall,
    /// Its id, which decides between those that began together.
    pub id: Arc<str>,
}

impl SessionRow {
    /// Its place, behind which the next page of sessions begins.
    pub fn position(&self) -> SessionPosition {
        SessionPosition { started_at: self.started_at, id: Arc::clone(&self.id) }
    }
}
