//! Which side of a fork this is, without asking the system.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Forks between the first process and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The forks so far; an object from before the last one belongs to another process. One plain load.
#[inline]
pub(super) fn count() -> u32 {
    FORKS.load(Relaxed)
}

/// Counts forks from now on. Called before the first object is made.
#[cfg(unix)]
pub(super) fn watch() {
    static WATCHED: std::sync::Once = std::sync::Once::new();
    extern "C" fn in_child() {
        FORKS.fetch_add(1, Relaxed);
    }
    WATCHED.call_once(|| {
        // SAFETY: a function that may run in the child of any process, since it only adds to a number. The C library forgets it when this library is unloaded.
        let error = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        if error != 0 {
            ::log::warn!("forks cannot be watched (error {error}): in a child, calls will not be refused");
        }
    });
}

/// There are no forks.
#[cfg(not(unix))]
pub(super) fn watch() {}
