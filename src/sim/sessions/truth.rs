//! What was really said and done, by everybody: what clients, the host and the store are checked against. The contracts' wrappers write it, the
//! models judge it.

use super::{devices::Devices, lessons::Lessons, tables::Tables, witness::Said};
use crate::{
    contracts::{store::record::RecordBody, told::EventBody},
    ground::{
        id::{ConnId, MountId, RecordTicket, TopicId},
        time::Now,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(super) type SharedTruth = Arc<Mutex<Truth>>;

pub(super) fn open(truth: &SharedTruth) -> MutexGuard<'_, Truth> {
    truth.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection, from both its ends.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) conn: Option<ConnId>,
    pub(super) mount: Option<MountId>,
    /// What the client has sent, in order, and how much of it the contract has heard.
    pub(super) sent: Vec<String>,
    pub(super) heard: usize,
    /// What was said to it alone, and to a topic that it is on; and how much of it the client has got.
    pub(super) private: Vec<String>,
    pub(super) public: Vec<String>,
    pub(super) got: (usize, usize),
    pub(super) topics: BTreeSet<TopicId>,
    /// The client has left in order.
    pub(super) polite: bool,
    /// The contract has been told of its end, or is gone.
    pub(super) over: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Truth {
    pub(super) now: Now,
    pub(super) tables: Tables,
    pub(super) devices: Devices,
    pub(super) lessons: Lessons,
    pub(super) lines: BTreeMap<u32, Line>,
    pub(super) conns: BTreeMap<ConnId, u32>,
    /// Ids that were drawn since this was last looked at.
    pub(super) drawn: Vec<String>,
    /// What the host is to be told, by mount.
    pub(super) events: BTreeMap<MountId, VecDeque<EventBody>>,
    /// What was recorded and is not answered for.
    pub(super) records: BTreeMap<RecordTicket, RecordBody>,
    pub(super) violations: Vec<String>,
    pub(super) trace: Option<Vec<String>>,
}

impl Truth {
    pub(super) fn new(devices: Devices, lessons: Lessons, trace: bool) -> Self {
        Self {
            now: Now::default(),
            tables: Tables::default(),
            devices,
            lessons,
            lines: BTreeMap::new(),
            conns: BTreeMap::new(),
            drawn: Vec::new(),
            events: BTreeMap::new(),
            records: BTreeMap::new(),
            violations: Vec::new(),
            trace: trace.then(Vec::new),
        }
    }

    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(what());
        }
    }

    pub(super) fn violated(&mut self, what: String) {
        self.note(|| format!("VIOLATED {what}"));
        self.violations.push(what);
    }

    /// A connection is at its contract.
    pub(super) fn opened(&mut self, mount: MountId, conn: ConnId, number: u32) {
        self.conns.insert(conn, number);
        let line = self.lines.entry(number).or_default();
        (line.conn, line.mount) = (Some(conn), Some(mount));
    }

    /// The contract has heard a client.
    pub(super) fn heard(&mut self, conn: ConnId, text: &str) {
        let Some(line) = self.conns.get(&conn).and_then(|number| self.lines.get_mut(number)) else {
            return self.violated(format!("{conn} was never opened"));
        };
        let expected = line.sent.get(line.heard);
        let good = expected.is_some_and(|sent| sent == text);
        line.heard += 1;
        if !good {
            self.violated(format!("{conn} did not send this, or not now: {text}"));
        }
    }

    pub(super) fn closed(&mut self, conn: ConnId) {
        if let Some(line) = self.conns.remove(&conn).and_then(|number| self.lines.get_mut(&number)) {
            line.over = true;
        }
    }

    /// What a contract has said in one call.
    pub(super) fn said(&mut self, mount: MountId, all: &[Said]) {
        for said in all {
            self.note(|| format!("    {said:?}"));
            match said {
                Said::Send(conn, text) => {
                    if let Some(line) = self.conns.get(conn).and_then(|number| self.lines.get_mut(number)) {
                        line.private.push(text.clone());
                    }
                }
                Said::Publish(topic, text) => {
                    for line in
                        self.lines.values_mut().filter(|line| !line.over && line.topics.contains(topic))
                    {
                        line.public.push(text.clone());
                    }
                }
                Said::Subscribe(conn, topic) => {
                    if let Some(line) = self.conns.get(conn).and_then(|number| self.lines.get_mut(number)) {
                        line.topics.insert(*topic);
                    }
                }
                Said::Event(body) => self.events.entry(mount).or_default().push_back(body.clone()),
                Said::Record { ticket, body, .. } => {
                    self.records.insert(*ticket, body.clone());
                }
                Said::Close(_) => {}
            }
        }
    }

    /// A client has got this message.
    pub(super) fn got(&mut self, number: u32, text: &str) -> Result<(), String> {
        let line = self.lines.entry(number).or_default();
        if line.private.get(line.got.0).is_some_and(|said| said == text) {
            line.got.0 += 1;
        } else if line.public.get(line.got.1).is_some_and(|said| said == text) {
            line.got.1 += 1;
        } else {
            return Err(format!("client {number} got what was not said to it, or not now: {text}"));
        }
        Ok(())
    }

    /// The contract of a mount is gone with all that it knew of its connections.
    pub(super) fn forget(&mut self, mount: MountId) {
        for line in self.lines.values_mut().filter(|line| line.mount == Some(mount)) {
            line.over = true;
        }
        let lines = &self.lines;
        self.conns.retain(|_, number| !lines[number].over);
    }

    /// The whole engine is gone, and all that was on its way.
    pub(super) fn power_lost(&mut self) {
        self.conns.clear();
        for line in self.lines.values_mut() {
            line.over = true;
        }
        self.events.clear();
        self.records.clear();
    }
}
