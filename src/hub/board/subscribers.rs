//! Subscribers of a topic: how they come and go, how far each has come, and what becomes of one that lags.

use super::{Board, SnapshotMaker, shared};
use crate::{
    ground::counters::Stats,
    hub::{
        cursor::{Cursor, Detached, Rest},
        topic::{Lag, Placing},
    },
};
use std::{collections::VecDeque, sync::Arc};

/// One subscription.
#[derive(Debug)]
pub(crate) struct Subscriber {
    /// The connection's slot.
    pub(crate) conn: u32,
    /// It may not lag any further: its topic's policy is to disconnect, or there is no memory to detach what it needs.
    pub(crate) lost: bool,
    /// It is lost within a frame whose rest could not be kept: nothing that is sent to it now would be understood.
    pub(crate) torn: bool,
    pub(crate) cursor: Cursor,
}

/// What a subscription leaves behind.
#[derive(Debug)]
pub(crate) struct Parting {
    /// What is still to be sent of the frame that it stopped within.
    pub(crate) rest: Option<Rest>,
    /// It stopped within a frame whose rest could not be kept.
    pub(crate) torn: bool,
    /// Connections whose subscriber stands elsewhere now, with its former index and its new one.
    pub(crate) moved: Vec<(u32, usize, usize)>,
}

impl Board {
    /// Adds a subscriber. With `snapshot`, its cursor stands at the topic's snapshot.
    pub(crate) fn subscribe(
        &mut self,
        slot: u32,
        conn: u32,
        snapshot: bool,
        maker: &mut dyn SnapshotMaker,
        stats: &mut Stats,
    ) -> usize {
        let since = self.next_seq();
        let topic = self.at(slot);
        let next = topic.log.end();
        let cursor = Cursor { next, part: 0, since, detached: None };
        topic.subscribers.push(Subscriber { conn, lost: false, torn: false, cursor });
        let index = topic.subscribers.len() - 1;
        if index == 0 {
            topic.low_water = next;
        }
        if snapshot {
            self.place(slot, index, Placing::Newcomer, maker, stats);
        }
        let topic = self.at(slot);
        topic.low_water = topic.low_water.min(topic.subscribers[index].cursor.next);
        index
    }

    /// Removes a subscriber. With `finish`, it leaves what it must still send of a frame it has begun.
    pub(crate) fn unsubscribe(&mut self, slot: u32, index: usize, finish: bool) -> Parting {
        let kept = !finish || self.detach_rest(slot, index);
        let topic = self.at(slot);
        let last = topic.subscribers.len() - 1;
        let mut moved = Vec::new();
        // A pass in progress has visited all before `pass`. Filling a visited place with an unvisited subscriber would hide it from
        // the pass, so the last visited one moves there, and the last of all takes its place.
        let mut hole = index;
        if topic.in_pass && hole < topic.pass && topic.pass <= last {
            topic.pass -= 1;
            if hole != topic.pass {
                topic.subscribers.swap(hole, topic.pass);
                moved.push((topic.subscribers[hole].conn, topic.pass, hole));
                hole = topic.pass;
            }
        }
        let gone = topic.subscribers.swap_remove(hole);
        if hole != last {
            moved.push((topic.subscribers[hole].conn, last, hole));
        }
        topic.pass = topic.pass.min(topic.subscribers.len());
        let topic = topic.id;
        let mut rest = None;
        if let Some(detached) = gone.cursor.detached {
            let Detached { mut pieces, sent, frame, .. } = *detached;
            rest = pieces.pop_front().map(|bytes| Rest { bytes, sent, topic, frame });
            self.release_all(pieces);
        }
        if let Some(unused) = rest.take_if(|rest| !finish || rest.sent == 0) {
            self.give_back(unused);
        }
        Parting { rest, torn: gone.torn || !kept, moved }
    }

    /// What was left of a subscription is sent, or never will be.
    pub(crate) fn give_back(&mut self, rest: Rest) {
        let Rest { bytes, topic, frame, .. } = rest;
        // Nobody has it any more but the topic.
        if let Some(frame) = frame.filter(|_| Arc::strong_count(&bytes) == 2)
            && let Some(topic) = self.get(topic)
        {
            topic.begun.remove(&frame);
        }
        self.release(Some(bytes));
    }

    /// Sees to it that no cursor stands before frame `base`, and that none lags by more than the topic allows.
    pub(super) fn settle(&mut self, slot: u32, base: u64, maker: &mut dyn SnapshotMaker, stats: &mut Stats) {
        let mut low = u64::MAX;
        for index in 0..self.at(slot).subscribers.len() {
            let topic = self.at(slot);
            let subscriber = &topic.subscribers[index];
            let lag = subscriber.cursor.lag(&topic.log);
            if lag > topic.spec.lag_bytes() || subscriber.cursor.next < base {
                self.lagged(slot, index, base, maker, stats);
            }
            low = low.min(self.at(slot).subscribers[index].cursor.next);
        }
        self.at(slot).low_water = low;
    }

    /// Whether a subscriber lags by more than its topic allows.
    pub(crate) fn lags(&self, slot: u32, index: usize) -> bool {
        let topic = self.at_ref(slot);
        topic.subscribers[index].cursor.lag(&topic.log) > topic.spec.lag_bytes()
    }

    /// Applies the topic's policy to a subscriber that lags. Afterwards it stands at or behind `base`.
    pub(crate) fn lagged(
        &mut self,
        slot: u32,
        index: usize,
        base: u64,
        maker: &mut dyn SnapshotMaker,
        stats: &mut Stats,
    ) {
        if !self.detach_rest(slot, index) {
            let subscriber = &mut self.at(slot).subscribers[index];
            (subscriber.lost, subscriber.torn) = (true, true);
        }
        let topic = self.at(slot);
        let from = topic.subscribers[index].cursor.next;
        match topic.spec.lag {
            _ if topic.subscribers[index].lost => {}
            Lag::Disconnect => {
                topic.subscribers[index].lost = true;
                stats.lag_disconnects += 1;
            }
            Lag::Skip => {
                let newest = topic.log.newest().unwrap_or_else(|| topic.log.end());
                let cursor = &mut topic.subscribers[index].cursor;
                cursor.next = newest.max(from);
                stats.skipped += cursor.next - from;
            }
            Lag::Conflate => {
                self.place(slot, index, Placing::Laggard, maker, stats);
                let cursor = &mut self.at(slot).subscribers[index].cursor;
                // Conflation only ever skips forward: a newest value that was sent already is not sent again.
                cursor.next = cursor.next.max(from);
                stats.conflated += cursor.next - from;
            }
        }
        let topic = self.at(slot);
        let end = topic.log.end();
        let subscriber = &mut topic.subscribers[index];
        if subscriber.lost || subscriber.cursor.next < base {
            // What the log held for it is lost to it; if it is to be closed, it gets nothing more.
            subscriber.cursor.next = if subscriber.lost { end } else { base };
            subscriber.cursor.part = 0;
        }
    }

    /// Copies the frame that a cursor has begun out of the log, so that the cursor may move. All who stopped within it share the copy.
    /// False when the budget has no room for it.
    fn detach_rest(&mut self, slot: u32, index: usize) -> bool {
        let topic = self.at(slot);
        let cursor = &topic.subscribers[index].cursor;
        let (frame, part) = (cursor.next, cursor.part);
        if part == 0 {
            return true;
        }
        let whole = match topic.begun.get(&frame) {
            Some(whole) => whole.clone(),
            None => {
                let (from, to) = (topic.log.start_of(frame), topic.log.start_of(frame + 1));
                if self.detached_bytes + (to - from) as usize > self.detached_max {
                    return false;
                }
                let topic = self.at(slot);
                let (a, b) = topic.log.slices(from, to);
                let whole = shared(a, b);
                topic.begun.insert(frame, whole.clone());
                self.detached_bytes += whole.len();
                whole
            }
        };
        let cursor = &mut self.at(slot).subscribers[index].cursor;
        debug_assert!(cursor.detached.is_none(), "within a frame of the log");
        (cursor.next, cursor.part) = (frame + 1, 0);
        let pieces = VecDeque::from([whole]);
        cursor.detached =
            Some(Box::new(Detached { pieces, sent: part as usize, frame: Some(frame), gap_from: None }));
        true
    }

    /// A subscriber sent `bytes` of what it is owed: its detached pieces first, then the log.
    pub(crate) fn advance(&mut self, slot: u32, index: usize, mut bytes: usize) {
        let mut done = Vec::new();
        let mut finished = None;
        let topic = self.at(slot);
        let id = topic.id;
        let cursor = &mut topic.subscribers[index].cursor;
        if let Some(detached) = cursor.detached.as_deref_mut() {
            while let Some(piece) = detached.pieces.front() {
                let left = piece.len() - detached.sent;
                if bytes < left {
                    detached.sent += bytes;
                    bytes = 0;
                    break;
                }
                bytes -= left;
                detached.sent = 0;
                let piece = detached.pieces.pop_front();
                match detached.frame.take() {
                    Some(frame) => finished = piece.map(|bytes| (bytes, frame)),
                    None => done.extend(piece),
                }
            }
            if detached.pieces.is_empty() {
                cursor.detached = None;
            }
        }
        if bytes > 0 {
            cursor.advance_in_log(&topic.log, bytes as u64);
        }
        if let Some((bytes, frame)) = finished {
            self.give_back(Rest { bytes, sent: 0, topic: id, frame: Some(frame) });
        }
        self.release_all(done);
    }
}
