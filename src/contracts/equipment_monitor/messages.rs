//! The monitor's messages, written one after another into one buffer.

use super::fragments::Fragments;
use crate::{
    ground::time::Wall,
    hub::tags::{scan::TagScan, view::EquipmentView},
};
use std::fmt::Write as _;

/// What a `connection_status` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    Connected,
    /// The host's source is lost.
    SourceLost,
    SourceBack,
    /// The server is about to close.
    Closing,
}

impl Connection {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Connected => ("connected", "WebSocket connected successfully"),
            Self::SourceLost => ("error", "The source of the equipment data is lost"),
            Self::SourceBack => ("connected", "The source of the equipment data is back"),
            Self::Closing => ("disconnected", "The server is shutting down"),
        }
    }
}

/// Writes `connection_status`, with the equipment for a newcomer.
pub(super) fn connection(
    now: Wall,
    status: Connection,
    equipment: Option<impl FnOnce(&mut String)>,
    out: &mut String,
) {
    let (status, message) = status.words();
    out.clear();
    let _ = write!(
        out,
        "{{\"type\":\"connection_status\",\"timestamp\":\"{now}\",\"status\":\"{status}\",\"message\":\"{message}\""
    );
    if let Some(equipment) = equipment {
        out.push_str(",\"equipment\":[");
        equipment(out);
        out.push(']');
    }
    out.push('}');
}

/// Writes `equipment_status`; with `seq`, the number of the last `equipment_changes` that it has in it.
pub(super) fn status(now: Wall, seq: Option<u64>, equipment: impl FnOnce(&mut String), out: &mut String) {
    out.clear();
    let _ = write!(out, "{{\"type\":\"equipment_status\",\"timestamp\":\"{now}\"");
    if let Some(seq) = seq {
        let _ = write!(out, ",\"seq\":{seq}");
    }
    out.push_str(",\"equipment\":[");
    equipment(out);
    out.push_str("]}");
}

/// Writes `equipment_changes`.
pub(super) fn changes(now: Wall, seq: u64, equipment: impl FnOnce(&mut String), out: &mut String) {
    out.clear();
    let _ =
        write!(out, "{{\"type\":\"equipment_changes\",\"timestamp\":\"{now}\",\"seq\":{seq},\"equipment\":[");
    equipment(out);
    out.push_str("]}");
}

/// Writes `gap`: the first and the last number that were missed.
pub(super) fn gap(from: u64, to: u64, out: &mut String) {
    out.clear();
    let _ = write!(out, "{{\"type\":\"gap\",\"from\":{from},\"to\":{to}}}");
}

pub(super) fn pong(now: Wall, out: &mut String) {
    out.clear();
    let _ = write!(out, "{{\"type\":\"pong\",\"timestamp\":\"{now}\"}}");
}

/// Writes the JSON of some equipment with commas between.
pub(super) fn list<'a>(
    equipment: impl Iterator<Item = EquipmentView<'a>>,
    fragments: &mut Fragments,
    look: u64,
    out: &mut String,
) {
    for (index, view) in equipment.enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(fragments.of(&view, look));
    }
}

/// The equipment in these slots, or all.
pub(super) fn select<'a>(
    scan: &'a TagScan,
    slots: Option<&'a [u32]>,
) -> impl Iterator<Item = EquipmentView<'a>> {
    let some = slots.into_iter().flatten().filter_map(|&slot| scan.at(slot));
    let all = slots.is_none().then(|| scan.equipment()).into_iter().flatten();
    some.chain(all)
}
