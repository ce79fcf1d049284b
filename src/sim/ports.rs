//! The simulated host's outlet and the simulated store.

use crate::{
    contracts::store::{Record, StoreError},
    engine::{event::Event, ports::Ports},
    ground::{
        id::{MountId, RecordTicket},
        limits::{EVENTS_RESERVED, Limits},
    },
};
use std::collections::VecDeque;

/// What became of a batch of records.
pub(super) type Outcome = (Vec<(MountId, RecordTicket)>, Result<(), StoreError>);

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

    /// The store deals with up to `max` records: all of them or none.
    pub(super) fn commit(&mut self, max: usize, refuse: bool) -> Option<Outcome> {
        let n = max.min(self.records.len());
        let batch: Vec<_> = self.records.drain(..n).map(|record| (record.mount, record.ticket)).collect();
        let result = if refuse { Err(StoreError::Rejected("no".into())) } else { Ok(()) };
        (!batch.is_empty()).then_some((batch, result))
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

    fn record_fits(&self, weight_bytes: usize) -> bool {
        let held: usize = self.records.iter().map(Record::weight_bytes).sum();
        self.records.len() < self.records_max && held + weight_bytes <= self.record_bytes_max
    }

    fn send_record(&mut self, record: Record) -> Result<(), Record> {
        if !self.record_fits(record.weight_bytes()) {
            return Err(record);
        }
        self.records.push_back(record);
        Ok(())
    }
}
