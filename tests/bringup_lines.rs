//! The lines by which the bring-up server says how to try it: each is run as it stands, where its program exists.
#![cfg(all(unix, feature = "board", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{io::BufRead, path::PathBuf, process::Command};
use support::{
    Running,
    bringup::{bringup, end, parsed},
    program::{Program, tool},
};

/// What it says when it begins: the lines for people, in their order.
fn lines(running: &mut Running) -> Vec<String> {
    let mut lines = Vec::new();
    // The last is about the lesson, as the lesson comes last.
    while !lines.last().is_some_and(|line: &String| line.contains("next_step")) {
        let mut line = String::new();
        assert_ne!(running.stdout.read_line(&mut line).unwrap(), 0, "it ends too early: {lines:?}");
        if let Some(line) = line.strip_prefix("    ") {
            lines.push(line.trim_end().to_owned());
        }
    }
    lines
}

#[test]
fn each_contract_has_one() {
    let running = bringup(&["--listen", "127.0.0.1:0"]);
    let addr = running.addr;
    let said = end(running);
    for (path, count) in [("monitor", 2), ("robots", 1), ("device", 2), ("sessions/TEST001/", 2)] {
        let lines = said.lines().filter(|line| line.contains(&format!("ws://{addr}/ws/{path}")));
        assert_eq!(lines.count(), count, "{path}: {said}");
    }
    assert!(said.starts_with("listening on ws://127.0.0.1:"), "the second address: {said}");
    assert!(said.contains(&format!("http://{addr}/demo/instructor1")), "{said}");
}

/// The search path for programs, with a folder of the project's before it.
fn path_with(folder: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

#[test]
fn a_shell_runs_those_of_websocat() {
    let test = "a_shell_runs_those_of_websocat";
    let path = path_with("target/tools/bin");
    // Built from its sources in minutes, so that it is asked for by the full check alone.
    let found = Command::new("env").args([&format!("PATH={path}"), "websocat", "--version"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("ANDON_FULL").is_none(), "{test}: websocat is missing");
        return println!("{test}: skipped (cargo install --root target/tools websocat)");
    }
    try_in_a_shell("websocat", &path, &["connection_status", "session_created", "join_confirmed"]);
}

#[test]
fn a_shell_runs_those_of_python() {
    let test = "a_shell_runs_those_of_python";
    let path = path_with("tests/clients/.venv/bin");
    let what = "Python with the package websockets (pip install websockets)";
    let python = ["env", &format!("PATH={path}"), "python3"];
    if tool(test, what, &[&python], &["-c", "import websockets"]).is_none() {
        return;
    }
    try_in_a_shell("python3", &path, &["update", "session_created"]);
}

/// Each line with that program prints a message of the type that belongs to it.
fn try_in_a_shell(program: &str, path: &str, types: &[&str]) {
    let mut running = bringup(&[]);
    let lines = lines(&mut running);
    let lines: Vec<_> = lines.iter().filter(|line| line.contains(&format!("{program} "))).collect();
    assert_eq!(lines.len(), types.len(), "{lines:?}");
    for (line, expected) in lines.into_iter().zip(types) {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).env("PATH", path).env("PYTHONUNBUFFERED", "1");
        let client = Program::start(shell);
        let said = client.next_line();
        assert_eq!(parsed(&said)["type"], *expected, "{line}: {said}");
    }
}

#[test]
fn a_console_runs_those_in_javascript() {
    let check = ["--input-type=module", "-e", "import 'ws'"];
    let what = "Node with the package ws in tests/clients (npm install ws)";
    let test = "a_console_runs_those_in_javascript";
    if tool(test, what, &[&["node"]], &check).is_none() {
        return;
    }
    let mut running = bringup(&[]);
    let lines = lines(&mut running);
    let lines: Vec<_> = lines.iter().filter(|line| line.contains("new WebSocket(")).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    // A page sends its cookies by itself: here of whom /demo/instructor1 has signed in.
    let page = "globalThis.WebSocket = class extends (require('ws')) { constructor(url) { super(url, { headers: { Cookie: 'sessionid=instructor1' } }); } };";
    // The second line says nothing by itself: a console shows what a person asks for.
    for (line, then, expected) in [
        (lines[0], "", "connection_status"),
        (lines[1], "; lesson.onmessage = ({ data }) => console.log(data)", "step_changed"),
    ] {
        let mut node = tool(test, what, &[&["node"]], &check).unwrap();
        node.args(["--input-type=commonjs", "-e", &format!("{page} {line}{then}")]);
        let client = Program::start(node);
        let said = client.next_line();
        assert_eq!(parsed(&said)["type"], expected, "{line}: {said}");
    }
}
