//! The atomics of the three-copy protocol: loom's when it is being modelled.

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicU32, Ordering};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicU32, Ordering};
