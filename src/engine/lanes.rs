//! What connections are owed privately: queued, bounded, and taken back.

use super::{Engine, ports::Ports, transport::Transport};
use crate::{
    ground::{
        close::{CloseCause, CloseCode},
        limits::SPARE_OUTBOXES,
    },
    hub::{cursor::Rest, outbox::Outbox},
};

impl<T: Transport, P: Ports> Engine<T, P> {
    fn take_outbox(&mut self, slot: u32) -> Box<Outbox> {
        let existing = self.peers.at_mut(slot).and_then(|peer| peer.outbox.take());
        existing.or_else(|| self.spare_outboxes.pop()).unwrap_or_default()
    }

    /// Keeps an outbox for another connection, if it is small and few are kept.
    pub(super) fn spare(&mut self, mut outbox: Box<Outbox>) {
        if let Some(rest) = outbox.take_rest() {
            self.board.give_back(rest);
        }
        if outbox.reset() && self.spare_outboxes.len() < SPARE_OUTBOXES {
            self.spare_outboxes.push(outbox);
        }
    }

    /// Queues the rest of a frame before everything else. It costs nothing private: the board has it in its budget.
    pub(super) fn queue_rest(&mut self, slot: u32, rest: Rest) {
        let mut outbox = self.take_outbox(slot);
        outbox.put_rest(rest);
        match self.peers.at_mut(slot).filter(|peer| peer.transport.is_some()) {
            Some(peer) => peer.outbox = Some(outbox),
            None => self.spare(outbox),
        }
        self.mark_dirty(slot);
    }

    /// Queues bytes before everything else: no frame overtakes them, and they are never dropped.
    pub(super) fn queue_first(&mut self, slot: u32, bytes: &[u8]) {
        let mut outbox = self.take_outbox(slot);
        outbox.push_first(bytes);
        self.outbox_total += bytes.len();
        if let Some(peer) = self.peers.at_mut(slot) {
            peer.outbox = Some(outbox);
        }
        self.mark_dirty(slot);
    }

    /// Queues one frame, in pieces, in order with everything else.
    pub(super) fn queue_ordered(&mut self, slot: u32, pieces: &[&[u8]]) {
        let seq = self.board.next_seq();
        self.queue(slot, pieces, |outbox| outbox.push_ordered(seq, pieces));
    }

    /// Queues whole frames ahead of everything but the frame that is partly sent.
    pub(super) fn queue_urgent(&mut self, slot: u32, pieces: &[&[u8]]) {
        self.queue(slot, pieces, |outbox| outbox.push_urgent(pieces));
    }

    fn queue(&mut self, slot: u32, pieces: &[&[u8]], push: impl FnOnce(&mut Outbox)) {
        let added: usize = pieces.iter().map(|piece| piece.len()).sum();
        let Some(peer) = self.peers.at(slot).filter(|peer| peer.transport.is_some()) else { return };
        let (open, held) = (peer.is_open(), peer.outbox_len());
        // A close frame, or the answer to a request, is always taken: it is bounded by what it is.
        let too_slow = held > 0 && held + added > self.limits.outbox_bytes;
        let overload = self.outbox_total + added > self.limits.outbox_bytes_total;
        if open && (too_slow || overload) {
            let (reason, cause) = if too_slow {
                ("the client does not take what it is sent", CloseCause::TooSlow)
            } else {
                ("the server holds too much that clients do not take", CloseCause::Overload)
            };
            self.begin_close(slot, CloseCode::TRY_AGAIN, reason, cause, true);
            return;
        }
        let mut outbox = self.take_outbox(slot);
        let before = outbox.len();
        push(&mut outbox);
        self.outbox_total += outbox.len() - before;
        self.stats.frames_private += 1;
        let choke = outbox.len() > self.limits.outbox_bytes / 4;
        if let Some(peer) = self.peers.at_mut(slot) {
            peer.outbox = Some(outbox);
            peer.choked |= choke && peer.is_open();
            if peer.choked {
                self.mourn(slot);
            }
        }
        self.mark_dirty(slot);
    }

    /// Drops what is queued privately, but for the frame that is partly sent.
    pub(super) fn drop_queued(&mut self, slot: u32) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        let Some(outbox) = peer.outbox.as_mut() else { return };
        let before = outbox.len();
        outbox.keep_begun();
        self.outbox_total -= before - outbox.len();
        if let Some(empty) = peer.outbox.take_if(|outbox| outbox.is_empty()) {
            self.spare(empty);
        }
    }
}
