//! One person in a session, over all connections of that user.

use crate::{
    contracts::{
        effects::Effects,
        store::guided::{ParticipantRow, ParticipantStatus},
        told::news::News,
    },
    ground::{
        id::{ConnId, RecordTicket},
        time::Tick,
    },
};
use std::collections::VecDeque;

/// See the module.
#[derive(Debug)]
pub(super) struct Participant {
    /// How things are, as far as they are committed or need not be.
    pub(super) row: ParticipantRow,
    pub(super) connections: usize,
    /// Replies that wait: the first for the store, the others for those before them.
    pub(super) line: VecDeque<Reply>,
    /// The row that was recorded last; `None`: nothing, or it was refused.
    pub(super) filed: Option<ParticipantRow>,
    pub(super) filed_at: Tick,
    /// When it is to be recorded, if that waits.
    pub(super) due: Option<Tick>,
    /// As whoever watches was told last: the row, and whether there was a connection.
    shown: Option<(ParticipantRow, bool)>,
}

/// One reply, in the order of requests.
#[derive(Debug)]
pub(super) struct Reply {
    /// To whom. Who is gone by then misses it.
    pub(super) to: ConnId,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Ready(String),
    Step(Step),
}

/// A completed step on its way to the store, by two records.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) subtask_id: i64,
    /// It is the last one.
    pub(super) completes: bool,
    /// Those that the store has not answered for.
    pub(super) tickets: [Option<RecordTicket>; 2],
    pub(super) refused: bool,
}

impl Step {
    fn is_answered(&self) -> bool {
        self.tickets == [None; 2]
    }
}

impl Participant {
    pub(super) fn new(row: ParticipantRow) -> Self {
        Self {
            row,
            connections: 0,
            line: VecDeque::new(),
            filed: None,
            filed_at: Tick::ZERO,
            due: None,
            shown: None,
        }
    }

    /// As a store, or the contract before this one, knew it: without a connection.
    pub(super) fn restored(mut row: ParticipantRow) -> Self {
        let known = row.clone();
        if row.status != ParticipantStatus::Completed {
            row.status = ParticipantStatus::Disconnected;
        }
        Self { filed: Some(known), ..Self::new(row) }
    }

    /// Tells whoever watches, if there is something new.
    pub(super) fn show(&mut self, fx: &mut Effects) {
        if !fx.tells {
            return;
        }
        let online = self.connections > 0;
        let last_active_at = self.row.last_active_at;
        // That somebody was heard again is nothing new.
        let known = self.shown.as_mut().is_some_and(|(row, was_online)| {
            row.last_active_at = last_active_at;
            (&*row, *was_online) == (&self.row, online)
        });
        if !known {
            self.shown = Some((self.row.clone(), online));
            fx.tell(|| News::Participant { row: self.row.clone(), online });
        }
    }

    /// Who is through stays so.
    pub(super) fn becomes(&mut self, status: ParticipantStatus) {
        if self.row.status != ParticipantStatus::Completed {
            self.row.status = status;
        }
    }

    pub(super) fn completes(&mut self, subtask_id: i64, last: bool) {
        self.row.current_subtask = Some(subtask_id);
        if last {
            self.row.status = ParticipantStatus::Completed;
        }
    }

    /// Whether a completed step waits for the store: until then the row is not recorded, or an older step would follow a newer one.
    pub(super) fn awaits_store(&self) -> bool {
        self.line.iter().any(|reply| matches!(reply.what, What::Step(_)))
    }

    /// The row as it will be if this step and those that wait are committed.
    pub(super) fn row_after(&self, subtask_id: i64, completes: bool) -> ParticipantRow {
        let mut row = self.row.clone();
        let waiting = self.line.iter().any(|reply| matches!(&reply.what, What::Step(step) if step.completes));
        row.current_subtask = Some(subtask_id);
        if completes || waiting {
            row.status = ParticipantStatus::Completed;
        }
        row
    }

    /// The store has answered for a record of a step.
    pub(super) fn answered(&mut self, ticket: RecordTicket, refused: bool) {
        let steps = self.line.iter_mut().filter_map(|reply| match &mut reply.what {
            What::Step(step) => Some(step),
            What::Ready(_) => None,
        });
        for step in steps {
            for slot in step.tickets.iter_mut().filter(|slot| **slot == Some(ticket)) {
                *slot = None;
                step.refused |= refused;
            }
        }
    }

    /// Takes out the first reply, if it waits for nothing.
    pub(super) fn next_reply(&mut self) -> Option<Reply> {
        let ready = match &self.line.front()?.what {
            What::Ready(_) => true,
            What::Step(step) => step.is_answered(),
        };
        if !ready {
            return None;
        }
        let reply = self.line.pop_front();
        if self.line.is_empty() {
            // A line is rare, and must not keep its memory for everybody who ever had one.
            self.line = VecDeque::new();
        }
        reply
    }
}
