//! A naive model of device sessions, after the requirements: it is told what the contract is told, works out what must come of it, and compares.

mod asked;
mod course;
mod kept;
mod said;

use super::{
    truth::Truth,
    witness::{Call, Said},
};
use crate::{
    contracts::{
        device_sessions::config::DeviceSessionsConfig,
        store::{
            device::{SessionRow, SessionStatus},
            record::RecordBody,
        },
        told::{EventBody, device::DeviceEvent},
    },
    ground::{
        id::{ConnId, RecordTicket},
        time::{Tick, Wall},
    },
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

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
}
