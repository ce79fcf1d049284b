//! One view: those who want the same, and where they stand.

use super::query::Wish;
use crate::ground::{id::TopicId, limits::MONITOR_ASIDES_MAX, time::Tick};
use std::{collections::VecDeque, ops::Range};

/// See the module.
#[derive(Debug)]
pub(super) struct View {
    pub(super) wish: Wish,
    pub(super) topic: TopicId,
    /// The longest message that its log takes.
    pub(super) message_max: usize,
    pub(super) clients: usize,
    /// When it is due; for one that is told of changes, when it may be told again.
    pub(super) next: Tick,
    /// Since when nobody watches.
    pub(super) idle_since: Tick,
    /// The number of the last `equipment_changes`.
    pub(super) seq: u64,
    /// Changed and not told yet, in the order in which it was seen; and a bit for each slot that is among them.
    pub(super) pending: Vec<u32>,
    is_pending: Vec<u64>,
    /// Messages published so far.
    published: u64,
    /// Of these, the ones without a number of their own, oldest first: which they were.
    asides: VecDeque<u64>,
    /// Messages without a number among those that are no longer in `asides`.
    asides_forgotten: u64,
    /// The number of the last change before the first message.
    numbered_before: u64,
}

impl View {
    pub(super) fn new(wish: Wish, (topic, message_max): (TopicId, usize), now: Tick) -> Self {
        Self {
            wish,
            topic,
            message_max,
            clients: 0,
            next: now,
            idle_since: now,
            seq: 0,
            pending: Vec::new(),
            is_pending: Vec::new(),
            published: 0,
            asides: VecDeque::new(),
            asides_forgotten: 0,
            numbered_before: 0,
        }
    }

    pub(super) fn shows(&self, slot: u32) -> bool {
        self.wish.equipment.as_ref().is_none_or(|slots| slots.binary_search(&slot).is_ok())
    }

    /// Equipment in this slot has changed.
    pub(super) fn changed(&mut self, slot: u32) {
        let (word, bit) = (slot as usize / 64, 1 << (slot % 64));
        if self.is_pending.len() <= word {
            self.is_pending.resize(word + 1, 0);
        }
        if self.is_pending[word] & bit == 0 {
            self.is_pending[word] |= bit;
            self.pending.push(slot);
        }
    }

    /// It goes on in another topic.
    pub(super) fn moved(&mut self, (topic, message_max): (TopicId, usize)) {
        (self.topic, self.message_max, self.published, self.asides_forgotten) = (topic, message_max, 0, 0);
        self.asides.clear();
        // The numbers go on: those told in the other topic count as told before the first message here.
        self.numbered_before = self.seq;
    }

    /// All that was pending is told.
    pub(super) fn told(&mut self) {
        self.pending.clear();
        self.is_pending.fill(0);
    }

    /// A numbered message was published.
    pub(super) fn numbered(&mut self) {
        self.published += 1;
    }

    /// Another message was published. False when the place of an older one was forgotten for it.
    pub(super) fn aside(&mut self) -> bool {
        if !self.wish.changes {
            // Nothing has a number here.
            return true;
        }
        self.asides.push_back(self.published);
        self.published += 1;
        let full = self.asides.len() > MONITOR_ASIDES_MAX;
        if full {
            self.asides.pop_front();
            self.asides_forgotten += 1;
        }
        !full
    }

    /// The numbers of the changes among the messages `missed`, counted from 0; `None`: there are none.
    pub(super) fn numbers(&self, missed: Range<u64>) -> Option<Range<u64>> {
        let asides_before = |at: u64| {
            self.asides_forgotten + self.asides.iter().take_while(|&&aside| aside < at).count() as u64
        };
        let number_at = |at: u64| self.numbered_before + at.saturating_sub(asides_before(at)) + 1;
        let numbers = number_at(missed.start)..number_at(missed.end);
        (!numbers.is_empty()).then_some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::equipment_monitor::query::Pace;
    use std::time::Duration;

    fn view() -> View {
        let wish = Wish { pace: Pace::Every(Duration::from_secs(1)), changes: true, equipment: None };
        View::new(wish, (TopicId::new(0, 1), 1_000), Tick::ZERO)
    }

    #[test]
    fn gaps_are_named_by_the_numbers_of_the_changes_alone() {
        let mut view = view();
        // Messages 0 to 5: 1 2 aside 3 aside 4.
        for aside in [false, false, true, false, true, false] {
            if aside {
                assert!(view.aside());
            } else {
                view.numbered();
            }
        }
        for (missed, numbers) in [
            (0..6, Some(1..5)),
            (0..1, Some(1..2)),
            (1..3, Some(2..3)),
            (2..3, None),
            (2..4, Some(3..4)),
            (4..6, Some(4..5)),
        ] {
            assert_eq!(view.numbers(missed.clone()), numbers, "{missed:?}");
        }
        view.seq = 4;
        view.moved((TopicId::new(1, 1), 1_000));
        assert!(view.aside());
        view.numbered();
        assert_eq!(view.numbers(0..2), Some(5..6), "numbers go on in another topic");
    }

    #[test]
    fn a_place_that_is_forgotten_widens_the_gap_and_is_said() {
        let mut view = view();
        view.numbered();
        let forgotten = (0..=MONITOR_ASIDES_MAX).filter(|_| !view.aside()).count();
        view.numbered();
        let last = 1 + MONITOR_ASIDES_MAX as u64;
        assert_eq!((forgotten, view.numbers(last + 1..last + 2)), (1, Some(2..3)));
    }

    #[test]
    fn what_changes_twice_is_pending_once() {
        let mut view = view();
        for slot in [700, 3, 700, 64, 3] {
            view.changed(slot);
        }
        assert_eq!(view.pending, [700, 3, 64]);
        view.told();
        view.changed(3);
        assert_eq!(view.pending, [3]);
    }
}
