//! What is served, and within which limits.

use super::{
    super::contract::{Actor, Shared, Temper, open},
    HOST_TOPIC_NAMES, HOST_TOPICS, MOUNTS,
};
use crate::{
    contracts::{
        contract::Setup,
        gate::{Gate, Verdict},
        route::{Reply, RouteContext},
    },
    engine::{
        router::Router,
        settings::{Door, Entrance, MountSettings, RouteSettings},
    },
    ground::{foreign::Foreign, id::MountId, limits::Limits, time::Now},
    hub::identity::Identity,
    wire::{
        pattern::Pattern,
        request::{Method, Request},
        response::{Pulled, Response},
    },
};
use std::time::Duration;

/// Small ones, so that every bound is met.
pub(super) fn draw_limits(rng: &mut fastrand::Rng) -> Limits {
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
pub(super) fn serve(
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
