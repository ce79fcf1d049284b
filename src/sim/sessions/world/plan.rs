//! What every engine of this world is built from, and how that is drawn.

use super::{
    super::{
        devices, lessons,
        truth::{SharedTruth, open},
        witness::{Judge, WitnessFactory},
    },
    DEVICES, LESSONS,
};
use crate::{
    contracts::{
        contract::ContractFactory,
        device_sessions::{
            DeviceSessionsFactory,
            config::{DeviceSessionsConfig, OnActive, RegisterSession},
        },
        gate::{Gate, Verdict},
        guided_sessions::{
            GuidedFactory,
            config::{GuidedSession, GuidedSessionsConfig},
        },
    },
    engine::{
        Engine,
        event::EventMask,
        router::Router,
        settings::{Door, MountSettings, Settings},
    },
    ground::{foreign::Foreign, id::MountId, limits::Limits, time::Now},
    hub::identity::Identity,
    sim::{ports::SimPorts, settings, transport::SimTransport},
    wire::{pattern::Pattern, request::Request},
};
use std::{sync::Arc, time::Duration};

/// What every engine of this world is built from.
pub(super) struct Plan {
    pub(super) limits: Limits,
    pub(super) devices: DeviceSessionsConfig,
    pub(super) has_store: bool,
    /// Chances in 1,000 for each batch that a record of it is rejected.
    pub(super) rejects: u16,
    /// Chances in 10,000 for each step that the power fails; that the server is stopped; that a contract is broken.
    pub(super) fails: u16,
    pub(super) stops: u16,
    pub(super) breaks: u16,
    /// Host and store keep up: then all is read that clients have sent before they leave.
    pub(super) calm: bool,
    pub(super) names: u32,
    /// How many of ten clients are devices.
    pub(super) robots: u8,
    pub(super) lessons: Vec<lessons::Plan>,
}

impl Plan {
    pub(super) fn draw(rng: &mut fastrand::Rng) -> Self {
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

    pub(super) fn guided(&self) -> GuidedSessionsConfig {
        let sessions =
            self.lessons.iter().map(|plan| guided_session(plan.code, plan.steps, &plan.instructors));
        sessions.fold(GuidedSessionsConfig::new(), GuidedSessionsConfig::session)
    }

    pub(super) fn engine<const S: bool>(
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
            events: EventMask::CONTRACTS | EventMask::HEALTH,
            router,
            mounts,
            store: self.has_store.then_some(saved),
            ..settings::nothing(self.limits.clone())
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

pub(super) fn guided_session(code: &str, steps: i64, instructors: &[i64]) -> GuidedSession {
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
