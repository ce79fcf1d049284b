//! Floor 5: the loop thread and every effect: sockets, the only clock, channels.

#[cfg(unix)]
mod bell;
pub(crate) mod channels;
pub(crate) mod clock;
pub(crate) mod descriptors;
pub(crate) mod keyed;
pub(crate) mod latest;
pub(crate) mod listener;
pub(crate) mod mailbox;
pub(crate) mod outlet;
pub(crate) mod reactor;
pub(crate) mod reader;
pub(crate) mod recorder;
pub(crate) mod socket;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) mod sqlite;
pub(crate) mod thread;
pub(crate) mod timings;
