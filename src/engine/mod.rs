//! Floor 4: the whole server minus sockets, generic over a [`Transport`](transport::Transport).

pub(crate) mod transport;
