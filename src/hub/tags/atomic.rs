//! The atomics of the three-copy protocol: loom's when it is being modelled.

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicU32, Ordering};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicU32, Ordering};

/// Tells a model who reads and who writes a copy, so that it finds accesses which nothing keeps apart. The words, being atomic, do not show them:
/// it never lets a load see a store that comes later, and processors may. Elsewhere it is nothing.
#[derive(Debug, Default)]
pub(super) struct Watch(
    // The lock makes it shareable, is never contended, and is no part of the model.
    #[cfg(loom)] std::sync::Mutex<loom::cell::UnsafeCell<()>>,
);

impl Watch {
    #[inline(always)]
    pub(super) fn reads(&self) {
        #[cfg(loom)]
        self.0.try_lock().expect("a model runs one thread at a time").with(|_| ());
    }

    #[inline(always)]
    pub(super) fn writes(&self) {
        #[cfg(loom)]
        self.0.try_lock().expect("a model runs one thread at a time").with_mut(|_| ());
    }
}
