//! A timer that wakes an epoll instance, since the timeouts of epoll are whole milliseconds.
#![allow(unsafe_code)]

use crate::epoll::owned;
use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    ptr,
};

/// A timer on the monotonic clock.
pub struct Timer(File);

impl Timer {
    /// A timer that is not set.
    pub fn new() -> io::Result<Self> {
        let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
        // SAFETY: no pointers are passed.
        owned(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) }).map(|fd| Self(fd.into()))
    }

    /// Becomes readable at that time, a reading of [`crate::clock::now_ns`].
    pub fn set(&self, at_ns: u64) {
        let spec = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: (at_ns / 1_000_000_000).cast_signed(),
                tv_nsec: (at_ns % 1_000_000_000).cast_signed(),
            },
        };
        // SAFETY: `spec` is initialised; the null pointer says that the old setting is not wanted.
        let result = unsafe {
            libc::timerfd_settime(self.0.as_raw_fd(), libc::TFD_TIMER_ABSTIME, &spec, ptr::null_mut())
        };
        assert_eq!(result, 0, "a time in nanoseconds is always valid");
    }

    /// Makes it unreadable again, until it is next due.
    pub fn clear(&self) {
        // Nothing to read means that it was set anew meanwhile, which is as good.
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
