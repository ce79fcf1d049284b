//! An allocator that counts, and what is read off it.
//!
//! A test binary that reads it must have it: `#[global_allocator] static ALLOCATOR: Counting = Counting;`. It counts every allocation of
//! the process, so whoever measures takes a turn.
#![allow(unsafe_code, reason = "an allocator is unsafe by nature")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// The system's allocator, counted.
pub(crate) struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grew(bytes: usize) {
    PEAK.fetch_max(NOW.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

// SAFETY: all is the system's allocator's; the counters do not touch memory that it gave out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        // SAFETY: the caller keeps to the contract of the same method.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps to the contract of the same method.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may exist for a moment, as when the system has to move it.
        grew(size);
        // SAFETY: the caller keeps to the contract of the same method.
        let moved = unsafe { System.realloc(at, layout, size) };
        NOW.fetch_sub(layout.size(), Relaxed);
        moved
    }
}

/// What is allocated from its start on.
pub(crate) struct Meter {
    baseline: usize,
    _turn: MutexGuard<'static, ()>,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self::start_after(|| ()).0
    }

    /// What is prepared does not count, neither here nor for whoever has the turn before.
    pub(crate) fn start_after<T>(prepare: impl FnOnce() -> T) -> (Self, T) {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let prepared = prepare();
        let baseline = NOW.load(Relaxed);
        PEAK.store(baseline, Relaxed);
        (Self { baseline, _turn: turn }, prepared)
    }

    pub(crate) fn peak(&self) -> usize {
        PEAK.load(Relaxed) - self.baseline
    }

    /// From here on the peak is one of what follows. Returns what is held now, which it begins with.
    pub(crate) fn forget_peak(&self) -> usize {
        let now = NOW.load(Relaxed);
        PEAK.store(now, Relaxed);
        now - self.baseline
    }

    /// The peak is below the ceiling, and not for want of trying.
    #[track_caller]
    pub(crate) fn judge(&self, ceiling: usize, at_least: usize) {
        let peak = self.peak();
        eprintln!("peak {} KiB of {} KiB", peak >> 10, ceiling >> 10);
        assert!(peak <= ceiling, "{peak} bytes were allocated, the ceiling is {ceiling}");
        assert!(
            peak >= at_least,
            "only {peak} bytes were allocated: the test tests nothing below {at_least}"
        );
    }
}
