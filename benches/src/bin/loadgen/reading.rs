//! Readings of everything that goes on during a run: one at its begin, one at its end.

use super::{
    report::Report,
    server::{Cpu, Server},
};
use andon_bench::clock::{CpuClock, now_ns};
use std::fs;

/// Beyond the measured time, a run waits so long for what was begun in it; a flood, for any progress.
pub(crate) const TAIL_NS_MAX: u64 = 3_000_000_000;

/// Ticks of `/proc/stat`, each of 10 ms, over all processors.
#[derive(Clone, Copy, Default)]
struct Machine {
    busy: u64,
    stolen: u64,
    processors: u64,
}

impl Machine {
    fn read() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let mut lines = stat.lines();
        let fields: Vec<u64> = lines
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|field| field.parse().ok())
            .collect();
        let &[user, nice, system, _idle, _wait, irq, softirq, stolen, ..] = &fields[..] else {
            return Self::default();
        };
        let processors = lines.take_while(|line| line.starts_with("cpu")).count() as u64;
        Self { busy: user + nice + system + irq + softirq, stolen, processors }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) at_ns: u64,
    pub(crate) server: Option<Cpu>,
    own_ns: u64,
    machine: Machine,
}

impl Reading {
    pub(crate) fn take(server: Option<Server>) -> Self {
        Self {
            at_ns: now_ns(),
            server: server.and_then(Server::cpu),
            own_ns: CpuClock::own().used_ns().unwrap_or(0),
            machine: Machine::read(),
        }
    }

    pub(crate) fn elapsed_ns(&self, until: &Self) -> u64 {
        until.at_ns - self.at_ns
    }

    /// The server's processor time between two readings.
    pub(crate) fn server_ns(&self, until: &Self) -> Option<u64> {
        Some(until.server?.total_ns - self.server?.total_ns)
    }

    /// Says rates, the server's processor time per unit, and what tells whether the run can be trusted.
    pub(crate) fn tell(&self, until: &Self, units: u64, unit: &str, report: &mut Report) {
        let elapsed_ns = self.elapsed_ns(until) as f64;
        report.real("elapsed_s", elapsed_ns / 1e9).count(&format!("{unit}s"), units);
        report.real(&format!("{unit}s_per_s"), units as f64 * 1e9 / elapsed_ns);
        if let (Some(used_ns), Some(from), Some(to)) = (self.server_ns(until), self.server, until.server) {
            report.real(&format!("server_cpu_us_per_{unit}"), used_ns as f64 / 1e3 / units.max(1) as f64);
            report.real("server_util", used_ns as f64 / elapsed_ns);
            let user = (to.user_ticks - from.user_ticks) as f64;
            report.real("server_user_share", user / (user + (to.system_ticks - from.system_ticks) as f64));
        }
        report.real("loadgen_util", (until.own_ns - self.own_ns) as f64 / elapsed_ns);
        let ticks = elapsed_ns / 1e7;
        let processors = self.machine.processors.max(1) as f64;
        report.real("steal_share", (until.machine.stolen - self.machine.stolen) as f64 / ticks / processors);
        report.real("machine_busy_cores", (until.machine.busy - self.machine.busy) as f64 / ticks);
    }
}
