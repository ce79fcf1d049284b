//! Commands that wait for the host or the store: those for a mount whose contract must not be called for now, each mount's in order.

use super::{Engine, command::Command, ports::Ports, transport::Transport};
use crate::ground::{id::MountId, limits::COMMANDS_PER_TURN};
use std::collections::VecDeque;

/// How many commands are held over all mounts, and their payload bytes.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) commands: usize,
    pub(super) bytes: usize,
}

impl<T: Transport, P: Ports> Engine<T, P> {
    /// Whether nothing more may be held, so that all commands must wait.
    pub(super) fn holds_enough(&self) -> bool {
        self.held.commands >= self.limits.commands || self.held.bytes >= self.limits.command_bytes
    }

    /// Gives a command back that may be carried out right away. Others wait: what a contract must not be told yet, and what
    /// comes behind that for the same mount.
    pub(super) fn hold(&mut self, command: Command) -> Option<Command> {
        let Some(mount) = self.mount_of(&command) else { return Some(command) };
        let asks = matches!(command, Command::Contract { .. });
        let waits = !self.mounts[mount.index()].held.is_empty() || (asks && self.must_pause(mount));
        if !waits {
            return Some(command);
        }
        self.held.commands += 1;
        self.held.bytes += command.weight_bytes();
        self.mounts[mount.index()].held.push_back(command);
        None
    }

    /// The mount that a command is for: the one that it names, or that of the connection or the topic that it names.
    fn mount_of(&self, command: &Command) -> Option<MountId> {
        match command {
            Command::Contract { mount, .. } => Some(*mount).filter(|mount| mount.index() < self.mounts.len()),
            Command::Send { conn, .. } | Command::Close { conn, .. } => self.peers.get(*conn)?.mount(),
            Command::Publish { topic, .. } | Command::Forget { topic, .. } => {
                *self.topic_owners.get(topic.index())?
            }
            // These are about connections that are not open yet, or about all.
            Command::Revoke { .. }
            | Command::Decide { .. }
            | Command::Answer { .. }
            | Command::Resume { .. } => None,
        }
    }

    /// Whether a command that was held may be carried out now.
    pub(super) fn may_release(&self) -> bool {
        self.held.commands > 0
            && (0..self.mounts.len())
                .any(|index| !self.mounts[index].held.is_empty() && !self.must_pause(MountId(index as u16)))
    }

    /// Nobody will be told any more. Returns how many were held.
    pub(super) fn abandon_held(&mut self) -> usize {
        for mount in &mut self.mounts {
            mount.held = VecDeque::new();
        }
        std::mem::take(&mut self.held).commands
    }

    /// Carries out what was held for mounts that need not wait any more, a turn's worth of it.
    pub(super) fn release_held(&mut self) {
        if self.held.commands == 0 {
            return;
        }
        let mut left = COMMANDS_PER_TURN;
        for mount in self.mounts_in_turn() {
            let index = mount.index();
            while left > 0
                && !self.board.is_saturated()
                && !self.must_pause(mount)
                && let Some(command) = self.mounts[index].held.pop_front()
            {
                left -= 1;
                self.held.commands -= 1;
                self.held.bytes -= command.weight_bytes();
                self.carry_out(command);
            }
            if self.mounts[index].held.is_empty() {
                // A burst must not keep its memory.
                self.mounts[index].held = VecDeque::new();
            }
        }
    }
}
