//! Event streams in the simulator: watchers over faulty connections come, stall, break off and come back, and hear every happening once and in order, or
//! of a gap; whoever reads has heard of all at rest.

use super::{
    calm::until_rest,
    ports::SimPorts,
    seeds::{self, Life},
    settings,
    transport::{SimTransport, Wire},
};
use crate::{
    contracts::{
        contract::{Contract, Setup},
        effects::{Effects, EventClass},
        feed::Feed,
        route::RouteContext,
        store::device::DeviceSample,
        told::device::DeviceEvent,
    },
    engine::{
        Engine,
        command::Command,
        event::EventMask,
        feeds::Feeds,
        router::Router,
        settings::{Door, Entrance, MountSettings, RouteSettings, Settings},
    },
    ground::{
        foreign::Foreign,
        frame::Message,
        id::{ConnId, MountId},
        limits::Limits,
        time::{Now, Tick, Wall},
    },
    wire::{pattern::Pattern, request::Method, request::Request, response::Response},
};
use core::net::SocketAddr;
use std::{any::Any, cell::RefCell, mem, rc::Rc, sync::Arc, time::Duration};

const SEEDS_DEFAULT: u64 = 40;
const STEPS: usize = 1_500;

/// What a contract is to say.
enum Say {
    Happenings(u64),
    Sample(u64),
}

/// Says to the host what it is told to say.
struct Teller;

impl Contract for Teller {
    fn message(&mut self, _: &mut Effects, _: ConnId, _: Message<'_>) {}

    fn command(&mut self, fx: &mut Effects, command: Box<dyn Any + Send>) {
        match command.downcast_ref() {
            Some(Say::Happenings(count)) => {
                for _ in 0..*count {
                    let event = DeviceEvent::Registered { device: "A".into(), message: "{}".into() };
                    fx.event(EventClass::Lossless, 0, None, event);
                }
            }
            Some(&Say::Sample(number)) => {
                let sample = DeviceSample {
                    place: Some(("s".into(), number)),
                    device: "A".into(),
                    received_at: fx.now().wall,
                    payload: "{}".into(),
                };
                fx.event(EventClass::Lossless, 0, None, DeviceEvent::Sample(Arc::new(sample)));
            }
            None => {}
        }
    }
}

/// Somebody before a screen.
#[derive(Default)]
struct Person {
    wire: Option<Rc<RefCell<Wire>>>,
    to_send: Vec<u8>,
    /// Got, and not taken apart yet.
    raw: Vec<u8>,
    in_body: bool,
    text: String,
    /// The number that a browser would come back with.
    last: Option<u64>,
    sample: u64,
    stalls: bool,
    /// How long it has taken to ask.
    asking: Duration,
    /// A stream has ended as it should.
    over: bool,
}

impl Person {
    fn act(&mut self, rng: &mut fastrand::Rng) -> Result<(), String> {
        let Some(wire) = self.wire.clone() else { return Ok(()) };
        let sent = wire.borrow_mut().client_write(&self.to_send);
        self.to_send.drain(..sent);
        if !self.stalls {
            wire.borrow_mut().client_read(rng.usize(1..20_000), &mut self.raw);
        }
        self.take_apart()?;
        if wire.borrow().client_at_end() && !self.stalls {
            self.leave();
        }
        Ok(())
    }

    fn leave(&mut self) {
        let Self { last, sample, over, .. } = *self;
        *self = Self { last, sample, over, ..Self::default() };
    }

    fn take_apart(&mut self) -> Result<(), String> {
        if !self.in_body {
            let Some(at) = memchr::memmem::find(&self.raw, b"\r\n\r\n") else { return Ok(()) };
            if self.raw.starts_with(b"HTTP/1.1 408 ") && self.asking >= Limits::default().handshake {
                // What is not sent yet never will be.
                self.wire.iter().for_each(|wire| wire.borrow_mut().client_reset());
                self.leave();
                return Ok(());
            }
            if !self.raw.starts_with(b"HTTP/1.1 200 ") {
                return Err(format!("refused: {}", self.raw.escape_ascii()));
            }
            self.raw.drain(..at + 4);
            self.in_body = true;
        }
        while let Some(at) = memchr::memmem::find(&self.raw, b"\r\n") {
            let size = std::str::from_utf8(&self.raw[..at]).ok();
            let size = size.and_then(|size| usize::from_str_radix(size, 16).ok()).ok_or("no chunk's size")?;
            if self.raw.len() < at + 2 + size + 2 {
                break;
            }
            self.over |= size == 0;
            let chunk: Vec<u8> = self.raw.drain(..at + 2 + size + 2).collect();
            self.text
                .push_str(std::str::from_utf8(&chunk[at + 2..at + 2 + size]).map_err(|e| e.to_string())?);
        }
        while let Some(at) = self.text.find("\n\n") {
            let event: String = self.text.drain(..at + 2).collect();
            self.hear(&event)?;
        }
        Ok(())
    }

    fn hear(&mut self, event: &str) -> Result<(), String> {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let number: Option<u64> = field("id: ").and_then(|number| number.parse().ok());
        let before = self.last;
        let good = match field("event: ") {
            Some("device_registered") => {
                before.zip(number).is_some_and(|(before, number)| number == before + 1)
            }
            Some("gap") => before.zip(number).is_some_and(|(before, number)| number > before),
            Some("hello") => number.is_none() || before.is_none_or(|before| Some(before) == number),
            Some("sample") => {
                let count = event.split("\"sample_count\":").nth(1).and_then(|rest| rest.split(',').next());
                let count = count.and_then(|count| count.parse().ok()).unwrap_or(0);
                mem::replace(&mut self.sample, count) < count
            }
            None => event.starts_with(':'),
            Some(_) => false,
        };
        self.last = number.or(before);
        if good { Ok(()) } else { Err(format!("behind {before:?} came {event:?}")) }
    }
}

struct World<const S: bool> {
    rng: fastrand::Rng,
    engine: Engine<SimTransport<S>, SimPorts>,
    wires: Vec<(ConnId, Rc<RefCell<Wire>>)>,
    arriving: Vec<Rc<RefCell<Wire>>>,
    commands: Vec<Say>,
    people: Vec<Person>,
    now: Tick,
    happened: u64,
    samples: u64,
    idle_turns: usize,
    trace: Vec<String>,
}

impl<const S: bool> World<S> {
    fn new(mut rng: fastrand::Rng) -> Self {
        let feed = Feed::default();
        let mut router = Router::default();
        let mut put = |path: &str, put: &mut dyn FnMut(&mut crate::engine::router::Place)| {
            put(router.place(Pattern::parse(path).expect("a pattern")).1);
        };
        put("/devices", &mut |place| place.mount = Some(MountId(0)));
        put("/events", &mut |place| place.routes.push((Method::Get, 0)));
        let opened = feed.clone();
        let route = move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
            let last = request.header("last-event-id").and_then(|number| number.parse().ok());
            match opened.open(context.conn, last, context.now) {
                Some(stream) => Response::stream(200, "text/event-stream", stream),
                None => Response::new(503),
            }
        };
        let mount = MountSettings {
            pattern: "/devices".into(),
            factory: Foreign::new(Box::new(|_: &mut Setup<'_>| Teller)),
            door: Door::default(),
            subprotocols: Vec::new(),
            connections_max: usize::MAX,
            refuses_while_stopping: false,
        };
        let limits = Limits::default();
        let ports = SimPorts::new(&mut rng, &limits);
        let settings = Settings {
            // Whether or not the host wants to hear: here it does not.
            events: EventMask::NONE,
            router,
            mounts: vec![mount],
            routes: vec![RouteSettings {
                route: Foreign::new(Box::new(route)),
                entrance: Entrance::Own(Door::default()),
            }],
            feeds: Feeds::new(Some((MountId(0), feed)), None, Vec::new()),
            ..settings::nothing(limits)
        };
        let now = Tick::from_nanos(1_000_000_000);
        let engine = Engine::new(settings, ports, Box::new(|| 7), at(now));
        let people = (0..rng.usize(1..5)).map(|_| Person::default()).collect();
        Self {
            rng,
            engine,
            wires: Vec::new(),
            arriving: Vec::new(),
            commands: Vec::new(),
            people,
            now,
            happened: 0,
            samples: 0,
            idle_turns: 0,
            trace: Vec::new(),
        }
    }

    fn step(&mut self) -> Result<(), String> {
        let who = self.rng.usize(..self.people.len());
        match self.rng.u8(0..40) {
            0..3 => {
                let most = if self.rng.u8(0..8) == 0 { 1_500 } else { 20 };
                let count = self.rng.u64(1..most);
                self.happened += count;
                self.commands.push(Say::Happenings(count));
                self.trace.push(format!("{count} happen, {} in all", self.happened));
            }
            3..6 => self.sample(),
            6 => self.people[who].stalls ^= true,
            7 => {
                if let Some(wire) = self.people[who].wire.take() {
                    if self.rng.bool() {
                        wire.borrow_mut().client_reset()
                    } else {
                        wire.borrow_mut().client_end()
                    }
                    self.people[who].leave();
                }
                self.trace.push(format!("{who} leaves"));
            }
            8..11 => self.come(who),
            11 => {
                let time = Duration::from_millis(self.rng.u64(..3_000));
                self.pass(time)?;
            }
            _ => {
                let mut rng = self.rng.fork();
                self.people[who].act(&mut rng)?;
            }
        }
        // A driver sleeps while there is no reason to run.
        if self.has_reason() && self.rng.bool() { self.turn() } else { Ok(()) }
    }

    fn sample(&mut self) {
        self.samples += 1;
        self.commands.push(Say::Sample(self.samples));
    }

    fn come(&mut self, who: usize) {
        let person = &mut self.people[who];
        if person.wire.is_some() {
            return;
        }
        let wire = Wire::new(&mut self.rng, S);
        let last = person.last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
        person.to_send = format!("GET /events HTTP/1.1\r\nHost: x\r\n{last}\r\n").into_bytes();
        person.wire = Some(Rc::clone(&wire));
        person.asking = Duration::ZERO;
        self.arriving.push(wire);
        self.trace.push(format!("{who} comes, behind {:?}", self.people[who].last));
    }

    fn has_reason(&self) -> bool {
        let ready = |wire: &Wire| !wire.dropped && (wire.readable || wire.writable);
        !self.arriving.is_empty()
            || !self.commands.is_empty()
            || self.wires.iter().any(|(_, wire)| ready(&wire.borrow()))
            || self.engine.has_work()
            || self.engine.next_deadline().is_some_and(|due| due <= self.now)
    }

    fn turn(&mut self) -> Result<(), String> {
        self.engine.begin(at(self.now));
        let mut busy = !self.arriving.is_empty() || !self.commands.is_empty();
        for wire in mem::take(&mut self.arriving) {
            let transport = SimTransport::new(Rc::clone(&wire), self.rng.bool());
            let addr = SocketAddr::from(([10, 0, 0, 1], 4_000));
            if let Some(id) = self.engine.admit(transport, addr, false) {
                self.wires.push((id, wire));
            }
        }
        self.wires.retain(|(_, wire)| !wire.borrow().dropped);
        for (id, wire) in &self.wires {
            let (readable, writable, hung_up) = {
                let mut wire = wire.borrow_mut();
                let take = mem::take;
                (take(&mut wire.readable), take(&mut wire.writable), take(&mut wire.hung_up))
            };
            busy |= readable || writable;
            if readable {
                self.engine.readable(id.slot, hung_up);
            }
            if writable {
                self.engine.writable(id.slot);
            }
        }
        for say in mem::take(&mut self.commands) {
            let command = Foreign::<dyn Any + Send>::new(Box::new(say));
            self.engine.command(Command::Contract { mount: MountId(0), command });
        }
        self.engine.run();
        self.idle_turns = if busy { 0 } else { self.idle_turns + 1 };
        if self.idle_turns > 500 {
            return Err("the loop spins".into());
        }
        self.engine.check()
    }

    /// Time passes; what is due meanwhile is done in time.
    fn pass(&mut self, time: Duration) -> Result<(), String> {
        let end = self.now + time;
        self.people.iter_mut().filter(|person| !person.in_body).for_each(|person| person.asking += time);
        while let Some(due) = self.engine.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.turn()?;
        }
        self.now = end;
        Ok(())
    }

    /// Everybody reads what there is, until nothing happens any more. No time passes.
    fn settle(&mut self) -> Result<(), String> {
        // What was missed may be a mebibyte, and a wire may take a few bytes at a time; and it may hold more than one read takes.
        until_rest(500_000, 21, || {
            for person in &mut self.people {
                person.stalls = false;
                person.act(&mut self.rng)?;
            }
            let owed = self.people.iter().any(|person| !person.to_send.is_empty());
            let busy = self.has_reason() || owed;
            if busy {
                self.turn()?;
            }
            Ok(busy)
        })
    }

    fn check_settled(&self) -> Result<(), String> {
        for (who, person) in self.people.iter().enumerate().filter(|(_, person)| person.wire.is_some()) {
            if person.last != Some(self.happened) {
                return Err(format!("{who} has heard of {:?}, and {} happened", person.last, self.happened));
            }
        }
        Ok(())
    }
}

impl<const S: bool> Life for World<S> {
    fn live(&mut self) -> Result<(), String> {
        for _ in 0..self.rng.usize(2..5) {
            for _ in 0..STEPS / 4 {
                self.step()?;
            }
            self.settle()?;
            self.check_settled()?;
        }
        (0..self.people.len()).for_each(|who| self.come(who));
        self.settle()?;
        self.check_settled()?;
        // The newest sample comes to all, when its time has come.
        self.sample();
        self.settle()?;
        self.pass(Duration::from_millis(250))?;
        self.settle()?;
        if let Some(person) = self.people.iter().find(|person| person.sample != self.samples) {
            return Err(format!("sample {} was told last, of {}", person.sample, self.samples));
        }
        // Who has left without a word is gone by then, and so is who did not read meanwhile. At a stop streams end by themselves, whole.
        self.pass(Duration::from_secs(11))?;
        self.settle()?;
        (0..self.people.len()).for_each(|who| self.come(who));
        self.settle()?;
        self.engine.begin(at(self.now));
        self.engine.stop();
        self.settle()?;
        self.pass(Duration::from_secs(11))?;
        self.settle()?;
        if !self.engine.is_drained() || self.people.iter().any(|person| !person.over) {
            return Err("a stream did not end as it should".into());
        }
        Ok(())
    }

    fn trace(&self) -> Vec<String> {
        self.trace.clone()
    }
}

fn at(tick: Tick) -> Now {
    Now { tick, wall: Wall::from_millis(1_700_000_000_000 + (tick.as_nanos() / 1_000_000) as i64) }
}

#[test]
fn every_watching_seed_keeps_the_rules() {
    seeds::run_all("every_watching_seed", &[], SEEDS_DEFAULT, |seed, trace| {
        let mut rng = fastrand::Rng::with_seed(seed);
        match rng.u8(0..4) {
            0 => seeds::live(World::<false>::new(rng), trace),
            _ => seeds::live(World::<true>::new(rng), trace),
        }
    });
}
