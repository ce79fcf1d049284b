//! What the contract says of device sessions, held against what must come.

use super::{
    super::{
        flat::{number, string},
        tables::Tables,
        witness::Said,
    },
    Check, Devices, Fate, Owed, Safe, What,
};
use crate::{
    contracts::{
        store::{
            device::{DeviceRecord, SessionRow},
            record::RecordBody,
        },
        told::{EventBody, device::DeviceEvent},
    },
    ground::{
        id::{ConnId, RecordTicket},
        time::Wall,
    },
};

impl Devices {
    pub(super) fn check_events(&mut self, said: &[Said]) -> Check {
        let mut expected: Vec<_> = self.events.iter().map(|event| format!("{event:?}")).collect();
        let told = said.iter().filter_map(|said| match said {
            Said::Event(EventBody::Device(event)) => Some(format!("{event:?}")),
            _ => None,
        });
        let mut told: Vec<_> = told.collect();
        if self.any_order {
            expected.sort();
            told.sort();
        }
        if told == expected { Ok(()) } else { Err(format!("the host is told {told:?}, not {expected:?}")) }
    }

    /// Everything that happened is recorded, samples in their order, and nothing else but what was refused before.
    pub(super) fn check_records(&mut self, said: &[Said]) -> Check {
        let (mut happened, mut filed) = (Vec::new(), Vec::new());
        let (mut ends, mut ends_filed) = (Vec::new(), Vec::new());
        for said in said {
            match said {
                Said::Event(EventBody::Device(DeviceEvent::Sample(sample))) => happened.push(sample),
                Said::Event(EventBody::Device(DeviceEvent::SessionEnded(row))) => ends.push(row),
                Said::Record { body: RecordBody::Device(body), ticket, .. } => match body {
                    DeviceRecord::Sample(sample) => filed.push(sample),
                    DeviceRecord::SessionStarted(row) => self.check_start(row, *ticket)?,
                    DeviceRecord::SessionEnded(row) => match self.sessions.get(&*row.id) {
                        Some(session) if session.row == **row => ends_filed.push(row),
                        other => return Err(format!("recorded is {row:?}, and it is {other:?}")),
                    },
                },
                _ => {}
            }
        }
        if !self.has_store && (filed.is_empty() && ends_filed.is_empty()) {
            return Ok(());
        }
        if happened != filed {
            return Err(format!("recorded is {filed:?}, and happened has {happened:?}"));
        }
        match ends.iter().find(|end| !ends_filed.contains(end)) {
            // While the server stops, it waits for its turn.
            Some(end) if !self.stopping => Err(format!("an end that is not recorded: {end:?}")),
            _ => Ok(()),
        }
    }

    /// A beginning is recorded once, unless it was refused.
    fn check_start(&mut self, row: &SessionRow, ticket: RecordTicket) -> Check {
        let Some(session) = self.sessions.get_mut(&*row.id) else {
            let waits = |owed: &Owed| matches!(owed.what, What::Starting { ticket: of, .. } if of == ticket);
            return match self.devices.values().any(|device| device.owed.iter().any(waits)) {
                true => Ok(()),
                false => Err(format!("recorded is the beginning of what did not begin: {row:?}")),
            };
        };
        match session.beginning {
            None | Some(Fate::Gone) => {
                session.beginning = Some(Fate::Open(ticket));
                Ok(())
            }
            Some(fate) => Err(format!("recorded again is a beginning: {row:?} ({fate:?})")),
        }
    }

    pub(super) fn check_send(&mut self, to: ConnId, text: &str, tables: &Tables, wall: Wall) -> Check {
        let fail = |why: &str| Err(format!("{to} is told {text}: {why}"));
        let (Some(kind), device) = (string(text, "type"), string(text, "deviceId")) else {
            return fail("it has no type");
        };
        if kind == "error" {
            let code = string(text, "errorCode").unwrap_or_default();
            let is_reply = code == "SESSION_ALREADY_ACTIVE"
                || text.contains("has ended, but")
                || text.contains("No session was started");
            if text.contains("Data could not be recorded") {
                let outage = self.outages;
                let Some(peer) = self.peers.get_mut(&to) else { return fail("it is gone") };
                let again = std::mem::replace(&mut peer.told_outage, outage) == outage;
                return if !peer.is_new || again || !self.sick { fail("once in an outage") } else { Ok(()) };
            }
            if !is_reply {
                let expected = self.errors.iter().position(|expected| *expected == (to, code));
                let Some(at) = expected else { return fail("nothing was wrong") };
                self.errors.remove(at);
                return Ok(());
            }
        }
        let Some(device) = device else { return fail("to no device") };
        let peers = &self.peers;
        let owed = &mut self.devices.entry(device.to_owned()).or_default().owed;
        while owed.front().is_some_and(|owed| !peers.contains_key(&owed.to)) {
            owed.pop_front();
        }
        let Some(Owed { to: whom, what }) = owed.pop_front() else { return fail("it has asked for nothing") };
        if whom != to {
            return fail("another waits for an answer before");
        }
        let (session, stamp) = (string(text, "sessionId"), number(text, "timestamp"));
        let same_stamp = |due: &Option<String>| match due {
            Some(due) => stamp == Some(due),
            None => stamp
                .and_then(|stamp| stamp.parse().ok())
                .is_some_and(|millis: i64| millis <= wall.as_millis()),
        };
        let good = match &what {
            What::Registered { session: due, stamp } => {
                kind == "device_registered" && session == due.as_deref() && same_stamp(stamp)
            }
            What::Created { session: due, stamp } => {
                kind == "session_created" && session == Some(due) && same_stamp(stamp)
            }
            What::AlreadyActive => string(text, "errorCode") == Some("SESSION_ALREADY_ACTIVE"),
            What::NotStarted => text.contains("No session was started"),
            What::Starting { .. } => false,
            What::Ended { session: Some(id), .. } if kind == "error" => {
                let refused = self.sessions.get(id).is_some_and(|session| session.refused);
                refused && text.contains("has ended, but") && text.contains(id)
            }
            What::Ended { session: due, stamp, safe } => {
                if let Some(id) = due {
                    self.check_acknowledged(id, *safe, tables)?;
                }
                kind == "session_ended" && session == due.as_deref() && same_stamp(stamp)
            }
        };
        if good { Ok(()) } else { fail(&format!("owed is {what:?}")) }
    }

    /// A client is told that a session has ended.
    fn check_acknowledged(&mut self, id: &str, safe: Safe, tables: &Tables) -> Check {
        if !self.has_store || !self.config.durable_ack {
            return Ok(());
        }
        let Some(session) = self.sessions.get_mut(id) else { return Ok(()) };
        match safe {
            Safe::Nothing => Ok(()),
            Safe::End => session.check_end(id, tables),
            Safe::All => {
                session.acknowledged = true;
                session.check_kept(id, tables)
            }
        }
    }
}
