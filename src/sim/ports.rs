//! The simulated host's outlet and the simulated store.

use crate::{
    contracts::store::{
        StoreError,
        record::{Record, RecordBody},
    },
    engine::{event::Event, ports::Ports},
    ground::{
        id::RecordTicket,
        limits::{EVENTS_RESERVED, Limits},
    },
};
use std::collections::{HashSet, VecDeque};

/// What the recorder tells of the store.
#[derive(Debug)]
pub(super) enum Report {
    Down(String),
    Verdict(RecordTicket, Result<(), StoreError>),
}

/// The first byte of a record that the store can never take.
pub(super) const POISON: u8 = 0xdd;

/// See the module.
#[derive(Debug)]
pub(super) struct SimPorts {
    events: VecDeque<Event>,
    events_max: usize,
    /// The room at which the loop is woken when it asked for some.
    wake_at: usize,
    wanted: bool,
    /// The host has taken an event since it was last woken.
    taken: bool,
    records: VecDeque<Record>,
    records_max: usize,
    record_bytes_max: usize,
}

impl SimPorts {
    pub(super) fn new(rng: &mut fastrand::Rng, limits: &Limits) -> Self {
        Self {
            events: VecDeque::new(),
            events_max: EVENTS_RESERVED + rng.usize(2..60),
            wake_at: if rng.bool() { 1 } else { EVENTS_RESERVED + 1 },
            wanted: false,
            taken: false,
            records: VecDeque::new(),
            records_max: limits.records,
            record_bytes_max: limits.record_bytes,
        }
    }

    /// The host takes an event.
    pub(super) fn take_event(&mut self) -> Option<Event> {
        self.taken = true;
        self.events.pop_front()
    }

    /// Whether the engine asked to be run when room returns, and it has. Asks no more then.
    pub(super) fn take_wake_up(&mut self) -> bool {
        let due = self.wake_up_due();
        self.wanted &= !due;
        self.taken &= !due;
        due
    }

    pub(super) fn wake_up_due(&self) -> bool {
        // Waking early is allowed, over and over for nothing is not.
        let enough = if self.taken { self.wake_at } else { EVENTS_RESERVED + 1 };
        self.wanted && self.event_room() >= enough
    }

    /// The store deals with up to `max` records: all of them, or, if one is poison, each by itself. `committed` learns of those it keeps.
    pub(super) fn commit(&mut self, max: usize, committed: &mut HashSet<RecordTicket>) -> Vec<Report> {
        let n = max.min(self.records.len());
        let batch: Vec<_> = self.records.drain(..n).collect();
        let is_poison = |record: &Record| matches!(&record.body, RecordBody::Custom { payload, .. } if payload.first() == Some(&POISON));
        let judge = |record: &Record| match is_poison(record) {
            true => Err(StoreError::Rejected("poison".into())),
            false => Ok(()),
        };
        committed.extend(batch.iter().filter(|record| !is_poison(record)).map(|record| record.ticket));
        match batch.last() {
            Some(last) if !batch.iter().any(is_poison) => vec![Report::Verdict(last.ticket, Ok(()))],
            _ => batch.iter().map(|record| Report::Verdict(record.ticket, judge(record))).collect(),
        }
    }

    /// The store takes up to `max` records out of the queue.
    #[cfg(feature = "contracts")]
    pub(super) fn take_records(&mut self, max: usize) -> Vec<Record> {
        let n = max.min(self.records.len());
        self.records.drain(..n).collect()
    }

    /// Whether the store has something to answer for.
    pub(super) fn has_records(&self) -> bool {
        !self.records.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.records.is_empty()
    }
}

impl Ports for SimPorts {
    fn event_room(&self) -> usize {
        self.events_max - self.events.len()
    }

    fn send_event(&mut self, event: Event) -> Result<(), Event> {
        if self.event_room() == 0 {
            return Err(event);
        }
        self.events.push_back(event);
        Ok(())
    }

    fn want_event_room(&mut self) {
        self.wanted = true;
    }

    fn send_record(&mut self, record: Record, weight_bytes: usize) -> bool {
        assert_eq!(weight_bytes, record.weight_bytes(), "the recorder counts what it is told");
        self.records.push_back(record);
        let held: usize = self.records.iter().map(Record::weight_bytes).sum();
        assert!(self.records.len() <= self.records_max && held <= self.record_bytes_max, "too many records");
        true
    }
}
