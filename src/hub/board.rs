//! All topics with their logs and subscribers: what is published, and where everyone stands.
//!
//! The board knows connections only as slot numbers. It never writes: whoever pumps asks it what a subscriber is owed and tells it how
//! much was taken.

#[cfg(test)]
mod check;
mod keyed;
#[cfg(test)]
mod model;
mod snapshots;
mod subscribers;

pub(crate) use self::{
    snapshots::SnapshotMaker,
    subscribers::{Parting, Subscriber},
};

use self::{keyed::Keyed, snapshots::Moment};
use super::{
    log::Log,
    topic::{Placing, SnapshotSource, Topic},
};
use crate::ground::{
    counters::Stats,
    frame::{Opcode, Payload, frame_len, messages},
    id::TopicId,
};
use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::Arc,
};

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
