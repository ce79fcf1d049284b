//! The contract under test: does a bit of everything, at random, and writes down what it said.

use super::{
    journal::{ConnLife, Journal},
    message::{Kind, Said},
    ports::POISON,
};
use crate::{
    contracts::{
        admission::Admission,
        contract::{Contract, Hello, Setup, SnapshotMessages},
        effects::{Effects, EventClass},
        store::{StoreError, record::RecordBody},
    },
    ground::{
        close::{CloseCode, Closed},
        frame::{Message, Payload},
        id::{ConnId, MountId, RecordTicket, TopicId},
        time::Now,
    },
    hub::topic::{Lag, SnapshotSource, Topic},
    wire::response::Response,
};
use std::{
    any::Any,
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(super) type Shared = Arc<Mutex<Journal>>;

/// The journal; a contract that panicked holding it has poisoned it, on purpose.
pub(super) fn open(journal: &Shared) -> MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How lively a contract is: chances in 1,000 for each message.
#[derive(Debug, Clone)]
pub(super) struct Temper {
    pub(super) panics: u32,
    pub(super) closes: u32,
    pub(super) publishes: u32,
    pub(super) replies: u32,
    pub(super) events: u32,
    pub(super) records: u32,
    pub(super) topics: u32,
    pub(super) subscribes: u32,
    /// The largest message it makes.
    pub(super) size_max: usize,
    /// Whether its events are wanted, so that it keeps count of them.
    pub(super) events_wanted: bool,
}

impl Temper {
    pub(super) fn new(rng: &mut fastrand::Rng, events_wanted: bool) -> Self {
        let mut often = |chance: u32, max: u32| if rng.u32(0..100) < chance { rng.u32(1..=max) } else { 0 };
        Self {
            panics: often(20, 15),
            closes: often(60, 30),
            publishes: often(95, 900),
            replies: often(90, 900),
            events: often(50, 500),
            records: often(50, 400),
            topics: often(30, 60),
            subscribes: often(90, 400),
            size_max: [200, 2_000, 16_000][often(100, 3) as usize - 1],
            events_wanted,
        }
    }

    /// Mostly small.
    pub(super) fn size(&self, rng: &mut fastrand::Rng) -> usize {
        match rng.u8(0..4) {
            0 => rng.usize(0..self.size_max),
            _ => rng.usize(0..200),
        }
    }
}

/// See the module.
pub(super) struct Actor {
    rng: fastrand::Rng,
    journal: Shared,
    temper: Temper,
    mount: MountId,
    instance: u64,
    topics: Vec<TopicId>,
    conns: Vec<ConnId>,
}

/// A topic of any kind.
pub(super) fn any_topic(rng: &mut fastrand::Rng, of_contract: bool) -> Topic {
    let lag = [Lag::Conflate, Lag::Conflate, Lag::Skip, Lag::Disconnect][rng.usize(0..4)];
    let source = match rng.u8(0..if of_contract { 5 } else { 4 }) {
        0 => SnapshotSource::None,
        1 | 2 => SnapshotSource::Last,
        3 => SnapshotSource::Keyed,
        _ => SnapshotSource::Contract,
    };
    Topic::state().with_lag(lag).with_snapshot(source).with_log_bytes(64 << 10)
}

impl Actor {
    pub(super) fn build(
        setup: &mut Setup<'_>,
        mut rng: fastrand::Rng,
        journal: Shared,
        temper: Temper,
        host_topics: &[&str],
    ) -> Self {
        let mount = setup.mount();
        let instance = {
            let mut journal = open(&journal);
            // Whom the contract before knew, nobody knows any more.
            journal.tickets.remove(&mount);
            let instance = journal.instances.entry(mount).or_default();
            *instance += 1;
            *instance
        };
        let mut topics: Vec<_> = host_topics.iter().filter_map(|name| setup.topic(name)).collect();
        for _ in 0..rng.usize(0..5) {
            let spec = any_topic(&mut rng, true);
            if let Ok(id) = setup.declare("own", spec) {
                open(&journal).declared(id.to_bits(), &spec, rng.u8(0..3) == 0);
                topics.push(id);
            }
        }
        Self { rng, journal, temper, mount, instance, topics, conns: Vec::new() }
    }

    fn any_topic(&mut self) -> Option<TopicId> {
        let topics = &mut self.topics;
        // The host's are never retired, those of a contract by itself only.
        if topics.is_empty() { None } else { Some(topics[self.rng.usize(0..topics.len())]) }
    }

    fn any_conn(&mut self) -> Option<ConnId> {
        if self.conns.is_empty() { None } else { Some(self.conns[self.rng.usize(0..self.conns.len())]) }
    }

    fn say(&mut self, fx: &mut Effects, conn: ConnId, said: Said, urgent: bool) {
        let text = said.encode(self.temper.size(&mut self.rng));
        let binary = self.rng.u8(0..4) == 0;
        match (urgent, binary) {
            (false, false) => fx.send(conn, &text),
            (false, true) => fx.send(conn, text.as_bytes()),
            (true, false) => fx.send_urgent(conn, &text),
            (true, true) => fx.send_urgent(conn, text.as_bytes()),
        }
    }

    fn say_ordered(&mut self, fx: &mut Effects, conn: ConnId, kind: Kind, key: u64) -> u64 {
        let said = open(&self.journal).ordered(conn, kind, key);
        let Some(said) = said else { return 0 };
        self.say(fx, conn, said, false);
        said.number
    }

    fn publish(&mut self, fx: &mut Effects, topic: TopicId) {
        let bits = topic.to_bits();
        let (keyed, notices) = {
            let journal = open(&self.journal);
            let life = &journal.topics[&bits];
            (life.source == SnapshotSource::Keyed, life.notices)
        };
        if self.rng.u8(0..60) == 0 {
            // Too large: it must go nowhere.
            let never = Said { kind: Kind::Never, origin: bits, number: 0, stamp: 0, key: 0 };
            fx.publish(topic, &never.encode(17 << 10));
            return;
        }
        let size = self.temper.size(&mut self.rng);
        if notices && self.rng.u8(0..3) > 0 {
            let said = open(&self.journal).publish(bits, Kind::Notice, 0);
            fx.notice(topic, &said.encode(size));
        } else if keyed {
            let key = self.rng.u64(0..6);
            let said = open(&self.journal).publish(bits, Kind::Keyed, key);
            // A snapshot of all keys must fit what a topic may keep detached, or nobody could subscribe.
            fx.publish_key(topic, &key.to_string(), &said.encode(size));
        } else {
            let said = open(&self.journal).publish(bits, Kind::Value, 0);
            let text = said.encode(size);
            if self.rng.bool() { fx.publish(topic, &text) } else { fx.publish(topic, text.as_bytes()) }
        }
    }

    fn subscribe(&mut self, fx: &mut Effects, conn: ConnId, topic: TopicId) {
        let bits = topic.to_bits();
        let known =
            open(&self.journal).conns.get(&conn).is_none_or(|life| life.doomed || life.subs.contains(&bits));
        if known {
            return;
        }
        let snapshot = self.rng.u8(0..5) > 0;
        let word = self.say_ordered(fx, conn, Kind::Begin, bits);
        open(&self.journal).begin(conn, word, bits, snapshot);
        if snapshot { fx.subscribe(conn, topic) } else { fx.subscribe_from_now(conn, topic) }
    }

    fn unsubscribe(&mut self, fx: &mut Effects, conn: ConnId, topic: TopicId) {
        let bits = topic.to_bits();
        let mut journal = open(&self.journal);
        let Some(life) = journal.conns.get_mut(&conn) else { return };
        let Some(at) = life.subs.iter().position(|sub| *sub == bits) else { return };
        life.subs.swap_remove(at);
        drop(journal);
        fx.unsubscribe(conn, topic);
        self.say_ordered(fx, conn, Kind::End, bits);
    }

    fn event(&mut self, fx: &mut Effects, about: Option<ConnId>) {
        if !self.temper.events_wanted {
            fx.event(EventClass::Lossless, 0, about, "nobody asked for this");
            return;
        }
        let mount = self.mount;
        let (class, key, times) = match self.rng.u8(0..5) {
            0 | 1 => (EventClass::Lossless, 0, 1),
            2 if self.rng.u8(0..4) == 0 => (EventClass::Lossless, 0, self.rng.usize(1..150)),
            2 | 3 => (EventClass::State, self.rng.u64(0..5), 1),
            _ => (EventClass::Notice, 0, 1),
        };
        for _ in 0..times {
            let mut journal = open(&self.journal);
            let number = match class {
                EventClass::Lossless => journal.lossless.entry(mount).or_default(),
                EventClass::State => journal.states.entry((mount, key)).or_default(),
                EventClass::Notice => &mut journal.notices,
            };
            *number += 1;
            let payload = Payload::from(number.to_string());
            drop(journal);
            fx.event(class, key, about, payload);
        }
    }

    fn record(&mut self, fx: &mut Effects) {
        let size = self.rng.usize(0..300);
        let poison = size > 0 && self.rng.u8(0..12) == 0;
        let body = RecordBody::custom("stream", "key", vec![if poison { POISON } else { 7 }; size]);
        let ticket = if self.rng.bool() { fx.file_now(body) } else { fx.file(body) };
        let mut journal = open(&self.journal);
        journal.tickets.entry(self.mount).or_default().push_back(ticket);
        if poison {
            journal.poison.insert(ticket);
        }
    }

    fn declare(&mut self, fx: &mut Effects) {
        let spec = any_topic(&mut self.rng, true);
        if let Ok(id) = fx.declare("new", spec) {
            open(&self.journal).declared(id.to_bits(), &spec, self.rng.u8(0..3) == 0);
            self.topics.push(id);
        }
    }

    fn retire(&mut self, fx: &mut Effects) {
        let Some(topic) = self.any_topic() else { return };
        let mut journal = open(&self.journal);
        // Somebody else's: nothing happens.
        fx.retire(topic);
        if topic.slot < super::world::HOST_TOPICS as u32 {
            return;
        }
        if let Some(life) = journal.topics.get_mut(&topic.to_bits()) {
            life.retired = true;
        }
        journal.note(|| format!("retire {topic}"));
        for conn in journal.conns.values_mut() {
            conn.subs.retain(|sub| *sub != topic.to_bits());
        }
        self.topics.retain(|other| *other != topic);
    }

    /// Panics quietly, having said what nobody may hear.
    fn panic(&mut self, fx: &mut Effects) -> ! {
        let never = Said { kind: Kind::Never, origin: 0, number: 0, stamp: 0, key: 0 }.encode(50);
        if let Some(topic) = self.any_topic() {
            fx.publish(topic, &never);
        }
        if let Some(conn) = self.any_conn() {
            fx.send(conn, &never);
        }
        let _ = fx.declare("never", Topic::state().with_log_bytes(64 << 10));
        self.quiet_panic()
    }

    fn quiet_panic(&mut self) -> ! {
        let mut journal = open(&self.journal);
        journal.note(|| "the contract panics".into());
        let (mount, instance) = (self.mount, self.instance);
        // Whoever is built next will not have asked for these.
        journal.tickets.remove(&mount);
        for life in journal.conns.values_mut().filter(|life| life.mount == mount && life.instance == instance)
        {
            life.doomed = true;
        }
        let own = super::world::HOST_TOPICS as u32;
        for topic in self.topics.iter().filter(|topic| topic.slot >= own) {
            if let Some(life) = journal.topics.get_mut(&topic.to_bits()) {
                life.retired = true;
            }
        }
        drop(journal);
        // Not `panic!`: the hook would print it.
        resume_unwind(Box::new("on purpose"))
    }

    fn chance(&mut self, of_thousand: u32) -> bool {
        self.rng.u32(0..1_000) < of_thousand
    }

    /// Does a bit of everything, mostly about `conn`.
    fn act(&mut self, fx: &mut Effects, conn: Option<ConnId>) {
        if open(&self.journal).quiet {
            return;
        }
        let temper = self.temper.clone();
        if self.chance(temper.panics) {
            self.panic(fx);
        }
        let other = self.any_conn();
        let conn = if self.rng.u8(0..8) == 0 { other } else { conn.or(other) };
        if let Some(conn) = conn {
            if self.chance(temper.replies) {
                let burst = if self.rng.u8(0..20) == 0 { 20 } else { 1 };
                for _ in 0..burst {
                    self.say_ordered(fx, conn, Kind::Ordered, 0);
                }
            }
            if self.chance(temper.replies / 4) {
                let said = open(&self.journal).urgent(conn);
                if let Some(said) = said {
                    self.say(fx, conn, said, true);
                }
            }
            if self.chance(temper.subscribes)
                && let Some(topic) = self.any_topic()
            {
                self.subscribe(fx, conn, topic);
            }
            if self.chance(temper.subscribes / 4)
                && let Some(topic) = self.any_topic()
            {
                self.unsubscribe(fx, conn, topic);
            }
        }
        if self.chance(temper.publishes) {
            let burst = if self.rng.u8(0..20) == 0 { 30 } else { self.rng.usize(1..4) };
            for _ in 0..burst {
                if let Some(topic) = self.any_topic() {
                    self.publish(fx, topic);
                }
            }
        }
        if self.chance(temper.events) {
            self.event(fx, conn);
        }
        if self.chance(temper.records) {
            self.record(fx);
        }
        if self.chance(temper.topics) {
            if self.rng.bool() { self.declare(fx) } else { self.retire(fx) }
        }
        if let Some(conn) = conn
            && self.chance(temper.closes)
        {
            let mut journal = open(&self.journal);
            journal.note(|| format!("the contract closes {conn}"));
            if let Some(life) = journal.conns.get_mut(&conn) {
                life.doomed = true;
            }
            drop(journal);
            fx.close(conn, CloseCode::NORMAL, "enough");
        }
        if self.rng.u8(0..50) == 0 {
            let after = Duration::from_millis(self.rng.u64(0..5_000));
            fx.arm((self.rng.u8(0..5) > 0).then_some(fx.now().tick + after));
        }
    }
}

impl Contract for Actor {
    fn admit(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) -> Result<Admission, Response> {
        if self.rng.u8(0..20) == 0 {
            // It is not there yet.
            fx.send(peer, "too early");
        }
        match hello.request.raw_query() {
            Some("refuse") => Err(Response::text(403, "not you")),
            Some("panic") if self.temper.panics > 0 => self.quiet_panic(),
            _ => Ok(Admission::new()),
        }
    }

    fn opened(&mut self, fx: &mut Effects, peer: ConnId, _hello: &Hello<'_>) {
        let mut journal = open(&self.journal);
        let life = ConnLife {
            mount: self.mount,
            instance: self.instance,
            ordered: 0,
            urgent: 0,
            heard: 0,
            subs: Vec::new(),
            starts: Default::default(),
            doomed: false,
            closed: None,
        };
        journal.note(|| format!("{peer} is open"));
        if journal.conns.insert(peer, life).is_some() {
            journal.violated(format!("{peer} was opened twice"));
        }
        drop(journal);
        self.conns.push(peer);
        self.say_ordered(fx, peer, Kind::Hello, 0);
        for _ in 0..self.rng.usize(0..4) {
            if let Some(topic) = self.any_topic() {
                self.subscribe(fx, peer, topic);
            }
        }
        self.act(fx, Some(peer));
    }

    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        let mut guard = open(&self.journal);
        let journal = &mut *guard;
        match (Said::decode(message.as_bytes()), journal.conns.get_mut(&peer)) {
            (None, _) => journal.violations.push(format!("{peer}: a torn message arrived")),
            (_, None) => journal.violations.push(format!("{peer}: a message, but it was never opened")),
            (Some(said), Some(life)) => {
                if said.number != life.heard + 1 {
                    let heard = life.heard;
                    journal.violations.push(format!("{peer}: message {} after {heard}", said.number));
                } else if life.instance != self.instance || life.closed.is_some() {
                    journal.violations.push(format!("{peer}: a message after its end"));
                }
                life.heard = said.number;
            }
        }
        drop(guard);
        self.act(fx, Some(peer));
    }

    fn closed(&mut self, fx: &mut Effects, peer: ConnId, how: Closed) {
        let mut guard = open(&self.journal);
        let journal = &mut *guard;
        let now = journal.now;
        journal.note(|| format!("{peer} is closed: {how:?}"));
        match journal.conns.get_mut(&peer) {
            None => journal.violated(format!("{peer} was closed, but never opened")),
            Some(life) if life.closed.is_some() => journal.violated(format!("{peer} was closed twice")),
            Some(life) if life.instance != self.instance => {
                journal.violated(format!("{peer} was closed to a contract that never knew it"));
            }
            Some(life) => {
                life.closed = Some((how, now));
                life.subs.clear();
            }
        }
        drop(guard);
        self.conns.retain(|other| *other != peer);
        self.act(fx, None);
    }

    fn command(&mut self, fx: &mut Effects, command: Box<dyn Any + Send>) {
        let mut guard = open(&self.journal);
        let journal = &mut *guard;
        let last = journal.commands.entry(self.mount).or_default();
        match command.downcast_ref::<u64>() {
            Some(&number) if number > *last => *last = number,
            other => journal.violations.push(format!("command {other:?} after {last}")),
        }
        drop(guard);
        self.act(fx, None);
    }

    fn deadline(&mut self, fx: &mut Effects) {
        self.act(fx, None);
    }

    fn snapshot(&mut self, _now: Now, topic: TopicId, _: crate::Placing, out: &mut SnapshotMessages) {
        let panics = self.temper.panics / 4;
        if self.chance(panics) && !open(&self.journal).quiet {
            self.quiet_panic();
        }
        let mut journal = open(&self.journal);
        let stamp = journal.next_stamp();
        let number = journal.topics.get(&topic.to_bits()).map_or(0, |life| life.count);
        let said = Said { kind: Kind::Snapshot, origin: topic.to_bits(), number, stamp, key: 0 };
        out.push(&said.encode(self.temper.size(&mut self.rng)));
    }

    fn recorded(&mut self, fx: &mut Effects, ticket: RecordTicket, outcome: Result<(), &StoreError>) {
        let mut guard = open(&self.journal);
        let journal = &mut *guard;
        let of_store = match outcome {
            Ok(()) => true,
            Err(StoreError::Rejected(why)) => why == "poison",
            Err(_) => false,
        };
        let is_true = match outcome {
            Ok(()) => journal.committed.contains(&ticket),
            Err(_) if of_store => journal.poison.contains(&ticket),
            Err(_) => !journal.committed.contains(&ticket),
        };
        if !is_true {
            journal.violated(format!("{ticket:?} was answered with {outcome:?}"));
        }
        let mount = self.mount;
        let waiting = journal.tickets.entry(mount).or_default();
        match waiting.iter().position(|other| *other == ticket) {
            None => journal.violated(format!("{ticket:?} was answered twice, or never given out")),
            // What never reached the store may be refused at once; what it took is answered in order.
            Some(at) if at > 0 && of_store => {
                journal.violated(format!("{ticket:?} was answered before others"));
            }
            Some(at) => {
                waiting.remove(at);
            }
        }
        drop(guard);
        if self.rng.u8(0..4) == 0 {
            self.act(fx, None);
        }
    }

    fn shutdown(&mut self, fx: &mut Effects) {
        for conn in self.conns.clone() {
            if self.rng.bool() {
                self.say_ordered(fx, conn, Kind::Ordered, 0);
            }
        }
        if self.chance(self.temper.records) {
            self.record(fx);
        }
        if self.chance(self.temper.events) {
            self.event(fx, None);
        }
    }
}
