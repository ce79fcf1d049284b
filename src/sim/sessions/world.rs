//! The world: clients, host and store around one engine after another, in virtual time.

use super::{
    super::{
        invariants,
        ports::{Report, SimPorts},
        seeds::Life,
        transport::{SimTransport, Wire},
        wires::Wires,
    },
    devices::{self, Devices},
    guest::Guest,
    lessons::{self, Lessons},
    person::Person,
    robot::Robot,
    truth::{Line, SharedTruth, Truth, open},
    visitor::{Leaving, Visitor},
    witness::{Break, Judge, Spoken, WitnessFactory},
};
use crate::{
    contracts::{
        contract::ContractFactory,
        device_sessions::{
            DeviceSessionsFactory,
            command::{DeviceCommand, SessionInfo},
            config::{DeviceSessionsConfig, OnActive, RegisterSession},
        },
        gate::{Gate, Verdict},
        guided_sessions::{
            GuidedFactory,
            config::{GuidedSession, GuidedSessionsConfig},
            orders::{GuidedInfo, Order, OrderDesk},
        },
        store::guided::StepAction,
    },
    engine::{
        Engine,
        command::Command,
        event::{Event, EventMask},
        router::Router,
        settings::{Door, MountSettings, Settings},
    },
    ground::{
        close::CloseCode,
        foreign::Foreign,
        id::MountId,
        limits::{Limits, PANICS_MAX},
        time::{Now, Tick, Wall},
    },
    hub::identity::Identity,
    wire::{pattern::Pattern, request::Request},
};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{
    any::Any,
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

/// What every engine of this world is built from.
struct Plan {
    limits: Limits,
    devices: DeviceSessionsConfig,
    has_store: bool,
    /// Chances in 1,000 for each batch that a record of it is rejected.
    rejects: u16,
    /// Chances in 10,000 for each step that the power fails; that the server is stopped; that a contract is broken.
    fails: u16,
    stops: u16,
    breaks: u16,
    /// Host and store keep up: then all is read that clients have sent before they leave.
    calm: bool,
    names: u32,
    /// How many of ten clients are devices.
    robots: u8,
    lessons: Vec<lessons::Plan>,
}

impl Plan {
    fn draw(rng: &mut fastrand::Rng) -> Self {
        let seconds = |rng: &mut fastrand::Rng, range: std::ops::Range<u64>| {
            Duration::from_millis(rng.u64(range.start * 1_000..range.end * 1_000))
        };
        let limits = Limits {
            ping_interval: Some(seconds(rng, 2..30)),
            pong_wait: seconds(rng, 1..20),
            close_wait: seconds(rng, 1..5),
            records: [5, 20, 200][rng.usize(0..3)],
            record_bytes: rng.usize(8_000..60_000),
            ..Limits::default()
        };
        let mut devices = DeviceSessionsConfig::new()
            .late_window(seconds(rng, 1..60))
            .recent_sessions(rng.usize(0..6))
            .pending_replies(rng.usize(1..9))
            .durable_ack(rng.u8(0..8) > 0)
            .idle_timeout(if rng.bool() { Some(seconds(rng, 2..40)) } else { None });
        devices = match rng.u8(0..6) {
            0 => devices.register_session(RegisterSession::Always),
            1 => devices.register_session(RegisterSession::Never),
            _ => devices,
        };
        if rng.u8(0..4) == 0 {
            devices = devices.on_active(OnActive::Reject);
        }
        let rare = |rng: &mut fastrand::Rng, max: u16| if rng.bool() { 0 } else { rng.u16(0..max) };
        let calm = rng.u8(0..8) == 0;
        let limits = match calm {
            true => Limits { close_wait: Duration::from_secs(5), ..Limits::default() },
            false => limits,
        };
        Self {
            limits,
            devices,
            has_store: rng.u8(0..10) > 0,
            rejects: rare(rng, 150),
            fails: if calm { 0 } else { rare(rng, 100) },
            stops: if calm { 0 } else { rare(rng, 60) },
            breaks: if calm { 0 } else { rare(rng, 60) },
            calm,
            names: rng.u32(1..12),
            robots: rng.u8(0..11),
            lessons: vec![
                lessons::Plan { code: "A", steps: 3, instructors: Vec::new() },
                lessons::Plan { code: "B", steps: 2, instructors: vec![10] },
            ],
        }
    }

    fn guided(&self) -> GuidedSessionsConfig {
        let sessions =
            self.lessons.iter().map(|plan| guided_session(plan.code, plan.steps, &plan.instructors));
        sessions.fold(GuidedSessionsConfig::new(), GuidedSessionsConfig::session)
    }

    fn engine<const S: bool>(
        &self,
        rng: &mut fastrand::Rng,
        truth: &SharedTruth,
        now: Now,
    ) -> Engine<SimTransport<S>, SimPorts> {
        let mut router = Router::default();
        let witness = |mount, judge: Judge, factory: Box<dyn ContractFactory>| {
            WitnessFactory::new(Boxed(factory), Arc::clone(truth), mount, judge)
        };
        let robots = Box::new(DeviceSessionsFactory::new(self.devices.clone()));
        let people = Box::new(GuidedFactory::new("code", self.guided()));
        let gate: Box<dyn Gate> = Box::new(identify);
        let mounts = [
            ("/ws/device", witness(DEVICES, devices::judge, robots), Door::default()),
            (
                "/ws/sessions/{code}/",
                witness(LESSONS, lessons::judge, people),
                Door { gate: Some(Foreign::new(gate)), ..Door::default() },
            ),
        ];
        let mounts = mounts.into_iter().enumerate().map(|(index, (pattern, factory, door))| {
            let (_, place) = router.place(Pattern::parse(pattern).expect("it is a pattern"));
            place.mount = Some(MountId(index as u16));
            MountSettings {
                pattern: pattern.into(),
                factory: Foreign::new(Box::new(factory)),
                door,
                subprotocols: Vec::new(),
                connections_max: usize::MAX,
                refuses_while_stopping: false,
            }
        });
        let mounts = mounts.collect();
        let saved = open(truth).tables.open();
        let settings = Settings {
            limits: self.limits.clone(),
            events: EventMask::CONTRACTS | EventMask::HEALTH,
            router,
            access: Default::default(),
            mounts,
            routes: Vec::new(),
            topics: Vec::new(),
            store: self.has_store.then_some(saved),
            #[cfg(feature = "board")]
            feeds: crate::engine::feeds::Feeds::default(),
        };
        let (mut draws, told) = (rng.fork(), Arc::clone(truth));
        let entropy = move || {
            let drawn = draws.u128(..);
            open(&told).drawn.push(format!("session_{:012x}", drawn & 0xffff_ffff_ffff));
            drawn
        };
        let ports = SimPorts::new(rng, &self.limits);
        Engine::new(settings, ports, Box::new(entropy), now)
    }
}

fn guided_session(code: &str, steps: i64, instructors: &[i64]) -> GuidedSession {
    let session =
        (1..=steps).fold(GuidedSession::new(code), |session, id| session.subtask(lessons::step(id)));
    instructors.iter().fold(session, |session, id| session.instructor(*id))
}

/// Who says by the query who it is.
fn identify(_: Now, request: &Request<'_>) -> Verdict {
    let query = request.raw_query().unwrap_or_default();
    let who = query.strip_prefix("u=").and_then(|rest| rest.split('&').next()).unwrap_or_default();
    let (title, role, id) = match who.strip_prefix('s') {
        Some(id) => ("Student", "STUDENT", id),
        None => ("Instructor", "INSTRUCTOR", who.trim_start_matches('i')),
    };
    Verdict::Allow(Identity::new(id).with_name(format!("{title} {id}")).with_role(role))
}

/// A factory whose type is not known.
struct Boxed(Box<dyn ContractFactory>);

impl ContractFactory for Boxed {
    fn build(
        &mut self,
        setup: &mut crate::contracts::contract::Setup<'_>,
    ) -> Box<dyn crate::contracts::contract::Contract> {
        self.0.build(setup)
    }
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

    // ---- lively times --------------------------------------------------------------------------------

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

    /// The host reads some events, and wants something.
    fn host(&mut self, quiet: bool) -> Check {
        let reads = match quiet {
            true => usize::MAX,
            false if self.plan.calm => usize::MAX,
            false if self.now < self.host_sleeps_until => 0,
            false => self.rng.usize(0..=usize::from(self.host_speed)),
        };
        for _ in 0..reads {
            let Some(event) = self.engine.ports_mut().take_event() else { break };
            self.hear(event)?;
        }
        if quiet {
            return Ok(());
        }
        match self.rng.u16(0..1_000) {
            0..3 => {
                let nap = Duration::from_millis(self.rng.u64(0..20_000));
                self.host_sleeps_until = self.now + nap;
            }
            3..20 => {
                let known: Vec<_> = open(&self.truth).tables.sessions.keys().cloned().collect();
                if !known.is_empty() {
                    let id = known[self.rng.usize(0..known.len())].clone();
                    let command = Box::new(DeviceCommand::End { session: id.as_str().into() });
                    self.order(DEVICES, format!("ends {id}"), command);
                }
            }
            20..30 => self.list(),
            30..60 => {
                let code = ["A", "B", "C"][self.rng.usize(0..3)];
                let (words, order) = self.draw_order(code);
                if let Ok(placed) = self.desk.place(order) {
                    self.order(LESSONS, words, Box::new(placed));
                }
            }
            60..63 if !self.plan.calm && !self.wires.admitted.is_empty() => {
                let (conn, _) = self.wires.admitted[self.rng.usize(0..self.wires.admitted.len())];
                let (code, reason) = (CloseCode::NORMAL, "the host says so".into());
                self.command(Command::Close { conn, code, reason });
            }
            63..66 if !self.plan.calm => {
                let subject = self.rng.u8(1..13).to_string().into();
                self.command(Command::Revoke { subject });
            }
            _ if self.rng.u16(0..10_000) < self.plan.breaks && self.breaks_left > 0 => {
                self.breaks_left -= 1;
                let command: Box<dyn Any + Send> = Box::new(Break);
                let mount = if self.rng.bool() { DEVICES } else { LESSONS };
                self.command(Command::Contract { mount, command: Foreign::new(command) });
            }
            _ => {}
        }
        Ok(())
    }

    /// The host wants to know how things are.
    fn list(&mut self) {
        let truth = Arc::clone(&self.truth);
        let answer = Box::new(move |list: Vec<SessionInfo>| {
            let of = |info: SessionInfo| {
                (info.device.to_string(), info.id.to_string(), info.sample_count, info.holder)
            };
            let truth = &mut *open(&truth);
            let (list, due): (Vec<_>, _) = (list.into_iter().map(of).collect(), truth.devices.listed());
            if list != due {
                truth.violated(format!("listed is {list:?}, not {due:?}"));
            }
        });
        self.order(DEVICES, "lists".into(), Box::new(DeviceCommand::List { answer }));
        let truth = Arc::clone(&self.truth);
        let tell = Box::new(move |list: Vec<GuidedInfo>| {
            let truth = &mut *open(&truth);
            let list: Vec<_> = list.into_iter().map(|info| (info.session, info.participants)).collect();
            if let Err(what) = truth.lessons.check_listed(list) {
                truth.violated(what);
            }
        });
        if let Ok(placed) = self.desk.place(Order::List(tell)) {
            self.order(LESSONS, "lists".into(), Box::new(placed));
        }
    }

    /// What the host wants of a session.
    fn draw_order(&mut self, code: &str) -> (String, Order) {
        let control = |action, subtask_id| {
            let (code, message) = (code.to_owned(), String::new());
            Order::Control { code, action, subtask_id, message }
        };
        match self.rng.u8(0..20) {
            0..6 => {
                let id = self.rng.i64(1..5);
                (format!("starts {code} {id}"), control(StepAction::StartStep, Some(id)))
            }
            6..9 => (format!("pauses {code}"), control(StepAction::Pause, None)),
            9..12 => (format!("resumes {code}"), control(StepAction::Resume, None)),
            12 => (format!("closes {code}"), control(StepAction::EndStep, None)),
            _ => {
                let steps = self.rng.i64(1..4);
                (format!("creates {code} {steps}"), Order::Create(guided_session(code, steps, &[])))
            }
        }
    }

    fn order(&mut self, mount: MountId, words: String, command: Box<dyn Any + Send>) {
        let command: Box<dyn Any + Send> = Box::new(Spoken { words, command });
        self.command(Command::Contract { mount, command: Foreign::new(command) });
    }

    fn command(&mut self, command: Command) {
        self.commands.push_back(command);
        self.woken_by_command = true;
    }

    fn hear(&mut self, event: Event) -> Check {
        let Event::Contract { mount, body, .. } = event else { return Ok(()) };
        let due = open(&self.truth).events.entry(mount).or_default().pop_front();
        if due.as_ref() == Some(&body) {
            Ok(())
        } else {
            Err(format!("the host hears {body:?}, and was to hear {due:?}"))
        }
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

    // ---- the driver ----------------------------------------------------------------------------------

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

    // ---- rest ----------------------------------------------------------------------------------------

    /// Everybody does what is left to do, and nothing new, until nothing happens any more. No time passes.
    fn settle(&mut self) -> Check {
        let mut rested = 0;
        for _ in 0..200_000 {
            for index in 0..self.guests.len() {
                self.listen(index, true)?;
            }
            self.host(true)?;
            self.store(true)?;
            if self.has_reason() {
                rested = 0;
                self.turn()?;
            } else {
                rested += 1;
                if rested > 2 {
                    return Ok(());
                }
            }
        }
        Err("it never comes to rest".into())
    }

    /// Time passes, far enough for what was refused to be filed again and for the dead to be missed.
    fn wait(&mut self) -> Check {
        let end = self.now + Duration::from_secs(100);
        for _ in 0..20_000 {
            let Some(due) = self.engine.next_deadline().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.settle()?;
        }
        self.now = end;
        Ok(())
    }

    fn check_rest(&mut self) -> Check {
        if self.engine.has_work() || !self.commands.is_empty() || !self.engine.ports_mut().is_empty() {
            return Err("there is work at rest".into());
        }
        let truth = &mut *open(&self.truth);
        let cut = |line: &&Line| line.polite && line.conn.is_some() && line.heard < line.sent.len();
        if let Some(line) = truth.lines.values().find(cut).filter(|_| self.plan.calm) {
            return Err(format!("a client has left, and its last words were not heard: {line:?}"));
        }
        if let Some((mount, events)) = truth.events.iter().find(|(_, events)| !events.is_empty()) {
            return Err(format!("the host was never told by {mount:?}: {events:?}"));
        }
        if !truth.records.is_empty() && self.engine.stats().contract_panics == 0 {
            return Err(format!("never answered for: {:?}", truth.records));
        }
        truth.devices.check_rest(&truth.tables)?;
        truth.lessons.check_rest(&truth.tables)?;
        let visitors = self.guests.iter_mut().flat_map(Guest::visitors);
        for visitor in visitors {
            let number = visitor.number;
            let Some(line) = truth.lines.get(&number) else { continue };
            if visitor.is_open() {
                let owed = (line.private.len(), line.public.len());
                if line.over || line.heard != line.sent.len() || line.got != owed {
                    return Err(format!("client {number} at rest: {line:?}"));
                }
            } else if visitor.leaving == Leaving::Silent && !line.over && line.conn.is_some() {
                return Err(format!("client {number} is dead, and nobody has missed it"));
            }
        }
        Ok(())
    }

    /// The server stops in order: clients are told, everything is recorded, the host hears the last.
    fn stop(&mut self) -> Check {
        self.note(|| "---- stop".into());
        self.engine.begin(moment(self.now));
        self.engine.stop();
        self.check()?;
        for _ in 0..5_000 {
            self.settle()?;
            if self.engine.is_drained() {
                break;
            }
            let Some(due) = self.engine.next_deadline() else { break };
            self.now = self.now.max(due);
        }
        if !self.engine.is_drained() {
            return Err("it is not drained".into());
        }
        let truth = &mut *open(&self.truth);
        truth.devices.check_rest(&truth.tables)?;
        truth.lessons.check_rest(&truth.tables)
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
