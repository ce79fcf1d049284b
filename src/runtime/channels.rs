//! The engine's ways out: to the host and to the store.

use super::{outlet::EventsSender, recorder::RecordSender};
use crate::{
    contracts::store::record::Record,
    engine::{event::Event, ports::Ports},
    ground::{
        limits::{EVENT_LINGER, EVENTS_PER_WAKE, EVENTS_RESERVED},
        time::Tick,
    },
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
    /// Events that are not in the queue yet: a host that waits is woken behind a turn's writes, and once for many.
    told: Vec<Event>,
    /// When events may be handed over again, so that a busy time does not wake the host for each.
    rested: Tick,
    /// One of those told is not to wait: a client does.
    pressing: bool,
    /// Room was wanted and is there already: the next turn must not wait.
    pub(super) again: bool,
}

impl Channels {
    pub(crate) fn new(
        events: Option<(EventsSender<Event>, Arc<EventBytes>)>,
        records: Option<RecordSender>,
    ) -> Self {
        Self { events, records, told: Vec::new(), rested: Tick::ZERO, pressing: false, again: false }
    }

    /// Hands over what was told, if that is due at the end of this turn.
    pub(super) fn settle(&mut self, now: Tick) {
        if self.told.is_empty() || !(self.pressing || self.rested <= now) {
            return;
        }
        self.rested = now + EVENT_LINGER;
        self.flush();
    }

    /// When something is due to be handed over.
    pub(super) fn due(&self) -> Option<Tick> {
        (!self.told.is_empty()).then_some(self.rested)
    }

    /// Hands over what was told, now.
    pub(super) fn flush(&mut self) {
        self.pressing = false;
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
        self.pressing |= matches!(event, Event::Asked { .. });
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

    fn send_record(&mut self, record: Record) -> bool {
        self.records.as_mut().is_some_and(|records| records.send(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ground::id::ConnId,
        runtime::{
            mailbox::Wake,
            outlet::{EventsReceiver, outlet},
        },
        wire::{owned::OwnedRequest, request::Method},
    };

    fn channels() -> (Channels, EventsReceiver<Event>, mio::Poll) {
        let poll = mio::Poll::new().unwrap();
        let wake = Wake::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let (tx, rx) = outlet(4 * EVENTS_RESERVED, wake);
        (Channels::new(Some((tx, Arc::new(EventBytes::new(1 << 20)))), None), rx, poll)
    }

    fn told(events: &EventsReceiver<Event>) -> usize {
        std::iter::from_fn(|| events.try_recv().ok()).count()
    }

    fn tell(channels: &mut Channels) {
        channels.send_event(Event::Store { up: true, why: String::new() }).unwrap();
    }

    #[test]
    fn the_first_event_goes_at_once_and_those_behind_it_together() {
        let (mut channels, events, _poll) = channels();
        let begin = Tick::ZERO + EVENT_LINGER;
        tell(&mut channels);
        assert_eq!(told(&events), 0, "behind the writes of its turn");
        channels.settle(begin);
        assert_eq!((told(&events), channels.due()), (1, None));
        for _ in 0..3 {
            tell(&mut channels);
            channels.settle(begin + EVENT_LINGER / 2);
        }
        assert_eq!((told(&events), channels.due()), (0, Some(begin + EVENT_LINGER)));
        channels.settle(begin + EVENT_LINGER);
        assert_eq!((told(&events), channels.due()), (3, None));
        tell(&mut channels);
        channels.settle(begin + 2 * EVENT_LINGER);
        assert_eq!(told(&events), 1, "nothing was told for a while");
    }

    #[test]
    fn many_events_go_ahead_and_a_question_takes_along_what_was_told_before() {
        let (mut channels, events, _poll) = channels();
        channels.settle(Tick::ZERO);
        tell(&mut channels);
        channels.settle(Tick::ZERO);
        assert_eq!(told(&events), 1);
        (0..EVENTS_PER_WAKE).for_each(|_| tell(&mut channels));
        assert_eq!(told(&events), EVENTS_PER_WAKE);
        tell(&mut channels);
        channels
            .send_event(Event::Asked {
                conn: ConnId::new(1, 1),
                mount: None,
                request: Box::new(OwnedRequest::new(Method::Get, "/")),
            })
            .unwrap();
        channels.settle(Tick::ZERO);
        assert_eq!((told(&events), channels.due()), (2, None), "a client waits for the answer");
        tell(&mut channels);
        channels.settle(Tick::ZERO);
        assert_eq!(told(&events), 0, "and what comes next does not press");
        channels.want_event_room();
        assert_eq!(told(&events), 1, "the host is to make room");
    }
}
