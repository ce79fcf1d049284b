//! How connections end.

use super::{
    Engine,
    event::{Event, EventMask, RefusalCause},
    peer::{Awaits, Peer, Phase},
    ports::Ports,
    queue,
    transport::Transport,
};
use crate::{
    ground::{
        close::{CloseCause, CloseCode, Closed},
        id::{ConnId, MountId},
        limits::LINGER_BYTES_MAX,
    },
    hub::identity::Identity,
    wire::{
        control::{close_frame, ping_frame},
        protocol::PeerClose,
    },
};
use std::{mem, time::Duration};

impl<T: Transport, P: Ports> Engine<T, P> {
    /// An open WebSocket is over, as far as its contract and the host are concerned.
    fn report_end(&mut self, slot: u32, mount: MountId, how: Closed) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        let id = peer.id;
        peer.held_events += 1;
        self.farewells.push_back((slot, id, mount, how));
        self.stats.open -= 1;
        self.stats.closed += 1;
        let by_cause = match how.cause {
            CloseCause::Peer => &mut self.stats.closed_peer,
            CloseCause::Lost => &mut self.stats.closed_lost,
            CloseCause::Fault => &mut self.stats.closed_fault,
            CloseCause::Contract => &mut self.stats.closed_contract,
            CloseCause::Host => &mut self.stats.closed_host,
            CloseCause::Revoked => &mut self.stats.closed_revoked,
            CloseCause::Expired => &mut self.stats.closed_expired,
            CloseCause::Shutdown => &mut self.stats.closed_shutdown,
            CloseCause::Timeout => &mut self.stats.closed_timeout,
            CloseCause::TooSlow => &mut self.stats.closed_too_slow,
            CloseCause::Overload => &mut self.stats.closed_overload,
            CloseCause::ContractPanic => &mut self.stats.closed_panic,
        };
        *by_cause += 1;
        if self.settings_events.contains(EventMask::CONNECTIONS) {
            let event = Event::Closed { conn: id, mount, how };
            self.outbound.closed(&mut self.ports, &mut self.stats, slot, event);
        }
    }

    /// Closes a WebSocket if it is open.
    pub(super) fn close_open(&mut self, slot: u32, code: CloseCode, reason: &str, cause: CloseCause) {
        self.begin_close(slot, code, reason, cause, false);
    }

    /// Queues our close frame behind everything that is owed, or, `at_once`, behind nothing but the frame that is partly sent. From here on only the
    /// peer's close is awaited.
    pub(super) fn begin_close(
        &mut self,
        slot: u32,
        code: CloseCode,
        reason: &str,
        cause: CloseCause,
        at_once: bool,
    ) {
        if !self.peers.at(slot).is_some_and(|peer| peer.is_open()) {
            // A close frame that is queued already stays.
            return;
        }
        if at_once {
            self.unsubscribe_all(slot);
            self.drop_queued(slot);
        }
        let Some(peer) = self.peers.at_mut(slot) else { return };
        let mount = match mem::replace(&mut peer.phase, Phase::Over) {
            Phase::Open(mount, mut receiver) => {
                // From now on it only looks for the peer's close: a message it has in fragments is let go of.
                receiver.scan_for_close(&[]);
                peer.phase = Phase::Closing { mount, receiver, answered: false };
                mount
            }
            other => {
                peer.phase = other;
                return;
            }
        };
        // What is at hand but was not looked at may hold the peer's close.
        peer.unparsed |= !peer.partial.is_empty();
        (peer.paused, peer.choked) = (false, false);
        // A place of its own: marked together with a frame before it, it could leave ahead of what is urgent.
        self.board.next_seq();
        self.queue_ordered(slot, &[close_frame(code, reason).as_slice()]);
        self.deadlines.set(queue::CLOSE, slot, self.now.tick + self.close_wait());
        self.report_end(slot, mount, Closed { cause, code });
        self.charge(slot);
        self.mark_ready(slot);
        self.mark_dirty(slot);
    }

    /// The peer's close frame arrived in an open WebSocket.
    pub(super) fn peer_closed(&mut self, slot: u32, close: &PeerClose) {
        let code = close.code.map_or(0, CloseCode::get);
        log::debug!("slot {slot}: the client closes, code {code}, {:?}", close.reason);
        // What it asked for before it still gets, but nothing more of its topics.
        self.unsubscribe_all(slot);
        let Some(peer) = self.peers.at_mut(slot) else { return };
        if let Phase::Open(mount, receiver) = mem::replace(&mut peer.phase, Phase::Over) {
            peer.phase = Phase::Closing { mount, receiver, answered: true };
            (peer.paused, peer.choked) = (false, false);
            self.board.next_seq(); // as in `begin_close`
            self.queue_ordered(slot, &[close.reply.as_slice()]);
            self.deadlines.set(queue::CLOSE, slot, self.now.tick + self.close_wait());
            let code = close.code.unwrap_or(CloseCode::NO_STATUS);
            self.report_end(slot, mount, Closed { cause: CloseCause::Peer, code });
            self.mark_dirty(slot);
        }
    }

    /// Both close frames may have passed: then it is over.
    pub(super) fn closing_done(&mut self, slot: u32) {
        let Some(peer) = self.peers.at(slot) else { return };
        let unsent = peer.transport.as_ref().is_some_and(|transport| transport.unsent() > 0);
        if let Phase::Closing { answered, .. } = peer.phase
            && peer.outbox.is_none()
            && !unsent
        {
            if answered {
                self.drop_peer(slot, CloseCause::Peer);
            } else {
                // The close frame was the last of all.
                self.unsubscribe_all(slot);
            }
        }
    }

    /// The peer has sent its last byte.
    pub(super) fn peer_ended(&mut self, slot: u32) {
        let Some(peer) = self.peers.at(slot) else { return };
        match peer.phase {
            // It may still be reading: a client that half-closes after its request gets its answer, and one that said goodbye gets ours.
            Phase::Answering(_) | Phase::Closing { answered: true, .. } => {}
            Phase::Parked(ref pending) if pending.awaits == Awaits::Answer => {}
            _ => self.drop_peer(slot, CloseCause::Lost),
        }
    }

    /// Drops a connection without another word. What its contract and the host must hear about it keeps the slot.
    pub(super) fn drop_peer(&mut self, slot: u32, cause: CloseCause) {
        self.forget_subscriptions(slot);
        let Some(peer) = self.peers.at_mut(slot) else { return };
        if peer.transport.take().is_none() {
            return;
        }
        let phase = mem::replace(&mut peer.phase, Phase::Over);
        peer.partial = Vec::new();
        (peer.readable, peer.unparsed, peer.paused, peer.choked) = (false, false, false, false);
        let id = peer.id;
        let (refused, ip) = (peer.refused.is_some(), peer.addr.ip());
        if let Some(outbox) = peer.outbox.take() {
            self.outbox_total -= outbox.len();
            self.spare(outbox);
        }
        self.charge(slot);
        self.deadlines.clear(slot);
        self.forget_expiry(id);
        self.stats.connections -= 1;
        if !refused {
            self.admitted -= 1;
            if let Some(count) = self.addresses.get_mut(&ip) {
                *count -= 1;
                if *count == 0 {
                    self.addresses.remove(&ip);
                }
            }
        }
        match phase {
            Phase::Open(mount, _) => {
                self.mounts[mount.index()].connections -= 1;
                self.report_end(slot, mount, Closed { cause, code: CloseCode::ABNORMAL });
            }
            Phase::Closing { mount, .. } => self.mounts[mount.index()].connections -= 1,
            Phase::Parked(_) => self.parked -= 1,
            _ => {}
        }
        self.free_if_done(slot);
    }

    /// Gives the slot of a connection that is over to others, unless something about it is still to be told.
    pub(super) fn free_if_done(&mut self, slot: u32) {
        if let Some(peer) = self.peers.at(slot)
            && matches!(peer.phase, Phase::Over)
            && peer.transport.is_none()
            && peer.held_events == 0
        {
            self.peers.remove(slot);
        }
    }

    /// Remembers when this connection's identity expires, if it does.
    pub(super) fn await_expiry(&mut self, conn: ConnId, identity: &Identity) {
        let Some(expires) = identity.expires() else { return };
        let left = expires.as_millis().saturating_sub(self.now.wall.as_millis()).max(0);
        let at = self.now.tick + Duration::from_millis(left.unsigned_abs());
        self.expiries.insert((at, conn));
        self.expiry_of.insert(conn, at);
    }

    /// An identity has expired.
    pub(super) fn expired(&mut self, slot: u32) {
        if self.peers.at(slot).is_some_and(Peer::is_streamed_to) {
            self.cut_stream(slot, CloseCause::Expired);
        } else {
            self.close_open(slot, CloseCode::POLICY, "the identity has expired", CloseCause::Expired);
        }
    }

    /// Cuts a streamed answer short: without its end, the client can tell that it is not whole.
    fn cut_stream(&mut self, slot: u32, cause: CloseCause) {
        self.stats.streams_aborted += 1;
        self.drop_peer(slot, cause);
    }

    pub(super) fn forget_expiry(&mut self, id: ConnId) {
        if let Some(at) = self.expiry_of.remove(&id) {
            self.expiries.remove(&(at, id));
        }
    }

    /// The server stops, or has looked, while it stops, at what this connection had to say.
    pub(super) fn stop_peer(&mut self, slot: u32) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        match &mut peer.phase {
            &mut Phase::Open(mount, _) => {
                if self.awaits_word(mount) {
                    // It is not read meanwhile.
                    return;
                }
                let reason = "the server is stopping";
                self.begin_close(slot, CloseCode::GOING_AWAY, reason, CloseCause::Shutdown, false);
            }
            // It may have asked already, and is to be told.
            Phase::Head(_) if peer.partial.is_empty() && peer.readable => self.mark_ready(slot),
            Phase::Head(_) if peer.partial.is_empty() => match self.deadlines.queue_of(slot) {
                // What the transport has to say by itself goes first; then it is looked at again, at the latest at its deadline.
                Some(queue::CLOSE)
                    if peer.transport.as_ref().is_some_and(|transport| transport.unsent() > 0) =>
                {
                    self.mark_dirty(slot);
                }
                // It has just been answered, and may not have read that yet.
                Some(queue::CLOSE) if peer.refused.is_none() => self.linger(slot),
                _ => self.drop_peer(slot, CloseCause::Shutdown),
            },
            Phase::Head(_) | Phase::Body(..) | Phase::Parked(_) => self.refuse_stopping(slot),
            // What was promised to be kept open may hold the next request.
            Phase::Answering(_) => {}
            Phase::Closing { .. } | Phase::Draining { .. } | Phase::Over => {}
        }
    }

    /// Whether the server stops, and the last words of this mount's contract depend on the store.
    pub(super) fn awaits_word(&self, mount: MountId) -> bool {
        self.last_words.is_some() && self.mounts[mount.index()].awaited > 0
    }

    /// The last words of a mount's contract are said: whoever waited for them is closed.
    pub(super) fn stop_mount(&mut self, mount: MountId) {
        for slot in 0..self.peers.extent() as u32 {
            if self.peers.at(slot).is_some_and(|peer| peer.is_open() && peer.mount() == Some(mount)) {
                self.stop_peer(slot);
            }
        }
    }

    /// Nobody may be `subject` any more.
    pub(super) fn revoke(&mut self, subject: &str) {
        for slot in 0..self.peers.extent() as u32 {
            let Some(peer) = self.peers.at(slot) else { continue };
            let of_it = |identity: &Identity| identity.subject() == Some(subject);
            match &peer.phase {
                Phase::Open(..) if of_it(&peer.identity) => {
                    self.close_open(slot, CloseCode::POLICY, "the identity is revoked", CloseCause::Revoked);
                }
                Phase::Answering(_) if peer.is_streamed_to() && of_it(&peer.identity) => {
                    self.cut_stream(slot, CloseCause::Revoked);
                }
                Phase::Parked(pending) | Phase::Body(pending, _)
                    if pending.identity.as_ref().is_some_and(of_it) =>
                {
                    self.refuse(slot, 403, "the identity is revoked");
                }
                _ => {}
            }
        }
    }

    /// Answers a request, whole or begun, that the stop has overtaken.
    pub(super) fn refuse_stopping(&mut self, slot: u32) {
        let Some(peer) = self.peers.at(slot) else { return };
        let addr = peer.addr;
        if peer.refused.is_none() {
            self.count_refusal(RefusalCause::Stopping, None, addr);
        }
        self.refuse(slot, 503, "the server is stopping");
    }

    pub(super) fn handshake_late(&mut self, slot: u32) {
        let Some(peer) = self.peers.at(slot) else { return };
        if matches!(peer.phase, Phase::Head(_)) && peer.partial.is_empty() {
            // It never said a word; neither do we.
            self.drop_peer(slot, CloseCause::Timeout);
        } else {
            self.refuse(slot, 408, "the request did not arrive in time");
        }
    }

    pub(super) fn close_late(&mut self, slot: u32) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        if let Phase::Answering(answer) = &peer.phase
            && answer.waits
            && peer.outbox.is_none()
            && !peer.hung_up
        {
            // The source has nothing, and the client has taken all there was: nobody is late.
            self.deadlines.set(queue::CLOSE, slot, self.now.tick + self.close_wait());
            return;
        }
        if let Phase::Open(mount, _) = peer.phase
            && peer.paused
            && self.awaits_store(mount)
        {
            // It had left, but what it has sent before is to be recorded, or, when the store is given up, counted as lost.
            self.deadlines.set(queue::CLOSE, slot, self.now.tick + self.close_wait());
            return;
        }
        let Some(peer) = self.peers.at(slot) else { return };
        // An open one had left, and has waited for long enough to be read.
        let cause = if peer.is_open() { CloseCause::Lost } else { CloseCause::Timeout };
        // Who has taken everything and only does not leave has lost nothing.
        self.forced |= self.stopping && !matches!(peer.phase, Phase::Draining { .. });
        self.drop_peer(slot, cause);
    }

    /// The answer that ends this connection is sent: say so, and read what is still on its way.
    pub(super) fn linger(&mut self, slot: u32) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        let ended = peer.ended;
        let Some(transport) = peer.transport.as_mut() else { return };
        if ended || transport.shutdown_write().is_err() {
            self.drop_peer(slot, CloseCause::Lost);
            return;
        }
        peer.phase = Phase::Draining { left: LINGER_BYTES_MAX };
        peer.partial = Vec::new();
        peer.unparsed = false;
        self.charge(slot);
        self.deadlines.set(queue::CLOSE, slot, self.now.tick + self.close_wait());
        self.mark_ready(slot);
    }

    /// Sets the deadline of an open connection: when it is to be seen whether it was silent.
    pub(super) fn await_ping(&mut self, slot: u32) {
        match self.limits.ping_interval {
            Some(interval) => self.deadlines.set(queue::PING, slot, self.now.tick + interval),
            None => self.deadlines.clear(slot),
        }
    }

    pub(super) fn ping(&mut self, slot: u32) {
        self.stats.pings += 1;
        if let Some(peer) = self.peers.at_mut(slot) {
            peer.unanswered = true;
        }
        self.queue_urgent(slot, &[ping_frame(b"").as_slice()]);
    }
}
