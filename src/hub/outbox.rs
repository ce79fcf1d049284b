//! What one connection is owed privately: an urgent lane and an ordered lane.

use super::cursor::Rest;
use std::{collections::VecDeque, mem};

/// One frame, or several small ones that were queued one right after another.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// The place of its first frame among all frames of the engine.
    seq: u64,
    /// The place behind its last frame.
    next: u64,
    /// Its length.
    len: u64,
    /// Where it ends, counted from the lane's beginning.
    end: u64,
}

/// See the module. Frames are bytes here: WebSocket frames, or an HTTP answer.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// The rest of a frame of a subscription that has ended: before everything else. The board counts its bytes, which are shared.
    rest: Option<Rest>,
    urgent: Vec<u8>,
    urgent_sent: usize,
    /// The urgent lane's first bytes are the middle of a frame.
    urgent_begun: bool,
    ordered: Vec<u8>,
    ordered_sent: usize,
    /// Bytes that left `ordered` at its front since the outbox was empty.
    gone: u64,
    marks: VecDeque<Mark>,
    ordered_begun: bool,
}

/// Consumed bytes are cut off the front when they are at least this many and half of the lane.
const COMPACT_BYTES: usize = 64 << 10;
/// Small frames are marked together up to about this many bytes.
const MERGE_BYTES: usize = 4 << 10;
/// A lane that grew beyond this is not kept for the next connection.
const KEEP_BYTES: usize = 16 << 10;

impl Outbox {
    /// Bytes not sent yet, and what is noted about them: about a tiny frame between those of others, far more than it is long.
    pub(crate) fn len(&self) -> usize {
        let marks = self.marks.len() * size_of::<Mark>();
        self.urgent.len() - self.urgent_sent + self.ordered.len() - self.ordered_sent + marks
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0 && self.rest.is_none()
    }

    /// Empties it for another connection. False when it is too large to be worth keeping.
    pub(crate) fn reset(&mut self) -> bool {
        debug_assert!(self.rest.is_none(), "the board gets it back first");
        let small =
            self.urgent.capacity() + self.ordered.capacity() <= KEEP_BYTES && self.marks.capacity() <= 256;
        self.urgent.clear();
        self.ordered.clear();
        self.marks.clear();
        (self.urgent_sent, self.ordered_sent, self.gone) = (0, 0, 0);
        (self.urgent_begun, self.ordered_begun) = (false, false);
        small
    }

    /// Adds one frame, in pieces, to the ordered lane.
    pub(crate) fn push_ordered(&mut self, seq: u64, pieces: &[&[u8]]) {
        debug_assert!(self.marks.back().is_none_or(|mark| mark.seq <= seq));
        for piece in pieces {
            self.ordered.extend_from_slice(piece);
        }
        let end = self.gone + self.ordered.len() as u64;
        match self.marks.back_mut() {
            // Small frames with nothing queued in between go as one, or their marks would outweigh them.
            Some(last) if last.next == seq && last.end + MERGE_BYTES as u64 >= end + last.len => {
                last.len += end - last.end;
                (last.end, last.next) = (end, seq + 1);
            }
            last => {
                let start = last
                    .map_or(end - pieces.iter().map(|piece| piece.len() as u64).sum::<u64>(), |last| {
                        last.end
                    });
                self.marks.push_back(Mark { seq, next: seq + 1, end, len: end - start });
            }
        }
    }

    /// Adds whole frames to the urgent lane.
    pub(crate) fn push_urgent(&mut self, pieces: &[&[u8]]) {
        for piece in pieces {
            self.urgent.extend_from_slice(piece);
        }
    }

    /// Puts bytes before everything else, and never lets go of them: the answer that opens a WebSocket.
    pub(crate) fn push_first(&mut self, bytes: &[u8]) {
        debug_assert!(!self.mid_frame());
        self.urgent.splice(..self.urgent_sent, bytes.iter().copied());
        self.urgent_sent = 0;
        self.urgent_begun = true;
    }

    /// Puts the rest of a frame, whose beginning is sent, before everything else.
    pub(crate) fn put_rest(&mut self, rest: Rest) {
        debug_assert!(!self.mid_frame());
        self.rest = Some(rest);
    }

    pub(crate) fn rest(&self) -> Option<&Rest> {
        self.rest.as_ref()
    }

    /// Takes the rest out, for the board.
    #[must_use]
    pub(crate) fn take_rest(&mut self) -> Option<Rest> {
        self.rest.take()
    }

    /// The rest moved on. Returns it when that was all.
    #[must_use]
    pub(crate) fn advance_rest(&mut self, bytes: usize) -> Option<Rest> {
        let rest = self.rest.as_mut()?;
        rest.sent += bytes;
        self.rest.take_if(|rest| rest.as_slice().is_empty())
    }

    /// Whether a frame is partly sent.
    pub(crate) fn mid_frame(&self) -> bool {
        self.rest.is_some() || self.urgent_begun || self.ordered_begun
    }

    /// Drops everything but the frame that is partly sent.
    pub(crate) fn keep_begun(&mut self) {
        if !self.urgent_begun {
            (self.urgent, self.urgent_sent) = (Vec::new(), 0);
        }
        let end =
            if self.ordered_begun { self.marks.front().map(|mark| self.position(mark.end)) } else { None };
        self.ordered.truncate(end.unwrap_or(self.ordered_sent));
        self.ordered.drain(..self.ordered_sent);
        self.ordered.shrink_to_fit();
        self.gone += mem::take(&mut self.ordered_sent) as u64;
        self.marks.truncate(usize::from(end.is_some()));
    }

    /// The rest of the ordered frame that is partly sent; empty when none is.
    pub(crate) fn ordered_rest(&self) -> &[u8] {
        match self.marks.front() {
            Some(mark) if self.ordered_begun => &self.ordered[self.ordered_sent..self.position(mark.end)],
            _ => &[],
        }
    }

    fn position(&self, end: u64) -> usize {
        (end - self.gone) as usize
    }

    /// Everything in the urgent lane.
    pub(crate) fn urgent(&self) -> &[u8] {
        &self.urgent[self.urgent_sent..]
    }

    /// The sequence number of the first frame of the ordered lane behind `skip` bytes of it.
    pub(crate) fn next_seq(&self, skip: usize) -> Option<u64> {
        let from = self.gone + (self.ordered_sent + skip) as u64;
        let at = self.marks.partition_point(|mark| mark.end <= from);
        self.marks.get(at).map(|mark| mark.seq)
    }

    /// The bytes of the ordered lane, behind `skip` bytes of it, of the frames that come before `seq`.
    pub(crate) fn ordered_before(&self, skip: usize, seq: u64) -> &[u8] {
        let from = self.ordered_sent + skip;
        let at = self.marks.partition_point(|mark| mark.seq < seq);
        let to = at.checked_sub(1).map_or(from, |last| self.position(self.marks[last].end));
        &self.ordered[from..to.max(from)]
    }

    /// The urgent lane moved on.
    pub(crate) fn advance_urgent(&mut self, bytes: usize) {
        self.urgent_sent += bytes;
        self.urgent_begun = self.urgent_sent < self.urgent.len();
        if !self.urgent_begun {
            self.urgent.clear();
            self.urgent_sent = 0;
        } else if self.urgent_sent >= COMPACT_BYTES && self.urgent_sent * 2 >= self.urgent.len() {
            self.urgent.drain(..self.urgent_sent);
            self.urgent_sent = 0;
        }
    }

    /// The ordered lane moved on.
    pub(crate) fn advance_ordered(&mut self, bytes: usize) {
        self.ordered_sent += bytes;
        let sent = self.gone + self.ordered_sent as u64;
        let mut boundary = bytes == 0 && !self.ordered_begun;
        while self.marks.front().is_some_and(|mark| mark.end <= sent) {
            boundary = self.marks.pop_front().is_some_and(|mark| mark.end == sent);
        }
        self.ordered_begun = !boundary;
        if self.ordered_sent == self.ordered.len() {
            self.gone += self.ordered.len() as u64;
            self.ordered.clear();
            self.ordered_sent = 0;
        } else if self.ordered_sent >= COMPACT_BYTES && self.ordered_sent * 2 >= self.ordered.len() {
            self.gone += self.ordered_sent as u64;
            self.ordered.drain(..self.ordered_sent);
            self.ordered_sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A budget that counted their bytes alone would be exceeded many times over.
    #[test]
    fn what_is_noted_about_frames_counts() {
        let mut outbox = Outbox::default();
        for n in 0..10_000 {
            outbox.push_ordered(2 * n, &[b"\x82\x00"]);
        }
        let held = outbox.ordered.len() + outbox.marks.len() * size_of::<Mark>();
        assert!(outbox.marks.len() == 10_000 && outbox.len() >= held, "{} of {held}", outbox.len());
        outbox.advance_ordered(19_999);
        assert_eq!(outbox.len(), 1 + size_of::<Mark>());
        outbox.advance_ordered(1);
        assert!(outbox.is_empty());
    }

    #[test]
    fn ordered_lane_keeps_frames_and_boundaries_under_any_cut() {
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut outbox = Outbox::default();
            let (mut expected, mut got, mut ends) = (Vec::new(), Vec::new(), vec![0]);
            let mut seq = 0;
            for _ in 0..200 {
                if rng.bool() {
                    // Never right behind the last: those may go as one.
                    seq += rng.u64(2..5);
                    let frame: Vec<u8> = (0..rng.usize(1..5_000)).map(|_| rng.u8(..)).collect();
                    outbox.push_ordered(seq, &[&frame[..1], &frame[1..]]);
                    expected.extend_from_slice(&frame);
                    ends.push(expected.len());
                } else {
                    let bytes = outbox.ordered_before(0, u64::MAX);
                    assert_eq!(bytes, &expected[got.len()..], "seed {seed}");
                    let n = rng.usize(0..=bytes.len());
                    got.extend_from_slice(&bytes[..n]);
                    outbox.advance_ordered(n);
                    assert_eq!(outbox.mid_frame(), !ends.contains(&got.len()), "seed {seed}");
                }
            }
        }
    }

    /// A flood of small frames costs little more than their bytes.
    #[test]
    fn small_frames_in_a_row_share_their_marks() {
        let mut outbox = Outbox::default();
        for seq in 0..100_000 {
            outbox.push_ordered(seq, &[b"ab"]);
        }
        assert!(outbox.marks.len() <= 200_000 / MERGE_BYTES + 2, "{}", outbox.marks.len());
        assert_eq!(outbox.ordered_before(0, u64::MAX).len(), 200_000);
        outbox.advance_ordered(3);
        assert!(outbox.mid_frame());
        outbox.advance_ordered(199_997);
        assert!(!outbox.mid_frame() && outbox.is_empty());
    }

    /// What is sent is let go of, also when the lane is never empty.
    #[test]
    fn an_urgent_lane_that_is_never_empty_does_not_grow() {
        let mut outbox = Outbox::default();
        outbox.push_urgent(&[&[0; 1_000]]);
        for _ in 0..10_000 {
            outbox.push_urgent(&[&[0; 1_000]]);
            outbox.advance_urgent(1_000);
        }
        assert!(outbox.urgent.capacity() <= 4 * COMPACT_BYTES, "{}", outbox.urgent.capacity());
    }

    #[test]
    fn what_comes_first_goes_before_what_is_urgent() {
        let mut outbox = Outbox::default();
        outbox.push_urgent(&[b"pong"]);
        outbox.push_first(b"rest");
        assert_eq!(outbox.urgent(), b"restpong");
        assert!(outbox.mid_frame());
        outbox.advance_urgent(8);
        assert!(!outbox.mid_frame() && outbox.is_empty());
    }

    #[test]
    fn what_is_kept_is_the_frame_that_is_begun_and_no_memory_besides() {
        let mut outbox = Outbox::default();
        for seq in [1, 5] {
            outbox.push_ordered(seq, &[&[7; 10_000]]);
        }
        outbox.push_urgent(&[&[8; 10_000]]);
        outbox.advance_ordered(9_000);
        outbox.keep_begun();
        assert_eq!((outbox.len(), outbox.ordered_rest().len()), (1_000 + size_of::<Mark>(), 1_000));
        assert!(outbox.ordered.capacity() + outbox.urgent.capacity() < 2_000);
        outbox.push_ordered(9, &[b"bye"]);
        assert_eq!(outbox.ordered_before(1_000, u64::MAX), b"bye");
        outbox.advance_ordered(1_000);
        assert!(!outbox.mid_frame());
        outbox.keep_begun();
        assert!(outbox.is_empty());
    }

    #[test]
    fn runs_end_where_another_lane_comes_first() {
        let mut outbox = Outbox::default();
        for (seq, frame) in [(1, b"aa"), (5, b"bb"), (9, b"cc")] {
            outbox.push_ordered(seq, &[frame]);
        }
        assert_eq!(outbox.ordered_before(0, 5), b"aa");
        assert_eq!(outbox.ordered_before(0, 9), b"aabb");
        assert_eq!(outbox.ordered_before(2, 9), b"bb");
        assert_eq!((outbox.next_seq(0), outbox.next_seq(2), outbox.next_seq(6)), (Some(1), Some(5), None));
    }
}
