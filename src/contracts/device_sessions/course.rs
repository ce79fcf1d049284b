//! The course of a session: how it begins, how it ends, and how it is forgotten; and how replies leave.

use super::{
    Sessions,
    inbox::Complaint,
    messages::ErrorCode,
    replies::{Reply, Waits, Word},
    session::{Active, Ended, NewSession, Tally, ended_row},
    table::Place,
};
use crate::{
    contracts::{
        effects::{Count, Effects, EventClass},
        store::device::SessionStatus,
        told::device::DeviceEvent,
    },
    ground::id::ConnId,
};
use std::sync::Arc;

/// How a session has ended.
pub(super) struct Finished {
    pub(super) id: Arc<str>,
    pub(super) holder: ConnId,
    pub(super) lost: bool,
    /// What is to be waited for until it is recorded.
    pub(super) waits: Option<Waits>,
}

impl Sessions {
    /// An id that no session has that is known. Of a random UUID the last twelve digits: all of them are random, and those of a test's count up.
    pub(super) fn new_id(&self, fx: &mut Effects) -> Arc<str> {
        loop {
            let hex = fx.unique().simple().to_string();
            let id = format!("session_{}", &hex[20..]);
            if self.devices.of_session(&id).is_none() && !self.clerk.book.holds(&id) {
                return id.into();
            }
        }
    }

    /// Has a connection speak for a device. The error says which bound is reached.
    pub(super) fn attach(&mut self, fx: &mut Effects, peer: ConnId, at: Place) -> Result<(), &'static str> {
        let (Some(known), Some(device)) = (self.peers.get_mut(&peer), self.devices.get_mut(at)) else {
            return Ok(());
        };
        if known.devices.contains(&at) {
            return Ok(());
        }
        if known.devices.len() >= self.config.devices_per_connection {
            fx.count(Count::Bound);
            return Err("this connection speaks for as many devices as one may: use another");
        }
        known.devices.insert(at);
        device.connections += 1;
        Ok(())
    }

    /// The place of a device that registers on a connection, if only by beginning a session.
    pub(super) fn enter(
        &mut self,
        fx: &mut Effects,
        peer: ConnId,
        name: &str,
    ) -> Result<Place, Complaint<'static>> {
        let at = self.place(fx, name)?;
        let attached = self.attach(fx, peer, at);
        if attached.is_err() {
            self.tidy(fx, at);
        }
        attached.map(|()| at).map_err(|message| refused(name, message))
    }

    /// The place of a device, for which no connection need speak.
    pub(super) fn place(&mut self, fx: &mut Effects, name: &str) -> Result<Place, Complaint<'static>> {
        self.devices.enter(name).ok_or_else(|| {
            fx.count(Count::Bound);
            refused(name, "the server knows as many devices as it may: try again later")
        })
    }

    /// Begins a session, and ends the one before. `filed`: its record is committed already.
    pub(super) fn begin(
        &mut self,
        fx: &mut Effects,
        at: Place,
        new: NewSession,
        holder: ConnId,
        filed: bool,
    ) {
        self.finish(fx, at, SessionStatus::AutoEnded, None);
        let now = fx.now().tick;
        let Some(device) = self.devices.get_mut(at) else { return };
        let row = new.row(&device.id);
        device.active = Some(Active {
            row: Arc::clone(&row),
            tally: Tally::default(),
            holder,
            heard_at: now,
            unfiled: false,
        });
        self.devices.add_session(&row.id, at);
        if let Some(timeout) = self.config.idle_timeout {
            self.devices.look_at(at, now + timeout);
        }
        if !filed {
            self.clerk.start(fx, at, &row, false);
        }
        self.clerk.book.put(&row);
        if let Some(peer) = self.peers.get_mut(&holder) {
            peer.told_idle = false;
        }
        fx.event(EventClass::Lossless, 0, Some(holder), DeviceEvent::SessionCreated(row));
    }

    /// Ends the active session of a device, if it has one.
    pub(super) fn finish(
        &mut self,
        fx: &mut Effects,
        at: Place,
        status: SessionStatus,
        timestamp: Option<&str>,
    ) -> Option<Finished> {
        let now = fx.now();
        let device = self.devices.get_mut(at)?;
        let Active { row, tally, holder, .. } = device.active.take()?;
        let row = ended_row(&row, status, now.wall, timestamp, tally.kept());
        device.recent.push_back(Ended { row: Arc::clone(&row), at: now.tick, tally });
        let excess = device.recent.len().saturating_sub(self.config.recent_sessions);
        let forgotten: Vec<_> = device.recent.drain(..excess).collect();
        for ended in forgotten {
            self.devices.remove_session(&ended.row.id);
        }
        self.devices.look_at(at, now.tick + self.config.late_window);
        let waits = if self.stopping && self.clerk.postpone(at, &row) {
            Some(Waits::Turn)
        } else {
            self.clerk.end(fx, at, &row, true).map(Waits::Record)
        };
        let id = Arc::clone(&row.id);
        fx.event(EventClass::Lossless, 0, Some(holder), DeviceEvent::SessionEnded(row));
        Some(Finished { id, holder, lost: tally.has_lost(), waits })
    }

    /// Ends the active session of a device for a reason that its client does not know, and tells it, if it is used to that.
    pub(super) fn finish_and_tell(&mut self, fx: &mut Effects, at: Place, status: SessionStatus) {
        let Some(Finished { id, holder, lost, waits }) = self.finish(fx, at, status, None) else { return };
        if self.peers.get(&holder).is_some_and(|peer| peer.is_new) {
            let timestamp = fx.now().wall.as_millis().to_string().into();
            let waits = waits.filter(|_| self.durable);
            let lost = lost && self.durable;
            self.say(
                fx,
                at,
                Reply { to: holder, waits, word: Word::Ended { session: Some(id), timestamp, lost } },
            );
        }
    }

    /// Forgets what is no more needed of a device, and the device, if nothing is left of it.
    pub(super) fn tidy(&mut self, fx: &Effects, at: Place) {
        let now = fx.now().tick;
        let (timeout, late_window) = (self.config.idle_timeout, self.config.late_window);
        let Some(device) = self.devices.get_mut(at) else { return };
        let over = device.recent.iter().take_while(|ended| ended.at + late_window <= now).count();
        let mut forgotten: Vec<_> =
            device.recent.drain(..over).map(|ended| Arc::clone(&ended.row.id)).collect();
        if device.connections == 0 {
            // Nobody is left who was told it.
            forgotten.extend(device.provisional.take());
        }
        let (idle, due) = (device.is_idle(), device.due(timeout, late_window));
        for id in forgotten {
            self.devices.remove_session(&id);
        }
        if idle {
            self.devices.leave(at);
        } else if let Some(due) = due {
            self.devices.look_at(at, due);
        }
    }

    /// Says something to a device, in its turn.
    pub(super) fn say(&mut self, fx: &mut Effects, at: Place, reply: Reply) {
        if let Some(device) = self.devices.get_mut(at) {
            device.replies.push(reply);
            self.flush(fx, at);
        }
    }

    /// Sends the replies that wait for nothing any more.
    pub(super) fn flush(&mut self, fx: &mut Effects, at: Place) {
        let Some(device) = self.devices.get_mut(at) else { return };
        while let Some(Reply { to, word, .. }) = device.replies.next_ready() {
            if self.peers.contains_key(&to) {
                fx.send(to, &word.encode(&device.id));
            }
        }
    }
}

/// A bound keeps a device from being known here.
fn refused(device: &str, message: &'static str) -> Complaint<'static> {
    Complaint {
        code: ErrorCode::InvalidMessage,
        message: message.into(),
        device: Some(device.to_owned().into()),
    }
}
