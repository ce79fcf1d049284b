//! C programs against the libraries that cargo has built.
#![allow(dead_code, reason = "each test uses a part")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

/// How a program is linked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Shared,
    Static,
    /// Not at all: the program loads the library itself.
    Loaded,
}

/// The folder of this package.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The header that the build has made.
pub(crate) fn made_header() -> String {
    fs::read_to_string(Path::new(env!("OUT_DIR")).join("andon.h")).expect("the build has made the header")
}

/// Where the libraries lie that cargo has built for this test; those a folder further up are of the last `cargo build`.
pub(crate) fn libraries() -> PathBuf {
    let test = env::current_exe().expect("a test knows where it is");
    let folder = test.parent().expect("tests lie in target/PROFILE/deps, and so do the libraries");
    for file in ["libandon.so", "libandon.a"] {
        assert!(folder.join(file).exists(), "cargo has built no {file} in {}", folder.display());
    }
    folder.to_owned()
}

/// Whether this tool is there; says what is missing otherwise, and fails where everything should be there.
pub(crate) fn has(compiler: &str) -> bool {
    let ran = Command::new(compiler).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if ran.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(
        env::var_os("CI").is_none(),
        "there is no {compiler}: install it (Debian: build-essential, valgrind)"
    );
    println!("skipped, since there is no {compiler} (Debian: build-essential, valgrind)");
    false
}

/// What a program is compiled with that uses this library, as pkg-config tells; says what is missing otherwise, and fails where everything should be there.
pub(crate) fn library(name: &str, debian: &str) -> Option<Vec<String>> {
    let told = Command::new("pkg-config").args(["--cflags", "--libs", name]).output();
    if let Some(told) = told.ok().filter(|told| told.status.success()) {
        let words = String::from_utf8_lossy(&told.stdout);
        return Some(words.split_whitespace().map(str::to_owned).collect());
    }
    let missing = format!("{name} is not found by pkg-config (Debian: pkg-config, {debian})");
    assert!(env::var_os("CI").is_none(), "{missing}");
    println!("skipped, since {missing}");
    None
}

#[track_caller]
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{command:?}: {}\n{}{}", output.status, text[0], text[1]);
    output
}

/// Compiles a program, of `tests/c` or `examples`, against the committed header.
#[track_caller]
pub(crate) fn build(source: &str, link: Link, flags: &[&str]) -> PathBuf {
    let source = root().join(source);
    let is_cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c");
    fs::create_dir_all(&out).expect("a folder for programs can be made");
    let name = source.file_stem().expect("a source has a name").to_string_lossy();
    let kind = match link {
        Link::Shared => "shared",
        Link::Static => "static",
        Link::Loaded => "loaded",
    };
    // Tests run side by side: each build of a program is its own file.
    static BUILDS: AtomicUsize = AtomicUsize::new(0);
    let number = BUILDS.fetch_add(1, Ordering::Relaxed);
    let binary = out.join(format!("{name}-{kind}-{number}"));
    let libraries = libraries();
    let mut command = Command::new(if is_cpp { "c++" } else { "cc" });
    command
        .args([if is_cpp { "-std=c++17" } else { "-std=c11" }, "-D_GNU_SOURCE", "-O1", "-g"])
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread"])
        .arg("-I")
        .arg(root().join("include"))
        .arg(&source)
        // Libraries among them are for the source, which some linkers want to have seen.
        .args(flags)
        .arg("-o")
        .arg(&binary);
    match link {
        Link::Shared => {
            command.arg("-L").arg(&libraries).arg("-landon");
            // The old kind of rpath, which comes before the paths that cargo sets for tests.
            command.arg(format!("-Wl,--disable-new-dtags,-rpath,{}", libraries.display()));
        }
        Link::Static => {
            command.arg(libraries.join("libandon.a"));
        }
        Link::Loaded => {}
    }
    succeed(command.args(["-lm", "-ldl"]));
    binary
}

/// Compiles and runs a program, which ends with 0 if all is well.
#[track_caller]
pub(crate) fn run(source: &str, link: Link) -> Option<String> {
    if !has("cc") {
        return None;
    }
    let output = succeed(&mut Command::new(build(source, link, &[])));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
