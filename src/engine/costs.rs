//! What an engine may cost: the numbers behind the memory ceiling.

use super::{
    command::Command,
    event::{Client, Event},
    ledger::Ledger,
    outbound::{Outbound, StateKey},
    peer::{Peer, SubRef},
    queue,
    slots::Slots,
};
use crate::{
    contracts::store::{StoreError, record::Record},
    ground::{
        close::Closed,
        id::{ConnId, MountId, RecordTicket},
        limits::{
            CLIENT_PATH_MAX, KEYED_BYTES_MAX, KEYS_PER_TOPIC_MAX, LOG_BYTES_MIN, Limits, READ_BUFFER_BYTES,
            SLOT_CHUNK, SPARE_OUTBOXES,
        },
        time::Tick,
    },
    hub::{
        board::Subscriber,
        deadlines::Deadlines,
        log::Log,
        outbox::Outbox,
        topic::{SnapshotSource, Topic},
    },
};
use core::net::IpAddr;
use std::sync::Arc;

/// What an engine and its queues take, beside the budgets that its limits name.
pub(crate) struct Costs {
    pub(crate) per_connection: usize,
    pub(crate) fixed: usize,
    pub(crate) per_command: usize,
    pub(crate) per_event: usize,
    pub(crate) per_record: usize,
    /// Lossless events beyond the queue.
    pub(crate) backlog: usize,
}

impl Costs {
    /// Every table grows by doubling, so that each entry may stand for two, and a third while it is being moved.
    const GROWTH: usize = 3;

    pub(crate) fn of(limits: &Limits, host_topics: impl Iterator<Item = Topic>) -> Self {
        // With its part in the table of frames that somebody has begun.
        let per_subscription = size_of::<Subscriber>() + size_of::<SubRef>() + size_of::<(u64, Arc<[u8]>)>();
        let lists =
            3 * size_of::<u32>() + 2 * size_of::<ConnId>() + size_of::<(u32, ConnId, MountId, Closed)>();
        let maps = 2 * size_of::<(IpAddr, u32)>()
            + 4 * size_of::<(Tick, ConnId)>()
            + size_of::<StateKey>()
            + 2 * size_of::<(usize, u32)>();
        let per_connection = Slots::<Peer<[usize; 4]>>::bytes_for(1)
            .div_ceil(SLOT_CHUNK)
            + size_of::<Outbox>()
            + Self::GROWTH
                * (Deadlines::<{ queue::COUNT }>::bytes_for(1)
                    + limits.subscriptions * per_subscription
                    + lists
                    + maps
                    + 2 * size_of::<Event>())
            // An opening that the host has not taken yet.
            + size_of::<Client>() + CLIENT_PATH_MAX + 64
            // What is allocated beside the budgets while a request is looked at: its phase, a small answer.
            + 1_024;
        // Each log with its index; the newest value and the snapshot of each topic beside it. A log is at least so large that there are not more topics.
        let logs = Log::bytes_for(limits.log_bytes_total);
        let topics = limits.topics.min(limits.log_bytes_total / LOG_BYTES_MIN);
        let retained = limits.log_bytes_total / 4;
        // The newest value of each of the host's topics, waiting for the loop.
        // Of a keyed one each key has a slot, in a map that is copied when a key is added, though not the keys' names.
        let per_key = size_of::<(Box<str>, usize)>() * 4 + 128;
        let latest: usize = host_topics
            .map(|topic| match topic.source {
                SnapshotSource::Keyed => 3 * KEYED_BYTES_MAX + KEYS_PER_TOPIC_MAX * per_key,
                _ => topic.frame_bytes_max(),
            })
            .sum();
        let keyed = topics * 1_024 + limits.log_bytes_total.min(topics * KEYED_BYTES_MAX);
        let spare = SPARE_OUTBOXES * (32 << 10);
        Self {
            per_connection,
            fixed: logs + retained + latest + keyed + spare + READ_BUFFER_BYTES + (1 << 20),
            per_command: size_of::<Command>() + 64,
            backlog: Outbound::backlog_max(limits),
            per_event: size_of::<Event>() + 64,
            // In the queue, with its weight, and in the ledger; an outcome of its own, and as many words of a store that is down. Its texts are three
            // allocations.
            per_record: size_of::<(Record, usize)>()
                + 3 * 16
                + Self::GROWTH * Ledger::BYTES_PER_RECORD
                + 2 * size_of::<(RecordTicket, Result<(), StoreError>)>()
                + 64,
        }
    }
}
