//! A machine's tags, shown to whoever watches.
//!
//!     cargo run --release --example monitor
//!
//! `ws://127.0.0.1:8000/ws/monitor` shows everything each second, `?mode=changes` what changes, within milliseconds.

mod common;

use andon::{Equipment, EquipmentMonitor, Server, Stale, TagKind, Tags};
use std::{process::ExitCode, thread, time::Duration};

fn main() -> ExitCode {
    let listen = common::listen_flags("monitor", "a press and its monitor", "127.0.0.1:8000");
    let press = Equipment::new("PRESS-01", "프레스 1호기", Stale::after(Duration::from_secs(2)));
    let (tags, scan) = Tags::builder()
        .equipment(press.tag("strokes", TagKind::I64).tag("force_kn", TagKind::F64))
        .build()
        .expect("a table of one press");
    let press = tags.equipment("PRESS-01").expect("declared above");
    let strokes = tags.tag::<i64>(press, "strokes").expect("declared above");
    let force = tags.tag::<f64>(press, "force_kn").expect("declared above");

    // The control loop. It knows nothing of the server, nor waits for it; if it hung, the press would be shown as disconnected after 2 s.
    thread::spawn(move || {
        for stroke in 0_i32.. {
            let values = [
                press.status_tag().to(stroke % 10 != 0),
                strokes.to(i64::from(stroke)),
                force.to(120.0 + f64::from(stroke % 7)),
            ];
            tags.update(press, &values).expect("one writer, and tags that there are");
            thread::sleep(Duration::from_millis(500));
        }
    });

    let monitor = EquipmentMonitor::new(scan).on_change(Duration::from_millis(5));
    let mut builder = Server::builder().mount("/ws/monitor", monitor);
    for address in listen {
        builder = builder.listen(address);
    }
    common::serve("monitor", builder.start())
}
