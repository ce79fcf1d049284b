//! A load generator for WebSocket servers: one thread, non-blocking sockets on one level-triggered epoll instance, its own
//! framing, HDR histograms. One process drives 10,000 connections. Each run prints one line of JSON.
//!
//!     taskset -c 0 ./server & taskset -c 1 loadgen fanout --url ws://127.0.0.1:9001/ws/monitor --pid $!
//!
//! No WebSocket library, so that it costs little, says nothing but what RFC 6455 says, and shares no fault with the server.
//! What a server under test must do:
//!
//! | path | behaviour |
//! |---|---|
//! | `/ws/monitor` | subscribes the connection to one topic |
//! | `/ws/ctl` | on the text `P <seq> <count> <size>`: publishes that many numbered messages of that size ([`andon_bench::publish`]) |
//! | `/ws/ingest` | counts every text message, but answers the text `Q` with the count so far, over all connections, in decimal |
//! | `/ws/echo` | sends the same text back |
//!
//! For `line` it is an equipment monitor instead (`examples/bench_line.rs`), for `devices` the contract of device sessions
//! (`examples/bench_sessions.rs`), at whatever path.
//!
//! A server may combine messages, or skip to the newest; skipped numbers are told as `missed`, never hidden.
//!
//! How far to trust what is told:
//!
//! - `server_cpu_us_per_…` is the primary figure: the server's processor time by its process clock, all threads. Without
//!   IRQ time accounting in the kernel it includes the receiver's half of the loopback, done in the sender's context.
//! - `loadgen_util` near 1 means that throughput was this program's limit, not the server's; processor time per unit still holds.
//! - `steal_share` is what the hypervisor took from the machine. Runs with more than a few percent are worth nothing.
//! - `missed`, `disorder`, `bad_length`, `unknown`, `bad_content`, `bad`, `closed` and `errors` must be 0, `count_ok` 1.
//! - Latencies count from when a request was *due* to when its message has been parsed here, so that a stall is
//!   not hidden by what was not sent meanwhile.

mod audience;
mod churn;
mod clients;
mod devices;
mod fanout;
mod idle;
mod ingest;
mod latency;
mod ledger;
mod line;
mod mixed;
mod options;
mod parser;
mod pingpong;
mod reading;
mod report;
mod server;

use andon_bench::descriptors;
use options::{Options, Workload};
use report::Report;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = descriptors::raise_limit() {
        eprintln!("loadgen: cannot raise the descriptor limit: {error}");
        return ExitCode::from(2);
    }
    let result = match options.workload {
        Workload::Fanout => fanout::run(&options),
        Workload::Ingest => ingest::run(&options),
        Workload::Pingpong => pingpong::run(&options),
        Workload::Idle => idle::run(&options),
        Workload::Churn => churn::run(&options),
        Workload::Mixed => mixed::run(&options),
        Workload::Line => line::run(&options),
        Workload::Devices => devices::run(&options),
    };
    match result {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            let mut report = Report::of(options.workload.name());
            report.text("error", &why);
            println!("{report}");
            ExitCode::FAILURE
        }
    }
}
