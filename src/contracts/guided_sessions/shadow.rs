//! What outlives a contract that panics: the factory keeps it, so that the contract built anew goes on where the old one was.

use super::session::Session;
use crate::contracts::store::guided::{GuidedSessionRow, ParticipantRow, Subtask};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Shared by the factory and the contract it built last. Both are on the loop's thread, so it is never waited for.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedShadow(Arc<Mutex<Shadow>>);

/// The sessions by their codes; `None` before the first contract is built.
pub(super) type Shadow = Option<BTreeMap<Arc<str>, Shade>>;

/// A session as it was.
#[derive(Debug, Clone)]
pub(super) struct Shade {
    pub(super) row: GuidedSessionRow,
    pub(super) subtasks: Arc<[Subtask]>,
    pub(super) instructors: Arc<[i64]>,
    pub(super) participants: BTreeMap<i64, ParticipantRow>,
}

impl SharedShadow {
    fn lock(&self) -> MutexGuard<'_, Shadow> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sessions as they were; `None`: there was no contract before.
    pub(super) fn sessions(&self) -> Shadow {
        self.lock().clone()
    }

    pub(super) fn session(&self, session: &Session) {
        let mut lock = self.lock();
        let sessions = lock.get_or_insert_default();
        let participants = sessions.remove(&session.row.code).map(|shade| shade.participants);
        let shade = Shade {
            row: session.row.clone(),
            subtasks: Arc::clone(&session.subtasks),
            instructors: Arc::clone(&session.instructors),
            participants: participants.unwrap_or_default(),
        };
        sessions.insert(Arc::clone(&session.row.code), shade);
    }

    pub(super) fn participant(&self, row: &ParticipantRow) {
        if let Some(shade) = self.lock().as_mut().and_then(|sessions| sessions.get_mut(&row.code)) {
            shade.participants.insert(row.user_id, row.clone());
        }
    }

    /// A session begins anew: its participants are those that it has now, as they are.
    pub(super) fn participants(&self, session: &Session) {
        if let Some(shade) = self.lock().as_mut().and_then(|sessions| sessions.get_mut(&session.row.code)) {
            let people = session.participants.iter();
            shade.participants = people.map(|(user_id, who)| (*user_id, who.row.clone())).collect();
        }
    }

    pub(super) fn forget(&self, code: &str) {
        if let Some(sessions) = self.lock().as_mut() {
            sessions.remove(code);
        }
    }
}
