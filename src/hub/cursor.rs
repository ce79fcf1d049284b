//! A subscriber's place in a log.

use super::log::Log;
use crate::ground::id::TopicId;
use std::{collections::VecDeque, sync::Arc};

/// Bytes that a cursor must send before it goes on in its log: a frame that it has begun and that the log is about to leave behind, or a
/// shared snapshot.
#[derive(Debug)]
pub(crate) struct Detached {
    pub(crate) pieces: VecDeque<Arc<[u8]>>,
    /// Bytes of the first piece that are sent. When there are any, nothing may come before the rest of it.
    pub(crate) sent: usize,
    /// The number of the frame that the first piece is; none for a snapshot.
    pub(crate) frame: Option<u64>,
    /// The first frame that the word before the snapshot says to be missed, if there is one.
    pub(crate) gap_from: Option<u64>,
}

/// What is left to send of a subscription that has ended within a frame. The bytes are shared, and the board counts them: it must get
/// them back.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(super) bytes: Arc<[u8]>,
    pub(super) sent: usize,
    pub(super) topic: TopicId,
    /// As in [`Detached`].
    pub(super) frame: Option<u64>,
}

impl Rest {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// What is shared.
    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

/// A position in frames. Everything before `next`, and `part` bytes of it, is sent.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// Invariant: `log.base() <= next <= log.end()`.
    pub(crate) next: u64,
    /// Bytes of frame `next` that are sent. Zero while `detached` is there.
    pub(crate) part: u32,
    /// The engine's sequence number when the cursor was placed: older frames count as having come then.
    pub(crate) since: u64,
    pub(crate) detached: Option<Box<Detached>>,
}

impl Cursor {
    /// Whether a frame is partly sent.
    pub(crate) fn mid_frame(&self) -> bool {
        self.part > 0 || self.detached.as_ref().is_some_and(|d| d.sent > 0)
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_caught_up(&self, log: &Log) -> bool {
        self.next == log.end() && self.detached.is_none()
    }

    /// The absolute offset of the next byte to send from the log.
    pub(crate) fn offset(&self, log: &Log) -> u64 {
        log.start_of(self.next) + u64::from(self.part)
    }

    /// How many bytes of the log are still to be sent.
    pub(crate) fn lag(&self, log: &Log) -> u64 {
        log.head() - self.offset(log)
    }

    /// Moves on by bytes of the log.
    pub(crate) fn advance_in_log(&mut self, log: &Log, bytes: u64) {
        let offset = self.offset(log) + bytes;
        if offset == log.head() {
            (self.next, self.part) = (log.end(), 0);
        } else {
            let (next, part) = log.locate(offset);
            // A frame is smaller than a log, and a log than 4 GiB.
            (self.next, self.part) = (next, part as u32);
        }
    }

    /// Whether a snapshot is owed that was not begun.
    pub(super) fn awaits_snapshot(&self) -> bool {
        self.detached.as_ref().is_some_and(|d| d.pieces.len() > usize::from(d.sent > 0))
    }

    /// Puts a snapshot behind what is begun. Returns what it replaces, for the board's count.
    #[must_use]
    pub(super) fn detach(&mut self, piece: Arc<[u8]>) -> VecDeque<Arc<[u8]>> {
        let detached = self.detached.get_or_insert_with(|| {
            Box::new(Detached { pieces: VecDeque::new(), sent: 0, frame: None, gap_from: None })
        });
        // Of snapshots that were never begun only the newest is worth sending.
        let keep = usize::from(detached.sent > 0);
        let replaced = detached.pieces.split_off(keep.min(detached.pieces.len()));
        detached.pieces.push_back(piece);
        detached.gap_from = None;
        replaced
    }

    /// Puts a word about what is missed, from frame `from` on, ahead of the snapshot that was detached last.
    pub(super) fn put_gap_ahead(&mut self, gap: Arc<[u8]>, from: u64) {
        if let Some(detached) = self.detached.as_deref_mut() {
            detached.pieces.insert(detached.pieces.len() - 1, gap);
            detached.gap_from = Some(from);
        }
    }

    /// The first frame that is never sent when the cursor is led forward now: where the last gap began, if that has not been told.
    pub(super) fn first_missed(&self) -> u64 {
        let untold = self.detached.as_ref().filter(|d| d.pieces.len() - usize::from(d.sent > 0) == 2);
        untold.and_then(|detached| detached.gap_from).unwrap_or(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::frame::Opcode;

    #[test]
    fn moves_by_any_number_of_bytes() {
        let mut log = Log::new(1024);
        for seq in 0..5 {
            log.append(seq * 10, Opcode::Text, b"0123456789", false);
        }
        for step in 1..40 {
            let mut cursor = Cursor { next: 0, part: 0, since: 0, detached: None };
            let mut sent = 0;
            while !cursor.is_caught_up(&log) {
                let step = step.min(cursor.lag(&log));
                cursor.advance_in_log(&log, step);
                sent += step;
                assert_eq!(cursor.offset(&log), sent);
                assert_eq!(cursor.mid_frame(), sent % 12 != 0);
            }
        }
    }
}
