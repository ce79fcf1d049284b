//! What must hold inside the engine between two turns, for the simulator.

use super::{
    Engine,
    command::Command,
    peer::{Phase, SubRef},
    ports::Ports,
    queue,
    transport::Transport,
};
use crate::{
    contracts::effects::Op,
    ground::{id::MountId, limits::EFFECTS_KEPT_BYTES},
};
use std::collections::HashMap;

type Check = Result<(), String>;

impl<T: Transport, P: Ports> Engine<T, P> {
    /// Whether all that is counted twice agrees. Says what does not.
    pub(crate) fn check(&self) -> Check {
        let mut holders = 0;
        let (mut partial, mut outbox, mut admitted, mut parked, mut live) = (0, 0, 0, 0, 0);
        let mut addresses = HashMap::new();
        let mut mounts = vec![0; self.mounts.len()];
        for (index, mount) in self.mounts.iter().enumerate() {
            let awaited = self.ledger.awaited(MountId(index as u16));
            if mount.awaited != awaited {
                return Err(format!(
                    "{mount:?} waits for {} records, and {awaited} are on their way",
                    mount.awaited
                ));
            }
        }
        for (slot, peer) in self.peers.iter() {
            let fail = |what: String| Err(format!("{}: {what} in {:?}", peer.id, peer.phase));
            partial += peer.charged;
            outbox += peer.outbox_len();
            if peer.transport.is_some() {
                live += 1;
                if peer.refused.is_none() {
                    admitted += 1;
                    *addresses.entry(peer.addr.ip()).or_insert(0) += 1;
                }
            }
            parked += usize::from(matches!(peer.phase, Phase::Parked(_)));
            if let Some(mount) = peer.mount() {
                mounts[mount.index()] += 1;
            }
            let queue = self.deadlines.queue_of(slot);
            let fits = match peer.phase {
                Phase::Head(_) => {
                    matches!(queue, Some(queue::HANDSHAKE | queue::KEEP_ALIVE))
                        || (queue == Some(queue::CLOSE) && (peer.refused.is_some() || self.stopping))
                }
                Phase::Body(..) => queue == Some(queue::HANDSHAKE),
                Phase::Parked(_) => queue == Some(queue::PARKED),
                // It has left, and nobody reads it.
                Phase::Open(..) if peer.hung_up && (peer.paused || peer.choked) => {
                    queue == Some(queue::CLOSE)
                }
                Phase::Open(..) if self.limits.ping_interval.is_none() => queue.is_none(),
                Phase::Open(..) => matches!(queue, Some(queue::PING | queue::PONG)),
                Phase::Answering(_) | Phase::Closing { .. } | Phase::Draining { .. } => {
                    queue == Some(queue::CLOSE)
                }
                Phase::Over => queue.is_none(),
            };
            if !fits {
                return fail(format!("deadline queue {queue:?}"));
            }
            // The other way round, a list may still name the slot of a predecessor: that entry costs a look, and is gone by the next turn.
            if peer.in_ready && !self.ready.contains(&slot) || peer.in_dirty && !self.dirty.contains(&slot) {
                return fail("its flags do not say on which lists it stands".into());
            }
            let listed = |mount: MountId| self.mounts[mount.index()].paused.contains(&peer.id);
            if peer.paused && !peer.mount().is_some_and(listed) {
                return fail("paused, and on no list".into());
            }
            if peer.charged > 0 && !self.holders.contains(&(peer.charged, slot)) {
                return fail("holds partial bytes, and is not listed".into());
            }
            holders += usize::from(peer.charged > 0);
            if matches!(peer.phase, Phase::Over) && (peer.transport.is_some() || peer.held_events == 0) {
                return fail("a slot leaked".into());
            }
            if peer.outbox.as_ref().is_some_and(|outbox| outbox.is_empty()) {
                return fail("an empty outbox is kept".into());
            }
            let unsent = peer.transport.as_ref().is_some_and(|transport| transport.unsent() > 0);
            let waits = unsent || (peer.outbox.is_some() && peer.transport.is_some());
            if waits && !peer.blocked && !peer.in_dirty {
                return fail("something is owed to it, and nobody will write it".into());
            }
            let holds = self.holds(slot);
            if holds != peer.charged {
                return fail(format!("holds {holds} partial bytes and is charged {}", peer.charged));
            }
            for (nth, sub) in peer.subs.as_slice().iter().enumerate() {
                let topic = self.board.at_ref(sub.topic);
                let subscriber = topic.subscribers.get(sub.index as usize);
                if subscriber.is_none_or(|subscriber| subscriber.conn != slot) {
                    return fail(format!("subscription {nth} points at somebody else"));
                }
                let Some(subscriber) = subscriber else { continue };
                let owed = !subscriber.cursor.is_caught_up(&topic.log);
                let visited = topic.in_pass() || peer.blocked || peer.in_dirty;
                if owed && !visited && !matches!(peer.phase, Phase::Closing { .. }) {
                    return fail(format!("it is behind on {}, and nobody will write it", topic.id));
                }
            }
        }
        for topic in self.board.topics() {
            for (index, subscriber) in topic.subscribers.iter().enumerate() {
                let sub = SubRef { topic: topic.id.slot, index: index as u32 };
                let knows = |slot| self.peers.at(slot).is_some_and(|p| p.subs.as_slice().contains(&sub));
                if !knows(subscriber.conn) {
                    return Err(format!("{}: subscriber {index} does not know of it", topic.id));
                }
            }
        }
        let counted: Vec<_> = self.mounts.iter().map(|mount| mount.connections).collect();
        let pairs = [
            ("partial bytes", partial, self.partial_total),
            ("holders of partial bytes", holders, self.holders.len()),
            ("outbox bytes", outbox, self.outbox_total),
            ("admitted", admitted, self.admitted),
            ("parked", parked, self.parked),
            ("connections", live, self.stats.connections as usize),
        ];
        for (what, is, counted) in pairs {
            if is != counted {
                return Err(format!("{what}: there are {is}, counted are {counted}"));
            }
        }
        if counted != mounts || addresses != self.addresses {
            return Err(format!("connections of mounts {mounts:?} {counted:?}, of addresses {addresses:?}"));
        }
        if self.fx.ops.capacity() * size_of::<Op>() > EFFECTS_KEPT_BYTES {
            return Err("the memory of a burst of effects is kept".into());
        }
        let gone = |paused: usize| paused > 2 * self.peers.extent() + 1;
        if self.mounts.iter().any(|mount| gone(mount.paused.len())) {
            return Err("those who were paused and have left are still listed".into());
        }
        let held: usize = self.mounts.iter().map(|mount| mount.held.len()).sum();
        let bytes: usize = self.mounts.iter().flat_map(|mount| &mount.held).map(Command::weight_bytes).sum();
        if (held, bytes) != (self.held.commands, self.held.bytes) {
            return Err(format!("{held} commands of {bytes} bytes are held, counted are {:?}", self.held));
        }
        if !self.farewells.is_empty() || !self.broken.is_empty() {
            return Err("something is left to tidy".into());
        }
        self.ledger.check()?;
        let rests = self.peers.iter().filter_map(|(_, peer)| peer.outbox.as_ref()?.rest());
        self.board.check(rests)
    }

    /// Whether commands wait for this mount.
    pub(crate) fn holds_for(&self, mount: MountId) -> bool {
        !self.mounts[mount.index()].held.is_empty()
    }

    fn holds(&self, slot: u32) -> usize {
        let Some(peer) = self.peers.at(slot) else { return 0 };
        let in_phase = match &peer.phase {
            Phase::Open(_, receiver) => receiver.held_bytes(),
            Phase::Body(pending, _) | Phase::Parked(pending) => {
                pending.head.capacity() + pending.body.capacity()
            }
            _ => 0,
        };
        peer.partial.capacity() + in_phase
    }

    /// Whether, after a long time in which nothing happened, nobody is left but those who may stay for ever.
    pub(crate) fn check_rest(&self) -> Check {
        for (_, peer) in self.peers.iter() {
            let stays = matches!(peer.phase, Phase::Open(..));
            if !stays {
                return Err(format!("{} is still there after a long rest: {:?}", peer.id, peer.phase));
            }
        }
        Ok(())
    }
}
