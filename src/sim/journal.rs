//! What was really said and done: the truth that clients, host and contracts are checked against.

use super::message::{Kind, Said};
use crate::{
    ground::{
        close::Closed,
        id::{ConnId, MountId, RecordTicket},
        time::Tick,
    },
    hub::topic::{Lag, SnapshotSource, Topic},
};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// One topic, as those who publish to it know it.
#[derive(Debug, Clone)]
pub(super) struct TopicLife {
    pub(super) lag: Lag,
    pub(super) source: SnapshotSource,
    /// Remarks that are no values are made on it.
    pub(super) notices: bool,
    /// Messages published.
    pub(super) count: u64,
    /// The number of the newest that is a value.
    pub(super) value: u64,
    /// The number of the newest value of each key.
    pub(super) keys: BTreeMap<u64, u64>,
    pub(super) retired: bool,
}

/// How a topic stood when a subscription to it began.
#[derive(Debug, Clone)]
pub(super) struct Start {
    #[allow(dead_code, reason = "the trace shows it")]
    pub(super) topic: u64,
    pub(super) stamp: u64,
    pub(super) snapshot: bool,
    pub(super) count: u64,
    pub(super) value: u64,
    pub(super) keys: BTreeMap<u64, u64>,
}

/// One WebSocket, as its contract knows it.
#[derive(Debug)]
pub(super) struct ConnLife {
    pub(super) mount: MountId,
    /// Which of the mount's contracts, counted over its rebuildings, was told of it.
    pub(super) instance: u64,
    pub(super) ordered: u64,
    pub(super) urgent: u64,
    /// The number of the last message that arrived.
    pub(super) heard: u64,
    /// The topics it is subscribed to.
    pub(super) subs: Vec<u64>,
    /// By the number of the word on the ordered lane right before each.
    pub(super) starts: HashMap<u64, Start>,
    /// The contract has asked for its end.
    pub(super) doomed: bool,
    pub(super) closed: Option<(Closed, Tick)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Journal {
    stamp: u64,
    /// Nothing new is said any more.
    pub(super) quiet: bool,
    pub(super) now: Tick,
    pub(super) topics: HashMap<u64, TopicLife>,
    pub(super) conns: HashMap<ConnId, ConnLife>,
    /// The number of the contract at work in each mount.
    pub(super) instances: HashMap<MountId, u64>,
    /// The number of the last command that each mount's contract was given.
    pub(super) commands: HashMap<MountId, u64>,
    /// Lossless events said by each mount.
    pub(super) lossless: HashMap<MountId, u64>,
    /// The newest state event of each key.
    pub(super) states: HashMap<(MountId, u64), u64>,
    pub(super) notices: u64,
    /// Records whose fate the contract at work has not been told.
    pub(super) tickets: HashMap<MountId, VecDeque<RecordTicket>>,
    /// What the store has committed, and what it never can.
    pub(super) committed: HashSet<RecordTicket>,
    pub(super) poison: HashSet<RecordTicket>,
    /// Requests that the host is to answer, and streamed answers that wait for it.
    pub(super) later: Vec<(ConnId, u64)>,
    pub(super) waiting: Vec<ConnId>,
    /// Clients that the engine says it dropped within a frame.
    pub(super) torn: u64,
    /// Rules that a contract or a route saw broken.
    pub(super) violations: Vec<String>,
    pub(super) trace: Option<Vec<String>>,
}

impl Journal {
    pub(super) fn next_stamp(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }

    pub(super) fn violated(&mut self, what: String) {
        self.violations.push(what);
    }

    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(what());
        }
    }

    pub(super) fn declared(&mut self, topic: u64, spec: &Topic, notices: bool) {
        let life = TopicLife {
            lag: spec.lag,
            source: spec.source,
            notices,
            count: 0,
            value: 0,
            keys: BTreeMap::new(),
            retired: false,
        };
        self.note(|| format!("topic {topic:x} is {spec:?}"));
        if self.topics.insert(topic, life).is_some() {
            self.violated(format!("the topic id {topic:x} was given out twice"));
        }
    }

    /// The next message of a topic.
    pub(super) fn publish(&mut self, topic: u64, kind: Kind, key: u64) -> Said {
        let stamp = self.next_stamp();
        let life = self.topics.get_mut(&topic).expect("published to topics that were declared");
        life.count += 1;
        let number = life.count;
        match kind {
            Kind::Notice => {}
            _ => life.value = number,
        }
        if kind == Kind::Keyed {
            life.keys.insert(key, number);
        }
        self.note(|| format!("publish {kind:?} {number} of topic {topic:x}, stamp {stamp}"));
        Said { kind, origin: topic, number, stamp, key }
    }

    /// The next message of a connection's ordered lane.
    pub(super) fn ordered(&mut self, conn: ConnId, kind: Kind, key: u64) -> Option<Said> {
        let stamp = self.next_stamp();
        let life = self.conns.get_mut(&conn).filter(|life| !life.doomed)?;
        life.ordered += 1;
        Some(Said { kind, origin: conn.to_bits(), number: life.ordered, stamp, key })
    }

    /// The next message of a connection's urgent lane.
    pub(super) fn urgent(&mut self, conn: ConnId) -> Option<Said> {
        let stamp = self.next_stamp();
        let life = self.conns.get_mut(&conn).filter(|life| !life.doomed)?;
        life.urgent += 1;
        Some(Said { kind: Kind::Urgent, origin: conn.to_bits(), number: life.urgent, stamp, key: 0 })
    }

    /// A subscription begins behind the ordered message `word`.
    pub(super) fn begin(&mut self, conn: ConnId, word: u64, topic: u64, snapshot: bool) {
        let stamp = self.next_stamp();
        let life = &self.topics[&topic];
        let (count, value, keys) = (life.count, life.value, life.keys.clone());
        let start = Start { topic, stamp, snapshot, count, value, keys };
        self.note(|| format!("{conn} subscribes to {start:x?}"));
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.subs.push(topic);
            conn.starts.insert(word, start);
        }
    }
}
