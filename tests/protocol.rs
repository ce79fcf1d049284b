//! `docs/protocol.md` says what truly goes over the wire: its tables and its examples agree with the transcripts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A contract's section, and, by direction, the heading of its tables.
struct Contract {
    section: &'static str,
    says: &'static str,
    gets: &'static str,
    /// What transcripts send to see what becomes of it: no message of a client's, or data under a name that only they know.
    made_up: &'static [&'static str],
}

const CONTRACTS: [Contract; 4] = [
    Contract {
        section: "## Equipment monitor",
        says: "### What a client of the monitor says",
        gets: "### What a client of the monitor gets",
        made_up: &["PING", "equipment_status", "other", "pong"],
    },
    Contract {
        section: "## Topic hub",
        says: "### What a client of the hub says",
        gets: "### What a client of the hub gets",
        made_up: &["error", "join", "nonsense", "shutdown", "subscribe", "update"],
    },
    Contract {
        section: "## Device sessions",
        says: "### What a device says",
        gets: "### What a device gets",
        made_up: &["battery", "hello", "lidar", "ping", "radar", "session_created"],
    },
    Contract {
        section: "## Guided sessions",
        says: "### What a participant says",
        gets: "### What a participant gets",
        made_up: &["dance", "device_register"],
    },
];

/// Whose path it is, of those where transcripts mount the contracts; `None`: of none of the four.
fn contract_at(path: &str) -> Option<usize> {
    match path.split('?').next().unwrap_or_default().trim_end_matches('/') {
        "/ws/monitor" => Some(0),
        "/ws/device" => Some(2),
        path if path.starts_with("/ws/sessions/") => Some(3),
        path if path.starts_with("/ws/") => Some(1),
        _ => None,
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("docs/protocol.md")).unwrap()
}

/// The page from this heading to the next of its level, or of a higher one.
fn part<'a>(page: &'a str, heading: &str) -> &'a str {
    let whole_line = format!("{heading}\n");
    let (_, rest) = page.split_once(&whole_line).unwrap_or_else(|| panic!("the page has no {heading:?}"));
    let level = heading.split(' ').next().unwrap().len();
    let ends = (1..=level).filter_map(|level| rest.find(&format!("\n{} ", "#".repeat(level))));
    &rest[..ends.min().unwrap_or(rest.len())]
}

/// What is in backquotes in a text.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The types that the tables of messages in a part of the page name: those whose first column is `message`.
fn types_in_tables(part: &str) -> BTreeSet<String> {
    let (mut types, mut of_messages) = (BTreeSet::new(), None);
    for line in part.lines() {
        let Some(first) = line.strip_prefix("| ").and_then(|line| line.split(" |").next()) else {
            of_messages = None;
            continue;
        };
        if *of_messages.get_or_insert(first == "message") {
            types.extend(quoted(first));
        }
    }
    types
}

/// The texts that stand behind this key in a text that may leave something of its JSON out; those that are no whole texts are nobody's.
fn values_of(key: &str, text: &str) -> Vec<String> {
    let key = format!("\"{key}\"");
    let behind = text.split(key.as_str()).skip(1);
    let values = behind.filter_map(|rest| rest.trim_start().strip_prefix(':')).map(str::trim_start);
    let values = values.filter(|value| value.starts_with('"'));
    let read = |value| serde_json::Deserializer::from_str(value).into_iter::<String>().next()?.ok();
    values.filter_map(read).collect()
}

/// The fields that the tables in a part of the page name, each with its message: those tables whose first columns are `field` and `in`.
fn fields_in_tables(part: &str) -> BTreeSet<(String, String)> {
    let types = types_in_tables(part);
    let (mut fields, mut of_fields) = (BTreeSet::new(), None);
    for line in part.lines() {
        let mut cells = line.strip_prefix("| ").unwrap_or_default().split(" | ");
        let (Some(field), Some(place)) = (cells.next(), cells.next()) else {
            of_fields = None;
            continue;
        };
        if *of_fields.get_or_insert((field, place) == ("field", "in")) && field != "field" {
            let named = quoted(place);
            let messages: BTreeSet<_> =
                if place.starts_with("all") { types.difference(&named).cloned().collect() } else { named };
            let pairs = quoted(field)
                .into_iter()
                .flat_map(|field| messages.iter().map(move |message| (message.clone(), field.clone())));
            fields.extend(pairs);
        }
    }
    fields
}

/// The type of a message and each of its other fields; what a transcript leaves out of it is not there.
fn fields_of(message: &str) -> Vec<(String, String)> {
    let whole = message.replace(", ..", "").replace("..", "");
    let Ok(object) = serde_json::from_str::<BTreeMap<String, serde_json::Value>>(&whole) else {
        return Vec::new();
    };
    let Some(kind) = object.get("type").and_then(|kind| kind.as_str()) else { return Vec::new() };
    object.keys().filter(|name| *name != "type").map(|name| (kind.to_owned(), name.clone())).collect()
}

/// What goes to and fro in the transcripts, of one contract.
#[derive(Default)]
struct Seen {
    said: BTreeSet<String>,
    got: BTreeSet<String>,
    /// What the server's messages have beside their types.
    fields: BTreeSet<(String, String)>,
    error_codes: BTreeSet<String>,
    close_codes: BTreeSet<String>,
    /// Every message as it stands.
    texts: BTreeSet<String>,
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { files_below(&entry, files) } else { files.push(entry) }
    }
}

fn transcripts() -> [Seen; 4] {
    let (mut seen, mut files) = (<[Seen; 4]>::default(), Vec::new());
    files_below(&root().join("tests/transcripts"), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut contract_of = BTreeMap::new();
        for line in text.lines().filter(|line| line.starts_with('@')) {
            let mut words = line.split_whitespace().skip(1);
            let (Some(who), Some(does)) = (words.next(), words.next()) else { continue };
            if does == "connects" {
                contract_of.insert(who, contract_at(words.next().unwrap()));
                continue;
            }
            let Some(&Some(contract)) = contract_of.get(who) else { continue };
            let seen: &mut Seen = &mut seen[contract];
            let message = line.split_once(&format!(" {does} ")).map_or("", |(_, message)| message);
            let message = message.trim_start().trim_start_matches("raw:").trim();
            match does {
                ">" => seen.said.extend(values_of("type", message)),
                "<" => {
                    seen.got.extend(values_of("type", message));
                    seen.fields.extend(fields_of(message));
                    seen.error_codes.extend(values_of("errorCode", message));
                }
                "closes" => {
                    seen.close_codes.insert(words.next().unwrap().to_owned());
                }
                _ => {}
            }
            if [">", "<"].contains(&does) {
                seen.texts.insert(message.to_owned());
            }
        }
    }
    seen
}

#[test]
fn the_tables_name_all_types_of_the_transcripts_and_no_others() {
    let page = page();
    for (contract, seen) in CONTRACTS.iter().zip(transcripts()) {
        let section = part(&page, contract.section);
        let made_up = contract.made_up.iter().map(|&name| name.to_owned()).collect();
        assert!(
            seen.said.is_superset(&made_up),
            "{}: no transcript sends one of {made_up:?}",
            contract.section
        );
        let said: BTreeSet<_> = seen.said.difference(&made_up).cloned().collect();
        assert_eq!(types_in_tables(part(section, contract.says)), said, "{}", contract.says);
        assert_eq!(types_in_tables(part(section, contract.gets)), seen.got, "{}", contract.gets);
    }
}

#[test]
fn the_tables_name_all_fields_of_the_servers_messages_and_no_others() {
    let page = page();
    for (contract, seen) in CONTRACTS.iter().zip(transcripts()) {
        // The hub's have the same three, whatever they say.
        if contract.section == "## Topic hub" {
            let names: BTreeSet<_> = seen.fields.iter().map(|(_, name)| name.as_str()).collect();
            assert_eq!(names, BTreeSet::from(["data", "topic"]));
            continue;
        }
        assert_eq!(fields_in_tables(part(part(&page, contract.section), contract.gets)), seen.fields);
    }
}

#[test]
fn codes_of_the_transcripts_are_on_the_page() {
    let page = page();
    let for_all = part(&page, "### Close codes");
    for (contract, seen) in CONTRACTS.iter().zip(transcripts()) {
        let section = part(&page, contract.section);
        for code in &seen.close_codes {
            assert!(for_all.contains(code.as_str()), "{code} of {} is not explained", contract.section);
        }
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let codes =
            rows.filter(|row| row.contains('_') && row.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        let codes: BTreeSet<_> = codes.map(str::to_owned).collect();
        assert_eq!(codes, seen.error_codes, "{}", contract.section);
    }
}

#[test]
fn every_example_stands_in_a_transcript() {
    let page = page();
    let examples_of = |part: &str| -> Vec<String> {
        let blocks = part.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("json\n"));
        blocks.flat_map(str::lines).map(str::to_owned).collect()
    };
    for (contract, seen) in CONTRACTS.iter().zip(transcripts()) {
        let section = part(&page, contract.section);
        for direction in [contract.says, contract.gets] {
            let examples = examples_of(part(section, direction));
            assert!(!examples.is_empty(), "{direction} has no example");
            for example in examples {
                assert!(seen.texts.contains(&example), "no transcript of {} has {example}", contract.section);
            }
        }
    }
}
