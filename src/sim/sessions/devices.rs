//! A naive model of device sessions, after the requirements: it is told what the contract is told, works out what must come of it, and compares.

use super::{
    flat::{number, string},
    tables::Tables,
    truth::Truth,
    witness::{Call, Said},
};
use crate::{
    contracts::{
        device_sessions::config::{DeviceSessionsConfig, OnActive, RegisterSession},
        store::{
            device::{DeviceRecord, DeviceSample, SessionRow, SessionStatus},
            record::RecordBody,
        },
        told::{EventBody, device::DeviceEvent},
    },
    ground::{
        id::{ConnId, RecordTicket},
        time::{Tick, Wall},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

type Check = Result<(), String>;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open(RecordTicket),
    Committed,
    /// Refused, or lost with the power: it is not in the store.
    Gone,
}

#[derive(Debug)]
struct Sample {
    payload: String,
    fate: Fate,
}

#[derive(Debug)]
struct Session {
    row: SessionRow,
    samples: Vec<Sample>,
    /// How many of them the contract was told are refused.
    lost: u64,
    /// How many there were when it ended.
    at_end: usize,
    ended: Tick,
    holder: ConnId,
    heard: Tick,
    /// Its beginning, when that was recorded last.
    beginning: Option<Fate>,
    /// Something of it was refused.
    refused: bool,
    /// It was told to be safe.
    acknowledged: bool,
    /// The contract that knew it is gone.
    past: bool,
    /// An engine before this one knew it.
    past_run: bool,
}

/// A reply that is owed.
#[derive(Debug)]
struct Owed {
    to: ConnId,
    what: What,
}

#[derive(Debug)]
enum What {
    Registered { session: Option<String>, stamp: Option<String> },
    Created { session: String, stamp: Option<String> },
    Starting { row: SessionRow, ticket: RecordTicket, stamp: Option<String> },
    NotStarted,
    AlreadyActive,
    Ended { session: Option<String>, stamp: Option<String>, safe: Safe },
}

/// What must be in the store of a session whose client is told that it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Safe {
    /// Nothing: it is another device's, nobody's, or an earlier engine's, whose sessions the store has brought to an end as it opened.
    Nothing,
    /// Its end. Nobody remembers any more which of its samples were refused, as its client was told then.
    End,
    /// Its end and all its samples.
    All,
}

#[derive(Debug, Default)]
struct Device {
    active: Option<String>,
    /// Oldest first.
    recent: VecDeque<String>,
    provisional: Option<String>,
    conns: BTreeSet<ConnId>,
    owed: VecDeque<Owed>,
    unassigned: Vec<Sample>,
}

#[derive(Debug, Default)]
struct Peer {
    is_new: bool,
    told_idle: bool,
    told_outage: u64,
    devices: BTreeSet<String>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Devices {
    config: DeviceSessionsConfig,
    has_store: bool,
    sessions: BTreeMap<String, Session>,
    devices: BTreeMap<String, Device>,
    peers: BTreeMap<ConnId, Peer>,
    stopping: bool,
    /// The store's last word was an error; how often that began.
    sick: bool,
    outages: u64,
    /// Of the call that is judged: what the host must be told, and errors that must be said right away.
    events: Vec<DeviceEvent>,
    errors: Vec<(ConnId, &'static str)>,
    /// Of a call about many devices, whose order does not matter.
    any_order: bool,
}

pub(super) fn judge(truth: &mut Truth, call: Call<'_>, said: &[Said]) -> Check {
    let (drawn, now) = (std::mem::take(&mut truth.drawn), truth.now);
    let model = &mut truth.devices;
    model.events.clear();
    model.errors.clear();
    model.any_order = !matches!(call, Call::Message { .. } | Call::Command(_));
    let turn = Turn { drawn: drawn.into(), tick: now.tick, wall: now.wall, said };
    model.take(call, turn)?;
    model.check_events(said)?;
    model.check_records(said)?;
    for one in said {
        if let Said::Send(to, text) = one {
            truth.devices.check_send(*to, text, &truth.tables, now.wall)?;
        }
    }
    match truth.devices.errors.is_empty() {
        true => Ok(()),
        false => Err(format!("was not said: {:?}", truth.devices.errors)),
    }
}

/// What a call comes with.
struct Turn<'a> {
    drawn: VecDeque<String>,
    tick: Tick,
    wall: Wall,
    said: &'a [Said],
}

impl Turn<'_> {
    fn draw(&mut self) -> Result<String, String> {
        self.drawn.pop_front().ok_or_else(|| "no session id was drawn".into())
    }

    fn device_events(&self) -> impl Iterator<Item = &DeviceEvent> {
        self.said.iter().filter_map(|said| match said {
            Said::Event(EventBody::Device(event)) => Some(event),
            _ => None,
        })
    }

    fn was_told(&self, words: &str) -> bool {
        self.said.iter().any(|said| matches!(said, Said::Send(_, text) if text.contains(words)))
    }
}

const FULL: &str = "too many replies wait";

impl Devices {
    pub(super) fn new(config: DeviceSessionsConfig, has_store: bool) -> Self {
        Self {
            config,
            has_store,
            sessions: BTreeMap::new(),
            devices: BTreeMap::new(),
            peers: BTreeMap::new(),
            stopping: false,
            sick: false,
            outages: 0,
            events: Vec::new(),
            errors: Vec::new(),
            any_order: false,
        }
    }

    fn take(&mut self, call: Call<'_>, mut turn: Turn<'_>) -> Check {
        match call {
            Call::Built { anew } => self.built(anew, &turn),
            Call::Opened { conn, .. } => {
                self.peers.insert(conn, Peer::default());
            }
            Call::Message { conn, text } => self.message(conn, text, &mut turn)?,
            Call::Closed(conn) => self.closed(conn, &turn),
            Call::Command(words) => {
                if let Some(session) = words.strip_prefix("ends ") {
                    self.finish_and_tell(&session.to_owned(), SessionStatus::EndedByHost, &turn);
                }
            }
            Call::Deadline => self.deadline(&turn),
            Call::Recorded { body: RecordBody::Device(body), ticket, committed } => {
                self.recorded(&body, ticket, committed, &turn);
            }
            Call::Recorded { body, .. } => return Err(format!("not a device's record: {body:?}")),
            Call::Shutdown => {
                self.stopping = true;
                for id in self.active() {
                    self.finish_and_tell(&id, SessionStatus::Stopped, &turn);
                }
            }
        }
        Ok(())
    }

    /// The ids of all sessions under way.
    pub(super) fn active(&self) -> Vec<String> {
        self.devices.values().filter_map(|device| device.active.clone()).collect()
    }

    /// What the host is told of the sessions under way: by device, the id and the samples.
    pub(super) fn listed(&self) -> Vec<(String, String, u64, ConnId)> {
        let of = |(name, device): (&String, &Device)| {
            let id = device.active.clone()?;
            let session = &self.sessions[&id];
            Some((name.clone(), id, session.samples.len() as u64 - session.lost, session.holder))
        };
        self.devices.iter().filter_map(of).collect()
    }

    fn device(&mut self, name: &str) -> &mut Device {
        self.devices.entry(name.to_owned()).or_default()
    }

    // ---- what is said to the contract ----------------------------------------------------------------

    fn message(&mut self, conn: ConnId, text: &str, turn: &mut Turn<'_>) -> Check {
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

    fn owe(&mut self, name: &str, to: ConnId, what: What) {
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

    fn closed(&mut self, conn: ConnId, turn: &Turn<'_>) {
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

    fn deadline(&mut self, turn: &Turn<'_>) {
        let Some(timeout) = self.config.idle_timeout else { return };
        for id in self.active() {
            if self.sessions[&id].heard + timeout <= turn.tick {
                self.finish_and_tell(&id, SessionStatus::Timeout, turn);
            }
        }
    }

    fn begin(&mut self, row: SessionRow, holder: ConnId, turn: &Turn<'_>) {
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
    fn finish(&mut self, name: &str, status: SessionStatus, stamp: Option<&str>, turn: &Turn<'_>) {
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

    fn finish_and_tell(&mut self, id: &String, status: SessionStatus, turn: &Turn<'_>) {
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
    fn built(&mut self, anew: bool, turn: &Turn<'_>) {
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
    fn forget(&mut self) {
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

    fn recorded(&mut self, body: &DeviceRecord, ticket: RecordTicket, committed: bool, turn: &Turn<'_>) {
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

    // ---- what the contract says ----------------------------------------------------------------------

    fn check_events(&mut self, said: &[Said]) -> Check {
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
    fn check_records(&mut self, said: &[Said]) -> Check {
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

    fn check_send(&mut self, to: ConnId, text: &str, tables: &Tables, wall: Wall) -> Check {
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

    // ---- at rest -------------------------------------------------------------------------------------

    /// What waited for a verdict has one, or is gone: the store knows.
    pub(super) fn resolve(&mut self, tables: &Tables) {
        let assigned = self.sessions.values_mut().map(|session| &mut session.samples);
        let unassigned = self.devices.values_mut().map(|device| &mut device.unassigned);
        for sample in assigned.chain(unassigned).flatten() {
            if let Fate::Open(ticket) = sample.fate {
                sample.fate = if tables.has(ticket) { Fate::Committed } else { Fate::Gone };
            }
        }
    }

    /// The engine is gone: what the store has is all there is.
    pub(super) fn lost_power(&mut self, tables: &Tables) {
        self.resolve(tables);
        self.forget();
        for session in self.sessions.values_mut() {
            session.past_run = true;
        }
    }

    /// Nothing is under way: has everybody been told, and is everything where it belongs?
    pub(super) fn check_rest(&mut self, tables: &Tables) -> Check {
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
    fn check_end(&self, id: &str, tables: &Tables) -> Check {
        let row =
            tables.sessions.get(id).ok_or_else(|| format!("acknowledged, and not in the store: {self:?}"))?;
        if row.status != self.row.status || row.ended_at.is_none() {
            return Err(format!("acknowledged, and the store has {row:?} of {self:?}"));
        }
        Ok(())
    }

    /// The store has the session's end, and every sample that came before.
    fn check_kept(&self, id: &str, tables: &Tables) -> Check {
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
