//! The engine's ways out: to the host and to the store.

use super::{outlet::EventsSender, recorder::RecordSender};
use crate::{
    contracts::store::record::Record,
    engine::{event::Event, ports::Ports},
    ground::limits::{EVENTS_PER_WAKE, EVENTS_RESERVED},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

/// Bytes of events on their way to the host.
#[derive(Debug)]
pub(crate) struct EventBytes {
    held: AtomicUsize,
    max: usize,
    /// The loop waits for bytes to return.
    wanted: AtomicBool,
}

impl EventBytes {
    pub(crate) fn new(max: usize) -> Self {
        Self { held: AtomicUsize::new(0), max, wanted: AtomicBool::new(false) }
    }

    /// The host took an event. True when the loop waits for that.
    pub(crate) fn taken(&self, bytes: usize) -> bool {
        self.held.fetch_sub(bytes, SeqCst);
        // SeqCst on both sides: either the loop's second look sees the bytes returned, or this sees that it waits.
        self.wanted.load(SeqCst) && self.wanted.swap(false, SeqCst)
    }

    fn is_full(&self) -> bool {
        self.held.load(SeqCst) >= self.max
    }
}

/// The engine's outlets, made of channels.
pub(crate) struct Channels {
    pub(crate) events: Option<(EventsSender<Event>, Arc<EventBytes>)>,
    pub(crate) records: Option<RecordSender>,
    /// Events of this turn that are not in the queue yet: a host that waits is woken behind the turn's writes, and once for many.
    told: Vec<Event>,
    /// Room was wanted and is there already: the next turn must not wait.
    pub(super) again: bool,
}

impl Channels {
    pub(crate) fn new(
        events: Option<(EventsSender<Event>, Arc<EventBytes>)>,
        records: Option<RecordSender>,
    ) -> Self {
        Self { events, records, told: Vec::new(), again: false }
    }

    /// Hands over what was told since the last time.
    pub(super) fn flush(&mut self) {
        let Some((events, bytes)) = &mut self.events else { return };
        for event in self.told.drain(..) {
            // There was room, and only the loop takes room away; or the host has gone, and wants none of it.
            if let Err(untold) = events.try_send(event) {
                bytes.held.fetch_sub(untold.weight_bytes(), SeqCst);
            }
        }
    }
}

impl Ports for Channels {
    fn event_room(&self) -> usize {
        match &self.events {
            Some((events, bytes)) if events.host_gone() || !bytes.is_full() => {
                events.room().saturating_sub(self.told.len())
            }
            Some(_) => 0,
            None => usize::MAX,
        }
    }

    fn send_event(&mut self, event: Event) -> Result<(), Event> {
        let Some((events, bytes)) = &mut self.events else { return Ok(()) };
        if events.host_gone() {
            // Whoever gave the queue away wants no events, lossless or not.
            return Ok(());
        }
        if bytes.is_full() || events.room() <= self.told.len() {
            return Err(event);
        }
        bytes.held.fetch_add(event.weight_bytes(), SeqCst);
        self.told.push(event);
        if self.told.len() >= EVENTS_PER_WAKE {
            self.flush();
        }
        Ok(())
    }

    fn want_event_room(&mut self) {
        // What is told may be what the host takes to make room.
        self.flush();
        let Some((events, bytes)) = &mut self.events else { return };
        // Woken when there is a fair amount of room, rather than for each event taken.
        if events.await_room(2 * EVENTS_RESERVED) {
            if !bytes.is_full() {
                self.again = true;
                return;
            }
            bytes.wanted.store(true, SeqCst);
            if !bytes.is_full() {
                self.again = true;
            }
        }
    }

    fn send_record(&mut self, record: Record, weight_bytes: usize) -> bool {
        self.records.as_mut().is_some_and(|records| records.send(record, weight_bytes))
    }
}
