//! The C interface, used by programs in C: each in `tests/c`, ending with 0 if all is well.

#![cfg(all(feature = "ffi", feature = "cp949", feature = "contracts", target_os = "linux"))]

#[path = "support/c.rs"]
mod c;
mod support;

use c::{Link, run};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdout, Command, Stdio},
};
use support::Client;

#[test]
fn a_server_lives_and_ends() {
    run("tests/c/life.c", Link::Shared);
}

#[test]
fn a_server_lives_and_ends_when_linked_statically() {
    run("tests/c/life.c", Link::Static);
}

#[test]
fn tags_are_written_in_every_way_and_wrongly() {
    run("tests/c/tags.c", Link::Shared);
}

#[test]
fn topics_are_published_to() {
    run("tests/c/topics.c", Link::Shared);
}

#[test]
fn contracts_routes_and_decisions_are_the_hosts() {
    run("tests/c/contract.c", Link::Shared);
}

#[test]
#[cfg(feature = "board")]
fn the_board_is_served_and_routes_belong_to_mounts() {
    run("tests/c/board.c", Link::Shared);
    run("tests/c/board.c", Link::Static);
}

#[test]
fn clients_are_known_by_tables_tokens_and_the_hosts_word() {
    run("tests/c/identities.c", Link::Shared);
    run("tests/c/identities.c", Link::Static);
}

#[test]
fn device_sessions_tell_the_host_which_lists_and_ends_them() {
    run("tests/c/devices.c", Link::Shared);
    run("tests/c/devices.c", Link::Static);
}

#[test]
fn guided_sessions_are_led_by_the_host() {
    run("tests/c/guided.c", Link::Shared);
    run("tests/c/guided.c", Link::Static);
}

#[test]
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
fn what_is_recorded_is_read_back() {
    run("tests/c/recorder.c", Link::Shared);
    run("tests/c/recorder.c", Link::Static);
}

#[test]
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
fn contracts_record_and_their_records_are_read_back() {
    run("tests/c/records.c", Link::Shared);
    run("tests/c/records.c", Link::Static);
}

#[test]
fn every_mistake_has_its_status() {
    run("tests/c/errors.c", Link::Shared);
}

#[test]
fn many_threads_share_a_server_whose_clients_vanish() {
    run("tests/c/threads.c", Link::Shared);
}

#[test]
fn ten_thousand_clients_vanish_in_a_broadcast_and_no_signal_comes() {
    run("tests/c/vanish.c", Link::Shared);
}

#[test]
fn every_end_is_defined() {
    if !c::has("cc") {
        return;
    }
    let program = c::build("tests/c/ends.c", Link::Shared, &[]);
    for (end, says) in [
        ("after_a_stop", ""),
        ("in_a_child", ""),
        ("without_a_stop", ""),
        ("at_exit", "stopped at exit\n"),
        ("abandoned", ""),
        ("from_a_callback", ""),
    ] {
        let output = c::succeed(Command::new(&program).arg(end));
        assert_eq!(String::from_utf8_lossy(&output.stdout), says, "{end}");
    }
}

#[test]
fn writes_are_for_real_time_threads() {
    if c::has("cc") {
        // Bound at the start, so that the first call of a function asks the loader for nothing.
        c::succeed(&mut Command::new(c::build(
            "tests/c/realtime.c",
            Link::Shared,
            &["-Wl,-z,now", "-fno-builtin"],
        )));
    }
}

/// The program that times writes works; what it finds is for people.
#[test]
fn writes_can_be_timed() {
    if c::has("cc") {
        let output = c::succeed(Command::new(c::build("tests/c/timing.c", Link::Shared, &[])).arg("20000"));
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_library_can_be_unloaded() {
    if c::has("cc") {
        let program = c::build("tests/c/unload.c", Link::Loaded, &[]);
        c::succeed(Command::new(program).arg(c::libraries().join("libandon.so")));
    }
}

// ---- the examples, under the address and undefined behaviour sanitizers ------------------------------------

const SANITIZED: [&str; 3] =
    ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];

/// An example that runs, and the port that it told.
fn example(source: &str, args: &[&str]) -> (Child, BufReader<ChildStdout>, u16) {
    example_with(source, &[], args)
}

/// One that is built with these flags besides.
fn example_with(source: &str, flags: &[&str], args: &[&str]) -> (Child, BufReader<ChildStdout>, u16) {
    let program = c::build(source, Link::Shared, &[&SANITIZED, flags].concat());
    let child = Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("it was built");
    let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    out.read_line(&mut line).expect("it says where it listens");
    let port = line.trim().strip_prefix("listening on port ").expect("it listens").parse().expect("a port");
    (child, out, port)
}

fn parsed(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("the monitor speaks JSON")
}

/// Its machines are seen, it tells of who sees them, and a signal ends it in order.
fn feeds_its_watchers(source: &str) {
    let (mut child, mut out, port) = example(source, &["127.0.0.1:0"]);
    let mut watcher = Client::open(([127, 0, 0, 1], port).into(), "/ws/monitor");
    let first = parsed(&watcher.take_text());
    assert_eq!(first["equipment"].as_array().map(Vec::len), Some(17));
    let next = parsed(&watcher.take_text());
    assert_eq!(next["equipment"][16]["equipment_code"], "PRESS-17");
    assert!(next["equipment"][16]["tags"]["speed"].is_f64(), "{next}");
    let mut line = String::new();
    out.read_line(&mut line).expect("it tells of the watcher");
    assert!(line.starts_with("watched by 127.0.0.1:"), "{line}");
    drop(watcher);
    end_by_signal(&mut child);
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("it says that it ends");
    assert!(rest.contains("stopped"), "{rest}");
}

/// It ends in order.
fn end_by_signal(child: &mut Child) {
    // SAFETY: a signal to the child, which has not been waited for.
    #[allow(unsafe_code)]
    let sent = unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
    assert_eq!(sent, 0);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn the_controller_feeds_its_watchers() {
    if c::has("cc") {
        feeds_its_watchers("examples/controller.c");
    }
}

#[test]
fn the_board_of_the_custom_contract_works() {
    if !c::has("cc") {
        return;
    }
    let (mut child, _out, port) = example("examples/custom_contract.c", &["127.0.0.1:0"]);
    let addr = ([127, 0, 0, 1], port).into();
    let mut anna = Client::open(addr, "/board");
    anna.text("hello");
    anna.expect_text("hello");
    let mut bert = Client::open(addr, "/board");
    bert.expect_text("hello");
    bert.text("hi");
    anna.expect_text("hi");
    // Its input ends, and with it the server.
    drop(child.stdin.take());
    anna.expect_text("the board closes");
    drop((anna, bert));
    assert!(child.wait().expect("it ends").success());
}

/// A device with Modbus TCP, and what it is told to do.
struct ModbusDevice {
    child: Child,
    out: BufReader<ChildStdout>,
    port: u16,
}

impl ModbusDevice {
    fn new(flags: &[&str], words: &str) -> Self {
        let (child, out, port) = example_with("tests/c/modbus_device.c", flags, &[]);
        let mut device = Self { child, out, port };
        device.does(words);
        device
    }

    /// Each of these lines.
    #[track_caller]
    fn does(&mut self, lines: &str) {
        for line in lines.lines() {
            writeln!(self.child.stdin.as_mut().expect("it is piped"), "{line}").expect("it listens");
            let mut done = String::new();
            self.out.read_line(&mut done).expect("it answers");
            assert_eq!(done, "done\n", "{line}");
        }
    }
}

impl Drop for ModbusDevice {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let ended = self.child.wait().expect("it ends with its input");
        assert!(ended.success() || std::thread::panicking());
    }
}

/// Two devices are shown as they are: registers in their order, coils, what is no number. One that hangs, refuses or leaves is disconnected without the other, and back
/// when it is; when none answers, that is told.
#[test]
fn the_gateway_shows_what_modbus_devices_say_and_when_they_are_silent() {
    if !c::has("cc") {
        return;
    }
    let Some(flags) = c::library("libmodbus", "libmodbus-dev") else { return };
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    // 31.5, 65,538, and 5.5 degrees below zero.
    let mut press = ModbusDevice::new(&flags, "words 0 0x41FC 0x0000 0x0001 0x0002 0xFFC9\ncoils 0 1 0");
    let mut oven = ModbusDevice::new(&flags, "words 0 0x7FC0 0x0000 0xFFFF 0xFFFF 2000\ncoils 0 1 1");
    let [of_press, of_oven] = [("PRESS-01", press.port), ("OVEN-02", oven.port)]
        .map(|(code, port)| format!("{code}=127.0.0.1:{port}/1"));
    let (mut gateway, mut out, port) =
        example_with("examples/modbus_gateway.c", &flags, &["127.0.0.1:0", &of_press, &of_oven]);
    let mut watcher = Client::open(([127, 0, 0, 1], port).into(), "/ws/monitor?rate=20");
    let mut sees = |what: &str, holds: &dyn Fn(&serde_json::Value) -> bool| {
        support::eventually(what, || {
            let support::Frame { first, payload } = watcher.frame();
            if first == support::PING {
                watcher.send_frame(support::PONG, payload);
                return false;
            }
            assert_eq!(first, support::TEXT, "{what}");
            let told = String::from_utf8(payload).expect("texts are UTF-8");
            holds(&parsed(&told))
        });
    };
    sees("both are shown", &|told| {
        let [press, oven] = [0, 1].map(|at| &told["equipment"][at]);
        let values =
            |of: &serde_json::Value| ["speed", "parts", "temperature"].map(|name| of["tags"][name].clone());
        press["status"] == "running"
            && values(press) == [json!(31.5), json!(65_538), json!(-5.5)]
            && values(oven) == [json!(null), json!(4_294_967_295_u32), json!(200.0)]
            && oven["status"] == "error"
    });
    for silence in ["hang", "refuse", "leave"] {
        press.does(silence);
        sees("the press alone is lost, and stands as it was", &|told| {
            let [press, oven] = [0, 1].map(|at| &told["equipment"][at]);
            press["status"] == "disconnected" && press["tags"]["parts"] == 65_538 && oven["status"] == "error"
        });
        press.does("serve");
        sees("the press is back", &|told| told["equipment"][0]["status"] == "running");
    }
    press.does("leave");
    oven.does("leave");
    sees("the source is lost", &|told| told["type"] == "connection_status" && told["status"] == "error");
    press.does("words 3 3\nserve");
    sees("the source is back", &|told| told["type"] == "connection_status" && told["status"] == "connected");
    sees("it has gone on", &|told| told["equipment"][0]["tags"]["parts"] == 65_539);
    end_by_signal(&mut gateway);
    let mut told = String::new();
    out.read_to_string(&mut told).expect("it tells");
    for silence in ["Connection timed out", "Slave device or server is busy"] {
        assert!(told.contains(&format!("PRESS-01 is lost: {silence}")), "{silence}: {told}");
    }
    assert!(told.matches("PRESS-01 is lost: ").count() >= 4, "{told}");
    assert!(told.ends_with("stopped\n"), "{told}");
}

/// A device that shows its key collects data, which is in the file when the program ends.
#[test]
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
fn the_sessions_of_the_example_are_recorded() {
    if !c::has("cc") {
        return;
    }
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("c-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let file = folder.join("recording.db");
    let (mut child, mut out, port) =
        example("examples/sessions.c", &["127.0.0.1:0", file.to_str().expect("a path in UTF-8")]);
    let mut device = Client::connect(([127, 0, 0, 1], port).into());
    let head = support::upgrade_head("/ws/device", "Authorization: Bearer key-of-AMR_1\r\n");
    assert_eq!(device.ask(&head).status, 101);
    device.text("{\"type\":\"session_start\",\"deviceId\":\"AMR_1\"}");
    device.take_text();
    device.text("{\"type\":\"data\",\"v\":1.50}");
    device.text("{\"type\":\"session_end\",\"deviceId\":\"AMR_1\"}");
    assert!(device.take_text().contains("session_ended"));
    drop(child.stdin.take());
    let mut told = String::new();
    out.read_to_string(&mut told).expect("it tells");
    drop(device);
    assert!(child.wait().expect("it ends").success());
    assert!(told.contains("of AMR_1:") && told.contains("\"\"v\"\":1.50"), "{told}");
    std::fs::remove_dir_all(folder).expect("it was made above");
}

// ---- C++ -----------------------------------------------------------------------------------------------

#[test]
fn the_cpp_header_carries_a_host_with_exceptions_and_without() {
    if !c::has("c++") {
        return;
    }
    for flags in [SANITIZED.as_slice(), &["-fno-exceptions", "-fno-rtti"]] {
        for program in ["tests/c/wrapper.cpp", "tests/c/sessions.cpp"] {
            c::succeed(&mut Command::new(c::build(program, Link::Shared, flags)));
        }
    }
}

#[test]
fn the_controller_in_cpp_lives_in_its_hosts_loop() {
    if c::has("c++") {
        feeds_its_watchers("examples/controller.cpp");
    }
}

// ---- what people read first ----------------------------------------------------------------------------------

/// The programs in the README are twenty lines each, and compile without a warning.
#[test]
fn the_programs_of_the_readme_compile() {
    let readme = std::fs::read_to_string(c::root().join("README.md")).expect("the README can be read");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    // A program of the reader's is not compiled with extensions; C++'s own headers need them.
    for (language, compiler, flags) in [("c", "cc", &["-U_GNU_SOURCE"][..]), ("cpp", "c++", &[])] {
        let begin = format!("```{language}\n");
        let (_, rest) = readme.split_once(&begin).unwrap_or_else(|| panic!("the README has no {begin}"));
        let (program, _) = rest.split_once("```").expect("a block ends");
        assert!(program.lines().count() <= 20, "{program}");
        if c::has(compiler) {
            let source = folder.join(format!("readme.{language}"));
            std::fs::write(&source, program).expect("a program can be written");
            c::build(source.to_str().expect("a path in UTF-8"), Link::Shared, flags);
        }
    }
}

// ---- valgrind ------------------------------------------------------------------------------------------

/// No error, and nothing lost. What the standard library keeps for the main thread is found by a pointer into it, so what is "possibly" lost is not judged.
#[test]
fn valgrind_finds_nothing() {
    if !c::has("cc") || !c::has("valgrind") {
        return;
    }
    let programs = ["life", "contract", "topics", "errors", "identities", "devices", "guided"];
    let stores = cfg!(any(feature = "sqlite", feature = "sqlite-system")).then_some("records");
    for program in programs.into_iter().chain(stores) {
        let binary = c::build(&format!("tests/c/{program}.c"), Link::Shared, &[]);
        let mut command = Command::new("valgrind");
        command.args([
            "-q",
            "--leak-check=full",
            "--show-leak-kinds=definite",
            "--errors-for-leak-kinds=definite",
        ]);
        c::succeed(command.args(["--error-exitcode=9", "--fair-sched=yes"]).arg(binary));
    }
}
