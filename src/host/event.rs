//! Events, read by the host on whichever of its threads.

use crate::{
    engine::event::Event,
    runtime::{
        channels::EventBytes,
        mailbox::Wake,
        outlet::{EventsReceiver, NoEvent},
    },
};
use std::{fmt, sync::Arc, time::Duration};

/// The host's end of the event queue, from [`Server::events`](crate::Server::events). Several threads may read it by reference; each
/// event goes to one of them. Dropping it says that no events are wanted any more.
///
/// Not for a real-time thread: taking an event may wake the loop, which is a system call.
pub struct Events {
    pub(super) receiver: EventsReceiver<Event>,
    pub(super) bytes: Arc<EventBytes>,
    pub(super) wake: Arc<Wake>,
}

/// Why there is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoEventYet {
    /// None waits now.
    Empty,
    /// The server has ended and every event has been read.
    Ended,
}

impl fmt::Display for NoEventYet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no event is waiting",
            Self::Ended => "the server has ended",
        })
    }
}

impl std::error::Error for NoEventYet {}

impl Events {
    /// The next event, without waiting.
    pub fn try_recv(&self) -> Result<Event, NoEventYet> {
        self.receiver.try_recv().map(|event| self.took(event)).map_err(no_event)
    }

    /// The next event, waiting at most this long.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Event, NoEventYet> {
        self.receiver.recv_timeout(timeout).map(|event| self.took(event)).map_err(no_event)
    }

    /// The next event, waiting as long as the server runs; `None` when it has ended.
    pub fn recv(&self) -> Option<Event> {
        self.receiver.recv().map(|event| self.took(event))
    }

    /// A descriptor for the host's own `poll`, `select` or `epoll`: readable while events wait, and when the server has ended. A call that finds no event
    /// makes it silent, so take events until [`NoEventYet::Empty`]. It is for nothing else but to be polled, and closed when this is dropped; two descriptors are made
    /// when this is first called.
    #[cfg(unix)]
    pub fn descriptor(&self) -> std::io::Result<std::os::fd::BorrowedFd<'_>> {
        self.receiver.descriptor()
    }

    /// All events, waiting for each, until the server has ended.
    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        std::iter::from_fn(|| self.recv())
    }

    fn took(&self, event: Event) -> Event {
        if self.bytes.taken(event.weight_bytes()) {
            self.wake.wake();
        }
        event
    }
}

fn no_event(none: NoEvent) -> NoEventYet {
    match none {
        NoEvent::Yet => NoEventYet::Empty,
        NoEvent::EverAgain => NoEventYet::Ended,
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
