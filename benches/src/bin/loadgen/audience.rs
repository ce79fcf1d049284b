//! Subscribers of one topic, and the publisher who asks the server to publish to them.

use super::{
    clients::{Clients, Id, OPENED_AT_ONCE, Watch},
    ledger::Ledger,
    options::{Options, Target},
    parser::Message,
    report::Report,
};
use andon_bench::{clock::now_ns, frame, socket};
use std::ops::Range;

/// What a client that never reads lets its socket take.
const STALLED_RECEIVE_BYTES: usize = 32 * 1024;
/// For greetings, if a server has any, and for subscriptions to take effect.
const SETTLE_NS: u64 = 200_000_000;

pub(crate) struct Audience {
    subscribers: Range<Id>,
    control: Id,
    control_closed: bool,
    pub(crate) ledger: Ledger,
    /// Subscribers whose connection has ended.
    pub(crate) closed: u64,
}

impl Audience {
    /// Connects everyone: `reading` subscribers, `stalled` more that never read, and the publisher.
    pub(crate) fn gather(
        clients: &mut Clients,
        options: &Options,
        monitor: &Target,
        reading: usize,
        stalled: usize,
    ) -> Result<Self, String> {
        let subscribers = clients.open_many(monitor, reading, OPENED_AT_ONCE)?;
        let settings = clients.settings;
        clients.settings = socket::Settings { receive_bytes: Some(STALLED_RECEIVE_BYTES), ..settings };
        for id in clients.open_many(monitor, stalled, OPENED_AT_ONCE)? {
            clients.stall(id).map_err(|error| format!("cannot stall a client: {error}"))?;
        }
        clients.settings = settings;
        let control = clients.open_many(&monitor.at("/ws/ctl"), 1, 1)?.start;
        clients.rest(SETTLE_NS);
        Ok(Self {
            ledger: Ledger::new(subscribers.len(), options.batch, options.size, options.check),
            subscribers,
            control,
            control_closed: false,
            closed: 0,
        })
    }

    /// Asks for the next publish, which was due then.
    pub(crate) fn publish(&mut self, clients: &mut Clients, due_ns: u64) {
        let request = self.ledger.request(due_ns);
        clients.send(self.control, frame::TEXT, request.to_string().as_bytes());
    }

    /// Fails when nothing can be published any more.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.control_closed {
            return Err("the server has closed the publisher's connection".to_owned());
        }
        Ok(())
    }

    pub(crate) fn tell_faults(&self, report: &mut Report) {
        let faults = self.ledger.faults;
        report.count("missed", faults.missed).count("disorder", faults.disorder);
        report.count("bad_length", faults.bad_length).count("unknown", faults.unknown);
        report.count("bad_content", faults.bad_content).count("closed", self.closed);
    }
}

impl Watch for Audience {
    fn message(&mut self, _: &mut Clients, id: Id, message: Message<'_>) {
        if self.subscribers.contains(&id) && matches!(message.opcode, frame::TEXT | frame::BINARY) {
            self.ledger.receive(id - self.subscribers.start, &message, now_ns());
        }
    }

    fn closed(&mut self, _: &mut Clients, id: Id, _: &str) {
        self.closed += 1;
        self.control_closed |= id == self.control;
    }
}
