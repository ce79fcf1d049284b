//! What a client asks for.

use super::{Settings, fragments::slot};
use crate::{
    hub::tags::scan::TagScan,
    wire::{json::object::quoted, request::Request, response::Response},
};
use std::{collections::HashMap, time::Duration};

/// The rates that a client may have, as periods in milliseconds, the slowest first.
const PERIODS_MILLIS: [u64; 8] = [5_000, 2_000, 1_000, 500, 200, 100, 50, 20];

/// When a view is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Every(Duration),
    /// As soon as something has changed, with at least so much time in between.
    OnChange(Duration),
}

/// What a view shows, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) pace: Pace,
    /// Only what has changed.
    pub(super) changes: bool,
    /// The slots of some equipment, in order; `None`: all.
    pub(super) equipment: Option<Box<[u32]>>,
}

impl Wish {
    /// What `request` asks for. What it asks for in vain is refused with an answer that names it.
    pub(super) fn of(request: &Request<'_>, settings: &Settings, scan: &TagScan) -> Result<Self, Response> {
        let changes = match request.query("mode").as_deref() {
            None | Some("full") => false,
            Some("changes") => true,
            Some(other) => return Err(refused("mode", "full or changes", other)),
        };
        let pace = match (request.query("rate").as_deref(), settings.on_change) {
            (None, Some(min_interval)) if changes => Pace::OnChange(min_interval),
            (None, _) => Pace::Every(settings.period),
            (Some(rate), _) => match rate.parse::<f64>() {
                Ok(rate) if rate > 0.0 => Pace::Every(period(rate)),
                _ => return Err(refused("rate", "a number of messages per second, from 0.2 to 50", rate)),
            },
        };
        let equipment = match request.query("equipment") {
            None => None,
            Some(codes) => Some(slots(&codes, scan).map_err(answer)?),
        };
        Ok(Self { pace, changes, equipment })
    }
}

/// The period of the next lower rate that is offered.
fn period(rate: f64) -> Duration {
    let offered = PERIODS_MILLIS.iter().rev().find(|&&millis| 1_000.0 / millis as f64 <= rate);
    Duration::from_millis(*offered.unwrap_or(&PERIODS_MILLIS[0]))
}

/// Where the equipment of these codes is; an error names the one that there is not.
pub(super) fn slots(codes: &str, scan: &TagScan) -> Result<Box<[u32]>, String> {
    let by_code: HashMap<_, _> = scan.equipment().map(|view| (view.code(), slot(view.id()) as u32)).collect();
    let mut slots = Vec::new();
    for code in codes.split(',').map(str::trim).filter(|code| !code.is_empty()) {
        match by_code.get(code) {
            Some(slot) => slots.push(*slot),
            None => return Err(expected("equipment", "codes of equipment that there is, with commas", code)),
        }
    }
    if slots.is_empty() {
        return Err(expected("equipment", "at least one code", codes));
    }
    slots.sort_unstable();
    slots.dedup();
    Ok(slots.into())
}

fn refused(name: &str, expected: &str, given: &str) -> Response {
    answer(self::expected(name, expected, given))
}

fn expected(name: &str, expected: &str, given: &str) -> String {
    format!("{name} must be {expected}; not {}", quoted(given))
}

fn answer(why: String) -> Response {
    Response::text(400, why + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_snap_down() {
        for (rate, millis) in [
            (0.01, 5_000),
            (0.2, 5_000),
            (0.49, 5_000),
            (0.5, 2_000),
            (1.0, 1_000),
            (1.99, 1_000),
            (3.0, 500),
            (7.0, 200),
            (19.9, 100),
            (20.0, 50),
            (50.0, 20),
            (1e9, 20),
        ] {
            assert_eq!(period(rate), Duration::from_millis(millis), "{rate}");
        }
    }
}
