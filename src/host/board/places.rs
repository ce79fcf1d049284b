//! Places of which there are so many: whoever finds none is told to come back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Those that are taken.
#[derive(Debug, Clone)]
pub(super) struct Places {
    taken: Arc<AtomicUsize>,
    max: usize,
}

/// One of them; free again when it is dropped, on whatever thread.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Places {
    pub(super) fn new(max: usize) -> Self {
        Self { taken: Arc::default(), max }
    }

    pub(super) fn take(&self) -> Option<Place> {
        // Only the loop's thread takes places, and the count guards nothing.
        if self.taken.load(Relaxed) >= self.max {
            return None;
        }
        self.taken.fetch_add(1, Relaxed);
        Some(Place(Arc::clone(&self.taken)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
