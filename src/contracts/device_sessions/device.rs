//! One device: its sessions, and what is still to be said to it.

use super::{
    replies::Replies,
    session::{Active, Ended},
};
use crate::ground::time::Tick;
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// See the module.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) id: Arc<str>,
    /// How many connections speak for it.
    pub(super) connections: usize,
    pub(super) active: Option<Active>,
    /// Oldest first.
    pub(super) recent: VecDeque<Ended>,
    /// An id that becomes a session when data comes under it.
    pub(super) provisional: Option<Arc<str>>,
    pub(super) replies: Replies,
    /// When it is looked at again, at the latest.
    pub(super) alarm: Option<Tick>,
}

impl Device {
    pub(super) fn new(id: Arc<str>) -> Self {
        Self {
            id,
            connections: 0,
            active: None,
            recent: VecDeque::new(),
            provisional: None,
            replies: Replies::default(),
            alarm: None,
        }
    }

    /// Whether nothing is left to be known of it.
    pub(super) fn is_idle(&self) -> bool {
        self.connections == 0 && self.active.is_none() && self.recent.is_empty() && self.replies.is_empty()
    }

    /// The active session, if it has this id.
    pub(super) fn active_named(&self, id: &str) -> bool {
        self.active.as_ref().is_some_and(|active| *active.row.id == *id)
    }

    /// The store has refused a sample of this session.
    pub(super) fn lost(&mut self, id: &str) {
        if let Some(active) = self.active.as_mut().filter(|active| *active.row.id == *id) {
            active.tally.refuse();
        }
        if let Some(ended) = self.recent.iter_mut().find(|ended| *ended.row.id == *id) {
            ended.tally.refuse();
        }
        self.replies.lost(id);
    }

    /// When its active session has been without data for too long.
    pub(super) fn idle_at(&self, timeout: Option<Duration>) -> Option<Tick> {
        Some(self.active.as_ref()?.heard_at + timeout?)
    }

    /// When something is to be done about it.
    pub(super) fn due(&self, timeout: Option<Duration>, late_window: Duration) -> Option<Tick> {
        let late = self.recent.front().map(|ended| ended.at + late_window);
        late.into_iter().chain(self.idle_at(timeout)).min()
    }
}
