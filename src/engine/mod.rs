//! Floor 4: the whole server minus sockets.
//!
//! The engine owns every connection, generic over what carries its bytes ([`Transport`]) and over where events and records go
//! ([`Ports`]). A driver, the reactor or a simulation, feeds it in this order, once per turn:
//!
//! 1. [`begin`](Engine::begin) with the time;
//! 2. what happened: [`admit`](Engine::admit) for a new connection, [`readable`](Engine::readable) and [`writable`](Engine::writable) for readiness;
//! 3. [`command`](Engine::command) for each command, while [`takes_commands`](Engine::takes_commands) says so, and the newest values, as commands, while
//!    [`takes_values`](Engine::takes_values) does; before or behind these [`recorded`](Engine::recorded) and [`store_down`](Engine::store_down) for what the
//!    store has said, in its order;
//! 4. [`stop`](Engine::stop) when the server is to end;
//! 5. [`run`](Engine::run): reads, deadlines, writes.
//!
//! Then it sleeps until something happens or [`next_deadline`](Engine::next_deadline), and not at all while [`has_work`](Engine::has_work). Calling
//! `run` early, late or twice does no harm. After a stop it goes on until [`is_drained`](Engine::is_drained) and calls [`finish`](Engine::finish), or
//! [`abort`](Engine::abort)s when there is no time left.

mod apply;
#[cfg(test)]
mod check;
pub(crate) mod command;
pub(crate) mod costs;
mod desk;
pub(crate) mod event;
#[cfg(feature = "board")]
pub(crate) mod feeds;
mod held;
mod intake;
mod keeper;
mod lanes;
mod ledger;
mod lifecycle;
mod outbound;
mod peer;
pub(crate) mod ports;
mod pressure;
mod pump;
mod records;
pub(crate) mod router;
pub(crate) mod settings;
mod slots;
pub(crate) mod transport;

use self::{
    event::RefusalCause,
    ledger::Ledger,
    outbound::{Outbound, StateKey},
    peer::{Peer, Phase},
    ports::Ports,
    settings::{Mount, Settings},
    slots::Slots,
    transport::Transport,
};
use crate::{
    contracts::{effects::Effects, store::guided::SavedGuidedSession},
    ground::{
        close::{CloseCause, Closed},
        counters::Stats,
        foreign,
        id::{ConnId, MountId, TopicId},
        limits::{
            DEADLINES_PER_TURN, LAST_WORDS_WAIT, Limits, READ_BUFFER_BYTES, READ_BYTES_PER_TURN,
            REFUSAL_SLOTS,
        },
        time::{Now, Tick},
    },
    hub::{board::Board, deadlines::Deadlines, outbox::Outbox, registry::TopicIds},
    wire::{access::Access, protocol::FrameLimits, response::Response},
};
use core::net::{IpAddr, SocketAddr};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    mem,
    time::Duration,
};

/// The deadlines of a connection: it has at most one, that of its phase.
mod queue {
    /// A request head or body must be complete.
    pub(super) const HANDSHAKE: usize = 0;
    /// The next request on a kept connection must have begun.
    pub(super) const KEEP_ALIVE: usize = 1;
    /// The host must have decided or answered.
    pub(super) const PARKED: usize = 2;
    /// It is time to see whether the peer was silent.
    pub(super) const PING: usize = 3;
    /// The peer must have sent something since it was pinged.
    pub(super) const PONG: usize = 4;
    /// The peer must have taken what it is owed, or answered our close.
    pub(super) const CLOSE: usize = 5;
    pub(super) const COUNT: usize = 6;
}

/// See the module.
pub(crate) struct Engine<T, P> {
    limits: Limits,
    frame_limits: FrameLimits,
    settings_events: event::EventMask,
    /// What the store knew at the start; none without a store.
    store: Option<Vec<SavedGuidedSession>>,
    router: router::Router,
    access: Access,
    routes: Vec<settings::RouteSettings>,
    mounts: Vec<Mount>,
    host_topics: Vec<(String, TopicId)>,
    /// The mount that declared the topic in this slot; none for the host's.
    topic_owners: Vec<Option<MountId>>,

    ports: P,
    stats: Stats,
    now: Now,
    /// When it was made.
    began: Now,
    stopping: bool,
    /// While it stops: until when the last words of contracts that wait for the store are waited for.
    last_words: Option<Tick>,
    /// See [`was_forced`](Self::was_forced).
    forced: bool,

    peers: Slots<Peer<T>>,
    /// Connections that count towards the cap: those let in only to be refused do not.
    admitted: usize,
    addresses: HashMap<IpAddr, u32>,
    deadlines: Deadlines<{ queue::COUNT }>,
    /// Connections whose identity expires, by when.
    expiries: BTreeSet<(Tick, ConnId)>,
    /// The same by connection.
    expiry_of: HashMap<ConnId, Tick>,

    board: Board,
    fx: Effects,
    outbound: Outbound,
    /// The end of a WebSocket that its contract has not been told yet.
    farewells: VecDeque<(u32, ConnId, MountId, Closed)>,
    /// While a contract is told of an end: the slot that is kept for what it says about it.
    cause: Option<u32>,
    /// Mounts whose contract panicked and has yet to be rebuilt.
    broken: Vec<MountId>,

    /// To be read, in turn.
    ready: VecDeque<u32>,
    /// What this turn has read and answered, in bytes.
    effort: usize,
    /// With something private to write.
    dirty: VecDeque<u32>,
    /// Commands that wait with their mounts.
    held: held::Held,
    /// Parked connections.
    parked: usize,
    ledger: Ledger,

    /// The one read buffer.
    buffer: Vec<u8>,
    partial_total: usize,
    /// Who holds partial bytes, by how many.
    holders: BTreeSet<(usize, u32)>,
    outbox_total: usize,
    #[allow(clippy::vec_box, reason = "they move between here and a pointer in each connection")]
    spare_outboxes: Vec<Box<Outbox>>,
    pieces: Vec<pump::Piece>,
    #[cfg(feature = "board")]
    feeds: feeds::Feeds,
}

impl<T: Transport, P: Ports> Engine<T, P> {
    /// An engine with its contracts built. `entropy` gives 128 random bits at a time.
    pub(crate) fn new(
        settings: Settings,
        ports: P,
        entropy: Box<dyn FnMut() -> u128 + Send>,
        now: Now,
    ) -> Self {
        #[cfg(feature = "board")]
        let feeds = settings.feeds;
        let Settings { limits, events, router, access, mounts, routes, topics, store, .. } = settings;
        let ids = TopicIds::new(limits.topics, limits.log_bytes_total);
        let mut engine = Self {
            frame_limits: FrameLimits {
                frame_bytes: limits.frame_bytes,
                message_bytes: limits.message_bytes,
            },
            settings_events: events,
            store,
            router,
            access,
            routes,
            mounts: mounts.into_iter().map(Mount::new).collect(),
            host_topics: Vec::new(),
            topic_owners: Vec::new(),
            ports,
            stats: Stats::default(),
            now,
            began: now,
            stopping: false,
            last_words: None,
            peers: Slots::new(limits.connections_max() + REFUSAL_SLOTS),
            forced: false,
            admitted: 0,
            addresses: HashMap::new(),
            deadlines: Deadlines::new(),
            expiries: BTreeSet::new(),
            expiry_of: HashMap::new(),
            board: Board::new(limits.detached_bytes_total, limits.log_bytes_total),
            fx: Effects::new(ids, entropy),
            outbound: Outbound::new(&limits),
            farewells: VecDeque::new(),
            cause: None,
            broken: Vec::new(),
            ready: VecDeque::new(),
            effort: 0,
            dirty: VecDeque::new(),
            held: held::Held::default(),
            parked: 0,
            ledger: Ledger::new(&limits),
            buffer: vec![0; READ_BUFFER_BYTES],
            partial_total: 0,
            holders: BTreeSet::new(),
            outbox_total: 0,
            spare_outboxes: Vec::new(),
            pieces: Vec::new(),
            #[cfg(feature = "board")]
            feeds,
            limits,
        };
        #[cfg(feature = "board")]
        engine.begin_feeds();
        for (name, topic) in topics {
            // The builder has checked number and size, so the ids are there; slot i is the i-th topic.
            if let Ok(id) = engine.fx.topics.allot(topic.log_bytes) {
                engine.declare(id, topic, None);
                engine.host_topics.push((name, id));
            }
        }
        for index in 0..engine.mounts.len() {
            engine.build(MountId(index as u16));
        }
        engine.tidy();
        engine
    }

    /// A turn begins.
    pub(crate) fn begin(&mut self, now: Now) {
        self.now = now;
        self.board.begin_turn();
        self.stats.turns += 1;
    }

    /// A connection was accepted, `local`: by a listener that only this machine reaches. The id is for its readiness; the transport has been taken in either way. `None`: there is not even
    /// room to refuse it politely, and it is closed.
    pub(crate) fn admit(&mut self, transport: T, addr: SocketAddr, local: bool) -> Option<ConnId> {
        self.stats.accepted += 1;
        let from_address = self.addresses.get(&addr.ip()).copied().unwrap_or(0);
        let refused = if self.stopping {
            Some(RefusalCause::Stopping)
        } else if self.admitted >= self.limits.connections_max() {
            Some(RefusalCause::Connections)
        } else if from_address as usize >= self.limits.connections_per_address {
            Some(RefusalCause::Address)
        } else {
            None
        };
        let now = self.now.tick;
        let id = self.peers.insert(|id| Peer::new(id, transport, addr, now));
        if let Some(cause) = refused {
            self.count_refusal(cause, None, addr);
        }
        let Some(id) = id else {
            if refused.is_none() {
                self.count_refusal(RefusalCause::Connections, None, addr);
            }
            return None;
        };
        if let Some(peer) = self.peers.at_mut(id.slot) {
            (peer.refused, peer.local) = (refused, local);
            // Bytes may have arrived with the connection; its first readiness event will say so.
        }
        if refused.is_none() {
            self.admitted += 1;
            *self.addresses.entry(addr.ip()).or_insert(0) += 1;
        }
        self.stats.connections += 1;
        let wait = if refused.is_some() { self.limits.close_wait } else { self.limits.handshake };
        let queue = if refused.is_some() { queue::CLOSE } else { queue::HANDSHAKE };
        self.deadlines.set(queue, id.slot, self.now.tick + wait);
        Some(id)
    }

    /// The transport of a connection, to be registered for readiness.
    pub(crate) fn transport_mut(&mut self, id: ConnId) -> Option<&mut T> {
        self.peers.get(id)?;
        self.peers.at_mut(id.slot)?.transport.as_mut()
    }

    /// A connection cannot be driven; it is dropped.
    pub(crate) fn abandon(&mut self, id: ConnId) {
        if self.peers.get(id).is_some() {
            self.drop_peer(id.slot, CloseCause::Lost);
            self.tidy();
        }
    }

    /// There may be bytes, or an end, to be read in this slot; `hung_up`: an end is known to follow.
    #[inline]
    pub(crate) fn readable(&mut self, slot: u32, hung_up: bool) {
        if let Some(peer) = self.peers.at_mut(slot) {
            peer.readable = true;
            peer.hung_up |= hung_up;
            if peer.paused || peer.choked {
                self.mourn(slot);
            } else if !peer.in_ready {
                peer.in_ready = true;
                self.ready.push_back(slot);
            }
        }
    }

    /// The transport in this slot may take bytes again.
    #[inline]
    pub(crate) fn writable(&mut self, slot: u32) {
        if let Some(peer) = self.peers.at_mut(slot)
            && peer.blocked
        {
            peer.blocked = false;
            self.mark_dirty(slot);
        }
    }

    /// Whether a command may be given now: not while a fan-out must come first, nor in a turn that has answered enough, nor while as many as may be wait for what they could tell the host.
    pub(crate) fn takes_commands(&self) -> bool {
        !self.has_done_enough() && !self.holds_enough()
    }

    /// Whether newest values may be taken: while a fan-out must come first, they are better replaced where they wait. The fan-out keeps the driver awake.
    pub(crate) fn takes_values(&self) -> bool {
        !self.has_done_enough()
    }

    /// Whether what comes in must wait: for a fan-out that must come first, or for the next turn.
    fn has_done_enough(&self) -> bool {
        self.board.is_saturated() || self.effort >= READ_BYTES_PER_TURN
    }

    /// Reads, deadlines, writes.
    pub(crate) fn run(&mut self) {
        self.drain_events();
        self.resume_paused();
        self.release_held();
        self.run_deadlines();
        self.run_reads();
        self.effort = 0;
        #[cfg(feature = "board")]
        self.turn_feeds();
        self.flush();
        if self.feeding_is_blocked() {
            // Commands and deadlines of contracts wait for it.
            self.ports.want_event_room();
        }
        self.gauge();
    }

    /// When `run` must be called at the latest; `None` when nothing is armed.
    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        // A contract that must wait is not called, and room with the host or the store is what is waited for.
        let contracts = (0..self.mounts.len())
            .filter(|&index| !self.must_pause(MountId(index as u16)))
            .filter_map(|index| self.mounts[index].deadline)
            .min();
        let expiry = self.expiries.first().map(|&(at, _)| at);
        let store = self.ledger.gives_up_at();
        #[cfg(feature = "board")]
        let feeds = self.feeds.next_deadline();
        #[cfg(not(feature = "board"))]
        let feeds = None;
        let due = [self.deadlines.next(), contracts, expiry, store, self.last_words, feeds];
        due.into_iter().flatten().min()
    }

    /// Whether `run` has something to do right away.
    pub(crate) fn has_work(&self) -> bool {
        !self.ready.is_empty()
            || !self.dirty.is_empty()
            || self.may_release()
            || self.may_resume()
            || self.ledger.refusals() > 0
            || self.board.fanning_out().is_some()
            || self.feeds_have_news()
    }

    /// The server stops: the contracts say their last words, everyone is closed with 1001. A contract that waits for the store, to say what it has
    /// committed, is waited for so long.
    pub(crate) fn stop(&mut self) {
        if mem::replace(&mut self.stopping, true) {
            return;
        }
        for index in 0..self.mounts.len() {
            self.with_contract(MountId(index as u16), |contract, fx| contract.shutdown(fx));
        }
        self.last_words = Some(self.now.tick + LAST_WORDS_WAIT);
        // Behind the ends of sessions, which are told first.
        #[cfg(feature = "board")]
        self.feeds.end();
        for slot in 0..self.peers.extent() as u32 {
            if let Some(peer) = self.peers.at_mut(slot) {
                // Readiness comes in turns; a request may be there that none has told of yet.
                peer.readable |= matches!(peer.phase, Phase::Head(_));
            }
            self.stop_peer(slot);
        }
        self.tidy();
    }

    /// Whether nothing is left: every client is gone, the host was told all that it must hear, and the contracts what became of their records.
    pub(crate) fn is_drained(&self) -> bool {
        self.stopping
            && self.peers.len() == 0
            && self.farewells.is_empty()
            && self.ledger.is_empty()
            && !self.may_release()
            && !self.outbound.has_lossless()
    }

    /// Whether the stop has cost somebody something: a client that was cut off, or what [`abort`](Self::abort) dropped.
    pub(crate) fn was_forced(&self) -> bool {
        self.forced
    }

    /// Drops what is left, and counts it.
    pub(crate) fn abort(&mut self) {
        (self.stopping, self.forced) = (true, true);
        for slot in 0..self.peers.extent() as u32 {
            if self.peers.at(slot).is_some_and(|peer| peer.transport.is_some()) {
                self.drop_peer(slot, CloseCause::Shutdown);
            }
        }
        self.tidy();
        self.drain_events();
        self.finish();
    }

    /// The server ends: counts what nobody will be told any more.
    pub(crate) fn finish(&mut self) {
        let mut freed = Vec::new();
        self.outbound.abandon(&mut self.stats, |slot| freed.push(slot));
        self.release(freed);
        self.stats.records_unanswered += self.ledger.abandon() as u64;
        self.mounts.iter_mut().for_each(|mount| mount.awaited = 0);
        self.stats.commands_stale += self.abandon_held() as u64;
        self.gauge();
    }

    /// What was counted.
    pub(crate) fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(crate) fn ports_mut(&mut self) -> &mut P {
        &mut self.ports
    }

    pub(crate) fn host_topics(&self) -> &[(String, TopicId)] {
        &self.host_topics
    }

    fn run_deadlines(&mut self) {
        for _ in 0..DEADLINES_PER_TURN {
            let Some((queue, slot)) = self.deadlines.pop(self.now.tick) else { break };
            self.peer_deadline(queue, slot);
        }
        while let Some(&(at, id)) = self.expiries.first()
            && at <= self.now.tick
        {
            self.forget_expiry(id);
            self.expired(id.slot);
        }
        if self.last_words.is_some_and(|until| until <= self.now.tick) {
            self.last_words = None;
            for index in 0..self.mounts.len() {
                self.stop_mount(MountId(index as u16));
            }
        }
        for index in 0..self.mounts.len() {
            let id = MountId(index as u16);
            let due = self.mounts[index].deadline.is_some_and(|at| at <= self.now.tick);
            if due && !self.must_pause(id) {
                self.mounts[index].deadline = None;
                self.with_contract(id, |contract, fx| contract.deadline(fx));
            }
        }
        self.tidy();
    }

    fn peer_deadline(&mut self, queue: usize, slot: u32) {
        let now = self.now.tick;
        let Some(peer) = self.peers.at_mut(slot) else { return };
        let stands_still = peer.paused || peer.choked;
        match queue {
            queue::HANDSHAKE => self.handshake_late(slot),
            queue::KEEP_ALIVE => self.drop_peer(slot, CloseCause::Timeout),
            queue::PARKED => self.parked_late(slot),
            queue::PING => {
                let Some(interval) = self.limits.ping_interval else { return };
                if stands_still || now - peer.heard < interval {
                    // Whoever was heard of lately is looked at again when it could have been silent for long enough.
                    let due = if stands_still { now + interval } else { peer.heard + interval };
                    self.deadlines.set(queue::PING, slot, due);
                } else {
                    // First, since a ping that finds no room closes the connection, which has a deadline of its own then.
                    self.deadlines.set(queue::PONG, slot, now + self.limits.pong_wait);
                    self.ping(slot);
                }
            }
            queue::PONG => {
                let Some(interval) = self.limits.ping_interval else { return };
                if stands_still {
                    self.deadlines.set(queue::PONG, slot, now + self.limits.pong_wait);
                } else if !peer.unanswered {
                    self.deadlines.set(queue::PING, slot, peer.heard + interval);
                } else {
                    self.drop_peer(slot, CloseCause::Timeout);
                }
            }
            queue::CLOSE => self.close_late(slot),
            _ => {}
        }
    }

    fn feeds_have_news(&self) -> bool {
        #[cfg(feature = "board")]
        return self.feeds.have_news();
        #[cfg(not(feature = "board"))]
        false
    }

    fn gauge(&mut self) {
        #[cfg(feature = "board")]
        self.gauge_feeds();
        self.stats.parked = self.parked as u64;
        self.stats.partial_bytes = self.partial_total as u64;
        self.stats.outbox_bytes = self.outbox_total as u64;
        self.stats.log_bytes = self.board.log_bytes() as u64;
        self.stats.detached_bytes = self.board.detached_bytes() as u64;
        self.stats.topics_refused = self.fx.topics_refused;
        [
            self.stats.messages_ignored,
            self.stats.messages_refused,
            self.stats.contract_bounds,
            self.stats.messages_untyped,
            self.stats.samples_unassigned,
            self.stats.samples_lost,
        ] = self.fx.counts;
        [
            self.stats.tag_writes_busy,
            self.stats.tag_writes_refused,
            self.stats.tag_values_not_finite,
            self.stats.tag_handles_unknown,
            self.stats.tag_declarations_refused,
            self.stats.equipment_staled,
        ] = self.fx.tag_counts;
        self.stats.contract_panics += foreign::take_drop_panics();
        let (events, bytes) = self.outbound.backlog();
        (self.stats.events_held, self.stats.event_bytes_held) = (events as u64, bytes as u64);
        let (records, bytes) = self.ledger.held();
        (self.stats.records_waiting, self.stats.record_bytes_waiting) = (records as u64, bytes as u64);
        self.stats.refusals_waiting = self.ledger.refusals_waiting() as u64;
        self.stats.store_down = u64::from(self.ledger.is_down());
    }

    /// Puts a connection on the list of those to be read.
    fn mark_ready(&mut self, slot: u32) {
        if let Some(peer) = self.peers.at_mut(slot)
            && !peer.in_ready
            && (peer.readable || peer.unparsed)
            && !peer.paused
            && !peer.choked
        {
            peer.in_ready = true;
            self.ready.push_back(slot);
        }
    }

    /// Puts a connection on the list of those with something private to write.
    fn mark_dirty(&mut self, slot: u32) {
        if let Some(peer) = self.peers.at_mut(slot)
            && !peer.in_dirty
            && !peer.blocked
        {
            peer.in_dirty = true;
            self.dirty.push_back(slot);
        }
    }

    fn close_wait(&self) -> Duration {
        self.limits.close_wait
    }
}

/// The answer when a cap is reached.
fn busy(why: &str) -> Response {
    crate::wire::answer::fault(503, why, &[])
}
