//! How long something took, counted in buckets: without a lock, an allocation or a word to anyone, so that it can be measured where it happens.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The buckets' upper bounds in nanoseconds: from 10 µs to 10 s. What takes longer has a bucket of its own.
pub(crate) const BOUNDS_NANOS: [u64; 19] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// Each counts what is above the bound before its own, and not above that; the last has none.
    buckets: [AtomicU64; BOUNDS_NANOS.len() + 1],
    sum_nanos: AtomicU64,
}

/// A histogram as it was at some moment; what was counted meanwhile may be in the buckets and not in the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg(feature = "board")]
pub(crate) struct HistogramShown {
    pub(crate) buckets: [u64; BOUNDS_NANOS.len() + 1],
    pub(crate) sum_nanos: u64,
}

impl Histogram {
    /// It took so long once more.
    pub(crate) fn count(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // Most is short.
        let at = BOUNDS_NANOS.iter().position(|&bound| nanos <= bound).unwrap_or(BOUNDS_NANOS.len());
        self.buckets[at].fetch_add(1, Relaxed);
        self.sum_nanos.fetch_add(nanos, Relaxed);
    }

    /// How it stands.
    #[cfg(feature = "board")]
    pub(crate) fn shown(&self) -> HistogramShown {
        let buckets = std::array::from_fn(|at| self.buckets[at].load(Relaxed));
        HistogramShown { buckets, sum_nanos: self.sum_nanos.load(Relaxed) }
    }
}

#[cfg(all(test, feature = "board"))]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_once_and_at_its_bound_still_below() {
        let histogram = Histogram::default();
        for nanos in [0, 10_000, 10_001, 10_000_000_000, 10_000_000_001] {
            histogram.count(Duration::from_nanos(nanos));
        }
        let shown = histogram.shown();
        let filled: Vec<_> = shown.buckets.iter().enumerate().filter(|(_, count)| **count > 0).collect();
        assert_eq!(filled, [(0, &2), (1, &1), (18, &1), (19, &1)]);
        assert_eq!(shown.sum_nanos, 20_000_020_002);
        assert!(BOUNDS_NANOS.is_sorted());
    }
}
