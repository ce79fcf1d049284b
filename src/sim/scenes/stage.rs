//! A server with everything in its hands: its clients, its time, its host.

use super::{
    super::{ports::SimPorts, settings},
    guest::{End, Guest, Line, masked, upgrade},
};
use crate::{
    EventBody,
    contracts::route::RouteContext,
    engine::{
        Engine,
        command::Command,
        event::{Event, EventMask},
        router::Router,
        settings::{Door, Entrance, MountSettings, RouteSettings, Settings},
    },
    ground::{
        foreign::Foreign,
        id::MountId,
        limits::Limits,
        time::{Now, Tick, Wall},
    },
    wire::{
        pattern::Pattern,
        request::{Method, Request},
        response::{Pulled, Response},
    },
};
use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};

/// A server with everything in its hands.
pub(super) struct Stage {
    pub(super) engine: Engine<End, SimPorts>,
    pub(super) now: Tick,
}

impl Stage {
    /// One whose mounts, `/0` and so on, are made by these factories, beside a route `/wait` that says all there is room for and then nothing more, `/wait?quiet` without a word of that.
    pub(super) fn new(
        limits: Limits,
        mounts: Vec<Box<dyn crate::contracts::contract::ContractFactory>>,
    ) -> Self {
        let mut router = Router::default();
        let place =
            |router: &mut Router, path: &str, put: &mut dyn FnMut(&mut crate::engine::router::Place)| {
                put(router.place(Pattern::parse(path).unwrap()).1);
            };
        let mounts = mounts.into_iter().enumerate().map(|(index, factory)| {
            let factory = Foreign::new(factory);
            let pattern = format!("/{index}");
            place(&mut router, &pattern, &mut |place| place.mount = Some(MountId(index as u16)));
            let (door, subprotocols, connections_max) = (Door::default(), Vec::new(), usize::MAX);
            MountSettings {
                pattern,
                factory,
                door,
                subprotocols,
                connections_max,
                refuses_while_stopping: false,
            }
        });
        let mounts = mounts.collect();
        place(&mut router, "/wait", &mut |place| place.routes.push((Method::Get, 0)));
        let wait = |_: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
            let (mut first, quiet) = (true, request.raw_query().is_some());
            Response::stream(200, "text/plain", move |room: usize, out: &mut Vec<u8>| {
                if std::mem::take(&mut first) {
                    out.resize(room, b'.');
                    return Pulled::More;
                }
                if quiet { Pulled::More } else { Pulled::Wait }
            })
        };
        let entrance = Entrance::Own(Door::default());
        let routes = vec![RouteSettings { route: Foreign::new(Box::new(wait)), entrance }];
        let ports = SimPorts::new(&mut fastrand::Rng::with_seed(1), &limits);
        let settings = Settings {
            events: EventMask::ALL,
            router,
            mounts,
            routes,
            store: Some(Vec::new()),
            ..settings::nothing(limits)
        };
        let now = Tick::from_nanos(1_000_000_000);
        let engine = Engine::new(settings, ports, Box::new(|| 7), at(now));
        Self { engine, now }
    }

    /// One turn, and as many more as there is work for.
    pub(super) fn play(&mut self) {
        self.engine.begin(at(self.now));
        self.settle();
    }

    pub(super) fn settle(&mut self) {
        self.turn();
        while self.engine.has_work() {
            self.engine.begin(at(self.now));
            self.turn();
        }
    }

    pub(super) fn turn(&mut self) {
        self.engine.run();
        self.engine.check().unwrap();
    }

    /// Time passes; what is due meanwhile is done in time.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.engine.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.play();
        }
        self.now = end;
        self.play();
    }

    /// Many who upgrade at `/mount`, all at once.
    pub(super) fn crowd(&mut self, mount: usize, size: usize) -> Vec<Guest> {
        let guests: Vec<_> = (0..size).map(|_| self.arrive(&upgrade(mount))).collect();
        self.play();
        for guest in &guests {
            assert!(guest.take().starts_with(b"HTTP/1.1 101 "));
        }
        guests
    }

    pub(super) fn connect(&mut self, request: &str) -> Guest {
        let guest = self.arrive(request);
        self.play();
        guest
    }

    /// Somebody connects and says something, which is not looked at yet.
    pub(super) fn arrive(&mut self, request: &str) -> Guest {
        let line = Rc::new(RefCell::new(Line { room: usize::MAX, ..Line::default() }));
        let addr = SocketAddr::from(([10, 0, 0, 1], 4_000));
        self.engine.begin(at(self.now));
        let conn = self.engine.admit(End(line.clone()), addr, false).unwrap();
        let guest = Guest { line, conn };
        self.mutter(&guest, request.as_bytes());
        guest
    }

    /// Upgrades at `/mount`, and forgets the answer.
    pub(super) fn open(&mut self, mount: usize) -> Guest {
        let guest = self.connect(&upgrade(mount));
        let got = guest.take();
        let end = memchr::memmem::find(&got, b"\r\n\r\n").unwrap() + 4;
        assert!(got.starts_with(b"HTTP/1.1 101 "), "{}", got.escape_ascii());
        guest.line.borrow_mut().down.splice(..0, got[end..].iter().copied());
        guest
    }

    /// Bytes arrive, which are not looked at yet.
    pub(super) fn mutter(&mut self, guest: &Guest, bytes: &[u8]) {
        guest.line.borrow_mut().up.extend(bytes);
        self.engine.readable(guest.conn.slot, false);
    }

    pub(super) fn send(&mut self, guest: &Guest, bytes: &[u8]) {
        self.mutter(guest, bytes);
        self.play();
    }

    pub(super) fn say(&mut self, guest: &Guest, text: &str) {
        self.send(guest, &masked(text));
    }

    /// The client sends nothing more, which a poll sees.
    pub(super) fn hang_up(&mut self, guest: &Guest) {
        guest.line.borrow_mut().ended = true;
        self.engine.readable(guest.conn.slot, true);
        self.play();
    }

    pub(super) fn order(&mut self, mount: u16, command: &'static str) {
        self.engine
            .command(Command::Contract { mount: MountId(mount), command: Foreign::new(Box::new(command)) });
    }

    /// The host takes all events, also those that come when there is room. Returns the texts of the contracts' own.
    pub(super) fn take_all_events(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            let mut none = true;
            while let Some(event) = self.engine.ports_mut().take_event() {
                none = false;
                if let Event::Contract { body: EventBody::Custom(payload), .. } = event {
                    texts.push(String::from_utf8(payload.as_message().as_bytes().to_vec()).unwrap());
                }
            }
            if none {
                return texts;
            }
            self.play();
        }
    }
}

pub(super) fn at(tick: Tick) -> Now {
    Now { tick, wall: Wall::from_millis(1_700_000_000_000) }
}
