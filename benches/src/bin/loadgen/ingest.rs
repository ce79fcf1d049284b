//! Ingest: clients flood the server with masked text messages, which it counts.
//!
//! 256 different messages, each with a mask of its own, lie in one buffer that every client sends round and round, so that this side
//! only copies. It is over when the server has told each client the count, so everything sent has been handled.

use super::{
    clients::{Clients, Id, OPENED_AT_ONCE, Watch},
    options::Options,
    parser::Message,
    reading::Reading,
    report::Report,
    server::Server,
};
use andon_bench::{clock::now_ns, frame, publish::decimal};

const SECOND_NS: u64 = 1_000_000_000;
const DIFFERENT: usize = 256;
/// Bounds what is on its way, so that the depth of queues is not what is measured.
const SEND_BYTES: usize = 64 * 1024;
const QUERY: &[u8] = b"Q";

pub(crate) fn run(options: &Options) -> Result<Report, String> {
    let server = Server::told(options)?;
    let mut clients = Clients::new(options)?;
    clients.settings.send_bytes = Some(SEND_BYTES);
    let ids = clients.open_many(&options.target, options.clients, OPENED_AT_ONCE)?;
    let mut ingest = Ingest::new(&mut clients, options);

    // Ask for the count at once, which also proves that the server answers.
    clients.send(ids.start, frame::TEXT, QUERY);
    let asked_ns = now_ns();
    while !ingest.progress[ids.start].over {
        clients.poll(100, &mut ingest);
        if now_ns() > asked_ns + 5 * SECOND_NS {
            return Err("the server did not answer Q with its count".to_owned());
        }
    }
    let counted_before = ingest.counted;
    ingest.progress[ids.start].over = false;
    for id in ids.clone() {
        clients.want_room(id, true);
    }

    let (measure_ns, mut end_ns) = options.measured_from(now_ns());
    let mut begin = None;
    while ingest.left() > 0 {
        let now = now_ns();
        if begin.is_none() && now >= measure_ns {
            begin = Some((Reading::take(server), ingest.sent()));
            end_ns = now + options.measured_ns();
        }
        if !ingest.stopping && now >= end_ns {
            ingest.stopping = true;
            for id in ids.clone() {
                clients.want_room(id, true);
            }
        }
        if now > end_ns + 60 * SECOND_NS {
            return Err(format!("{} clients were told no count", ingest.left()));
        }
        clients.poll(100, &mut ingest);
    }
    let end = Reading::take(server);
    let (begin, sent_before) = begin.ok_or("every client was closed while warming up")?;

    let sent = ingest.sent();
    let mut report = Report::of("ingest");
    report.count("clients", options.clients as u64).count("size", options.size as u64);
    // What lay in sockets when measuring began is handled in it, but not counted: a fraction of a percent over seconds.
    begin.tell(&end, sent - sent_before, "msg", &mut report);
    let counted = ingest.counted - counted_before;
    report.count("sent_total", sent).count("server_counted", counted);
    report.count("count_ok", u64::from(counted == sent)).count("closed", ingest.closed);
    Ok(report)
}

/// How far a client has come.
#[derive(Clone, Copy, Default)]
struct Progress {
    rounds: u64,
    /// In the buffer.
    at: usize,
    /// It has asked for the count.
    asked: bool,
    /// It was told the count, or never will be.
    over: bool,
}

struct Ingest {
    messages: Vec<u8>,
    /// Where each message ends.
    ends: Vec<usize>,
    progress: Vec<Progress>,
    /// Clients finish the message they are in, and ask for the count.
    stopping: bool,
    counted: u64,
    closed: u64,
}

impl Ingest {
    fn new(clients: &mut Clients, options: &Options) -> Self {
        let (mut messages, mut ends) = (Vec::new(), Vec::new());
        for nth in 0..DIFFERENT {
            let mask = clients.mask();
            frame::put_masked(&mut messages, frame::TEXT, &sample(options.size, nth * 37), mask);
            ends.push(messages.len());
        }
        Self {
            messages,
            ends,
            progress: vec![Progress::default(); options.clients],
            stopping: false,
            counted: 0,
            closed: 0,
        }
    }

    /// Clients that are neither told the count nor closed.
    fn left(&self) -> usize {
        self.progress.iter().filter(|client| !client.over).count()
    }

    /// Whole messages sent, by all.
    fn sent(&self) -> u64 {
        let partial = |at| self.ends.partition_point(|&end| end <= at) as u64;
        self.progress.iter().map(|client| client.rounds * DIFFERENT as u64 + partial(client.at)).sum()
    }
}

impl Watch for Ingest {
    fn writable(&mut self, clients: &mut Clients, id: Id) {
        let client = &mut self.progress[id];
        if client.asked {
            return clients.want_room(id, false);
        }
        loop {
            let to = if !self.stopping {
                self.messages.len()
            } else if client.at == 0 {
                0
            } else {
                // The end of the message it is in, or where it is if that is one.
                self.ends[self.ends.partition_point(|&end| end < client.at)]
            };
            if client.at == to {
                client.asked = true;
                return clients.send(id, frame::TEXT, QUERY);
            }
            let taken = clients.write(id, &self.messages[client.at..to]);
            client.at += taken;
            if client.at == self.messages.len() {
                client.at = 0;
                client.rounds += 1;
            }
            // After a round it is another client's turn.
            if taken == 0 || (client.at == 0 && !self.stopping) {
                return clients.want_room(id, true);
            }
        }
    }

    fn message(&mut self, _: &mut Clients, id: Id, message: Message<'_>) {
        if let Some(count) = decimal(message.beginning).filter(|_| message.opcode == frame::TEXT) {
            self.counted = self.counted.max(count);
            self.progress[id].over = true;
        }
    }

    fn closed(&mut self, _: &mut Clients, id: Id, _: &str) {
        self.closed += 1;
        self.progress[id].over = true;
    }
}

/// What a sensor of a mobile robot says, padded to `size` bytes.
fn sample(size: usize, nth: usize) -> Vec<u8> {
    let mut sample = format!(
        r#"{{"type":"sensor_data","deviceId":"AMR_{:03}","sessionId":"session_{:03}","timestamp":17031234{nth:05},"data":{{"temp":{}.{},"battery":{},"pose":{{"x":{}.{:03},"y":-{}.{:03},"theta":1.{:04}}},"state":"MOVING","error":null,"ok":true,"note":""}}}}"#,
        nth % 100,
        nth % 777,
        20 + nth % 9,
        nth % 10,
        10 + nth % 90,
        10 + nth % 90,
        nth % 1000,
        10 + nth % 90,
        nth * 7 % 1000,
        nth % 10_000,
    )
    .into_bytes();
    let note = sample.len() - 3;
    sample.splice(note..note, std::iter::repeat_n(b'n', size.saturating_sub(sample.len())));
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_their_size() {
        for nth in 0..DIFFERENT {
            let sample = sample(250, nth * 37);
            assert_eq!(sample.len(), 250);
            assert!(sample.starts_with(b"{\"type\"") && sample.ends_with(b"\"}}"));
        }
    }
}
