//! Writing: what each connection is owed, in order, as much as its transport takes.

use super::{
    Engine,
    peer::{Peer, Phase, SubRef},
    ports::Ports,
    transport::Transport,
};
use crate::{
    ground::{
        close::{CloseCause, CloseCode},
        limits::{FANOUT_SLICE_UNITS, IO_SLICES_MAX, PRIVATE_UNITS_PER_TURN, WRITE_BYTES_PER_TURN},
    },
    hub::{board::Board, outbox::Outbox},
};
use std::{
    io::{self, IoSlice},
    mem,
};

/// Where a run of bytes in a write came from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// The rest of a frame of a subscription that has ended.
    Rest,
    Urgent,
    Ordered,
    /// The n-th subscription of the connection.
    Topic(usize),
}

/// A run of bytes in a write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    source: Source,
    bytes: usize,
}

/// One unit of a slice of writes is one write, and one more for each of so many bytes.
const UNIT_BYTES: usize = 8 << 10;

impl<T: Transport, P: Ports> Engine<T, P> {
    /// Writes what is owed privately to everyone, then a slice of the fan-out.
    pub(super) fn flush(&mut self) {
        let left = self.flush_private(PRIVATE_UNITS_PER_TURN);
        self.fan_out();
        self.tidy();
        // What ended on the way may have had something to say.
        self.flush_private(left);
        self.tidy();
    }

    /// Writes to those with something private, each once, in the order in which they got it, as far as `units` go. Returns what is left of them.
    fn flush_private(&mut self, mut units: usize) -> usize {
        for _ in 0..self.dirty.len() {
            if units == 0 {
                break;
            }
            let Some(slot) = self.dirty.pop_front() else { break };
            if let Some(peer) = self.peers.at_mut(slot) {
                peer.in_dirty = false;
                units = units.saturating_sub(self.write_peer(slot).max(1));
            }
        }
        units
    }

    /// Offers published frames to subscribers, in the order of their places, up to a slice's worth of work.
    fn fan_out(&mut self) {
        let mut units = FANOUT_SLICE_UNITS;
        while let Some(slot) = self.board.fanning_out() {
            loop {
                let topic = self.board.at(slot);
                let index = topic.pass;
                let Some(subscriber) = topic.subscribers.get_mut(index) else {
                    self.board.end_pass();
                    break;
                };
                if units == 0 {
                    return;
                }
                topic.pass += 1;
                let conn = subscriber.conn;
                let cursor = &mut subscriber.cursor;
                let Some(peer) = self.peers.at_mut(conn) else { continue };
                // What reading has left in the transport goes first, and nothing new before it is gone.
                let unsent = peer.transport.as_ref().is_some_and(|transport| transport.unsent() > 0);
                let plain = peer.is_plain() && !unsent && !subscriber.lost && cursor.detached.is_none();
                if peer.blocked || !plain {
                    units = units.saturating_sub(self.visit(slot, index, conn));
                    continue;
                }
                if cursor.is_caught_up(&topic.log) {
                    continue;
                }
                let from = cursor.offset(&topic.log);
                let to = topic.log.head().min(from + WRITE_BYTES_PER_TURN as u64);
                let (a, b) = topic.log.slices(from, to);
                let Peer { transport: Some(transport), blocked, .. } = peer else { continue };
                self.stats.writes += 1;
                let outcome = if b.is_empty() {
                    transport.write_vectored(&[IoSlice::new(a)])
                } else {
                    transport.write_vectored(&[IoSlice::new(a), IoSlice::new(b)])
                };
                match outcome {
                    Ok(n) => {
                        self.stats.bytes_out += n as u64;
                        *blocked = n < (to - from) as usize || transport.unsent() > 0;
                        let blocked = *blocked;
                        cursor.advance_in_log(&topic.log, n as u64);
                        let more = !blocked && cursor.next < topic.log.end();
                        units = units.saturating_sub(1 + n / UNIT_BYTES);
                        if more {
                            self.mark_dirty(conn);
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => *blocked = true,
                    Err(_) => self.drop_peer(conn, CloseCause::Lost),
                }
            }
        }
    }

    /// Visits a subscriber that is not plainly to be written to. Returns the units it cost.
    fn visit(&mut self, topic: u32, index: usize, conn: u32) -> usize {
        if self.peers.at(conn).is_some_and(|peer| peer.blocked) && self.board.lags(topic, index) {
            self.settle_laggard(topic, index);
        }
        if self.board.at(topic).subscribers[index].torn {
            self.drop_peer(conn, CloseCause::TooSlow);
            return 1;
        }
        if self.board.at(topic).subscribers[index].lost {
            let (code, cause) = (CloseCode::TRY_AGAIN, CloseCause::TooSlow);
            self.begin_close(conn, code, "the client reads too slowly for this topic", cause, true);
            // One that is closing already gets nothing more of this topic.
            self.unsubscribe(conn, topic);
            return 1;
        }
        if self.peers.at(conn).is_some_and(|peer| peer.blocked) {
            return 0;
        }
        self.write_peer(conn)
    }

    /// Writes what one connection is owed: what it has begun, what is urgent, then everything in the order in which it was
    /// queued, topics and private lane merged. Returns the units it cost.
    pub(super) fn write_peer(&mut self, slot: u32) -> usize {
        let mut units = 0;
        let mut written = 0;
        loop {
            self.feed_answer(slot);
            let Some(peer) = self.peers.at_mut(slot) else { return units };
            if peer.blocked {
                break;
            }
            let closing = matches!(peer.phase, Phase::Closing { .. });
            let Peer { transport: Some(transport), outbox, subs, blocked, .. } = peer else { return units };
            if transport.unsent() > 0 {
                match transport.flush() {
                    Ok(()) if transport.unsent() == 0 => {}
                    Ok(()) => *blocked = true,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => *blocked = true,
                    Err(_) => {
                        self.drop_peer(slot, CloseCause::Lost);
                        return units;
                    }
                }
                if *blocked {
                    break;
                }
            }
            if written >= WRITE_BYTES_PER_TURN {
                self.mark_dirty(slot);
                break;
            }
            let mut pieces = mem::take(&mut self.pieces);
            pieces.clear();
            let mut slices = [IoSlice::new(&[]); IO_SLICES_MAX];
            let count = {
                let mut plan =
                    Plan { pieces: &mut pieces, slices: &mut slices, count: 0, room: WRITE_BYTES_PER_TURN };
                plan.fill(outbox.as_deref(), subs.as_slice(), &self.board, closing);
                plan.count
            };
            if count == 0 {
                self.pieces = pieces;
                break;
            }
            self.stats.writes += 1;
            let outcome = transport.write_vectored(&slices[..count]);
            match outcome {
                Ok(n) => {
                    let wanted: usize = pieces.iter().map(|piece| piece.bytes).sum();
                    *blocked = n < wanted || transport.unsent() > 0;
                    self.stats.bytes_out += n as u64;
                    written += n;
                    units += 1 + n / UNIT_BYTES;
                    self.advance(slot, &pieces, n);
                    self.pieces = pieces;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    *blocked = true;
                    self.pieces = pieces;
                }
                Err(_) => {
                    self.pieces = pieces;
                    self.drop_peer(slot, CloseCause::Lost);
                    return units;
                }
            }
        }
        self.wrote(slot, written);
        units
    }

    /// `bytes` of a planned write were accepted.
    fn advance(&mut self, slot: u32, pieces: &[Piece], mut bytes: usize) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        for piece in pieces {
            let taken = piece.bytes.min(bytes);
            if taken == 0 {
                break;
            }
            bytes -= taken;
            match (piece.source, &mut peer.outbox) {
                (Source::Rest, Some(outbox)) => {
                    if let Some(rest) = outbox.advance_rest(taken) {
                        self.board.give_back(rest);
                    }
                }
                (Source::Urgent, Some(outbox)) => {
                    outbox.advance_urgent(taken);
                    self.outbox_total -= taken;
                }
                (Source::Ordered, Some(outbox)) => {
                    let held = outbox.len();
                    outbox.advance_ordered(taken);
                    self.outbox_total -= held - outbox.len();
                }
                (Source::Topic(nth), _) => {
                    let SubRef { topic, index } = peer.subs.as_slice()[nth];
                    self.board.advance(topic, index as usize, taken);
                }
                (Source::Rest | Source::Urgent | Source::Ordered, None) => {
                    debug_assert!(false, "planned from an outbox")
                }
            }
        }
    }

    /// Something was written, or nothing was left to write: what waited for that goes on.
    fn wrote(&mut self, slot: u32, written: usize) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        if let Some(outbox) = peer.outbox.take_if(|outbox| outbox.is_empty()) {
            self.spare(outbox);
        }
        let Some(peer) = self.peers.at_mut(slot) else { return };
        if peer.choked && peer.outbox_len() <= self.limits.outbox_bytes / 8 {
            peer.choked = false;
            self.listen_again(slot);
        }
        match self.peers.at(slot).map(|peer| &peer.phase) {
            Some(Phase::Closing { .. }) => self.closing_done(slot),
            Some(Phase::Answering(_)) => self.answer_progress(slot, written),
            _ => {}
        }
    }
}

/// What one write is to carry.
struct Plan<'p, 's> {
    pieces: &'p mut Vec<Piece>,
    slices: &'p mut [IoSlice<'s>; IO_SLICES_MAX],
    count: usize,
    room: usize,
}

/// How far a plan has come with one subscription.
#[derive(Clone, Copy)]
struct Place {
    /// The next frame to plan.
    next: u64,
    /// Bytes of it that are sent or planned.
    part: u64,
    detached: bool,
}

impl<'s> Plan<'_, 's> {
    /// Adds bytes; false when not all of them found room.
    fn add(&mut self, source: Source, bytes: &'s [u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        if self.count == IO_SLICES_MAX || self.room == 0 {
            return false;
        }
        let taken = bytes.len().min(self.room);
        self.slices[self.count] = IoSlice::new(&bytes[..taken]);
        self.count += 1;
        self.room -= taken;
        self.pieces.push(Piece { source, bytes: taken });
        taken == bytes.len()
    }

    fn add_log(&mut self, nth: usize, board: &'s Board, topic: u32, from: u64, to: u64) -> bool {
        let (a, b) = board.at_ref(topic).log.slices(from, to);
        self.add(Source::Topic(nth), a) && self.add(Source::Topic(nth), b)
    }

    fn add_detached(&mut self, nth: usize, board: &'s Board, sub: SubRef, only_begun: bool) -> bool {
        let subscriber = &board.at_ref(sub.topic).subscribers[sub.index as usize];
        let Some(detached) = &subscriber.cursor.detached else { return true };
        let pieces = detached.pieces.iter().enumerate();
        for (at, piece) in pieces.take(if only_begun { 1 } else { usize::MAX }) {
            let from = if at == 0 { detached.sent } else { 0 };
            if !self.add(Source::Topic(nth), &piece[from..]) {
                return false;
            }
        }
        true
    }

    /// Plans what is owed. `closing`: nothing follows the end of the ordered lane.
    fn fill(&mut self, outbox: Option<&'s Outbox>, subs: &[SubRef], board: &'s Board, closing: bool) {
        let mut ordered = 0;
        if let Some(rest) = outbox.and_then(Outbox::rest)
            && !self.add(Source::Rest, rest.as_slice())
        {
            return;
        }
        if subs.is_empty() {
            if let Some(outbox) = outbox {
                let rest = outbox.ordered_rest();
                ordered += rest.len();
                let _ = self.add(Source::Ordered, rest)
                    && self.add(Source::Urgent, outbox.urgent())
                    && self.add(Source::Ordered, outbox.ordered_before(ordered, u64::MAX));
            }
            return;
        }
        // A frame that is partly sent comes first, whichever lane it is of.
        let mut places = Vec::with_capacity(subs.len());
        for (nth, &sub) in subs.iter().enumerate() {
            let topic = board.at_ref(sub.topic);
            let subscriber = &topic.subscribers[sub.index as usize];
            if subscriber.torn {
                return;
            }
            let cursor = &subscriber.cursor;
            let mut place = Place {
                next: cursor.next,
                part: u64::from(cursor.part),
                detached: cursor.detached.is_some(),
            };
            if cursor.mid_frame() {
                let whole = if place.detached {
                    // What is partly sent is finished; a snapshot behind it has its turn, by its own place in the order, in the next
                    // write.
                    if cursor.detached.as_ref().is_some_and(|detached| detached.pieces.len() > 1) {
                        self.add_detached(nth, board, sub, true);
                        return;
                    }
                    place.detached = false;
                    self.add_detached(nth, board, sub, false)
                } else {
                    let to = topic.log.start_of(cursor.next + 1);
                    (place.next, place.part) = (cursor.next + 1, 0);
                    self.add_log(nth, board, sub.topic, cursor.offset(&topic.log), to)
                };
                if !whole {
                    return;
                }
            }
            places.push(place);
        }
        if let Some(outbox) = outbox {
            let rest = outbox.ordered_rest();
            ordered += rest.len();
            if !(self.add(Source::Ordered, rest) && self.add(Source::Urgent, outbox.urgent())) {
                return;
            }
        }
        // Then whatever was queued first, in runs as long as nothing else was queued in between.
        loop {
            let private = outbox.and_then(|outbox| outbox.next_seq(ordered));
            if closing && private.is_none() {
                return;
            }
            let of_topic = |nth: usize| -> Option<u64> {
                let (sub, place) = (subs[nth], &places[nth]);
                let topic = board.at_ref(sub.topic);
                let subscriber = &topic.subscribers[sub.index as usize];
                if subscriber.lost {
                    // It is about to be closed for a gap, and must not see beyond it.
                    return None;
                }
                let since = subscriber.cursor.since;
                if place.detached {
                    return Some(since);
                }
                topic.log.seq_of(place.next).map(|seq| seq.max(since))
            };
            let (mut first, mut second) = (private.map(|seq| (seq, None)), None::<u64>);
            for nth in 0..subs.len() {
                let Some(seq) = of_topic(nth) else { continue };
                match first {
                    Some((lowest, _)) if lowest < seq => second = Some(second.map_or(seq, |s| s.min(seq))),
                    _ => {
                        second = first.map(|(lowest, _)| lowest).or(second);
                        first = Some((seq, Some(nth)));
                    }
                }
            }
            let limit = second.unwrap_or(u64::MAX);
            let fits = match (first, outbox) {
                (None, _) => return,
                (Some((_, None)), Some(outbox)) => {
                    let run = outbox.ordered_before(ordered, limit);
                    ordered += run.len();
                    self.add(Source::Ordered, run)
                }
                (Some((_, None)), None) => return,
                (Some((_, Some(nth))), _) if places[nth].detached => {
                    places[nth].detached = false;
                    self.add_detached(nth, board, subs[nth], false)
                }
                (Some((_, Some(nth))), _) => {
                    let log = &board.at_ref(subs[nth].topic).log;
                    let from = log.start_of(places[nth].next);
                    let end = log.first_not_before(limit, places[nth].next + 1);
                    places[nth].next = end;
                    self.add_log(nth, board, subs[nth].topic, from, log.start_of(end))
                }
            };
            if !fits {
                return;
            }
        }
    }
}
