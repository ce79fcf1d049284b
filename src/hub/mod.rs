//! Floor 2: what is published, what each peer is owed, when things are due, and who someone is.

pub(crate) mod board;
pub(crate) mod cursor;
pub(crate) mod deadlines;
pub(crate) mod identity;
pub(crate) mod log;
pub(crate) mod outbox;
pub(crate) mod registry;
pub(crate) mod tags;
pub(crate) mod topic;
