//! What must hold inside the board, for tests.

use super::{Board, TopicState};
use crate::hub::cursor::Rest;
use std::{collections::HashMap, sync::Arc};

impl TopicState {
    /// Whether a fan-out of this topic is under way.
    pub(crate) fn in_pass(&self) -> bool {
        self.in_pass
    }
}

impl Board {
    pub(crate) fn topics(&self) -> impl Iterator<Item = &TopicState> {
        self.topics.iter().flatten().map(|topic| &**topic)
    }

    /// Whether every cursor stands in its log, and all that is counted twice agrees. `elsewhere`: what ended subscriptions have left.
    pub(crate) fn check<'a>(&self, elsewhere: impl Iterator<Item = &'a Rest>) -> Result<(), String> {
        let mut detached = HashMap::new();
        let mut count = |arc: &Arc<[u8]>| {
            detached.insert(arc.as_ptr(), arc.len());
        };
        elsewhere.for_each(|rest| count(rest.shared()));
        for topic in self.topics() {
            let id = topic.id;
            for arc in [
                topic.retained.as_ref().map(|(_, arc)| arc),
                topic.snapshots[0].as_ref().map(|(_, arc)| arc),
                topic.snapshots[1].as_ref().map(|(_, arc)| arc),
            ] {
                arc.into_iter().for_each(&mut count);
            }
            for (frame, whole) in &topic.begun {
                if Arc::strong_count(whole) == 1 {
                    return Err(format!("{id}: frame {frame} is set aside for nobody"));
                }
                count(whole);
            }
            for (index, subscriber) in topic.subscribers.iter().enumerate() {
                let cursor = &subscriber.cursor;
                let (base, end) = (topic.log.base(), topic.log.end());
                if cursor.next < base || cursor.next > end {
                    return Err(format!("{id}: {cursor:?} of {index} is outside of {base}..={end}"));
                }
                if cursor.next < topic.low_water {
                    return Err(format!("{id}: {cursor:?} stands below the low water {}", topic.low_water));
                }
                let frame_len =
                    topic.log.start_of((cursor.next + 1).min(end)) - topic.log.start_of(cursor.next);
                if u64::from(cursor.part) >= frame_len.max(1)
                    || (cursor.part > 0 && cursor.detached.is_some())
                {
                    return Err(format!("{id}: {cursor:?} of {index} stands nowhere"));
                }
                if let Some(detached) = &cursor.detached {
                    let first = detached.pieces.front().map_or(0, |piece| piece.len());
                    if detached.sent >= first {
                        return Err(format!("{id}: {detached:?} is done with, and still there"));
                    }
                    detached.pieces.iter().for_each(&mut count);
                }
            }
            if topic.saturated != topic.is_saturated() {
                return Err(format!("{id} is not weighed"));
            }
            if topic.in_pass != self.dirty.contains(&id.slot) {
                return Err(format!("{id}: in a pass: {}, and not so listed", topic.in_pass));
            }
        }
        let keyed: usize = self.topics().map(|topic| topic.keyed.cost()).sum();
        if keyed != self.keyed_bytes || keyed > self.keyed_max {
            return Err(format!(
                "latest values cost {keyed}, counted are {} of {}",
                self.keyed_bytes, self.keyed_max
            ));
        }
        if self.topics().filter(|topic| topic.saturated).count() != self.saturated {
            return Err(format!("{} topics are counted as saturated", self.saturated));
        }
        let sum: usize = detached.values().sum();
        if sum != self.detached_bytes {
            return Err(format!("detached bytes: there are {sum}, counted are {}", self.detached_bytes));
        }
        Ok(())
    }
}
