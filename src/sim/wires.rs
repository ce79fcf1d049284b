//! What a poll knows of: who is on its way in, and which connections of the engine are ready.

use super::{
    ports::SimPorts,
    transport::{SimTransport, Wire},
};
use crate::{engine::Engine, ground::id::ConnId};
use core::net::SocketAddr;
use std::{cell::RefCell, collections::VecDeque, mem, rc::Rc};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Wires {
    arriving: VecDeque<(Rc<RefCell<Wire>>, SocketAddr)>,
    /// Those that the engine has, by the slot, which is what a poll knows.
    pub(super) admitted: Vec<(ConnId, Rc<RefCell<Wire>>)>,
}

impl Wires {
    pub(super) fn arrive(&mut self, wire: Rc<RefCell<Wire>>, addr: SocketAddr) {
        self.arriving.push_back((wire, addr));
    }

    /// One that the engine has, if there is any.
    pub(super) fn any(&self, rng: &mut fastrand::Rng) -> Option<ConnId> {
        if self.admitted.is_empty() { None } else { Some(self.admitted[rng.usize(0..self.admitted.len())].0) }
    }

    /// Whether the engine is to be told of something.
    pub(super) fn has_news(&self) -> bool {
        !self.arriving.is_empty()
            || self.admitted.iter().any(|(_, wire)| {
                let wire = wire.borrow();
                !wire.dropped && (wire.readable || wire.writable)
            })
    }

    /// Lets in who arrives, and says who is ready: in any order, and of some a turn later. Returns whether there was anything to say.
    pub(super) fn poll<const S: bool>(
        &mut self,
        engine: &mut Engine<SimTransport<S>, SimPorts>,
        rng: &mut fastrand::Rng,
    ) -> bool {
        let mut busy = !self.arriving.is_empty();
        while let Some((wire, addr)) = self.arriving.pop_front() {
            let transport = SimTransport::new(Rc::clone(&wire), rng.bool());
            if let Some(id) = engine.admit(transport, addr, false) {
                self.admitted.push((id, wire));
            }
        }
        self.admitted.retain(|(_, wire)| !wire.borrow().dropped);
        rng.shuffle(&mut self.admitted);
        for (id, wire) in &self.admitted {
            let mut wire = wire.borrow_mut();
            if !(wire.readable || wire.writable) || rng.u8(0..10) == 0 {
                continue;
            }
            busy = true;
            let hung_up = mem::take(&mut wire.hung_up);
            let (readable, writable) = (mem::take(&mut wire.readable), mem::take(&mut wire.writable));
            drop(wire);
            if readable {
                engine.readable(id.slot, hung_up);
            }
            if writable {
                engine.writable(id.slot);
            }
        }
        busy
    }
}
