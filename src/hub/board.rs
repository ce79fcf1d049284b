//! All topics with their logs and subscribers: what is published, and where everyone stands.
//!
//! The board knows connections only as slot numbers. It never writes: whoever pumps asks it what a subscriber is owed and tells it how
//! much was taken.

#[cfg(test)]
mod check;
mod keyed;
#[cfg(test)]
mod model;

use self::keyed::Keyed;
use super::{
    cursor::{Cursor, Detached, Rest},
    log::Log,
    topic::{Lag, Placing, SnapshotSource, Topic},
};
use crate::ground::{
    counters::Stats,
    frame::{Opcode, Payload, frame_len, messages},
    id::TopicId,
};
use std::{
    collections::{HashMap, VecDeque},
    mem,
    ops::Range,
    sync::Arc,
};

/// Makes what only the contract of a topic can say, as encoded frames.
pub(crate) trait SnapshotMaker {
    /// The snapshot of a topic whose source is its contract.
    fn make(&mut self, topic: TopicId, placing: Placing) -> Vec<u8>;

    /// What comes before the snapshot for one who never gets the frames `missed`.
    fn gap(&mut self, topic: TopicId, missed: Range<u64>) -> Vec<u8>;
}

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

/// When a snapshot was made: at which end of the log, and, if it is a contract's, in which turn.
type Moment = (u64, u64);

/// One topic.
#[derive(Debug)]
pub(crate) struct TopicState {
    pub(crate) id: TopicId,
    pub(crate) spec: Topic,
    pub(crate) log: Log,
    /// Dense, so that a fan-out walks through memory in order. Who leaves is replaced by the last.
    pub(crate) subscribers: Vec<Subscriber>,
    /// The index of the subscriber that the current pass visits next.
    pub(crate) pass: usize,
    /// The log's head when the current pass began.
    pass_head: u64,
    /// The log's end then.
    pass_end: u64,
    /// The head when the last complete pass began: everyone who can read has been offered what came before.
    offered_head: u64,
    /// The same in frames.
    offered_end: u64,
    in_pass: bool,
    /// More could lead even a fast reader past its lag.
    saturated: bool,
    /// No cursor stands before this frame. A lower bound, made exact by each settling.
    low_water: u64,
    /// The newest value and the number of its frame, kept when that is evicted by notices.
    retained: Option<(u64, Arc<[u8]>)>,
    keyed: Keyed,
    /// The last shared snapshot for newcomers and that for laggards, and when it was made.
    snapshots: [Option<(Moment, Arc<[u8]>)>; 2],
    /// Frames that somebody has begun, set aside whole, so that all who stopped within one share it wherever they stopped. Each goes with the
    /// last who needs it.
    begun: HashMap<u64, Arc<[u8]>>,
}

impl TopicState {
    /// Its snapshot as encoded frames; `None` where only its contract can say.
    fn value(&self) -> Option<Vec<u8>> {
        Some(match self.spec.source {
            SnapshotSource::None => Vec::new(),
            SnapshotSource::Last => match (&self.retained, self.log.newest()) {
                (Some((_, frame)), _) => frame.to_vec(),
                (None, Some(newest)) => {
                    let to = self.log.start_of(newest + 1);
                    let (a, b) = self.log.slices(self.log.start_of(newest), to);
                    [a, b].concat()
                }
                (None, None) => Vec::new(),
            },
            SnapshotSource::Keyed => self.keyed.frames.concat(),
            SnapshotSource::Contract => return None,
        })
    }
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

/// One message to be published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publication<'m> {
    pub(crate) opcode: Opcode,
    /// Whose newest value it is, in a keyed topic.
    pub(crate) key: Option<&'m str>,
    pub(crate) payload: &'m [u8],
    /// It is never the topic's newest value.
    pub(crate) notice: bool,
}

/// Why something was not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unpublished {
    /// The topic is no more.
    Gone,
    /// The message is larger than a quarter of the log.
    TooLarge,
    /// The key table is full.
    TooManyKeys,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Board {
    topics: Vec<Option<Box<TopicState>>>,
    /// Topics with something to fan out, in turn.
    dirty: VecDeque<u32>,
    /// How many of them are saturated.
    saturated: usize,
    /// The engine-wide frame sequence.
    seq: u64,
    /// Counts up over the turns of the loop.
    turn: u64,
    detached_bytes: usize,
    detached_max: usize,
    log_bytes: usize,
    /// What the latest values of all topics' keys take.
    keyed_bytes: usize,
    keyed_max: usize,
}

impl Board {
    /// `keyed_max`: the most that the latest values of all topics' keys may take.
    pub(crate) fn new(detached_max: usize, keyed_max: usize) -> Self {
        Self {
            topics: Vec::new(),
            dirty: VecDeque::new(),
            saturated: 0,
            seq: 0,
            turn: 0,
            detached_bytes: 0,
            detached_max,
            log_bytes: 0,
            keyed_bytes: 0,
            keyed_max,
        }
    }

    /// A turn begins: what contracts say from here on may differ from what they said before.
    pub(crate) fn begin_turn(&mut self) {
        self.turn += 1;
    }

    /// The next number in the order of all frames.
    pub(crate) fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    pub(crate) fn detached_bytes(&self) -> usize {
        self.detached_bytes
    }

    /// Bytes allocated for logs and their indices.
    pub(crate) fn log_bytes(&self) -> usize {
        self.log_bytes
    }

    pub(crate) fn declare(&mut self, id: TopicId, spec: Topic) {
        if self.topics.len() <= id.index() {
            self.topics.resize_with(id.index() + 1, || None);
        }
        self.topics[id.index()] = Some(Box::new(TopicState {
            id,
            spec,
            log: Log::new(spec.log_bytes),
            subscribers: Vec::new(),
            pass: 0,
            pass_head: 0,
            pass_end: 0,
            offered_head: 0,
            offered_end: 0,
            in_pass: false,
            saturated: false,
            low_water: 0,
            retained: None,
            keyed: Keyed::default(),
            snapshots: [None, None],
            begun: HashMap::new(),
        }));
    }

    /// The topic with this id.
    pub(crate) fn get(&mut self, id: TopicId) -> Option<&mut TopicState> {
        self.topics.get_mut(id.index())?.as_deref_mut().filter(|topic| topic.id == id)
    }

    /// The topic in this slot, which the caller knows to be there.
    pub(crate) fn at(&mut self, slot: u32) -> &mut TopicState {
        self.topics[slot as usize].as_deref_mut().expect("a subscription keeps its topic's slot")
    }

    pub(crate) fn at_ref(&self, slot: u32) -> &TopicState {
        self.topics[slot as usize].as_deref().expect("a subscription keeps its topic's slot")
    }

    fn get_ref(&self, id: TopicId) -> Option<&TopicState> {
        self.topics.get(id.index())?.as_deref().filter(|topic| topic.id == id)
    }

    /// The messages of a topic's snapshot; `None` where only its contract can say, and when it is no more.
    pub(crate) fn newest(&self, id: TopicId) -> Option<Vec<Payload>> {
        self.get_ref(id)?.value().map(|frames| messages(&frames))
    }

    /// How many are subscribed.
    pub(crate) fn subscribers(&self, id: TopicId) -> usize {
        self.get_ref(id).map_or(0, |topic| topic.subscribers.len())
    }

    /// Takes a topic away and returns it; the caller ends its subscriptions first.
    pub(crate) fn retire(&mut self, id: TopicId) -> Option<Topic> {
        let topic = self.topics.get_mut(id.index())?.take_if(|topic| topic.id == id)?;
        debug_assert!(topic.subscribers.is_empty());
        self.dirty.retain(|&slot| slot != id.slot);
        self.saturated -= usize::from(topic.saturated);
        self.log_bytes -= topic.log.bytes_held();
        self.keyed_bytes -= topic.keyed.cost();
        self.release(topic.retained.map(|(_, frame)| frame));
        self.release_all(topic.snapshots.into_iter().flatten().map(|(_, frames)| frames));
        self.release_all(topic.begun.into_values());
        Some(topic.spec)
    }

    /// Publishes one message.
    pub(crate) fn publish(
        &mut self,
        id: TopicId,
        publication: Publication<'_>,
        maker: &mut dyn SnapshotMaker,
        stats: &mut Stats,
    ) -> Result<(), Unpublished> {
        let Publication { opcode, key, payload, notice } = publication;
        let len = frame_len(payload.len());
        let keyed_room = self.keyed_max - self.keyed_bytes;
        let Some(topic) = self.get(id) else { return Err(Unpublished::Gone) };
        if len > topic.spec.frame_bytes_max() {
            stats.publish_refused += 1;
            return Err(Unpublished::TooLarge);
        }
        if topic.spec.source == SnapshotSource::Keyed && !notice {
            let before = topic.keyed.cost();
            if !topic.keyed.put(key.unwrap_or_default(), opcode, payload, keyed_room) {
                stats.publish_refused += 1;
                return Err(Unpublished::TooManyKeys);
            }
            let after = topic.keyed.cost();
            self.keyed_bytes = self.keyed_bytes - before + after;
        }
        self.append(id, opcode, payload, notice, maker, stats);
        Ok(())
    }

    /// Forgets a key of a keyed topic: newcomers do not hear of it any more. False when the topic is no more.
    pub(crate) fn forget(&mut self, id: TopicId, key: &str) -> bool {
        let Some(topic) = self.get(id) else { return false };
        let before = topic.keyed.cost();
        if topic.keyed.forget(key) {
            let freed = before - topic.keyed.cost();
            let made = mem::take(&mut topic.snapshots).map(|made| made.map(|(_, frames)| frames));
            self.release_all(made.into_iter().flatten());
            self.keyed_bytes -= freed;
        }
        true
    }

    /// Publishes the topic's snapshot once more, byte for byte. Returns whether there was any.
    pub(crate) fn republish(
        &mut self,
        id: TopicId,
        maker: &mut dyn SnapshotMaker,
        stats: &mut Stats,
    ) -> bool {
        let Some(topic) = self.get(id) else { return false };
        let frames = topic.value().unwrap_or_else(|| maker.make(id, Placing::Laggard));
        let messages = messages(&frames);
        for message in &messages {
            let message = message.as_message();
            let (opcode, payload) = (message.opcode(), message.as_bytes());
            // The contract's snapshot may be larger than what the topic takes.
            if self.get(id).is_some_and(|topic| frame_len(payload.len()) <= topic.spec.frame_bytes_max()) {
                self.append(id, opcode, payload, false, maker, stats);
            } else {
                stats.publish_refused += 1;
            }
        }
        !messages.is_empty()
    }

    /// Appends a frame that was found to fit.
    fn append(
        &mut self,
        id: TopicId,
        opcode: Opcode,
        payload: &[u8],
        notice: bool,
        maker: &mut dyn SnapshotMaker,
        stats: &mut Stats,
    ) {
        let len = frame_len(payload.len());
        let topic = self.at(id.slot);
        let base = topic.log.base_after(len);
        // Before laggards are led to it.
        self.keep_newest(id.slot, base);
        let topic = self.at(id.slot);
        if base > topic.low_water && !topic.subscribers.is_empty() {
            self.settle(id.slot, base, maker, stats);
        }
        let seq = self.next_seq();
        let topic = self.at(id.slot);
        let before = topic.log.bytes_held();
        topic.log.append(seq, opcode, payload, notice);
        let grown = topic.log.bytes_held() - before;
        if !notice {
            let retained = topic.retained.take();
            self.release(retained.map(|(_, frame)| frame));
        }
        self.log_bytes += grown;
        stats.published += 1;
        stats.published_bytes += len as u64;
        self.mark(id.slot);
        self.weigh(id.slot);
    }

    /// Copies the newest value aside when frames up to `base` are about to go and it is among them.
    fn keep_newest(&mut self, slot: u32, base: u64) {
        let topic = self.at(slot);
        let going = topic.log.newest().filter(|&newest| newest < base);
        let Some(newest) = going.filter(|_| topic.spec.source == SnapshotSource::Last) else { return };
        let to = topic.log.start_of(newest + 1);
        let (a, b) = topic.log.slices(topic.log.start_of(newest), to);
        let frame = shared(a, b);
        let old = topic.retained.replace((newest, frame.clone()));
        self.detached_bytes += frame.len();
        self.release(old.map(|(_, frame)| frame));
    }

    fn mark(&mut self, slot: u32) {
        let topic = self.at(slot);
        if !topic.in_pass {
            topic.in_pass = true;
            topic.pass = 0;
            topic.pass_head = topic.log.head();
            topic.pass_end = topic.log.end();
            if topic.subscribers.is_empty() {
                // Nobody to offer it to: the pass is over before it began.
                topic.in_pass = false;
                topic.offered_head = topic.log.head();
                topic.offered_end = topic.log.end();
                return;
            }
            self.dirty.push_back(slot);
        }
    }

    /// Whether some topic has been published to so much, since everyone was last offered its news, that more could lead even a fast
    /// reader past its lag.
    pub(crate) fn is_saturated(&self) -> bool {
        self.saturated > 0
    }

    /// Brings the count of saturated topics up to date with what became of one of them.
    fn weigh(&mut self, slot: u32) {
        let topic = self.at(slot);
        let is = topic.is_saturated();
        let was = mem::replace(&mut topic.saturated, is);
        self.saturated = self.saturated + usize::from(is) - usize::from(was);
    }

    /// The topic whose fan-out is under way.
    pub(crate) fn fanning_out(&self) -> Option<u32> {
        self.dirty.front().copied()
    }

    /// The pass over the front topic is complete.
    pub(crate) fn end_pass(&mut self) {
        let Some(slot) = self.dirty.pop_front() else { return };
        let topic = self.at(slot);
        topic.in_pass = false;
        topic.offered_head = topic.pass_head;
        topic.offered_end = topic.pass_end;
        if topic.log.head() != topic.pass_head {
            // Published to meanwhile: those visited early have not been offered that.
            self.mark(slot);
        } else {
            let low = topic.subscribers.iter().map(|s| s.cursor.next).min();
            topic.low_water = low.unwrap_or_else(|| topic.log.end());
        }
        self.weigh(slot);
    }

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

    fn release(&mut self, arc: Option<Arc<[u8]>>) {
        if let Some(arc) = arc
            && Arc::strong_count(&arc) == 1
        {
            self.detached_bytes -= arc.len();
        }
    }

    fn release_all(&mut self, arcs: impl IntoIterator<Item = Arc<[u8]>>) {
        for arc in arcs {
            self.release(Some(arc));
        }
    }

    /// Puts a cursor at the topic's snapshot, forwards only; `cursor.next` must be a frame boundary.
    fn place(
        &mut self,
        slot: u32,
        index: usize,
        placing: Placing,
        maker: &mut dyn SnapshotMaker,
        stats: &mut Stats,
    ) {
        let newcomer = placing == Placing::Newcomer;
        let since = self.next_seq();
        let topic = self.at(slot);
        let end = topic.log.end();
        let mut replaced = VecDeque::new();
        match topic.spec.source {
            SnapshotSource::None => {
                let newest = topic.log.newest();
                let cursor = &mut topic.subscribers[index].cursor;
                cursor.next = newest.unwrap_or(end).max(cursor.next);
            }
            SnapshotSource::Last => {
                let (newest, retained) = (topic.log.newest(), topic.retained.clone());
                let cursor = &mut topic.subscribers[index].cursor;
                match (newest, retained) {
                    // It is not in the log, or is about to leave it.
                    (_, Some((number, frame))) => {
                        let unsent = newcomer || cursor.next <= number || cursor.awaits_snapshot();
                        (cursor.next, cursor.since) = (end, since);
                        if unsent {
                            replaced = cursor.detach(frame);
                        }
                    }
                    // A newcomer's cursor stands at the end: it goes back to the value, which was never sent to it.
                    (Some(newest), None) => cursor.next = newest,
                    (None, None) => cursor.next = end,
                }
            }
            SnapshotSource::Keyed | SnapshotSource::Contract => {
                let frames = self.shared_snapshot(slot, placing, maker, stats);
                let from = self.at(slot).subscribers[index].cursor.first_missed();
                let frames = frames.and_then(|frames| {
                    let tell = !newcomer && from < end && !frames.is_empty();
                    let gap = if tell { self.gap(slot, from..end, maker)? } else { None };
                    Some((frames, gap))
                });
                let subscriber = &mut self.at(slot).subscribers[index];
                subscriber.cursor.next = end;
                match frames {
                    Some((frames, _)) if frames.is_empty() => {}
                    // What the snapshot tells is as of now, so it comes after all that was queued before.
                    Some((frames, gap)) => {
                        subscriber.cursor.since = since;
                        replaced = subscriber.cursor.detach(frames);
                        if let Some(gap) = gap {
                            subscriber.cursor.put_gap_ahead(gap, from);
                        }
                    }
                    None => subscriber.lost = true,
                }
            }
        }
        self.release_all(replaced);
    }

    /// What the contract says to one who misses frames, if anything. `None` when the budget has no room for it.
    fn gap(
        &mut self,
        slot: u32,
        missed: Range<u64>,
        maker: &mut dyn SnapshotMaker,
    ) -> Option<Option<Arc<[u8]>>> {
        let topic = self.at(slot);
        if topic.spec.source != SnapshotSource::Contract {
            return Some(None);
        }
        let id = topic.id;
        let gap = maker.gap(id, missed);
        if self.detached_bytes + gap.len() > self.detached_max {
            return None;
        }
        self.detached_bytes += gap.len();
        Some((!gap.is_empty()).then(|| gap.into()))
    }

    /// The topic's snapshot as of now: made once, shared by all who are placed before the next publish and, since a contract's may change
    /// with time alone, in the same turn. `None` when the budget for detached bytes has no room for it.
    fn shared_snapshot(
        &mut self,
        slot: u32,
        placing: Placing,
        maker: &mut dyn SnapshotMaker,
        stats: &mut Stats,
    ) -> Option<Arc<[u8]>> {
        let turn = self.turn;
        let topic = self.at(slot);
        let keyed = topic.spec.source == SnapshotSource::Keyed;
        let (id, as_of) = (topic.id, (topic.log.end(), if keyed { 0 } else { turn }));
        let kind = usize::from(topic.spec.source == SnapshotSource::Contract && placing == Placing::Laggard);
        if let Some((made, frames)) = &topic.snapshots[kind]
            && *made == as_of
        {
            return Some(frames.clone());
        }
        let frames: Arc<[u8]> = match topic.spec.source {
            SnapshotSource::Keyed => topic.keyed.frames.concat().into(),
            _ => maker.make(id, placing).into(),
        };
        stats.snapshots += 1;
        if self.detached_bytes + frames.len() > self.detached_max {
            return None;
        }
        self.detached_bytes += frames.len();
        let old = self.at(slot).snapshots[kind].replace((as_of, frames.clone()));
        self.release(old.map(|(_, frames)| frames));
        Some(frames)
    }

    /// Sees to it that no cursor stands before frame `base`, and that none lags by more than the topic allows.
    fn settle(&mut self, slot: u32, base: u64, maker: &mut dyn SnapshotMaker, stats: &mut Stats) {
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

impl TopicState {
    fn is_saturated(&self) -> bool {
        self.in_pass
            && (self.log.head() - self.offered_head > self.spec.lag_bytes() / 2
                || self.log.end() - self.offered_end > Log::frames_max(self.spec.log_bytes) as u64 / 4)
    }
}

/// Bytes of a ring's two ends as one, to be shared.
fn shared(a: &[u8], b: &[u8]) -> Arc<[u8]> {
    if b.is_empty() { a.into() } else { [a, b].concat().into() }
}
