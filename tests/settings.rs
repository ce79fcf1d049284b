//! docs/settings.md has every setting there is, and none that there is not; of `Limits` also the defaults.
#![cfg(all(feature = "board", target_pointer_width = "64"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use andon::Limits;
use std::{collections::BTreeSet, fs, path::Path};

/// Where the settings of each section are made.
const SOURCES: [(&str, &str); 9] = [
    ("Builder", "src/host/builder.rs"),
    ("MountOptions", "src/host/options.rs"),
    ("RouteOptions", "src/host/options.rs"),
    ("BoardConfig", "src/host/board/config.rs"),
    ("EquipmentMonitor", "src/contracts/equipment_monitor.rs"),
    ("TopicHubConfig", "src/contracts/topic_hub/config.rs"),
    ("DeviceSessionsConfig", "src/contracts/device_sessions/config.rs"),
    ("GuidedSessionsConfig", "src/contracts/guided_sessions/config.rs"),
    ("SqliteStoreBuilder", "src/runtime/sqlite/settings.rs"),
];

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The rows of a section, without its head.
fn rows<'p>(page: &'p str, section: &str) -> impl Iterator<Item = [&'p str; 2]> {
    let (_, rest) =
        page.split_once(&format!("\n## `{section}`\n")).unwrap_or_else(|| panic!("no section `{section}`"));
    let body = rest.split("\n## ").next().unwrap();
    body.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let mut cells = line.split('|').skip(1).map(str::trim);
        [cells.next().unwrap(), cells.next().unwrap()]
    })
}

/// Methods that take a builder and give it back, by name.
fn settings(source: &str, of: &str) -> BTreeSet<String> {
    let (_, rest) = source.split_once(&format!("\nimpl {of} {{\n")).unwrap_or_else(|| panic!("no impl {of}"));
    let body = rest.split("\n}\n").next().unwrap();
    let methods = body.split("    pub fn ").skip(1).filter_map(|method| {
        let (name, rest) = method.split_once('(')?;
        let takes_itself = ["self", "mut self"].iter().any(|word| rest.trim_start().starts_with(word));
        let (head, _) = rest.split_once('{')?;
        (takes_itself && head.contains("-> Self")).then(|| name.to_owned())
    });
    methods.collect()
}

#[test]
fn each_setting_has_a_row() {
    let page = file("docs/settings.md");
    for (of, source) in SOURCES {
        let names = rows(&page, of).flat_map(|[names, _]| names.split(", "));
        let written: BTreeSet<_> = names.map(|name| name.trim_matches('`').to_owned()).collect();
        assert_eq!(
            written,
            settings(&file(source), of),
            "{of}: what docs/settings.md has, and what there is"
        );
    }
}

#[test]
fn the_defaults_of_limits_are_true() {
    let page = file("docs/settings.md");
    let written = rows(&page, "Limits")
        .map(|[name, default]| format!("{}: {}", name.trim_matches('`'), default.trim_matches('`')));
    let default = format!("{:?}", Limits::default());
    let there_are = default.trim_start_matches("Limits { ").trim_end_matches(" }").split(", ");
    assert_eq!(
        written.collect::<Vec<_>>(),
        there_are.collect::<Vec<_>>(),
        "what docs/settings.md has, and what there is"
    );
}

/// What `--help` of the bring-up server lists is what the page does.
#[test]
fn the_flags_are_all_there() {
    let page = file("docs/settings.md");
    let (_, written) = page.split_once("\n## `bringup`\n").unwrap();
    let flags = |text: &str, quote: &str| -> BTreeSet<String> {
        let words = text.split(quote).filter(|word| word.starts_with("--") && word.len() > 2);
        words.map(str::to_owned).collect()
    };
    let mut there_are = flags(&file("examples/bringup.rs"), "\"");
    there_are.insert("--listen".into());
    let mut written = flags(written, "`");
    written.remove("--help");
    assert_eq!(written, there_are, "what docs/settings.md has, and what there is");
}
