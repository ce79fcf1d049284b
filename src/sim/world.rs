//! The world around one engine: clients, host and store in virtual time, and a driver that does what the engine's
//! documentation asks of a driver and nothing more.

mod host;
mod rest;
mod served;

use self::{
    host::Heard,
    served::{draw_limits, serve},
};
use super::{
    client::Client,
    contract::{Shared, Temper, any_topic, open},
    journal::Journal,
    ports::{Report, SimPorts},
    seeds::Life,
    settings,
    transport::{SimTransport, Wire},
    wires::Wires,
};
use crate::{
    engine::{Engine, command::Command, event::EventMask, settings::Settings},
    ground::{
        id::{ConnId, TopicId},
        limits::Limits,
        time::{Now, Tick, Wall},
    },
    hub::topic::Topic,
};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{
    collections::VecDeque,
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
    wires: Wires,
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
            events,
            router,
            mounts,
            routes,
            topics,
            store: records.then(Vec::new),
            ..settings::nothing(limits.clone())
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
            wires: Wires::default(),
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
        self.wires.arrive(wire, addr);
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

    /// Whether the driver has a reason to run a turn.
    fn has_reason(&mut self) -> bool {
        self.wires.has_news()
            || !self.reports.is_empty()
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
        let mut busy = woken || !self.reports.is_empty();
        busy |= self.wires.poll(&mut self.engine, &mut self.rng);
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
