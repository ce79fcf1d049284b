//! Deadlines of fixed length, one queue per kind.
//!
//! Each slot stands in at most one queue. Since every entry of a queue is due the same time after it was set, the queues are in order
//! of themselves: setting, moving and clearing cost a few pointer writes, and nothing stale is ever left behind.

use crate::ground::time::Tick;

const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    due: Tick,
    previous: u32,
    next: u32,
    /// The queue it stands in, or `IDLE`.
    queue: u8,
}

const IDLE: u8 = u8::MAX;

#[derive(Debug, Clone, Copy)]
struct Queue {
    first: u32,
    last: u32,
}

/// The deadlines of a set of slots, in `QUEUES` queues.
#[derive(Debug)]
pub(crate) struct Deadlines<const QUEUES: usize> {
    nodes: Vec<Node>,
    queues: [Queue; QUEUES],
}

impl<const QUEUES: usize> Deadlines<QUEUES> {
    pub(crate) fn new() -> Self {
        Self { nodes: Vec::new(), queues: [Queue { first: NONE, last: NONE }; QUEUES] }
    }

    /// Bytes that `slots` slots take.
    pub(crate) const fn bytes_for(slots: usize) -> usize {
        slots * size_of::<Node>()
    }

    /// Sets the slot's deadline, in place of the one it had. A `due` before that of the queue's last entry is moved up to it, so that the
    /// queue stays in order: a deadline may come late by what its queue's length was shortened, never early.
    pub(crate) fn set(&mut self, queue: usize, slot: u32, due: Tick) {
        self.clear(slot);
        let index = slot as usize;
        if index >= self.nodes.len() {
            self.nodes.resize(index + 1, Node { due: Tick::ZERO, previous: NONE, next: NONE, queue: IDLE });
        }
        let last = self.queues[queue].last;
        let due = if last == NONE { due } else { due.max(self.nodes[last as usize].due) };
        self.nodes[index] = Node { due, previous: last, next: NONE, queue: queue as u8 };
        if last == NONE {
            self.queues[queue].first = slot;
        } else {
            self.nodes[last as usize].next = slot;
        }
        self.queues[queue].last = slot;
    }

    /// Takes the slot out of whatever queue it stands in.
    pub(crate) fn clear(&mut self, slot: u32) {
        let Some(node) = self.nodes.get_mut(slot as usize) else { return };
        if node.queue == IDLE {
            return;
        }
        let Node { previous, next, queue, .. } = *node;
        node.queue = IDLE;
        match previous {
            NONE => self.queues[queue as usize].first = next,
            _ => self.nodes[previous as usize].next = next,
        }
        match next {
            NONE => self.queues[queue as usize].last = previous,
            _ => self.nodes[next as usize].previous = previous,
        }
    }

    /// The queue the slot stands in.
    pub(crate) fn queue_of(&self, slot: u32) -> Option<usize> {
        let queue = self.nodes.get(slot as usize)?.queue;
        (queue != IDLE).then_some(queue as usize)
    }

    /// The earliest deadline of all.
    pub(crate) fn next(&self) -> Option<Tick> {
        self.queues.iter().filter_map(|q| self.nodes.get(q.first as usize)).map(|node| node.due).min()
    }

    /// Takes out one deadline that is due, with its queue.
    pub(crate) fn pop(&mut self, now: Tick) -> Option<(usize, u32)> {
        for queue in 0..QUEUES {
            let slot = self.queues[queue].first;
            if self.nodes.get(slot as usize).is_some_and(|node| node.due <= now) {
                self.clear(slot);
                return Some((queue, slot));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a plain list, under random operations.
    #[test]
    fn agrees_with_a_naive_model() {
        for seed in 0..50 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut real = Deadlines::<3>::new();
            let mut model: Vec<(usize, u32, Tick)> = Vec::new();
            let lengths = [10, 50, 200];
            let mut now = 0;
            for _ in 0..2_000 {
                now += rng.u64(0..5);
                let slot = rng.u32(0..20);
                match rng.u8(0..10) {
                    0..5 => {
                        let queue = rng.usize(0..3);
                        let due = Tick(now + lengths[queue]);
                        real.set(queue, slot, due);
                        model.retain(|&(_, s, _)| s != slot);
                        model.push((queue, slot, due));
                    }
                    5 => {
                        real.clear(slot);
                        model.retain(|&(_, s, _)| s != slot);
                    }
                    _ => {
                        while let Some((queue, slot)) = real.pop(Tick(now)) {
                            let at = model.iter().position(|&(q, s, _)| (q, s) == (queue, slot));
                            let (_, _, due) = model.remove(at.expect("popped what was set"));
                            assert!(due <= Tick(now), "seed {seed}: early");
                        }
                        assert!(model.iter().all(|&(_, _, due)| due > Tick(now)), "seed {seed}: missed one");
                    }
                }
                assert_eq!(real.next(), model.iter().map(|&(_, _, due)| due).min(), "seed {seed}");
            }
        }
    }
}
