//! The host: it reads events at its own pace, orders, publishes, answers what it was asked, and notices what cannot follow from what it has heard.

use super::{
    super::{contract::open, message::Kind},
    Check, MOUNTS, World,
};
use crate::{
    EventBody,
    contracts::effects::{EventClass, Lane},
    engine::{
        command::{Command, Decision},
        event::{Event, EventMask},
    },
    ground::{
        close::CloseCode,
        foreign::Foreign,
        frame::Payload,
        id::{ConnId, MountId, TopicId},
    },
    hub::{identity::Identity, topic::SnapshotSource},
    wire::response::Response,
};
use std::collections::HashMap;

/// What a host has heard so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) lossless: HashMap<MountId, u64>,
    pub(super) states: HashMap<(MountId, u64), u64>,
    notice: u64,
    pub(super) store_is_down: bool,
    /// The last that was said about each connection slot.
    pub(super) conns: HashMap<u32, (ConnId, bool)>,
}

impl<const S: bool> World<S> {
    /// The host reads some events, and says something. `quiet`: it reads them all and answers what it was asked.
    pub(super) fn host(&mut self, quiet: bool) -> Check {
        let reads = if self.host_hangs {
            0
        } else if quiet {
            usize::MAX
        } else {
            self.rng.usize(0..=usize::from(self.host_speed))
        };
        for _ in 0..reads {
            let Some(event) = self.engine.ports_mut().take_event() else { break };
            self.hear(event)?;
        }
        let conn = self.wires.any(&mut self.rng);
        if quiet || self.rng.u8(0..6) == 0 {
            self.answer(quiet);
        }
        if quiet {
            return Ok(());
        }
        match self.rng.u8(0..40) {
            0..6 => self.publish(),
            6..8 => {
                let mount = MountId(self.rng.u16(0..MOUNTS));
                let number = &mut self.ordered[usize::from(mount.0)];
                *number += 1;
                let command: Box<dyn std::any::Any + Send> = Box::new(*number);
                let command = Foreign::new(command);
                self.command(Command::Contract { mount, command });
            }
            8..10 => {
                if let Some(conn) = conn {
                    // Numbered when it is carried out.
                    self.command(Command::Send { conn, payload: "".into(), lane: Lane::Ordered });
                }
            }
            10 if self.rng.u8(0..6) == 0 => {
                if let Some(conn) = conn {
                    let (code, reason) = (CloseCode::NORMAL, "the host says so".into());
                    self.command(Command::Close { conn, code, reason });
                }
            }
            11 => {
                // Nonsense, for things that are no more.
                let conn = ConnId::new(self.rng.u32(0..20), self.rng.u32(0..5));
                let topic = TopicId::new(self.rng.u32(0..20), 77);
                self.command(Command::Publish { topic, key: None, payload: "lost".into() });
                self.command(Command::Answer {
                    conn: ConnId::new(conn.slot, 9_999),
                    response: Response::new(200),
                });
                self.command(Command::Resume { conn });
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn command(&mut self, command: Command) {
        self.commands.push_back(command);
        self.woken_by_command = true;
    }

    /// Decides about handshakes, answers requests, resumes streams: some of them, or all.
    fn answer(&mut self, all: bool) {
        let take = |rng: &mut fastrand::Rng| all || rng.u8(0..3) == 0;
        let (later, waiting) = {
            let mut journal = open(&self.journal);
            (std::mem::take(&mut journal.later), std::mem::take(&mut journal.waiting))
        };
        let (mut later_still, mut waiting_still) = (Vec::new(), Vec::new());
        for conn in std::mem::take(&mut self.asked) {
            if !take(&mut self.rng) {
                self.asked.push(conn);
                continue;
            }
            let decision = match self.rng.u8(0..4) {
                0 => Decision::Refuse(Response::text(403, "no")),
                _ => Decision::Allow(Identity::new("somebody")),
            };
            self.command(Command::Decide { conn, decision });
        }
        for (conn, id) in later {
            if take(&mut self.rng) {
                let response = Response::text(200, format!("later {id}"));
                self.command(Command::Answer { conn, response });
            } else {
                later_still.push((conn, id));
            }
        }
        for conn in waiting {
            if take(&mut self.rng) {
                self.command(Command::Resume { conn });
            } else {
                waiting_still.push(conn);
            }
        }
        let mut journal = open(&self.journal);
        journal.later.extend(later_still);
        journal.waiting.extend(waiting_still);
    }

    /// The host publishes. What exactly is made up when the command is carried out, so that the stamps are in order.
    fn publish(&mut self) {
        let topic = self.host_topics[self.rng.usize(0..self.host_topics.len())];
        for _ in 0..self.rng.usize(1..4) {
            self.command(Command::Publish { topic, key: None, payload: "".into() });
        }
    }

    /// Fills in what is numbered by the order in which it is carried out. `None`: there is nobody to say it to.
    pub(super) fn fill_in(&mut self, command: Command) -> Option<Command> {
        let size = self.temper.size(&mut self.rng);
        let mut journal = open(&self.journal);
        match command {
            Command::Publish { topic, payload, .. } if payload.is_empty() => {
                let keyed = journal.topics[&topic.to_bits()].source == SnapshotSource::Keyed;
                let key = self.rng.u64(0..6);
                let kind = if keyed { Kind::Keyed } else { Kind::Value };
                let payload = journal.publish(topic.to_bits(), kind, key).encode(size).into();
                Some(Command::Publish { topic, key: keyed.then(|| key.to_string().into()), payload })
            }
            Command::Send { conn, lane, .. } => {
                let life = journal.conns.get(&conn)?;
                // What waits for its mount would be numbered too early.
                if life.closed.is_some() || life.doomed || self.engine.holds_for(life.mount) {
                    return None;
                }
                let payload = journal.ordered(conn, Kind::Ordered, 0)?.encode(size).into();
                Some(Command::Send { conn, payload, lane })
            }
            Command::Close { conn, .. } => {
                if let Some(life) = journal.conns.get_mut(&conn) {
                    life.doomed = true;
                }
                Some(command)
            }
            other => Some(other),
        }
    }

    fn hear(&mut self, event: Event) -> Check {
        let journal = open(&self.journal);
        let heard = &mut self.heard;
        let wanted = match &event {
            Event::Opened { .. } | Event::Closed { .. } => EventMask::CONNECTIONS,
            Event::Asked { .. } => EventMask::ASKS,
            Event::Contract { .. } => EventMask::CONTRACTS,
            Event::MountRetired { .. } | Event::Store { .. } => EventMask::HEALTH,
            Event::Refused { .. } => EventMask::REFUSALS,
        };
        if !self.events.contains(wanted) {
            return Err(format!("an event that nobody asked for: {event:?}"));
        }
        let good = match &event {
            Event::Contract { mount, class, key, body, .. } => {
                let EventBody::Custom(Payload::Text(text)) = body else {
                    return Err(format!("a changed event: {event:?}"));
                };
                let number: u64 = text.parse().map_err(|_| format!("a changed event: {event:?}"))?;
                match class {
                    EventClass::Lossless => {
                        let last = heard.lossless.entry(*mount).or_default();
                        std::mem::replace(last, number) + 1 == number
                    }
                    EventClass::State => {
                        let last = heard.states.entry((*mount, *key)).or_default();
                        std::mem::replace(last, number) < number
                    }
                    EventClass::Notice => std::mem::replace(&mut heard.notice, number) < number,
                }
            }
            Event::Opened { conn, .. } => {
                // Its predecessor in the slot was heard to close.
                heard.conns.insert(conn.slot, (*conn, true)).is_none_or(|(last, open)| last < *conn && !open)
            }
            Event::Closed { conn, .. } => {
                // The end of one whose opening was heard, and of no other.
                heard.conns.insert(conn.slot, (*conn, false)).is_some_and(|last| last == (*conn, true))
            }
            Event::Asked { conn, .. } => {
                self.asked.push(*conn);
                true
            }
            Event::Store { up, why } => {
                heard.store_is_down = !up;
                *up == why.is_empty()
            }
            Event::MountRetired { .. } | Event::Refused { .. } => true,
        };
        drop(journal);
        if good { Ok(()) } else { Err(format!("{event:?} does not follow from what was told before")) }
    }
}
