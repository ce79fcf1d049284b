//! Requests that wait: for the rest of their body, or, parked, for a decision or an answer of the host.

use crate::{
    engine::{
        Engine, busy,
        command::Decision,
        event::{Event, EventMask, RefusalCause},
        peer::{Asked, Awaits, Pending, Phase},
        ports::Ports,
        queue,
        transport::Transport,
    },
    ground::{
        id::{ConnId, MountId},
        limits::HEADERS_MAX,
    },
    hub::identity::Identity,
    wire::{
        answer::CONTINUE,
        body::BodyReader,
        head::{self, Head, HeadScan},
        request::Request,
        response::Response,
    },
};
use std::mem;

impl<T: Transport, P: Ports> Engine<T, P> {
    /// Looks a kept request at again, now that what it waited for is there.
    fn dispatch_pending(&mut self, slot: u32, pending: Pending) {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        // It was parsed before, so it can be parsed again.
        if let Ok(head) = head::parse(&pending.head, &mut headers) {
            let body = (pending.awaits == Awaits::Body).then_some(pending.body);
            self.dispatch(slot, &pending.head, &head, pending.identity, body);
        }
    }

    pub(super) fn await_body(&mut self, slot: u32, bytes: &[u8], head: &Head<'_>, identity: Identity) {
        // The length was found acceptable before.
        let Ok(reader) = BodyReader::new(head.body, self.limits.body_bytes) else { return };
        if head.expects_continue {
            self.queue_ordered(slot, &[CONTINUE]);
        }
        let pending = Pending {
            head: bytes.to_vec(),
            body: Vec::new(),
            identity: Some(identity),
            awaits: Awaits::Body,
        };
        if let Some(peer) = self.peers.at_mut(slot) {
            peer.phase = Phase::Body(Box::new(pending), Box::new(reader));
            self.deadlines.set(queue::HANDSHAKE, slot, self.now.tick + self.limits.handshake);
        }
    }

    /// The last byte of a request's body has arrived.
    pub(in crate::engine) fn body_complete(&mut self, slot: u32) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        match mem::replace(&mut peer.phase, Phase::Head(HeadScan::default())) {
            Phase::Body(pending, _) => self.dispatch_pending(slot, *pending),
            other => peer.phase = other,
        }
    }

    pub(super) fn ask(&mut self, slot: u32, bytes: &[u8], mount: Option<MountId>, request: &Request<'_>) {
        let Some(peer) = self.peers.at(slot) else { return };
        let (conn, addr) = (peer.id, peer.addr);
        if self.stopping {
            self.refuse(slot, 503, "the server is stopping");
            return;
        }
        if !self.settings_events.contains(EventMask::ASKS) {
            log::warn!("a gate asks the host, but the event mask has no ASKS: refused");
            self.refuse(slot, 503, "nobody is there to decide about this connection");
            return;
        }
        if self.parked >= self.limits.parked {
            self.count_refusal(RefusalCause::Parked, mount, addr);
            self.refuse(slot, 503, "too many connections wait for a decision; try again later");
            return;
        }
        let event = Event::Asked { conn, mount, request: Box::new(request.into()) };
        if !self.outbound.notice(&mut self.ports, &mut self.stats, event) {
            self.refuse(slot, 503, "the server is too busy to decide about this connection; try again later");
            return;
        }
        let pending =
            Pending { head: bytes.to_vec(), body: Vec::new(), identity: None, awaits: Awaits::Decision };
        self.park(slot, pending);
    }

    pub(super) fn park(&mut self, slot: u32, pending: Pending) {
        let due = self.now.tick + self.limits.parked_wait;
        if let Some(peer) = self.peers.at_mut(slot) {
            peer.phase = Phase::Parked(Box::new(pending));
            self.parked += 1;
            self.deadlines.set(queue::PARKED, slot, due);
            // Its leaving must be noticed.
            self.mark_ready(slot);
        }
    }

    fn unpark(&mut self, conn: ConnId, awaits: Awaits) -> Option<Pending> {
        let waits =
            matches!(&self.peers.get(conn)?.phase, Phase::Parked(pending) if pending.awaits == awaits);
        if !waits {
            return None;
        }
        let peer = self.peers.at_mut(conn.slot)?;
        let phase = mem::replace(&mut peer.phase, Phase::Head(HeadScan::default()));
        peer.unparsed = !peer.partial.is_empty();
        self.parked -= 1;
        self.deadlines.set(queue::HANDSHAKE, conn.slot, self.now.tick + self.limits.handshake);
        match phase {
            Phase::Parked(pending) => Some(*pending),
            _ => None,
        }
    }

    pub(in crate::engine) fn decided(&mut self, conn: ConnId, decision: Decision) {
        let Some(mut pending) = self.unpark(conn, Awaits::Decision) else {
            self.stats.commands_stale += 1;
            return;
        };
        match decision {
            Decision::Allow(identity) => {
                pending.identity = Some(identity);
                self.dispatch_pending(conn.slot, pending);
            }
            Decision::Refuse(response) => {
                if let Some(addr) = self.peers.at(conn.slot).map(|peer| peer.addr) {
                    let mount = self.mount_asked(&pending);
                    self.count_refusal(RefusalCause::Gate, mount, addr);
                }
                self.answer_pending(conn.slot, &pending, response, true);
            }
        }
        self.charge(conn.slot);
        self.mark_ready(conn.slot);
    }

    pub(in crate::engine) fn answered(&mut self, conn: ConnId, response: Response) {
        match self.unpark(conn, Awaits::Answer) {
            Some(pending) => self.answer_pending(conn.slot, &pending, response, true),
            None => self.stats.commands_stale += 1,
        }
    }

    pub(in crate::engine) fn parked_late(&mut self, slot: u32) {
        self.stats.parked_expired += 1;
        let Some(id) = self.peers.at(slot).map(|peer| peer.id) else { return };
        for awaits in [Awaits::Decision, Awaits::Answer] {
            if let Some(pending) = self.unpark(id, awaits) {
                // Not kept alive: a word of the host that comes too late must not meet the next request.
                let response = busy("the host did not answer in time; try again later");
                self.answer_pending(slot, &pending, response, false);
            }
        }
    }

    /// The mount that a parked request asks for.
    fn mount_asked(&self, pending: &Pending) -> Option<MountId> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        self.mount_behind(&self.target(&head::parse(&pending.head, &mut headers).ok()?).0)
    }

    fn answer_pending(&mut self, slot: u32, pending: &Pending, response: Response, keep_alive: bool) {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        if let Ok(head) = head::parse(&pending.head, &mut headers) {
            let asked = Asked::of(head.method, head.version_minor, head.keep_alive && keep_alive);
            if pending.awaits == Awaits::Answer {
                // Its body was read.
                let response = self.open_to_pages(slot, &head, response);
                self.answer(slot, asked, response);
                if let Some(conn) = self.peers.at(slot).map(|peer| peer.id) {
                    self.streams_to(conn, pending.identity.clone().unwrap_or(Identity::ANONYMOUS));
                }
            } else {
                self.answer_to(slot, &head, asked, response);
            }
        }
    }
}
