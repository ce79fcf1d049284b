//! The bring-up server's line of machines, minutes of it in no time.
#![cfg(all(unix, feature = "board", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../examples/bringup/simulation.rs"]
#[allow(dead_code, reason = "the line is all that is tried here")]
mod simulation;

use andon::{EquipmentStatus, Now, TagValue, Tick, Wall};
use simulation::line::Line;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

const STEP: Duration = Duration::from_millis(100);

/// Whoever looks for a few minutes has seen all that there is to be seen.
#[test]
fn a_few_minutes_show_every_status() {
    let (mut line, mut scan) = Line::build(17, Some(Duration::from_secs(5))).unwrap();
    let mut now = Now { tick: Tick::ZERO, wall: Wall::from_millis(1_762_165_845_000) };
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut recipes = BTreeSet::new();
    let mut silent_together = 0;
    for _ in 0..10 * 60 * 3 {
        line.step();
        now = Now { tick: now.tick + STEP, wall: Wall::from_millis(now.wall.as_millis() + 100) };
        scan.look(now);
        let mut silent = 0;
        for equipment in scan.equipment() {
            let status = equipment.status();
            seen.entry(status.to_string()).or_default().insert(equipment.code().to_owned());
            silent += usize::from(status == EquipmentStatus::Disconnected);
            for (name, value) in equipment.tags() {
                if let ("recipe", Some(TagValue::Text(recipe))) = (name, value) {
                    recipes.insert(recipe.to_owned());
                }
            }
        }
        if silent < 17 {
            silent_together = silent_together.max(silent);
        }
    }
    let words: Vec<_> = seen.keys().map(String::as_str).collect();
    assert_eq!(words, ["disconnected", "error", "idle", "running", "stopped"]);
    assert_eq!(seen["running"].len(), 17, "everybody works");
    assert_eq!(silent_together, 4, "a PLC has four machines, and they fall silent together");
    assert!(recipes.len() >= 2, "{recipes:?}");
}
