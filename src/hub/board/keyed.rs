//! The latest value of every key of a topic, as the frames that a newcomer gets.

use crate::ground::{
    frame::{Header, Opcode},
    limits::{KEY_COST_BYTES, KEYED_BYTES_MAX, KEYS_PER_TOPIC_MAX},
};
use std::collections::HashMap;

/// The latest frame of every key.
#[derive(Debug, Default)]
pub(super) struct Keyed {
    places: HashMap<Box<str>, usize>,
    pub(super) frames: Vec<Box<[u8]>>,
    /// Bytes of frames and names.
    bytes: usize,
}

impl Keyed {
    /// Whether it was there.
    pub(super) fn forget(&mut self, key: &str) -> bool {
        let Some(place) = self.places.remove(key) else { return false };
        let frame = self.frames.remove(place);
        self.bytes -= frame.len() + key.len();
        // The order in which the keys first appeared is kept.
        self.places.values_mut().filter(|other| **other > place).for_each(|other| *other -= 1);
        true
    }

    /// What it takes: its bytes, and a place for each key.
    pub(super) fn cost(&self) -> usize {
        self.bytes + self.frames.len() * KEY_COST_BYTES
    }

    /// False when there is no room: here, or when it would cost `room` more than it does.
    pub(super) fn put(&mut self, key: &str, opcode: Opcode, payload: &[u8], room: usize) -> bool {
        let header = Header::new(opcode, payload.len());
        let len = header.as_slice().len() + payload.len();
        let place = self.places.get(key).copied();
        let freed = place.map_or(0, |place| self.frames[place].len());
        let named = if place.is_none() { key.len() } else { 0 };
        let placed = if place.is_none() { KEY_COST_BYTES } else { 0 };
        if (len + named + placed).saturating_sub(freed) > room {
            return false;
        }
        if self.bytes - freed + len + named > KEYED_BYTES_MAX
            || (place.is_none() && self.frames.len() >= KEYS_PER_TOPIC_MAX)
        {
            return false;
        }
        self.bytes = self.bytes - freed + len + named;
        let frame = [header.as_slice(), payload].concat().into_boxed_slice();
        match place {
            Some(place) => self.frames[place] = frame,
            None => {
                self.places.insert(key.into(), self.frames.len());
                self.frames.push(frame);
            }
        }
        true
    }
}
