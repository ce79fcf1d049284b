//! The C header: as the sources say, fit for every standard, and of the same mind as the libraries.

#![cfg(all(feature = "ffi", feature = "contracts", target_os = "linux"))]

#[path = "support/c.rs"]
mod c;

use std::{collections::BTreeSet, env, fs, process::Command};

#[test]
fn the_committed_header_is_the_made_one() {
    let path = c::root().join("include/andon.h");
    let made = c::made_header();
    if env::var_os("ANDON_UPDATE_HEADER").is_some() {
        fs::write(&path, &made).expect("the header can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let differ = made.lines().zip(committed.lines()).position(|(made, committed)| made != committed);
    assert!(
        made == committed,
        "include/andon.h differs from what src/ffi says (line {:?}): run ANDON_UPDATE_HEADER=1 cargo test --test c_header",
        differ.map(|line| line + 1)
    );
}

#[test]
fn the_header_compiles_alone_under_every_standard() {
    let header = c::root().join("include/andon.h");
    for (compiler, language, standards) in
        [("cc", "c", ["c99", "c11", "c17"].as_slice()), ("c++", "c++", &["c++11", "c++17"])]
    {
        if !c::has(compiler) {
            continue;
        }
        for standard in standards {
            c::succeed(
                Command::new(compiler)
                    .arg(format!("-std={standard}"))
                    .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x", language])
                    .arg(&header),
            );
        }
    }
}

/// What the header declares, and what it defines itself.
fn declared() -> BTreeSet<String> {
    let header = c::made_header();
    let mut names = BTreeSet::new();
    for line in
        header.lines().filter(|line| !line.starts_with([' ', '#', '/', '}']) && !line.starts_with("static"))
    {
        let Some((before, _)) = line.split_once('(') else { continue };
        let name = before.rsplit([' ', '*']).next().unwrap_or_default();
        if name.starts_with("andon_") && !line.starts_with("typedef") {
            names.insert(name.to_owned());
        }
    }
    assert!(names.len() > 80, "the test has lost sight of the functions: {names:?}");
    names
}

#[test]
fn the_shared_library_exports_what_the_header_declares_and_nothing_else() {
    if !c::has("nm") {
        return;
    }
    let library = c::libraries().join("libandon.so");
    let output = c::succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    let exported: BTreeSet<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .map(|name| name.split('@').next().unwrap_or(name).to_owned())
        .collect();
    assert_eq!(exported, declared());
}

/// Threads, blocking, real time and errors, in the comment of each function or in that of the one that it refers to.
#[test]
fn every_function_says_its_terms() {
    let header = c::made_header();
    let mut comment = String::new();
    for line in header.lines() {
        if line.starts_with("/**") {
            comment.clear();
        }
        comment += line.trim_start_matches(' ').trim_start_matches("/**").trim_start_matches('*');
        let is_function =
            line.contains('(') && !line.starts_with([' ', '#', '/']) && !line.starts_with("static");
        if is_function && !line.starts_with("typedef") {
            let says = |word: &str| comment.contains(word);
            let by_another = says("All else as `") || comment.trim_start().starts_with("As `andon_");
            for word in ["Threads:", "Blocking:", "Real-time:", "Errors"] {
                assert!(says(word) || by_another, "{line} does not say {word}");
            }
            comment.clear();
        }
    }
}
