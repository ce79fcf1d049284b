//! Floor 2: what is published, what each peer is owed, when things are due, and who someone is.

pub(crate) mod identity;
