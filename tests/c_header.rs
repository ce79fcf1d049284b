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

/// Structs with their fields, and constants.
fn layout_program() -> String {
    let header = c::made_header();
    let mut program = "#include <andon.h>\n#include <stdio.h>\nint main(void) {\n".to_owned();
    let mut prints = |line: String| program += &format!("    {line}\n");
    let mut fields: Option<Vec<String>> = None;
    for line in header.lines() {
        let definition = line.starts_with("typedef struct ") || line.starts_with("typedef union ");
        if definition && line.ends_with('{') {
            fields = Some(Vec::new());
        } else if let Some(name) = line.strip_prefix("} ").and_then(|rest| rest.strip_suffix(';')) {
            prints(format!("printf(\"sizeof {name} %zu\\n\", sizeof({name}));"));
            for field in fields.take().unwrap_or_default() {
                prints(format!("printf(\"{name}.{field} %zu\\n\", offsetof({name}, {field}));"));
            }
        } else if let (Some(fields), Some(member)) = (&mut fields, line.strip_prefix("    ")) {
            if member.starts_with([' ', '/', '*']) {
                continue;
            }
            let of_function = member.split_once("(*").and_then(|(_, rest)| rest.split_once(')'));
            let plain =
                member.trim_end_matches(';').split('[').next().and_then(|it| it.rsplit([' ', '*']).next());
            let name = of_function.map(|(name, _)| name).or(plain).unwrap_or_default();
            fields.push(name.to_owned());
        } else if let Some((name, value)) =
            line.strip_prefix("#define ").and_then(|rest| rest.split_once(' '))
            && value.parse::<u64>().is_ok()
        {
            prints(format!("printf(\"{name} %lld\\n\", (long long){name});"));
        }
    }
    program + "    return 0;\n}\n"
}

/// What programs were compiled with must not change under them: sizes, offsets and numbers are written down.
#[test]
#[cfg(target_arch = "x86_64")]
fn the_layout_is_the_one_that_programs_were_compiled_with() {
    if !c::has("cc") {
        return;
    }
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, binary) = (folder.join("layout.c"), folder.join("layout"));
    fs::write(&source, layout_program()).expect("a program can be written");
    let include = c::root().join("include");
    c::succeed(Command::new("cc").arg("-I").arg(include).arg(&source).arg("-o").arg(&binary));
    let found = String::from_utf8(c::succeed(&mut Command::new(binary)).stdout).expect("it prints text");
    let path = c::root().join("tests/c/abi-x86_64.txt");
    if env::var_os("ANDON_UPDATE_HEADER").is_some() {
        fs::write(&path, &found).expect("the layout can be written");
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    // Structs with a size in them may grow, and versions count up.
    let lasts = |line: &&str| !line.starts_with("sizeof ") && !line.starts_with("ANDON_VERSION");
    let gone: Vec<_> =
        known.lines().filter(lasts).filter(|line| !found.lines().any(|now| now == *line)).collect();
    assert!(gone.is_empty(), "programs that were compiled rely on these: {gone:#?}");
    assert_eq!(
        found, known,
        "run ANDON_UPDATE_HEADER=1 cargo test --test c_header, if only something was added"
    );
}
