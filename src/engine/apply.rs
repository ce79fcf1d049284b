//! Effects and commands, carried out.

use super::{
    Engine, StateKey,
    command::Command,
    event::{Event, EventMask},
    peer::{Peer, SubRef},
    ports::Ports,
    settings::Mount,
    transport::Transport,
};
use crate::{
    contracts::{
        contract::{Contract, SnapshotMessages},
        effects::{EventClass, Lane, Op},
        store::record::Record,
        told::EventBody,
    },
    ground::{
        close::{CloseCause, CloseCode},
        foreign,
        frame::{Header, Message},
        id::{ConnId, MountId, TopicId},
        limits::EFFECTS_KEPT_BYTES,
        time::Now,
    },
    hub::{
        board::{Parting, Publication, SnapshotMaker, Unpublished},
        topic::{Placing, Topic},
    },
};
use std::{mem, ops::Range, sync::Arc};

/// Asks the contract that owns a topic for its snapshot.
struct Maker<'a> {
    mounts: &'a mut [Mount],
    owners: &'a [Option<MountId>],
    broken: &'a mut Vec<MountId>,
    panics: u64,
    now: Now,
}

impl SnapshotMaker for Maker<'_> {
    fn make(&mut self, topic: TopicId, placing: Placing) -> Vec<u8> {
        self.ask(topic, |contract, now, out| contract.snapshot(now, topic, placing, out))
    }

    fn gap(&mut self, topic: TopicId, missed: Range<u64>) -> Vec<u8> {
        self.ask(topic, |contract, now, out| contract.gap(now, topic, missed, out))
    }
}

impl Maker<'_> {
    fn ask(
        &mut self,
        topic: TopicId,
        say: impl FnOnce(&mut dyn Contract, Now, &mut SnapshotMessages),
    ) -> Vec<u8> {
        let Some(Some(owner)) = self.owners.get(topic.index()) else { return Vec::new() };
        let mount = &mut self.mounts[owner.index()];
        let Some(contract) = mount.contract.as_deref_mut() else { return Vec::new() };
        let mut messages = SnapshotMessages::default();
        let now = self.now;
        match foreign::call(|| say(contract, now, &mut messages)) {
            Ok(()) => messages.bytes,
            Err(foreign::Panicked) => {
                self.panics += 1;
                mount.contract = None;
                self.broken.push(*owner);
                Vec::new()
            }
        }
    }
}

/// A macro, since a method would borrow all of the engine: the board and what makes its snapshots, side by side.
macro_rules! board_and_maker {
    ($engine:ident) => {
        (
            &mut $engine.board,
            Maker {
                mounts: &mut $engine.mounts,
                owners: &$engine.topic_owners,
                broken: &mut $engine.broken,
                panics: 0,
                now: $engine.now,
            },
        )
    };
}

impl<T: Transport, P: Ports> Engine<T, P> {
    /// Carries out what a contract said.
    pub(super) fn apply(&mut self, mount: MountId) {
        let mut ops = mem::take(&mut self.fx.ops);
        let mut bytes = mem::take(&mut self.fx.bytes);
        for op in ops.drain(..) {
            self.apply_one(mount, op, &bytes);
        }
        bytes.clear();
        // One large message, or a burst of small ones, must not keep its memory for ever.
        bytes.shrink_to(EFFECTS_KEPT_BYTES);
        ops.shrink_to(EFFECTS_KEPT_BYTES / size_of::<Op>());
        (self.fx.ops, self.fx.bytes) = (ops, bytes);
    }

    fn apply_one(&mut self, mount: MountId, op: Op, bytes: &[u8]) {
        let text = |span: crate::contracts::effects::Span| {
            // Every span of text was made from a str.
            std::str::from_utf8(&bytes[span.range()]).unwrap_or_default()
        };
        match op {
            Op::Send { to, opcode, payload, lane } => {
                let payload = &bytes[payload.range()];
                let header = Header::new(opcode, payload.len());
                self.send(to, lane, header, payload, false);
            }
            Op::Publish { topic, opcode, payload, notice } => {
                let payload = &bytes[payload.range()];
                self.publish(topic, Publication { opcode, key: None, payload, notice }, false);
            }
            Op::PublishKey { topic, opcode, key, payload } => {
                let payload = &bytes[payload.range()];
                let key = Some(text(key));
                self.publish(topic, Publication { opcode, key, payload, notice: false }, false);
            }
            Op::Republish { topic } => {
                let (board, mut maker) = board_and_maker!(self);
                let any = board.republish(topic, &mut maker, &mut self.stats);
                self.stats.contract_panics += maker.panics;
                if any {
                    self.fx.topics.published(topic, self.now.tick);
                }
            }
            Op::Subscribe { conn, topic, snapshot } => self.subscribe(conn, topic, snapshot),
            Op::Unsubscribe { conn, topic } => {
                if self.open_peer(conn).is_some() {
                    self.unsubscribe(conn.slot, topic.slot);
                }
            }
            Op::Close { conn, code, reason } => {
                if self.open_peer(conn).is_some() {
                    self.begin_close(conn.slot, code, text(reason), CloseCause::Contract, false);
                } else {
                    self.stats.effects_stale += 1;
                }
            }
            Op::Event { class, key, about, body } => self.contract_event(mount, class, key, about, body),
            Op::Record { ticket, body, awaited, at } => {
                let contract = Arc::clone(&self.mounts[mount.index()].name);
                let at = at.unwrap_or(self.now.wall);
                self.record(mount, Record { contract, mount, ticket, at, awaited, body });
            }
            #[cfg(feature = "board")]
            Op::Tell(news) => self.feeds.told(mount, &news),
            #[cfg(all(feature = "contracts", not(feature = "board")))]
            Op::Tell(news) => drop(news),
            Op::Arm { at } => self.mounts[mount.index()].deadline = at,
            Op::Declare { id, topic } => self.declare(id, topic, Some(mount)),
            Op::Retire { topic } => {
                if self.topic_owners.get(topic.index()) == Some(&Some(mount)) {
                    self.mounts[mount.index()].topics.retain(|&id| id != topic);
                    self.retire_topic(topic);
                }
            }
        }
    }

    fn open_peer(&mut self, id: ConnId) -> Option<&mut Peer<T>> {
        self.peers.get(id).filter(|peer| peer.is_open())?;
        self.peers.at_mut(id.slot)
    }

    fn send(&mut self, to: ConnId, lane: Lane, header: Header, payload: &[u8], by_host: bool) {
        if self.open_peer(to).is_none() {
            let stale = if by_host { &mut self.stats.commands_stale } else { &mut self.stats.effects_stale };
            *stale += 1;
            return;
        }
        match lane {
            Lane::Ordered => self.queue_ordered(to.slot, &[header.as_slice(), payload]),
            Lane::Urgent => self.queue_urgent(to.slot, &[header.as_slice(), payload]),
        }
    }

    fn publish(&mut self, topic: TopicId, publication: Publication<'_>, by_host: bool) {
        let (board, mut maker) = board_and_maker!(self);
        let outcome = board.publish(topic, publication, &mut maker, &mut self.stats);
        self.stats.contract_panics += maker.panics;
        match outcome {
            // A notice is no news of the topic.
            Ok(()) if publication.notice => {}
            Ok(()) => self.fx.topics.published(topic, self.now.tick),
            Err(Unpublished::Gone) if by_host => self.stats.commands_stale += 1,
            Err(Unpublished::Gone) => self.stats.effects_stale += 1,
            Err(Unpublished::TooLarge) => {
                log::warn!(
                    "a message of {} bytes is larger than a quarter of the log of {topic}: not published",
                    publication.payload.len()
                );
            }
            Err(Unpublished::TooManyKeys) => {
                log::warn!("{topic} has no room for another key or a longer value: not published");
            }
        }
    }

    pub(super) fn declare(&mut self, id: TopicId, topic: Topic, owner: Option<MountId>) {
        self.board.declare(id, topic);
        if self.topic_owners.len() <= id.index() {
            self.topic_owners.resize(id.index() + 1, None);
        }
        self.topic_owners[id.index()] = owner;
        if let Some(owner) = owner {
            self.mounts[owner.index()].topics.push(id);
        }
    }

    pub(super) fn retire_topic(&mut self, id: TopicId) {
        while let Some(topic) = self.board.get(id)
            && let Some(last) = topic.subscribers.last()
        {
            let conn = last.conn;
            self.unsubscribe(conn, id.slot);
        }
        if let Some(topic) = self.board.retire(id) {
            self.topic_owners[id.index()] = None;
            self.fx.topics.give_back(id, topic.log_bytes);
        }
    }

    fn subscribe(&mut self, conn: ConnId, topic: TopicId, snapshot: bool) {
        let known = self.board.get(topic).is_some();
        let limit = self.limits.subscriptions;
        let Some(peer) = self.open_peer(conn).filter(|_| known) else {
            self.stats.effects_stale += 1;
            return;
        };
        let subs = peer.subs.as_slice();
        if subs.iter().any(|sub| sub.topic == topic.slot) {
            return;
        }
        if subs.len() >= limit {
            self.begin_close(
                conn.slot,
                CloseCode::POLICY,
                "too many subscriptions",
                CloseCause::Contract,
                false,
            );
            return;
        }
        let (board, mut maker) = board_and_maker!(self);
        let index = board.subscribe(topic.slot, conn.slot, snapshot, &mut maker, &mut self.stats) as u32;
        self.stats.contract_panics += maker.panics;
        if let Some(peer) = self.peers.at_mut(conn.slot) {
            peer.subs.add(SubRef { topic: topic.slot, index });
        }
        if self.board.at(topic.slot).subscribers[index as usize].lost {
            let why = "the server has no room for a snapshot";
            self.begin_close(conn.slot, CloseCode::TRY_AGAIN, why, CloseCause::Overload, true);
        }
        // The snapshot is owed at once, without waiting for the topic's next publish.
        self.mark_dirty(conn.slot);
    }

    /// Ends one subscription, by the topic's slot. A frame that is begun is finished.
    pub(super) fn unsubscribe(&mut self, conn: u32, topic: u32) {
        let Some(Parting { rest, torn, .. }) = self.part(conn, topic, true) else { return };
        if torn {
            self.drop_peer(conn, CloseCause::TooSlow);
        } else if let Some(rest) = rest {
            self.queue_rest(conn, rest);
        }
    }

    /// Takes a subscription apart on both sides.
    fn part(&mut self, conn: u32, topic: u32, finish: bool) -> Option<Parting> {
        let sub = self.peers.at_mut(conn)?.subs.remove(topic)?;
        let parting = self.board.unsubscribe(topic, sub.index as usize, finish);
        for &(other, _, index) in &parting.moved {
            if let Some(peer) = self.peers.at_mut(other) {
                peer.subs.moved(topic, index as u32);
            }
        }
        self.stats.frames_torn += u64::from(parting.torn);
        Some(parting)
    }

    /// Ends all subscriptions of a connection that is sent nothing more.
    pub(super) fn forget_subscriptions(&mut self, slot: u32) {
        while let Some(sub) = self.peers.at(slot).and_then(|peer| peer.subs.as_slice().last().copied()) {
            self.part(slot, sub.topic, false);
        }
    }

    pub(super) fn unsubscribe_all(&mut self, slot: u32) {
        while let Some(sub) = self.peers.at(slot).and_then(|peer| peer.subs.as_slice().last().copied()) {
            self.unsubscribe(slot, sub.topic);
        }
    }

    /// Applies the lag policy of a topic to one subscriber.
    pub(super) fn settle_laggard(&mut self, topic: u32, index: usize) {
        let (board, mut maker) = board_and_maker!(self);
        board.lagged(topic, index, 0, &mut maker, &mut self.stats);
        self.stats.contract_panics += maker.panics;
    }

    fn contract_event(
        &mut self,
        mount: MountId,
        class: EventClass,
        key: u64,
        about: Option<ConnId>,
        body: EventBody,
    ) {
        #[cfg(feature = "board")]
        self.feeds.heard(mount, &body);
        if !self.settings_events.contains(EventMask::CONTRACTS) {
            return;
        }
        let event = Event::Contract { mount, class, key, about, body };
        match class {
            EventClass::Lossless => {
                self.mounts[mount.index()].feeds_host = true;
                let held = self.cause;
                let waits = self.outbound.lossless(&mut self.ports, &mut self.stats, event, held);
                if waits {
                    self.ports.want_event_room();
                    if let Some(peer) = held.and_then(|slot| self.peers.at_mut(slot)) {
                        peer.held_events += 1;
                    }
                }
            }
            EventClass::State => self.state_event(StateKey::Contract(mount, key), event),
            EventClass::Notice => {
                self.outbound.notice(&mut self.ports, &mut self.stats, event);
            }
        }
    }

    /// Takes one command of the host: carries it out, or keeps it until its mount may be told.
    pub(crate) fn command(&mut self, command: Command) {
        self.stats.commands += 1;
        if let Some(command) = self.hold(command) {
            self.carry_out(command);
        }
    }

    pub(super) fn carry_out(&mut self, command: Command) {
        match command {
            Command::Publish { topic, key, payload } => {
                let message = payload.as_message();
                let (opcode, payload) = (message.opcode(), message.as_bytes());
                let key = key.as_deref();
                self.publish(topic, Publication { opcode, key, payload, notice: false }, true);
            }
            Command::Forget { topic, key } => {
                if !self.board.forget(topic, &key) {
                    self.stats.commands_stale += 1;
                }
            }
            Command::Send { conn, payload, lane } => {
                let message: Message<'_> = payload.as_message();
                let header = Header::new(message.opcode(), message.as_bytes().len());
                self.send(conn, lane, header, message.as_bytes(), true);
            }
            Command::Close { conn, code, reason } => {
                if self.open_peer(conn).is_some() {
                    self.begin_close(conn.slot, code, &reason, CloseCause::Host, false);
                } else {
                    self.stats.commands_stale += 1;
                }
            }
            Command::Contract { mount, command } => match self.mounts.get(mount.index()) {
                Some(target) if target.contract.is_some() => {
                    self.with_contract(mount, |contract, fx| contract.command(fx, command.into_inner()));
                }
                _ => self.stats.commands_stale += 1,
            },
            Command::Revoke { subject } => self.revoke(&subject),
            Command::Decide { conn, decision } => self.decided(conn, decision),
            Command::Answer { conn, response } => self.answered(conn, response),
            Command::Resume { conn } => {
                if !self.resume_answer(conn) {
                    self.stats.commands_stale += 1;
                }
            }
        }
        self.tidy();
    }
}
