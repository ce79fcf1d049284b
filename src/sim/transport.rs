//! Simulated connections: a bounded pipe each way, and readiness as an edge-triggered poll reports it.

use crate::engine::transport::Transport;
use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, IoSlice},
    rc::Rc,
};

/// The most that a simulated kernel buffers in one direction.
pub(super) const WIRE_BYTES_MAX: usize = 64_000;

/// A connection, seen from the network. The client holds one end, a [`SimTransport`] the other.
#[derive(Debug)]
pub(super) struct Wire {
    rng: fastrand::Rng,
    /// What [`Transport::SHORT_IS_DRAINED`] says of this connection's transport.
    short_is_drained: bool,
    /// What reading gave rise to and the client needs: bytes that are none of a message, such as of a handshake.
    talk: usize,
    /// From the client.
    up: VecDeque<u8>,
    up_max: usize,
    /// The client's last byte is in `up`, or was.
    up_ended: bool,
    /// To the client.
    down: VecDeque<u8>,
    down_max: usize,
    /// The server has said that nothing follows, or is gone.
    down_ended: bool,
    /// The server's end was dropped.
    pub(super) dropped: bool,
    /// One side has broken the connection.
    pub(super) reset: bool,
    /// The server was told that there is nothing to read, or no room to write: it must hear when that changes.
    read_armed: bool,
    write_armed: bool,
    /// Also tells of what nobody waits for, as epoll does with every arrival.
    generous: bool,
    /// What the poll has to report.
    pub(super) readable: bool,
    pub(super) hung_up: bool,
    pub(super) writable: bool,
}

impl Wire {
    pub(super) fn new(rng: &mut fastrand::Rng, short_is_drained: bool) -> Rc<RefCell<Self>> {
        let size = |rng: &mut fastrand::Rng| match rng.u8(0..4) {
            0 => rng.usize(1..200),
            1 => rng.usize(200..4_000),
            _ => rng.usize(4_000..WIRE_BYTES_MAX),
        };
        Rc::new(RefCell::new(Self {
            short_is_drained,
            talk: 0,
            up: VecDeque::new(),
            up_max: size(rng),
            up_ended: false,
            down: VecDeque::new(),
            down_max: size(rng),
            down_ended: false,
            dropped: false,
            reset: false,
            read_armed: true,
            write_armed: false,
            generous: rng.bool(),
            readable: false,
            hung_up: false,
            writable: rng.bool(),
            rng: rng.fork(),
        }))
    }

    /// The client sends; returns how much found room.
    pub(super) fn client_write(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.up_max - self.up.len());
        if n > 0 && !self.up_ended && !self.reset && !self.dropped {
            self.up.extend(&bytes[..n]);
            if self.read_armed || self.generous {
                self.read_armed = false;
                self.readable = true;
            }
        }
        n
    }

    /// The client closes its side.
    pub(super) fn client_end(&mut self) {
        if self.up_ended || self.reset || self.dropped {
            return;
        }
        self.up_ended = true;
        if self.short_is_drained {
            // The end is an edge of its own, and comes with the word that it is one: a short read does not show it.
            (self.readable, self.hung_up, self.read_armed) = (true, true, false);
        } else if self.read_armed {
            (self.readable, self.hung_up, self.read_armed) = (true, self.rng.bool(), false);
        }
    }

    /// Whether the server has kept its end although the client has left.
    pub(super) fn is_left(&self) -> bool {
        (self.up_ended || self.reset) && !self.dropped
    }

    /// Breaks the connection from the client's side: what is under way is lost.
    pub(super) fn client_reset(&mut self) {
        self.reset = true;
        self.up.clear();
        self.down.clear();
        (self.readable, self.hung_up, self.writable) = (true, true, true);
    }

    /// Up to `max` bytes for the client.
    pub(super) fn client_read(&mut self, max: usize, into: &mut Vec<u8>) -> usize {
        let n = max.min(self.down.len());
        into.extend(self.down.drain(..n));
        // A kernel waits with its word until there is some room; it need not, but an empty buffer must be reported.
        let room = self.down.len() * 3 <= self.down_max * 2 || self.rng.u8(0..4) == 0;
        if self.write_armed && n > 0 && (room || self.down.is_empty()) {
            self.write_armed = false;
            self.writable = true;
        }
        n
    }

    /// Whether the client has read the server's last byte.
    pub(super) fn client_at_end(&self) -> bool {
        self.reset || (self.down.is_empty() && self.down_ended)
    }

    /// Whether bytes of the client have not been taken by the server.
    pub(super) fn has_unread(&self) -> bool {
        !self.up.is_empty()
    }

    /// Whether the client waits for what reading gave rise to.
    pub(super) fn has_talk(&self) -> bool {
        self.talk > 0
    }

    /// Takes `bytes` towards the client.
    fn server_write(&mut self, slices: &mut dyn Iterator<Item = &[u8]>, wanted: usize) -> io::Result<usize> {
        if self.reset {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = self.down_max - self.down.len();
        let mut n = room.min(wanted);
        if n > 1 && self.rng.u8(0..8) == 0 {
            n = self.rng.usize(1..n);
        }
        let mut left = n;
        for slice in slices {
            let taken = slice.len().min(left);
            self.down.extend(&slice[..taken]);
            left -= taken;
        }
        if n < wanted {
            if n < room {
                self.writable = true;
            } else {
                self.write_armed = true;
            }
        }
        if n == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(n) }
    }
}

/// The engine's end of a [`Wire`]. A buffering one accepts more than the wire takes, as TLS does.
#[derive(Debug)]
pub(super) struct SimTransport<const SHORT_IS_DRAINED: bool> {
    pub(super) wire: Rc<RefCell<Wire>>,
    /// `None`: it buffers nothing.
    inside: Option<Vec<u8>>,
}

impl<const S: bool> SimTransport<S> {
    pub(super) fn new(wire: Rc<RefCell<Wire>>, buffering: bool) -> Self {
        Self { wire, inside: buffering.then(Vec::new) }
    }

    fn push_on(&mut self) -> io::Result<()> {
        let Some(inside) = &mut self.inside else { return Ok(()) };
        {
            let wire = &mut *self.wire.borrow_mut();
            if wire.talk > 0 && !wire.reset && wire.down.len() == wire.down_max {
                wire.write_armed = true;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            wire.talk = 0;
        }
        while !inside.is_empty() {
            let n = self.wire.borrow_mut().server_write(&mut [&inside[..]].into_iter(), inside.len())?;
            inside.drain(..n);
            if !inside.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        Ok(())
    }
}

impl<const S: bool> Transport for SimTransport<S> {
    const SHORT_IS_DRAINED: bool = S;

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        assert!(!into.is_empty(), "a read into nothing looks like the end");
        let wire = &mut *self.wire.borrow_mut();
        if wire.reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if self.inside.is_some() && wire.rng.u8(0..10) == 0 {
            wire.talk += 1;
        }
        if wire.up.is_empty() {
            if wire.up_ended {
                return Ok(0);
            }
            wire.read_armed = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut n = wire.up.len().min(into.len());
        if S {
            wire.read_armed |= n < into.len();
        } else {
            n = wire.rng.usize(1..=n);
        }
        for (to, from) in into.iter_mut().zip(wire.up.drain(..n)) {
            *to = from;
        }
        Ok(n)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        assert!(total > 0, "a write of nothing");
        let Some(inside) = &mut self.inside else {
            return self.wire.borrow_mut().server_write(&mut slices.iter().map(|slice| &slice[..]), total);
        };
        let quiet = inside.is_empty() && !self.wire.borrow().has_talk();
        assert!(quiet, "something new was given while something is unsent");
        let accepted = self.wire.borrow_mut().rng.usize(1..=16 << 10).min(total);
        inside.extend(slices.iter().flat_map(|slice| slice.iter()).take(accepted));
        match self.push_on() {
            Ok(()) => {
                if accepted < total {
                    self.wire.borrow_mut().writable = true;
                }
                Ok(accepted)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(accepted),
            Err(error) => Err(error),
        }
    }

    fn unsent(&self) -> usize {
        self.inside.as_ref().map_or(0, |inside| inside.len() + self.wire.borrow().talk)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push_on()
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        assert_eq!(self.unsent(), 0, "the end was said before all was sent");
        let mut wire = self.wire.borrow_mut();
        wire.down_ended = true;
        if wire.reset { Err(io::ErrorKind::NotConnected.into()) } else { Ok(()) }
    }
}

impl<const S: bool> Drop for SimTransport<S> {
    fn drop(&mut self) {
        let mut wire = self.wire.borrow_mut();
        (wire.dropped, wire.down_ended) = (true, true);
        if wire.has_unread() && wire.rng.bool() {
            // What a kernel does to a client whose bytes nobody read: what it has not taken yet may be lost.
            wire.reset = true;
            wire.down.clear();
        }
    }
}
