//! A descriptor that is readable while something waits: for hosts that have a loop of their own.
//!
//! The rule for who leaves something: leave it first, then [`ring`](Bell::ring). The rule for who finds nothing: [`hush`](Bell::hush), look once more, and
//! ring again if there was something after all, since there may be more behind it. So the descriptor may be readable for nothing, but is never silent while something waits.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

/// See the module. One system call for each change from silent to rung, and back.
#[derive(Debug)]
pub(crate) struct Bell {
    /// Whether it was rung since it was last hushed.
    rung: AtomicBool,
    /// What the host polls. A pair of sockets is close-on-exec and known to every unix; both ends are ours, so that a write raises no signal.
    heard: UnixStream,
    struck: UnixStream,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let (heard, struck) = UnixStream::pair()?;
        heard.set_nonblocking(true)?;
        struck.set_nonblocking(true)?;
        Ok(Self { rung: AtomicBool::new(false), heard, struck })
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.heard.as_fd()
    }

    /// Makes the descriptor readable.
    pub(crate) fn ring(&self) {
        // SeqCst, as in `hush`: the swaps have one order, and what was left before this one is seen by whoever hushes after it.
        if !self.rung.swap(true, SeqCst) {
            // A socket that is full is readable.
            let _ = (&self.struck).write(&[1]);
        }
    }

    /// Makes the descriptor silent. Whoever calls this looks once more afterwards.
    pub(crate) fn hush(&self) {
        // First the bytes, then the flag: a ring in between writes nothing, and what it was for is seen by the look that follows. The other way round this could
        // read the byte of such a ring, and leave a bell that counts as rung and is silent.
        let mut bytes = [0; 64];
        while matches!((&self.heard).read(&mut bytes), Ok(64)) {}
        self.rung.swap(false, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn is_readable(bell: &Bell) -> bool {
        let mut watched =
            libc::pollfd { fd: bell.descriptor().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid entry, and a wait of nothing.
        #[allow(unsafe_code)]
        let ready = unsafe { libc::poll(&raw mut watched, 1, 0) };
        ready == 1
    }

    #[test]
    fn it_is_readable_from_the_first_ring_until_it_is_hushed() {
        let bell = Bell::new().unwrap();
        assert!(!is_readable(&bell));
        for _ in 0..3 {
            for _ in 0..100_000 {
                bell.ring();
            }
            assert!(is_readable(&bell));
            bell.hush();
            assert!(!is_readable(&bell));
        }
    }
}
