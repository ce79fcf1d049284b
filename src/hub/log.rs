//! A topic's log: a bounded ring of encoded frames and an index of where they begin.
//!
//! ```text
//!   index:   [ base ][ base+1 ] ...            [ end-1 ]        frame numbers, with start offset and sequence
//!   ring:    |frame  |frame     | ...          |frame   |head   absolute byte offsets, modulo capacity
//! ```
//! Frames and bytes are numbered from the topic's beginning and never renumbered, so a cursor stays valid, or is seen to have
//! lagged, whatever was evicted meanwhile.

use crate::ground::{
    frame::{Header, Opcode},
    limits::LOG_FRAMES_MAX,
};
use std::collections::VecDeque;

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Absolute offset of the frame's first byte.
    start: u64,
    /// Its place among all frames of the engine.
    seq: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Log {
    /// Empty until the first append.
    ring: Box<[u8]>,
    capacity: u64,
    /// Absolute offset behind the last byte. Invariant: `head - index[0].start <= capacity`.
    head: u64,
    /// The number of `index[0]`; when the index is empty, of the next frame.
    base: u64,
    index: VecDeque<Entry>,
    /// The number of the newest frame that is no notice, while it is kept.
    newest: Option<u64>,
}

impl Log {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            ring: Box::default(),
            capacity: capacity as u64,
            head: 0,
            base: 0,
            index: VecDeque::new(),
            newest: None,
        }
    }

    /// Frames that a log of `capacity` bytes indexes at most.
    pub(crate) const fn frames_max(capacity: usize) -> usize {
        let frames = capacity / 64;
        if frames < LOG_FRAMES_MAX { frames } else { LOG_FRAMES_MAX }
    }

    /// Bytes that a log of `capacity` bytes may take, its index included.
    pub(crate) const fn bytes_for(capacity: usize) -> usize {
        capacity + (Self::frames_max(capacity) + 1) * size_of::<Entry>()
    }

    /// Bytes allocated now.
    pub(crate) fn bytes_held(&self) -> usize {
        self.ring.len() + self.index.capacity() * size_of::<Entry>()
    }

    /// The number of the oldest frame kept.
    #[cfg(test)]
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// The number that the next frame will have.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.index.len() as u64
    }

    /// The absolute offset behind the last byte.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The newest frame that is no notice, if it is still kept.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest
    }

    fn entry(&self, frame: u64) -> Option<&Entry> {
        self.index.get(usize::try_from(frame.checked_sub(self.base)?).ok()?)
    }

    /// Where a frame begins; the head for any that is not there yet.
    pub(crate) fn start_of(&self, frame: u64) -> u64 {
        debug_assert!(frame >= self.base, "frame {frame} was evicted, the oldest is {}", self.base);
        self.entry(frame).map_or(self.head, |entry| entry.start)
    }

    /// A frame's place among all frames of the engine; `None` when it is not there yet.
    pub(crate) fn seq_of(&self, frame: u64) -> Option<u64> {
        self.entry(frame).map(|entry| entry.seq)
    }

    /// The first frame from `from` on whose place is not before `seq`; the end when there is none.
    pub(crate) fn first_not_before(&self, seq: u64, from: u64) -> u64 {
        let at = self.index.partition_point(|entry| entry.seq < seq);
        (self.base + at as u64).max(from)
    }

    /// The frame that holds an absolute offset, and how far into it; the end when it is the head.
    pub(crate) fn locate(&self, offset: u64) -> (u64, u64) {
        if offset == self.head {
            return (self.end(), 0);
        }
        let behind = self.index.partition_point(|entry| entry.start <= offset);
        debug_assert!(behind > 0, "offset {offset} was evicted");
        let at = behind.saturating_sub(1);
        (self.base + at as u64, offset - self.index[at].start)
    }

    /// The number of the oldest frame that is still kept when a frame of `len` bytes is appended.
    pub(crate) fn base_after(&self, len: usize) -> u64 {
        let head = self.head + len as u64;
        let full = usize::from(self.index.len() >= Self::frames_max(self.capacity as usize));
        let mut at = full;
        while self.index.get(at).is_some_and(|entry| head - entry.start > self.capacity) {
            at += 1;
        }
        self.base + at as u64
    }

    /// Appends one frame. The caller has seen to it that no cursor needs what [`base_after`](Self::base_after) says will go, and that
    /// the frame is smaller than the log.
    pub(crate) fn append(&mut self, seq: u64, opcode: Opcode, payload: &[u8], notice: bool) {
        let header = Header::new(opcode, payload.len());
        let len = header.as_slice().len() + payload.len();
        debug_assert!(len as u64 <= self.capacity);
        if self.ring.is_empty() {
            // Zeroed memory comes from the system untouched: pages are taken as the log fills.
            self.ring = vec![0; self.capacity as usize].into_boxed_slice();
            self.index.reserve_exact(Self::frames_max(self.capacity as usize) + 1);
        }
        let base = self.base_after(len);
        while self.base < base {
            self.index.pop_front();
            self.base += 1;
        }
        if self.newest.is_some_and(|newest| newest < self.base) {
            self.newest = None;
        }
        let start = self.head;
        self.put(header.as_slice());
        self.put(payload);
        if !notice {
            self.newest = Some(self.end());
        }
        self.index.push_back(Entry { start, seq });
    }

    fn put(&mut self, bytes: &[u8]) {
        let at = (self.head % self.capacity) as usize;
        let first = bytes.len().min(self.ring.len() - at);
        self.ring[at..at + first].copy_from_slice(&bytes[..first]);
        self.ring[..bytes.len() - first].copy_from_slice(&bytes[first..]);
        self.head += bytes.len() as u64;
    }

    /// The bytes from one absolute offset to another: the second slice is empty unless they wrap.
    pub(crate) fn slices(&self, from: u64, to: u64) -> (&[u8], &[u8]) {
        debug_assert!(from <= to && to <= self.head && self.head - from <= self.capacity);
        let len = (to - from) as usize;
        if len == 0 {
            return (&[], &[]);
        }
        let at = (from % self.capacity) as usize;
        let first = len.min(self.ring.len() - at);
        (&self.ring[at..at + first], &self.ring[..len - first])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random appends against a plain list of frames.
    #[test]
    fn agrees_with_a_plain_list() {
        for seed in 0..100 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let capacity = rng.usize(64..4096);
            let mut log = Log::new(capacity);
            let mut all: Vec<Vec<u8>> = Vec::new();
            for seq in 0..300 {
                let payload: Vec<u8> = (0..rng.usize(0..capacity / 4 - 4)).map(|_| rng.u8(..)).collect();
                let base = log.base_after(crate::ground::frame::frame_len(payload.len()));
                let notice = rng.u8(0..4) == 0;
                log.append(seq, Opcode::Binary, &payload, notice);
                assert_eq!(log.base(), base, "seed {seed}");
                let mut frame = Header::new(Opcode::Binary, payload.len()).as_slice().to_vec();
                frame.extend_from_slice(&payload);
                all.push(frame);
                assert_eq!(log.end(), all.len() as u64);
                let from = rng.u64(log.base()..=log.end());
                let (a, b) = log.slices(log.start_of(from), log.head());
                assert_eq!([a, b].concat(), all[from as usize..].concat(), "seed {seed}");
                if from < log.end() {
                    assert_eq!(log.seq_of(from), Some(from));
                    let part = rng.u64(0..all[from as usize].len() as u64);
                    assert_eq!(log.locate(log.start_of(from) + part), (from, part), "seed {seed}");
                }
                if !notice {
                    assert_eq!(log.newest(), Some(log.end() - 1));
                }
                assert!(log.newest().is_none_or(|newest| newest >= log.base()));
            }
            assert!(log.index.len() <= Log::frames_max(capacity).max(1));
        }
    }
}
