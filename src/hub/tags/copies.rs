//! Four copies of the same words, so that neither the writer nor the reader ever waits for the other, nor loses to it.
//!
//! They are two pairs. The reader says which pair it reads, and the writer writes in the other; within a pair the writer takes the copy
//! that was not the newest. The whole argument stands in `docs/design.md`, "The tag table".

#![allow(unsafe_code)]

use super::{
    atomic::{
        AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
        barrier, barrier_behind_exchange,
    },
    slot::{LINE_WORDS, Slot},
};
use crossbeam_utils::CachePadded;
use std::array;

const COPIES: usize = 4;

/// In [`Hot::turn`]: a writer has claimed the words. No turn has this bit.
const HELD: u32 = 1 << 31;
/// Turns are numbered in the bits between that one and those of the copies. The number wraps.
const NUMBER_SHIFT: u32 = 3;

/// Of the bits that stand for lines.
const LAST_BIT: u32 = u32::BITS - 1;

/// The bit of the line that this word is in.
fn bit_of(at: usize) -> u32 {
    1 << (at / LINE_WORDS).min(LAST_BIT as usize)
}

/// What moves at every write, on a line of its own.
#[derive(Debug)]
struct Hot {
    /// The turn that was published last, for the next writer; [`HELD`] while one has claimed the words.
    turn: AtomicU32,
    /// The same, for the reader. Nobody loads what he has stored for another, which a model relies on.
    told: AtomicU32,
    /// Told to the writers: the pair that the reader reads, or has read last.
    reading: AtomicU32,
    /// The rest belongs to whoever holds the claim. In each copy, the lines that may be other than in the newest of all, but for those of `away`: a bit for each, and the last one for all
    /// from there on.
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
    copies: [Slot; COPIES],
    /// 1 while the words are taken: nothing but that keeps a second reader from coming in between.
    taken: AtomicU32,
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
        let hot = Hot {
            turn: zero(),
            told: zero(),
            reading: zero(),
            behind: array::from_fn(|_| zero()),
            away: zero(),
        };
        let lines = words.div_ceil(LINE_WORDS);
        Self {
            hot: CachePadded::new(hot),
            faults: Faults::default(),
            copies: array::from_fn(|_| Slot::new(lines)),
            taken: zero(),
        }
    }

    /// Bytes that the copies of `words` words take.
    pub(super) const fn bytes_for(words: usize) -> usize {
        COPIES * words.div_ceil(LINE_WORDS) * LINE_WORDS * size_of::<u32>()
    }

    /// Words of a copy, those that fill its last line included.
    pub(super) fn words(&self) -> usize {
        self.copies[0].words()
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
        let mut claim = Claim {
            copies: self,
            turn,
            next: turn,
            pair,
            index,
            last: &self.copies[turn.last()],
            back: &self.copies[back],
            changed: 0,
        };
        claim.last.watch().reads();
        claim.back.watch().writes();
        let behind = hot.behind[back].load(Relaxed);
        if behind != 0 {
            claim.catch_up(behind);
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

    /// Takes the newest words if there were any published since the last time, and hands them on in order.
    pub(super) fn take(&self, front: &mut Front, each: impl FnOnce(&[u32])) -> bool {
        let hot = &*self.hot;
        // Acquire: what that write and those before it have published is seen below.
        let seen = Turn(hot.told.load(Acquire));
        if seen == front.0 {
            return false;
        }
        // Acquire: pairs with the release in `Taken::drop`.
        if self.taken.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            return false;
        }
        let _taken = Taken(&self.taken);
        // Release: we have read what we wanted of the other pair.
        hot.reading.store(seen.pair(), Release);
        // Of each write one of the two is true, as both sides have a barrier between their store and their look: it sees that we read this pair and
        // goes to the other, or we see here what the write before it has published, whose copy it does not touch.
        barrier();
        // Acquire: the copy is written.
        let now = Turn(hot.told.load(Acquire));
        let copy = &self.copies[copy_of(seen.pair(), now.newest(seen.pair()))];
        // Writes that went to the other pair meanwhile are for the next time.
        front.0 = if now.pair() == seen.pair() { now } else { seen };
        // SAFETY: writers go to the other pair or to the other copy of this one, until the next word to them; and what this one had written is acquired.
        each(unsafe { copy.read() });
        copy.watch().reads();
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

/// The words in a writer's hands. Dropped, it leaves what was published as it was.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    copies: &'a Copies,
    turn: Turn,
    /// What is true when it ends: `turn`, until it is published.
    next: Turn,
    pair: u32,
    index: u32,
    /// What was published last, and the copy to be filled.
    last: &'a Slot,
    back: &'a Slot,
    /// Lines that were changed, a bit for each.
    changed: u32,
}

impl Claim<'_> {
    /// The words to be filled.
    #[inline]
    fn words(&mut self) -> &mut [u32] {
        // SAFETY: the claim is the only writer, and the reader reads the other pair or the other copy of this one; what was done with this copy before is
        // acquired with the claim, and with what the reader reads.
        unsafe { self.back.write() }
    }

    /// The words that were published last.
    #[inline]
    fn last(&self) -> &[u32] {
        // SAFETY: only writers write, in the copies that were not published last, and the claim is the only one; what the writers before it wrote is acquired.
        unsafe { self.last.read() }
    }

    /// Brings these lines up to date.
    #[inline]
    fn catch_up(&mut self, mut lines: u32) {
        // Of a life of its own, beside that of what is written.
        let last = self.last;
        // SAFETY: as in `last`.
        let from = unsafe { last.read() }.as_chunks::<LINE_WORDS>().0;
        let to = self.words().as_chunks_mut::<LINE_WORDS>().0;
        if lines >> LAST_BIT != 0 {
            copy_rest(from, to);
            lines ^= 1 << LAST_BIT;
        }
        while lines != 0 {
            let at = lines.trailing_zeros() as usize;
            lines &= lines - 1;
            if let (Some(from), Some(to)) = (from.get(at), to.get_mut(at)) {
                *to = *from;
            }
        }
    }

    /// The word at `at` that was published last; zero beyond the last word.
    #[inline]
    pub(super) fn load(&self, at: usize) -> u32 {
        self.last().get(at).map_or(0, |word| *word)
    }

    /// Changes the words from `at` on. Nothing happens beyond the last word.
    #[inline(always)] // Passed by memory, the values would be loaded before they are there.
    pub(super) fn store<const WORDS: usize>(&mut self, at: usize, values: [u32; WORDS]) {
        // A model's lines are shorter than texts, which it does not write.
        const { assert!(cfg!(loom) || WORDS <= LINE_WORDS, "the words are in one line or two") };
        let lines = bit_of(at) | bit_of(at + WORDS - 1);
        // A line that stays as it is costs the writes to come nothing. It is compared with what was published, since what was just brought up to date is on its way
        // to memory, where a load of another width waits for it.
        let was: Option<&[u32; WORDS]> = self.last().get(at..).and_then(|words| words.first_chunk());
        if self.changed & lines == 0 && was == Some(&values) {
            return;
        }
        if let Some(room) = self.words().get_mut(at..).and_then(|words| words.first_chunk_mut()) {
            *room = values;
            self.changed |= lines;
        }
    }

    pub(super) fn count_refused(&self) {
        add(&self.copies.faults.refused, 1);
    }

    pub(super) fn count_not_finite(&self, values: u32) {
        add(&self.copies.faults.not_finite, values);
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

/// Until it is dropped, no other reader takes.
struct Taken<'a>(&'a AtomicU32);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // Release: another reader's words to the writers come behind our reading.
        self.0.store(0, Release);
    }
}

/// Copies the lines that share the last bit. Few equipment has so many.
#[cold]
fn copy_rest(from: &[[u32; LINE_WORDS]], to: &mut [[u32; LINE_WORDS]]) {
    from.iter().zip(to).skip(LAST_BIT as usize).for_each(|(from, to)| *to = *from);
}

/// Counts under the claim, where no one else does.
fn add(counter: &AtomicU32, count: u32) {
    counter.store(counter.load(Relaxed).wrapping_add(count), Relaxed);
}
