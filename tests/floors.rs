//! The house and its floors: who may use whom, what a pure floor may not name, where `unsafe` may stand. Read from the sources, so
//! that a rule of `docs/design.md` cannot be broken by accident.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The folders of `src`, from the bottom up.
const FLOORS: [&str; 8] = ["ground", "wire", "hub", "contracts", "engine", "runtime", "host", "ffi"];
/// The floors from here up may name threads, sockets, clocks and channels.
const FIRST_IMPURE: usize = 5;
/// What a pure floor does not name.
const IMPURE_WORDS: [&str; 11] = [
    "mio",
    "std::net",
    "std::thread",
    "thread::spawn",
    "crossbeam_channel",
    "std::sync::mpsc",
    "Instant::now",
    "SystemTime::now",
    "socket2",
    "libc",
    "rusqlite",
];
/// The rooms that hold unsafe code, with the reason in each.
const UNSAFE_ROOMS: [&str; 5] =
    ["hub/tags/copies.rs", "hub/tags/slot.rs", "wire/mask.rs", "runtime/descriptors.rs", "runtime/thread.rs"];

struct Room {
    /// Below `src`, with forward slashes.
    path: String,
    /// The source without comments and without its unit tests.
    code: String,
    raw: String,
}

fn rooms() -> Vec<Room> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let raw = fs::read_to_string(&file).expect("a source can be read");
            let path = file.strip_prefix(&src).expect("below src").to_string_lossy().replace('\\', "/");
            Room { code: without_comments_and_tests(&raw), raw, path }
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn without_comments_and_tests(raw: &str) -> String {
    let tests = raw.find("\n#[cfg(test)]\nmod tests {").unwrap_or(raw.len());
    raw[..tests]
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

fn floor_of(path: &str) -> Option<usize> {
    let folder = path.split('/').next()?;
    FLOORS.iter().position(|floor| *floor == folder)
}

/// Whether a file is compiled for tests only: the simulator, the property tests and their like.
fn is_test(path: &str) -> bool {
    path.starts_with("sim/")
        || path.contains("/tests")
        || path.ends_with("hostile.rs")
        || path.ends_with("oracle.rs")
}

/// Whether `word` stands in `code` as a word of its own.
fn names(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(|c| part(c) || c == ':') && !after.is_some_and(part)
    })
}

/// The folders of the crate that a source uses, by `crate::folder` or `crate::{folder::.., ..}`.
fn used_folders(code: &str) -> BTreeSet<&'static str> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let list =
            if let Some(inside) = rest.strip_prefix('{') { top_level_items(inside) } else { vec![rest] };
        for item in list {
            for floor in FLOORS {
                if item.trim_start().strip_prefix(floor).is_some_and(|next| next.starts_with(':')) {
                    used.insert(floor);
                }
            }
        }
    }
    used
}

/// The items of a braced list, up to its closing brace.
fn top_level_items(inside: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&inside[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items
}

#[test]
fn no_floor_uses_one_above_it() {
    let mut seen = 0;
    for room in rooms() {
        let Some(floor) = floor_of(&room.path).filter(|_| !is_test(&room.path)) else { continue };
        for used in used_folders(&room.code) {
            seen += 1;
            let at = FLOORS.iter().position(|f| *f == used).expect("one of the floors");
            assert!(at <= floor, "{} (floor {}) uses {used} (floor {at})", room.path, FLOORS[floor]);
        }
    }
    assert!(seen > 50, "the test has lost sight of the sources: it saw {seen} uses");
}

/// The siblings that a room uses by `super::sibling` or `super::{sibling::.., ..}`.
fn used_siblings(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("super::") {
        let rest = &code[at + "super::".len()..];
        let list = rest.strip_prefix('{').map_or_else(|| vec![rest], top_level_items);
        for item in list {
            let word: String =
                item.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if item.trim_start()[word.len()..].starts_with("::") {
                used.insert(word);
            }
        }
    }
    used
}

/// Rooms of one folder may use each other, but not in a circle.
#[test]
fn rooms_of_one_folder_make_no_circle() {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for room in rooms() {
        let Some((folder, file)) = room.path.rsplit_once('/') else { continue };
        if is_test(&room.path) || !FLOORS.contains(&folder) || file == "mod.rs" {
            continue;
        }
        let siblings = used_siblings(&room.code).into_iter().map(|sibling| format!("{folder}/{sibling}.rs"));
        edges.entry(room.path.clone()).or_default().extend(siblings.filter(|sibling| *sibling != room.path));
    }
    assert!(edges.values().map(BTreeSet::len).sum::<usize>() > 30, "the test has lost sight of the uses");
    // Rooms that use nothing that is left are taken away; what remains stands in circles.
    let mut left = edges;
    loop {
        let free: Vec<String> = left
            .iter()
            .filter(|(_, used)| !used.iter().any(|sibling| left.contains_key(sibling)))
            .map(|(room, _)| room.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        for room in free {
            left.remove(&room);
        }
    }
    assert!(left.is_empty(), "these use each other in a circle: {:?}", left.keys());
}

#[test]
fn pure_floors_name_no_sockets_clocks_threads_or_channels() {
    for room in rooms() {
        let Some(floor) = floor_of(&room.path).filter(|_| !is_test(&room.path)) else { continue };
        if floor >= FIRST_IMPURE {
            continue;
        }
        for word in IMPURE_WORDS {
            assert!(!names(&room.code, word), "{} names {word}, which belongs to the runtime", room.path);
        }
    }
}

#[test]
fn the_clock_is_read_in_one_room() {
    for room in rooms() {
        if room.path == "runtime/clock.rs" || is_test(&room.path) {
            continue;
        }
        for word in ["Instant::now", "SystemTime::now"] {
            assert!(!names(&room.code, word), "{} names {word}: the clock is runtime/clock.rs", room.path);
        }
    }
}

/// The payload of a panic and the drop of what panicked are the host's code again: one room knows.
#[test]
fn the_hosts_panics_are_caught_in_one_room() {
    for room in rooms() {
        let may = room.path == "ground/foreign.rs" || is_test(&room.path);
        assert!(may || !room.code.contains("catch_unwind"), "{}: use ground/foreign.rs", room.path);
    }
}

#[test]
fn unsafe_stands_only_where_it_is_needed_and_says_why() {
    let mut found = BTreeSet::new();
    for room in rooms() {
        if names(&room.code, "unsafe") {
            found.insert(room.path.clone());
            assert!(
                UNSAFE_ROOMS.contains(&room.path.as_str()) || room.path.starts_with("ffi/"),
                "{} holds unsafe code",
                room.path
            );
            let blocks = room.code.matches("unsafe {").count();
            let reasons = room.raw.matches("SAFETY:").count();
            assert!(reasons >= blocks, "{}: {blocks} unsafe blocks, {reasons} SAFETY lines", room.path);
        }
    }
    for room in UNSAFE_ROOMS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
        assert!(
            !path.exists() || found.contains(room),
            "{room} holds no unsafe code any more: take it off the list"
        );
    }
}

/// A room that is no floor's is a test's, or a mistake.
#[test]
fn every_file_has_a_floor() {
    for room in rooms() {
        let known = floor_of(&room.path).is_some() || is_test(&room.path) || room.path == "lib.rs";
        assert!(known, "src/{} stands on no floor", room.path);
    }
}

/// Folders are for several files.
#[test]
fn no_folder_holds_a_single_file() {
    let mut files: BTreeMap<String, usize> = BTreeMap::new();
    for room in rooms() {
        if let Some((folder, _)) = room.path.rsplit_once('/') {
            *files.entry(folder.to_owned()).or_default() += 1;
        }
        // A room's own file stands beside its folder.
        if let Some(folder) = room.path.strip_suffix(".rs") {
            *files.entry(folder.to_owned()).or_default() += 1;
        }
    }
    for (folder, count) in files {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(&folder);
        assert!(count > 1 || !path.is_dir(), "src/{folder} holds a single file");
    }
}

/// `docs/design.md` tabulates every bound with its policy and counter; the table names the limits and counters of the code, all of them.
#[test]
fn the_table_of_bounds_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let design = fs::read_to_string(root.join("docs/design.md")).expect("docs/design.md can be read");
    let limits = fs::read_to_string(root.join("src/ground/limits.rs")).expect("the limits can be read");
    let tag_counts = fs::read_to_string(root.join("src/hub/tags/counts.rs"))
        .expect("the tag table's counters can be read");
    let table = fs::read_to_string(root.join("src/contracts/gates/table.rs"))
        .expect("the table of identities can be read");
    let rows: Vec<Vec<&str>> = design
        .lines()
        .skip_while(|line| !line.starts_with("| queue "))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 15, "the table is gone from docs/design.md");
    let ticked =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut bounds = BTreeSet::new();
    for row in &rows {
        assert_eq!(row.len(), 4, "a row of queue, bound, policy and counter: {row:?}");
        for bound in ticked(row[1]) {
            let field = format!("pub {bound}: ");
            let constant = format!("const {bound}: ");
            assert!(
                limits.contains(&field) || limits.contains(&constant),
                "no limit is named {bound}: {row:?}"
            );
            bounds.insert(bound);
        }
        let counters = ticked(row[3]);
        // What never becomes part of a server is in no server's statistics.
        let is_an_error = row[2].starts_with("refused to whoever configures") && row[3].starts_with("none: ");
        assert!(!counters.is_empty() || is_an_error, "no counter for {row:?}");
        for counter in counters {
            assert!(
                andon::Stats::NAMES.contains(&counter.as_str())
                    || tag_counts.contains(&format!("pub {counter}: "))
                    || table.contains(&format!("pub fn {counter}(&self) -> u64")),
                "no counter is named {counter}: {row:?}"
            );
        }
    }
    // Every limit that a host can set is in the table; the time limits have their own section.
    let settable = limits
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "))
        .filter(|(_, kind)| kind.starts_with("usize") || kind.starts_with("Option<usize>"));
    for (name, _) in settable {
        assert!(bounds.contains(name), "the limit {name} is not in the table of docs/design.md");
    }
}
