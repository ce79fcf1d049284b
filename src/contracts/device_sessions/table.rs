//! All devices that are known, by place, by name and by session.

use super::device::Device;
use crate::ground::time::Tick;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A device's place. It is another's when the device has been forgotten.
pub(super) type Place = u32;

/// See the module.
#[derive(Debug)]
pub(super) struct Devices {
    places: Vec<Option<Device>>,
    free: Vec<Place>,
    names: BTreeMap<Arc<str>, Place>,
    /// Of every session of a device: active, recent, provisional, about to begin.
    sessions: BTreeMap<Arc<str>, Place>,
    /// Of each device at most one.
    alarms: BTreeSet<(Tick, Place)>,
    max: usize,
}

impl Devices {
    pub(super) fn new(max: usize) -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            names: BTreeMap::new(),
            sessions: BTreeMap::new(),
            alarms: BTreeSet::new(),
            max,
        }
    }

    /// Bytes for each device: its place, which a vector that grows by doubling holds, in all tables, without what it owns.
    pub(super) const BYTES_PER_DEVICE: usize =
        2 * size_of::<Option<Device>>() + 2 * size_of::<Place>() + 4 * size_of::<(Arc<str>, Place)>();
    /// Bytes for each session, likewise.
    pub(super) const BYTES_PER_SESSION: usize = 2 * size_of::<(Arc<str>, Place)>();

    pub(super) fn get(&self, at: Place) -> Option<&Device> {
        self.places.get(at as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: Place) -> Option<&mut Device> {
        self.places.get_mut(at as usize)?.as_mut()
    }

    pub(super) fn named(&self, name: &str) -> Option<Place> {
        self.names.get(name).copied()
    }

    /// The device that a session belongs to.
    pub(super) fn of_session(&self, id: &str) -> Option<Place> {
        self.sessions.get(id).copied()
    }

    /// All places, in the order of the devices' names.
    pub(super) fn places(&self) -> Vec<Place> {
        self.names.values().copied().collect()
    }

    /// The place of a device, which is there from now on; `None`: there is no room for it.
    pub(super) fn enter(&mut self, name: &str) -> Option<Place> {
        if let Some(at) = self.named(name) {
            return Some(at);
        }
        if self.names.len() >= self.max {
            return None;
        }
        let id: Arc<str> = name.into();
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            (self.places.len() - 1) as Place
        });
        self.names.insert(Arc::clone(&id), at);
        self.places[at as usize] = Some(Device::new(id));
        Some(at)
    }

    /// Forgets a device of which nothing is left.
    pub(super) fn leave(&mut self, at: Place) {
        let Some(device) = self.places.get_mut(at as usize).and_then(Option::take) else { return };
        self.names.remove(&device.id);
        if let Some(id) = device.provisional {
            self.sessions.remove(&id);
        }
        if let Some(alarm) = device.alarm {
            self.alarms.remove(&(alarm, at));
        }
        self.free.push(at);
    }

    /// A session of this device is known from now on.
    pub(super) fn add_session(&mut self, id: &Arc<str>, at: Place) {
        self.sessions.insert(Arc::clone(id), at);
    }

    pub(super) fn remove_session(&mut self, id: &str) {
        self.sessions.remove(id);
    }

    /// Looks at a device at this time, if not earlier. One that need be looked at later than was said before is looked at in vain then: so data
    /// costs no change of the order.
    pub(super) fn look_at(&mut self, at: Place, due: Tick) {
        let Some(device) = self.places.get_mut(at as usize).and_then(Option::as_mut) else { return };
        match device.alarm {
            Some(alarm) if alarm <= due => {}
            earlier => {
                device.alarm = Some(due);
                if let Some(alarm) = earlier {
                    self.alarms.remove(&(alarm, at));
                }
                self.alarms.insert((due, at));
            }
        }
    }

    /// When the next device is to be looked at.
    pub(super) fn next_look(&self) -> Option<Tick> {
        self.alarms.first().map(|&(due, _)| due)
    }

    /// Takes out a device that is to be looked at now.
    pub(super) fn next_due(&mut self, now: Tick) -> Option<Place> {
        let &(due, at) = self.alarms.first().filter(|(due, _)| *due <= now)?;
        self.alarms.remove(&(due, at));
        if let Some(device) = self.get_mut(at) {
            device.alarm = None;
        }
        Some(at)
    }

    /// Nothing is left, for tests: what is forgotten leaves nothing behind.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
            && self.sessions.is_empty()
            && self.alarms.is_empty()
            && self.places.iter().all(Option::is_none)
    }
}
