//! What clients ask of device sessions, and what must come of it.

use super::{
    super::{
        flat::{number, string},
        witness::Said,
    },
    Check, Device, Devices, Fate, Owed, Safe, Sample, Turn, What,
};
use crate::{
    contracts::{
        device_sessions::config::{OnActive, RegisterSession},
        store::{
            device::{DeviceRecord, DeviceSample, SessionRow, SessionStatus},
            record::RecordBody,
        },
        told::device::DeviceEvent,
    },
    ground::{
        id::ConnId,
        time::{Tick, Wall},
    },
};
use std::sync::Arc;

const FULL: &str = "too many replies wait";

impl Devices {
    pub(super) fn message(&mut self, conn: ConnId, text: &str, turn: &mut Turn<'_>) -> Check {
        if !self.peers.contains_key(&conn) {
            return Err(format!("{conn} is not open"));
        }
        if !text.starts_with('{') {
            self.errors.push((conn, "INVALID_MESSAGE"));
            return Ok(());
        }
        let Some(kind) = string(text, "type") else {
            self.errors.push((conn, "MISSING_FIELD"));
            return Ok(());
        };
        let (name, stamp) = (string(text, "deviceId"), number(text, "timestamp").map(str::to_owned));
        match (kind, name) {
            ("device_register" | "session_start" | "session_end", None) => {
                self.errors.push((conn, "MISSING_FIELD"));
            }
            ("device_register", Some(name)) => self.register(conn, name, stamp, text, turn)?,
            ("session_start", Some(name)) => self.start(conn, name, stamp, turn)?,
            ("session_end", Some(name)) => self.end(conn, name, string(text, "sessionId"), stamp, turn)?,
            ("session_ended", _) => self.errors.push((conn, "UNKNOWN_TYPE")),
            (kind, name) => self.data(conn, kind, name, string(text, "sessionId"), text, turn)?,
        }
        Ok(())
    }

    fn attach(&mut self, conn: ConnId, name: &str) {
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.devices.insert(name.to_owned());
            self.device(name).conns.insert(conn);
        }
    }

    /// Whether there is no room for one more reply: then nothing else happens.
    fn is_full(&mut self, conn: ConnId, name: &str, turn: &Turn<'_>) -> Result<bool, String> {
        if !turn.was_told(FULL) {
            return Ok(false);
        }
        let (owed, max) = (self.device(name).owed.len(), self.config.pending_replies);
        self.errors.push((conn, "STORAGE_UNAVAILABLE"));
        if owed < max { Err(format!("refused with {owed} replies of {max} waiting")) } else { Ok(true) }
    }

    pub(super) fn owe(&mut self, name: &str, to: ConnId, what: What) {
        self.device(name).owed.push_back(Owed { to, what });
    }

    fn register(
        &mut self,
        conn: ConnId,
        name: &str,
        stamp: Option<String>,
        text: &str,
        turn: &mut Turn<'_>,
    ) -> Check {
        self.attach(conn, name);
        if self.is_full(conn, name, turn)? {
            return Ok(());
        }
        let declared = string(text, "clientVersion").is_some_and(|version| version >= "1.1.0");
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.is_new |= declared;
        }
        let provisional = match self.config.register_session {
            RegisterSession::Auto => !declared,
            RegisterSession::Always => true,
            RegisterSession::Never => false,
        };
        // One that registers again is told the same.
        let session = match self.device(name).provisional.clone().filter(|_| provisional) {
            None if provisional => Some(turn.draw()?),
            told => told,
        };
        if session.is_some() {
            self.device(name).provisional.clone_from(&session);
        }
        self.events.push(DeviceEvent::Registered { device: name.into(), message: text.into() });
        self.owe(name, conn, What::Registered { session, stamp });
        Ok(())
    }

    fn start(&mut self, conn: ConnId, name: &str, stamp: Option<String>, turn: &mut Turn<'_>) -> Check {
        if self.stopping {
            return Ok(());
        }
        self.attach(conn, name);
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.is_new = true;
        }
        if self.is_full(conn, name, turn)? {
            return Ok(());
        }
        let device = self.device(name);
        let starting = device.owed.iter().any(|owed| matches!(owed.what, What::Starting { .. }));
        if self.config.on_active == OnActive::Reject && (self.device(name).active.is_some() || starting) {
            self.owe(name, conn, What::AlreadyActive);
            return Ok(());
        }
        let id = turn.draw()?;
        self.device(name).provisional = None;
        let row = begun(&id, name, turn.wall, stamp.as_deref());
        let begins = turn.device_events().any(|event| matches!(event, DeviceEvent::SessionCreated(_)));
        if begins {
            self.begin(row, conn, turn);
            self.owe(name, conn, What::Created { session: id, stamp });
            return Ok(());
        }
        let ticket =
            turn.said.iter().find_map(|said| match said {
                Said::Record {
                    ticket, body: RecordBody::Device(DeviceRecord::SessionStarted(row)), ..
                } if *row.id == *id => Some(*ticket),
                _ => None,
            });
        match ticket {
            Some(ticket) if self.sick => {
                self.owe(name, conn, What::Starting { row, ticket, stamp });
                Ok(())
            }
            other => Err(format!("a session that does not begin, and for no reason ({other:?})")),
        }
    }

    fn end(
        &mut self,
        conn: ConnId,
        name: &str,
        session: Option<&str>,
        stamp: Option<String>,
        turn: &Turn<'_>,
    ) -> Check {
        if self.is_full(conn, name, turn)? {
            return Ok(());
        }
        let active = self.device(name).active.clone();
        let ended = match session {
            None => active.clone(),
            Some(id) => Some(id.to_owned()),
        };
        if ended.is_some() && ended == active {
            self.finish(name, SessionStatus::Completed, stamp.as_deref(), turn);
        }
        let is_own = |id: &&String| {
            self.sessions.get(*id).is_some_and(|session| *session.row.device == *name && !session.past_run)
        };
        let safe = ended.as_ref().filter(is_own).map_or(Safe::Nothing, |id| {
            let session = &self.sessions[id];
            let remembered = self.devices[name].recent.contains(id) && self.is_in_time(id, turn.tick);
            let is_whole = remembered || ended == active || !(session.refused || session.past);
            if is_whole { Safe::All } else { Safe::End }
        });
        self.owe(name, conn, What::Ended { session: ended, stamp, safe });
        Ok(())
    }

    /// The device of a session that data may name, and whether that is still certain.
    fn owner(&self, id: &str, tick: Tick) -> Option<(String, bool)> {
        let knows = |device: &Device| {
            let is_it = |owed: &Owed| matches!(&owed.what, What::Starting { row, .. } if *row.id == *id);
            device.active.as_deref() == Some(id)
                || device.provisional.as_deref() == Some(id)
                || device.owed.iter().any(is_it)
        };
        let late = |device: &Device| device.recent.iter().any(|recent| recent == id);
        self.devices.iter().find_map(|(name, device)| {
            if knows(device) {
                Some((name.clone(), true))
            } else if late(device) {
                Some((name.clone(), self.is_in_time(id, tick)))
            } else {
                None
            }
        })
    }

    fn is_in_time(&self, id: &str, tick: Tick) -> bool {
        self.sessions.get(id).is_some_and(|session| tick < session.ended + self.config.late_window)
    }

    fn data(
        &mut self,
        conn: ConnId,
        kind: &str,
        name: Option<&str>,
        session: Option<&str>,
        text: &str,
        turn: &mut Turn<'_>,
    ) -> Check {
        let only = self.peers[&conn].devices.iter().next().filter(|_| self.peers[&conn].devices.len() == 1);
        let said = name.or(only.map(String::as_str)).map(str::to_owned);
        let owner = match session.and_then(|id| self.owner(id, turn.tick)) {
            Some((owner, true)) => Some(owner),
            // A late window that has just passed: it may not have been forgotten yet.
            Some((owner, false)) => {
                let told = turn.device_events().find_map(|event| match event {
                    DeviceEvent::Sample(sample) => Some(sample.device.to_string()),
                    _ => None,
                });
                if told.as_ref() == Some(&owner) { Some(owner) } else { said }
            }
            None => said,
        };
        let active = owner.as_ref().and_then(|owner| self.device(owner).active.clone());
        if !matches!(kind, "sensor_data" | "sensorData" | "data") && session.is_none() && active.is_none() {
            self.errors.push((conn, "UNKNOWN_TYPE"));
            return Ok(());
        }
        let Some(owner) = owner else {
            self.errors.push((conn, "MISSING_FIELD"));
            return Ok(());
        };
        let device = self.device(&owner);
        let is_recent = |id: &str| device.recent.iter().any(|recent| recent == id);
        let late = session.filter(|id| is_recent(id)).map(str::to_owned);
        let provisional = session.filter(|id| device.provisional.as_deref() == Some(*id));
        if let Some(id) = late.filter(|id| self.is_in_time(id, turn.tick)) {
            return self.sample(conn, &owner, Some(id), text, turn);
        }
        let free = active.is_none() || self.config.on_active == OnActive::EndPrevious;
        if let Some(id) = provisional.filter(|_| free && !self.stopping) {
            self.device(&owner).provisional = None;
            self.begin(begun(id, &owner, turn.wall, None), conn, turn);
        }
        let active = self.device(&owner).active.clone();
        if let Some(id) = &active {
            // It comes from there now, and ends with that.
            self.attach(conn, &owner);
            let session = self.sessions.get_mut(id).expect("an active session is known");
            (session.holder, session.heard) = (conn, turn.tick);
        }
        self.sample(conn, &owner, active, text, turn)
    }

    /// A sample goes to this session, or to none.
    fn sample(
        &mut self,
        conn: ConnId,
        owner: &str,
        session: Option<String>,
        text: &str,
        turn: &Turn<'_>,
    ) -> Check {
        let fate = turn.said.iter().find_map(|said| match said {
            Said::Record { ticket, body: RecordBody::Device(DeviceRecord::Sample(_)), .. } => {
                Some(Fate::Open(*ticket))
            }
            _ => None,
        });
        if fate.is_none() && self.has_store {
            return Err(format!("a sample that is not recorded: {text}"));
        }
        let sample = Sample { payload: text.to_owned(), fate: fate.unwrap_or(Fate::Gone) };
        let peer = self.peers.get_mut(&conn).expect("it is open");
        let place = match &session {
            Some(id) => {
                peer.told_idle = false;
                let session = self.sessions.get_mut(id).expect("it was found");
                session.samples.push(sample);
                session.row.sample_count += u64::from(session.row.status != SessionStatus::Active);
                Some((id.as_str().into(), session.samples.len() as u64))
            }
            None => {
                if peer.is_new && !std::mem::replace(&mut peer.told_idle, true) {
                    self.errors.push((conn, "NO_ACTIVE_SESSION"));
                }
                self.device(owner).unassigned.push(sample);
                None
            }
        };
        let sample =
            DeviceSample { place, device: owner.into(), received_at: turn.wall, payload: text.into() };
        self.events.push(DeviceEvent::Sample(Arc::new(sample)));
        Ok(())
    }
}

/// A session's row when it begins.
fn begun(id: &str, device: &str, at: Wall, stamp: Option<&str>) -> SessionRow {
    SessionRow {
        id: id.into(),
        device: device.into(),
        status: SessionStatus::Active,
        started_at: at,
        ended_at: None,
        client_started_at: stamp.map(Box::from),
        client_ended_at: None,
        sample_count: 0,
    }
}
