//! The host's contexts, as they are kept for its callbacks.

use core::ffi::c_void;

/// Called when a context is not used any more.
pub(super) type Release = Option<unsafe extern "C" fn(context: *mut c_void)>;

/// A context, given back by its `drop` when this is dropped.
pub(super) struct Context {
    pointer: *mut c_void,
    drop: Release,
}

// SAFETY: the header says on which threads callbacks are called with it, and hosts that give one agree.
unsafe impl Send for Context {}
// SAFETY: as above; it is only handed to callbacks.
unsafe impl Sync for Context {}

impl Context {
    pub(super) fn new(pointer: *mut c_void, drop: Release) -> Self {
        Self { pointer, drop }
    }

    pub(super) fn get(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: the host gave the function for this pointer, and this is the one call of it.
            unsafe { drop(self.pointer) }
        }
    }
}
