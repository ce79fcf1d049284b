//! Who has received what: every publish is followed to every subscriber.

use super::{latency::Latency, parser::Message};
use andon_bench::publish::{Numbered, Request, number_of};

/// Requests that can be followed at once.
const FOLLOWED: usize = 1 << 16;

/// One publish request.
#[derive(Clone, Copy, Default)]
struct Batch {
    /// When it was due.
    due_ns: u64,
    /// When the first message of it arrived at anyone; 0: not yet.
    first_ns: u64,
    /// Subscribers that do not have all of it.
    left: u64,
}

/// What must not happen, counted.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) missed: u64,
    pub(crate) disorder: u64,
    pub(crate) bad_length: u64,
    pub(crate) unknown: u64,
    pub(crate) bad_content: u64,
}

pub(crate) struct Ledger {
    batch: u64,
    size: usize,
    check: bool,
    /// The newest number that each subscriber has.
    newest: Vec<u64>,
    /// By request, in a ring.
    batches: Vec<Batch>,
    sent: u64,
    done: u64,
    /// The number that the next request begins with.
    next_seq: u64,
    expected: Numbered,
    pub(crate) delivered: u64,
    pub(crate) bytes: u64,
    pub(crate) faults: Faults,
    /// From a request's due time to each of its deliveries.
    pub(crate) latency: Latency,
    /// From a request's first delivery to its last.
    pub(crate) duration: Latency,
}

impl Ledger {
    /// For so many subscribers and messages per request. With `check`, messages must be handed in whole.
    pub(crate) fn new(subscribers: usize, batch: u64, size: usize, check: bool) -> Self {
        Self {
            batch,
            size,
            check,
            newest: vec![0; subscribers],
            batches: vec![Batch::default(); FOLLOWED],
            sent: 0,
            done: 0,
            next_seq: 1,
            expected: Numbered::default(),
            delivered: 0,
            bytes: 0,
            faults: Faults::default(),
            latency: Latency::new(),
            duration: Latency::new(),
        }
    }

    /// The next request, which was due then.
    pub(crate) fn request(&mut self, due_ns: u64) -> Request {
        let request = Request { seq: self.next_seq, count: self.batch, size: self.size };
        let left = self.newest.len() as u64;
        self.batches[self.sent as usize % FOLLOWED] = Batch { due_ns, first_ns: 0, left };
        self.sent += 1;
        self.next_seq += self.batch;
        request
    }

    /// Messages of another size from the next request on. None may be outstanding.
    pub(crate) fn resize(&mut self, size: usize) {
        self.size = size;
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Requests that not every subscriber has all of.
    pub(crate) fn outstanding(&self) -> u64 {
        self.sent - self.done
    }

    /// Forgets what warming up has counted, but no fault; what is outstanding is still followed.
    pub(crate) fn reset(&mut self) {
        self.delivered = 0;
        self.bytes = 0;
        self.latency.reset();
        self.duration.reset();
    }

    /// A subscriber has received a message.
    pub(crate) fn receive(&mut self, subscriber: usize, message: &Message<'_>, now_ns: u64) {
        let Some(seq) = number_of(message.beginning).filter(|&seq| seq < self.next_seq) else {
            self.faults.unknown += 1;
            return;
        };
        let before = self.newest[subscriber];
        if seq <= before {
            self.faults.disorder += 1;
            return;
        }
        self.newest[subscriber] = seq;
        self.faults.missed += seq - before - 1;
        self.delivered += 1;
        self.bytes += message.length;
        if message.length != self.size as u64 {
            self.faults.bad_length += 1;
        } else if self.check && message.beginning != self.expected.get(seq, self.size) {
            self.faults.bad_content += 1;
        }
        let batch = &mut self.batches[((seq - 1) / self.batch) as usize % FOLLOWED];
        self.latency.record(now_ns.saturating_sub(batch.due_ns));
        if batch.first_ns == 0 {
            batch.first_ns = now_ns;
        }
        // All requests whose last message lies behind what it had and not behind this one are complete here.
        for complete in before / self.batch..seq / self.batch {
            let batch = &mut self.batches[complete as usize % FOLLOWED];
            batch.left -= 1;
            if batch.left == 0 && batch.first_ns != 0 {
                self.duration.record(now_ns - batch.first_ns);
            }
        }
        while self.done < self.sent && self.batches[self.done as usize % FOLLOWED].left == 0 {
            self.done += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_bench::frame;

    fn receive(ledger: &mut Ledger, subscriber: usize, seq: u64, now_ns: u64) {
        let mut numbered = Numbered::default();
        let beginning = numbered.get(seq, 50);
        ledger.receive(subscriber, &Message { opcode: frame::TEXT, length: 50, beginning }, now_ns);
    }

    #[test]
    fn a_request_is_done_when_all_have_all_of_it() {
        let mut ledger = Ledger::new(2, 2, 50, true);
        assert_eq!(ledger.request(100), Request { seq: 1, count: 2, size: 50 });
        assert_eq!(ledger.request(200), Request { seq: 3, count: 2, size: 50 });
        for (subscriber, seq, outstanding) in [(0, 1, 2), (0, 2, 2), (1, 1, 2), (1, 2, 1)] {
            receive(&mut ledger, subscriber, seq, 300);
            assert_eq!(ledger.outstanding(), outstanding);
        }
        // One skips, which is told, and completes what it skipped.
        receive(&mut ledger, 0, 4, 400);
        receive(&mut ledger, 1, 3, 400);
        receive(&mut ledger, 1, 4, 500);
        assert_eq!(ledger.outstanding(), 0);
        assert_eq!((ledger.delivered, ledger.faults.missed), (7, 1));
        assert_eq!(ledger.faults.bad_content + ledger.faults.bad_length + ledger.faults.unknown, 0);
    }

    #[test]
    fn faults_are_counted() {
        let mut ledger = Ledger::new(1, 1, 50, true);
        ledger.request(0);
        ledger.request(0);
        receive(&mut ledger, 0, 2, 1);
        receive(&mut ledger, 0, 1, 1);
        // Never asked for.
        receive(&mut ledger, 0, 3, 1);
        assert_eq!((ledger.faults.missed, ledger.faults.disorder, ledger.faults.unknown), (1, 1, 1));
        ledger.request(0);
        let mut wrong = Numbered::default().get(3, 50).to_vec();
        wrong[40] = b'y';
        ledger.receive(0, &Message { opcode: frame::TEXT, length: 50, beginning: &wrong }, 1);
        ledger.request(0);
        let mut numbered = Numbered::default();
        ledger.receive(0, &Message { opcode: frame::TEXT, length: 49, beginning: numbered.get(4, 49) }, 1);
        assert_eq!((ledger.faults.bad_content, ledger.faults.bad_length), (1, 1));
    }
}
