//! The atomics of the four-copy protocol: loom's when it is being modelled.

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicU32, Ordering, fence};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicU32, Ordering, fence};

/// What was stored before this is seen by others before what is loaded behind it.
#[inline(always)]
pub(super) fn barrier() {
    fence(Ordering::SeqCst);
}

/// The same, right behind an atomic exchange. On x86 every such instruction is a full barrier, so that the compiler alone has to be held back, and a
/// second one, which would cost as much again, is saved.
#[inline(always)]
pub(super) fn barrier_behind_exchange() {
    #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(loom), not(miri)))]
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
    #[cfg(not(all(any(target_arch = "x86", target_arch = "x86_64"), not(loom), not(miri))))]
    barrier();
}

/// Tells a model who reads and who writes a copy, so that it finds accesses which nothing keeps apart: of plain memory it knows nothing. Elsewhere it is nothing.
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
