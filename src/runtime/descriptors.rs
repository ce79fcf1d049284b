//! How many descriptors the process may have, and whether they are nearly spent. The limit is only ever read.

use crate::ground::limits::DESCRIPTORS_RESERVED;

/// The process's soft limit on open descriptors; `None` where there is none, or none to be read.
#[cfg(unix)]
pub(crate) fn soft_limit() -> Option<usize> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for one `rlimit`, which is all that the call writes to.
    #[allow(unsafe_code)]
    let status = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if status != 0 || limit.rlim_cur == libc::RLIM_INFINITY {
        return None;
    }
    usize::try_from(limit.rlim_cur).ok()
}

/// The process's soft limit on open descriptors; `None` where there is none, or none to be read.
#[cfg(not(unix))]
pub(crate) fn soft_limit() -> Option<usize> {
    None
}

/// The descriptors that are left to the host: the last ones below the limit.
///
/// The kernel hands out the lowest free number. A socket whose number lies among the last ones therefore says, at no
/// cost, that all below are taken.
#[derive(Debug)]
pub(crate) struct Reserve {
    /// Where the limit is read. A test has its own.
    limit: fn() -> Option<usize>,
    /// The first number that is the host's.
    mark: usize,
}

impl Reserve {
    pub(crate) fn new(limit: fn() -> Option<usize>) -> Self {
        Self { limit, mark: mark(limit()) }
    }

    /// Whether the descriptor numbered `number` is one of the host's.
    ///
    /// Only then is the limit read again: the host may have raised it since. That it was lowered goes unnoticed until
    /// the system refuses a descriptor, which is handled as well.
    pub(crate) fn holds(&mut self, number: usize) -> bool {
        if number < self.mark {
            return false;
        }
        self.mark = mark((self.limit)());
        number >= self.mark
    }
}

/// At most a quarter is reserved, so that a server still serves where the limit is tiny.
fn mark(limit: Option<usize>) -> usize {
    limit.map_or(usize::MAX, |limit| limit - DESCRIPTORS_RESERVED.min(limit / 4))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local!(static LIMIT: Cell<Option<usize>> = const { Cell::new(None) });

    #[test]
    fn the_last_ones_are_the_hosts() {
        LIMIT.set(Some(1_024));
        let mut reserve = Reserve::new(|| LIMIT.get());
        assert!(!reserve.holds(1_024 - DESCRIPTORS_RESERVED - 1));
        assert!(reserve.holds(1_024 - DESCRIPTORS_RESERVED));
        assert_eq!((mark(Some(40)), mark(Some(0)), mark(None)), (30, 0, usize::MAX));
    }

    #[test]
    fn a_raised_limit_is_noticed() {
        LIMIT.set(Some(1_024));
        let mut reserve = Reserve::new(|| LIMIT.get());
        assert!(reserve.holds(1_000));
        LIMIT.set(Some(4_096));
        assert!(!reserve.holds(1_000));
    }

    #[cfg(unix)]
    #[test]
    fn the_limit_is_one_that_this_process_fits_in() {
        use std::os::fd::AsRawFd;
        let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let number = usize::try_from(open.as_raw_fd()).unwrap();
        assert!(soft_limit().is_none_or(|limit| number < limit));
    }
}
