//! The world around one engine: clients, host and store in virtual time, and a driver that does what the engine's
//! documentation asks of a driver and nothing more.

use super::{
    client::Client,
    contract::{Actor, Shared, Temper, any_topic, open},
    journal::Journal,
    message::Kind,
    ports::{Report, SimPorts},
    seeds::Life,
    transport::{SimTransport, Wire},
};
use crate::{
    EventBody,
    contracts::{
        contract::Setup,
        effects::{EventClass, Lane},
        gate::{Gate, Verdict},
        route::{Reply, RouteContext},
    },
    engine::{
        Engine,
        command::{Command, Decision},
        event::{Event, EventMask},
        router::Router,
        settings::{Door, Entrance, MountSettings, RouteSettings, Settings},
    },
    ground::{
        close::CloseCode,
        foreign::Foreign,
        frame::Payload,
        id::{ConnId, MountId, TopicId},
        limits::Limits,
        time::{Now, Tick, Wall},
    },
    hub::{
        identity::Identity,
        topic::{SnapshotSource, Topic},
    },
    wire::{
        pattern::Pattern,
        request::{Method, Request},
        response::{Pulled, Response},
    },
};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Topics of the host: they come first, so that a topic's slot says whose it is.
pub(super) const HOST_TOPICS: usize = 3;
const HOST_TOPIC_NAMES: [&str; HOST_TOPICS] = ["a", "b", "c"];
const MOUNTS: u16 = 2;
/// Turns that may follow upon each other with nothing happening in between. A fan-out is done in slices, a backlog in turns;
/// beyond this, the loop spins.
const TURNS_MAX: u32 = 3_000;
/// Turns in a row that may leave a deadline behind that is due: a contract may ask for the present moment, now and then.
const LATE_TURNS_MAX: u32 = 30;

/// What a host has heard so far.
#[derive(Debug, Default)]
struct Heard {
    lossless: HashMap<MountId, u64>,
    states: HashMap<(MountId, u64), u64>,
    notice: u64,
    store_is_down: bool,
    /// The last that was said about each connection slot.
    conns: HashMap<u32, (ConnId, bool)>,
}

/// See the module.
pub(super) struct World<const S: bool> {
    rng: fastrand::Rng,
    now: Tick,
    engine: Engine<SimTransport<S>, SimPorts>,
    limits: Limits,
    events: EventMask,
    journal: Shared,
    clients: Vec<Client>,
    clients_max: usize,
    arriving: VecDeque<(Rc<RefCell<Wire>>, SocketAddr)>,
    /// By the slot, which is what a poll knows.
    wires: Vec<(ConnId, Rc<RefCell<Wire>>)>,
    commands: VecDeque<Command>,
    /// The number of the last command that was given to each mount.
    ordered: [u64; MOUNTS as usize],
    /// A command was given since the last turn, or could be taken right away.
    woken_by_command: bool,
    reports: VecDeque<Report>,
    /// The store answers nothing until then; and whether it says so.
    store_stalls_until: Tick,
    store_says_so: bool,
    asked: Vec<ConnId>,
    heard: Heard,
    host_topics: Vec<TopicId>,
    /// The driver never runs the engine without a reason.
    strict: bool,
    host_speed: u8,
    store_speed: u8,
    temper: Temper,
    /// The store answers nothing any more, the host reads nothing any more.
    store_hangs: bool,
    host_hangs: bool,
    idle_turns: u32,
    late_turns: u32,
}

type Check = Result<(), String>;

impl<const S: bool> World<S> {
    pub(super) fn new(mut rng: fastrand::Rng, trace: bool) -> Self {
        let events = match rng.u8(0..4) {
            0 => EventMask::NONE,
            1 => EventMask::from_bits(rng.u32(..)),
            _ => EventMask::ALL,
        };
        let limits = draw_limits(&mut rng);
        let temper = Temper::new(&mut rng, events.contains(EventMask::CONTRACTS));
        let journal: Shared = Arc::new(Mutex::new(Journal::default()));
        open(&journal).trace = trace.then(Vec::new);
        let topics: Vec<(String, Topic)> =
            HOST_TOPIC_NAMES.iter().map(|name| ((*name).to_owned(), any_topic(&mut rng, false))).collect();
        for (slot, (_, topic)) in topics.iter().enumerate() {
            open(&journal).declared(TopicId::new(slot as u32, 1).to_bits(), topic, rng.u8(0..3) == 0);
        }
        let (router, mounts, routes) = serve(&mut rng, &journal, &temper);
        let records = rng.u8(0..6) > 0;
        let settings = Settings {
            limits: limits.clone(),
            events,
            router,
            access: Default::default(),
            mounts,
            routes,
            topics,
            store: records.then(Vec::new),
            #[cfg(feature = "board")]
            feeds: crate::engine::feeds::Feeds::default(),
        };
        let mut entropy = rng.fork();
        let entropy = Box::new(move || entropy.u128(..));
        let now = Tick::from_nanos(1_000_000_000);
        let at = Now { tick: now, wall: Wall::from_millis(1_700_000_000_000) };
        let engine = Engine::new(settings, SimPorts::new(&mut rng, &limits), entropy, at);
        let host_topics = engine.host_topics().iter().map(|(_, id)| *id).collect();
        open(&journal).note(|| format!("{limits:?}, {events:?}, {temper:?}"));
        Self {
            now,
            engine,
            limits,
            events,
            journal,
            clients: Vec::new(),
            clients_max: rng.usize(1..16),
            arriving: VecDeque::new(),
            wires: Vec::new(),
            commands: VecDeque::new(),
            ordered: [0; MOUNTS as usize],
            woken_by_command: false,
            reports: VecDeque::new(),
            store_stalls_until: Tick::ZERO,
            store_says_so: false,
            asked: Vec::new(),
            heard: Heard::default(),
            host_topics,
            strict: rng.u8(0..3) > 0,
            host_speed: rng.u8(0..10),
            store_speed: rng.u8(0..10),
            temper,
            store_hangs: false,
            host_hangs: false,
            idle_turns: 0,
            late_turns: 0,
            rng,
        }
    }

    fn note(&self, what: impl FnOnce() -> String) {
        open(&self.journal).note(what);
    }

    // ---- lively times --------------------------------------------------------------------------------

    fn step(&mut self) -> Check {
        self.pass_time();
        if self.clients.len() < self.clients_max * 4 && self.rng.u8(0..12) == 0 {
            self.connect();
        }
        for index in 0..self.clients.len() {
            if self.rng.bool() {
                self.clients[index].act(self.now, false)?;
            }
        }
        self.host(false)?;
        self.store(false);
        if !self.strict && self.rng.u8(0..40) == 0 {
            self.turn()?;
        }
        for _ in 0..self.rng.u8(1..4) {
            if self.has_reason() && self.rng.u8(0..8) > 0 {
                self.turn()?;
            }
        }
        Ok(())
    }

    fn pass_time(&mut self) {
        let nanos = match self.rng.u8(0..100) {
            0..40 => 0,
            40..92 => self.rng.u64(0..2_000_000),
            92..97 => self.rng.u64(0..300_000_000),
            97..99 => self.rng.u64(0..3_000_000_000),
            _ => match self.engine.next_deadline() {
                Some(due) => due.since(self.now).as_nanos() as u64,
                None => 0,
            },
        };
        self.set_time(self.now + Duration::from_nanos(nanos));
    }

    fn set_time(&mut self, now: Tick) {
        self.now = self.now.max(now);
        open(&self.journal).now = self.now;
    }

    fn connect(&mut self) {
        let wire = Wire::new(&mut self.rng, S);
        let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, self.rng.u8(1..4))), 4_000);
        let name = self.clients.len();
        let message_max = self.limits.frame_bytes.min(self.limits.message_bytes);
        let client = Client::new(name, wire.clone(), &mut self.rng, self.journal.clone(), message_max);
        self.clients.push(client);
        self.arriving.push_back((wire, addr));
    }

    /// The host reads some events, and says something. `quiet`: it reads them all and answers what it was asked.
    fn host(&mut self, quiet: bool) -> Check {
        let reads = if self.host_hangs {
            0
        } else if quiet {
            usize::MAX
        } else {
            self.rng.usize(0..=usize::from(self.host_speed))
        };
        for _ in 0..reads {
            let Some(event) = self.engine.ports_mut().take_event() else { break };
            self.hear(event)?;
        }
        let conn = self.any_conn();
        if quiet || self.rng.u8(0..6) == 0 {
            self.answer(quiet);
        }
        if quiet {
            return Ok(());
        }
        match self.rng.u8(0..40) {
            0..6 => self.publish(),
            6..8 => {
                let mount = MountId(self.rng.u16(0..MOUNTS));
                let number = &mut self.ordered[usize::from(mount.0)];
                *number += 1;
                let command: Box<dyn std::any::Any + Send> = Box::new(*number);
                let command = Foreign::new(command);
                self.command(Command::Contract { mount, command });
            }
            8..10 => {
                if let Some(conn) = conn {
                    // Numbered when it is carried out.
                    self.command(Command::Send { conn, payload: "".into(), lane: Lane::Ordered });
                }
            }
            10 if self.rng.u8(0..6) == 0 => {
                if let Some(conn) = conn {
                    let (code, reason) = (CloseCode::NORMAL, "the host says so".into());
                    self.command(Command::Close { conn, code, reason });
                }
            }
            11 => {
                // Nonsense, for things that are no more.
                let conn = ConnId::new(self.rng.u32(0..20), self.rng.u32(0..5));
                let topic = TopicId::new(self.rng.u32(0..20), 77);
                self.command(Command::Publish { topic, key: None, payload: "lost".into() });
                self.command(Command::Answer {
                    conn: ConnId::new(conn.slot, 9_999),
                    response: Response::new(200),
                });
                self.command(Command::Resume { conn });
            }
            _ => {}
        }
        Ok(())
    }

    fn command(&mut self, command: Command) {
        self.commands.push_back(command);
        self.woken_by_command = true;
    }

    fn any_conn(&mut self) -> Option<ConnId> {
        if self.wires.is_empty() { None } else { Some(self.wires[self.rng.usize(0..self.wires.len())].0) }
    }

    /// Decides about handshakes, answers requests, resumes streams: some of them, or all.
    fn answer(&mut self, all: bool) {
        let take = |rng: &mut fastrand::Rng| all || rng.u8(0..3) == 0;
        let (later, waiting) = {
            let mut journal = open(&self.journal);
            (std::mem::take(&mut journal.later), std::mem::take(&mut journal.waiting))
        };
        let (mut later_still, mut waiting_still) = (Vec::new(), Vec::new());
        for conn in std::mem::take(&mut self.asked) {
            if !take(&mut self.rng) {
                self.asked.push(conn);
                continue;
            }
            let decision = match self.rng.u8(0..4) {
                0 => Decision::Refuse(Response::text(403, "no")),
                _ => Decision::Allow(Identity::new("somebody")),
            };
            self.command(Command::Decide { conn, decision });
        }
        for (conn, id) in later {
            if take(&mut self.rng) {
                let response = Response::text(200, format!("later {id}"));
                self.command(Command::Answer { conn, response });
            } else {
                later_still.push((conn, id));
            }
        }
        for conn in waiting {
            if take(&mut self.rng) {
                self.command(Command::Resume { conn });
            } else {
                waiting_still.push(conn);
            }
        }
        let mut journal = open(&self.journal);
        journal.later.extend(later_still);
        journal.waiting.extend(waiting_still);
    }

    /// The host publishes. What exactly is made up when the command is carried out, so that the stamps are in order.
    fn publish(&mut self) {
        let topic = self.host_topics[self.rng.usize(0..self.host_topics.len())];
        for _ in 0..self.rng.usize(1..4) {
            self.command(Command::Publish { topic, key: None, payload: "".into() });
        }
    }

    /// Fills in what is numbered by the order in which it is carried out. `None`: there is nobody to say it to.
    fn fill_in(&mut self, command: Command) -> Option<Command> {
        let size = self.temper.size(&mut self.rng);
        let mut journal = open(&self.journal);
        match command {
            Command::Publish { topic, payload, .. } if payload.is_empty() => {
                let keyed = journal.topics[&topic.to_bits()].source == SnapshotSource::Keyed;
                let key = self.rng.u64(0..6);
                let kind = if keyed { Kind::Keyed } else { Kind::Value };
                let payload = journal.publish(topic.to_bits(), kind, key).encode(size).into();
                Some(Command::Publish { topic, key: keyed.then(|| key.to_string().into()), payload })
            }
            Command::Send { conn, lane, .. } => {
                let life = journal.conns.get(&conn)?;
                // What waits for its mount would be numbered too early.
                if life.closed.is_some() || life.doomed || self.engine.holds_for(life.mount) {
                    return None;
                }
                let payload = journal.ordered(conn, Kind::Ordered, 0)?.encode(size).into();
                Some(Command::Send { conn, payload, lane })
            }
            Command::Close { conn, .. } => {
                if let Some(life) = journal.conns.get_mut(&conn) {
                    life.doomed = true;
                }
                Some(command)
            }
            other => Some(other),
        }
    }

    fn hear(&mut self, event: Event) -> Check {
        let journal = open(&self.journal);
        let heard = &mut self.heard;
        let wanted = match &event {
            Event::Opened { .. } | Event::Closed { .. } => EventMask::CONNECTIONS,
            Event::Asked { .. } => EventMask::ASKS,
            Event::Contract { .. } => EventMask::CONTRACTS,
            Event::MountRetired { .. } | Event::Store { .. } => EventMask::HEALTH,
            Event::Refused { .. } => EventMask::REFUSALS,
        };
        if !self.events.contains(wanted) {
            return Err(format!("an event that nobody asked for: {event:?}"));
        }
        let good = match &event {
            Event::Contract { mount, class, key, body, .. } => {
                let EventBody::Custom(Payload::Text(text)) = body else {
                    return Err(format!("a changed event: {event:?}"));
                };
                let number: u64 = text.parse().map_err(|_| format!("a changed event: {event:?}"))?;
                match class {
                    EventClass::Lossless => {
                        let last = heard.lossless.entry(*mount).or_default();
                        std::mem::replace(last, number) + 1 == number
                    }
                    EventClass::State => {
                        let last = heard.states.entry((*mount, *key)).or_default();
                        std::mem::replace(last, number) < number
                    }
                    EventClass::Notice => std::mem::replace(&mut heard.notice, number) < number,
                }
            }
            Event::Opened { conn, .. } => {
                // Its predecessor in the slot was heard to close.
                heard.conns.insert(conn.slot, (*conn, true)).is_none_or(|(last, open)| last < *conn && !open)
            }
            Event::Closed { conn, .. } => {
                // The end of one whose opening was heard, and of no other.
                heard.conns.insert(conn.slot, (*conn, false)).is_some_and(|last| last == (*conn, true))
            }
            Event::Asked { conn, .. } => {
                self.asked.push(*conn);
                true
            }
            Event::Store { up, why } => {
                heard.store_is_down = !up;
                *up == why.is_empty()
            }
            Event::MountRetired { .. } | Event::Refused { .. } => true,
        };
        drop(journal);
        if good { Ok(()) } else { Err(format!("{event:?} does not follow from what was told before")) }
    }

    fn store(&mut self, quiet: bool) {
        if self.store_hangs {
            return;
        }
        if !quiet && self.rng.u8(0..100) == 0 {
            self.store_stalls_until = self.now + Duration::from_millis(self.rng.u64(0..30_000));
            self.store_says_so = self.rng.bool();
        }
        if !quiet && self.now < self.store_stalls_until {
            if self.store_says_so && self.rng.u8(0..10) == 0 && self.engine.ports_mut().has_records() {
                self.reports.push_back(Report::Down("no room on the disk".into()));
            }
        } else if quiet || self.rng.u8(0..10) < self.store_speed {
            let max = if quiet { 1_000 } else { self.rng.usize(1..10) };
            let mut journal = open(&self.journal);
            self.reports.extend(self.engine.ports_mut().commit(max, &mut journal.committed));
        }
    }

    // ---- the driver ----------------------------------------------------------------------------------

    /// Whether the driver has a reason to run a turn.
    fn has_reason(&mut self) -> bool {
        !self.arriving.is_empty()
            || !self.reports.is_empty()
            || self.wires.iter().any(|(_, wire)| {
                let wire = wire.borrow();
                !wire.dropped && (wire.readable || wire.writable)
            })
            || self.woken_by_command
            || self.engine.ports_mut().wake_up_due()
            || self.is_due()
    }

    fn is_due(&self) -> bool {
        self.engine.has_work() || self.engine.next_deadline().is_some_and(|due| due <= self.now)
    }

    fn now(&self) -> Now {
        let wall = Wall::from_millis(1_700_000_000_000 + (self.now.as_nanos() / 1_000_000) as i64);
        Now { tick: self.now, wall }
    }

    fn turn(&mut self) -> Check {
        self.engine.begin(self.now());
        let woken = self.engine.ports_mut().take_wake_up();
        let mut busy = woken || !self.reports.is_empty() || !self.arriving.is_empty();
        while let Some((wire, addr)) = self.arriving.pop_front() {
            let transport = SimTransport::new(wire.clone(), self.rng.bool());
            if let Some(id) = self.engine.admit(transport, addr, false) {
                self.wires.push((id, wire));
            }
        }
        self.wires.retain(|(_, wire)| !wire.borrow().dropped);
        self.rng.shuffle(&mut self.wires);
        for (id, wire) in &self.wires {
            let mut wire = wire.borrow_mut();
            if !(wire.readable || wire.writable) || self.rng.u8(0..10) == 0 {
                continue;
            }
            busy = true;
            let hung_up = std::mem::take(&mut wire.hung_up);
            let (readable, writable) =
                (std::mem::take(&mut wire.readable), std::mem::take(&mut wire.writable));
            drop(wire);
            if readable {
                self.engine.readable(id.slot, hung_up);
            }
            if writable {
                self.engine.writable(id.slot);
            }
        }
        while let Some(report) = self.reports.pop_front() {
            self.note(|| format!("{report:?}"));
            match report {
                Report::Verdict(upto, outcome) => self.engine.recorded(upto, outcome.as_ref().copied()),
                Report::Down(why) => self.engine.store_down(why),
            }
        }
        while !self.commands.is_empty() && self.engine.takes_commands() {
            busy = true;
            if let Some(command) = self.commands.pop_front().and_then(|command| self.fill_in(command)) {
                self.note(|| format!("command {command:?}"));
                self.engine.command(command);
            }
        }
        self.engine.run();
        open(&self.journal).torn = self.engine.stats().frames_torn;
        // What was not taken is taken when there is another reason to run: a driver sleeps in between.
        self.woken_by_command = !self.commands.is_empty() && self.engine.takes_commands();
        let late = !self.engine.has_work() && self.is_due();
        self.late_turns = if late { self.late_turns + 1 } else { 0 };
        if self.late_turns > LATE_TURNS_MAX {
            return Err(format!("a deadline passes, and nothing is done about it, at {:?}", self.now));
        }
        self.idle_turns = if busy { 0 } else { self.idle_turns + 1 };
        if self.idle_turns > TURNS_MAX {
            let (work, due) = (self.engine.has_work(), self.engine.next_deadline());
            return Err(format!("the loop spins: has_work {work}, next deadline {due:?} at {:?}", self.now));
        }
        self.check()
    }

    fn check(&mut self) -> Check {
        if let Some(what) = open(&self.journal).violations.pop() {
            return Err(what);
        }
        self.engine.check()?;
        super::invariants::budgets(self.engine.stats(), &self.limits)
    }

    // ---- rest ----------------------------------------------------------------------------------------

    /// Everybody does what is left to do, and nothing new, until nothing happens any more. No time passes.
    fn settle(&mut self) -> Check {
        self.settle_with(true)
    }

    /// The same, with a host and a store that do nothing unless `awake`.
    fn settle_with(&mut self, awake: bool) -> Check {
        let mut rested = 0;
        for _ in 0..200_000 {
            for index in 0..self.clients.len() {
                self.clients[index].act(self.now, true)?;
            }
            if awake {
                self.host(true)?;
                self.store(true);
            }
            if self.has_reason() {
                rested = 0;
                self.turn()?;
            } else {
                rested += 1;
                // The contracts have a last word about what is still said to them, such as commits.
                if rested > 2 {
                    return Ok(());
                }
            }
        }
        Err("it never comes to rest".into())
    }

    fn check_settled(&mut self) -> Check {
        if self.engine.has_work() {
            return Err("there is work at rest".into());
        }
        if !self.commands.is_empty() {
            return Err(format!("{} commands are not taken at rest", self.commands.len()));
        }
        if !self.engine.ports_mut().is_empty() {
            return Err("events or records are left at rest".into());
        }
        for client in &self.clients {
            client.check_settled()?;
            if client.is_owed_attention() && !client.is_dead() {
                return Err(format!("client {} cannot send what it has to say", client.name));
            }
        }
        if self.heard.store_is_down {
            return Err("the store has answered for everything, and the host believes it down".into());
        }
        let journal = open(&self.journal);
        for (mount, given) in self.ordered.iter().enumerate() {
            let mount = MountId(mount as u16);
            let told = journal.commands.get(&mount).copied().unwrap_or(0);
            if told != *given && self.engine.stats().contract_panics == 0 {
                return Err(format!("{mount:?} was told command {told} of {given}"));
            }
        }
        if self.events.contains(EventMask::CONTRACTS) {
            for (mount, said) in &journal.lossless {
                let heard = self.heard.lossless.get(mount).copied().unwrap_or(0);
                if heard != *said {
                    return Err(format!("{heard} of {said} lossless events of {mount:?} arrived"));
                }
            }
            for (key, said) in &journal.states {
                if self.heard.states.get(key) != Some(said) {
                    return Err(format!("the newest state of {key:?} is {said}, and was not told"));
                }
            }
        }
        if self.events.contains(EventMask::CONNECTIONS) {
            for (slot, (conn, is_open)) in &self.heard.conns {
                let really = journal.conns.get(conn).is_some_and(|life| life.closed.is_none());
                let doomed = journal.conns.get(conn).is_some_and(|life| life.doomed);
                if *is_open != really && !doomed {
                    return Err(format!("slot {slot}: the host believes {conn} open: {is_open}, {really}"));
                }
            }
        }
        for (mount, tickets) in &journal.tickets {
            if !tickets.is_empty() {
                return Err(format!("{} records of {mount:?} were never answered", tickets.len()));
            }
        }
        Ok(())
    }

    /// Time passes, far enough for all deadlines; everybody keeps answering.
    fn wait(&mut self) -> Check {
        self.wait_with(true)?;
        self.engine.check_rest()
    }

    fn wait_with(&mut self, awake: bool) -> Check {
        let end = self.now + Duration::from_secs(100);
        for _ in 0..5_000 {
            let Some(due) = self.engine.next_deadline().filter(|due| *due <= end) else { break };
            self.set_time(due);
            self.settle_with(awake)?;
        }
        Ok(())
    }

    /// The host and the store do nothing for a long time, and some clients leave: nobody who has left may hold a slot.
    fn sleep(&mut self) -> Check {
        for index in 0..self.clients.len() {
            if self.rng.u8(0..3) == 0 {
                self.clients[index].leave();
            }
        }
        self.settle_with(false)?;
        self.wait_with(false)?;
        // Others learn of it by reading, which they do not do while nobody can take what they read.
        let kept = self.wires.iter().find(|(_, wire)| S && wire.borrow().is_left());
        match kept {
            Some((id, _)) => Err(format!("the client of {id} has left long ago, and holds a slot")),
            None => Ok(()),
        }
    }

    /// Whether all that was owed when the server stopped was delivered, or counted as dropped.
    fn check_stopped(&mut self, aborted: bool) -> Check {
        let stats = *self.engine.stats();
        let journal = open(&self.journal);
        let unanswered: usize = journal.tickets.values().map(VecDeque::len).sum();
        let mut unheard = 0;
        if self.events.contains(EventMask::CONTRACTS) {
            for (mount, said) in &journal.lossless {
                unheard += said - self.heard.lossless.get(mount).copied().unwrap_or(0);
            }
        }
        // Those of contracts that are no more were counted as well.
        let counted = unanswered as u64 <= stats.records_unanswered && unheard <= stats.events_dropped;
        let dropped = stats.records_unanswered + stats.events_dropped;
        if !counted || (dropped > 0 && !aborted) || (aborted && !self.engine.was_forced()) {
            return Err(format!("aborted {aborted}: {unanswered} records and {unheard} events, {stats:?}"));
        }
        Ok(())
    }

    fn stop(&mut self) -> Check {
        // A driver stops it within a turn, so that its deadlines count from now.
        self.engine.begin(self.now());
        self.engine.stop();
        self.check()?;
        let polite = self.rng.bool();
        let mut aborted = false;
        // Verdicts that never come, and a host that reads nothing any more.
        self.store_hangs = !polite && self.rng.bool();
        self.host_hangs = !polite && self.rng.bool();
        for _ in 0..5_000 {
            self.settle()?;
            if self.engine.is_drained() {
                break;
            }
            match self.engine.next_deadline() {
                Some(due) if polite => self.set_time(due),
                _ => {
                    self.engine.abort();
                    // Nobody is there to take them.
                    self.reports.clear();
                    aborted = true;
                    break;
                }
            }
        }
        self.check()?;
        // What is in its queue, the host can still read.
        self.host_hangs = false;
        self.settle()?;
        self.check_stopped(aborted)?;
        if !self.engine.is_drained() {
            self.engine.check_rest()?;
            return Err("it is not drained".into());
        }
        let stats = *self.engine.stats();
        let left = [stats.connections, stats.open, stats.parked];
        if left != [0; 3] || stats.opened != stats.closed {
            return Err(format!("something is left: {stats:?}"));
        }
        let journal = open(&self.journal);
        for (conn, life) in &journal.conns {
            let current = journal.instances.get(&life.mount) == Some(&life.instance);
            if current && life.closed.is_none() && !life.doomed {
                return Err(format!("the end of {conn} was never told"));
            }
        }
        Ok(())
    }
}

impl<const S: bool> Life for World<S> {
    /// A lively time, a rest in which all that is owed must arrive, a long wait, a stop.
    fn live(&mut self) -> Check {
        let steps = self.rng.usize(50..400);
        for _ in 0..steps {
            self.step()?;
        }
        open(&self.journal).quiet = true;
        if self.rng.u8(0..3) == 0 {
            self.note(|| "---- the host sleeps".into());
            self.sleep()?;
        }
        self.note(|| "---- rest".into());
        self.settle()?;
        self.check_settled()?;
        self.note(|| "---- wait".into());
        self.wait()?;
        self.note(|| "---- stop".into());
        self.stop()
    }

    fn trace(&self) -> Vec<String> {
        open(&self.journal).trace.take().unwrap_or_default()
    }
}

/// Small ones, so that every bound is met.
fn draw_limits(rng: &mut fastrand::Rng) -> Limits {
    let seconds = |rng: &mut fastrand::Rng, max: u64| Duration::from_millis(rng.u64(1_000..max * 1_000));
    let message_bytes = [300, 3_000, 16_000][rng.usize(0..3)];
    Limits {
        connections: Some(rng.usize(1..20)),
        connections_per_address: if rng.bool() { usize::MAX } else { rng.usize(1..8) },
        parked: rng.usize(0..4),
        message_bytes,
        frame_bytes: message_bytes,
        head_bytes: rng.usize(400..9_000),
        body_bytes: rng.usize(500..6_000),
        partial_bytes_total: rng.usize(2_000..100_000),
        outbox_bytes: rng.usize(20_000..200_000),
        outbox_bytes_total: rng.usize(20_000..1_000_000),
        detached_bytes_total: if rng.u8(0..3) == 0 { rng.usize(1_000..50_000) } else { 1 << 20 },
        topics: rng.usize(HOST_TOPICS..20),
        log_bytes_total: rng.usize(HOST_TOPICS..20) * (64 << 10),
        subscriptions: rng.usize(1..8),
        handshake: seconds(rng, 10),
        parked_wait: seconds(rng, 10),
        keep_alive: seconds(rng, 10),
        ping_interval: rng.bool().then(|| seconds(rng, 30)),
        pong_wait: seconds(rng, 20),
        close_wait: seconds(rng, 5),
        commands: rng.usize(1..30),
        records: rng.usize(1..20),
        record_bytes: rng.usize(200..4_000),
        ..Limits::default()
    }
}

fn door(gate: Box<dyn Gate>) -> Door {
    Door { gate: Some(Foreign::new(gate)), ..Door::default() }
}

/// What is served: two mounts, one of them with a gate, and a few routes.
fn serve(
    rng: &mut fastrand::Rng,
    journal: &Shared,
    temper: &Temper,
) -> (Router, Vec<MountSettings>, Vec<RouteSettings>) {
    let mut router = Router::default();
    let mut mounts = Vec::new();
    for index in 0..MOUNTS {
        let pattern = format!("/ws{index}");
        let (_, place) = router.place(Pattern::parse(&pattern).unwrap());
        place.mount = Some(MountId(index));
        let (mut seeds, journal, temper) = (rng.fork(), journal.clone(), temper.clone());
        let factory = move |setup: &mut Setup<'_>| {
            Actor::build(setup, seeds.fork(), journal.clone(), temper.clone(), &HOST_TOPIC_NAMES)
        };
        let gate = |_: Now, request: &Request<'_>| match request.raw_query() {
            Some("ask") => Verdict::Ask,
            Some("deny") => Verdict::Refuse(Response::text(403, "denied")),
            _ => Verdict::Allow(Identity::new("someone")),
        };
        mounts.push(MountSettings {
            pattern,
            factory: Foreign::new(Box::new(factory)),
            door: if index == 1 { door(Box::new(gate)) } else { Door::default() },
            subprotocols: Vec::new(),
            connections_max: rng.usize(1..20),
            refuses_while_stopping: rng.bool(),
        });
    }
    let mut routes = Vec::new();
    let mut route = |path: &str, method, route: Box<dyn crate::contracts::route::Route>, gated: bool| {
        let (_, place) = router.place(Pattern::parse(path).unwrap());
        place.routes.push((method, routes.len()));
        let ask = |_: Now, _: &Request<'_>| Verdict::Ask;
        let door = if gated { door(Box::new(ask)) } else { Door::default() };
        routes.push(RouteSettings { route: Foreign::new(route), entrance: Entrance::Own(door) });
    };
    let id = |request: &Request<'_>| request.raw_query().unwrap_or_default().to_owned();
    type Context<'a> = RouteContext<'a>;
    let ok = move |_: &Context<'_>, request: &Request<'_>, _: &[u8]| {
        Response::text(200, format!("ok {}", id(request)))
    };
    route("/healthz", Method::Get, Box::new(ok), false);
    route("/gated", Method::Get, Box::new(ok), true);
    let echo = move |_: &Context<'_>, request: &Request<'_>, body: &[u8]| {
        let all = body.iter().all(|byte| *byte == b'x');
        Response::text(200, format!("echo {all} {} {}", body.len(), id(request)))
    };
    route("/echo", Method::Post, Box::new(echo), false);
    let shared = journal.clone();
    let later = move |context: &Context<'_>, request: &Request<'_>, _: &[u8]| {
        open(&shared).later.push((context.conn, id(request).parse().unwrap_or(0)));
        Reply::Later
    };
    route("/later", Method::Get, Box::new(later), false);
    let panic = |_: &Context<'_>, _: &Request<'_>, _: &[u8]| -> Response {
        std::panic::resume_unwind(Box::new("on purpose"))
    };
    route("/panic", Method::Get, Box::new(panic), false);
    let (shared, mut seeds) = (journal.clone(), rng.fork());
    let stream = move |context: &Context<'_>, _: &Request<'_>, _: &[u8]| {
        let (shared, mut rng, conn) = (shared.clone(), seeds.fork(), context.conn);
        let mut lines = 0;
        let last = rng.usize(1..3_000);
        Response::stream(200, "text/plain", move |room: usize, out: &mut Vec<u8>| {
            let to = out.len() + room.min(rng.usize(0..20_000));
            while out.len() < to && lines < last {
                out.extend_from_slice(format!("line {lines}\n").as_bytes());
                lines += 1;
            }
            match rng.u8(0..40) {
                _ if lines == 0 => {
                    out.extend_from_slice(b"line 0\n");
                    lines = 1;
                    Pulled::More
                }
                0 => Pulled::Abort,
                _ if lines == last => Pulled::End,
                1..8 => {
                    open(&shared).waiting.push(conn);
                    Pulled::Wait
                }
                _ if out.is_empty() => {
                    // Nothing, but more: as good as waiting.
                    open(&shared).waiting.push(conn);
                    Pulled::More
                }
                _ => Pulled::More,
            }
        })
    };
    route("/stream", Method::Get, Box::new(stream), false);
    (router, mounts, routes)
}
