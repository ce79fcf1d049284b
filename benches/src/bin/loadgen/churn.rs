//! Churn: connect, upgrade, closing handshake, close, as fast as possible in a number of places at once.

use super::{
    clients::{Clients, Id, Watch},
    latency::Latency,
    options::{Options, Target},
    parser::Message,
    reading::Reading,
    report::Report,
    server::Server,
};
use andon_bench::{clock::now_ns, frame};
use std::{io, net::Ipv4Addr};

/// Many source addresses of the loopback, since each has but some 28,000 ports and a closed connection holds its own for a minute.
const SOURCES: u8 = 32;
const ERRORS_MAX: u64 = 10_000;

pub(crate) fn run(options: &Options) -> Result<Report, String> {
    let server = Server::told(options)?;
    let mut clients = Clients::new(options)?;
    if options.target.address.ip().is_loopback() {
        clients.sources = (1..=SOURCES).map(|last| Ipv4Addr::new(127, 0, 1, last)).collect();
    }
    let mut churn = Churn {
        target: options.target.clone(),
        began_ns: vec![now_ns(); options.clients],
        clean: vec![false; options.clients],
        upgrade: Latency::new(),
        cycle: Latency::new(),
        cycles: 0,
        errors: 0,
        first_error: None,
    };
    for _ in 0..options.clients {
        clients.open(&options.target).map_err(|error| error.to_string())?;
    }
    let (measure_ns, end_ns) = options.measured_from(now_ns());
    let mut begin = None;
    while now_ns() < end_ns {
        if begin.is_none() && now_ns() >= measure_ns {
            begin = Some(Reading::take(server));
            churn.cycles = 0;
            churn.upgrade.reset();
            churn.cycle.reset();
        }
        clients.poll(100, &mut churn);
        if churn.errors > ERRORS_MAX {
            return Err(format!("too many errors: {}", churn.first_error.unwrap_or_default()));
        }
    }
    let end = Reading::take(server);
    let begin = begin.ok_or("nothing was measured")?;
    let mut report = Report::of("churn");
    report.count("clients", options.clients as u64);
    begin.tell(&end, churn.cycles, "conn", &mut report);
    churn.upgrade.tell("upgrade", &mut report);
    churn.cycle.tell("cycle", &mut report);
    report.count("errors", churn.errors);
    if let Some(error) = churn.first_error {
        report.text("first_error", &error);
    }
    Ok(report)
}

struct Churn {
    target: Target,
    began_ns: Vec<u64>,
    /// The closing handshake is complete.
    clean: Vec<bool>,
    upgrade: Latency,
    cycle: Latency,
    cycles: u64,
    errors: u64,
    first_error: Option<String>,
}

impl Churn {
    fn again(&mut self, clients: &mut Clients, id: Id) {
        if std::mem::take(&mut self.clean[id]) {
            self.cycles += 1;
            self.cycle.record(now_ns() - self.began_ns[id]);
        }
        self.began_ns[id] = now_ns();
        while let Err(error) = clients.reopen(id, &self.target) {
            self.failed(&error);
            if self.errors > ERRORS_MAX {
                return;
            }
        }
    }

    fn failed(&mut self, error: &io::Error) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| error.to_string());
    }
}

impl Watch for Churn {
    fn opened(&mut self, clients: &mut Clients, id: Id) {
        self.upgrade.record(now_ns() - self.began_ns[id]);
        clients.send(id, frame::CLOSE, &1000_u16.to_be_bytes());
    }

    fn message(&mut self, clients: &mut Clients, id: Id, message: Message<'_>) {
        // The server's close frame completes the handshake.
        if message.opcode == frame::CLOSE {
            self.clean[id] = true;
            clients.close(id);
            self.again(clients, id);
        }
    }

    fn closed(&mut self, clients: &mut Clients, id: Id, why: &str) {
        self.failed(&io::Error::other(why));
        self.again(clients, id);
    }
}
