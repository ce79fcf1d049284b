//! Answers that are pulled from a source, as clients take them.

use crate::{
    engine::{Engine, peer::Phase, ports::Ports, queue, transport::Transport},
    ground::{
        foreign::{self, Panicked},
        id::ConnId,
        limits::STREAM_BYTES,
    },
    hub::identity::Identity,
    wire::{
        answer::{LAST_CHUNK, encode_chunk},
        response::Pulled,
    },
};
use std::mem;

impl<T: Transport, P: Ports> Engine<T, P> {
    /// If the answer is streamed: it may take as long as a WebSocket, and like one lasts no longer than the identity that it was given to.
    pub(super) fn streams_to(&mut self, conn: ConnId, identity: Identity) {
        let Some(peer) = self.peers.at_mut(conn.slot) else { return };
        if peer.is_streamed_to() {
            peer.identity = identity.clone();
            self.await_expiry(conn, &identity);
        }
    }

    /// Pulls more of a streamed answer, when the client has taken most of what was pulled before.
    pub(in crate::engine) fn feed_answer(&mut self, slot: u32) {
        let room_left = self.outbox_room();
        let Some(peer) = self.peers.at_mut(slot) else { return };
        let queued = peer.outbox_len();
        let Phase::Answering(answer) = &mut peer.phase else { return };
        if answer.complete || answer.waits || queued >= STREAM_BYTES {
            return;
        }
        let chunked = answer.chunked;
        let Some(stream) = answer.stream.as_deref_mut() else { return };
        let mut pulled = Vec::new();
        let room = (STREAM_BYTES - queued).min(room_left);
        if room == 0 {
            // Nobody would wake it when there is room again; cut short, it can be asked for once more.
            self.stats.streams_aborted += 1;
            self.drop_peer(slot, crate::ground::close::CloseCause::Overload);
            return;
        }
        let outcome = foreign::call(|| stream.pull(room, &mut pulled)).unwrap_or_else(|Panicked| {
            self.stats.contract_panics += 1;
            Pulled::Abort
        });
        match outcome {
            Pulled::More => {}
            Pulled::Wait => {
                answer.waits = true;
                // Its leaving must be noticed.
                self.mark_ready(slot);
            }
            Pulled::End => (answer.complete, answer.stream) = (true, None),
            Pulled::Abort => {
                self.stats.streams_aborted += 1;
                // Without its end, the client can tell that the body is not whole.
                self.drop_peer(slot, crate::ground::close::CloseCause::Contract);
                return;
            }
        }
        let mut bytes = Vec::new();
        if chunked {
            encode_chunk(&pulled, &mut bytes);
            if outcome == Pulled::End {
                bytes.extend_from_slice(LAST_CHUNK);
            }
        } else {
            bytes = pulled;
        }
        if !bytes.is_empty() {
            self.queue_ordered(slot, &[&bytes]);
        } else if outcome == Pulled::More {
            // A source that has nothing but says there is more would spin; it is asked again when the host resumes it.
            if let Some(Phase::Answering(answer)) = self.peers.at_mut(slot).map(|peer| &mut peer.phase) {
                answer.waits = true;
                self.mark_ready(slot);
            }
        }
    }

    /// The source of a streamed answer has more. False when there is no such answer.
    pub(in crate::engine) fn resume_answer(&mut self, conn: ConnId) -> bool {
        let due = self.now.tick + self.close_wait();
        if self.peers.get(conn).is_none() {
            return false;
        }
        let Some(peer) = self.peers.at_mut(conn.slot) else { return false };
        let idle = peer.outbox.is_none();
        let Phase::Answering(answer) = &mut peer.phase else { return false };
        if mem::take(&mut answer.waits) && idle {
            // It has taken all there was, so its time for what comes now begins now.
            self.deadlines.set(queue::CLOSE, conn.slot, due);
        }
        self.mark_dirty(conn.slot);
        true
    }
}
