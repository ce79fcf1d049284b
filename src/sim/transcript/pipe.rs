//! A connection without faults. Only its client may stall.

use crate::engine::transport::Transport;
use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, IoSlice},
    rc::Rc,
};

/// What the network holds for a client that does not read.
pub(super) const HELD_BYTES: usize = 16 << 10;

/// Both directions, and what a poll has to report of them.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    up: VecDeque<u8>,
    up_ended: bool,
    down: VecDeque<u8>,
    pub(super) down_ended: bool,
    reset: bool,
    pub(super) stalled: bool,
    pub(super) readable: bool,
    pub(super) writable: bool,
}

impl Pipe {
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.up.extend(bytes);
        self.readable = true;
    }

    pub(super) fn end(&mut self) {
        (self.up_ended, self.readable) = (true, true);
    }

    pub(super) fn reset(&mut self) {
        self.reset = true;
        self.down.clear();
        (self.readable, self.writable) = (true, true);
    }

    /// All there is for the client; nothing while it stalls.
    pub(super) fn hear(&mut self) -> Vec<u8> {
        if self.stalled || self.down.is_empty() {
            return Vec::new();
        }
        self.writable = true;
        self.down.drain(..).collect()
    }

    /// Whether the client has heard the server's last byte.
    pub(super) fn is_over(&self) -> bool {
        self.down_ended && self.down.is_empty()
    }
}

/// The engine's end.
#[derive(Debug)]
pub(super) struct PipeEnd(pub(super) Rc<RefCell<Pipe>>);

impl Transport for PipeEnd {
    const SHORT_IS_DRAINED: bool = false;

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut pipe = self.0.borrow_mut();
        if pipe.reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if pipe.up.is_empty() {
            return if pipe.up_ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let n = pipe.up.len().min(into.len());
        for (to, from) in into.iter_mut().zip(pipe.up.drain(..n)) {
            *to = from;
        }
        Ok(n)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut pipe = self.0.borrow_mut();
        if pipe.reset {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = if pipe.stalled { HELD_BYTES.saturating_sub(pipe.down.len()) } else { usize::MAX };
        let before = pipe.down.len();
        pipe.down.extend(slices.iter().flat_map(|slice| slice.iter()).take(room));
        match pipe.down.len() - before {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.borrow_mut().down_ended = true;
        Ok(())
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.0.borrow_mut().down_ended = true;
    }
}
