//! The memory that the endpoints take at their bounds.

use super::site::Shown;
use crate::{
    contracts::{feed::Feed, store::device::SessionRow},
    ground::limits::{
        DOWNLOADS_MAX, GUIDED_LISTED_BYTES_MAX, GZIP_BYTES_MAX, KEYED_BYTES_MAX, Limits, READS_MAX,
        SESSIONS_SHOWN_MAX, TOPIC_LISTED_BYTES_MAX,
    },
};

/// What of it depends on what is shown. Both are made one at a time: on the loop, or on the reader's thread where recordings are read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ceiling {
    /// The longest answer.
    answer_bytes: usize,
    /// The largest copy that a contract makes of what is under way.
    copy_bytes: usize,
}

impl Ceiling {
    pub(super) fn of(shown: &Shown) -> Self {
        let equipment = shown.monitor.as_ref().map_or(0, |(_, monitor)| monitor.list_bytes_max());
        let topics =
            shown.hub.as_ref().map_or(0, |hub| KEYED_BYTES_MAX + hub.topics.len() * TOPIC_LISTED_BYTES_MAX);
        let devices = shown.devices.as_ref().map_or(0, |devices| SESSIONS_SHOWN_MAX * devices.one_bytes_max);
        // The list is given up with the session that makes it too long.
        let guided = shown.guided.as_ref().map_or(0, |guided| guided.one_bytes_max + GUIDED_LISTED_BYTES_MAX);
        let copies = shown.devices.iter().map(|devices| devices.copy_bytes_max);
        let copies = copies.chain(shown.guided.iter().map(|guided| guided.copy_bytes_max));
        Self {
            answer_bytes: equipment.max(topics).max(devices).max(guided),
            copy_bytes: copies.max().unwrap_or(0),
        }
    }

    /// All of it, where a command that waits for the loop takes so much beside its content. The answers themselves are among what clients are owed.
    pub(super) fn bytes(self, limits: &Limits, per_command: usize) -> usize {
        /// A page of recorded samples, beside its last.
        const PAGE: usize = 1 << 20;
        /// Of an answer: its parts, its text that grows by doubling, and what it is compressed to.
        const PARTS: usize = 5;
        // With the compressor's own tables.
        let answer = self.answer_bytes.saturating_mul(PARTS).saturating_add(2 * GZIP_BYTES_MAX);
        // What is asked for, as the client sent it and taken apart.
        let waiting = limits.parked * (4 * limits.head_bytes + 1_024);
        // Those that were read and those under way, with their texts.
        let listings = READS_MAX * 2 * (SESSIONS_SHOWN_MAX + 1) * (size_of::<SessionRow>() + 512);
        let downloads = DOWNLOADS_MAX.saturating_mul(PAGE + 8 * limits.message_bytes);
        let commands = limits.own_commands() * per_command + limits.command_bytes;
        [answer, self.copy_bytes, 2 * Feed::BYTES_MAX, waiting, listings, downloads, commands]
            .into_iter()
            .fold(0, usize::saturating_add)
    }
}
