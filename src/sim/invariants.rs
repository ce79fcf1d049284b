//! What must hold after each turn, seen from outside. What must hold inside is checked by the engine's own `check`.

use super::transport::WIRE_BYTES_MAX;
use crate::ground::{
    counters::Stats,
    limits::{Limits, STREAM_BYTES},
};

/// The global budgets are kept, up to what the engine may exceed them by in one step:
///
/// - partial bytes: one read, at most all that is in a connection's pipe, is charged before the largest is shed, and what
///   grows is doubled;
/// - private bytes: a close frame and an answer are always taken, for each connection;
/// - detached bytes: the newest value of each topic is kept, at most a quarter of its log.
pub(super) fn budgets(stats: &Stats, limits: &Limits) -> Result<(), String> {
    let connections = limits.connections_max() as u64 + 64;
    let frame = 16 << 10;
    let partial = limits.partial_bytes_total + 2 * WIRE_BYTES_MAX;
    let outbox = limits.outbox_bytes_total as u64 + stats.connections * (STREAM_BYTES as u64 + frame);
    let detached = (limits.detached_bytes_total + limits.topics * (frame as usize)) as u64;
    let kept = [
        ("connections", stats.connections, connections),
        ("parked", stats.parked, limits.parked as u64),
        ("partial_bytes", stats.partial_bytes, partial as u64),
        ("outbox_bytes", stats.outbox_bytes, outbox),
        ("detached_bytes", stats.detached_bytes, detached),
    ];
    for (name, is, may) in kept {
        if is > may {
            return Err(format!("{name}: {is} are more than {may}"));
        }
    }
    Ok(())
}
