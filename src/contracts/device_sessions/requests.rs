//! What clients ask for, and the data that they send.

use super::{
    Sessions,
    config::{OnActive, RegisterSession},
    course::Finished,
    inbox::{Complaint, Data, missing, unknown_type},
    messages::{self, ErrorCode},
    replies::{Reply, Waits, Word},
    session::NewSession,
    table::Place,
};
use crate::{
    contracts::{
        effects::{Count, Effects, EventClass},
        store::device::{DeviceSample, SessionStatus},
        told::device::DeviceEvent,
    },
    ground::id::ConnId,
};
use std::{borrow::Cow, sync::Arc};

type Done<'a> = Result<(), Complaint<'a>>;

/// Where a sample goes.
enum Goal {
    Active,
    /// An ended session, by its place among the recent ones.
    Late(usize),
    /// The provisional session, which begins with it.
    Provisional,
    Unassigned,
}

impl Sessions {
    pub(super) fn register<'a>(
        &mut self,
        fx: &mut Effects,
        peer: ConnId,
        name: Cow<'a, str>,
        timestamp: Option<&str>,
        declared_new: bool,
        message: &str,
    ) -> Done<'a> {
        let at = self.enter(fx, peer, &name)?;
        self.check_room(fx, at, &name)?;
        if let Some(known) = self.peers.get_mut(&peer) {
            known.is_new |= declared_new;
        }
        let provisional = match self.config.register_session {
            RegisterSession::Auto => !declared_new,
            RegisterSession::Always => true,
            RegisterSession::Never => false,
        };
        let session = provisional.then(|| self.provisional(fx, at));
        let Some(device) = self.devices.get(at) else { return Ok(()) };
        let event = DeviceEvent::Registered { device: Arc::clone(&device.id), message: message.into() };
        fx.event(EventClass::Lossless, 0, Some(peer), event);
        let timestamp = or_now(fx, timestamp);
        self.say(fx, at, Reply { to: peer, waits: None, word: Word::Registered { session, timestamp } });
        Ok(())
    }

    /// The provisional id of a device. One that registers again may already use what it was told first.
    fn provisional(&mut self, fx: &mut Effects, at: Place) -> Arc<str> {
        if let Some(id) = self.devices.get(at).and_then(|device| device.provisional.as_ref()) {
            return Arc::clone(id);
        }
        let id = self.new_id(fx);
        if let Some(device) = self.devices.get_mut(at) {
            device.provisional = Some(Arc::clone(&id));
            self.devices.add_session(&id, at);
        }
        id
    }

    fn forget_provisional(&mut self, at: Place) {
        if let Some(id) = self.devices.get_mut(at).and_then(|device| device.provisional.take()) {
            self.devices.remove_session(&id);
        }
    }

    /// Whether one more reply to a device may wait.
    fn check_room<'a>(&mut self, fx: &mut Effects, at: Place, name: &str) -> Done<'a> {
        let waiting = self.devices.get(at).map_or(0, |device| device.replies.len());
        if waiting < self.config.pending_replies {
            return Ok(());
        }
        fx.count(Count::Bound);
        Err(Complaint {
            code: ErrorCode::StorageUnavailable,
            message: "too many replies wait for what is being recorded: try again later".into(),
            device: Some(name.to_owned().into()),
        })
    }

    pub(super) fn start<'a>(
        &mut self,
        fx: &mut Effects,
        peer: ConnId,
        name: Cow<'a, str>,
        timestamp: Option<&str>,
    ) -> Done<'a> {
        if self.stopping {
            // It would be the first to end.
            fx.count(Count::Ignored);
            return Ok(());
        }
        if let Some(known) = self.peers.get_mut(&peer) {
            known.is_new = true;
        }
        let at = self.enter(fx, peer, &name)?;
        self.check_room(fx, at, &name)?;
        let Some(device) = self.devices.get(at) else { return Ok(()) };
        let occupied = device.active.is_some() || device.replies.has_starting();
        if self.config.on_active == OnActive::Reject && occupied {
            fx.count(Count::Refused);
            self.say(fx, at, Reply { to: peer, waits: None, word: Word::AlreadyActive });
            return Ok(());
        }
        let id = self.new_id(fx);
        self.forget_provisional(at);
        let new = NewSession { id, started_at: fx.now().wall, timestamp: timestamp.map(Box::from) };
        let timestamp = or_now(fx, timestamp);
        if self.clerk.has_store() && self.clerk.is_sick() {
            self.start_when_recorded(fx, at, new, peer, timestamp);
        } else {
            let session = Arc::clone(&new.id);
            self.begin(fx, at, new, peer, false);
            self.say(fx, at, Reply { to: peer, waits: None, word: Word::Created { session, timestamp } });
        }
        Ok(())
    }

    /// The store is not well: a session that could not be recorded is not to begin.
    fn start_when_recorded(
        &mut self,
        fx: &mut Effects,
        at: Place,
        new: NewSession,
        to: ConnId,
        timestamp: Box<str>,
    ) {
        let Some(device) = self.devices.get(at) else { return };
        let row = new.row(&device.id);
        let waits = self.clerk.start(fx, at, &row, true);
        self.clerk.await_start(&row);
        self.devices.add_session(&new.id, at);
        self.say(
            fx,
            at,
            Reply { to, waits: waits.map(Waits::Record), word: Word::Starting { new, timestamp } },
        );
    }

    pub(super) fn end<'a>(
        &mut self,
        fx: &mut Effects,
        peer: ConnId,
        name: &str,
        session: Option<&str>,
        timestamp: Option<&str>,
    ) -> Done<'a> {
        let told = or_now(fx, timestamp);
        let book = session.and_then(|id| self.clerk.book.get(id));
        let own = book.is_some_and(|row| *row.device == *name);
        let at = match self.devices.named(name) {
            Some(at) => at,
            // It was forgotten meanwhile, but what is not committed yet is not acknowledged. Its place is for the reply.
            None if own && self.durable => self.place(fx, name)?,
            None => {
                fx.send(peer, &messages::session_ended(session, name, &told));
                return Ok(());
            }
        };
        self.check_room(fx, at, name)?;
        let Some(device) = self.devices.get(at) else { return Ok(()) };
        let mut ended = (session.map(Arc::from), None, false);
        if session.is_none_or(|id| device.active_named(id)) {
            let finished = self.finish(fx, at, SessionStatus::Completed, timestamp);
            if let Some(Finished { id, lost, waits, .. }) = finished {
                ended = (Some(id), waits, lost);
            }
        } else if let Some(id) = session {
            // It may have ended, and not be safe yet.
            let recent = device.recent.iter().find(|ended| *ended.row.id == *id);
            let lost = recent.is_some_and(|ended| ended.tally.has_lost());
            let ticket = if own { self.clerk.end_again(fx, at, id) } else { None };
            ended = (session.map(Arc::from), ticket.map(Waits::Record), lost);
        }
        let (session, waits, lost) = ended;
        let waits = waits.filter(|_| self.durable);
        let word = Word::Ended { session, timestamp: told, lost: lost && self.durable };
        self.say(fx, at, Reply { to: peer, waits, word });
        Ok(())
    }

    pub(super) fn data<'a>(
        &mut self,
        fx: &mut Effects,
        peer: ConnId,
        data: Data<'a>,
        text: &str,
    ) -> Done<'a> {
        let Data { kind, expected, device: name, session } = data;
        let named = session.as_deref().and_then(|id| self.devices.of_session(id));
        let at = match (named, &name) {
            (Some(at), _) => Some(at),
            (None, Some(name)) => self.devices.named(name),
            (None, None) => self.peers.get(&peer).and_then(|known| known.only_device()),
        };
        if !expected {
            let active = at.and_then(|at| self.devices.get(at)?.active.as_ref()).is_some();
            if session.is_none() && !active {
                let mut complaint = unknown_type(&kind);
                complaint.device = name;
                return Err(complaint);
            }
            fx.count(Count::Untyped);
        }
        let Some(at) = at else {
            // A device that nobody has heard of needs no place among those that are known.
            let name = name.ok_or_else(|| {
                missing("\"deviceId\" is missing: this connection speaks for no single device")
            })?;
            self.unassigned(fx, peer, Place::MAX, name.as_ref().into(), text);
            return Ok(());
        };
        let mut goal = self.goal(fx, at, session.as_deref());
        if matches!(goal, Goal::Provisional) && self.attach(fx, peer, at).is_err() {
            // Who cannot speak for the device cannot hold its session.
            goal = self.goal(fx, at, None);
        }
        match goal {
            Goal::Active => self.sample(fx, peer, at, text),
            Goal::Late(index) => self.late(fx, peer, at, index, text),
            Goal::Provisional => {
                if let Some(id) = self.devices.get_mut(at).and_then(|device| device.provisional.take()) {
                    let new = NewSession { id, started_at: fx.now().wall, timestamp: None };
                    self.begin(fx, at, new, peer, false);
                    self.sample(fx, peer, at, text);
                }
            }
            Goal::Unassigned => {
                if let Some(id) = self.devices.get(at).map(|device| Arc::clone(&device.id)) {
                    self.unassigned(fx, peer, at, id, text);
                }
            }
        }
        Ok(())
    }

    fn goal(&self, fx: &Effects, at: Place, session: Option<&str>) -> Goal {
        let Some(device) = self.devices.get(at) else { return Goal::Unassigned };
        if let Some(id) = session.filter(|id| !device.active_named(id)) {
            let now = fx.now().tick;
            let in_time = |at| now < at + self.config.late_window;
            let late = |ended: &super::session::Ended| *ended.row.id == *id && in_time(ended.at);
            if let Some(index) = device.recent.iter().position(late) {
                return Goal::Late(index);
            }
            let free = device.active.is_none() || self.config.on_active == OnActive::EndPrevious;
            if device.provisional.as_deref() == Some(id) && free && !self.stopping {
                return Goal::Provisional;
            }
        }
        if device.active.is_some() { Goal::Active } else { Goal::Unassigned }
    }

    /// A sample of the active session, which from now on ends with the connection that it came from.
    fn sample(&mut self, fx: &mut Effects, peer: ConnId, at: Place, text: &str) {
        let now = fx.now();
        let held = |active: &super::session::Active| active.holder == peer;
        let own = self.devices.get(at).and_then(|device| device.active.as_ref()).is_some_and(held);
        let adopts = !own && self.attach(fx, peer, at).is_ok();
        let Some(device) = self.devices.get_mut(at) else { return };
        let Some(active) = device.active.as_mut() else { return };
        if adopts {
            active.holder = peer;
        }
        active.heard_at = now.tick;
        if std::mem::take(&mut active.unfiled) {
            self.clerk.start(fx, at, &active.row, false);
        }
        let sample = Arc::new(DeviceSample {
            place: Some((Arc::clone(&active.row.id), active.tally.next())),
            device: Arc::clone(&device.id),
            received_at: now.wall,
            payload: text.into(),
        });
        self.file(fx, peer, at, sample);
    }

    /// A sample that was on its way when its session ended.
    fn late(&mut self, fx: &mut Effects, peer: ConnId, at: Place, index: usize, text: &str) {
        let Some(device) = self.devices.get_mut(at) else { return };
        let Some(ended) = device.recent.get_mut(index) else { return };
        let row = Arc::make_mut(&mut ended.row);
        let place = Some((Arc::clone(&row.id), ended.tally.next()));
        row.sample_count = ended.tally.kept();
        let row = Arc::clone(&ended.row);
        let sample = DeviceSample {
            place,
            device: Arc::clone(&device.id),
            received_at: fx.now().wall,
            payload: text.into(),
        };
        self.file(fx, peer, at, Arc::new(sample));
        self.clerk.end(fx, at, &row, false);
    }

    /// A sample with no session to go to.
    fn unassigned(&mut self, fx: &mut Effects, peer: ConnId, at: Place, device: Arc<str>, text: &str) {
        fx.count(Count::Unassigned);
        let received_at = fx.now().wall;
        let sample = DeviceSample { place: None, device, received_at, payload: text.into() };
        let sample = Arc::new(sample);
        let device = Arc::clone(&sample.device);
        self.file(fx, peer, at, sample);
        if let Some(known) = self.peers.get_mut(&peer).filter(|known| known.is_new && !known.told_idle) {
            known.told_idle = true;
            fx.count(Count::Refused);
            let words = "Device has no active session: send session_start first";
            fx.send(peer, &messages::error(ErrorCode::NoActiveSession, words, Some(&device)));
        }
    }

    fn file(&mut self, fx: &mut Effects, peer: ConnId, at: Place, sample: Arc<DeviceSample>) {
        if sample.place.is_some()
            && let Some(known) = self.peers.get_mut(&peer)
        {
            known.told_idle = false;
        }
        self.clerk.sample(fx, at, &sample, peer);
        fx.event(EventClass::Lossless, 0, Some(peer), DeviceEvent::Sample(sample));
    }
}

/// The client's timestamp, digit for digit, or the server's.
fn or_now(fx: &Effects, timestamp: Option<&str>) -> Box<str> {
    timestamp.map_or_else(|| fx.now().wall.as_millis().to_string().into(), Box::from)
}
