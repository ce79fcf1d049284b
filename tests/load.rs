//! Many clients that come and go: the server answers throughout, and keeps nothing of those who went.
//!
//! The numbers are small enough for every day. For a long run: `ANDON_CYCLES=1000000 ANDON_STORM=10000 cargo test --release --test
//! load`.

#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "resource limits are the C library's")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{EventMask, Server, Setup};
use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread::JoinHandle,
};
use support::{Client, Echo, eventually, limits, run_example, start, stats_until};

fn from_env(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn echo(_: &mut Setup<'_>) -> Echo {
    Echo
}

/// Connects, greets and goes, again and again, to a host that takes no event.
fn come_and_go(mask: EventMask, cycles: usize) {
    let small = limits(|limits| limits.events = 256);
    let (mut server, addr) = start(Server::builder().mount("/", echo).events(mask).limits(small));
    // Kept and never read: the queue fills up.
    let events = server.events();
    let mut witness = Client::open(addr, "/");
    for cycle in 0..cycles {
        let mut client = Client::open(addr, "/");
        if cycle % 16 == 0 {
            client.text("hi");
            client.expect_text("hi");
            witness.text("still there?");
            witness.expect_text("still there?");
        }
        // A reset leaves no connection in TIME_WAIT, of which there is room for some ten thousand.
        client.reset();
    }
    let opened = cycles as u64 + 1;
    let stats = stats_until(&server.handle(), "all but one are gone", |stats| {
        stats.connections == 1 && stats.closed == opened - 1
    });
    assert_eq!((stats.opened, stats.pauses, stats.answered_503), (opened, 0, 0));
    if let Some(events) = events {
        assert!(stats.events <= 256 && stats.events_conflated > 0);
        // One per place at most, however many lived there: the queue, and what waits beside it.
        let mut left = 0;
        while events.recv_timeout(std::time::Duration::from_millis(100)).is_ok() {
            left += 1;
        }
        assert!(left <= 512, "{left} events were kept");
    }
}

#[test]
fn a_host_without_events_serves_on() {
    come_and_go(EventMask::NONE, from_env("ANDON_CYCLES", 20_000) / 2);
}

#[test]
fn a_host_that_takes_no_events_serves_on() {
    come_and_go(EventMask::ALL, from_env("ANDON_CYCLES", 20_000) / 2);
}

/// Resident bytes and open descriptors of a process.
fn footprint(process: u32) -> (usize, usize) {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: usize = resident.trim().trim_end_matches(" kB").parse().unwrap();
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
    (kib << 10, descriptors)
}

/// Asks and is answered, on a thread of its own, until it is told that it is enough.
struct Witness {
    answers: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Witness {
    fn call(addr: SocketAddr) -> Self {
        let (answers, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let mut client = Client::open(addr, "/");
        let (counts, until) = (Arc::clone(&answers), Arc::clone(&enough));
        let thread = std::thread::spawn(move || {
            for number in 0.. {
                let question = format!("still there at {number}?");
                client.text(&question);
                client.expect_text(&question);
                counts.fetch_add(1, Relaxed);
                if until.load(Relaxed) {
                    break;
                }
            }
        });
        Self { answers, enough, thread }
    }

    /// It is answered from here on as well.
    #[track_caller]
    fn is_served(&self) {
        let before = self.answers.load(Relaxed);
        eventually("the witness is answered", || {
            assert!(!self.thread.is_finished(), "a question of the witness was not answered");
            self.answers.load(Relaxed) > before
        });
    }

    fn dismiss(self) {
        self.enough.store(true, Relaxed);
        self.thread.join().expect("every question was answered");
    }
}

/// What a crowd that has come and gone may leave resident, for each of its clients: its slot with its share of the tables, which are
/// kept for the next crowd, and what the allocator keeps.
const LEFT_PER_CLIENT: usize = 512;
/// The same whatever the crowd: pages of code that were not needed before, a few spare buffers.
const LEFT_BYTES: usize = 1 << 20;

/// All clients are killed at once and come back at once, several times.
fn storm(clients: usize) {
    let wanted = clients as u64 + 512;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: valid places for a limit, of this process and the one it starts.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_max.min(wanted.max(limit.rlim_cur));
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
    assert!(limit.rlim_cur >= wanted, "the system allows too few descriptors: {}", limit.rlim_max);
    let server = run_example("echo");
    let witness = Witness::call(server.addr);
    witness.is_served();
    let alone = footprint(server.child.id());
    for round in 0..4 {
        let crowd: Vec<_> = (0..clients)
            .map(|n| {
                let mut client = Client::open(server.addr, "/");
                // Some of them die with a message half sent.
                client.send(
                    &support::masked(support::TEXT, &[b'x'; 200])[..if n % 3 == 0 { 100 } else { 208 }],
                );
                client
            })
            .collect();
        assert_eq!(footprint(server.child.id()).1, alone.1 + clients);
        let answers = witness.answers.load(Relaxed);
        for client in crowd {
            client.reset();
        }
        // Back at once, while the server still has the dead to bury.
        let again: Vec<_> = (0..clients).map(|_| Client::open(server.addr, "/")).collect();
        assert!(witness.answers.load(Relaxed) > answers, "nobody else was served meanwhile");
        witness.is_served();
        eventually("the dead are gone", || footprint(server.child.id()).1 == alone.1 + clients);
        for client in again {
            client.reset();
        }
        eventually("their descriptors are back", || footprint(server.child.id()).1 == alone.1);
        witness.is_served();
        let (resident, _) = footprint(server.child.id());
        eprintln!("round {round}: {} KiB have become {} KiB", alone.0 >> 10, resident >> 10);
        // The dead and those who came back were there at the same time.
        let most = alone.0 + 2 * clients * LEFT_PER_CLIENT + LEFT_BYTES;
        assert!(resident <= most, "{} bytes have become {resident} in round {round}", alone.0);
    }
    witness.dismiss();
}

#[test]
fn a_crowd_that_is_killed_at_once_leaves_nothing_behind() {
    storm(from_env("ANDON_STORM", 1_000));
}
