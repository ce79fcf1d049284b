//! Keeping contracts: calling them, carrying out what they say, and mending what breaks.

use super::{Engine, StateKey, event::Event, ports::Ports, transport::Transport};
use crate::{
    contracts::{
        contract::{Contract, Setup},
        effects::Effects,
    },
    ground::{
        close::{CloseCause, CloseCode},
        foreign::{self, Foreign, Panicked},
        id::MountId,
    },
};
use std::mem;

impl<T: Transport, P: Ports> Engine<T, P> {
    /// Calls a contract and carries out what it says. A panic breaks the mount. Returns whether anything but the contract itself
    /// may have changed.
    #[inline]
    pub(super) fn with_contract(
        &mut self,
        id: MountId,
        call: impl FnOnce(&mut dyn Contract, &mut Effects),
    ) -> bool {
        let mount = &mut self.mounts[id.index()];
        let Some(contract) = mount.contract.as_deref_mut() else { return false };
        self.fx.now = self.now;
        let fx = &mut self.fx;
        // Whatever the contract leaves half done is thrown away with it; the effects are emptied.
        if foreign::call(|| call(contract, fx)).is_err() {
            self.fx.forget();
            self.broke(id);
            return true;
        }
        let spoke = !self.fx.ops.is_empty();
        if spoke {
            self.apply(id);
        }
        spoke
    }

    /// Remembers a panic of a contract; [`tidy`](Self::tidy) deals with it.
    pub(super) fn broke(&mut self, id: MountId) {
        self.stats.contract_panics += 1;
        let mount = &mut self.mounts[id.index()];
        log::error!("the contract at {} panicked", mount.settings.pattern);
        mount.contract = None;
        self.broken.push(id);
    }

    pub(super) fn build(&mut self, id: MountId) {
        let mount = &mut self.mounts[id.index()];
        self.fx.now = self.now;
        let mut setup = Setup {
            effects: &mut self.fx,
            mount: id,
            host_topics: &self.host_topics,
            store: self.store.as_deref(),
            #[cfg(feature = "contracts")]
            records: self.limits.records,
        };
        let factory = &mut mount.settings.factory;
        match foreign::call(|| factory.build(&mut setup)) {
            Ok(contract) => {
                mount.contract = Some(Foreign::new(contract));
                self.apply(id);
            }
            Err(Panicked) => {
                self.fx.forget();
                self.broke(id);
            }
        }
    }

    /// Closes the connections of mounts that broke, and builds their contracts anew or retires them.
    pub(super) fn mend(&mut self) {
        while let Some(id) = self.broken.pop() {
            let now = self.now.tick;
            let retire = self.mounts[id.index()].panicked(now);
            self.mounts[id.index()].deadline = None;
            for slot in 0..self.peers.extent() as u32 {
                if self.peers.at(slot).is_some_and(|peer| peer.is_open() && peer.mount() == Some(id)) {
                    let (code, cause) = (CloseCode::INTERNAL, CloseCause::ContractPanic);
                    self.begin_close(slot, code, "internal error", cause, false);
                }
            }
            // The contract that knew these connections is gone, and the next one never did: nobody is left to be told.
            let mut untold = Vec::new();
            self.farewells.retain(|&(slot, _, mount, _)| {
                if mount == id {
                    untold.push(slot);
                }
                mount != id
            });
            for slot in untold {
                if let Some(peer) = self.peers.at_mut(slot) {
                    peer.held_events = peer.held_events.saturating_sub(1);
                }
                self.free_if_done(slot);
            }
            self.ledger.forget(id);
            self.mounts[id.index()].awaited = 0;
            for topic in mem::take(&mut self.mounts[id.index()].topics) {
                self.retire_topic(topic);
            }
            if retire {
                self.stats.mounts_retired += 1;
                let pattern = &self.mounts[id.index()].settings.pattern;
                log::error!("the contract at {pattern} panicked too often: the mount is retired");
                self.state_event(StateKey::Mount(id), Event::MountRetired { mount: id });
            } else {
                self.build(id);
            }
        }
    }

    /// Tells contracts of ends, and mends what broke, until nothing is left of either.
    pub(super) fn tidy(&mut self) {
        // A contract that records again when it is refused is told of that in the next turn, not for ever in this one.
        let mut refusals = self.ledger.refusals();
        loop {
            if let Some((slot, id, mount, how)) = self.farewells.pop_front() {
                self.cause = Some(slot);
                self.with_contract(mount, |contract, fx| contract.closed(fx, id, how));
                self.cause = None;
                if let Some(peer) = self.peers.at_mut(slot) {
                    peer.held_events = peer.held_events.saturating_sub(1);
                }
                self.free_if_done(slot);
            } else if refusals > 0
                && let Some(entry) = self.ledger.next_refused()
            {
                refusals -= 1;
                self.tell_refused(entry);
            } else if !self.broken.is_empty() {
                self.mend();
            } else {
                break;
            }
        }
    }
}
