//! docs/settings.md has every setting there is, and none that there is not; of `Limits` also the defaults.
#![cfg(all(feature = "board", target_pointer_width = "64"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use andon::Limits;
use std::{collections::BTreeSet, fs, path::Path};

/// Where the settings of each section are made, and what begins there.
const SOURCES: [(&str, &str, &str); 20] = [
    ("Builder", "src/host/builder.rs", "impl Builder"),
    ("MountOptions", "src/host/options.rs", "impl MountOptions"),
    ("RouteOptions", "src/host/options.rs", "impl RouteOptions"),
    ("Gates", "src/contracts/gates/carrier.rs", "macro_rules! carried"),
    ("JwtGate", "src/contracts/gates/jwt.rs", "impl JwtGate"),
    ("JwtKey", "src/contracts/gates/jwt/key.rs", "impl JwtKey"),
    ("Identity", "src/hub/identity.rs", "impl Identity"),
    ("Topic", "src/hub/topic.rs", "impl Topic"),
    ("BoardConfig", "src/host/board/config.rs", "impl BoardConfig"),
    ("EquipmentMonitor", "src/contracts/equipment_monitor.rs", "impl EquipmentMonitor"),
    ("TagsBuilder", "src/hub/tags/builder.rs", "impl TagsBuilder"),
    ("Equipment", "src/hub/tags/equipment.rs", "impl Equipment"),
    ("TopicHubConfig", "src/contracts/topic_hub/config.rs", "impl TopicHubConfig"),
    ("DeviceSessionsConfig", "src/contracts/device_sessions/config.rs", "impl DeviceSessionsConfig"),
    ("GuidedSessionsConfig", "src/contracts/guided_sessions/config.rs", "impl GuidedSessionsConfig"),
    ("GuidedSession", "src/contracts/guided_sessions/config.rs", "impl GuidedSession"),
    ("Subtask", "src/contracts/store/guided.rs", "impl Subtask"),
    ("GuidedTexts", "src/contracts/guided_sessions/texts.rs", "impl GuidedTexts"),
    ("SqliteStoreBuilder", "src/runtime/sqlite/settings.rs", "impl SqliteStoreBuilder"),
    ("Recordings", "src/host/recordings.rs", "impl Recordings"),
];

/// What is built up in the same way and sets nothing: requests of tests, answers, and what is asked of a store.
const NO_SETTINGS: [&str; 5] =
    ["impl OwnedRequest", "impl Admission", "impl Response", "impl SessionFilter", "impl Query"];

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The rows of a section, without its head.
fn rows<'p>(page: &'p str, section: &str) -> impl Iterator<Item = [&'p str; 2]> {
    let head = [format!("\n## `{section}`\n"), format!("\n## {section}\n")];
    let found = head.iter().find_map(|head| page.split_once(head));
    let (_, rest) = found.unwrap_or_else(|| panic!("no section `{section}`"));
    let body = rest.split("\n## ").next().unwrap();
    body.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let mut cells = line.split('|').skip(1).map(str::trim);
        [cells.next().unwrap(), cells.next().unwrap()]
    })
}

/// Methods that take a builder and give it back, by name, in what begins so.
fn settings(source: &str, begin: &str) -> BTreeSet<String> {
    let (_, rest) = source.split_once(&format!("\n{begin} {{\n")).unwrap_or_else(|| panic!("no {begin}"));
    let body = rest.split("\n}\n").next().unwrap().replace("pub const fn ", "pub fn ");
    let methods = body.split("    pub fn ").skip(1).filter_map(|method| {
        let (name, rest) = method.split_once('(')?;
        let takes_itself = ["self", "mut self"].iter().any(|word| rest.trim_start().starts_with(word));
        let (head, _) = rest.split_once('{')?;
        (takes_itself && head.contains("-> Self")).then(|| name.to_owned())
    });
    methods.collect()
}

/// All sources of the library.
fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, into);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            into.push(fs::read_to_string(&entry).unwrap());
        }
    }
}

#[test]
fn each_setting_has_a_row() {
    let page = file("docs/settings.md");
    for (of, source, begin) in SOURCES {
        let names = rows(&page, of).flat_map(|[names, _]| names.split(", "));
        let written: BTreeSet<_> = names.map(|name| name.trim_matches('`').to_owned()).collect();
        assert_eq!(
            written,
            settings(&file(source), begin),
            "{of}: what docs/settings.md has, and what there is"
        );
    }
}

/// Whatever else is built up by methods that give it back is missing above.
#[test]
fn each_builder_has_a_section() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let known: BTreeSet<_> =
        SOURCES.iter().map(|(_, _, begin)| *begin).chain(NO_SETTINGS).map(str::to_owned).collect();
    let mut there_are = BTreeSet::new();
    for source in &files {
        for line in source.lines() {
            let Some(begin) = line.strip_suffix(" {") else { continue };
            let is_one = ["impl ", "macro_rules! "].iter().any(|word| begin.starts_with(word));
            if is_one && !begin.contains(" for ") && !settings(source, begin).is_empty() {
                there_are.insert(begin.to_owned());
            }
        }
    }
    assert_eq!(known, there_are, "what the test compares, and what there is");
}

/// A name in C that the page gives is one of the header's: a function, or a struct and its field.
#[test]
fn the_names_in_c_are_true() {
    let (page, header) = (file("docs/settings.md"), file("include/andon.h"));
    let words = |text: &str| -> BTreeSet<String> {
        text.split(|c: char| c != '_' && !c.is_alphanumeric()).map(str::to_owned).collect()
    };
    let names = words(&header);
    for name in page.split('`').filter(|name| name.starts_with("andon_") && !name.ends_with('_')) {
        let Some((of, field)) = name.split_once('.') else {
            assert!(names.contains(name), "`{name}` is not in include/andon.h");
            continue;
        };
        let body = header.split_once(&format!("typedef struct {of} {{"));
        let (_, body) = body.unwrap_or_else(|| panic!("`{name}`: no such struct in include/andon.h"));
        let (body, _) = body.split_once(&format!("}} {of};")).unwrap();
        assert!(words(body).contains(field), "`{name}` is not in include/andon.h");
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
