//! Three copies of the same words, so that neither the writer nor the reader ever waits for the other.
//!
//! One copy is the writer's (*back*), one the reader's (*front*), one lies between them in `exchange`. Each side swaps its own for
//! that one. The whole argument stands in `docs/design.md`, "The tag table".

use super::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    Watch,
};
use crossbeam_utils::CachePadded;

/// Words in a line. A model has few, or it would never end.
const LINE_WORDS: usize = if cfg!(loom) { 2 } else { 16 };

/// Words that share a cache line with no one else's.
#[derive(Debug)]
#[repr(align(64))]
struct Line([AtomicU32; LINE_WORDS]);

/// In `exchange`, beside a copy's index: the copy was published and not taken yet.
const FRESH: u32 = 1 << 2;
const INDEX: u32 = FRESH - 1;

/// What moves at every write, on a line of its own.
#[derive(Debug)]
struct Hot {
    /// The copy between the sides, and [`FRESH`].
    exchange: AtomicU32,
    /// 1 while a writer has claimed the words.
    held: AtomicU32,
    /// `back | last << 2`. Belongs to whoever holds the claim.
    turn: AtomicU32,
    busy: AtomicU32,
    /// This and the next are changed under the claim only.
    refused: AtomicU32,
    not_finite: AtomicU32,
}

/// What writers counted. The numbers wrap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) busy: u32,
    pub(super) refused: u32,
    pub(super) not_finite: u32,
}

#[derive(Debug)]
pub(super) struct Triple {
    hot: CachePadded<Hot>,
    /// The three copies, one after the other, each in whole lines.
    lines: Box<[Line]>,
    watches: [Watch; 3],
}

/// The reader's copy. There is one for each [`Triple`], and one reader has it.
#[derive(Debug)]
pub(super) struct Front(u32);

impl Front {
    /// The copy that a reader begins with.
    pub(super) const fn new() -> Self {
        Self(0)
    }
}

impl Triple {
    /// Three copies of `words` zeros.
    pub(super) fn new(words: usize) -> Self {
        let line = || Line(std::array::from_fn(|_| AtomicU32::new(0)));
        let hot = Hot {
            exchange: AtomicU32::new(1),
            held: AtomicU32::new(0),
            // The copy in `exchange` counts as published last: it has what every write begins with.
            turn: AtomicU32::new(2 | 1 << 2),
            busy: AtomicU32::new(0),
            refused: AtomicU32::new(0),
            not_finite: AtomicU32::new(0),
        };
        let lines = (0..3 * words.div_ceil(LINE_WORDS)).map(|_| line()).collect();
        Self { hot: CachePadded::new(hot), lines, watches: Default::default() }
    }

    /// Bytes that the copies of `words` words take.
    pub(super) const fn bytes_for(words: usize) -> usize {
        3 * words.div_ceil(LINE_WORDS) * size_of::<Line>()
    }

    /// Words of a copy, those that fill its last line included.
    pub(super) fn words(&self) -> usize {
        self.lines.len() / 3 * LINE_WORDS
    }

    fn copy(&self, index: u32) -> &[Line] {
        let lines = self.lines.len() / 3;
        let from = index as usize * lines;
        self.lines.get(from..from + lines).unwrap_or_default()
    }

    fn watch(&self, index: u32) -> Option<&Watch> {
        self.watches.get(index as usize)
    }

    /// Claims the words, and puts what was published last into the copy to be filled. `None`, and counted, while another has them.
    pub(super) fn claim(&self) -> Option<Claim<'_>> {
        // Acquire: pairs with the release in `Claim::drop`. Not the weak form: that one fails without another writer.
        if self.hot.held.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            self.hot.busy.fetch_add(1, Relaxed);
            return None;
        }
        let turn = self.hot.turn.load(Relaxed);
        let (back, last) = (turn & INDEX, turn >> 2 & INDEX);
        let claim = Claim { triple: self, back, copy: self.copy(back) };
        self.watch(last).inspect(|copy| copy.reads());
        self.watch(back).inspect(|copy| copy.writes());
        for (from, to) in self.copy(last).iter().zip(claim.copy) {
            for (from, to) in from.0.iter().zip(&to.0) {
                to.store(from.load(Relaxed), Relaxed);
            }
        }
        Some(claim)
    }

    /// Takes the newest words if there were any published since the last time, and hands them on in order.
    pub(super) fn take(&self, front: &mut Front, mut each: impl FnMut(u32)) -> bool {
        // Relaxed: it only decides whether to swap. Once fresh, only we can change that.
        if self.hot.exchange.load(Relaxed) & FRESH == 0 {
            return false;
        }
        // Release: we have read our old copy. Acquire: the new one is written. Pairs with the swap in `Claim::publish`, both ways.
        front.0 = self.hot.exchange.swap(front.0, AcqRel) & INDEX;
        for line in self.copy(front.0) {
            for word in &line.0 {
                each(word.load(Relaxed));
            }
        }
        self.watch(front.0).inspect(|copy| copy.reads());
        true
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            busy: self.hot.busy.load(Relaxed),
            refused: self.hot.refused.load(Relaxed),
            not_finite: self.hot.not_finite.load(Relaxed),
        }
    }
}

/// The words in a writer's hands. Dropped, it leaves what was published as it was.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    triple: &'a Triple,
    back: u32,
    copy: &'a [Line],
}

impl Claim<'_> {
    fn word(&self, at: usize) -> Option<&AtomicU32> {
        self.copy.get(at / LINE_WORDS)?.0.get(at % LINE_WORDS)
    }

    /// The word at `at`; zero beyond the last.
    pub(super) fn load(&self, at: usize) -> u32 {
        self.word(at).map_or(0, |word| word.load(Relaxed))
    }

    /// Changes a word. Nothing happens beyond the last.
    pub(super) fn store(&self, at: usize, value: u32) {
        if let Some(word) = self.word(at) {
            word.store(value, Relaxed);
        }
    }

    pub(super) fn count_refused(&self) {
        bump(&self.triple.hot.refused);
    }

    pub(super) fn count_not_finite(&self) {
        bump(&self.triple.hot.not_finite);
    }

    /// Makes what was stored the newest.
    pub(super) fn publish(self) {
        // Release: our words are stored. Acquire: the reader has read the copy that we get. Pairs with the swap in `Triple::take`.
        let next = self.triple.hot.exchange.swap(self.back | FRESH, AcqRel) & INDEX;
        self.triple.hot.turn.store(next | self.back << 2, Relaxed);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Release: the next writer sees our `turn` and our words. Pairs with the exchange in `Triple::claim`.
        self.triple.hot.held.store(0, Release);
    }
}

/// Counts under the claim, where no one else does.
fn bump(counter: &AtomicU32) {
    counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
}
