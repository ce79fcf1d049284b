//! Clocks, read in nanoseconds: the time, and what a process has used of the processor.
#![allow(unsafe_code)]

use std::io;

/// The monotonic time, in nanoseconds since some fixed moment. Timers are set on the same clock.
pub fn now_ns() -> u64 {
    read_ns(libc::CLOCK_MONOTONIC).expect("every Linux has a monotonic clock")
}

/// The processor time of one process: of all its threads, user and system, in the scheduler's own nanoseconds.
///
/// The tick counts of `/proc/PID/stat` are a hundred thousand times coarser.
#[derive(Clone, Copy, Debug)]
pub struct CpuClock(libc::clockid_t);

impl CpuClock {
    /// The clock of the process `pid`.
    pub fn of(pid: u32) -> io::Result<Self> {
        let mut clock = 0;
        // SAFETY: `clock` is a valid place for one clock id.
        match unsafe { libc::clock_getcpuclockid(pid.cast_signed(), &mut clock) } {
            0 => Ok(Self(clock)),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// The clock of this process.
    pub fn own() -> Self {
        Self(libc::CLOCK_PROCESS_CPUTIME_ID)
    }

    /// Processor time used so far; fails when the process is gone.
    pub fn used_ns(self) -> io::Result<u64> {
        read_ns(self.0)
    }
}

fn read_ns(clock: libc::clockid_t) -> io::Result<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for one timespec.
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned())
}
