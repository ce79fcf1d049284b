//! Rest: what must have found its place when everybody has done what is left to do, after a long wait, and when the server has stopped.

use super::{
    super::{
        guest::Guest,
        truth::{Line, open},
        visitor::Leaving,
    },
    Check, World, moment,
};
use crate::sim::calm::until_rest;
use std::time::Duration;

impl<const S: bool> World<S> {
    /// Everybody does what is left to do, and nothing new, until nothing happens any more. No time passes.
    pub(super) fn settle(&mut self) -> Check {
        until_rest(200_000, 3, || {
            for index in 0..self.guests.len() {
                self.listen(index, true)?;
            }
            self.host(true)?;
            self.store(true)?;
            let busy = self.has_reason();
            if busy {
                self.turn()?;
            }
            Ok(busy)
        })
    }

    /// Time passes, far enough for what was refused to be filed again and for the dead to be missed.
    pub(super) fn wait(&mut self) -> Check {
        let end = self.now + Duration::from_secs(100);
        for _ in 0..20_000 {
            let Some(due) = self.engine.next_deadline().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.settle()?;
        }
        self.now = end;
        Ok(())
    }

    pub(super) fn check_rest(&mut self) -> Check {
        if self.engine.has_work() || !self.commands.is_empty() || !self.engine.ports_mut().is_empty() {
            return Err("there is work at rest".into());
        }
        let truth = &mut *open(&self.truth);
        let cut = |line: &&Line| line.polite && line.conn.is_some() && line.heard < line.sent.len();
        if let Some(line) = truth.lines.values().find(cut).filter(|_| self.plan.calm) {
            return Err(format!("a client has left, and its last words were not heard: {line:?}"));
        }
        if let Some((mount, events)) = truth.events.iter().find(|(_, events)| !events.is_empty()) {
            return Err(format!("the host was never told by {mount:?}: {events:?}"));
        }
        if !truth.records.is_empty() && self.engine.stats().contract_panics == 0 {
            return Err(format!("never answered for: {:?}", truth.records));
        }
        truth.devices.check_rest(&truth.tables)?;
        truth.lessons.check_rest(&truth.tables)?;
        let visitors = self.guests.iter_mut().flat_map(Guest::visitors);
        for visitor in visitors {
            let number = visitor.number;
            let Some(line) = truth.lines.get(&number) else { continue };
            if visitor.is_open() {
                let owed = (line.private.len(), line.public.len());
                if line.over || line.heard != line.sent.len() || line.got != owed {
                    return Err(format!("client {number} at rest: {line:?}"));
                }
            } else if visitor.leaving == Leaving::Silent && !line.over && line.conn.is_some() {
                return Err(format!("client {number} is dead, and nobody has missed it"));
            }
        }
        Ok(())
    }

    /// The server stops in order: clients are told, everything is recorded, the host hears the last.
    pub(super) fn stop(&mut self) -> Check {
        self.note(|| "---- stop".into());
        self.engine.begin(moment(self.now));
        self.engine.stop();
        self.check()?;
        for _ in 0..5_000 {
            self.settle()?;
            if self.engine.is_drained() {
                break;
            }
            let Some(due) = self.engine.next_deadline() else { break };
            self.now = self.now.max(due);
        }
        if !self.engine.is_drained() {
            return Err("it is not drained".into());
        }
        let truth = &mut *open(&self.truth);
        truth.devices.check_rest(&truth.tables)?;
        truth.lessons.check_rest(&truth.tables)
    }
}
