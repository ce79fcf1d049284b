//! Readiness: one level-triggered epoll instance.
#![allow(unsafe_code)]

use std::{
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
};

/// What is waited for. The end of a connection and errors are always told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// Bytes to read.
    Read,
    /// Bytes to read, or room to write.
    ReadWrite,
}

impl Interest {
    fn bits(self) -> u32 {
        match self {
            Self::Read => libc::EPOLLIN as u32,
            Self::ReadWrite => (libc::EPOLLIN | libc::EPOLLOUT) as u32,
        }
    }
}

/// One descriptor that is ready.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Ready(libc::epoll_event);

impl Ready {
    /// The token it was added with.
    pub fn token(self) -> u64 {
        self.0.u64
    }

    /// There is something to read, or the connection is over, which a read will tell.
    pub fn readable(self) -> bool {
        self.0.events & !(libc::EPOLLOUT as u32) != 0
    }

    /// There is room to write.
    pub fn writable(self) -> bool {
        self.0.events & libc::EPOLLOUT as u32 != 0
    }
}

/// An epoll instance, and the place its answers are written to.
pub struct Epoll {
    fd: OwnedFd,
    ready: Vec<Ready>,
}

impl Epoll {
    /// At most this many descriptors are told of by one wait.
    const READY_MAX: usize = 1024;

    /// An instance with nothing in it.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed.
        let fd = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        Ok(Self { fd, ready: vec![Ready(libc::epoll_event { events: 0, u64: 0 }); Self::READY_MAX] })
    }

    /// Watches a descriptor until it is closed or removed.
    pub fn add(&self, fd: &impl AsFd, interest: Interest, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, interest, token)
    }

    /// Changes what is waited for.
    pub fn change(&self, fd: &impl AsFd, interest: Interest, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, interest, token)
    }

    /// Forgets a descriptor that stays open.
    pub fn remove(&self, fd: &impl AsFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, Interest::Read, 0)
    }

    fn control(&self, operation: i32, fd: &impl AsFd, interest: Interest, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: interest.bits(), u64: token };
        // SAFETY: both descriptors are open, and `event` lives until the call returns.
        let result =
            unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd.as_fd().as_raw_fd(), &mut event) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Waits until something is ready, at most `timeout_ms` (-1: for ever), and returns how many descriptors are, of
    /// at most `most`: [`Epoll::ready`] has them.
    pub fn wait(&mut self, timeout_ms: i32, most: usize) -> usize {
        let room = most.clamp(1, self.ready.len());
        // SAFETY: `Ready` is an `epoll_event` in layout, and there is room for that many.
        let count = unsafe {
            libc::epoll_wait(self.fd.as_raw_fd(), self.ready.as_mut_ptr().cast(), room as i32, timeout_ms)
        };
        // A signal is the only error there is, and means that nothing was ready.
        usize::try_from(count).unwrap_or(0)
    }

    /// The `index`th descriptor of the last wait.
    pub fn ready(&self, index: usize) -> Ready {
        self.ready[index]
    }
}

/// Takes ownership of what a system call made, or learns why it did not.
pub(crate) fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call that returned it made it just now; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
