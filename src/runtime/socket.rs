//! The plain transport: a connected, non-blocking TCP socket.

use std::{
    io::{self, IoSlice, Read},
    net::Shutdown,
};

use mio::net::TcpStream;
use socket2::{SockRef, TcpKeepalive};

use crate::{
    engine::transport::Transport,
    ground::limits::{IO_SLICES_MAX, KEEPALIVE_AFTER, KEEPALIVE_EVERY},
};

/// Flags of every write: a peer that is gone is an error to us, never a SIGPIPE to the host's process. The
/// process's own handling of that signal is none of our business, so it is not touched.
#[cfg(all(unix, not(target_vendor = "apple")))]
const WRITE_FLAGS: i32 = libc::MSG_NOSIGNAL;
/// Apple has an option of the socket instead, and Windows no such signal.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
const WRITE_FLAGS: i32 = 0;

/// Whether what a connection needs is set on the listener once and inherited by each accepted socket, rather than
/// set by a system call per accept. So it is on Linux, where the new socket is a copy of the listening one.
pub(crate) const INHERITS_OPTIONS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Has the kernel find out that a silent peer is gone.
pub(crate) fn keepalive() -> TcpKeepalive {
    TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY)
}

/// A connected, non-blocking TCP socket without delays and without SIGPIPE.
///
/// With edge-triggered readiness a short read has emptied the socket, but does not say whether the stream has ended:
/// bytes and the end that arrive together make *one* event. So a driver whose event says `is_read_closed` must read on
/// until `Ok(0)` or an error, whatever a read's length.
#[derive(Debug)]
pub(crate) struct Socket(TcpStream);

impl Socket {
    /// Takes a connection whose options are still the system's defaults.
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_tcp_keepalive(&keepalive())?;
        #[cfg(target_vendor = "apple")]
        SockRef::from(&stream).set_nosigpipe(true)?;
        Ok(Self(stream))
    }

    /// Takes a connection that was just accepted, at the price of as few system calls as the platform allows.
    pub(crate) fn accepted(stream: TcpStream) -> io::Result<Self> {
        if INHERITS_OPTIONS { Ok(Self(stream)) } else { Self::new(stream) }
    }

    /// What the kernel may queue towards the peer. What it queues cannot be conflated any more: a small buffer keeps a
    /// slow watcher of changing state nearer to the present. Linux doubles the number for its own bookkeeping, and
    /// stops growing the buffer by itself.
    pub(crate) fn set_send_buffer_bytes(&self, bytes: usize) -> io::Result<()> {
        SockRef::from(&self.0).set_send_buffer_size(bytes)
    }

    /// What a poll registers.
    pub(crate) fn source(&mut self) -> &mut TcpStream {
        &mut self.0
    }
}

impl Transport for Socket {
    // Windows has no edges: there it is the `WouldBlock` that makes mio ask for the next event.
    const SHORT_IS_DRAINED: bool = cfg!(unix);

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.read(into))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        // Not cut to what the kernel takes at once (IOV_MAX is 1,024): a count that is short for our own sake would
        // have the caller wait for an event that never comes.
        debug_assert!(slices.len() <= IO_SLICES_MAX, "{} slices in one write", slices.len());
        uninterrupted(|| {
            // Past mio's own `write_vectored`, which is `writev` and takes no flags, but within its `try_io`, which on
            // Windows arms the next event.
            self.0.try_io(|| {
                let socket = SockRef::from(&self.0);
                match slices {
                    [] => Ok(0),
                    [one] => socket.send_with_flags(one, WRITE_FLAGS),
                    several => socket.send_vectored_with_flags(several, WRITE_FLAGS),
                }
            })
        })
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        match self.0.shutdown(Shutdown::Write) {
            // The peer has reset the connection, so it will get no more bytes indeed; the next read tells.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

/// Repeats a call for as long as a signal interrupts it: the host's handlers may well run on any thread.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream as Blocking};

    use super::*;

    /// A socket of ours and its blocking peer.
    fn pair() -> (Socket, Blocking) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Blocking::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        (Socket::new(TcpStream::from_std(stream)).unwrap(), peer)
    }

    #[test]
    fn slices_arrive_in_order() {
        let (mut socket, mut peer) = pair();
        assert_eq!(socket.write_vectored(&[]).unwrap(), 0);
        assert_eq!(socket.write_vectored(&[IoSlice::new(b"one ")]).unwrap(), 4);
        let several = [IoSlice::new(b"two "), IoSlice::new(b""), IoSlice::new(b"three")];
        assert_eq!(socket.write_vectored(&several).unwrap(), 9);
        socket.shutdown_write().unwrap();
        let mut got = String::new();
        peer.read_to_string(&mut got).unwrap();
        assert_eq!(got, "one two three");
    }

    #[test]
    fn nothing_there_would_block_and_the_end_is_zero() {
        let (mut socket, peer) = pair();
        assert_eq!(socket.read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(peer);
        let mut poll = mio::Poll::new().unwrap();
        poll.registry().register(socket.source(), mio::Token(0), mio::Interest::READABLE).unwrap();
        poll.poll(&mut mio::Events::with_capacity(4), None).unwrap();
        assert_eq!(socket.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn a_full_socket_would_block() {
        let (mut socket, _peer) = pair();
        socket.set_send_buffer_bytes(16 << 10).unwrap();
        let chunk = vec![0; 64 << 10];
        let error = loop {
            match socket.write_vectored(&[IoSlice::new(&chunk), IoSlice::new(&chunk)]) {
                Ok(accepted) => assert!(accepted > 0),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    /// The reason for the rule in the docs of [`Socket`]: no second event comes for the end.
    #[cfg(target_os = "linux")]
    #[test]
    fn bytes_and_the_end_may_share_one_event() {
        use std::io::Write;
        let (mut socket, mut peer) = pair();
        peer.write_all(b"last words").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let mut poll = mio::Poll::new().unwrap();
        let mut events = mio::Events::with_capacity(4);
        let both = mio::Interest::READABLE | mio::Interest::WRITABLE;
        // Registered only now, so that both have arrived; the wait is for the kernel, which may take its time.
        let mut peek = [0; 1];
        while !matches!(socket.0.peek(&mut peek), Ok(1)) || !rdhup(&socket) {
            std::thread::yield_now();
        }
        poll.registry().register(socket.source(), mio::Token(0), both).unwrap();
        poll.poll(&mut events, None).unwrap();
        assert!(events.iter().any(|event| event.is_readable() && event.is_read_closed()));
        assert_eq!(socket.read(&mut [0; 64]).unwrap(), 10);
        poll.poll(&mut events, Some(std::time::Duration::ZERO)).unwrap();
        assert!(events.is_empty());
        assert_eq!(socket.read(&mut [0; 64]).unwrap(), 0);
    }

    #[cfg(target_os = "linux")]
    fn rdhup(socket: &Socket) -> bool {
        use std::os::fd::AsRawFd;
        let mut fd = libc::pollfd { fd: socket.0.as_raw_fd(), events: libc::POLLRDHUP, revents: 0 };
        // SAFETY: the pointer is to one `pollfd`, as the count says.
        #[allow(unsafe_code)]
        let ready = unsafe { libc::poll(&raw mut fd, 1, 0) };
        ready == 1
    }

    /// The test runner ignores SIGPIPE, so it could not kill us here; but a signal that is blocked stays pending even
    /// if it is ignored, and that can be seen.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_peer_that_is_gone_raises_no_signal() {
        use std::io::Write;
        let (mut socket, _peer) = pair();
        assert!(!sigpipe::blocked_and_pending());
        socket.shutdown_write().unwrap();
        let (one, more) = (IoSlice::new(b"x"), IoSlice::new(b"y"));
        for slices in [&[one][..], &[one, more][..]] {
            assert_eq!(socket.write_vectored(slices).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert!(!sigpipe::blocked_and_pending());
        }
        // The way not taken, to show that the test would see it.
        assert_eq!(socket.0.write_vectored(&[one, more]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(sigpipe::blocked_and_pending());
    }

    #[cfg(target_os = "linux")]
    mod sigpipe {
        use std::{mem::MaybeUninit, ptr};

        /// Blocks SIGPIPE on this thread, and says whether one is pending. The thread is the test's own and ends with
        /// it.
        #[allow(unsafe_code)]
        pub(super) fn blocked_and_pending() -> bool {
            let mut set = MaybeUninit::uninit();
            // SAFETY: `set` is a valid place for a signal set; it is initialised by the first call and then
            // overwritten by `sigpending`.
            unsafe {
                libc::sigemptyset(set.as_mut_ptr());
                libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
                libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
                libc::sigpending(set.as_mut_ptr());
                libc::sigismember(set.as_ptr(), libc::SIGPIPE) == 1
            }
        }
    }
}
