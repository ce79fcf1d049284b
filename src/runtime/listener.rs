//! A listening socket, and what can come out of accepting from it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Type};

use crate::runtime::{
    descriptors::{self, Reserve},
    socket::{INHERITS_OPTIONS, Socket, keepalive},
};

/// Connections that the kernel holds for us until they are accepted. It has its own cap (`net.core.somaxconn`).
pub(crate) const BACKLOG: i32 = 4_096;

/// A non-blocking listening socket.
///
/// Readiness is an edge: after an event, `accept` until [`Accepted::Empty`], or remember that it was not.
#[derive(Debug)]
pub(crate) struct Listener {
    inner: TcpListener,
    reserve: Reserve,
}

/// What came out of one attempt to accept.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// A connection, and where it comes from. An IPv4 peer is given as one, whatever the listener's family.
    Conn(Socket, SocketAddr),
    /// Nobody is waiting: an event will say when.
    Empty,
    /// That connection is gone already. Try the next one.
    Retry,
    /// The system has run out of descriptors or memory. Connections may well be waiting and no event will come for
    /// them: try again after a rest.
    Exhausted,
    /// A connection was there, but its descriptor was one of the last, which are the host's: it has been closed again.
    /// Rest as with [`Exhausted`](Self::Exhausted).
    Scarce,
    /// The listener itself does not work any more.
    Broken(io::Error),
}

impl Listener {
    /// Listens on `addr`; port 0 takes any free one.
    pub(crate) fn bind(addr: SocketAddr, backlog: i32) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // A server that restarts must not wait for its old connections' TIME_WAIT. On Windows the option means that a
        // second program may take the port over, and nothing like it is needed.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        if addr.is_ipv6() {
            // So that `0.0.0.0` and `[::]` can both be listened on, with the same result on every system.
            socket.set_only_v6(true)?;
        }
        if INHERITS_OPTIONS {
            socket.set_tcp_nodelay(true)?;
            socket.set_tcp_keepalive(&keepalive())?;
        }
        socket.bind(&addr.into())?;
        socket.listen(backlog)?;
        let inner = TcpListener::from_std(socket.into());
        Ok(Self { inner, reserve: Reserve::new(descriptors::soft_limit) })
    }

    /// Where it listens, with the real port.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// What a poll registers.
    pub(crate) fn source(&mut self) -> &mut TcpListener {
        &mut self.inner
    }

    /// Takes one connection, if one is waiting. Never blocks.
    pub(crate) fn accept(&mut self) -> Accepted {
        let (stream, addr) = match self.inner.accept() {
            Ok(accepted) => accepted,
            Err(error) => return refusal(error),
        };
        if number(&stream).is_some_and(|number| self.reserve.holds(number)) {
            return Accepted::Scarce;
        }
        // Options fail on a connection that the peer has reset meanwhile, and on nothing else.
        Socket::accepted(stream).map_or(Accepted::Retry, |socket| Accepted::Conn(socket, plain(addr)))
    }
}

/// The number of a descriptor, where descriptors have numbers that count up from zero.
#[cfg(unix)]
fn number(stream: &TcpStream) -> Option<usize> {
    usize::try_from(std::os::fd::AsRawFd::as_raw_fd(stream)).ok()
}

/// The number of a descriptor, where descriptors have numbers that count up from zero.
#[cfg(not(unix))]
fn number(_: &TcpStream) -> Option<usize> {
    None
}

/// An IPv4 address is one address, not two.
fn plain(addr: SocketAddr) -> SocketAddr {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, addr.port())),
        IpAddr::V6(_) => addr,
    }
}

/// Sorts a failed accept by what to do next.
fn refusal(error: io::Error) -> Accepted {
    match error.kind() {
        io::ErrorKind::WouldBlock => return Accepted::Empty,
        io::ErrorKind::Interrupted
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::TimedOut => return Accepted::Retry,
        _ => {}
    }
    match error.raw_os_error() {
        Some(code) if codes::EXHAUSTED.contains(&code) => Accepted::Exhausted,
        Some(code) if codes::CONNECTION.contains(&code) => Accepted::Retry,
        _ => Accepted::Broken(error),
    }
}

#[cfg(unix)]
mod codes {
    pub(super) const EXHAUSTED: &[i32] = &[libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];

    /// Linux reports what has already happened to the new connection as the failure of `accept`, and a firewall's
    /// refusal likewise (accept(2), "Error handling"). Each of these has used one waiting connection up, so that trying
    /// again comes to an end.
    pub(super) const CONNECTION: &[i32] = &[
        libc::EPROTO,
        libc::EPERM,
        libc::ENETDOWN,
        libc::ENETUNREACH,
        libc::EHOSTDOWN,
        libc::EHOSTUNREACH,
        libc::ENOPROTOOPT,
        libc::EOPNOTSUPP,
        #[cfg(any(target_os = "linux", target_os = "android"))]
        libc::ENONET,
    ];
}

#[cfg(not(unix))]
mod codes {
    /// WSAEMFILE and WSAENOBUFS; WSAENETDOWN, which says that the network subsystem is down and may come back.
    pub(super) const EXHAUSTED: &[i32] = &[10_024, 10_055, 10_050];
    pub(super) const CONNECTION: &[i32] = &[];
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        net::{Ipv4Addr, Ipv6Addr, TcpStream as Blocking},
    };

    use mio::{Events, Interest, Poll, Token};
    use socket2::SockRef;

    use super::*;

    fn local() -> Listener {
        Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), BACKLOG).unwrap()
    }

    /// Connects, and waits until the connection can be accepted.
    fn connect(listener: &mut Listener) -> Blocking {
        let addr = listener.local_addr().unwrap();
        let client = Blocking::connect(addr).unwrap();
        await_readable(listener);
        client
    }

    fn await_readable(listener: &mut Listener) {
        let mut poll = Poll::new().unwrap();
        poll.registry().register(listener.source(), Token(0), Interest::READABLE).unwrap();
        poll.poll(&mut Events::with_capacity(1), None).unwrap();
        poll.registry().deregister(listener.source()).unwrap();
    }

    #[track_caller]
    fn conn(accepted: Accepted) -> (Socket, SocketAddr) {
        match accepted {
            Accepted::Conn(socket, addr) => (socket, addr),
            other => panic!("no connection but {other:?}"),
        }
    }

    #[test]
    fn accepts_until_empty() {
        let mut listener = local();
        assert!(matches!(listener.accept(), Accepted::Empty));
        let client = connect(&mut listener);
        let (_socket, addr) = conn(listener.accept());
        assert_eq!(addr, client.local_addr().unwrap());
        assert!(matches!(listener.accept(), Accepted::Empty));
    }

    /// On Linux this is inherited from the listener, which is what [`INHERITS_OPTIONS`] stands on.
    #[test]
    fn accepted_sockets_have_no_delay_and_do_not_block() {
        let mut listener = local();
        let _client = connect(&mut listener);
        let (mut socket, _) = conn(listener.accept());
        assert!(socket.source().nodelay().unwrap());
        let options = SockRef::from(&*socket.source());
        assert!(
            options.keepalive().unwrap(),
            "or a peer that vanishes without a word could hold its slot for ever"
        );
        #[cfg(target_os = "linux")]
        assert_eq!(options.tcp_keepalive_time().unwrap(), crate::ground::limits::KEEPALIVE_AFTER);
        assert_eq!(socket.source().read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn descriptors_do_not_survive_exec() {
        use std::os::fd::AsRawFd;
        let mut listener = local();
        let _client = connect(&mut listener);
        let (mut socket, _) = conn(listener.accept());
        for number in [listener.inner.as_raw_fd(), socket.source().as_raw_fd()] {
            let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
            let flags = i32::from_str_radix(flags.trim(), 8).unwrap();
            assert_eq!(flags & libc::O_CLOEXEC, libc::O_CLOEXEC, "{info}");
        }
    }

    #[test]
    fn both_families_share_a_port() {
        if Listener::bind((Ipv6Addr::UNSPECIFIED, 0).into(), 1).is_err() {
            println!("skipped: this machine has no IPv6");
            return;
        }
        // The second bind may meet a port that somebody else has: then another one will do.
        let shared = (0..16).any(|_| {
            let v4 = Listener::bind((Ipv4Addr::UNSPECIFIED, 0).into(), 1).unwrap();
            let port = v4.local_addr().unwrap().port();
            assert_ne!(port, 0);
            Listener::bind((Ipv6Addr::UNSPECIFIED, port).into(), 1).is_ok()
        });
        assert!(shared);
    }

    #[test]
    fn a_port_in_use_is_refused() {
        let first = local();
        let error = Listener::bind(first.local_addr().unwrap(), 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert_eq!(plain("[::ffff:10.0.0.7]:80".parse().unwrap()), "10.0.0.7:80".parse().unwrap());
        for same in ["10.0.0.7:80", "[::1]:80", "[::10.0.0.7]:80"] {
            assert_eq!(plain(same.parse().unwrap()), same.parse().unwrap());
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_hosts_last_descriptors_are_given_back() {
        let mut listener = local();
        listener.reserve = Reserve::new(|| Some(1));
        let mut client = connect(&mut listener);
        assert!(matches!(listener.accept(), Accepted::Scarce));
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        listener.reserve = Reserve::new(|| None);
        let _client = connect(&mut listener);
        conn(listener.accept());
    }

    #[cfg(unix)]
    #[test]
    fn failures_are_sorted_by_what_to_do_next() {
        let sorted = |code| refusal(io::Error::from_raw_os_error(code));
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
            assert!(matches!(sorted(code), Accepted::Exhausted), "{code}");
        }
        for code in [libc::ECONNABORTED, libc::EINTR, libc::EPROTO, libc::EPERM, libc::ETIMEDOUT] {
            assert!(matches!(sorted(code), Accepted::Retry), "{code}");
        }
        assert!(matches!(sorted(libc::EAGAIN), Accepted::Empty));
        for code in [libc::EBADF, libc::EINVAL, libc::ENOTSOCK] {
            assert!(matches!(sorted(code), Accepted::Broken(_)), "{code}");
        }
    }

    /// With a real limit, which concerns the whole process: hence in one of its own.
    #[cfg(target_os = "linux")]
    #[test]
    fn survives_a_process_without_descriptors() {
        const CHILD: &str = "ANDON_TEST_FEW_DESCRIPTORS";
        if std::env::var_os(CHILD).is_some() {
            return spend_descriptors();
        }
        let name = concat!(module_path!(), "::survives_a_process_without_descriptors");
        let (_crate, name) = name.split_once("::").unwrap();
        let output = std::process::Command::new("sh")
            .args(["-c", "ulimit -n 64 && exec \"$0\" --exact \"$1\" --nocapture"])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env(CHILD, "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && told.contains("1 passed"), "{output:?}");
    }

    #[cfg(target_os = "linux")]
    fn spend_descriptors() {
        let mut listener = local();
        let mut held = Vec::new();
        loop {
            let client = connect(&mut listener);
            match listener.accept() {
                Accepted::Conn(mut socket, _) => {
                    assert!(number(socket.source()).unwrap() < 48);
                    held.push((client, socket));
                }
                Accepted::Scarce => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(held.len() > 10, "{}", held.len());
        let _waiting = connect(&mut listener);
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        assert!(matches!(listener.accept(), Accepted::Exhausted));
        drop(files);
        held.truncate(2);
        conn(listener.accept());
    }
}
