//! Answers to requests, until they are taken.

use crate::{
    engine::{
        Engine, busy,
        peer::{Answer, Asked, Phase},
        ports::Ports,
        queue,
        transport::Transport,
    },
    ground::limits::{SHORT_ANSWER_BYTES, STREAM_BYTES},
    hub::identity::Identity,
    wire::{
        answer::{BodyPlan, encode_head, fault},
        cors,
        head::{BodyLength, Head, HeadScan},
        response::{Body, Response},
    },
};

impl<T: Transport, P: Ports> Engine<T, P> {
    /// Answers a request whose body, if it has one, was not read: then the connection cannot be used any further.
    pub(super) fn answer_to(&mut self, slot: u32, head: &Head<'_>, asked: Asked, response: Response) {
        let keep_alive = asked.keep_alive && head.body == BodyLength::None;
        let response = self.open_to_pages(slot, head, response);
        self.answer(slot, Asked { keep_alive, ..asked }, response);
    }

    /// Says to which pages an answer may be shown, if it is a page's request.
    pub(super) fn open_to_pages(&self, slot: u32, head: &Head<'_>, response: Response) -> Response {
        let request = self.peers.at(slot).and_then(|peer| head.request(&[], peer.addr));
        match request {
            Some(request) => cors::open_to_pages(&self.access, &request, response),
            None => response,
        }
    }

    /// Answers with an error that ends the connection.
    pub(in crate::engine) fn refuse(&mut self, slot: u32, status: u16, why: &str) {
        if let Some(peer) = self.peers.at_mut(slot) {
            if matches!(peer.phase, Phase::Parked(_)) {
                self.parked -= 1;
            }
            peer.phase = Phase::Head(HeadScan::default());
        }
        self.answer(slot, Asked::UNKNOWN, fault(status, why, &[]));
    }

    pub(super) fn answer(&mut self, slot: u32, mut asked: Asked, mut response: Response) {
        self.stats.headers_dropped += u64::from(response.headers_dropped);
        self.effort += response.effort_bytes();
        let weight = match &response.body {
            _ if asked.is_head => 0,
            Body::Whole(bytes) => bytes.len(),
            Body::Stream(_) => STREAM_BYTES,
        };
        // A short answer is always taken, so that whoever is refused is told.
        if weight > SHORT_ANSWER_BYTES && weight > self.outbox_room() {
            response = busy("the server holds too much that clients do not take; try again later");
            asked.keep_alive = false;
        }
        let counter = match response.status {
            400 => &mut self.stats.answered_400,
            403 => &mut self.stats.answered_403,
            404 => &mut self.stats.answered_404,
            405 => &mut self.stats.answered_405,
            408 => &mut self.stats.answered_408,
            413 => &mut self.stats.answered_413,
            426 => &mut self.stats.answered_426,
            431 => &mut self.stats.answered_431,
            503 => &mut self.stats.answered_503,
            _ => &mut self.stats.answered_other,
        };
        *counter += 1;
        let keep_alive = asked.keep_alive && !self.stopping;
        let mut bytes = Vec::with_capacity(256);
        let plan = encode_head(&response, asked.is_head, keep_alive, asked.http10, self.now.wall, &mut bytes);
        let mut answer = Answer { stream: None, chunked: false, keep_alive, waits: false, complete: true };
        match (plan, response.body) {
            (BodyPlan::Whole, Body::Whole(body)) => self.queue_ordered(slot, &[&bytes, &body]),
            (BodyPlan::Chunked | BodyPlan::UntilClose, Body::Stream(stream)) => {
                self.queue_ordered(slot, &[&bytes]);
                answer.stream = Some(stream);
                answer.complete = false;
                answer.chunked = plan == BodyPlan::Chunked;
                answer.keep_alive &= answer.chunked;
            }
            _ => self.queue_ordered(slot, &[&bytes]),
        }
        if let Some(peer) = self.peers.at_mut(slot) {
            peer.phase = Phase::Answering(Box::new(answer));
            self.deadlines.set(queue::CLOSE, slot, self.now.tick + self.close_wait());
        }
        self.charge(slot);
    }

    /// How much more may be owed to clients privately.
    pub(super) fn outbox_room(&self) -> usize {
        self.limits.outbox_bytes_total.saturating_sub(self.outbox_total)
    }

    /// Some of an answer was taken, or nothing is left of it.
    pub(in crate::engine) fn answer_progress(&mut self, slot: u32, written: usize) {
        let due = self.now.tick + self.close_wait();
        if written > 0 {
            self.deadlines.set(queue::CLOSE, slot, due);
        }
        let Some(peer) = self.peers.at_mut(slot) else { return };
        let unsent = peer.transport.as_ref().is_some_and(|transport| transport.unsent() > 0);
        if peer.outbox.is_some() || unsent {
            return;
        }
        let Phase::Answering(answer) = &peer.phase else { return };
        if !answer.complete {
            return;
        }
        if answer.keep_alive && !peer.ended {
            let id = peer.id;
            peer.identity = Identity::ANONYMOUS;
            peer.phase = Phase::Head(HeadScan::default());
            peer.unparsed = !peer.partial.is_empty();
            if self.stopping {
                // The next request may be there already; else this was the last answer.
                peer.readable = true;
                self.deadlines.set(queue::CLOSE, slot, due);
            } else {
                let due = self.now.tick + self.limits.keep_alive;
                self.deadlines.set(queue::KEEP_ALIVE, slot, due);
            }
            self.forget_expiry(id);
            self.mark_ready(slot);
        } else {
            self.linger(slot);
        }
    }
}
