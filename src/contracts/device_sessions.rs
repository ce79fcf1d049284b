//! Device sessions: devices stay connected, and collect data in sessions that they begin and end.

mod clerk;
pub(crate) mod command;
pub(crate) mod config;
mod course;
mod device;
mod inbox;
mod messages;
mod peer;
mod replies;
mod requests;
mod session;
mod stop;
mod table;
#[cfg(test)]
mod tests;
mod verdicts;

use super::{
    contract::{Contract, ContractFactory, Hello, Setup},
    effects::{Count, Effects, EventClass},
    store::{
        StoreError,
        device::{SessionRow, SessionStatus},
    },
    told::{device::DeviceEvent, news::News},
};
use crate::ground::{
    close::Closed,
    frame::Message,
    id::{ConnId, RecordTicket},
    limits::{DEVICE_STOP_TRIES, DEVICE_TIMESTAMP_BYTES_MAX, Limits},
    time::Tick,
};
use clerk::{Book, Clerk};
use command::{DeviceCommand, SessionInfo};
use config::DeviceSessionsConfig;
use device::Device;
use inbox::{Complaint, Heard};
use peer::Peer;
use replies::Reply;
use session::{Ended, ended_row};
use std::{any::Any, collections::BTreeMap, sync::Arc};
use table::{Devices, Place};

/// See the module.
#[derive(Debug)]
struct Sessions {
    config: Arc<DeviceSessionsConfig>,
    /// An acknowledgement waits for the store.
    durable: bool,
    peers: BTreeMap<ConnId, Peer>,
    devices: Devices,
    clerk: Clerk,
    /// What the engine was last told of the next deadline.
    armed: Option<Tick>,
    stopping: bool,
    /// How often the store may still refuse all ends that are on their way, before it is given up.
    stop_tries: u32,
}

/// Builds device sessions of a checked configuration.
#[derive(Debug)]
pub(crate) struct DeviceSessionsFactory {
    config: Arc<DeviceSessionsConfig>,
    book: Book,
}

impl DeviceSessionsFactory {
    pub(crate) fn new(config: DeviceSessionsConfig) -> Self {
        Self { config: Arc::new(config), book: Book::default() }
    }

    fn make(&self, setup: &mut Setup<'_>) -> Sessions {
        let has_store = setup.has_store();
        let mut sessions = Sessions {
            durable: has_store && self.config.durable_ack,
            peers: BTreeMap::new(),
            devices: Devices::new(self.config.devices),
            clerk: Clerk::new(has_store, self.book.clone(), self.config.ends_kept, setup.records),
            armed: None,
            stopping: false,
            stop_tries: DEVICE_STOP_TRIES,
            config: Arc::clone(&self.config),
        };
        sessions.inherit(setup.effects());
        sessions
    }
}

impl ContractFactory for DeviceSessionsFactory {
    fn build(&mut self, setup: &mut Setup<'_>) -> Box<dyn Contract> {
        Box::new(self.make(setup))
    }

    fn memory_ceiling(&self, limits: &Limits) -> usize {
        /// A count and a weight before what an `Arc` holds, and what an allocator adds.
        const SHARED: usize = 48;
        let DeviceSessionsConfig { devices, devices_per_connection, id_bytes, .. } = *self.config;
        let row = size_of::<SessionRow>() + 2 * DEVICE_TIMESTAMP_BYTES_MAX + id_bytes + 3 * SHARED;
        let ended = 2 * size_of::<Ended>() + row + Devices::BYTES_PER_SESSION + Book::BYTES_PER_SESSION;
        // Twice as many: besides those that were asked for, one for each of their sessions that ends.
        let replies = 2 * self.config.pending_replies;
        let reply = 2 * size_of::<Reply>() + 2 * (id_bytes + SHARED) + DEVICE_TIMESTAMP_BYTES_MAX;
        let device = Devices::BYTES_PER_DEVICE
            + id_bytes
            + SHARED
            + (self.config.recent_sessions + 2) * ended
            + replies * (reply + row);
        let known = devices_per_connection.min(devices) * 4 * size_of::<Place>();
        let peer = 2 * (size_of::<ConnId>() + size_of::<Peer>()) + known;
        let peers = limits.connections_max().saturating_mul(peer);
        let kept = self.config.ends_kept * (2 * (row + size_of::<Place>()) + Book::BYTES_PER_SESSION);
        (devices.saturating_mul(device))
            .saturating_add(peers)
            .saturating_add(kept + Clerk::memory_ceiling(limits, row))
    }
}

impl Contract for Sessions {
    fn opened(&mut self, _: &mut Effects, peer: ConnId, _: &Hello<'_>) {
        self.peers.insert(peer, Peer::default());
    }

    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        if !self.peers.contains_key(&peer) {
            return;
        }
        let heard = inbox::read(&self.config, message).and_then(|heard| match (heard, message) {
            (Heard::Register { device, timestamp, declared_new }, Message::Text(text)) => {
                self.register(fx, peer, device, timestamp, declared_new, text)
            }
            (Heard::Start { device, timestamp }, _) => self.start(fx, peer, device, timestamp),
            (Heard::End { device, session, timestamp }, _) => {
                self.end(fx, peer, &device, session.as_deref(), timestamp)
            }
            (Heard::Data(data), Message::Text(text)) => self.data(fx, peer, data, text),
            // Nothing is read from bytes.
            (_, Message::Binary(_)) => Ok(()),
        });
        if let Err(Complaint { code, message, device }) = heard {
            fx.count(Count::Refused);
            fx.send(peer, &messages::error(code, &message, device.as_deref()));
        }
        self.arm(fx);
    }

    fn closed(&mut self, fx: &mut Effects, peer: ConnId, _how: Closed) {
        let Some(Peer { devices, .. }) = self.peers.remove(&peer) else { return };
        for at in devices {
            let Some(device) = self.devices.get_mut(at) else { continue };
            device.connections -= 1;
            let left = (device.connections == 0).then(|| Arc::clone(&device.id));
            if device.active.as_ref().is_some_and(|active| active.holder == peer) {
                self.finish(fx, at, SessionStatus::Disconnected, None);
            }
            if let Some(device) = left {
                fx.tell(|| News::DeviceLeft { device });
            }
            self.tidy(fx, at);
        }
        self.arm(fx);
    }

    fn command(&mut self, fx: &mut Effects, command: Box<dyn Any + Send>) {
        // Whatever else the host sends is not for us.
        let Ok(command) = command.downcast::<DeviceCommand>() else { return };
        match *command {
            DeviceCommand::End { session } => {
                let at = self.devices.of_session(&session);
                let is_active = |at: &Place| self.devices.get(*at).is_some_and(|d| d.active_named(&session));
                if let Some(at) = at.filter(is_active) {
                    self.finish_and_tell(fx, at, SessionStatus::EndedByHost);
                    self.tidy(fx, at);
                }
                self.arm(fx);
            }
            DeviceCommand::List { answer } => answer(self.list()),
            #[cfg(feature = "board")]
            DeviceCommand::Find { session, answer } => answer(self.find(&session)),
        }
    }

    fn deadline(&mut self, fx: &mut Effects) {
        self.armed = None;
        let now = fx.now().tick;
        if self.clerk.is_retry_due(now) {
            self.file_waiting(fx, 1);
        }
        while let Some(at) = self.devices.next_due(now) {
            let idle = self.devices.get(at).and_then(|device| device.idle_at(self.config.idle_timeout));
            if idle.is_some_and(|idle| idle <= now) {
                self.finish_and_tell(fx, at, SessionStatus::Timeout);
            }
            self.tidy(fx, at);
        }
        self.arm(fx);
    }

    fn recorded(&mut self, fx: &mut Effects, ticket: RecordTicket, outcome: Result<(), &StoreError>) {
        self.verdict(fx, ticket, outcome.is_ok());
        self.arm(fx);
    }

    fn shutdown(&mut self, fx: &mut Effects) {
        self.stopping = true;
        for at in self.devices.places() {
            self.finish_and_tell(fx, at, SessionStatus::Stopped);
        }
        self.file_in_turn(fx);
        self.arm(fx);
    }
}

impl Sessions {
    /// Records what has become of the sessions of a contract before this one, which has panicked.
    fn inherit(&mut self, fx: &mut Effects) {
        let now = fx.now().wall;
        for row in self.clerk.book.take() {
            let mut ended = row;
            if ended.status == SessionStatus::Active {
                // How many samples there are is for the store to say.
                ended = ended_row(&ended, SessionStatus::Interrupted, now, None, ended.sample_count);
                let event = DeviceEvent::SessionEnded(Arc::clone(&ended));
                fx.event(EventClass::Lossless, 0, None, event);
            }
            self.clerk.end(fx, Place::MAX, &ended, true);
        }
    }

    fn list(&self) -> Vec<SessionInfo> {
        let devices = self.devices.places().into_iter().filter_map(|at| self.devices.get(at));
        devices.filter_map(info).collect()
    }

    #[cfg(feature = "board")]
    fn find(&self, session: &str) -> Option<SessionInfo> {
        let device = self.devices.get(self.devices.of_session(session)?)?;
        // One of its sessions that has ended takes late data, but is under way no more.
        info(device).filter(|info| *info.id == *session)
    }

    fn arm(&mut self, fx: &mut Effects) {
        let looks = self.devices.next_look().into_iter().chain(self.clerk.retry_at());
        let due = looks.min().filter(|_| !self.stopping);
        if due != self.armed {
            self.armed = due;
            fx.arm(due);
        }
    }
}

/// Of a device's session, if one is under way.
fn info(device: &Device) -> Option<SessionInfo> {
    let active = device.active.as_ref()?;
    Some(SessionInfo {
        id: Arc::clone(&active.row.id),
        device: Arc::clone(&device.id),
        started_at: active.row.started_at,
        sample_count: active.tally.kept(),
        holder: active.holder,
    })
}
