//! Snapshots: what a newcomer or a laggard is told of a topic, made once for all who come at the same moment.

use super::{Board, TopicState};
use crate::{
    ground::{counters::Stats, id::TopicId},
    hub::topic::{Placing, SnapshotSource},
};
use std::{collections::VecDeque, ops::Range, sync::Arc};

/// Makes what only the contract of a topic can say, as encoded frames.
pub(crate) trait SnapshotMaker {
    /// The snapshot of a topic whose source is its contract.
    fn make(&mut self, topic: TopicId, placing: Placing) -> Vec<u8>;

    /// What comes before the snapshot for one who never gets the frames `missed`.
    fn gap(&mut self, topic: TopicId, missed: Range<u64>) -> Vec<u8>;
}

/// When a snapshot was made: at which end of the log, and, if it is a contract's, in which turn.
pub(super) type Moment = (u64, u64);

impl TopicState {
    /// Its snapshot as encoded frames; `None` where only its contract can say.
    pub(super) fn value(&self) -> Option<Vec<u8>> {
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

impl Board {
    /// Puts a cursor at the topic's snapshot, forwards only; `cursor.next` must be a frame boundary.
    pub(super) fn place(
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
}
