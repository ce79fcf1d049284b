//! How long the server takes, measured where clocks are.

use crate::ground::histogram::Histogram;

/// Counted by the loop and the recorder, shown by `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct Timings {
    /// A turn of the loop, from the end of its wait to the beginning of the next one.
    pub(crate) turn: Histogram,
    /// From the moment when something is left for a loop that had nothing, a publish above all, to the end of the turn that looked for it: what is to be written
    /// because of it is with the kernel then, as far as clients take it and a fan-out fits in a turn.
    pub(crate) handover: Histogram,
    /// One try of the store to commit a batch.
    pub(crate) commit: Histogram,
}
