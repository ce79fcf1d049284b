//! The seam between the engine and whatever carries its bytes: a socket, later TLS, or a simulation.

use std::io::{self, IoSlice};

/// A connected, non-blocking byte stream. Dropping it closes it.
///
/// The engine moves on what a transport *accepted*; a transport that buffers (TLS records, say) tells by
/// [`unsent`](Self::unsent) how much of that is still inside, and is given nothing new until that is zero. Reading may leave something
/// unsent too (a handshake's answer): the engine flushes it in the same turn.
/// Readiness is edge-like: after `WouldBlock`, or a short count, the driver must report readiness again.
pub trait Transport {
    /// Whether a read that returned fewer bytes than asked for has emptied the stream for now. True for
    /// sockets under epoll and kqueue; when false, the engine reads until `WouldBlock`.
    const SHORT_IS_DRAINED: bool = true;

    /// Reads some bytes. `Ok(0)` means the peer will send no more; `WouldBlock` that nothing is there yet.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Takes bytes off the front of `slices`, in order, and returns how many. `WouldBlock` means none.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Accepted bytes, and such as reading gave rise to, that are still inside.
    fn unsent(&self) -> usize {
        0
    }

    /// Pushes unsent bytes on. `WouldBlock` means that some are still inside.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Tells the peer that no more bytes will come; what was accepted still arrives.
    fn shutdown_write(&mut self) -> io::Result<()>;
}
