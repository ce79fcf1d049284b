//! Connection slots: allocated in chunks, never moved, with generations.

use crate::ground::{id::ConnId, limits::SLOT_CHUNK};

#[derive(Debug)]
struct Slot<P> {
    generation: u32,
    value: Option<P>,
}

/// A table of things by [`ConnId`].
#[derive(Debug)]
pub(crate) struct Slots<P> {
    chunks: Vec<Box<[Slot<P>]>>,
    free: Vec<u32>,
    used: usize,
    max: usize,
}

impl<P> Slots<P> {
    pub(crate) fn new(max: usize) -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), used: 0, max }
    }

    /// Bytes that `max` slots take.
    pub(crate) const fn bytes_for(max: usize) -> usize {
        max.next_multiple_of(SLOT_CHUNK) * (size_of::<Slot<P>>() + 2 * size_of::<u32>())
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Slots that were ever used: indices below it may be asked for.
    pub(crate) fn extent(&self) -> usize {
        self.chunks.len() * SLOT_CHUNK
    }

    /// Puts something into a free slot; gives it back when there is none.
    pub(crate) fn insert(&mut self, make: impl FnOnce(ConnId) -> P) -> Option<ConnId> {
        if self.used >= self.max {
            return None;
        }
        if self.free.is_empty() {
            let first = self.extent() as u32;
            self.chunks.push((0..SLOT_CHUNK).map(|_| Slot { generation: 0, value: None }).collect());
            // Low numbers first, so that tables by slot stay small.
            self.free.extend((first..first + SLOT_CHUNK as u32).rev());
        }
        let index = self.free.pop()?;
        self.used += 1;
        let slot = &mut self.chunks[index as usize / SLOT_CHUNK][index as usize % SLOT_CHUNK];
        slot.generation = slot.generation.wrapping_add(1);
        let id = ConnId::new(index, slot.generation);
        slot.value = Some(make(id));
        Some(id)
    }

    fn slot(&self, index: u32) -> Option<&Slot<P>> {
        self.chunks.get(index as usize / SLOT_CHUNK)?.get(index as usize % SLOT_CHUNK)
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot<P>> {
        self.chunks.get_mut(index as usize / SLOT_CHUNK)?.get_mut(index as usize % SLOT_CHUNK)
    }

    /// What lives under this id; nothing when it is gone.
    pub(crate) fn get(&self, id: ConnId) -> Option<&P> {
        self.slot(id.slot).filter(|slot| slot.generation == id.generation)?.value.as_ref()
    }

    /// What lives in this slot, whichever generation.
    pub(crate) fn at(&self, index: u32) -> Option<&P> {
        self.slot(index)?.value.as_ref()
    }

    /// What lives in this slot, whichever generation.
    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut P> {
        self.slot_mut(index)?.value.as_mut()
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<P> {
        let value = self.slot_mut(index)?.value.take()?;
        self.free.push(index);
        self.used -= 1;
        Some(value)
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &P)> {
        let slots = self.chunks.iter().flat_map(|chunk| chunk.iter());
        slots.enumerate().filter_map(|(i, slot)| Some((i as u32, slot.value.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_id_misses_its_successor() {
        let mut slots = Slots::new(1);
        let a = slots.insert(|_| 'a').unwrap();
        assert!(slots.insert(|_| 'x').is_none());
        assert_eq!(slots.remove(a.slot), Some('a'));
        let b = slots.insert(|_| 'b').unwrap();
        assert_eq!(a.slot, b.slot);
        assert_eq!((slots.get(a), slots.get(b)), (None, Some(&'b')));
    }
}
