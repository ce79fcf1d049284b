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

/// What moves at every write, on a line of its own.
#[derive(Debug)]
struct Hot {
    /// 1 while a writer has claimed the words.
    held: AtomicU32,
    /// Told to the reader: the write that was published last, the pair that it is in, the newest copy of each pair, and which write each copy is of. The
    /// numbers wrap: 4,294,967,296 writes between two looks pass for none.
    count: AtomicU32,
    latest: AtomicU32,
    newest: [AtomicU32; 2],
    number: [AtomicU32; COPIES],
    /// Told to the writers: the pair that the reader reads, or has read last.
    reading: AtomicU32,
    /// The rest belongs to whoever holds the claim. What was told to the reader, as `latest | newest << 1` and the count: nobody loads what he has stored for
    /// another, which a model relies on.
    turn: AtomicU32,
    counted: AtomicU32,
    /// In each copy, the groups of words that may be other than in the newest of all.
    behind: [AtomicU32; COPIES],
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
    /// Words of a copy that are in use, and how many of them make a group, as a power of two: there are 32 groups at most.
    used: usize,
    group_shift: u32,
    watches: [Watch; COPIES],
}

/// Which write the reader has seen last. There is one for each [`Copies`], and one reader has it.
#[derive(Debug, Default)]
pub(super) struct Front(u32);

/// A copy's index: two for each pair.
fn copy_of(pair: u32, index: u32) -> usize {
    ((pair & 1) << 1 | (index & 1)) as usize
}

/// The newest copy of a pair, of what `turn` holds.
fn newest_of(turn: u32, pair: u32) -> u32 {
    turn >> (1 + pair) & 1
}

impl Copies {
    /// Copies of `words` zeros.
    pub(super) fn new(words: usize) -> Self {
        let zero = || AtomicU32::new(0);
        let line = || Line(array::from_fn(|_| zero()));
        let hot = Hot {
            held: zero(),
            count: zero(),
            latest: zero(),
            newest: array::from_fn(|_| zero()),
            number: array::from_fn(|_| zero()),
            reading: zero(),
            turn: zero(),
            counted: zero(),
            behind: array::from_fn(|_| zero()),
        };
        let lines_each = words.div_ceil(LINE_WORDS);
        Self {
            hot: CachePadded::new(hot),
            faults: Faults::default(),
            lines: (0..COPIES * lines_each).map(|_| line()).collect(),
            lines_each,
            used: words,
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
        // Acquire: pairs with the release in `Claim::drop`. Not the weak form: that one fails without another writer.
        if hot.held.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            self.faults.busy.fetch_add(1, Relaxed);
            return None;
        }
        // Between what the writes before have published and the look at what the reader reads: see `take`.
        barrier_behind_exchange();
        let turn = hot.turn.load(Relaxed);
        let last = copy_of(turn, newest_of(turn, turn & 1));
        // Acquire: the reader has left the other pair, and has read what it wanted there.
        let pair = hot.reading.load(Acquire) & 1 ^ 1;
        let index = newest_of(turn, pair) ^ 1;
        let back = copy_of(pair, index);
        self.watch(last).inspect(|copy| copy.reads());
        self.watch(back).inspect(|copy| copy.writes());
        let claim =
            Claim { copies: self, turn, pair, index, copy: self.copy(back), changed: 0, published: false };
        self.catch_up(hot.behind[back].load(Relaxed), self.copy(last), claim.copy);
        Some(claim)
    }

    /// Copies these groups of words.
    #[inline]
    fn catch_up(&self, mut groups: u32, from: &[Line], to: &[Line]) {
        // Word by word costs several times as much as line by line.
        if groups.count_ones() > 6 {
            for (from, to) in from.iter().zip(to).flat_map(|(from, to)| from.0.iter().zip(&to.0)) {
                to.store(from.load(Relaxed), Relaxed);
            }
            return;
        }
        while groups != 0 {
            let group = groups.trailing_zeros() as usize;
            groups &= groups - 1;
            for at in group << self.group_shift..((group + 1) << self.group_shift).min(self.used) {
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
        if hot.count.load(Acquire) == front.0 {
            return false;
        }
        let pair = hot.latest.load(Acquire) & 1;
        // Release: we have read what we wanted of the other pair.
        hot.reading.store(pair, Release);
        // Of each write one of the two is true, as both sides have a barrier between their store and their look: it sees that we read this pair and
        // goes to the other, or we see here what the write before it has published, whose copy it does not touch.
        barrier();
        // Acquire: the copy is written.
        let copy = copy_of(pair, hot.newest[pair as usize].load(Acquire));
        let number = hot.number[copy].load(Relaxed);
        if std::mem::replace(&mut front.0, number) == number {
            // The count was behind what it counts the last time: this was taken then.
            return false;
        }
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
    turn: u32,
    pair: u32,
    index: u32,
    copy: &'a [Line],
    /// Groups of words that were stored to.
    changed: u32,
    published: bool,
}

impl Claim<'_> {
    /// The word at `at`; zero beyond the last.
    pub(super) fn load(&self, at: usize) -> u32 {
        word(self.copy, at).map_or(0, |word| word.load(Relaxed))
    }

    /// Changes a word. Nothing happens beyond the last.
    #[inline]
    pub(super) fn store(&mut self, at: usize, value: u32) {
        if let Some(word) = word(self.copy, at) {
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
        let back = copy_of(self.pair, self.index);
        let number = hot.counted.load(Relaxed).wrapping_add(1);
        let newest = self.turn >> 1 & !(1 << self.pair) | self.index << self.pair;
        hot.counted.store(number, Relaxed);
        hot.turn.store(self.pair | newest << 1, Relaxed);
        hot.number[back].store(number, Relaxed);
        // Release: our words are stored. In this order: who finds the pair finds the copy.
        hot.newest[self.pair as usize].store(self.index, Release);
        hot.latest.store(self.pair, Release);
        hot.count.store(number, Release);
        for (copy, behind) in hot.behind.iter().enumerate() {
            let before = if copy == back { 0 } else { behind.load(Relaxed) | self.changed };
            behind.store(before, Relaxed);
        }
        self.published = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let hot = &*self.copies.hot;
        if !self.published {
            // What was stored is in nobody's way, and has to go before this copy is used again.
            hot.behind[copy_of(self.pair, self.index)].store(self.changed, Relaxed);
        }
        // Release: the next writer sees what we have stored. Pairs with the exchange in `Copies::claim`.
        hot.held.store(0, Release);
    }
}

/// Counts under the claim, where no one else does.
fn bump(counter: &AtomicU32) {
    counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
}
