//! Ping-pong: each client sends a text message and waits for its echo.

use super::{
    clients::{Clients, Id, OPENED_AT_ONCE, Watch},
    latency::Latency,
    options::Options,
    parser::Message,
    reading::Reading,
    report::Report,
    server::Server,
};
use andon_bench::{clock::now_ns, frame};

pub(crate) fn run(options: &Options) -> Result<Report, String> {
    let server = Server::told(options)?;
    let mut clients = Clients::new(options)?;
    let ids = clients.open_many(&options.target, options.clients, OPENED_AT_ONCE)?;
    let mut game = Pingpong {
        question: question(options.size),
        sent_ns: vec![0; ids.len()],
        rtt: Latency::new(),
        round_trips: 0,
        bad: 0,
        closed: 0,
    };
    let (measure_ns, end_ns) = options.measured_from(now_ns());
    for id in ids {
        game.ask(&mut clients, id);
    }
    let mut begin = None;
    while now_ns() < end_ns {
        if begin.is_none() && now_ns() >= measure_ns {
            begin = Some(Reading::take(server));
            game.round_trips = 0;
            game.rtt.reset();
        }
        clients.poll(100, &mut game);
        if game.closed as usize == options.clients {
            return Err("the server has closed every connection".to_owned());
        }
    }
    let end = Reading::take(server);
    let begin = begin.ok_or("nothing was measured")?;
    let mut report = Report::of("pingpong");
    report.count("clients", options.clients as u64).count("size", game.question.len() as u64);
    begin.tell(&end, game.round_trips, "rt", &mut report);
    game.rtt.tell("rtt", &mut report);
    report.count("bad", game.bad).count("closed", game.closed);
    Ok(report)
}

struct Pingpong {
    question: Vec<u8>,
    sent_ns: Vec<u64>,
    rtt: Latency,
    round_trips: u64,
    bad: u64,
    closed: u64,
}

impl Pingpong {
    fn ask(&mut self, clients: &mut Clients, id: Id) {
        self.sent_ns[id] = now_ns();
        clients.send(id, frame::TEXT, &self.question);
    }
}

impl Watch for Pingpong {
    fn message(&mut self, clients: &mut Clients, id: Id, message: Message<'_>) {
        self.rtt.record(now_ns() - self.sent_ns[id]);
        self.round_trips += 1;
        self.bad += u64::from(!is_echo(&message, &self.question));
        self.ask(clients, id);
    }

    fn closed(&mut self, _: &mut Clients, _: Id, _: &str) {
        self.closed += 1;
    }
}

/// A request as an operator's panel makes them, padded to `size` bytes.
pub(crate) fn question(size: usize) -> Vec<u8> {
    const BEGIN: &[u8] =
        b"{\"id\":1,\"method\":\"tag.read\",\"params\":{\"tag\":\"PLC1.Line3.Motor7.Speed\",\"since\":1703123456789}";
    let mut question = BEGIN.to_vec();
    question.resize(size.max(BEGIN.len() + 1) - 1, b' ');
    question.push(b'}');
    question
}

/// Whether that is what was asked, as far as it can be seen.
pub(crate) fn is_echo(message: &Message<'_>, question: &[u8]) -> bool {
    message.opcode == frame::TEXT
        && message.length == question.len() as u64
        && question.starts_with(message.beginning)
}
