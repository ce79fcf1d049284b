//! What is recorded: state as its newest row, logs entry by entry. What the store refuses is kept, within a bound, and filed again.

use super::{participant::Participant, session::Session, shadow::SharedShadow};
use crate::{
    contracts::{
        effects::{Count, Effects},
        store::{StoreError, guided::GuidedRecord},
    },
    ground::{
        id::RecordTicket,
        limits::{GUIDED_FILED_MAX, GUIDED_LOGS_KEPT_MAX, GUIDED_RETRY},
        time::{Tick, Wall},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

/// See the module.
#[derive(Debug)]
pub(super) struct Clerk {
    /// Without one nothing is recorded.
    has_store: bool,
    /// How often a participant's row is recorded for nothing but its time.
    interval: Duration,
    shadow: SharedShadow,
    /// What the store has not answered for.
    sent: BTreeMap<RecordTicket, Sent>,
    /// Participants whose row is to be recorded for nothing but its time.
    due: BTreeSet<(Tick, Arc<str>, i64)>,
    /// Rows that the store has refused.
    unfiled: BTreeSet<Row>,
    /// Logs that it has refused, oldest first.
    logs: VecDeque<Log>,
    /// When it is tried again.
    retry: Option<Tick>,
    /// Replies that wait, to all participants.
    pub(super) waiting: usize,
}

/// A row of state, of which only the newest counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    Session(Arc<str>),
    Subtasks(Arc<str>),
    Participant(Arc<str>, i64),
}

#[derive(Debug)]
struct Log {
    at: Wall,
    record: GuidedRecord,
    /// It was refused before.
    again: bool,
}

#[derive(Debug)]
enum Sent {
    /// `again`: it was refused before.
    Row {
        row: Row,
        again: bool,
    },
    Log(Log),
    /// A completed step of this participant, whom the answer is for.
    Step(Arc<str>, i64),
}

impl Clerk {
    pub(super) fn new(has_store: bool, interval: Duration, shadow: SharedShadow) -> Self {
        Self {
            has_store,
            interval,
            shadow,
            sent: BTreeMap::new(),
            due: BTreeSet::new(),
            unfiled: BTreeSet::new(),
            logs: VecDeque::new(),
            retry: None,
            waiting: 0,
        }
    }

    /// Bytes of its tables at their bounds, where so many records may be on their way and so many rows be known.
    pub(super) fn memory_ceiling(records: usize, rows: usize, log_bytes: usize) -> usize {
        records * size_of::<(RecordTicket, Sent)>()
            + rows * (size_of::<Row>() + size_of::<(Tick, Arc<str>, i64)>())
            + GUIDED_LOGS_KEPT_MAX * (size_of::<Log>() + log_bytes)
    }

    /// When it wants to be called.
    pub(super) fn deadline(&self) -> Option<Tick> {
        self.due.first().map(|(at, ..)| *at).into_iter().chain(self.retry).min()
    }

    pub(super) fn has_store(&self) -> bool {
        self.has_store
    }

    pub(super) fn session(&mut self, fx: &mut Effects, session: &Session) {
        self.shadow.session(session);
        self.file_row(fx, Row::Session(Arc::clone(&session.row.code)), session, false);
    }

    pub(super) fn subtasks(&mut self, fx: &mut Effects, session: &Session) {
        self.shadow.session(session);
        self.file_row(fx, Row::Subtasks(Arc::clone(&session.row.code)), session, false);
    }

    /// A participant is known from the store, or from the contract before this one.
    pub(super) fn restored(&mut self, fx: &mut Effects, who: &mut Participant) {
        self.shadow.participant(&who.row);
        self.participant(fx, who);
    }

    /// A participant has changed: recorded at once, or, if only its time has, now and then. While a completed step waits for the store nothing is: a
    /// step that is acknowledged must not be followed by a row that does not know it.
    pub(super) fn participant(&mut self, fx: &mut Effects, who: &mut Participant) {
        if who.filed.as_ref() == Some(&who.row) || who.awaits_store() {
            return;
        }
        let now = fx.now().tick;
        let only_time = who.filed.as_ref().is_some_and(|filed| {
            filed.status == who.row.status && filed.current_subtask == who.row.current_subtask
        });
        if only_time && now < who.filed_at + self.interval {
            if who.due.is_none() && self.has_store {
                let at = who.filed_at + self.interval;
                who.due = Some(at);
                self.due.insert((at, Arc::clone(&who.row.code), who.row.user_id));
            }
            return;
        }
        self.file_participant(fx, who, false);
    }

    fn file_participant(&mut self, fx: &mut Effects, who: &mut Participant, again: bool) {
        if let Some(at) = who.due.take() {
            self.due.remove(&(at, Arc::clone(&who.row.code), who.row.user_id));
        }
        (who.filed, who.filed_at) = (Some(who.row.clone()), fx.now().tick);
        self.shadow.participant(&who.row);
        let row = Row::Participant(Arc::clone(&who.row.code), who.row.user_id);
        self.file(fx, row, GuidedRecord::Participant(Box::new(who.row.clone())), again);
    }

    fn file_row(&mut self, fx: &mut Effects, row: Row, session: &Session, again: bool) {
        let code = Arc::clone(&session.row.code);
        let record = match &row {
            Row::Subtasks(_) => GuidedRecord::Subtasks { code, subtasks: Arc::clone(&session.subtasks) },
            _ => GuidedRecord::Session(Box::new(session.row.clone())),
        };
        self.file(fx, row, record, again);
    }

    fn file(&mut self, fx: &mut Effects, row: Row, record: GuidedRecord, again: bool) {
        if self.has_store {
            self.unfiled.remove(&row);
            self.sent.insert(fx.file(record), Sent::Row { row, again });
        }
    }

    /// Something that happened, which is kept as it was.
    pub(super) fn log(&mut self, fx: &mut Effects, record: GuidedRecord) {
        if self.has_store {
            let at = fx.now().wall;
            self.file_log(fx, Log { at, record, again: false });
        }
    }

    fn file_log(&mut self, fx: &mut Effects, log: Log) {
        self.sent.insert(fx.file_at(log.at, log.record.clone()), Sent::Log(log));
    }

    /// A completed step, and the row it leads to: both are waited for.
    pub(super) fn step(
        &mut self,
        fx: &mut Effects,
        who: &mut Participant,
        subtask_id: i64,
        completes: bool,
    ) -> [Option<RecordTicket>; 2] {
        let row = who.row_after(subtask_id, completes);
        let (code, user_id) = (Arc::clone(&row.code), row.user_id);
        (who.filed, who.filed_at) = (Some(row.clone()), fx.now().tick);
        let completion = GuidedRecord::StepCompletion { code: Arc::clone(&code), user_id, subtask_id };
        [completion, GuidedRecord::Participant(Box::new(row))].map(|record| {
            let ticket = fx.file_now(record);
            self.sent.insert(ticket, Sent::Step(Arc::clone(&code), user_id));
            Some(ticket)
        })
    }

    /// A completed step counts: the row that it led to was recorded with it.
    pub(super) fn completed(&mut self, who: &Participant) {
        self.shadow.participant(&who.row);
    }

    /// The store has answered. Returns the participant who is to be told, if it was for a step.
    pub(super) fn recorded(
        &mut self,
        fx: &mut Effects,
        ticket: RecordTicket,
        outcome: Result<(), &StoreError>,
    ) -> Option<(Arc<str>, i64)> {
        let sent = self.sent.remove(&ticket)?;
        // What it will never store is tried once more, since that may have been the fault of its neighbours; then it is given up.
        let gives_up = matches!(outcome, Err(StoreError::Rejected(_)));
        match (sent, outcome) {
            (Sent::Step(code, user_id), _) => return Some((code, user_id)),
            (_, Ok(())) => {}
            (Sent::Row { row, again }, Err(_)) if !(gives_up && again) => {
                self.unfiled.insert(row);
                self.try_later(fx);
            }
            (Sent::Log(log), Err(_))
                if !(gives_up && log.again) && self.logs.len() < GUIDED_LOGS_KEPT_MAX =>
            {
                self.logs.push_back(Log { again: true, ..log });
                self.try_later(fx);
            }
            (given_up, Err(why)) => {
                log::warn!("given up, and not recorded: {given_up:?} ({why})");
                fx.count(Count::Bound);
            }
        }
        None
    }

    fn try_later(&mut self, fx: &Effects) {
        self.retry.get_or_insert(fx.now().tick + GUIDED_RETRY);
    }

    /// A session begins anew. Who is not in it any more is forgotten, and so is how the others were, also of those whose row waits to be recorded.
    pub(super) fn begun_anew(&mut self, session: &Session) {
        self.shadow.participants(session);
    }

    /// Records what is due, and tries again what was refused if it is time, or the store `works`.
    pub(super) fn work(&mut self, fx: &mut Effects, sessions: &mut BTreeMap<Arc<str>, Session>, works: bool) {
        let now = fx.now().tick;
        for _ in 0..GUIDED_FILED_MAX {
            if self.due.first().is_none_or(|(at, ..)| *at > now) {
                break;
            }
            let Some((_, code, user_id)) = self.due.pop_first() else { break };
            let Some(who) = participant(sessions, &code, user_id) else { continue };
            who.due = None;
            self.participant(fx, who);
        }
        if !works && self.retry.is_none_or(|at| at > now) {
            return;
        }
        self.retry = None;
        for _ in 0..GUIDED_FILED_MAX {
            if let Some(row) = self.unfiled.pop_first() {
                match &row {
                    Row::Session(code) | Row::Subtasks(code) => {
                        if let Some(session) = sessions.get(code) {
                            self.file_row(fx, row, session, true);
                        }
                    }
                    Row::Participant(code, user_id) => {
                        if let Some(who) = participant(sessions, code, *user_id)
                            && !who.awaits_store()
                        {
                            self.file_participant(fx, who, true);
                        }
                    }
                }
            } else if let Some(log) = self.logs.pop_front() {
                self.file_log(fx, log);
            } else {
                return;
            }
        }
        self.try_later(fx);
    }

    /// The server stops: what waits for its time is recorded now, what was refused is tried once more, and nothing waits for its time any more.
    pub(super) fn hurry(&mut self, fx: &mut Effects, sessions: &mut BTreeMap<Arc<str>, Session>) {
        self.interval = Duration::ZERO;
        while let Some((_, code, user_id)) = self.due.pop_first() {
            if let Some(who) = participant(sessions, &code, user_id) {
                who.due = None;
                if !who.awaits_store() {
                    self.file_participant(fx, who, false);
                }
            }
        }
        self.work(fx, sessions, true);
    }

    /// Whether the store may not know yet how a session is.
    pub(super) fn owes(&self, code: &str) -> bool {
        let sent = self.sent.values().filter_map(|sent| match sent {
            Sent::Row { row, .. } => Some(row),
            Sent::Log(_) | Sent::Step(..) => None,
        });
        sent.chain(&self.unfiled).any(|row| row.code() == code)
    }

    /// A session is no more. What is due for it finds nobody.
    pub(super) fn forget(&mut self, code: &str) {
        self.shadow.forget(code);
    }
}

impl Row {
    fn code(&self) -> &str {
        match self {
            Self::Session(code) | Self::Subtasks(code) | Self::Participant(code, _) => code,
        }
    }
}

fn participant<'s>(
    sessions: &'s mut BTreeMap<Arc<str>, Session>,
    code: &str,
    user_id: i64,
) -> Option<&'s mut Participant> {
    sessions.get_mut(code)?.participants.get_mut(&user_id)
}
