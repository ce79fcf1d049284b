//! One session, under way and ended.

use crate::{
    contracts::store::device::{SessionRow, SessionStatus},
    ground::{
        id::ConnId,
        time::{Tick, Wall},
    },
};
use std::sync::Arc;

/// A session that begins.
#[derive(Debug)]
pub(super) struct NewSession {
    pub(super) id: Arc<str>,
    pub(super) started_at: Wall,
    /// The client's own word for it.
    pub(super) timestamp: Option<Box<str>>,
}

/// A session under way.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) row: Arc<SessionRow>,
    pub(super) tally: Tally,
    /// The connection with which it ends.
    pub(super) holder: ConnId,
    /// It began, or data came.
    pub(super) heard_at: Tick,
    /// The store has refused its beginning, which is filed again before the next sample.
    pub(super) unfiled: bool,
}

/// A session that has ended a while ago.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) row: Arc<SessionRow>,
    pub(super) at: Tick,
    pub(super) tally: Tally,
}

/// The samples of one session. Their numbers count on whatever becomes of them, so that a gap tells of one that was refused.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    numbered: u64,
    refused: u64,
}

impl Tally {
    /// The number of the next sample.
    pub(super) fn next(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    /// The store has refused one.
    pub(super) fn refuse(&mut self) {
        self.refused += 1;
    }

    /// Whether the store has refused any.
    pub(super) fn has_lost(&self) -> bool {
        self.refused > 0
    }

    /// Those that are recorded, or may yet be.
    pub(super) fn kept(&self) -> u64 {
        self.numbered - self.refused
    }
}

impl NewSession {
    pub(super) fn row(&self, device: &Arc<str>) -> Arc<SessionRow> {
        Arc::new(SessionRow {
            id: Arc::clone(&self.id),
            device: Arc::clone(device),
            status: SessionStatus::Active,
            started_at: self.started_at,
            ended_at: None,
            client_started_at: self.timestamp.clone(),
            client_ended_at: None,
            sample_count: 0,
        })
    }
}

/// The row of a session that ends, of the one with which it began.
pub(super) fn ended_row(
    begun: &SessionRow,
    status: SessionStatus,
    at: Wall,
    timestamp: Option<&str>,
    samples: u64,
) -> Arc<SessionRow> {
    Arc::new(SessionRow {
        status,
        ended_at: Some(at),
        client_ended_at: timestamp.map(Box::from),
        sample_count: samples,
        ..begun.clone()
    })
}
