//! The course of a device session: how it begins, is filled and ends, as far as clients, time and store decide that.

use super::{Devices, Fate, Owed, Safe, Session, Turn, What};
use crate::{
    contracts::{
        store::device::{DeviceRecord, SessionRow, SessionStatus},
        told::device::DeviceEvent,
    },
    ground::{
        id::{ConnId, RecordTicket},
        time::Tick,
    },
};
use std::sync::Arc;

impl Devices {
    pub(super) fn closed(&mut self, conn: ConnId, turn: &Turn<'_>) {
        let devices = self.peers.remove(&conn).unwrap_or_default().devices;
        for name in devices {
            let active = self.device(&name).active.clone();
            if active.is_some_and(|id| self.sessions[&id].holder == conn) {
                self.finish(&name, SessionStatus::Disconnected, None, turn);
            }
            let device = self.device(&name);
            device.conns.remove(&conn);
            if device.conns.is_empty() {
                device.provisional = None;
            }
        }
    }

    pub(super) fn deadline(&mut self, turn: &Turn<'_>) {
        let Some(timeout) = self.config.idle_timeout else { return };
        for id in self.active() {
            if self.sessions[&id].heard + timeout <= turn.tick {
                self.finish_and_tell(&id, SessionStatus::Timeout, turn);
            }
        }
    }

    pub(super) fn begin(&mut self, row: SessionRow, holder: ConnId, turn: &Turn<'_>) {
        let name = row.device.to_string();
        self.finish(&name, SessionStatus::AutoEnded, None, turn);
        self.device(&name).active = Some(row.id.to_string());
        if let Some(peer) = self.peers.get_mut(&holder) {
            peer.told_idle = false;
        }
        self.events.push(DeviceEvent::SessionCreated(Arc::new(row.clone())));
        self.add(row, holder, turn.tick);
    }

    fn add(&mut self, row: SessionRow, holder: ConnId, tick: Tick) {
        let session = Session {
            samples: Vec::new(),
            lost: 0,
            at_end: 0,
            ended: Tick::ZERO,
            holder,
            heard: tick,
            beginning: None,
            refused: false,
            acknowledged: false,
            past: false,
            past_run: false,
            row,
        };
        self.sessions.insert(session.row.id.to_string(), session);
    }

    /// Ends the active session of a device, if there is one.
    pub(super) fn finish(&mut self, name: &str, status: SessionStatus, stamp: Option<&str>, turn: &Turn<'_>) {
        let recent_max = self.config.recent_sessions;
        let device = self.device(name);
        let Some(id) = device.active.take() else { return };
        device.recent.push_back(id.clone());
        while device.recent.len() > recent_max {
            device.recent.pop_front();
        }
        let session = self.sessions.get_mut(&id).expect("an active session is known");
        (session.ended, session.at_end) = (turn.tick, session.samples.len());
        session.row.status = status;
        session.row.ended_at = Some(turn.wall);
        session.row.client_ended_at = stamp.map(Box::from);
        session.row.sample_count = session.samples.len() as u64 - session.lost;
        self.events.push(DeviceEvent::SessionEnded(Arc::new(session.row.clone())));
    }

    pub(super) fn finish_and_tell(&mut self, id: &String, status: SessionStatus, turn: &Turn<'_>) {
        let Some(session) = self.sessions.get(id) else { return };
        let (name, holder) = (session.row.device.to_string(), session.holder);
        if self.device(&name).active.as_ref() != Some(id) {
            return;
        }
        self.finish(&name, status, None, turn);
        if self.peers.get(&holder).is_some_and(|peer| peer.is_new) {
            let what = What::Ended { session: Some(id.clone()), stamp: None, safe: Safe::All };
            self.owe(&name, holder, what);
        }
    }

    /// The contract before has panicked.
    pub(super) fn built(&mut self, anew: bool, turn: &Turn<'_>) {
        let active = self.active();
        for id in active.into_iter().filter(|_| anew) {
            let name = self.sessions[&id].row.device.to_string();
            self.finish(&name, SessionStatus::Interrupted, None, turn);
            // How many samples there are is for the store to say.
            let session = self.sessions.get_mut(&id).expect("it has just ended");
            session.row.sample_count = 0;
            self.events.pop();
            self.events.push(DeviceEvent::SessionEnded(Arc::new(session.row.clone())));
        }
        let starting = self.devices.values_mut().flat_map(|device| device.owed.drain(..));
        let starting: Vec<_> = starting
            .filter_map(|owed| match owed.what {
                What::Starting { row, .. } => Some((row, owed.to)),
                _ => None,
            })
            .collect();
        for (row, to) in starting {
            // Nobody has heard of it; the store may have.
            let row =
                SessionRow { status: SessionStatus::Interrupted, ended_at: Some(row.started_at), ..row };
            self.add(row, to, turn.tick);
        }
        self.forget();
    }

    /// Nothing is left of what was said to anyone.
    pub(super) fn forget(&mut self) {
        self.peers.clear();
        (self.sick, self.stopping) = (false, false);
        for device in self.devices.values_mut() {
            (device.active, device.provisional) = (None, None);
            device.recent.clear();
            device.conns.clear();
            device.owed.clear();
        }
        for session in self.sessions.values_mut() {
            session.past = true;
        }
    }

    pub(super) fn recorded(
        &mut self,
        body: &DeviceRecord,
        ticket: RecordTicket,
        committed: bool,
        turn: &Turn<'_>,
    ) {
        let was_sick = std::mem::replace(&mut self.sick, !committed);
        self.outages += u64::from(!committed && !was_sick);
        let fate = if committed { Fate::Committed } else { Fate::Gone };
        match body {
            DeviceRecord::Sample(sample) => {
                let samples = match &sample.place {
                    Some((id, _)) => {
                        let session = self.sessions.get_mut(&**id);
                        session.map(|session| {
                            session.refused |= !committed;
                            session.lost += u64::from(!committed);
                            if !committed && session.row.status != SessionStatus::Active {
                                session.row.sample_count -= 1;
                            }
                            &mut session.samples
                        })
                    }
                    None => Some(&mut self.device(&sample.device).unassigned),
                };
                for sample in samples.into_iter().flatten().filter(|sample| sample.fate == Fate::Open(ticket))
                {
                    sample.fate = fate;
                }
            }
            DeviceRecord::SessionStarted(row) => {
                if let Some(session) = self.sessions.get_mut(&*row.id) {
                    if session.beginning == Some(Fate::Open(ticket)) {
                        session.beginning = Some(fate);
                    }
                    return;
                }
                self.started(&row.device, ticket, committed, turn);
            }
            DeviceRecord::SessionEnded(row) => {
                if let Some(session) = self.sessions.get_mut(&*row.id) {
                    session.refused |= !committed;
                }
            }
        }
    }

    /// The store has answered for a session that waits to begin.
    fn started(&mut self, name: &str, ticket: RecordTicket, committed: bool, turn: &Turn<'_>) {
        let of_it = |owed: &Owed| matches!(owed.what, What::Starting { ticket: of, .. } if of == ticket);
        let device = self.device(name);
        let Some(at) = device.owed.iter().position(of_it) else { return };
        let to = device.owed[at].to;
        let What::Starting { row, stamp, .. } =
            std::mem::replace(&mut device.owed[at].what, What::NotStarted)
        else {
            return;
        };
        if !committed {
            return;
        }
        let session = row.id.to_string();
        device.owed[at].what = What::Created { session: session.clone(), stamp };
        if self.peers.contains_key(&to) {
            self.begin(row, to, turn);
            self.sessions.get_mut(&session).expect("it has begun").beginning = Some(Fate::Committed);
            if self.stopping {
                self.finish_and_tell(&session, SessionStatus::Stopped, turn);
            }
            return;
        }
        // Nobody ever heard of it.
        let status = SessionStatus::Disconnected;
        let row = SessionRow { status, ended_at: Some(turn.wall), ..row };
        self.add(row, to, turn.tick);
    }
}
