//! One view: those who want the same, and where they stand.

use super::query::Wish;
use crate::ground::{id::TopicId, time::Tick};
use std::ops::Range;

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
    /// The number of the last change before the topic's first message, and how many messages without a number it began with.
    numbered_before: u64,
    unnumbered: u64,
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
            numbered_before: 0,
            unnumbered: 0,
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

    /// It goes on in another topic, which begins with a message that has no number of its own.
    pub(super) fn moved(&mut self, (topic, message_max): (TopicId, usize)) {
        (self.topic, self.message_max) = (topic, message_max);
        (self.numbered_before, self.unnumbered) = (self.seq, 1);
    }

    /// All that was pending is told.
    pub(super) fn told(&mut self) {
        self.pending.clear();
        self.is_pending.fill(0);
    }

    /// The numbers of the changes among the messages `missed`, counted from 0; `None`: there are none.
    pub(super) fn numbers(&self, missed: Range<u64>) -> Option<Range<u64>> {
        let number_at = |at: u64| self.numbered_before + at.saturating_sub(self.unnumbered) + 1;
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
        assert_eq!(view.numbers(0..3), Some(1..4));
        assert_eq!(view.numbers(2..3), Some(3..4));
        view.seq = 4;
        view.moved((TopicId::new(1, 1), 1_000));
        for (missed, numbers) in [(0..1, None), (0..2, Some(5..6)), (1..3, Some(5..7)), (2..3, Some(6..7))] {
            assert_eq!(view.numbers(missed.clone()), numbers, "{missed:?}: numbers go on in another topic");
        }
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
