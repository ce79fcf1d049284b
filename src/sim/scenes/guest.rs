//! A client and its connection, in the hands of the scene.

use crate::{engine::transport::Transport, ground::id::ConnId};
use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, IoSlice},
    rc::Rc,
};

/// A connection as its client sees it: what it has sent, what it got, and how much more it takes.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) up: VecDeque<u8>,
    pub(super) down: Vec<u8>,
    pub(super) room: usize,
    pub(super) ended: bool,
    pub(super) broken: bool,
    pub(super) dropped: bool,
    /// Reading gives rise to something to be said, and how much of that is not sent.
    pub(super) talks: bool,
    pub(super) talk: usize,
}

/// The engine's end of a [`Line`].
#[derive(Debug)]
pub(super) struct End(pub(super) Rc<RefCell<Line>>);

impl Transport for End {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let line = &mut *self.0.borrow_mut();
        line.talk += usize::from(line.talks);
        match line.up.len().min(into.len()) {
            _ if line.broken => Err(io::ErrorKind::ConnectionReset.into()),
            0 if line.ended => Ok(0),
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => {
                into.iter_mut().zip(line.up.drain(..n)).for_each(|(to, from)| *to = from);
                Ok(n)
            }
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let line = &mut *self.0.borrow_mut();
        assert_eq!(line.talk, 0, "something new was given while something is unsent");
        let before = line.down.len();
        let all = slices.iter().flat_map(|slice| slice.iter());
        line.down.extend(all.take(line.room));
        let n = line.down.len() - before;
        line.room -= n;
        if n == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(n) }
    }

    fn unsent(&self) -> usize {
        self.0.borrow().talk
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().talk = 0;
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.borrow_mut().dropped = true;
    }
}

/// A client.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) line: Rc<RefCell<Line>>,
    pub(super) conn: ConnId,
}

impl Guest {
    /// What it got so far.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.line.borrow_mut().down)
    }

    pub(super) fn got(&self, text: &str) -> bool {
        memchr::memmem::find(&self.line.borrow().down, text.as_bytes()).is_some()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.line.borrow().dropped
    }
}

pub(super) fn upgrade(mount: usize) -> String {
    format!(
        "GET /{mount} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// A short text as a client sends it, with a mask of zeros.
pub(super) fn masked(text: &str) -> Vec<u8> {
    [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0], text.as_bytes()].concat()
}
