//! The simulated store: what it has committed, in the tables that the real one has.

use crate::{
    contracts::store::{
        StoreError,
        device::{DeviceRecord, DeviceSample, SessionRow, SessionStatus},
        guided::{GuidedRecord, GuidedSessionRow, ParticipantRow, SavedGuidedSession, Subtask},
        record::{Record, RecordBody},
    },
    ground::{id::RecordTicket, time::Wall},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) sessions: BTreeMap<String, SessionRow>,
    /// By session and number.
    pub(super) samples: BTreeMap<String, BTreeMap<u64, DeviceSample>>,
    /// Of each device, in order.
    pub(super) unassigned: BTreeMap<String, Vec<DeviceSample>>,
    pub(super) lessons: BTreeMap<String, GuidedSessionRow>,
    pub(super) subtasks: BTreeMap<String, Arc<[Subtask]>>,
    pub(super) people: BTreeMap<(String, i64), ParticipantRow>,
    /// Controls, completions, calls for help.
    pub(super) logs: Vec<(Wall, GuidedRecord)>,
    /// What is committed of this run.
    committed: BTreeSet<RecordTicket>,
    last: Option<RecordTicket>,
    /// What was rejected once, and is not again: a fault of a neighbour's.
    rejected: BTreeSet<String>,
}

impl Tables {
    pub(super) fn has(&self, ticket: RecordTicket) -> bool {
        self.committed.contains(&ticket)
    }

    /// Whether a record of this was rejected: what is rejected again is given up.
    pub(super) fn was_rejected(&self, what: &impl std::fmt::Debug) -> bool {
        let what = format!("{what:?}");
        self.rejected.iter().any(|rejected| rejected.contains(&what))
    }

    /// Commits a record, or rejects it, if it may; the outer error is a rule that was broken.
    pub(super) fn commit(
        &mut self,
        record: &Record,
        may_reject: bool,
    ) -> Result<Result<(), StoreError>, String> {
        if self.last.is_some_and(|last| last >= record.ticket) {
            return Err(format!("{:?} comes behind {:?}", record.ticket, self.last));
        }
        self.last = Some(record.ticket);
        if may_reject && self.rejected.insert(format!("{:?}", record.body)) {
            return Ok(Err(StoreError::Rejected("a neighbour's fault".into())));
        }
        match &record.body {
            RecordBody::Device(body) => self.device(body)?,
            RecordBody::Guided(body) => self.guided(body, record.at),
            RecordBody::Custom { .. } => return Err(format!("nobody records this: {record:?}")),
        }
        self.committed.insert(record.ticket);
        Ok(Ok(()))
    }

    fn device(&mut self, body: &DeviceRecord) -> Result<(), String> {
        match body {
            DeviceRecord::SessionStarted(row) => {
                if self.sessions.insert(row.id.to_string(), SessionRow::clone(row)).is_some() {
                    return Err(format!("the store has session {} already", row.id));
                }
            }
            DeviceRecord::SessionEnded(row) => {
                let mut row = SessionRow::clone(row);
                if row.status == SessionStatus::Interrupted {
                    row.sample_count = self.samples.get(&*row.id).map_or(0, BTreeMap::len) as u64;
                }
                self.sessions.insert(row.id.to_string(), row);
            }
            DeviceRecord::Sample(sample) => match &sample.place {
                Some((session, seq)) => {
                    let samples = self.samples.entry(session.to_string()).or_default();
                    if samples.insert(*seq, DeviceSample::clone(sample)).is_some() {
                        return Err(format!("sample {seq} of session {session} is filed twice"));
                    }
                }
                None => self
                    .unassigned
                    .entry(sample.device.to_string())
                    .or_default()
                    .push(DeviceSample::clone(sample)),
            },
        }
        Ok(())
    }

    fn guided(&mut self, body: &GuidedRecord, at: Wall) {
        match body {
            GuidedRecord::Session(row) => {
                self.lessons.insert(row.code.to_string(), GuidedSessionRow::clone(row));
            }
            GuidedRecord::Subtasks { code, subtasks } => {
                self.subtasks.insert(code.to_string(), Arc::clone(subtasks));
            }
            GuidedRecord::Participant(row) => {
                self.people.insert((row.code.to_string(), row.user_id), ParticipantRow::clone(row));
            }
            log => self.logs.push((at, log.clone())),
        }
    }

    /// A new run begins: what was under way is interrupted.
    pub(super) fn open(&mut self) -> Vec<SavedGuidedSession> {
        self.committed.clear();
        (self.last, self.rejected) = (None, BTreeSet::new());
        for row in self.sessions.values_mut().filter(|row| row.status == SessionStatus::Active) {
            let samples = self.samples.get(&*row.id);
            row.status = SessionStatus::Interrupted;
            row.ended_at = samples
                .and_then(|samples| Some(samples.last_key_value()?.1.received_at))
                .or(Some(row.started_at));
            row.sample_count = samples.map_or(0, BTreeMap::len) as u64;
        }
        let of = |code: &str| {
            let theirs = self.people.iter().filter(|((of, _), _)| of == code);
            theirs.map(|(_, row)| row.clone()).collect()
        };
        let saved = self.lessons.values().map(|row| SavedGuidedSession {
            session: row.clone(),
            subtasks: self.subtasks.get(&*row.code).cloned().unwrap_or_default(),
            participants: of(&row.code),
        });
        saved.collect()
    }
}
