//! Four copies of the same words, so that neither the writer nor the reader ever waits for the other, nor loses to it.
//!
//! They are two pairs. The reader says which pair it reads, and the writer writes in the other; within a pair the writer takes the copy
//! that was not the newest. The whole argument stands in `docs/design.md`, "The tag table".

use super::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
    Watch, barrier, barrier_behind_exchange,
};
use crossbeam_utils::CachePadded;
use std::array;

/// Words in a line. A model has few, or it would never end.
const LINE_WORDS: usize = if cfg!(loom) { 2 } else { 16 };
const COPIES: usize = 4;

/// Words that share a cache line with no one else's.
#[derive(Debug)]
#[repr(align(64))]
struct Line([AtomicU32; LINE_WORDS]);

/// Groups of words that are copied one by one: of more, whole lines are. One word by itself costs several times as much as one of a line.
const GROUPS_ONE_BY_ONE: u32 = 6;

/// In [`Hot::turn`]: a writer has claimed the words. No turn has this bit.
const HELD: u32 = 1 << 31;
/// Turns are numbered in the bits between that one and those of the copies. The number wraps.
const NUMBER_SHIFT: u32 = 3;

/// What moves at every write, on a line of its own.
#[derive(Debug)]
struct Hot {
    /// The turn that was published last, for the next writer; [`HELD`] while one has claimed the words.
    turn: AtomicU32,
    /// The same, for the reader. Nobody loads what he has stored for another, which a model relies on.
    told: AtomicU32,
    /// Told to the writers: the pair that the reader reads, or has read last.
    reading: AtomicU32,
    /// The rest belongs to whoever holds the claim. In each copy, the groups of words that may be other than in the newest of all, but for those of `away`.
    behind: [AtomicU32; COPIES],
    /// What was changed since the pair that was not written last has been: to be added to what its copies are behind.
    away: AtomicU32,
}

/// Changed only where something goes wrong, and so beside the hot line.
#[derive(Debug, Default)]
struct Faults {
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
pub(super) struct Copies {
    hot: CachePadded<Hot>,
    faults: Faults,
    /// The copies, one after the other, each in whole lines.
    lines: Box<[Line]>,
    lines_each: usize,
    /// How many words make a group, as a power of two: there are 32 groups at most.
    group_shift: u32,
    watches: [Watch; COPIES],
}

/// Which write the reader has seen last. There is one for each [`Copies`], and one reader has it.
#[derive(Debug, Default)]
pub(super) struct Front(Turn);

/// What a write has left: its number, the pair that it is in, and the newest copy of each pair, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Turn(u32);

impl Turn {
    /// The pair that was written last.
    fn pair(self) -> u32 {
        self.0 & 1
    }

    /// The newest copy of a pair, 0 or 1 within it.
    fn newest(self, pair: u32) -> u32 {
        self.0 >> (1 + pair) & 1
    }

    /// The newest copy of all.
    fn last(self) -> usize {
        copy_of(self.pair(), self.newest(self.pair()))
    }

    /// What follows when this copy was written.
    fn after(self, pair: u32, index: u32) -> Self {
        let newest = self.0 >> 1 & !(1 << pair) & 0b11 | index << pair;
        let number = (self.0 >> NUMBER_SHIFT) + 1;
        Self((number << NUMBER_SHIFT | newest << 1 | pair) & !HELD)
    }
}

/// A copy's index: two for each pair.
fn copy_of(pair: u32, index: u32) -> usize {
    ((pair & 1) << 1 | (index & 1)) as usize
}

impl Copies {
    /// Copies of `words` zeros.
    pub(super) fn new(words: usize) -> Self {
        let zero = || AtomicU32::new(0);
        let line = || Line(array::from_fn(|_| zero()));
        let hot = Hot {
            turn: zero(),
            told: zero(),
            reading: zero(),
            behind: array::from_fn(|_| zero()),
            away: zero(),
        };
        let lines_each = words.div_ceil(LINE_WORDS);
        Self {
            hot: CachePadded::new(hot),
            faults: Faults::default(),
            lines: (0..COPIES * lines_each).map(|_| line()).collect(),
            lines_each,
            group_shift: words.div_ceil(32).next_power_of_two().trailing_zeros(),
            watches: Default::default(),
        }
    }

    /// Bytes that the copies of `words` words take.
    pub(super) const fn bytes_for(words: usize) -> usize {
        COPIES * words.div_ceil(LINE_WORDS) * size_of::<Line>()
    }

    /// Words of a copy, those that fill its last line included.
    pub(super) fn words(&self) -> usize {
        self.lines_each * LINE_WORDS
    }

    fn copy(&self, copy: usize) -> &[Line] {
        let from = copy * self.lines_each;
        self.lines.get(from..from + self.lines_each).unwrap_or_default()
    }

    fn watch(&self, copy: usize) -> Option<&Watch> {
        self.watches.get(copy)
    }

    /// Claims the words, and brings the copy to be filled up to what was published last. `None`, and counted, while another has them.
    #[inline]
    pub(super) fn claim(&self) -> Option<Claim<'_>> {
        let hot = &*self.hot;
        // Acquire: pairs with the release in `Claim::drop`.
        let turn = hot.turn.swap(HELD, Acquire);
        if turn == HELD {
            self.faults.busy.fetch_add(1, Relaxed);
            return None;
        }
        // Between what the writes before have published and the look at what the reader reads: see `take`.
        barrier_behind_exchange();
        let turn = Turn(turn);
        // Acquire: the reader has left the other pair, and has read what it wanted there.
        let pair = hot.reading.load(Acquire) & 1 ^ 1;
        if pair != turn.pair() {
            self.change_pair(pair);
        }
        let index = turn.newest(pair) ^ 1;
        let back = copy_of(pair, index);
        self.watch(turn.last()).inspect(|copy| copy.reads());
        self.watch(back).inspect(|copy| copy.writes());
        let claim = Claim { copies: self, turn, next: turn, pair, index, copy: self.copy(back), changed: 0 };
        let behind = hot.behind[back].load(Relaxed);
        if behind != 0 {
            self.catch_up(behind, self.copy(turn.last()), claim.copy);
        }
        Some(claim)
    }

    /// Adds to what the copies of this pair are behind what was changed while the other was written.
    #[cold]
    fn change_pair(&self, pair: u32) {
        let hot = &*self.hot;
        let away = hot.away.load(Relaxed);
        for behind in [0, 1].map(|index| &hot.behind[copy_of(pair, index)]) {
            behind.store(behind.load(Relaxed) | away, Relaxed);
        }
        hot.away.store(0, Relaxed);
    }

    /// Copies these groups of words.
    #[inline]
    fn catch_up(&self, mut groups: u32, from: &[Line], to: &[Line]) {
        if groups.count_ones() > GROUPS_ONE_BY_ONE {
            for (from, to) in from.iter().zip(to).flat_map(|(from, to)| from.0.iter().zip(&to.0)) {
                to.store(from.load(Relaxed), Relaxed);
            }
            return;
        }
        while groups != 0 {
            let group = groups.trailing_zeros() as usize;
            groups &= groups - 1;
            for at in group << self.group_shift..(group + 1) << self.group_shift {
                if let (Some(from), Some(to)) = (word(from, at), word(to, at)) {
                    to.store(from.load(Relaxed), Relaxed);
                }
            }
        }
    }

    /// Takes the newest words if there were any published since the last time, and hands them on in order.
    pub(super) fn take(&self, front: &mut Front, mut each: impl FnMut(u32)) -> bool {
        let hot = &*self.hot;
        // Acquire: what that write and those before it have published is seen below.
        let seen = Turn(hot.told.load(Acquire));
        if seen == front.0 {
            return false;
        }
        // Release: we have read what we wanted of the other pair.
        hot.reading.store(seen.pair(), Release);
        // Of each write one of the two is true, as both sides have a barrier between their store and their look: it sees that we read this pair and
        // goes to the other, or we see here what the write before it has published, whose copy it does not touch.
        barrier();
        // Acquire: the copy is written.
        let now = Turn(hot.told.load(Acquire));
        let copy = copy_of(seen.pair(), now.newest(seen.pair()));
        // Writes that went to the other pair meanwhile are for the next time.
        front.0 = if now.pair() == seen.pair() { now } else { seen };
        for line in self.copy(copy) {
            for word in &line.0 {
                each(word.load(Relaxed));
            }
        }
        self.watch(copy).inspect(|copy| copy.reads());
        true
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            busy: self.faults.busy.load(Relaxed),
            refused: self.faults.refused.load(Relaxed),
            not_finite: self.faults.not_finite.load(Relaxed),
        }
    }
}

fn word(copy: &[Line], at: usize) -> Option<&AtomicU32> {
    copy.get(at / LINE_WORDS)?.0.get(at % LINE_WORDS)
}

/// The words in a writer's hands. Dropped, it leaves what was published as it was.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    copies: &'a Copies,
    turn: Turn,
    /// What is true when it ends: `turn`, until it is published.
    next: Turn,
    pair: u32,
    index: u32,
    copy: &'a [Line],
    /// Groups of words that were changed.
    changed: u32,
}

impl Claim<'_> {
    /// The word at `at`; zero beyond the last.
    pub(super) fn load(&self, at: usize) -> u32 {
        word(self.copy, at).map_or(0, |word| word.load(Relaxed))
    }

    /// Changes a word. Nothing happens beyond the last.
    #[inline]
    pub(super) fn store(&mut self, at: usize, value: u32) {
        // What is so already costs the writes to come nothing.
        if let Some(word) = word(self.copy, at).filter(|word| word.load(Relaxed) != value) {
            self.changed |= 1 << (at >> self.copies.group_shift & 31);
            word.store(value, Relaxed);
        }
    }

    pub(super) fn count_refused(&self) {
        bump(&self.copies.faults.refused);
    }

    pub(super) fn count_not_finite(&self) {
        bump(&self.copies.faults.not_finite);
    }

    /// Makes what was stored the newest.
    #[inline]
    pub(super) fn publish(mut self) {
        let hot = &*self.copies.hot;
        self.next = self.turn.after(self.pair, self.index);
        // Release: our words are stored.
        hot.told.store(self.next.0, Release);
        let other = &hot.behind[copy_of(self.pair, self.index ^ 1)];
        for behind in [other, &hot.away] {
            behind.store(behind.load(Relaxed) | self.changed, Relaxed);
        }
        // This copy is behind nothing now.
        self.changed = 0;
    }
}

impl Drop for Claim<'_> {
    #[inline]
    fn drop(&mut self) {
        let hot = &*self.copies.hot;
        // What was stored and not published is in nobody's way, and has to go before this copy is used again.
        hot.behind[copy_of(self.pair, self.index)].store(self.changed, Relaxed);
        // Release: the next writer sees what we have stored. Pairs with the exchange in `Copies::claim`.
        hot.turn.store(self.next.0, Release);
    }
}

/// Counts under the claim, where no one else does.
fn bump(counter: &AtomicU32) {
    counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
}
