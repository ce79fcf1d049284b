//! What the store must have of device sessions: when a client is told that it is safe, and at rest.

use super::{super::tables::Tables, Check, Devices, Fate, Session};
use crate::contracts::store::device::SessionStatus;

impl Devices {
    /// What waited for a verdict has one, or is gone: the store knows.
    fn resolve(&mut self, tables: &Tables) {
        let assigned = self.sessions.values_mut().map(|session| &mut session.samples);
        let unassigned = self.devices.values_mut().map(|device| &mut device.unassigned);
        for sample in assigned.chain(unassigned).flatten() {
            if let Fate::Open(ticket) = sample.fate {
                sample.fate = if tables.has(ticket) { Fate::Committed } else { Fate::Gone };
            }
        }
    }

    /// The engine is gone: what the store has is all there is.
    pub(in crate::sim::sessions) fn lost_power(&mut self, tables: &Tables) {
        self.resolve(tables);
        self.forget();
        for session in self.sessions.values_mut() {
            session.past_run = true;
        }
    }

    /// Nothing is under way: has everybody been told, and is everything where it belongs?
    pub(in crate::sim::sessions) fn check_rest(&mut self, tables: &Tables) -> Check {
        for (name, device) in &self.devices {
            if let Some(owed) = device.owed.iter().find(|owed| self.peers.contains_key(&owed.to)) {
                return Err(format!("device {name} was never answered: {owed:?}"));
            }
        }
        if !self.has_store {
            return Ok(());
        }
        self.resolve(tables);
        for (id, session) in &self.sessions {
            session.check_samples(id, tables)?;
            // What is refused while the server stops is for the next run to find.
            if !(self.stopping && session.refused) {
                session.check_row(id, tables)?;
            }
            if session.acknowledged {
                session.check_kept(id, tables)?;
            }
        }
        for (name, device) in &self.devices {
            let kept = tables.unassigned.get(name).into_iter().flatten().map(|sample| &*sample.payload);
            let due = device.unassigned.iter().filter(|sample| sample.fate == Fate::Committed);
            if !kept.eq(due.map(|sample| &*sample.payload)) {
                return Err(format!("the unassigned samples of {name}: {:?}", device.unassigned));
            }
        }
        if self.stopping {
            return Ok(());
        }
        let active = self.active();
        for row in tables.sessions.values().filter(|row| row.status == SessionStatus::Active) {
            if !active.iter().any(|id| **id == *row.id) {
                return Err(format!("the store believes a session active that is not: {row:?}"));
            }
        }
        Ok(())
    }
}

impl Session {
    pub(super) fn check_end(&self, id: &str, tables: &Tables) -> Check {
        let row =
            tables.sessions.get(id).ok_or_else(|| format!("acknowledged, and not in the store: {self:?}"))?;
        if row.status != self.row.status || row.ended_at.is_none() {
            return Err(format!("acknowledged, and the store has {row:?} of {self:?}"));
        }
        Ok(())
    }

    /// The store has the session's end, and every sample that came before.
    pub(super) fn check_kept(&self, id: &str, tables: &Tables) -> Check {
        self.check_end(id, tables)?;
        let kept = tables.samples.get(id);
        for (index, sample) in self.samples[..self.at_end].iter().enumerate() {
            let there = kept.and_then(|kept| kept.get(&(index as u64 + 1)));
            if there.is_none_or(|there| *there.payload != *sample.payload) {
                return Err(format!(
                    "acknowledged, and sample {} of {id} is not in the store: {sample:?}",
                    index + 1
                ));
            }
        }
        Ok(())
    }

    fn check_samples(&self, id: &str, tables: &Tables) -> Check {
        let due = (1..).zip(&self.samples).filter(|(_, sample)| sample.fate == Fate::Committed);
        let due = due.map(|(seq, sample)| (seq, &*sample.payload, &*self.row.device));
        let kept = tables.samples.get(id).into_iter().flatten();
        let kept = kept.map(|(seq, sample)| (*seq, &*sample.payload, &*sample.device));
        if due.eq(kept) { Ok(()) } else { Err(format!("the samples of {id}: {self:?}")) }
    }

    fn check_row(&self, id: &str, tables: &Tables) -> Check {
        let row = tables.sessions.get(id);
        let good = match (row, self.row.status) {
            (Some(row), _) if self.past_run => row.status != SessionStatus::Active,
            (None, _) if self.past_run => true,
            (None, SessionStatus::Active) => self.beginning == Some(Fate::Gone),
            (None, _) => false,
            (Some(row), SessionStatus::Interrupted) => row.status == SessionStatus::Interrupted,
            (Some(row), _) => *row == self.row,
        };
        if good { Ok(()) } else { Err(format!("the store has {row:?} of {self:?}")) }
    }
}
