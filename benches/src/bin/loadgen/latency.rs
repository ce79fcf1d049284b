//! Latencies: an HDR histogram of nanoseconds with three significant digits.

use super::report::Report;
use hdrhistogram::Histogram;

const LONGEST_NS: u64 = 600_000_000_000;

pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are in order"))
    }

    pub(crate) fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    /// Forgets what was recorded while warming up.
    pub(crate) fn reset(&mut self) {
        self.0.reset();
    }

    pub(crate) fn quantile_us(&self, quantile: f64) -> f64 {
        if self.0.is_empty() { f64::NAN } else { self.0.value_at_quantile(quantile) as f64 / 1e3 }
    }

    /// Says the usual quantiles, each key beginning with `name`; nothing when there was nothing.
    pub(crate) fn tell(&self, name: &str, report: &mut Report) {
        if self.0.is_empty() {
            return;
        }
        for (quantile, key) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p999"), (1.0, "max")] {
            report.real(&format!("{name}_{key}_us"), self.quantile_us(quantile));
        }
    }
}
