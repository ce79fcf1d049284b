//! Links from page to page lead somewhere: to a file that is there, and to a heading that it has.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// README, changelog and docs, each with its text.
fn pages() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let at_root = ["README.md", "CHANGELOG.md"].map(|name| root.join(name));
    docs.chain(at_root).map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// What a heading is called in a link: as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn has_heading(text: &str, wanted: &str) -> bool {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).any(|heading| heading == wanted)
}

/// Targets of links, but for those in code and those that lead out.
fn links(text: &str) -> Vec<&str> {
    let outside_of_code = text.split("```").step_by(2);
    let targets =
        outside_of_code.flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.contains(' ')).collect()
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let mut astray = Vec::new();
    for (page, text) in &pages {
        for link in links(text) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            // Pictures are made by a browser.
            if file.ends_with(".png") {
                continue;
            }
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let found = match target.canonicalize() {
                Err(_) => false,
                Ok(_) if heading.is_empty() => true,
                Ok(target) => pages.get(&target).is_some_and(|text| has_heading(text, heading)),
            };
            if !found {
                astray.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(astray.is_empty(), "links that lead nowhere:\n{}", astray.join("\n"));
}
