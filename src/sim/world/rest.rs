//! Rest: what must have arrived when everybody has done what is left to do, after a long wait, and when the server has stopped.

use super::{
    super::{calm::until_rest, contract::open},
    Check, World,
};
use crate::{engine::event::EventMask, ground::id::MountId};
use std::{collections::VecDeque, time::Duration};

impl<const S: bool> World<S> {
    /// Everybody does what is left to do, and nothing new, until nothing happens any more. No time passes.
    pub(super) fn settle(&mut self) -> Check {
        self.settle_with(true)
    }

    /// The same, with a host and a store that do nothing unless `awake`.
    fn settle_with(&mut self, awake: bool) -> Check {
        // The contracts have a last word about what is still said to them, such as commits.
        until_rest(200_000, 3, || {
            for index in 0..self.clients.len() {
                self.clients[index].act(self.now, true)?;
            }
            if awake {
                self.host(true)?;
                self.store(true);
            }
            let busy = self.has_reason();
            if busy {
                self.turn()?;
            }
            Ok(busy)
        })
    }

    pub(super) fn check_settled(&mut self) -> Check {
        if self.engine.has_work() {
            return Err("there is work at rest".into());
        }
        if !self.commands.is_empty() {
            return Err(format!("{} commands are not taken at rest", self.commands.len()));
        }
        if !self.engine.ports_mut().is_empty() {
            return Err("events or records are left at rest".into());
        }
        for client in &self.clients {
            client.check_settled()?;
            if client.is_owed_attention() && !client.is_dead() {
                return Err(format!("client {} cannot send what it has to say", client.name));
            }
        }
        if self.heard.store_is_down {
            return Err("the store has answered for everything, and the host believes it down".into());
        }
        let journal = open(&self.journal);
        for (mount, given) in self.ordered.iter().enumerate() {
            let mount = MountId(mount as u16);
            let told = journal.commands.get(&mount).copied().unwrap_or(0);
            if told != *given && self.engine.stats().contract_panics == 0 {
                return Err(format!("{mount:?} was told command {told} of {given}"));
            }
        }
        if self.events.contains(EventMask::CONTRACTS) {
            for (mount, said) in &journal.lossless {
                let heard = self.heard.lossless.get(mount).copied().unwrap_or(0);
                if heard != *said {
                    return Err(format!("{heard} of {said} lossless events of {mount:?} arrived"));
                }
            }
            for (key, said) in &journal.states {
                if self.heard.states.get(key) != Some(said) {
                    return Err(format!("the newest state of {key:?} is {said}, and was not told"));
                }
            }
        }
        if self.events.contains(EventMask::CONNECTIONS) {
            for (slot, (conn, is_open)) in &self.heard.conns {
                let really = journal.conns.get(conn).is_some_and(|life| life.closed.is_none());
                let doomed = journal.conns.get(conn).is_some_and(|life| life.doomed);
                if *is_open != really && !doomed {
                    return Err(format!("slot {slot}: the host believes {conn} open: {is_open}, {really}"));
                }
            }
        }
        for (mount, tickets) in &journal.tickets {
            if !tickets.is_empty() {
                return Err(format!("{} records of {mount:?} were never answered", tickets.len()));
            }
        }
        Ok(())
    }

    /// Time passes, far enough for all deadlines; everybody keeps answering.
    pub(super) fn wait(&mut self) -> Check {
        self.wait_with(true)?;
        self.engine.check_rest()
    }

    fn wait_with(&mut self, awake: bool) -> Check {
        let end = self.now + Duration::from_secs(100);
        for _ in 0..5_000 {
            let Some(due) = self.engine.next_deadline().filter(|due| *due <= end) else { break };
            self.set_time(due);
            self.settle_with(awake)?;
        }
        Ok(())
    }

    /// The host and the store do nothing for a long time, and some clients leave: nobody who has left may hold a slot.
    pub(super) fn sleep(&mut self) -> Check {
        for index in 0..self.clients.len() {
            if self.rng.u8(0..3) == 0 {
                self.clients[index].leave();
            }
        }
        self.settle_with(false)?;
        self.wait_with(false)?;
        // Others learn of it by reading, which they do not do while nobody can take what they read.
        let kept = self.wires.admitted.iter().find(|(_, wire)| S && wire.borrow().is_left());
        match kept {
            Some((id, _)) => Err(format!("the client of {id} has left long ago, and holds a slot")),
            None => Ok(()),
        }
    }

    /// Whether all that was owed when the server stopped was delivered, or counted as dropped.
    fn check_stopped(&mut self, aborted: bool) -> Check {
        let stats = *self.engine.stats();
        let journal = open(&self.journal);
        let unanswered: usize = journal.tickets.values().map(VecDeque::len).sum();
        let mut unheard = 0;
        if self.events.contains(EventMask::CONTRACTS) {
            for (mount, said) in &journal.lossless {
                unheard += said - self.heard.lossless.get(mount).copied().unwrap_or(0);
            }
        }
        // Those of contracts that are no more were counted as well.
        let counted = unanswered as u64 <= stats.records_unanswered && unheard <= stats.events_dropped;
        let dropped = stats.records_unanswered + stats.events_dropped;
        if !counted || (dropped > 0 && !aborted) || (aborted && !self.engine.was_forced()) {
            return Err(format!("aborted {aborted}: {unanswered} records and {unheard} events, {stats:?}"));
        }
        Ok(())
    }

    pub(super) fn stop(&mut self) -> Check {
        // A driver stops it within a turn, so that its deadlines count from now.
        self.engine.begin(self.now());
        self.engine.stop();
        self.check()?;
        let polite = self.rng.bool();
        let mut aborted = false;
        // Verdicts that never come, and a host that reads nothing any more.
        self.store_hangs = !polite && self.rng.bool();
        self.host_hangs = !polite && self.rng.bool();
        for _ in 0..5_000 {
            self.settle()?;
            if self.engine.is_drained() {
                break;
            }
            match self.engine.next_deadline() {
                Some(due) if polite => self.set_time(due),
                _ => {
                    self.engine.abort();
                    // Nobody is there to take them.
                    self.reports.clear();
                    aborted = true;
                    break;
                }
            }
        }
        self.check()?;
        // What is in its queue, the host can still read.
        self.host_hangs = false;
        self.settle()?;
        self.check_stopped(aborted)?;
        if !self.engine.is_drained() {
            self.engine.check_rest()?;
            return Err("it is not drained".into());
        }
        let stats = *self.engine.stats();
        let left = [stats.connections, stats.open, stats.parked];
        if left != [0; 3] || stats.opened != stats.closed {
            return Err(format!("something is left: {stats:?}"));
        }
        let journal = open(&self.journal);
        for (conn, life) in &journal.conns {
            let current = journal.instances.get(&life.mount) == Some(&life.instance);
            if current && life.closed.is_none() && !life.doomed {
                return Err(format!("the end of {conn} was never told"));
            }
        }
        Ok(())
    }
}
