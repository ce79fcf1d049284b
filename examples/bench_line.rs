//! The equipment monitor under test for the load generator: a line of machines, one of which is written now and then.
//!
//!     cargo run --release --example bench_line -- --listen 127.0.0.1:9001
//!
//! Each write is of the time at which it is made, in nanoseconds since 1970, in the tag `written_ns`: whoever gets it knows how long it took. `/ws/monitor`
//! shows everything each second, `/ws/monitor?mode=changes` each write as soon as it is seen.

mod common;

use andon::{Equipment, EquipmentMonitor, Limits, Server, Stale, TagKind, Tags};
use common::flags::Flags;
use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

fn main() -> ExitCode {
    let flags = Flags::new("bench_line", "the equipment monitor under test", "127.0.0.1:9001")
        .number("--machines", "machines on the line", 17, 1..=10_000)
        .number("--writes-per-s", "tags written in a second, all in all", 20, 1..=1_000)
        .number("--scan-us", "time between two looks at the tags", 2_000, 100..=1_000_000)
        .read();
    let code = |n| format!("KRCWO12ELOA{}", 101 + n);
    let machines = flags.number("--machines");
    let machine = |n| {
        let name = format!("{n}번 로봇 용접");
        // About as long as what real machines show: 5 KB for 17 of them.
        Equipment::new(code(n), name, Stale::never())
            .tag("written_ns", TagKind::I64)
            .tag("alarm", TagKind::Text)
    };
    let table = (0..machines).map(machine).fold(Tags::builder(), andon::TagsBuilder::equipment).build();
    let (tags, scan) = table.expect("a table of machines, whose codes differ");
    let written: Vec<_> = (0..machines)
        .map(|n| {
            let id = tags.equipment(&code(n)).expect("declared above");
            let alarm = tags.tag::<str>(id, "alarm").expect("declared above");
            tags.update(id, &[id.status_tag().to(true), alarm.to("no alarm since the last shift")])
                .expect("one writer");
            tags.tag::<i64>(id, "written_ns").expect("declared above")
        })
        .collect();

    let pause = Duration::from_secs(1) / flags.number("--writes-per-s") as u32;
    thread::spawn(move || {
        let mut next = Instant::now();
        for tag in written.iter().cycle() {
            next += pause;
            thread::sleep(next.saturating_duration_since(Instant::now()));
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64);
            tags.set(*tag, now).expect("one writer");
        }
    });

    let monitor = EquipmentMonitor::new(scan)
        .on_change(Duration::ZERO)
        .scan_every(Duration::from_micros(flags.number("--scan-us")));
    let mut limits = Limits::default();
    limits.connections = Some(16_000);
    let mut builder = Server::builder().limits(limits).mount("/ws/monitor", monitor);
    for address in flags.listen {
        builder = builder.listen(address);
    }
    common::serve("bench_line", builder.start())
}
