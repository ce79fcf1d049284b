//! Records on their way: what the store has, what was refused and is still to be told, and how the store does.

use crate::{
    contracts::store::StoreError,
    ground::{
        id::{MountId, RecordTicket},
        limits::{Limits, RECORD_SPARE_BYTES, RECORDS_PER_MESSAGE, STORE_WAIT},
        time::Tick,
    },
};
use std::collections::VecDeque;

/// Why a record never reached the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NoStore,
    TooLarge,
    Full,
    GivenUp,
}

/// A record, as its contract made it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filed {
    pub(super) mount: MountId,
    pub(super) ticket: RecordTicket,
    pub(super) awaited: bool,
}

/// One record whose contract has not been told what became of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Whose contract is to be told; none when that has been built anew since.
    pub(super) mount: Option<MountId>,
    pub(super) ticket: RecordTicket,
    /// Somebody waits for what becomes of it.
    pub(super) awaited: bool,
    weight_bytes: usize,
    /// When the store got it.
    at: Tick,
    /// The store never got it; it waits for its turn to be told so.
    pub(super) refused: Option<Refusal>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ledger {
    /// In the order of their tickets, those that the store has and those that were refused behind them. The first is one that the store has.
    waiting: VecDeque<Entry>,
    /// How many of `waiting` the store has, and their bytes. Invariant: `held <= held_max`, `bytes <= bytes_max`.
    held: usize,
    held_max: usize,
    bytes: usize,
    bytes_max: usize,
    /// Refused, and to be told without waiting for anything.
    refused: VecDeque<Entry>,
    /// A record found no room since the store last answered.
    full: bool,
    /// Room that is left for what one more message may record: so many records, and bytes. Those who record are not read while there is less.
    spare: (usize, usize),
    /// When the store last answered.
    answered: Tick,
    /// The store does not work: what it said, or what is to be said of it.
    down: Option<String>,
    /// It has not worked for so long that nobody waits for it any more. Then `down` says why.
    given_up: bool,
}

impl Ledger {
    /// Bytes that a ledger takes for each record there may be.
    pub(super) const BYTES_PER_RECORD: usize = 2 * size_of::<Entry>();

    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            waiting: VecDeque::new(),
            held: 0,
            held_max: limits.records,
            bytes: 0,
            bytes_max: limits.record_bytes,
            refused: VecDeque::new(),
            full: false,
            spare: (
                RECORDS_PER_MESSAGE.min(limits.records / 8).max(1),
                (limits.message_bytes.saturating_add(RECORDS_PER_MESSAGE * RECORD_SPARE_BYTES))
                    .min(limits.record_bytes / 2)
                    .max(1),
            ),
            answered: Tick::ZERO,
            down: None,
            given_up: false,
        }
    }

    /// Whether the store may have one more record of this weight.
    pub(super) fn admit(&mut self, weight_bytes: usize) -> Result<(), Refusal> {
        if weight_bytes > self.bytes_max {
            return Err(Refusal::TooLarge);
        }
        if self.given_up {
            return Err(Refusal::GivenUp);
        }
        if self.held >= self.held_max || self.bytes + weight_bytes > self.bytes_max {
            self.full = true;
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// The store has got a record that was admitted.
    pub(super) fn sent(&mut self, filed: Filed, weight_bytes: usize, at: Tick) {
        let Filed { mount, ticket, awaited } = filed;
        self.waiting.push_back(Entry {
            mount: Some(mount),
            ticket,
            awaited,
            weight_bytes,
            at,
            refused: None,
        });
        self.held += 1;
        self.bytes += weight_bytes;
    }

    /// A record was refused. Its turn to be told comes behind those that the store has; at once if the store may never answer for those, or if as
    /// many wait already as the store may have.
    pub(super) fn refuse(&mut self, filed: Filed, why: Refusal, at: Tick) {
        let Filed { mount, ticket, awaited } = filed;
        let entry = Entry { mount: Some(mount), ticket, awaited, weight_bytes: 0, at, refused: Some(why) };
        if self.held == 0 || self.given_up || self.waiting.len() - self.held >= self.held_max {
            self.refused.push_back(entry);
        } else {
            self.waiting.push_back(entry);
        }
    }

    /// The store has answered for all up to `upto`: takes out one record that is to be told of now, until there is none.
    pub(super) fn next_answered(&mut self, upto: RecordTicket) -> Option<Entry> {
        // A refused one that has come to the front has waited for its turn, whatever its ticket.
        self.waiting.front().filter(|first| first.ticket <= upto || first.refused.is_some())?;
        let entry = self.waiting.pop_front()?;
        if entry.refused.is_none() {
            self.held -= 1;
            self.bytes -= entry.weight_bytes;
            self.full = false;
        }
        Some(entry)
    }

    /// Takes out one refusal that waits for nothing.
    pub(super) fn next_refused(&mut self) -> Option<Entry> {
        self.refused.pop_front()
    }

    /// What a contract is told about its record.
    pub(super) fn error(&self, refusal: Refusal) -> StoreError {
        match refusal {
            Refusal::NoStore => StoreError::Rejected("the server was started without a store".into()),
            Refusal::TooLarge => StoreError::Rejected("the record is larger than record_bytes".into()),
            Refusal::Full => StoreError::Down("its queue is full".into()),
            Refusal::GivenUp => {
                StoreError::Down(self.down.clone().unwrap_or_else(|| "it did not answer".into()))
            }
        }
    }

    /// The contract of this mount is gone, and whoever comes after it never recorded any of this.
    pub(super) fn forget(&mut self, mount: MountId) {
        self.refused.retain(|entry| entry.mount != Some(mount));
        for entry in self.waiting.iter_mut().filter(|entry| entry.mount == Some(mount)) {
            entry.mount = None;
        }
    }

    /// The store has answered. True when it had been down.
    pub(super) fn answered(&mut self, now: Tick) -> bool {
        self.answered = now;
        self.given_up = false;
        self.down.take().is_some()
    }

    /// Whether the store is down, by its own word or by its silence.
    pub(super) fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// The store says that it is down.
    pub(super) fn went_down(&mut self, why: String) {
        self.down = Some(why);
    }

    /// When the store will be given up if it does not answer: for the oldest batch it has, it has had since it answered for the one before.
    pub(super) fn gives_up_at(&self) -> Option<Tick> {
        let oldest = self.waiting.front().filter(|_| !self.given_up && self.held > 0)?;
        Some(oldest.at.max(self.answered) + STORE_WAIT)
    }

    /// Gives the store up, until it answers. Returns what is to be said of it, unless it has said so itself before.
    pub(super) fn give_up(&mut self) -> Option<String> {
        self.given_up = true;
        let silent = self.down.is_none();
        let why = self.down.get_or_insert_with(|| "it has answered nothing for 10 s".into());
        silent.then(|| why.clone())
    }

    /// Whether those who record must wait.
    pub(super) fn pauses(&self) -> bool {
        let (records, bytes) = self.spare;
        let short = self.held_max - self.held < records || self.bytes_max - self.bytes < bytes;
        (self.full || short) && !self.given_up
    }

    /// Records that the store has, and their bytes.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.held, self.bytes)
    }

    /// Refusals that wait to be told at once.
    pub(super) fn refusals(&self) -> usize {
        self.refused.len()
    }

    /// All refusals that wait to be told.
    pub(super) fn refusals_waiting(&self) -> usize {
        self.refused.len() + self.waiting.len() - self.held
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.refused.is_empty()
    }

    /// Nobody will be told any more. Returns of how many records.
    pub(super) fn abandon(&mut self) -> usize {
        (self.held, self.bytes, self.given_up, self.down) = (0, 0, false, None);
        self.waiting.drain(..).count() + self.refused.drain(..).count()
    }

    /// Records of a mount that somebody waits for, counted one by one. For the simulator.
    #[cfg(test)]
    pub(super) fn awaited(&self, mount: MountId) -> usize {
        let all = self.waiting.iter().chain(&self.refused);
        all.filter(|entry| entry.awaited && entry.mount == Some(mount)).count()
    }

    /// What must hold between two calls. For the simulator.
    #[cfg(test)]
    pub(super) fn check(&self) -> Result<(), String> {
        let held: Vec<_> = self.waiting.iter().filter(|entry| entry.refused.is_none()).collect();
        let bytes: usize = held.iter().map(|entry| entry.weight_bytes).sum();
        let bounded = held.len() <= self.held_max && bytes <= self.bytes_max;
        let in_order = self.waiting.iter().is_sorted_by_key(|entry| entry.ticket);
        let led = self.waiting.front().is_none_or(|first| first.refused.is_none());
        let few = self.waiting.len() <= 2 * self.held_max;
        // Who has nothing to answer for has answered.
        let healed = self.held > 0 || !self.given_up && self.down.is_none();
        if (held.len(), bytes) == (self.held, self.bytes) && bounded && in_order && led && few && healed {
            Ok(())
        } else {
            Err(format!("records on their way: {self:?}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MOUNT: MountId = MountId(0);

    fn ledger(records: usize) -> Ledger {
        Ledger::new(&Limits { records, record_bytes: 100, ..Limits::default() })
    }

    /// Records, or is refused.
    fn record(ledger: &mut Ledger, ticket: u64, weight: usize, at: u64) -> Result<(), Refusal> {
        let (ticket, at) = (RecordTicket(ticket), second(at));
        let filed = Filed { mount: MOUNT, ticket, awaited: true };
        let admitted = ledger.admit(weight);
        match admitted {
            Ok(()) => ledger.sent(filed, weight, at),
            Err(why) => ledger.refuse(filed, why, at),
        }
        ledger.check().unwrap();
        admitted
    }

    fn second(second: u64) -> Tick {
        Tick::ZERO + Duration::from_secs(second)
    }

    fn answered(ledger: &mut Ledger, upto: u64) -> Vec<(u64, Option<Refusal>)> {
        let mut told = Vec::new();
        while let Some(entry) = ledger.next_answered(RecordTicket(upto)) {
            told.push((entry.ticket.0, entry.refused));
        }
        ledger.check().unwrap();
        told
    }

    #[test]
    fn answers_come_in_the_order_of_tickets_refusals_included() {
        let mut ledger = ledger(2);
        for ticket in 1..=2 {
            record(&mut ledger, ticket, 10, 0).unwrap();
        }
        assert!(ledger.pauses(), "there is no room for the next");
        assert_eq!(record(&mut ledger, 3, 10, 0), Err(Refusal::Full));
        assert_eq!(answered(&mut ledger, 1), [(1, None)]);
        assert!(!ledger.pauses());
        record(&mut ledger, 4, 10, 0).unwrap();
        assert_eq!(record(&mut ledger, 5, 101, 0), Err(Refusal::TooLarge));
        assert_eq!(answered(&mut ledger, 2), [(2, None), (3, Some(Refusal::Full))]);
        assert_eq!(answered(&mut ledger, 4), [(4, None), (5, Some(Refusal::TooLarge))]);
        assert!(ledger.is_empty());
        assert_eq!(record(&mut ledger, 6, 101, 0), Err(Refusal::TooLarge));
        assert_eq!(ledger.next_refused().map(|entry| entry.ticket.0), Some(6), "nothing is waited for");
    }

    #[test]
    fn bytes_are_counted_until_the_store_answers() {
        let mut ledger = ledger(10);
        record(&mut ledger, 1, 60, 0).unwrap();
        assert_eq!(record(&mut ledger, 2, 41, 0), Err(Refusal::Full));
        assert!(ledger.pauses());
        record(&mut ledger, 3, 40, 0).unwrap();
        assert_eq!(ledger.held(), (2, 100));
        answered(&mut ledger, 1);
        assert_eq!((ledger.held(), ledger.pauses()), ((1, 40), false));
    }

    /// So that nothing is refused that a pause would have saved.
    #[test]
    fn those_who_record_are_paused_while_there_is_room_for_one_more_message() {
        let limits = Limits { records: 32, record_bytes: 40_000, message_bytes: 1_000, ..Limits::default() };
        let most = 1_000 + RECORDS_PER_MESSAGE * RECORD_SPARE_BYTES;
        for weight in [1, 900] {
            let mut full = Ledger::new(&limits);
            let paused_by = (1..).find(|ticket| {
                record(&mut full, *ticket, weight, 0).unwrap();
                full.pauses()
            });
            // Before it is paused, the largest message comes.
            let (mut ledger, paused_by) = (Ledger::new(&limits), paused_by.unwrap());
            for ticket in 1..paused_by {
                record(&mut ledger, ticket, weight, 0).unwrap();
            }
            for ticket in paused_by..paused_by + RECORDS_PER_MESSAGE as u64 {
                record(&mut ledger, ticket, most / RECORDS_PER_MESSAGE, 0).unwrap();
            }
        }
    }

    #[test]
    fn refusals_wait_in_line_up_to_a_bound() {
        let mut ledger = ledger(2);
        for ticket in 1..=5 {
            let _ = record(&mut ledger, ticket, 0, 0);
        }
        assert_eq!((ledger.held().0, ledger.refusals_waiting(), ledger.refusals()), (2, 3, 1));
        assert_eq!(ledger.next_refused().map(|entry| entry.ticket.0), Some(5));
        assert_eq!(ledger.abandon(), 4);
    }

    #[test]
    fn the_time_to_give_up_begins_with_the_oldest_batch_without_an_answer() {
        let mut ledger = ledger(10);
        assert_eq!(ledger.gives_up_at(), None, "nothing is waited for");
        record(&mut ledger, 1, 10, 5).unwrap();
        record(&mut ledger, 2, 10, 9).unwrap();
        assert_eq!(ledger.gives_up_at(), Some(second(15)));
        // With its answer for the first the store turns to the second.
        ledger.answered(second(12));
        answered(&mut ledger, 1);
        assert_eq!(ledger.gives_up_at(), Some(second(22)));
        ledger.answered(second(13));
        answered(&mut ledger, 2);
        assert_eq!(ledger.gives_up_at(), None);
        record(&mut ledger, 3, 10, 100).unwrap();
        assert_eq!(ledger.gives_up_at(), Some(second(110)));
    }

    #[test]
    fn a_store_that_is_given_up_holds_nobody_up_until_it_answers() {
        let mut ledger = ledger(2);
        for ticket in 1..=2 {
            record(&mut ledger, ticket, 10, 0).unwrap();
        }
        ledger.went_down("no room".into());
        assert!(ledger.pauses());
        assert_eq!(ledger.give_up(), None, "it has said so itself");
        assert_eq!((ledger.pauses(), ledger.gives_up_at()), (false, None));
        assert_eq!(record(&mut ledger, 3, 10, 11), Err(Refusal::GivenUp));
        let refused = ledger.next_refused().unwrap();
        assert_eq!(refused.ticket.0, 3, "told at once, ahead of those that the store has");
        assert_eq!(ledger.error(Refusal::GivenUp), StoreError::Down("no room".into()));
        assert!(ledger.answered(second(50)));
        assert_eq!(answered(&mut ledger, 2).len(), 2);
        record(&mut ledger, 4, 10, 60).unwrap();
        assert!(!ledger.answered(second(61)), "it was up already");
        // One that says nothing is spoken for.
        assert_eq!(ledger.give_up().as_deref(), Some("it has answered nothing for 10 s"));
    }
}
