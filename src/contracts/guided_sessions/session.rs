//! One session: its steps, its people, and how it is said to them.

use super::{config::GuidedSession, participant::Participant};
use crate::{
    contracts::{
        effects::Effects,
        store::guided::{GuidedRole, GuidedSessionRow, GuidedStatus, ParticipantStatus, Subtask},
        told::news::News,
    },
    ground::{id::TopicId, time::Wall},
};
use std::{collections::BTreeMap, sync::Arc};

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) row: GuidedSessionRow,
    /// In the order in which they are gone through.
    pub(super) subtasks: Arc<[Subtask]>,
    /// Who may control it; empty: every instructor.
    pub(super) instructors: Arc<[i64]>,
    /// By user. Ordered, so that the same run is the same again.
    pub(super) participants: BTreeMap<i64, Participant>,
    pub(super) topics: Topics,
}

/// Where its people listen: each role at its own topic, so that everybody is on exactly one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Topics {
    pub(super) students: TopicId,
    pub(super) instructors: TopicId,
}

/// Who is to hear something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    All,
    Of(GuidedRole),
}

impl Topics {
    pub(super) fn of(self, role: GuidedRole) -> TopicId {
        match role {
            GuidedRole::Student => self.students,
            GuidedRole::Instructor => self.instructors,
        }
    }
}

impl Session {
    pub(super) fn new(plan: &GuidedSession, topics: Topics, now: Wall) -> Self {
        let row = GuidedSessionRow {
            code: plan.code.as_str().into(),
            status: GuidedStatus::InProgress,
            current_subtask: None,
            created_at: now,
            ended_at: None,
        };
        Self {
            row,
            subtasks: plan.subtasks.as_slice().into(),
            instructors: plan.instructors.as_slice().into(),
            participants: BTreeMap::new(),
            topics,
        }
    }

    pub(super) fn say(&self, fx: &mut Effects, to: Audience, message: &str) {
        for role in [GuidedRole::Student, GuidedRole::Instructor] {
            if to == Audience::All || to == Audience::Of(role) {
                fx.publish(self.topics.of(role), message);
            }
        }
    }

    /// Tells whoever watches how it is.
    pub(super) fn show(&self, fx: &mut Effects) {
        fx.tell(|| News::Session { row: self.row.clone(), subtasks: Arc::clone(&self.subtasks) });
    }

    pub(super) fn subtask(&self, id: i64) -> Option<&Subtask> {
        self.subtasks.iter().find(|subtask| subtask.id == id)
    }

    pub(super) fn is_last(&self, id: i64) -> bool {
        self.subtasks.last().is_some_and(|subtask| subtask.id == id)
    }

    pub(super) fn may_control(&self, user_id: i64) -> bool {
        self.instructors.is_empty() || self.instructors.contains(&user_id)
    }

    pub(super) fn is_over(&self) -> bool {
        self.row.status == GuidedStatus::Ended
    }

    pub(super) fn is_empty(&self) -> bool {
        self.participants.values().all(|who| who.connections == 0 && who.line.is_empty())
    }

    /// The same code is to be gone through once more: those who are there begin anew, the others are forgotten, also when the store still knows them, by
    /// when they were last there.
    pub(super) fn begin_anew(&mut self, now: Wall) {
        let code = Arc::clone(&self.row.code);
        self.row = GuidedSessionRow {
            code,
            status: GuidedStatus::InProgress,
            current_subtask: None,
            created_at: now,
            ended_at: None,
        };
        self.participants.retain(|_, who| who.connections > 0 || !who.line.is_empty());
        for who in self.participants.values_mut() {
            (who.row.current_subtask, who.row.last_active_at) = (None, now);
            who.row.status = match who.connections {
                0 => ParticipantStatus::Disconnected,
                _ => ParticipantStatus::Waiting,
            };
        }
    }
}
