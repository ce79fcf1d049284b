//! A store that fails, second by second.

use super::{ports::SimPorts, settings, transport::SimTransport};
use crate::{
    contracts::{
        contract::{Contract, Setup},
        effects::Effects,
        store::StoreError,
    },
    engine::{
        Engine,
        command::Command,
        event::{Event, EventMask},
        settings::{Door, MountSettings, Settings},
    },
    ground::{
        foreign::Foreign,
        frame::Message,
        id::{ConnId, MountId, RecordTicket},
        limits::Limits,
        time::{Now, Tick, Wall},
    },
};
use std::{
    any::Any,
    sync::{Arc, Mutex},
    time::Duration,
};

type Told = Arc<Mutex<Vec<(u64, Result<(), StoreError>)>>>;

/// Records when the host says so, and writes down what it is told.
struct Recorder(Told);

impl Contract for Recorder {
    fn message(&mut self, _: &mut Effects, _: ConnId, _: Message<'_>) {}

    fn command(&mut self, fx: &mut Effects, command: Box<dyn Any + Send>) {
        for _ in 0..*command.downcast::<usize>().unwrap() {
            fx.record("stream", "key", b"payload");
        }
    }

    fn recorded(&mut self, _: &mut Effects, ticket: RecordTicket, outcome: Result<(), &StoreError>) {
        self.0.lock().unwrap().push((ticket.0, outcome.map_err(Clone::clone)));
    }
}

struct Outage {
    engine: Engine<SimTransport<true>, SimPorts>,
    told: Told,
}

fn second(second: u64) -> Tick {
    Tick::ZERO + Duration::from_secs(second)
}

impl Outage {
    fn new(records: usize) -> Self {
        let limits = Limits { records, ..Limits::default() };
        let ports = SimPorts::new(&mut fastrand::Rng::with_seed(0), &limits);
        let told = Told::default();
        let recorder = Arc::clone(&told);
        let factory = move |_: &mut Setup<'_>| Recorder(Arc::clone(&recorder));
        let mount = MountSettings {
            pattern: "/".into(),
            factory: Foreign::new(Box::new(factory)),
            subprotocols: Vec::new(),
            connections_max: 1,
            refuses_while_stopping: false,
            door: Door::default(),
        };
        let settings = Settings {
            events: EventMask::HEALTH,
            mounts: vec![mount],
            store: Some(Vec::new()),
            ..settings::nothing(limits)
        };
        let now = Now { tick: second(0), wall: Wall::default() };
        Self { engine: Engine::new(settings, ports, Box::new(|| 0), now), told }
    }

    /// One turn, in which `what` happens.
    fn at(&mut self, at: u64, what: impl FnOnce(&mut Engine<SimTransport<true>, SimPorts>)) {
        self.engine.begin(Now { tick: second(at), wall: Wall::default() });
        what(&mut self.engine);
        self.engine.run();
        self.engine.check().unwrap();
    }

    fn record(&mut self, at: u64) {
        self.records(at, 1);
    }

    fn records(&mut self, at: u64, count: usize) {
        let command = Foreign::<dyn Any + Send>::new(Box::new(count));
        self.at(at, |engine| engine.command(Command::Contract { mount: MountId(0), command }));
    }

    fn told(&self) -> Vec<(u64, Result<(), StoreError>)> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    fn event(&mut self) -> Option<(bool, String)> {
        match self.engine.ports_mut().take_event()? {
            Event::Store { up, why } => Some((up, why)),
            other => panic!("{other:?}"),
        }
    }
}

fn down(why: &str) -> Result<(), StoreError> {
    Err(StoreError::Down(why.into()))
}

#[test]
fn a_store_that_is_down_is_given_up_after_ten_seconds_and_heals_by_itself() {
    let mut outage = Outage::new(10);
    outage.record(0);
    assert_eq!(outage.engine.next_deadline(), Some(second(10)), "the driver must look then");
    outage.at(4, |engine| engine.store_down("no room".into()));
    assert_eq!(outage.event(), Some((false, "no room".into())), "told at once");
    outage.record(9);
    assert!(outage.told().is_empty(), "it may come back");
    outage.at(10, |_| {});
    assert_eq!((outage.event(), outage.engine.next_deadline()), (None, None), "nothing more is waited for");
    outage.record(11);
    assert_eq!(outage.told(), [(3, down("no room"))], "told at once");
    assert_eq!(outage.engine.stats().records_refused, 1);
    // It has come back, and what it had all the time is committed.
    outage.at(60, |engine| engine.recorded(RecordTicket(2), Ok(())));
    assert_eq!(outage.told(), [(1, Ok(())), (2, Ok(()))]);
    assert_eq!(outage.event(), Some((true, String::new())));
    outage.record(61);
    outage.at(62, |engine| engine.recorded(RecordTicket(4), Ok(())));
    assert_eq!((outage.told(), outage.event()), (vec![(4, Ok(()))], None));
}

#[test]
fn a_store_that_says_nothing_is_spoken_for() {
    let mut outage = Outage::new(1);
    outage.records(0, 2);
    assert!(outage.told().is_empty(), "the refusal waits for its turn");
    // What comes now waits with the mount, until it is clear that the store does not answer.
    outage.record(1);
    assert_eq!(outage.engine.stats().records_refused, 1);
    outage.at(10, |_| {});
    assert_eq!(outage.event(), Some((false, "it has answered nothing for 10 s".into())));
    outage.at(11, |_| {});
    assert_eq!(outage.told(), [(3, down("it has answered nothing for 10 s"))]);
    outage.at(20, |engine| engine.recorded(RecordTicket(1), Ok(())));
    assert_eq!(outage.told(), [(1, Ok(())), (2, down("its queue is full"))]);
    assert_eq!(outage.event(), Some((true, String::new())));
}

/// Ten seconds are a batch's, not those of all that wait.
#[test]
fn a_slow_store_that_answers_is_not_given_up() {
    let mut outage = Outage::new(10);
    for _ in 0..3 {
        outage.record(0);
    }
    for ticket in 1..=3 {
        outage.at(9 * ticket, |engine| engine.recorded(RecordTicket(ticket), Ok(())));
    }
    assert_eq!((outage.told().len(), outage.event()), (3, None));
}
