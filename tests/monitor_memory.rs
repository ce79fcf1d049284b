//! What an equipment monitor allocates: no more than it said before, with a full table, every view there may be, and clients that do not read.
//!
//! A binary of its own for its allocator.

#![cfg(feature = "contracts")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    ConnId, ContractFactory, Effect, Effects, Equipment, EquipmentMonitor, Hello, Identity, Method, Now,
    OwnedRequest, Placing, Server, Setup, SnapshotMessages, Stale, Tags, TagsBuilder, TopicId,
};
use std::{collections::HashSet, time::Duration};
use support::{
    Client,
    counting::{Counting, Meter},
    limits, stats_until,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const VIEWS: usize = 64;
const EQUIPMENT: usize = 4;
const TAGS: usize = 8;

/// Text of which each byte takes six in JSON, unlike that of other numbers.
fn worst(number: usize, len: usize) -> String {
    let digit = |at: u32| char::from(1 + (number >> (4 * at) & 7) as u8);
    (0..len as u32).map(|at| if at < 4 { digit(at) } else { '\u{1}' }).collect()
}

fn described() -> TagsBuilder {
    Tags::builder().equipment(Equipment::new("A", "", Stale::never())).room(EQUIPMENT, TAGS)
}

/// Fills all room that there is.
fn fill(tags: &Tags) {
    for n in 0..EQUIPMENT {
        let one = Equipment::new(worst(n, 256), worst(n, 256), Stale::after(Duration::from_secs(1)));
        let id = tags.declare(one.room_for_tags(TAGS)).unwrap();
        for n in 0..TAGS {
            let tag = tags.add_tag::<str>(id, &worst(n, 128)).unwrap();
            tags.set(tag, worst(n, 31).as_str()).unwrap();
        }
    }
}

/// Changes all equipment.
fn change(tags: &Tags, to: bool) {
    for code in ["A".to_owned()].into_iter().chain((0..EQUIPMENT).map(|n| worst(n, 256))) {
        tags.set(tags.equipment(&code).unwrap().status_tag(), to).unwrap();
    }
}

/// A query for each view: eight rates, in full and of changes, of all equipment and of all but one.
fn queries() -> Vec<String> {
    let rates = ["0.2", "0.5", "1", "2", "5", "10", "20", "50"];
    let modes = ["full", "changes"];
    let but = |left_out: usize| {
        let codes = (0..EQUIPMENT).filter(|n| *n != left_out).map(|n| worst(n, 256));
        let escape = |code: String| code.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        format!("&equipment=A,{}", codes.map(escape).collect::<Vec<_>>().join(","))
    };
    let codes = [String::new(), but(0), but(1), but(2)];
    let mut queries = Vec::new();
    for rate in rates {
        for mode in modes {
            queries.extend(codes.iter().map(|codes| format!("rate={rate}&mode={mode}{codes}")));
        }
    }
    assert_eq!(queries.len(), VIEWS);
    queries
}

/// Does what an engine does with the topics, and frees what was said.
fn carry_out(fx: &mut Effects, topics: &mut HashSet<TopicId>) {
    for effect in fx.drain() {
        match effect {
            Effect::Declare { topic, .. } => drop(topics.insert(topic)),
            Effect::Retire { topic } => drop(topics.remove(&topic)),
            _ => {}
        }
    }
}

#[test]
fn the_contract_keeps_its_ceiling() {
    let limits = limits(|limits| limits.connections = Some(VIEWS));
    let (meter, (queries, mut fx)) = Meter::start_after(|| (queries(), Effects::for_test(Now::default())));
    let mut topics = HashSet::new();
    let (tags, scan) = described().build().unwrap();
    let mut monitor = EquipmentMonitor::new(scan);
    let ceiling = monitor.memory_ceiling(&limits);
    let mut contract = monitor.build(&mut Setup::for_test(&mut fx, &[]));
    fill(&tags);
    carry_out(&mut fx, &mut topics);
    meter.forget_peak();
    let (mut at, nobody) = (Now::default(), Identity::default());
    for (n, query) in queries.iter().enumerate() {
        at.tick = at.tick + Duration::from_millis(3);
        fx.set_now(at);
        let peer = ConnId::from_bits(n as u64 + 1);
        OwnedRequest::new(Method::Get, &format!("/ws/monitor?{query}")).with(|request| {
            let hello = Hello::new(request, &nobody);
            assert!(contract.admit(&mut fx, peer, &hello).is_ok(), "{query}");
            contract.opened(&mut fx, peer, &hello);
        });
    }
    carry_out(&mut fx, &mut topics);
    for round in 0..10 {
        change(&tags, round % 2 == 0);
        if round % 4 == 0 {
            tags.source_lost();
        } else {
            tags.source_back();
        }
        // Every view is due, and in the end everything is stale.
        at.tick = at.tick + Duration::from_secs(10);
        fx.set_now(at);
        contract.deadline(&mut fx);
        for placing in [Placing::Newcomer, Placing::Laggard] {
            for topic in &topics {
                let mut out = SnapshotMessages::new();
                contract.gap(at, *topic, 0..1, &mut out);
                contract.snapshot(at, *topic, placing, &mut out);
            }
        }
        meter.judge(ceiling, ceiling / 4);
        carry_out(&mut fx, &mut topics);
        meter.forget_peak();
    }
}

#[test]
fn the_server_keeps_its_ceiling() {
    let limits = limits(|limits| {
        limits.connections = Some(VIEWS + 1);
        (limits.message_bytes, limits.frame_bytes) = (16 << 10, 16 << 10);
        (limits.partial_bytes_total, limits.outbox_bytes_total) = (1 << 20, 1 << 20);
        (limits.outbox_bytes, limits.detached_bytes_total) = (128 << 10, 16 << 20);
        (limits.topics, limits.log_bytes_total) = (2 * VIEWS, 64 << 20);
        (limits.commands, limits.command_bytes) = (16, 64 << 10);
    });
    let (meter, queries) = Meter::start_after(queries);
    let (tags, scan) = described().build().unwrap();
    let monitor = EquipmentMonitor::new(scan);
    let said = monitor.memory_ceiling(&limits);
    let bare = Server::builder().limits(limits.clone()).listen("127.0.0.1:0").build().unwrap();
    let builder = Server::builder().mount("/ws/monitor", monitor).limits(limits);
    let config = builder.send_buffer_bytes(8 << 10).listen("127.0.0.1:0").build().unwrap();
    let ceiling = config.memory_ceiling();
    assert_eq!(ceiling, bare.memory_ceiling() + said);
    drop(bare);
    let server = config.start().unwrap();
    let addr = server.local_addrs()[0];
    fill(&tags);
    // Nobody reads, once the connection is open.
    let clients: Vec<_> =
        queries.iter().map(|query| Client::open(addr, &format!("/ws/monitor?{query}"))).collect();
    let mut round = 0;
    stats_until(&server.handle(), "those who do not read lag, and are led forward", |stats| {
        round += 1;
        change(&tags, round % 2 == 0);
        stats.conflated > 10 && stats.skipped > 10
    });
    meter.judge(ceiling, 0);
    drop(clients);
}
