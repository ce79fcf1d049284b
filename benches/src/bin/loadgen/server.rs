//! The server under test, seen from outside: its processor time and memory.

use super::options::Options;
use andon_bench::clock::CpuClock;
use std::fs;

/// Processor time that the server has used so far.
#[derive(Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) total_ns: u64,
    /// In ticks of 10 ms: good for their ratio only.
    pub(crate) user_ticks: u64,
    pub(crate) system_ticks: u64,
}

/// Memory of the server, without what the kernel keeps for its sockets.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) rss_kb: u64,
    pub(crate) anonymous_kb: u64,
}

#[derive(Clone, Copy)]
pub(crate) struct Server {
    pid: u32,
    clock: CpuClock,
}

impl Server {
    pub(crate) fn new(pid: u32) -> Result<Self, String> {
        let clock = CpuClock::of(pid).map_err(|error| format!("process {pid}: {error}"))?;
        Ok(Self { pid, clock })
    }

    /// The one that the command line names, if it does.
    pub(crate) fn told(options: &Options) -> Result<Option<Self>, String> {
        options.pid.map(Self::new).transpose()
    }

    pub(crate) fn cpu(self) -> Option<Cpu> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        // The second field is a name in parentheses and may contain anything.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut ticks = || fields.next()?.parse().ok();
        Some(Cpu { total_ns: self.clock.used_ns().ok()?, user_ticks: ticks()?, system_ticks: ticks()? })
    }

    pub(crate) fn memory(self) -> Option<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let field = |name| {
            status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
        };
        Some(Memory { rss_kb: field("VmRSS:")?, anonymous_kb: field("RssAnon:")? })
    }
}
