//! Reading: from bytes to heads, bodies and messages.

use super::{Engine, peer::Phase, ports::Ports, queue, transport::Transport};
use crate::{
    ground::{
        close::{CloseCause, CloseCode},
        limits::{PARKED_BYTES_MAX, PREFIX_BYTES_MAX, READ_BYTES_PER_CONNECTION, REFUSALS_MAX},
    },
    wire::{
        head::HeadFault,
        protocol::Item,
        walker::{PeerAnswer, Step},
    },
};
use std::{io, mem};

impl<T: Transport, P: Ports> Engine<T, P> {
    /// Reads from those that are ready, each at most once, until the turn's budget is spent.
    pub(super) fn run_reads(&mut self) {
        let mut buffer = mem::take(&mut self.buffer);
        for _ in 0..self.ready.len() {
            if self.has_done_enough() {
                break;
            }
            let Some(slot) = self.ready.pop_front() else { break };
            if let Some(peer) = self.peers.at_mut(slot) {
                peer.in_ready = false;
                let taken = self.read_peer(slot, &mut buffer);
                self.effort += taken;
                self.charge(slot);
                if self.stopping {
                    self.stop_peer(slot);
                }
            }
            self.tidy();
        }
        self.buffer = buffer;
    }

    /// Reads from one connection until it has nothing more, must wait, or has had its share. Returns the bytes read.
    fn read_peer(&mut self, slot: u32, buffer: &mut [u8]) -> usize {
        let mut taken = 0;
        loop {
            let Some(peer) = self.peers.at_mut(slot) else { return taken };
            if peer.paused || peer.choked {
                return taken;
            }
            match &peer.phase {
                // What comes behind a request waits in the socket until that is answered.
                Phase::Answering(answer) if !answer.waits => return taken,
                Phase::Over => return taken,
                // Where there is nothing to be done for it, it is read only so far that its leaving is noticed.
                Phase::Parked(_) | Phase::Answering(_) if peer.partial.len() >= PARKED_BYTES_MAX => {
                    self.stats.pauses += 1;
                    return taken;
                }
                Phase::Open(mount, _) => {
                    let mount = *mount;
                    if self.must_pause(mount) {
                        self.pause(slot);
                        return taken;
                    }
                }
                _ => {}
            }
            let Some(peer) = self.peers.at_mut(slot) else { return taken };
            let ahead = matches!(peer.phase, Phase::Parked(_) | Phase::Answering(_));
            if peer.unparsed && !ahead {
                peer.unparsed = false;
                let mut bytes = mem::take(&mut peer.partial);
                let consumed = self.process(slot, &mut bytes);
                self.keep(slot, bytes, consumed);
                match self.peers.at(slot) {
                    Some(peer) if !peer.unparsed => continue,
                    _ => return taken,
                }
            }
            if !peer.readable {
                return taken;
            }
            if taken >= READ_BYTES_PER_CONNECTION {
                self.mark_ready(slot);
                return taken;
            }
            let Some(transport) = peer.transport.as_mut() else { return taken };
            // A small rest is put before the new bytes, so that both are parsed in one go; a large one, or one that nobody may look at yet, is
            // completed where it lies.
            let kept = peer.partial.len();
            let in_place = kept > PREFIX_BYTES_MAX || ahead;
            let from = if in_place { 0 } else { kept };
            // Whoever waits may send ahead so much and no more.
            let to = if ahead { PARKED_BYTES_MAX - kept } else { buffer.len() };
            let room = to - from;
            self.stats.reads += 1;
            let outcome = transport.read(&mut buffer[from..to]);
            if transport.unsent() > 0 {
                // Reading had something to say, as when keys are agreed upon: nobody else would send it.
                self.mark_dirty(slot);
            }
            let Some(peer) = self.peers.at_mut(slot) else { return taken };
            let n = match outcome {
                Ok(0) if matches!(peer.phase, Phase::Answering(_)) => {
                    // It is met again behind the answer, which the client may still take: if that comes soon.
                    peer.hung_up = true;
                    self.deadlines.set(queue::CLOSE, slot, self.now.tick + self.close_wait());
                    return taken;
                }
                Ok(0) => {
                    peer.readable = false;
                    peer.ended = true;
                    self.peer_ended(slot);
                    return taken;
                }
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    peer.readable = false;
                    return taken;
                }
                Err(_) => {
                    self.drop_peer(slot, CloseCause::Lost);
                    return taken;
                }
            };
            if T::SHORT_IS_DRAINED && n < room && !peer.hung_up {
                peer.readable = false;
            }
            peer.heard = self.now.tick;
            peer.unanswered = false;
            taken += n;
            self.stats.bytes_in += n as u64;
            if in_place {
                let mut bytes = mem::take(&mut peer.partial);
                grow(&mut bytes, n, peer.frame_len);
                bytes.extend_from_slice(&buffer[..n]);
                let consumed = self.process(slot, &mut bytes);
                self.keep(slot, bytes, consumed);
            } else {
                buffer[..kept].copy_from_slice(&peer.partial);
                peer.partial.clear();
                let bytes = &mut buffer[..kept + n];
                let consumed = self.process(slot, bytes);
                if let Some(peer) = self.peers.at_mut(slot) {
                    let rest = &bytes[consumed..];
                    if rest.is_empty() {
                        if peer.partial.capacity() > 0 {
                            peer.partial = Vec::new();
                        }
                    } else if !matches!(peer.phase, Phase::Over | Phase::Draining { .. }) {
                        peer.partial.reserve_exact(rest.len());
                        peer.partial.extend_from_slice(rest);
                    }
                }
            }
            if self.partial_total > self.limits.partial_bytes_total {
                self.shed_partial();
            }
        }
    }

    /// Puts back what was not consumed.
    fn keep(&mut self, slot: u32, mut bytes: Vec<u8>, consumed: usize) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        if matches!(peer.phase, Phase::Over | Phase::Draining { .. }) {
            return;
        }
        debug_assert!(peer.partial.is_empty());
        if consumed == 0 {
            peer.partial = bytes;
        } else if consumed < bytes.len() {
            // A fresh allocation of the right size, rather than a small rest in a large buffer.
            peer.partial = bytes.split_off(consumed);
        }
        self.charge(slot);
    }

    /// Takes what is whole out of `bytes`; returns how many bytes that was.
    fn process(&mut self, slot: u32, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let Some(peer) = self.peers.at_mut(slot) else { return bytes.len() };
            match &mut peer.phase {
                Phase::Head(scan) => {
                    if at == 0
                        && peer.partial.is_empty()
                        && self.deadlines.queue_of(slot) == Some(queue::KEEP_ALIVE)
                    {
                        // The next request on a kept connection has begun.
                        self.deadlines.set(queue::HANDSHAKE, slot, self.now.tick + self.limits.handshake);
                    }
                    let rest = &bytes[at..];
                    match scan.find_end(rest) {
                        Some(end) if end <= self.limits.head_bytes => {
                            self.head(slot, &rest[..end]);
                            at += end;
                        }
                        None if rest.len() <= self.limits.head_bytes => break,
                        _ => {
                            let fault = HeadFault::TooLarge;
                            self.refuse(slot, fault.status(), fault.message());
                        }
                    }
                }
                Phase::Body(pending, reader) => match reader.feed(&bytes[at..], &mut pending.body) {
                    Ok(fed) => {
                        at += fed.consumed;
                        if fed.done {
                            self.body_complete(slot);
                        }
                    }
                    Err(fault) => self.refuse(slot, fault.status(), fault.message()),
                },
                Phase::Open(..) => {
                    let (consumed, more) = self.messages(slot, &mut bytes[at..]);
                    at += consumed;
                    if !more {
                        break;
                    }
                }
                Phase::Closing { receiver, answered, .. } => {
                    if *answered {
                        return bytes.len();
                    }
                    let scan = receiver.scan_for_close(&bytes[at..]);
                    at += scan.consumed;
                    match scan.answer {
                        PeerAnswer::NotYet => break,
                        PeerAnswer::Closed => *answered = true,
                        // No close will be found in it: as good as closed.
                        PeerAnswer::Nonsense => *answered = true,
                    }
                    self.closing_done(slot);
                    return bytes.len();
                }
                Phase::Draining { left } => {
                    *left = left.saturating_sub(bytes.len() - at);
                    if *left == 0 {
                        self.stats.lingers_cut += 1;
                        self.drop_peer(slot, CloseCause::Lost);
                    }
                    return bytes.len();
                }
                // These keep what comes: it is the next request, or the first frames.
                Phase::Parked(_) | Phase::Answering(_) => {
                    peer.unparsed = true;
                    break;
                }
                Phase::Over => return bytes.len(),
            }
        }
        at
    }

    /// Takes whole frames. Returns the bytes consumed, and whether the phase has changed so that the rest is for another.
    fn messages(&mut self, slot: u32, bytes: &mut [u8]) -> (usize, bool) {
        let mut at = 0;
        loop {
            let Some(peer) = self.peers.at_mut(slot) else { return (bytes.len(), false) };
            let id = peer.id;
            let Phase::Open(mount, receiver) = &mut peer.phase else { return (at, true) };
            let mount = *mount;
            let acted = match receiver.next(&mut bytes[at..], &self.frame_limits) {
                Step::Item { item, consumed } => {
                    at += consumed;
                    match item {
                        Item::Message(message) => {
                            self.stats.messages_in += 1;
                            self.with_contract(mount, |contract, fx| contract.message(fx, id, message))
                        }
                        Item::Assembled(assembled) => {
                            self.stats.messages_in += 1;
                            self.with_contract(mount, |contract, fx| {
                                contract.message(fx, id, assembled.as_message());
                            })
                        }
                        Item::Fragment => {
                            self.charge(slot);
                            if self.partial_total > self.limits.partial_bytes_total {
                                self.shed_partial();
                            }
                            true
                        }
                        Item::Reply(pong) => {
                            self.queue_urgent(slot, &[pong.as_slice()]);
                            true
                        }
                        Item::Pong => false,
                        Item::Close(close) => {
                            self.peer_closed(slot, &close);
                            return (at, true);
                        }
                    }
                }
                Step::NeedMore { frame_len } => {
                    peer.frame_len = frame_len.map_or(0, |len| len as u32);
                    return (at, false);
                }
                Step::Fault(fault) => {
                    let (code, what) = (fault.code, fault.what);
                    log::debug!("{id}: {what}");
                    // What was queued in answer to earlier frames still goes out; the topics are of no use any more.
                    self.unsubscribe_all(slot);
                    self.begin_close(slot, code, what, CloseCause::Fault, false);
                    return (at, true);
                }
                Step::Ended => return (at, true),
            };
            if acted && at < bytes.len() && self.must_stop(slot) {
                return (at, false);
            }
        }
    }

    /// Whether a connection must not be served any further in this turn, although bytes of it are at hand.
    fn must_stop(&mut self, slot: u32) -> bool {
        let Some(peer) = self.peers.at(slot) else { return true };
        let Phase::Open(mount, _) = peer.phase else { return false };
        let (choked, saturated) = (peer.choked, self.board.is_saturated());
        let pause = self.must_pause(mount);
        let untold = self.ledger.refusals() >= REFUSALS_MAX;
        let stop = choked || saturated || pause || untold || !self.broken.is_empty();
        if stop {
            if let Some(peer) = self.peers.at_mut(slot) {
                peer.unparsed = true;
            }
            if pause {
                self.pause(slot);
            } else if !choked {
                self.mark_ready(slot);
            }
        }
        stop
    }

    fn pause(&mut self, slot: u32) {
        if let Some(peer) = self.peers.at_mut(slot)
            && !peer.paused
        {
            peer.paused = true;
            self.stats.pauses += 1;
            let id = peer.id;
            if let Some(mount) = peer.mount() {
                let mount = &mut self.mounts[mount.index()];
                // Those who left meanwhile are passed over when their turn comes, or, when they are the most, here.
                if mount.paused.len() > 2 * mount.connections {
                    mount.paused.retain(|id| self.peers.get(*id).is_some_and(|peer| peer.paused));
                }
                mount.paused.push_back(id);
            }
            self.mourn(slot);
            if self.outbound.is_blocked(&self.ports) {
                self.ports.want_event_room();
            }
        }
    }

    /// Brings the budget of partial bytes up to date with what a connection holds.
    pub(super) fn charge(&mut self, slot: u32) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        let in_phase = match &peer.phase {
            Phase::Open(_, receiver) => receiver.held_bytes(),
            Phase::Body(pending, _) | Phase::Parked(pending) => {
                pending.head.capacity() + pending.body.capacity()
            }
            _ => 0,
        };
        let holds = peer.partial.capacity() + in_phase;
        let held = mem::replace(&mut peer.charged, holds);
        if held == holds {
            return;
        }
        self.partial_total = self.partial_total - held + holds;
        self.holders.remove(&(held, slot));
        if holds > 0 {
            self.holders.insert((holds, slot));
        }
    }

    /// The budget of partial bytes is spent: whoever holds the most of it goes.
    fn shed_partial(&mut self) {
        let Some(&(_, slot)) = self.holders.last() else { return };
        let Some(peer) = self.peers.at_mut(slot) else { return };
        (peer.partial, peer.unparsed) = (Vec::new(), false);
        let why = "the server has no room for what is incomplete";
        match &mut peer.phase {
            Phase::Open(..) => {
                self.begin_close(slot, CloseCode::TRY_AGAIN, why, CloseCause::Overload, true);
            }
            Phase::Head(_) | Phase::Body(..) | Phase::Parked(_) => self.refuse(slot, 503, why),
            // What is on its way to it still goes out; with the bytes that are gone, nothing can follow.
            Phase::Answering(answer) => answer.keep_alive = false,
            Phase::Closing { answered, .. } => {
                *answered = true;
                self.closing_done(slot);
            }
            Phase::Draining { .. } | Phase::Over => {}
        }
        self.charge(slot);
    }
}

/// Makes room for `more` bytes: by doubling, but not beyond the frame that is being completed. What the frame claims is never allocated
/// ahead of what has arrived.
fn grow(bytes: &mut Vec<u8>, more: usize, frame_len: u32) {
    let needed = bytes.len() + more;
    if needed > bytes.capacity() {
        let doubled = bytes.capacity() * 2;
        let target = doubled.min(frame_len as usize).max(needed);
        bytes.reserve_exact(target - bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_never_allocated_ahead() {
        let mut bytes = vec![0; 100];
        grow(&mut bytes, 10, u32::MAX);
        assert_eq!(bytes.capacity(), 200);
        bytes.resize(200, 0);
        grow(&mut bytes, 10, 250);
        assert_eq!(bytes.capacity(), 250);
        bytes.resize(250, 0);
        grow(&mut bytes, 10, 0);
        assert!(bytes.capacity() >= 260);
    }
}
