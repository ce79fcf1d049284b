//! Fan-out: one publisher, many subscribers.
//!
//! *Flood* keeps a window of publish requests outstanding, a request being complete when every subscriber has it all: as fast as the
//! pair of programs can. With `--window 1` a server never has more than one message to write to a subscriber, with `--window 2 --batch 8`
//! always at least eight: it then does not depend on chance how many it can combine. *Paced* publishes at a fixed rate.

use super::{
    audience::Audience,
    clients::Clients,
    options::Options,
    reading::{Reading, TAIL_NS_MAX},
    report::Report,
    server::{Memory, Server},
};
use andon_bench::clock::now_ns;

const SECOND_NS: u64 = 1_000_000_000;

pub(crate) fn run(options: &Options) -> Result<Report, String> {
    let server = Server::told(options)?;
    let memory = server.and_then(Server::memory);
    let mut clients = Clients::new(options)?;
    let mut audience =
        Audience::gather(&mut clients, options, &options.target, options.clients, options.stalled)?;

    let start_ns = now_ns() + SECOND_NS / 100;
    let (measure_ns, end_ns) = options.measured_from(start_ns);
    let mut pace = Pace { next_ns: start_ns, step_ns: (1e9 / options.rate) as u64, end_ns, late: 0 };
    let mut begin = None;
    let mut progress = (0, now_ns());
    let (begin, end) = loop {
        let now = now_ns();
        if begin.is_none() && now >= measure_ns {
            audience.ledger.reset();
            clients.reads = 0;
            begin = Some((Reading::take(server), audience.ledger.sent()));
        }
        if let Some(begin) = begin {
            let all_there = !options.paced || audience.ledger.outstanding() == 0;
            if now >= end_ns && (all_there || now > end_ns + TAIL_NS_MAX) {
                break (begin, Reading::take(server));
            }
        }
        if options.paced {
            pace.publish(&mut clients, &mut audience, now);
            clients.wake_at(pace.next_ns);
        } else {
            while audience.ledger.outstanding() < options.window {
                audience.publish(&mut clients, now);
            }
            let done = audience.ledger.sent() - audience.ledger.outstanding();
            if progress.0 != done {
                progress = (done, now);
            } else if now > progress.1 + TAIL_NS_MAX {
                return Err(format!(
                    "no progress for 3 s: {done} publishes done, {} closed",
                    audience.closed
                ));
            }
        }
        clients.poll(50, &mut audience);
        audience.check()?;
    };

    let ledger = &audience.ledger;
    let (begin, sent_before) = begin;
    let mut report = Report::of("fanout");
    report.text("mode", if options.paced { "paced" } else { "flood" });
    report.count("clients", options.clients as u64).count("size", options.size as u64);
    report.count("batch", options.batch);
    begin.tell(&end, ledger.delivered, "msg", &mut report);
    report.real("mb_per_s", ledger.bytes as f64 * 1e3 / begin.elapsed_ns(&end) as f64);
    report.real("client_reads_per_msg", clients.reads as f64 / ledger.delivered.max(1) as f64);
    ledger.latency.tell("lat", &mut report);
    ledger.duration.tell("fanout", &mut report);
    audience.tell_faults(&mut report);
    report.count("publishes", ledger.sent() - sent_before);
    if options.paced {
        report.count("unfinished", ledger.outstanding()).count("late_triggers", pace.late);
    }
    tell_growth(options.stalled, memory, server, &mut report);
    Ok(report)
}

/// Publishes at a fixed rate, each with the time at which it was due.
pub(crate) struct Pace {
    pub(crate) next_ns: u64,
    pub(crate) step_ns: u64,
    pub(crate) end_ns: u64,
    /// Publishes that were asked for more than a step too late.
    pub(crate) late: u64,
}

impl Pace {
    pub(crate) fn publish(&mut self, clients: &mut Clients, audience: &mut Audience, now: u64) {
        while now >= self.next_ns && self.next_ns < self.end_ns {
            self.late += u64::from(now > self.next_ns + self.step_ns);
            audience.publish(clients, self.next_ns);
            self.next_ns += self.step_ns;
        }
    }
}

/// How much the server has grown for those who never read.
pub(crate) fn tell_growth(
    stalled: usize,
    before: Option<Memory>,
    server: Option<Server>,
    report: &mut Report,
) {
    let after = server.and_then(Server::memory);
    if let (Some(before), Some(after)) = (before, after) {
        report.count("stalled", stalled as u64);
        report.count("rss_growth_kb", after.rss_kb.saturating_sub(before.rss_kb));
    }
}
