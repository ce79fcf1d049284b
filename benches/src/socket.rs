//! Non-blocking TCP sockets, made with as few system calls as there can be.
#![allow(unsafe_code)]

use socket2::{Domain, Socket, Type};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
    os::fd::AsRawFd,
};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4096;

/// What a client's socket is made with.
#[derive(Clone, Copy, Default, Debug)]
pub struct Settings {
    /// The address to connect from, if not the system's choice.
    pub source: Option<Ipv4Addr>,
    /// `SO_RCVBUF`, if not the system's choice.
    pub receive_bytes: Option<usize>,
    /// `SO_SNDBUF`, if not the system's choice.
    pub send_bytes: Option<usize>,
}

/// Begins to connect. The stream becomes writable when it is connected or has failed.
pub fn connect(to: SocketAddrV4, settings: &Settings) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(bytes) = settings.receive_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(bytes) = settings.send_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(source) = settings.source {
        leave_port_open(&socket)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
    }
    match socket.connect(&SocketAddr::from(to).into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// Lets the port be chosen when it connects, not when it binds: then only the pair of addresses must be unused, and
/// ports do not run out while thousands of connections are made and closed each second.
fn leave_port_open(socket: &Socket) -> io::Result<()> {
    let yes: libc::c_int = 1;
    // SAFETY: `yes` lives until the call returns, and its size is what is said.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const yes).cast(),
            size_of_val(&yes) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A listening socket.
pub struct Listener(Socket);

impl Listener {
    /// Listens there; port 0 takes a free one.
    pub fn bind(to: SocketAddrV4) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from(to).into())?;
        socket.listen(BACKLOG)?;
        Ok(Self(socket))
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr()?.as_socket().expect("it was bound to an IPv4 address"))
    }

    /// The next connection that waits, already non-blocking.
    pub fn accept(&self) -> io::Result<TcpStream> {
        self.0.accept4(libc::SOCK_NONBLOCK).map(|(socket, _)| socket.into())
    }
}

impl std::os::fd::AsFd for Listener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}
