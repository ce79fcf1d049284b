//! What the host and the store cannot take at once: who waits for them, and how long.

use super::{
    Engine, StateKey,
    event::{Event, EventMask, RefusalCause},
    ports::Ports,
    queue,
    transport::Transport,
};
use crate::ground::{id::MountId, limits::RESUMES_PER_TURN};
use core::net::SocketAddr;
use std::mem;

impl<T: Transport, P: Ports> Engine<T, P> {
    pub(super) fn state_event(&mut self, key: StateKey, event: Event) {
        #[cfg(feature = "board")]
        if let Event::Store { up, .. } = &event {
            self.feeds.store(*up);
        }
        let wanted = match event {
            Event::Opened { .. } => EventMask::CONNECTIONS,
            Event::Contract { .. } => EventMask::CONTRACTS,
            _ => EventMask::HEALTH,
        };
        if self.settings_events.contains(wanted) {
            self.outbound.state(&mut self.ports, &mut self.stats, key, event);
        }
    }

    pub(super) fn count_refusal(&mut self, cause: RefusalCause, mount: Option<MountId>, peer: SocketAddr) {
        match cause {
            RefusalCause::Connections => self.stats.refused_connections += 1,
            RefusalCause::Address => self.stats.refused_address += 1,
            RefusalCause::Mount => self.stats.refused_mount += 1,
            RefusalCause::Parked => self.stats.refused_parked += 1,
            RefusalCause::Host => self.stats.refused_host += 1,
            RefusalCause::Origin => self.stats.refused_origin += 1,
            RefusalCause::Stopping => self.stats.refused_stopping += 1,
            // Counted by the status of the answer.
            RefusalCause::Gate | RefusalCause::Contract => {}
        }
        if self.settings_events.contains(EventMask::REFUSALS) {
            self.outbound.notice(&mut self.ports, &mut self.stats, Event::Refused { cause, mount, peer });
        }
    }

    pub(super) fn drain_events(&mut self) {
        if self.outbound.waits() {
            let mut freed = Vec::new();
            self.outbound.drain(&mut self.ports, &mut self.stats, |slot| freed.push(slot));
            self.release(freed);
        }
    }

    /// Events that held these slots hold them no longer.
    pub(super) fn release(&mut self, slots: Vec<u32>) {
        for slot in slots {
            if let Some(peer) = self.peers.at_mut(slot) {
                peer.held_events = peer.held_events.saturating_sub(1);
            }
            self.free_if_done(slot);
        }
    }

    /// Whether what could tell the host something lossless must wait.
    pub(super) fn feeding_is_blocked(&self) -> bool {
        self.settings_events.contains(EventMask::CONTRACTS)
            && self.mounts.iter().any(|mount| mount.feeds_host)
            && self.outbound.is_blocked(&self.ports)
    }

    /// Whether this mount has told the host what may not be lost, and the host must read first.
    pub(super) fn awaits_host(&self, mount: MountId) -> bool {
        self.mounts[mount.index()].feeds_host && self.outbound.is_blocked(&self.ports)
    }

    /// Whether connections of this mount must not be read for now, and its contract not be told what can wait.
    pub(super) fn must_pause(&self, mount: MountId) -> bool {
        self.awaits_host(mount) || self.awaits_word(mount) || self.awaits_store(mount)
    }

    /// Whether this mount records, and there is no room for that until the store answers, or is given up.
    pub(super) fn awaits_store(&self, mount: MountId) -> bool {
        self.mounts[mount.index()].feeds_store && self.ledger.pauses()
    }

    /// Whether connections may be read that have waited for their mount.
    pub(super) fn may_resume(&self) -> bool {
        self.mounts
            .iter()
            .enumerate()
            .any(|(index, mount)| !mount.paused.is_empty() && !self.must_pause(MountId(index as u16)))
    }

    /// All mounts, each turn beginning with another, so that nobody who has much waiting keeps the others waiting.
    pub(super) fn mounts_in_turn(&self) -> impl Iterator<Item = MountId> + use<T, P> {
        let (count, first) = (self.mounts.len(), self.stats.turns as usize);
        (0..count).map(move |nth| MountId(((first + nth) % count) as u16))
    }

    /// Has connections read again whose mounts need not wait any more, a turn's worth of them.
    pub(super) fn resume_paused(&mut self) {
        self.watch_store();
        let mut left = RESUMES_PER_TURN;
        for mount in self.mounts_in_turn() {
            while left > 0
                && !self.mounts[mount.index()].paused.is_empty()
                && !self.must_pause(mount)
                && let Some(id) = self.mounts[mount.index()].paused.pop_front()
            {
                left -= 1;
                if self.peers.get(id).is_some()
                    && let Some(peer) = self.peers.at_mut(id.slot)
                    && mem::take(&mut peer.paused)
                {
                    self.listen_again(id.slot);
                }
            }
        }
        let waits = self.mounts.iter().any(|mount| !mount.paused.is_empty());
        if waits && self.outbound.is_blocked(&self.ports) {
            self.ports.want_event_room();
        }
    }

    /// An open connection that is not read has perhaps left: then it is given so long to be read once more, and its slot is free.
    pub(super) fn mourn(&mut self, slot: u32) {
        if let Some(peer) = self.peers.at(slot)
            && peer.is_open()
            && peer.hung_up
            && self.deadlines.queue_of(slot) != Some(queue::CLOSE)
        {
            self.deadlines.set(queue::CLOSE, slot, self.now.tick + self.close_wait());
        }
    }

    /// An open connection that was not read for a while may be read again, if nothing else keeps it from that.
    pub(super) fn listen_again(&mut self, slot: u32) {
        let Some(peer) = self.peers.at_mut(slot).filter(|peer| !peer.paused && !peer.choked) else { return };
        // It was we who did not listen: an answer may be waiting.
        peer.unanswered = false;
        if peer.is_open() && self.deadlines.queue_of(slot) == Some(queue::CLOSE) {
            self.await_ping(slot);
        }
        self.mark_ready(slot);
    }

    /// A store that has not answered for too long is given up.
    fn watch_store(&mut self) {
        if self.ledger.gives_up_at().is_some_and(|at| at <= self.now.tick)
            && let Some(why) = self.ledger.give_up()
        {
            self.state_event(StateKey::Store, Event::Store { up: false, why });
        }
    }
}
