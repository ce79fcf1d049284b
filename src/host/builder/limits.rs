//! Limits, checked: each by itself and against the others, and the topics against them.

use super::Builder;
use crate::{
    ground::{
        error::ConfigError,
        limits::{
            CONNECTIONS_DEFAULT, CONNECTIONS_MAX, DESCRIPTORS_SPARED, EVENTS_MIN, LOG_BYTES_MIN, Limits,
            RECORD_WINDOW_MAX,
        },
    },
    hub::topic::{SnapshotSource, Topic},
    runtime::descriptors,
};
use std::time::Duration;

impl Builder {
    pub(super) fn checked_limits(&self) -> Result<Limits, ConfigError> {
        let bad = |name, why| Err(ConfigError::BadLimit { name, why });
        let mut limits = self.limits.clone();
        let connections = self.connections.or(limits.connections).unwrap_or_else(connections_default);
        limits.connections = Some(connections);
        let Limits { message_bytes, frame_bytes, outbox_bytes, .. } = limits;
        if connections == 0 || connections > CONNECTIONS_MAX {
            return bad("connections", "it must be from 1 to 1,048,576");
        }
        if limits.connections_per_address == 0 {
            return bad("connections_per_address", "it must be at least 1");
        }
        if frame_bytes == 0 || frame_bytes > message_bytes {
            return bad("frame_bytes", "it must be at least 1 and at most message_bytes");
        }
        if message_bytes > 1 << 30 {
            return bad("message_bytes", "it must be at most 1 GiB");
        }
        // Fragments are assembled beside the frame that is being received, and grow by doubling.
        if limits.partial_bytes_total / 4 < message_bytes {
            return bad(
                "partial_bytes_total",
                "it must be at least four times message_bytes, or one large message would be shed",
            );
        }
        if limits.head_bytes < 1_024 || limits.head_bytes > 1 << 20 {
            return bad("head_bytes", "it must be from 1 KiB to 1 MiB");
        }
        if limits.body_bytes > limits.partial_bytes_total / 4 {
            return bad("body_bytes", "it must be at most a quarter of partial_bytes_total");
        }
        if outbox_bytes < 16 << 10 {
            return bad("outbox_bytes", "it must be at least 16 KiB");
        }
        if limits.outbox_bytes_total < outbox_bytes {
            return bad("outbox_bytes_total", "it must be at least outbox_bytes");
        }
        if limits.subscriptions == 0 || limits.subscriptions > 1_024 {
            return bad("subscriptions", "it must be from 1 to 1,024");
        }
        if limits.log_bytes_total < LOG_BYTES_MIN && limits.topics > 0 {
            return bad("log_bytes_total", "it must be at least 64 KiB, the size of the smallest log");
        }
        if limits.commands == 0 || limits.command_bytes == 0 {
            return bad("commands", "commands and command_bytes must be at least 1");
        }
        if limits.events < EVENTS_MIN {
            return bad("events", "it must be at least 256");
        }
        if limits.event_bytes < 64 << 10 {
            return bad("event_bytes", "it must be at least 64 KiB");
        }
        if limits.records == 0 || limits.record_bytes == 0 {
            return bad("records", "records and record_bytes must be at least 1");
        }
        if limits.record_window > RECORD_WINDOW_MAX {
            return bad("record_window", "it must be at most 1 s");
        }
        for (name, wait) in [
            ("handshake", limits.handshake),
            ("parked_wait", limits.parked_wait),
            ("keep_alive", limits.keep_alive),
            ("pong_wait", limits.pong_wait),
            ("close_wait", limits.close_wait),
            ("ping_interval", limits.ping_interval.unwrap_or(Duration::from_secs(1))),
        ] {
            if wait < Duration::from_millis(1) {
                return bad(name, "it must be at least 1 ms");
            }
        }
        Ok(limits)
    }
}

/// As many as the process has descriptors for, up to a sensible number.
fn connections_default() -> usize {
    let Some(descriptors) = descriptors::soft_limit() else { return CONNECTIONS_DEFAULT };
    let spared = descriptors.saturating_sub(DESCRIPTORS_SPARED);
    // A process with fewer than 256 descriptors still gets some connections: half of what it has.
    CONNECTIONS_DEFAULT.min(spared.max(descriptors / 2)).max(1)
}

pub(super) fn check_topics(
    topics: &[(String, Topic)],
    limits: &Limits,
) -> Result<Vec<(String, Topic)>, ConfigError> {
    let mut bytes = 0;
    for (index, (name, topic)) in topics.iter().enumerate() {
        let bad = |why| Err(ConfigError::BadTopic { name: name.clone(), why });
        if topics[..index].iter().any(|(other, _)| other == name) {
            return Err(ConfigError::TopicTaken { name: name.clone() });
        }
        if let Err(why) = topic.check() {
            return bad(why);
        }
        if topic.source == SnapshotSource::Contract {
            return bad("its snapshot would come from a contract, but the host declares it");
        }
        bytes += topic.log_bytes;
        if bytes > limits.log_bytes_total {
            return bad(
                "the logs of the topics exceed log_bytes_total: raise it, or give topics smaller logs",
            );
        }
        if index >= limits.topics {
            return bad("there are more topics than the limit `topics` allows: raise it");
        }
    }
    Ok(topics.to_vec())
}
