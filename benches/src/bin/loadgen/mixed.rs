//! A fan-out, and one client that asks meanwhile: how long does someone wait who has nothing to do with it?
//!
//! The asker has a schedule: an answer's time counts from when its question was due, so that a server which stops answering for a
//! while is charged with every question of that while. If the last answer is not there when a question is due, it is asked as soon as it
//! is. The asker's socket is looked at after every few subscribers' reads, or the queue of subscribers on *this* side would be
//! measured; how long an answer could lie there unseen is told as `asker_blind_…`.

use super::{
    audience::Audience,
    clients::{Clients, Id, Watch},
    fanout::{Pace, tell_growth},
    latency::Latency,
    options::Options,
    parser::Message,
    pingpong::{is_echo, question},
    reading::{Reading, TAIL_NS_MAX},
    report::Report,
    server::Server,
};
use andon_bench::{clock::now_ns, frame};

const SECOND_NS: u64 = 1_000_000_000;
/// Subscribers that are read between two looks at the asker.
const BETWEEN_LOOKS: usize = 16;
const QUESTION_BYTES: usize = 100;
const PRIMING_BYTES: usize = 64 * 1024;

pub(crate) fn run(options: &Options) -> Result<Report, String> {
    let server = Server::told(options)?;
    let memory = server.and_then(Server::memory);
    let mut clients = Clients::new(options)?;
    let stalled = (options.clients as f64 * options.stalled_share).round() as usize;
    let reading = options.clients.saturating_sub(stalled);
    let audience = Audience::gather(&mut clients, options, &options.target, reading, stalled)?;
    let id = clients.open_many(&options.target.at("/ws/echo"), 1, 1)?.start;
    let mut mixed = Mixed {
        audience,
        asker: Asker {
            id,
            question: question(QUESTION_BYTES),
            step_ns: (1e9 / options.ask_rate) as u64,
            due_ns: u64::MAX,
            waiting: false,
            rtt: Latency::new(),
            blind: Latency::new(),
            bad: 0,
            closed: false,
        },
    };
    mixed.prime(&mut clients, options)?;

    let start_ns = now_ns() + SECOND_NS / 100;
    let (measure_ns, end_ns) = options.measured_from(start_ns);
    let mut pace = Pace { next_ns: start_ns, step_ns: (1e9 / options.rate) as u64, end_ns, late: 0 };
    mixed.asker.due_ns = start_ns;
    let mut begin = None;
    let (begin, end) = loop {
        let now = now_ns();
        if begin.is_none() && now >= measure_ns {
            mixed.audience.ledger.reset();
            mixed.asker.rtt.reset();
            mixed.asker.blind.reset();
            begin = Some((Reading::take(server), mixed.audience.ledger.sent()));
        }
        if let Some(begin) = begin {
            let all_there = mixed.audience.ledger.outstanding() == 0;
            if now >= end_ns && (all_there || now > end_ns + TAIL_NS_MAX) {
                break (begin, Reading::take(server));
            }
        }
        pace.publish(&mut clients, &mut mixed.audience, now);
        mixed.turn(&mut clients, pace.next_ns);
        mixed.audience.check()?;
        if mixed.asker.closed {
            return Err("the server has closed the asker's connection".to_owned());
        }
    };

    let (begin, sent_before) = begin;
    let Mixed { audience, asker } = &mixed;
    let ledger = &audience.ledger;
    let mut report = Report::of("mixed");
    report.count("clients", options.clients as u64).count("size", options.size as u64);
    begin.tell(&end, ledger.delivered, "msg", &mut report);
    let publishes = ledger.sent() - sent_before;
    report.count("publishes", publishes).count("unfinished", ledger.outstanding());
    report.count("late_triggers", pace.late);
    if let Some(used_ns) = begin.server_ns(&end) {
        report.real("server_cpu_us_per_publish", used_ns as f64 / 1e3 / publishes.max(1) as f64);
    }
    ledger.latency.tell("lat", &mut report);
    ledger.duration.tell("fanout", &mut report);
    asker.rtt.tell("asker", &mut report);
    asker.blind.tell("asker_blind", &mut report);
    report.real("asker_p99_per_fanout", asker.rtt.quantile_us(0.99) / ledger.duration.quantile_us(0.5));
    report.count("bad", asker.bad);
    audience.tell_faults(&mut report);
    tell_growth(stalled, memory, server, &mut report);
    Ok(report)
}

struct Mixed {
    audience: Audience,
    asker: Asker,
}

struct Asker {
    id: Id,
    question: Vec<u8>,
    step_ns: u64,
    /// When the question that waits for its answer was due, or else when the next one is.
    due_ns: u64,
    waiting: bool,
    rtt: Latency,
    /// How long its answer could have lain here unseen.
    blind: Latency,
    bad: u64,
    closed: bool,
}

impl Mixed {
    /// Floods the subscribers with larger messages, one at a time, so that whoever does not read is stuck when measuring begins.
    fn prime(&mut self, clients: &mut Clients, options: &Options) -> Result<(), String> {
        self.audience.ledger.resize(PRIMING_BYTES);
        for _ in 0..(options.prime_mb << 20) / PRIMING_BYTES {
            let begin_ns = now_ns();
            self.audience.publish(clients, begin_ns);
            while self.audience.ledger.outstanding() > 0 {
                clients.poll(50, self);
                self.audience.check()?;
                if now_ns() > begin_ns + TAIL_NS_MAX {
                    return Err("no progress for 3 s while priming".to_owned());
                }
            }
        }
        self.audience.ledger.resize(options.size);
        Ok(())
    }

    fn turn(&mut self, clients: &mut Clients, publish_ns: u64) {
        let now = now_ns();
        if !self.asker.waiting && now >= self.asker.due_ns {
            self.asker.waiting = true;
            clients.send(self.asker.id, frame::TEXT, &self.asker.question);
        }
        clients.wake_at(if self.asker.waiting { publish_ns } else { publish_ns.min(self.asker.due_ns) });
        let woken_ns = clients.poll_some(50, BETWEEN_LOOKS, self);
        if self.asker.waiting {
            clients.read(self.asker.id, self);
        }
        self.asker.blind.record(now_ns() - woken_ns);
    }
}

impl Watch for Mixed {
    fn message(&mut self, clients: &mut Clients, id: Id, message: Message<'_>) {
        if id != self.asker.id {
            return self.audience.message(clients, id, message);
        }
        let asker = &mut self.asker;
        asker.rtt.record(now_ns().saturating_sub(asker.due_ns));
        asker.bad += u64::from(!is_echo(&message, &asker.question));
        asker.due_ns += asker.step_ns;
        asker.waiting = false;
    }

    fn closed(&mut self, clients: &mut Clients, id: Id, why: &str) {
        self.asker.closed |= id == self.asker.id;
        self.audience.closed(clients, id, why);
    }
}
