//! What the store must have of guided sessions, and the host be told of them: after a loss of power, and at rest.

use super::{super::tables::Tables, Check, Lesson, Lessons};
use crate::{
    contracts::store::guided::{GuidedRecord, GuidedSessionRow, ParticipantRow, ParticipantStatus},
    ground::time::Wall,
};
use std::collections::BTreeMap;

impl Lessons {
    /// What the host's list must say: by session its row, and the rows of its people.
    pub(in crate::sim::sessions) fn check_listed(
        &self,
        listed: Vec<(GuidedSessionRow, Vec<ParticipantRow>)>,
    ) -> Check {
        let rows = |lesson: &Lesson| lesson.people.values().map(|person| person.row.clone()).collect();
        let mut due: Vec<_> =
            self.lessons.values().map(|lesson| (lesson.row.clone(), rows(lesson))).collect();
        let mut listed = listed;
        if !self.has_store {
            // Nobody has seen when the contract before, which has panicked, last wrote down who was heard when.
            for row in due.iter_mut().chain(&mut listed).flat_map(|(_, rows): &mut (_, Vec<_>)| rows) {
                row.last_active_at = Wall::from_millis(0);
            }
        }
        if listed == due { Ok(()) } else { Err(format!("listed is {listed:?}, not {due:?}")) }
    }

    /// The engine is gone: what the store has is all there is.
    pub(in crate::sim::sessions) fn lost_power(&mut self, tables: &Tables) -> Check {
        (self.stopping, self.cut_short, self.peers) = (false, false, BTreeMap::new());
        if !self.has_store {
            self.logs.clear();
            return Ok(());
        }
        for step in self.confirmed.keys() {
            self.check_kept(step, tables)?;
        }
        for (code, lesson) in &self.lessons {
            for (user, person) in &lesson.people {
                let Some(id) = person.row.current_subtask else { continue };
                let row = tables.people.get(&(code.clone(), *user));
                let kept = row.and_then(|row| row.current_subtask);
                if kept != Some(id) && !kept.is_some_and(|kept| person.may_have_done(kept)) {
                    return Err(format!("the store has {row:?} of {person:?}"));
                }
            }
        }
        // Of two alike the store may have one.
        let known = self.logs.drain(..).chain(self.lost.drain(..)).collect();
        (self.logs, _) = divided(known, &tables.logs);
        Ok(())
    }

    /// Nothing is under way: is everything where it belongs?
    pub(in crate::sim::sessions) fn check_rest(&self, tables: &Tables) -> Check {
        let rows_count = self.has_store && !self.cut_short;
        for (code, lesson) in &self.lessons {
            for (user, person) in &lesson.people {
                if !person.line.is_empty() {
                    return Err(format!("{user} was never answered: {person:?}"));
                }
                let is_there = self.peers.values().any(|peer| *peer == (code.clone(), *user));
                let status = person.row.status;
                if status != ParticipantStatus::Completed
                    && is_there == (status == ParticipantStatus::Disconnected)
                {
                    return Err(format!("there: {is_there}, and it is {person:?}"));
                }
                let row = tables.people.get(&(code.clone(), *user));
                if rows_count && row != Some(&person.row) && !tables.was_rejected(&person.row) {
                    return Err(format!("the store has {row:?} of {person:?}"));
                }
            }
            let row = tables.lessons.get(code);
            if rows_count && row != Some(&lesson.row) && !tables.was_rejected(&lesson.row) {
                return Err(format!("the store has {row:?} of {:?}", lesson.row));
            }
        }
        if !self.has_store {
            return Ok(());
        }
        for step in self.confirmed.keys() {
            self.check_kept(step, tables)?;
        }
        if self.cut_short {
            return Ok(());
        }
        for (log, times) in counted(&self.logs) {
            let kept = tables.logs.iter().filter(|kept| *kept == log).count();
            if kept < times && !tables.was_rejected(&log.1) && !self.lost.contains(log) {
                return Err(format!("happened {times} times, and {kept} times in the store: {log:?}"));
            }
        }
        for (log, times) in counted(&tables.logs) {
            let happened = self.logs.iter().chain(&self.lost).filter(|known| *known == log).count();
            if happened < times && !is_completion(&log.1) {
                return Err(format!("happened {happened} times, and {times} times in the store: {log:?}"));
            }
        }
        Ok(())
    }
}

type Logs = Vec<(Wall, GuidedRecord)>;

/// Of these logs those that the store has, each as often as it has it; and the others.
pub(super) fn divided(logs: Logs, stored: &[(Wall, GuidedRecord)]) -> (Logs, Logs) {
    let mut left: Vec<_> = stored.iter().collect();
    logs.into_iter().partition(|log| {
        let found = left.iter().position(|stored| *stored == log);
        found.map(|at| left.swap_remove(at)).is_some()
    })
}

/// Each log, and how often there is one like it.
fn counted(logs: &[(Wall, GuidedRecord)]) -> impl Iterator<Item = (&(Wall, GuidedRecord), usize)> {
    logs.iter().map(|log| (log, logs.iter().filter(|other| *other == log).count()))
}

fn is_completion(log: &GuidedRecord) -> bool {
    matches!(log, GuidedRecord::StepCompletion { .. })
}
