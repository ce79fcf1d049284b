//! Events on their way to the host, by class.

use super::{event::Event, ports::Ports};
use crate::ground::{
    counters::Stats,
    id::MountId,
    limits::{BACKLOG_BYTES_PER_CONNECTION, EVENTS_RESERVED, Limits, STATE_KEYS_MAX},
};
use std::collections::{HashMap, VecDeque, hash_map::Entry};

/// What a state event is about: a newer one of the same key replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum StateKey {
    /// A connection in this slot has opened, which the host has not heard; so that there are no more keys than slots.
    Opened(u32),
    /// The connection in this slot that the host has heard of has closed.
    Closed(u32),
    Contract(MountId, u64),
    Mount(MountId),
    Store,
}

/// Events that found no room yet.
#[derive(Debug)]
pub(crate) struct Outbound {
    /// Lossless ones, with the slot that is held for them. Only what could not be prevented by pausing gets here.
    backlog: VecDeque<(Event, Option<u32>)>,
    /// What they weigh. Invariant: `bytes <= bytes_max`.
    bytes: usize,
    bytes_max: usize,
    /// State events, with the keys in the order in which they began to wait.
    /// A place without an event is that of one that has come to nothing.
    pending: HashMap<StateKey, Option<Event>>,
    order: VecDeque<StateKey>,
    contract_keys: usize,
}

/// What an event in the backlog weighs: itself, and its place in a table that grows by doubling.
fn weight(event: &Event) -> usize {
    event.weight_bytes() + 3 * size_of::<(Event, Option<u32>)>()
}

impl Outbound {
    /// Bytes that the backlog may take.
    pub(crate) fn backlog_max(limits: &Limits) -> usize {
        limits
            .event_bytes
            .saturating_add(limits.connections_max().saturating_mul(BACKLOG_BYTES_PER_CONNECTION))
    }

    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            backlog: VecDeque::new(),
            bytes: 0,
            bytes_max: Self::backlog_max(limits),
            pending: HashMap::new(),
            order: VecDeque::new(),
            contract_keys: 0,
        }
    }

    /// Lossless events that wait, and their bytes.
    pub(crate) fn backlog(&self) -> (usize, usize) {
        (self.backlog.len(), self.bytes)
    }

    /// Whether connections that feed lossless events must not be read.
    pub(crate) fn is_blocked(&self, ports: &impl Ports) -> bool {
        !self.backlog.is_empty() || ports.event_room() < EVENTS_RESERVED
    }

    /// Whether an event waits that must arrive.
    pub(crate) fn has_lossless(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Nobody will hear of what still waits. Calls `freed` as [`drain`](Self::drain) does.
    pub(crate) fn abandon(&mut self, stats: &mut Stats, freed: impl FnMut(u32)) {
        let states = self.pending.drain().filter(|(_, event)| event.is_some()).count();
        stats.events_dropped += (self.backlog.len() + states) as u64;
        self.backlog.drain(..).filter_map(|(_, held)| held).for_each(freed);
        self.order.clear();
        (self.bytes, self.contract_keys) = (0, 0);
    }

    pub(crate) fn waits(&self) -> bool {
        !self.backlog.is_empty() || !self.order.is_empty()
    }

    /// An event that must arrive. `held`: the slot of the connection whose end it is. True when it waits, and the slot with it. Beyond the bound of
    /// what may wait it is dropped, and counted.
    pub(crate) fn lossless(
        &mut self,
        ports: &mut impl Ports,
        stats: &mut Stats,
        event: Event,
        held: Option<u32>,
    ) -> bool {
        let event = if self.backlog.is_empty() {
            match ports.send_event(event) {
                Ok(()) => {
                    stats.events += 1;
                    return false;
                }
                Err(event) => event,
            }
        } else {
            event
        };
        if self.bytes + weight(&event) > self.bytes_max {
            // Where the pausing of connections does not help, a contract says too much at once.
            log::error!("too many lossless events wait for the host: one is dropped");
            stats.events_dropped += 1;
            return false;
        }
        self.bytes += weight(&event);
        self.backlog.push_back((event, held));
        true
    }

    /// An event of which only the newest counts.
    pub(crate) fn state(&mut self, ports: &mut impl Ports, stats: &mut Stats, key: StateKey, event: Event) {
        let contract = matches!(key, StateKey::Contract(..));
        match self.pending.entry(key) {
            Entry::Occupied(mut entry) => {
                stats.events_conflated += u64::from(entry.insert(Some(event)).is_some());
            }
            Entry::Vacant(entry) => {
                // Not ahead of those that wait, which may be about the same connection.
                let event = if self.order.is_empty() && ports.event_room() > EVENTS_RESERVED {
                    match ports.send_event(event) {
                        Ok(()) => {
                            stats.events += 1;
                            return;
                        }
                        Err(event) => event,
                    }
                } else {
                    event
                };
                if contract && self.contract_keys >= STATE_KEYS_MAX {
                    stats.notices_dropped += 1;
                    return;
                }
                self.contract_keys += usize::from(contract);
                entry.insert(Some(event));
                self.order.push_back(key);
                ports.want_event_room();
            }
        }
    }

    /// A connection in this slot has closed. Where the host has not heard that it opened, it hears of neither; the close of a connection it knows of always
    /// reaches it.
    pub(crate) fn closed(&mut self, ports: &mut impl Ports, stats: &mut Stats, slot: u32, event: Event) {
        match self.pending.get_mut(&StateKey::Opened(slot)) {
            Some(opened @ Some(_)) => {
                *opened = None;
                stats.events_conflated += 2;
            }
            _ => self.state(ports, stats, StateKey::Closed(slot), event),
        }
    }

    /// An event that may be lost. False when it was.
    pub(crate) fn notice(&mut self, ports: &mut impl Ports, stats: &mut Stats, event: Event) -> bool {
        let sent = ports.event_room() > EVENTS_RESERVED && ports.send_event(event).is_ok();
        if sent {
            stats.events += 1;
        } else {
            stats.notices_dropped += 1;
        }
        sent
    }

    /// Hands over what there is room for, and calls `freed` with each slot that was held for an event.
    pub(crate) fn drain(&mut self, ports: &mut impl Ports, stats: &mut Stats, mut freed: impl FnMut(u32)) {
        while let Some((event, held)) = self.backlog.pop_front() {
            let weight = weight(&event);
            match ports.send_event(event) {
                Ok(()) => {
                    stats.events += 1;
                    self.bytes -= weight;
                    if let Some(slot) = held {
                        freed(slot);
                    }
                }
                Err(event) => {
                    self.backlog.push_front((event, held));
                    break;
                }
            }
        }
        while ports.event_room() > EVENTS_RESERVED
            && let Some(key) = self.order.pop_front()
        {
            let Some(Some(event)) = self.pending.remove(&key) else { continue };
            match ports.send_event(event) {
                Ok(()) => {
                    stats.events += 1;
                    self.contract_keys -= usize::from(matches!(key, StateKey::Contract(..)));
                }
                Err(event) => {
                    self.pending.insert(key, Some(event));
                    self.order.push_front(key);
                    break;
                }
            }
        }
        if self.waits() {
            ports.want_event_room();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{effects::EventClass, store::record::Record};

    /// A host that takes so many events and no more.
    struct Host(usize);

    impl Ports for Host {
        fn event_room(&self) -> usize {
            self.0
        }
        fn send_event(&mut self, event: Event) -> Result<(), Event> {
            self.0 = self.0.checked_sub(1).ok_or(event)?;
            Ok(())
        }
        fn want_event_room(&mut self) {}
        fn send_record(&mut self, _: Record, _: usize) -> bool {
            false
        }
    }

    #[test]
    fn the_backlog_of_lossless_events_has_a_bound() {
        let limits = Limits { event_bytes: 10_000, connections: Some(4), ..Limits::default() };
        let (mut outbound, mut host, mut stats) = (Outbound::new(&limits), Host(1), Stats::default());
        let event = || Event::Contract {
            mount: MountId(0),
            class: EventClass::Lossless,
            key: 0,
            about: None,
            body: "x".repeat(200).into(),
        };
        assert!(!outbound.lossless(&mut host, &mut stats, event(), None), "there was room for one");
        let fit = (10_000 + 4 * BACKLOG_BYTES_PER_CONNECTION) / weight(&event());
        for n in 0..fit + 2 {
            assert_eq!(outbound.lossless(&mut host, &mut stats, event(), Some(n as u32)), n < fit);
        }
        assert_eq!((outbound.backlog().0, stats.events_dropped), (fit, 2));
        host.0 = usize::MAX;
        let mut freed = 0;
        outbound.drain(&mut host, &mut stats, |_| freed += 1);
        assert_eq!((freed, outbound.backlog()), (fit, (0, 0)), "there is room again");
        assert_eq!(stats.events, 1 + fit as u64);
    }
}
