//! The world: clients, host and store around one engine after another, in virtual time.

mod host;
mod plan;
mod rest;

use self::plan::Plan;
use super::{
    super::{
        invariants,
        ports::{Report, SimPorts},
        seeds::Life,
        transport::{SimTransport, Wire},
        wires::Wires,
    },
    devices::Devices,
    guest::Guest,
    lessons::Lessons,
    person::Person,
    robot::Robot,
    truth::{SharedTruth, Truth, open},
    visitor::{Leaving, Visitor},
};
use crate::{
    contracts::guided_sessions::orders::OrderDesk,
    engine::{Engine, command::Command},
    ground::{
        id::MountId,
        limits::PANICS_MAX,
        time::{Now, Tick, Wall},
    },
};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{
    collections::VecDeque,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

const DEVICES: MountId = MountId(0);
const LESSONS: MountId = MountId(1);
/// Turns that may follow upon each other with nothing happening in between.
const TURNS_MAX: u32 = 3_000;

type Check = Result<(), String>;

/// See the module.
pub(super) struct World<const S: bool> {
    rng: fastrand::Rng,
    now: Tick,
    engine: Engine<SimTransport<S>, SimPorts>,
    plan: Plan,
    desk: OrderDesk,
    truth: SharedTruth,
    guests: Vec<Guest>,
    guests_max: usize,
    numbers: u32,
    messages: u64,
    wires: Wires,
    commands: VecDeque<Command>,
    woken_by_command: bool,
    reports: VecDeque<Report>,
    store_stalls_until: Tick,
    store_says_so: bool,
    host_sleeps_until: Tick,
    host_speed: u8,
    store_speed: u8,
    idle_turns: u32,
    /// A contract that panics more often is retired.
    breaks_left: usize,
}

fn moment(tick: Tick) -> Now {
    Now { tick, wall: Wall::from_millis(1_700_000_000_000 + (tick.as_nanos() / 1_000_000) as i64) }
}

impl<const S: bool> World<S> {
    pub(super) fn new(mut rng: fastrand::Rng, trace: bool) -> Self {
        let plan = Plan::draw(&mut rng);
        let devices = Devices::new(plan.devices.clone(), plan.has_store);
        let lessons = Lessons::new(plan.lessons.clone(), plan.has_store);
        let desk = OrderDesk::new(&plan.guided());
        let truth = Arc::new(Mutex::new(Truth::new(devices, lessons, trace)));
        let now = Tick::from_nanos(1_000_000_000);
        let engine = plan.engine(&mut rng, &truth, moment(now));
        Self {
            now,
            engine,
            plan,
            desk,
            truth,
            guests: Vec::new(),
            guests_max: rng.usize(1..30),
            numbers: 0,
            messages: 0,
            wires: Wires::default(),
            commands: VecDeque::new(),
            woken_by_command: false,
            reports: VecDeque::new(),
            store_stalls_until: Tick::ZERO,
            store_says_so: false,
            host_sleeps_until: Tick::ZERO,
            host_speed: rng.u8(1..20),
            store_speed: rng.u8(1..10),
            idle_turns: 0,
            breaks_left: PANICS_MAX - 1,
            rng,
        }
    }

    fn note(&self, what: impl FnOnce() -> String) {
        open(&self.truth).note(what);
    }

    fn step(&mut self) -> Check {
        self.pass_time();
        if self.guests.len() < self.guests_max && self.rng.u8(0..4) == 0 {
            let guest = match self.rng.u8(0..10) < self.plan.robots {
                true => Guest::new(Robot::new(&mut self.rng, self.plan.names)),
                false => Guest::new(Person::new(&mut self.rng)),
            };
            self.guests.push(guest);
        }
        for index in 0..self.guests.len() {
            if self.rng.bool() {
                self.live(index);
            }
            self.listen(index, false)?;
        }
        self.host(false)?;
        self.store(false)?;
        let chance = self.rng.u16(0..10_000);
        if chance < self.plan.fails {
            return self.power_fails();
        }
        if chance < self.plan.fails + self.plan.stops {
            return self.stop_and_start();
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
            40..85 => self.rng.u64(0..2_000_000),
            85..96 => self.rng.u64(0..300_000_000),
            96..99 => self.rng.u64(0..3_000_000_000),
            _ => match self.engine.next_deadline().filter(|_| !self.plan.calm) {
                Some(due) => due.since(self.now).as_nanos() as u64,
                None => 0,
            },
        };
        self.now = self.now + Duration::from_nanos(nanos);
    }

    /// A client connects, anew or for the first time.
    fn dial(&mut self, index: usize) {
        let wire = Wire::new(&mut self.rng, S);
        let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 4_000);
        self.numbers += 1;
        let path = format!("{}c={}", self.guests[index].voice.path(), self.numbers);
        let visitor = Visitor::connect(self.numbers, &path, Rc::clone(&wire), &mut self.rng);
        self.guests[index].moves(visitor);
        self.wires.arrive(wire, addr);
    }

    /// A client does something new.
    fn live(&mut self, index: usize) {
        let now = self.now;
        if self.guests[index].is_away() {
            if self.rng.u8(0..6) == 0 {
                self.dial(index);
            }
            return;
        }
        let guest = &mut self.guests[index];
        let Some(visitor) = guest.visitor.as_mut().filter(|visitor| visitor.is_open()) else { return };
        if visitor.tumble(now) {
            let polite = visitor.leaving == Leaving::Politely;
            open(&self.truth).lines.entry(visitor.number).or_default().polite = polite;
            return;
        }
        if self.rng.u16(0..300) == 0 {
            // It roams: the old connection is there yet, and perhaps nobody reads it any more.
            if self.rng.bool() {
                visitor.vanish();
            }
            return self.dial(index);
        }
        for _ in 0..[0, 0, 1, 1, 2, 5][self.rng.usize(0..6)] {
            self.messages += 1;
            let truth = &mut *open(&self.truth);
            let known: Vec<_> = truth.tables.sessions.keys().collect();
            let foreign = (!known.is_empty()).then(|| known[self.rng.usize(0..known.len())].as_str());
            let guest = &mut self.guests[index];
            let text = guest.voice.speak(self.messages, foreign);
            let Some(visitor) = guest.visitor.as_mut() else { return };
            visitor.say(&text);
            truth.lines.entry(visitor.number).or_default().sent.push(text);
        }
    }

    fn listen(&mut self, index: usize, quiet: bool) -> Check {
        let guest = &mut self.guests[index];
        let mut heard = Vec::new();
        for visitor in guest.visitors() {
            for text in visitor.act(self.now, quiet)? {
                open(&self.truth).got(visitor.number, &text)?;
                heard.push(text);
            }
        }
        for text in heard {
            guest.voice.hear(&text);
        }
        guest.behind.retain(|visitor| !visitor.is_over());
        Ok(())
    }

    fn store(&mut self, quiet: bool) -> Check {
        if !quiet && !self.plan.calm && self.rng.u8(0..200) == 0 {
            self.store_stalls_until = self.now + Duration::from_millis(self.rng.u64(0..25_000));
            self.store_says_so = self.rng.bool();
        }
        if !quiet && self.now < self.store_stalls_until {
            if self.store_says_so && self.rng.u8(0..10) == 0 && self.engine.ports_mut().has_records() {
                self.reports.push_back(Report::Down("no room on the disk".into()));
            }
            return Ok(());
        }
        if !quiet && self.rng.u8(0..10) >= self.store_speed {
            return Ok(());
        }
        let max = if quiet { 1_000 } else { self.rng.usize(1..10) };
        let batch = self.engine.ports_mut().take_records(max);
        let Some(last) = batch.last().map(|record| record.ticket) else { return Ok(()) };
        let spoilt = !quiet && self.rng.u16(0..1_000) < self.plan.rejects;
        let bad = spoilt.then(|| self.rng.usize(0..batch.len()));
        let tables = &mut open(&self.truth).tables;
        let mut one_by_one = Vec::new();
        for (index, record) in batch.iter().enumerate() {
            let verdict = tables.commit(record, bad == Some(index))?;
            one_by_one.push(Report::Verdict(record.ticket, verdict));
        }
        match bad {
            None => self.reports.push_back(Report::Verdict(last, Ok(()))),
            Some(_) => self.reports.extend(one_by_one),
        }
        Ok(())
    }

    /// Everything is gone at once but what is committed; then a new engine starts.
    fn power_fails(&mut self) -> Check {
        self.note(|| "---- the power fails".into());
        self.lose_engine()
    }

    fn lose_engine(&mut self) -> Check {
        {
            let truth = &mut *open(&self.truth);
            truth.power_lost();
            truth.devices.lost_power(&truth.tables);
            truth.lessons.lost_power(&truth.tables)?;
        }
        for guest in &mut self.guests {
            for visitor in guest.behind.drain(..).chain(guest.visitor.take()) {
                visitor.wire.borrow_mut().client_reset();
            }
        }
        self.wires = Wires::default();
        self.commands.clear();
        self.reports.clear();
        (self.woken_by_command, self.store_stalls_until) = (false, Tick::ZERO);
        self.breaks_left = PANICS_MAX - 1;
        let engine = self.plan.engine(&mut self.rng, &self.truth, moment(self.now));
        drop(std::mem::replace(&mut self.engine, engine));
        self.check()
    }

    fn stop_and_start(&mut self) -> Check {
        self.stop()?;
        self.lose_engine()
    }

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

    fn turn(&mut self) -> Check {
        self.engine.begin(moment(self.now));
        let woken = self.engine.ports_mut().take_wake_up();
        let mut busy = woken || !self.reports.is_empty();
        busy |= self.wires.poll(&mut self.engine, &mut self.rng);
        while let Some(report) = self.reports.pop_front() {
            self.note(|| format!("{report:?}"));
            match report {
                Report::Verdict(upto, outcome) => {
                    self.engine.recorded(upto, outcome.as_ref().copied());
                }
                Report::Down(why) => self.engine.store_down(why),
            }
        }
        while !self.commands.is_empty() && self.engine.takes_commands() {
            busy = true;
            if let Some(command) = self.commands.pop_front() {
                self.engine.command(command);
            }
        }
        self.engine.run();
        self.woken_by_command = !self.commands.is_empty() && self.engine.takes_commands();
        self.idle_turns = if busy { 0 } else { self.idle_turns + 1 };
        if self.idle_turns > TURNS_MAX {
            let (work, due) = (self.engine.has_work(), self.engine.next_deadline());
            return Err(format!("the loop spins: has_work {work}, next deadline {due:?} at {:?}", self.now));
        }
        self.check()
    }

    fn check(&mut self) -> Check {
        if let Some(what) = open(&self.truth).violations.first() {
            return Err(what.clone());
        }
        self.engine.check()?;
        invariants::budgets(self.engine.stats(), &self.plan.limits)
    }
}

impl<const S: bool> Life for World<S> {
    /// A lively time, a rest, a long wait in which everything must find its place, a stop.
    fn live(&mut self) -> Check {
        let steps = self.rng.usize(100..700);
        for _ in 0..steps {
            self.step()?;
        }
        self.note(|| "---- rest".into());
        self.settle()?;
        self.wait()?;
        self.settle()?;
        self.check_rest()?;
        self.stop()
    }

    fn trace(&self) -> Vec<String> {
        open(&self.truth).trace.take().unwrap_or_default()
    }
}
