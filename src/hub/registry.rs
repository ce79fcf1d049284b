//! Which topics there are: the ids, and the limits on how many and how large.

use crate::ground::{id::TopicId, time::Tick};

/// Hands out topic ids, within a number of topics and a number of log bytes.
#[derive(Debug)]
pub(crate) struct TopicIds {
    /// The generation of each slot that was ever used. Odd while in use.
    generations: Vec<u32>,
    /// When each was last published to.
    published: Vec<Option<Tick>>,
    free: Vec<u32>,
    topics_max: usize,
    bytes_max: usize,
    bytes: usize,
}

impl TopicIds {
    pub(crate) fn new(topics_max: usize, bytes_max: usize) -> Self {
        Self {
            generations: Vec::new(),
            published: Vec::new(),
            free: Vec::new(),
            topics_max,
            bytes_max,
            bytes: 0,
        }
    }

    /// A fresh id for a topic with a log of `log_bytes`.
    pub(crate) fn allot(&mut self, log_bytes: usize) -> Result<TopicId, &'static str> {
        if log_bytes > self.bytes_max - self.bytes {
            return Err(
                "the logs of all topics would exceed log_bytes_total: raise it, or give topics smaller logs",
            );
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.generations.len() < self.topics_max => {
                self.generations.push(0);
                self.published.push(None);
                (self.generations.len() - 1) as u32
            }
            None => return Err("there are as many topics as the limit `topics` allows: raise it"),
        };
        self.bytes += log_bytes;
        let generation = &mut self.generations[slot as usize];
        *generation = generation.wrapping_add(1) | 1;
        self.published[slot as usize] = None;
        Ok(TopicId::new(slot, *generation))
    }

    /// Whether the id is in use.
    fn is_live(&self, id: TopicId) -> bool {
        id.generation % 2 == 1 && self.generations.get(id.index()) == Some(&id.generation)
    }

    /// The topic was published to.
    #[inline]
    pub(crate) fn published(&mut self, id: TopicId, now: Tick) {
        if self.is_live(id) {
            self.published[id.index()] = Some(now);
        }
    }

    /// When the topic was last published to.
    pub(crate) fn published_at(&self, id: TopicId) -> Option<Tick> {
        if self.is_live(id) { self.published[id.index()] } else { None }
    }

    /// Takes an id back. One that is not in use is passed over.
    pub(crate) fn give_back(&mut self, id: TopicId, log_bytes: usize) {
        let Some(generation) = self.generations.get_mut(id.index()) else { return };
        if *generation == id.generation {
            *generation = generation.wrapping_add(1);
            self.free.push(id.slot);
            self.bytes -= log_bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_and_old_ids_miss() {
        let mut ids = TopicIds::new(2, 100);
        let a = ids.allot(60).unwrap();
        assert!(ids.allot(60).unwrap_err().contains("log_bytes_total"));
        let b = ids.allot(40).unwrap();
        assert!(ids.allot(0).unwrap_err().contains("topics"));
        ids.give_back(a, 60);
        ids.give_back(a, 60);
        let c = ids.allot(60).unwrap();
        assert_eq!(c.slot, a.slot);
        ids.published(b, Tick::default());
        ids.published(a, Tick::default());
        assert_eq!(ids.published_at(b), Some(Tick::default()));
        assert_eq!((ids.published_at(a), ids.published_at(c)), (None, None), "another's in the same slot");
        assert!(c != a && c != b);
        assert!(ids.allot(0).is_err(), "given back twice, there once");
    }
}
