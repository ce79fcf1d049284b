//! The equipment monitor: how long until its watchers know.
//!
//! The server publishes on its own, and its messages tell when. A change has the time of the tag's write in its tag `written_ns`: what is
//! measured begins in the host's thread, before anything of the server has seen it. A message of all equipment has its `timestamp`, in whole
//! milliseconds, so its figures are up to one too high.

use super::{
    clients::{Clients, Id, OPENED_AT_ONCE, Watch},
    latency::Latency,
    options::Options,
    parser::Message,
    reading::{Reading, TAIL_NS_MAX},
    report::Report,
    server::Server,
};
use andon_bench::{clock::now_ns, frame, publish::decimal};
use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

const SECOND_NS: u64 = 1_000_000_000;
const MINUTE_NS: u64 = 60 * SECOND_NS;
/// More than a change of one machine.
const KEPT: usize = 2048;
/// `{"type":"equipment_status","timestamp":"2025-11-03T10:30:45.123Z","seq":` and the number.
const HEAD_BYTES: usize = 96;
const TIMESTAMP: &[u8] = b"\"timestamp\":\"";

pub(crate) fn run(options: &Options) -> Result<Report, String> {
    let server = Server::told(options)?;
    let mut clients = Clients::new(options)?;
    clients.keep = KEPT;
    // Whoever comes late is told of everything at once; messages count from when all are there.
    clients.open_many(&options.target, options.clients, OPENED_AT_ONCE)?;
    let mut line = Line::new(options.clients);
    let (measure_ns, end_ns) = options.measured_from(now_ns());
    let mut begin = None;
    let (begin, end) = loop {
        let now = now_ns();
        if begin.is_none() && now >= measure_ns {
            line.measuring = true;
            begin = Some(Reading::take(server));
        }
        if let Some(begin) = begin.filter(|_| now >= end_ns) {
            line.over = true;
            if line.open.is_empty() || now > end_ns + TAIL_NS_MAX {
                break (begin, Reading::take(server));
            }
        }
        clients.poll(20, &mut line);
    };
    let mut report = Report::of("line");
    report.count("clients", options.clients as u64).count("size", line.bytes / line.delivered.max(1));
    begin.tell(&end, line.delivered, "msg", &mut report);
    report.count("publishes", line.publishes);
    line.latency.tell("lat", &mut report);
    line.duration.tell("fanout", &mut report);
    report.count("missed", line.missed).count("unknown", line.unknown).count("closed", line.closed);
    report.count("unfinished", line.open.len() as u64);
    if line.publishes == 0 {
        return Err("nothing was published".to_owned());
    }
    Ok(report)
}

/// One message, on its way to everyone.
struct Open {
    first_ns: u64,
    left: usize,
}

struct Line {
    /// The number that each client had last; 0: none.
    newest: Vec<u64>,
    /// By number, or by timestamp: the messages that have not reached everyone.
    open: BTreeMap<u64, Open>,
    /// Only what begins after this moment counts.
    measuring: bool,
    /// Only what has begun counts.
    over: bool,
    publishes: u64,
    delivered: u64,
    bytes: u64,
    /// From the write or the timestamp to each delivery.
    latency: Latency,
    /// From a message's first delivery to its last.
    duration: Latency,
    last_key: u64,
    missed: u64,
    unknown: u64,
    closed: u64,
}

impl Line {
    fn new(clients: usize) -> Self {
        Self {
            newest: vec![0; clients],
            open: BTreeMap::new(),
            measuring: false,
            over: false,
            publishes: 0,
            delivered: 0,
            bytes: 0,
            latency: Latency::new(),
            duration: Latency::new(),
            last_key: 0,
            missed: 0,
            unknown: 0,
            closed: 0,
        }
    }

    /// A message of a number, if it has one, which arrives so long after its beginning.
    fn receive(&mut self, id: Id, key: u64, numbered: bool, waited_ns: u64, length: u64, now: u64) {
        let before = std::mem::replace(&mut self.newest[id], key);
        if numbered && before != 0 && key != before + 1 {
            self.missed += key.abs_diff(before + 1);
        }
        // A message whose first deliveries were before the measured time, or after it, is no part of it.
        if key > self.last_key {
            self.last_key = key;
            if self.measuring && !self.over {
                self.open.insert(key, Open { first_ns: now, left: self.newest.len() });
                self.publishes += 1;
            }
        }
        let Some(open) = self.open.get_mut(&key) else { return };
        self.delivered += 1;
        self.bytes += length;
        self.latency.record(waited_ns);
        open.left -= 1;
        if open.left == 0 {
            self.duration.record(now - open.first_ns);
            self.open.remove(&key);
        }
    }
}

impl Watch for Line {
    fn message(&mut self, _: &mut Clients, id: Id, message: Message<'_>) {
        if message.opcode != frame::TEXT {
            return;
        }
        let (now, text) = (now_ns(), message.beginning);
        if text.starts_with(b"{\"type\":\"equipment_changes\"") {
            // Of several changes in one message, the last.
            match (after(text, b"\"seq\":"), after(text, b"\"written_ns\":")) {
                (Some(seq), Some(written_ns)) => {
                    let waited = wall_ns().saturating_sub(written_ns);
                    self.receive(id, seq, true, waited, message.length, now);
                }
                _ => self.unknown += 1,
            }
        } else if text.starts_with(b"{\"type\":\"equipment_status\"") {
            // Not all of the text: it may be long, and there are many.
            let head = &text[..text.len().min(HEAD_BYTES)];
            if after(head, b"\"seq\":").is_some() {
                // The beginning of a view of changes.
                return;
            }
            match timestamp(head) {
                Some((key, of_minute_ns)) => {
                    let waited = (wall_ns() % MINUTE_NS + MINUTE_NS - of_minute_ns) % MINUTE_NS;
                    self.receive(id, key, false, waited, message.length, now);
                }
                None => self.unknown += 1,
            }
        }
    }

    fn closed(&mut self, _: &mut Clients, _: Id, _: &str) {
        self.closed += 1;
    }
}

fn wall_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// The last number that stands behind `name`.
fn after(text: &[u8], name: &[u8]) -> Option<u64> {
    let at = text.windows(name.len()).rposition(|here| here == name)? + name.len();
    let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    decimal(&text[at..at + digits])
}

/// A message's timestamp, such as `2025-11-03T10:30:45.123Z`, as a number that grows; and how far into its minute it is.
fn timestamp(text: &[u8]) -> Option<(u64, u64)> {
    let at = text.windows(TIMESTAMP.len()).position(|here| here == TIMESTAMP)? + TIMESTAMP.len();
    let stamp = text.get(at..at + 24)?;
    let digits: Vec<u8> = stamp.iter().copied().filter(u8::is_ascii_digit).collect();
    let key = decimal(&digits)?;
    Some((key, key % 100_000 * 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_out_of_messages() {
        let text = br#"{"type":"equipment_changes","timestamp":"2025-11-03T10:30:45.123Z","seq":7,"equipment":[{"written_ns":12},{"written_ns":34}"#;
        assert_eq!((after(text, b"\"seq\":"), after(text, b"\"written_ns\":")), (Some(7), Some(34)));
        assert_eq!(timestamp(text), Some((20_251_103_103_045_123, 45_123_000_000)));
        assert_eq!(after(b"\"written_ns\":null", b"\"written_ns\":"), None);
    }

    #[test]
    fn a_message_counts_from_its_first_delivery_within_the_time() {
        let mut line = Line::new(2);
        line.receive(0, 1, true, 5, 10, 100);
        line.measuring = true;
        // Begun before.
        line.receive(1, 1, true, 5, 10, 100);
        line.receive(0, 2, true, 5, 10, 200);
        line.receive(1, 2, true, 5, 10, 250);
        line.receive(0, 3, true, 5, 10, 300);
        line.over = true;
        line.receive(0, 4, true, 5, 10, 400);
        // One is left out.
        line.receive(1, 4, true, 5, 10, 400);
        assert_eq!((line.publishes, line.delivered, line.missed), (2, 3, 1));
        assert_eq!(line.open.len(), 1);
    }
}
