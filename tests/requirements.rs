//! What the contracts must do on the wire and in the file has numbers, such as MON-10: each is shown by a transcript, which its file is named after, or by a test whose comment names it.
//! The transcripts' own tests see that each contract has all of those that concern it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Whose requirements they are, and how many there are.
const FAMILIES: [(&str, u32, &str); 6] = [
    ("ALL", 8, "every contract"),
    ("DEV", 14, "device sessions"),
    ("MON", 10, "the equipment monitor"),
    ("TOP", 12, "the topic hub"),
    ("GUI", 13, "guided sessions"),
    ("REC", 6, "what is recorded"),
];

/// A family's place, and a number in it.
type Id = (usize, u32);

fn name((family, number): Id) -> String {
    format!("{}-{number}", FAMILIES[family].0)
}

fn exists((family, number): Id) -> bool {
    (1..=FAMILIES[family].1).contains(&number)
}

/// All that look like one of these in a text.
fn ids_in(text: &str) -> Vec<Id> {
    let mut ids = Vec::new();
    for (family, (prefix, ..)) in FAMILIES.iter().enumerate() {
        for (at, _) in text.match_indices(prefix) {
            let begins = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
            let Some(rest) = text[at + prefix.len()..].strip_prefix('-').filter(|_| begins) else { continue };
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            if let Ok(number) = rest[..end].parse() {
                ids.push((family, number));
            }
        }
    }
    ids
}

/// Those that the comments of tests name: of a file as a whole, or above a test.
fn ids_of_tests(source: &str) -> Vec<Id> {
    let (mut ids, mut above) = (Vec::new(), Vec::new());
    for line in source.lines().map(str::trim) {
        if line.starts_with("//!") {
            ids.extend(ids_in(line));
        } else if line.starts_with("///") {
            above.extend(ids_in(line));
        } else if line == "#[test]" {
            ids.append(&mut above);
        } else if !line.starts_with("#[") {
            above.clear();
        }
    }
    ids
}

/// The one that a transcript's file is named after, if it is of these families.
fn id_of_transcript(file: &Path) -> Option<Id> {
    let mut words = file.file_name()?.to_str()?.split('-');
    let (family, number) = (words.next()?.to_uppercase(), words.next()?);
    ids_in(&format!("{family}-{number}")).pop()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    const NOT_OURS: [&str; 2] = ["node_modules", ".venv"];
    const READ: [&str; 7] = ["rs", "md", "txt", "mjs", "js", "py", "c"];
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !NOT_OURS.contains(&name) {
            collect(&path, files);
        } else if path.extension().is_some_and(|kind| READ.iter().any(|read| kind == *read)) {
            files.push(path);
        }
    }
}

/// Files in these folders, with what is in them.
fn sources<const N: usize>(folders: [&str; N]) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in folders {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    // This one names some to test itself.
    files.retain(|file| !file.ends_with(file!()));
    files.into_iter().map(|file| (file.clone(), fs::read_to_string(file).expect("it can be read"))).collect()
}

#[test]
fn each_requirement_is_shown_by_a_transcript_or_a_test() {
    let mut shown = BTreeSet::new();
    for (file, text) in sources(["tests"]) {
        match file.extension().and_then(|kind| kind.to_str()) {
            Some("txt") => shown.extend(id_of_transcript(&file)),
            Some("rs") => shown.extend(ids_of_tests(&text)),
            _ => {}
        }
    }
    let all = FAMILIES
        .iter()
        .enumerate()
        .flat_map(|(family, (_, count, _))| (1..=*count).map(move |n| (family, n)));
    let missing: Vec<_> = all
        .filter(|id| !shown.contains(id))
        .map(|id| format!("{} of {}", name(id), FAMILIES[id.0].2))
        .collect();
    assert!(
        missing.is_empty(),
        "nothing shows {}: write a transcript (tests/transcripts/CONTRACT/ID-WORDS.txt), or a test whose comment names it",
        missing.join(", ")
    );
}

#[test]
fn no_requirement_is_named_that_there_is_not() {
    let mut unknown = BTreeMap::<String, Vec<String>>::new();
    for (file, text) in sources(["src", "tests", "docs", "examples", "benches"]) {
        let named = ids_in(&text).into_iter().chain(id_of_transcript(&file));
        for id in named.filter(|id| !exists(*id)) {
            unknown.entry(name(id)).or_default().push(file.display().to_string());
        }
    }
    assert!(unknown.is_empty(), "there are no such requirements: {unknown:#?}");
}

/// Or the two above would pass whatever is there.
#[test]
fn requirements_are_recognised_where_they_stand() {
    let names = |ids: Vec<Id>| ids.into_iter().map(name).collect::<Vec<_>>();
    assert_eq!(
        names(ids_in("REC-1, (MON-10) all-1, INSTALL-1, X-ALL-2, ALL-, ALL-x DEV-99")),
        ["DEV-99", "MON-10", "REC-1"]
    );
    let source = "//! ALL-1.\n/// REC-2\n#[test]\n#[ignore]\nfn a() {}\n/// REC-3\nfn b() {}\n#[test]\n// REC-4\nfn c() {}";
    assert_eq!(names(ids_of_tests(source)), ["ALL-1", "REC-2"]);
    let of = |path: &str| id_of_transcript(Path::new(path)).map(name);
    assert_eq!(of("transcripts/x/mon-10-gap.txt").as_deref(), Some("MON-10"));
    assert_eq!(of("transcripts/x/ident-1-expiry.txt"), None);
    assert!(exists((0, 8)) && !exists((0, 9)) && !exists((0, 0)));
}
