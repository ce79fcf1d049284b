//! A configuration that cannot be wrong, and what it may cost.

use crate::{
    contracts::store::Store,
    engine::{costs::Costs, settings::Settings},
    ground::{
        foreign::Foreign,
        limits::{Limits, READ_BUFFER_BYTES, RECORD_BATCH_MAX},
    },
    runtime::thread::ThreadSettings,
};
use core::net::SocketAddr;
use std::{fmt, time::Duration};

/// What [`Builder::build`](crate::Builder::build) made: checked, ready to start.
pub struct Config {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) send_buffer_bytes: Option<usize>,
    pub(super) stop_timeout: Duration,
    pub(super) store: Option<Foreign<dyn Store>>,
    pub(super) thread: ThreadSettings,
    pub(super) settings: Settings,
    #[cfg(feature = "contracts")]
    pub(super) device_sessions: Vec<crate::ground::id::MountId>,
    #[cfg(feature = "contracts")]
    pub(super) hub: Option<super::hub_plan::HubPlan>,
    #[cfg(feature = "contracts")]
    pub(super) guided: Option<super::guided_plan::GuidedPlan>,
    #[cfg(feature = "board")]
    pub(super) board: Option<std::sync::Arc<super::board::late::Late>>,
}

impl Config {
    /// The limits, defaults filled in: also that of [`Limits::connections`].
    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// The most memory that the server will allocate, in bytes, whatever its clients do. What it does not count: what
    /// gates, routes and stores of the host allocate themselves, and contracts that do not
    /// [say it](crate::ContractFactory::memory_ceiling); the kernel's socket buffers, and the thread's stack.
    ///
    /// It is a ceiling, reached only if everything is full at once: every slot taken, every log written to, every
    /// queue and budget spent.
    pub fn memory_ceiling(&self) -> usize {
        let limits = &self.settings.limits;
        let (connections, message_bytes) = (limits.connections_max(), limits.message_bytes);
        let Costs { per_connection, fixed, per_command, per_event, per_record, backlog } =
            Costs::of(limits, self.settings.topics.iter().map(|(_, topic)| *topic));
        // In the mailbox; and held for mounts that must wait, in queues that grow by doubling, the last one beyond the bound.
        let commands = (3 * limits.commands * per_command) + 3 * limits.command_bytes;
        let queues = commands
            + if self.settings.events.bits() == 0 {
                0
            } else {
                limits.events * per_event + limits.event_bytes + backlog
            }
            + if self.store.is_none() {
                0
            } else {
                // And the batch in the store's hands, which grows by doubling.
                limits.records * per_record
                    + limits.record_bytes
                    + 2 * limits.records.min(RECORD_BATCH_MAX) * per_record
            };
        let budgets = limits
            .partial_bytes_total
            // A lane grows by doubling.
            .saturating_add(limits.outbox_bytes_total.saturating_mul(2))
            .saturating_add(limits.detached_bytes_total);
        // While one message is handled: its bytes being moved to a larger buffer, its copy in the effects, and the growth of both.
        let in_hand = 6 * message_bytes + 2 * READ_BUFFER_BYTES;
        let fixed = (connections * per_connection).saturating_add(fixed).saturating_add(in_hand);
        let contracts = self.settings.mounts.iter().map(|mount| mount.factory.memory_ceiling(limits));
        let contracts = contracts.fold(0, usize::saturating_add);
        #[cfg(feature = "board")]
        let board = self.board.as_ref().map_or(0, |late| late.memory_ceiling(limits, per_command));
        #[cfg(not(feature = "board"))]
        let board = 0;
        fixed.saturating_add(queues).saturating_add(budgets).saturating_add(contracts).saturating_add(board)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("addresses", &self.addresses)
            .field("limits", &self.settings.limits)
            .finish_non_exhaustive()
    }
}
