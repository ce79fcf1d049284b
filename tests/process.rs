//! What a server is to the process it lives in: signals, descriptors, wake-ups, threads; and the examples as programs.
//!
//! Each test runs in a process of its own: the test binary starts itself again for one test.

#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "signals and resource limits are the C library's")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{Server, Setup, Topic};
use std::{
    fs,
    io::Read,
    net::Shutdown,
    path::Path,
    process::Command,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use support::{
    Client, Echo, Script, eventually, example, limits, run_example_with, start, stats_until, take,
};

/// True in the process that was started for the test; else starts it and sees that it succeeds.
#[track_caller]
fn is_alone(test: &str) -> bool {
    const MARK: &str = "ANDON_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}: {}{}", output.status, text[0], text[1]);
    assert!(text[0].contains("1 passed"), "{}", text[0]);
    false
}

fn echo(_: &mut Setup<'_>) -> Echo {
    Echo
}

// ---- signals -----------------------------------------------------------------------------------------

#[test]
fn clients_that_vanish_in_a_broadcast_raise_no_signal() {
    if !is_alone("clients_that_vanish_in_a_broadcast_raise_no_signal") {
        return;
    }
    // SAFETY: the default action, as a C program has it; the test harness ignores the signal otherwise.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (holds, held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let factory = move |setup: &mut Setup<'_>| {
        let topic = setup.declare("all", Topic::stream()).unwrap();
        let (holds, released) = (holds.clone(), Arc::clone(&released));
        Script::new().opened(move |fx, peer, _| fx.subscribe(peer, topic)).message(move |fx, _, _| {
            holds.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
            fx.publish(topic, "to the dead and the living");
        })
    };
    let (server, addr) = start(Server::builder().mount("/", factory));
    let mut survivor = Client::open(addr, "/");
    for _ in 0..5 {
        let doomed: Vec<_> = (0..20).map(|_| Client::open(addr, "/")).collect();
        survivor.text("publish");
        take(&held);
        // They go while the loop is busy, so that it writes to them before it can notice: half of them in the way that the
        // system answers with EPIPE.
        for (n, client) in doomed.into_iter().enumerate() {
            if n % 2 == 0 {
                client.stream.shutdown(Shutdown::Write).unwrap();
            }
            client.reset();
        }
        release.send(()).unwrap();
        survivor.expect_text("to the dead and the living");
    }
    let stats = stats_until(&server.handle(), "the dead are gone", |stats| stats.open == 1);
    assert_eq!(stats.closed_lost, 100);
    // Nor does one wait behind the mask of the loop's thread.
    assert_eq!(field(&thread_status("andon").unwrap(), "SigPnd"), "0000000000000000");
}

/// The status of the thread of this name.
fn thread_status(name: &str) -> Option<String> {
    fs::read_dir("/proc/self/task").unwrap().find_map(|task| {
        let path = task.ok()?.path();
        let comm = fs::read_to_string(path.join("comm")).ok()?;
        (comm.trim_end() == name).then(|| fs::read_to_string(path.join("status")).ok())?
    })
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap().trim()
}

#[test]
fn the_servers_threads_take_no_signals_but_those_of_their_own_faults() {
    if !is_alone("the_servers_threads_take_no_signals_but_those_of_their_own_faults") {
        return;
    }
    let own = || field(&fs::read_to_string("/proc/thread-self/status").unwrap(), "SigBlk").to_owned();
    let before = own();
    let builder = Server::builder().thread_name("andon-test").store(andon::MemoryStore::new(1));
    let (_server, addr) = start(builder.mount("/", echo));
    Client::open(addr, "/");
    assert_eq!(own(), before, "the host's thread is as it was");
    for name in ["andon-test", "andon-test-rec"] {
        let status = thread_status(name).unwrap();
        let blocked = u64::from_str_radix(field(&status, "SigBlk"), 16).unwrap();
        let is_blocked = |signal: i32| blocked & (1 << (signal - 1)) != 0;
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGALRM, libc::SIGUSR1, libc::SIGCHLD]
        {
            assert!(is_blocked(signal), "{name} takes signal {signal}");
        }
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT] {
            assert!(!is_blocked(signal), "{name} hides signal {signal}");
        }
    }
}

// ---- wake-ups ----------------------------------------------------------------------------------------

#[test]
fn an_idle_server_never_wakes_up() {
    if !is_alone("an_idle_server_never_wakes_up") {
        return;
    }
    // Short, so that a deadline that outlives its connection is seen.
    let soon = Duration::from_millis(200);
    let short = support::limits(|limits| {
        (limits.handshake, limits.keep_alive, limits.close_wait) = (soon, soon, soon);
        limits.ping_interval = Some(soon);
    });
    let builder = Server::builder().thread_name("andon-idle").events(andon::EventMask::ALL).limits(short);
    let (mut server, addr) = start(builder.topic("t", Topic::state()).mount("/", echo));
    let events = server.events().unwrap();
    let wake_ups = || {
        let status = thread_status("andon-idle").unwrap();
        (field(&status, "voluntary_ctxt_switches").to_owned(), server.stats().turns)
    };
    // While it is busy with what was before, its numbers move; then they must not any more.
    let stays_asleep = || {
        let mut before = wake_ups();
        eventually("the loop sleeps", || {
            let last = std::mem::replace(&mut before, wake_ups());
            thread_status("andon-idle").is_some_and(|status| field(&status, "State").starts_with('S'))
                && last == before
        });
        // A host that waits for an event, long enough for any timer of a careless loop.
        assert!(events.recv_timeout(Duration::from_millis(400)).is_err());
        assert_eq!(wake_ups(), before);
    };
    stays_asleep();
    // The same when somebody was there, and was pinged, written to, refused.
    let mut client = Client::open(addr, "/");
    client.text("hi");
    client.expect_text("hi");
    assert_eq!(Client::connect(addr).get("/nowhere").status, 404);
    server.handle().publish(server.topic("t").unwrap(), "to nobody").unwrap();
    drop(client);
    stats_until(&server.handle(), "all are gone", |stats| stats.connections == 0);
    // Events may be handed over a moment later than they happen, all of them together.
    while !matches!(events.recv_timeout(support::PATIENCE), Ok(andon::Event::Closed { .. })) {}
    while events.try_recv().is_ok() {}
    stays_asleep();
}

// ---- descriptors -------------------------------------------------------------------------------------

#[test]
fn every_socket_is_closed_on_exec() {
    if !is_alone("every_socket_is_closed_on_exec") {
        return;
    }
    let open = || {
        let mut found = 0;
        for entry in fs::read_dir("/proc/self/fd").unwrap() {
            let entry = entry.unwrap();
            // The directory's own descriptor is gone by now.
            let Ok(target) = fs::read_link(entry.path()) else { continue };
            let target = target.to_string_lossy().into_owned();
            if !target.starts_with("socket:") && !target.starts_with("anon_inode:") {
                continue;
            }
            let info = fs::read_to_string(Path::new("/proc/self/fdinfo").join(entry.file_name())).unwrap();
            let flags = i32::from_str_radix(field(&info, "flags"), 8).unwrap();
            assert!(flags & libc::O_CLOEXEC != 0, "{target} would be inherited");
            found += 1;
        }
        found
    };
    assert_eq!(open(), 0);
    let (_server, addr) = start(Server::builder().listen("127.0.0.1:0").mount("/", echo));
    let _clients: Vec<_> = (0..3).map(|_| Client::open(addr, "/")).collect();
    // Poll and waker, two listeners, both ends of three connections.
    assert!(open() >= 10);
}

#[test]
fn as_many_connections_as_there_are_descriptors_for_unless_a_number_is_given() {
    if !is_alone("as_many_connections_as_there_are_descriptors_for_unless_a_number_is_given") {
        return;
    }
    let other = || limits(|limits| limits.events = 512);
    let built = |builder: andon::Builder| {
        builder.listen("127.0.0.1:0").build().unwrap().limits().connections.expect("it is filled in")
    };
    for (descriptors, connections) in [(1_000, 744), (300, 150), (160, 80)] {
        let limit = libc::rlimit { rlim_cur: descriptors, rlim_max: descriptors };
        // SAFETY: a valid limit, of this process alone.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        assert_eq!(built(Server::builder()), connections);
        assert_eq!(built(Server::builder().limits(other())), connections, "whatever else is set");
    }
    let given = || limits(|limits| limits.connections = Some(5_000));
    assert_eq!(built(Server::builder().limits(given())), 5_000);
    assert_eq!(built(Server::builder().max_connections(6).limits(given())), 6);
}

#[test]
fn a_server_without_descriptors_rests_and_leaves_the_last_ones_to_the_host() {
    if !is_alone("a_server_without_descriptors_rests_and_leaves_the_last_ones_to_the_host") {
        return;
    }
    const LIMIT: u64 = 160;
    let limit = libc::rlimit { rlim_cur: LIMIT, rlim_max: LIMIT };
    // SAFETY: a valid limit, of this process alone.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    let (server, addr) = start(Server::builder().max_connections(1_000).mount("/", echo));
    let handle = server.handle();
    let mut first = Client::open(addr, "/");
    let mut clients = Vec::new();
    let mut rounds = 0;
    while handle.stats().accept_backoffs == 0 {
        rounds += 1;
        assert!(rounds < LIMIT, "there is no end to the descriptors");
        let mut client = Client::connect(addr);
        // It is let in, or cut off without an answer; either way it is over with before the next.
        client.send(support::upgrade_head("/", ""));
        if client.await_bytes(1) {
            assert_eq!(client.answer().status, 101);
        }
        clients.push(client);
    }
    assert!(handle.stats().refused_descriptors > 0);
    // The last ones are the host's.
    let files: Vec<_> =
        (0..20).map(|_| fs::File::open("/dev/null").expect("the host has some left")).collect();
    drop(files);
    // When the host has used them up, one that waits at the door does not make the loop spin: round trips cost a turn or two each.
    let mut files: Vec<_> = std::iter::from_fn(|| fs::File::open("/dev/null").ok()).collect();
    files.pop();
    let waiting = Client::connect(addr);
    let backoffs = handle.stats().accept_backoffs;
    stats_until(&handle, "the one at the door is found", |stats| stats.accept_backoffs > backoffs);
    let before = handle.stats().turns;
    for _ in 0..500 {
        first.text("hi");
        first.expect_text("hi");
    }
    let turns = handle.stats().turns - before;
    assert!(turns < 2_000, "{turns} turns for 500 messages");
    drop((waiting, files, clients));
    // When descriptors return, so does the service.
    eventually("there is room again", || {
        let mut client = Client::connect(addr);
        client.try_send(support::upgrade_head("/", ""))
            && client.await_bytes(12)
            && client.buffer.starts_with(b"HTTP/1.1 101")
    });
}

// ---- panics ------------------------------------------------------------------------------------------

/// A program of its own, since the profile of a test cannot say `panic = "abort"`.
#[test]
#[ignore = "builds the library once more"]
fn a_program_that_aborts_on_panic_is_warned_when_it_starts_a_server() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aborts");
    fs::create_dir_all(root.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"aborts\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\nandon = {{ path = {:?} }}\nlog = \"*\"\n\
         [profile.dev]\npanic = \"abort\"\ndebug = false\n",
        env!("CARGO_MANIFEST_DIR")
    );
    fs::write(root.join("Cargo.toml"), manifest).unwrap();
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
    fs::write(root.join("src/main.rs"), include_str!("support/aborts.rs")).unwrap();
    let output = Command::new(env!("CARGO")).args(["run", "--quiet"]).current_dir(&root).output().unwrap();
    let (said, complaints) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{complaints}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("WARN") && said.contains("panic = \"abort\""), "{said}");
}

// ---- the examples ------------------------------------------------------------------------------------

#[test]
fn examples_say_where_they_listen_and_end_well_on_signals() {
    let examples = [
        ("echo", "/"),
        ("bench_server", "/ws/echo"),
        ("bringup", "/ws/ticker"),
        ("monitor", "/ws/monitor"),
        ("topics", "/ws/robots"),
    ];
    for (name, path) in examples {
        for signal in [libc::SIGINT, libc::SIGTERM] {
            // Nothing is to be left behind, and others may run.
            let flags: &[&str] = if name == "bringup" { &["--store", "none"] } else { &[] };
            let mut running = run_example_with(name, flags);
            let mut client = Client::open(running.addr, path);
            client.text("hi");
            match name {
                "bringup" | "monitor" | "topics" => assert!(client.take_text().contains("type")),
                _ => client.expect_text("hi"),
            }
            // SAFETY: a signal to a child of ours that has not been waited for.
            assert_eq!(unsafe { libc::kill(running.child.id() as i32, signal) }, 0);
            loop {
                let frame = client.frame();
                if frame.first == support::CLOSE {
                    assert_eq!(frame.payload[..2], 1001_u16.to_be_bytes());
                    break;
                }
            }
            client.send_frame(support::CLOSE, support::close_payload(1001, ""));
            client.expect_end();
            assert_eq!(running.child.wait().unwrap().code(), Some(0), "{name}");
            let mut complaints = String::new();
            running.child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
            assert_eq!(complaints, "", "{name}");
        }
    }
}

#[test]
fn examples_refuse_what_they_do_not_know() {
    for (args, status, words) in [
        (&["--port", "1"][..], 2, "unknown argument --port"),
        (&["--listen"], 2, "needs an address"),
        (&["--listen", "nowhere"], 2, "give IP:PORT"),
    ] {
        let output = Command::new(example("echo")).args(args).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{complaint}");
        assert!(complaint.contains(words), "{complaint}");
    }
    let (_server, addr) = start(Server::builder());
    let output = Command::new(example("echo")).args(["--listen", &addr.to_string()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("another program listens there"));
}
