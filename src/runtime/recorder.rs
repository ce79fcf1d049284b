//! The recorder: a thread of its own that gives records to a [`Store`] in batches, tells the loop what became of them, and lets the store tidy up
//! in between.

use super::{clock::Clock, mailbox::Wake, timings::Timings};
use crate::{
    contracts::store::{Store, StoreError, record::Record},
    ground::{
        foreign::{self, Foreign, Panicked},
        id::RecordTicket,
        limits::{Limits, RECORD_BATCH_MAX, STORE_RETRY, TEND_BUSY, TEND_IDLE, TEND_MORE},
        time::Tick,
    },
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Select, Sender, TryRecvError};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// What the loop is told, in the order in which it happened.
#[derive(Debug)]
pub(crate) enum Report {
    /// The store is down, in its own words. What it was offered is offered again.
    Down(String),
    /// All records up to this ticket that were not judged before have been committed, or refused.
    Verdict(RecordTicket, Result<(), StoreError>),
}

/// The loop's end. Dropping it ends the thread, once everything is judged.
#[derive(Debug)]
pub(crate) struct RecordSender {
    tx: Sender<Weighed>,
    /// Ends the time in which the thread collects: it sleeps meanwhile, or each record would wake it.
    urge: Sender<()>,
    size: BatchSize,
    waiting: Arc<Waiting>,
    reports: Receiver<Report>,
    /// Dropped when the server ends.
    serving: Option<Sender<()>>,
}

/// The thread's end.
#[derive(Debug)]
pub(crate) struct RecordReceiver {
    rx: Receiver<Weighed>,
    urged: Receiver<()>,
    size: BatchSize,
    waiting: Arc<Waiting>,
    reports: Sender<Report>,
    /// Nothing is ever sent here; it is disconnected when the server ends.
    serving: Receiver<()>,
    /// What the store said last, and the loop has been told, while it is down.
    said: Option<String>,
    /// The most records there are on their way.
    records: usize,
    /// How long a batch may wait for more records when nobody waits for it.
    window: Duration,
    /// How long a store that is down is left alone.
    retry: Duration,
    clock: Clock,
    /// When the store was last told to tidy up.
    tended: Tick,
    /// How long after that it is told again.
    tend_after: Duration,
    wake: Arc<Wake>,
    timings: Arc<Timings>,
}

/// A record and its [weight](Record::weight_bytes), which was computed when it was made.
#[derive(Debug)]
struct Weighed {
    record: Record,
    bytes: usize,
}

/// Records that are queued or in a batch that is being collected: the loop counts them in, the thread counts them out. Relaxed, since nothing
/// else is read by what these say.
#[derive(Debug, Default)]
struct Waiting {
    records: AtomicUsize,
    bytes: AtomicUsize,
}

impl Waiting {
    /// One more waits. Returns how many do, and their bytes.
    fn join(&self, bytes: usize) -> (usize, usize) {
        // The thread may be through with it already: then these have wrapped, and do so again.
        let records = self.records.fetch_add(1, Relaxed).wrapping_add(1);
        (records, self.bytes.fetch_add(bytes, Relaxed).wrapping_add(bytes))
    }

    /// So many, of so many bytes together, do not wait any more.
    fn leave(&self, records: usize, bytes: usize) {
        self.records.fetch_sub(records, Relaxed);
        self.bytes.fetch_sub(bytes, Relaxed);
    }
}

/// When a batch is full. Whoever records is not read while all room is taken, and that is not to wait for the window's end: so half of it is enough.
#[derive(Debug, Clone, Copy)]
struct BatchSize {
    records: usize,
    bytes: usize,
}

impl BatchSize {
    fn of(limits: &Limits) -> Self {
        Self {
            records: RECORD_BATCH_MAX.min(limits.records.div_ceil(2)),
            bytes: limits.record_bytes.div_ceil(2),
        }
    }

    fn is_reached(self, records: usize, bytes: usize) -> bool {
        records >= self.records || bytes >= self.bytes
    }
}

/// Makes a recorder's two ends. The loop never has more than [`Limits::records`] records on their way that it has taken no verdict on.
pub(crate) fn recorder(
    limits: &Limits,
    wake: Arc<Wake>,
    timings: Arc<Timings>,
) -> (RecordSender, RecordReceiver) {
    let records = limits.records;
    let (tx, rx) = crossbeam_channel::bounded(records);
    // Each verdict is on one record at least, and as many reports of a store that is down find room beside them.
    let (reports_tx, reports_rx) = crossbeam_channel::bounded(2 * records);
    let (serving_tx, serving_rx) = crossbeam_channel::bounded(0);
    let (urge, urged) = crossbeam_channel::bounded(1);
    let (size, waiting) = (BatchSize::of(limits), Arc::<Waiting>::default());
    let sender = RecordSender {
        tx,
        urge,
        size,
        waiting: Arc::clone(&waiting),
        reports: reports_rx,
        serving: Some(serving_tx),
    };
    let clock = Clock::new();
    let receiver = RecordReceiver {
        rx,
        urged,
        size,
        waiting,
        reports: reports_tx,
        serving: serving_rx,
        said: None,
        records,
        window: limits.record_window,
        retry: STORE_RETRY,
        tended: clock.now().tick,
        tend_after: TEND_IDLE,
        clock,
        wake,
        timings,
    };
    (sender, receiver)
}

impl RecordSender {
    /// Hands over a record, which weighs so many bytes. False when the thread is gone.
    pub(crate) fn send(&mut self, record: Record, bytes: usize) -> bool {
        let awaited = record.awaited;
        if self.tx.try_send(Weighed { record, bytes }).is_err() {
            return false;
        }
        let (records, bytes) = self.waiting.join(bytes);
        if awaited || self.size.is_reached(records, bytes) {
            // One that waits already is as good.
            let _ = self.urge.try_send(());
        }
        true
    }

    /// Whether reports wait. Who stops taking them before there are none must not sleep: each wake-up comes once.
    pub(crate) fn has_report(&self) -> bool {
        !self.reports.is_empty()
    }

    pub(crate) fn next_report(&self) -> Option<Report> {
        self.reports.try_recv().ok()
    }

    /// The server ends: what is queued is still offered to the store, once, and nothing is waited for any more.
    pub(crate) fn end(&mut self) {
        self.serving = None;
    }
}

impl RecordReceiver {
    /// Runs until the loop's end is dropped and everything is judged.
    pub(crate) fn run(mut self, mut store: Foreign<dyn Store>) {
        let store = &mut *store;
        let mut batch = Vec::new();
        while let Some(first) = self.next(store) {
            self.collect(&mut batch, first);
            let outcome = self.commit(store, &mut batch, RECORD_BATCH_MAX);
            if batch.len() > 1 && matches!(outcome, Err(StoreError::Rejected(_))) {
                // Perhaps for one of them: the others are not to go with it.
                for record in batch.drain(..) {
                    let mut one = vec![record];
                    let outcome = self.commit(store, &mut one, 1);
                    self.tell(&one, outcome);
                }
            } else {
                self.tell(&batch, outcome);
                batch.clear();
            }
            self.tend_after = self.tend_after.min(TEND_BUSY);
            if self.tend_in().is_zero() {
                self.tend(store);
            }
        }
        if foreign::call(|| store.close()).is_err() {
            log::error!("the store panicked when it was closed");
        }
    }

    /// The next record; `None` when there will be none. Meanwhile the store tidies up.
    fn next(&mut self, store: &mut dyn Store) -> Option<Weighed> {
        loop {
            match self.rx.try_recv() {
                Ok(record) => return Some(record),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            let wait = if self.tend_after == TEND_MORE { Duration::ZERO } else { self.tend_in() };
            if !self.is_serving() {
                return self.rx.recv().ok();
            }
            match self.rx.recv_timeout(wait) {
                Ok(record) => return Some(record),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.tend(store),
            }
        }
    }

    fn tend_in(&self) -> Duration {
        self.tended + self.tend_after - self.clock.now().tick
    }

    fn tend(&mut self, store: &mut dyn Store) {
        let now = self.clock.now();
        let more = foreign::call(|| store.tend(now.wall)).unwrap_or_else(|Panicked| {
            log::error!("the store panicked when it was to tidy up");
            false
        });
        self.tended = self.clock.now().tick;
        self.tend_after = if more { TEND_MORE } else { TEND_IDLE };
    }

    /// Makes a batch. What is in it waits until it is whole: who records is to see when that is.
    fn collect(&self, batch: &mut Vec<Record>, first: Weighed) {
        let (loop_is_gone, bytes) = self.gather(batch, first);
        self.waiting.leave(batch.len(), bytes);
        if loop_is_gone {
            self.fill(batch, self.size.records);
        }
    }

    /// Takes what is queued and, if nobody waits for any of it, what comes within the window. Returns whether the loop is gone, and the bytes
    /// of the batch.
    fn gather(&self, batch: &mut Vec<Record>, first: Weighed) -> (bool, usize) {
        let until = self.clock.now().tick + self.window;
        let (mut total, mut awaited) = (0, false);
        let mut next = Some(first);
        // What it was urged to take is queued, and is looked at now.
        let _ = self.urged.try_recv();
        loop {
            while let Some(Weighed { record, bytes }) = next {
                total += bytes;
                awaited |= record.awaited;
                batch.push(record);
                if self.size.is_reached(batch.len(), total) {
                    return (false, total);
                }
                next = self.rx.try_recv().ok();
            }
            let left = until - self.clock.now().tick;
            if awaited || left.is_zero() || !self.is_serving() {
                return (false, total);
            }
            let mut select = Select::new();
            select.recv(&self.serving);
            select.recv(&self.urged);
            // Whatever has ended it is looked at above.
            let _ = select.ready_timeout(left);
            if self.urged.try_recv() == Err(TryRecvError::Disconnected) {
                return (true, total);
            }
            next = self.rx.try_recv().ok();
        }
    }

    /// Adds what is queued.
    fn fill(&self, batch: &mut Vec<Record>, max: usize) {
        for Weighed { record, bytes } in self.rx.try_iter().take(max.saturating_sub(batch.len())) {
            batch.push(record);
            self.waiting.leave(1, bytes);
        }
    }

    /// Offers a batch until the store has an answer to it. While it is down nothing is acknowledged; what comes meanwhile joins the batch, up
    /// to `max`.
    fn commit(
        &mut self,
        store: &mut dyn Store,
        batch: &mut Vec<Record>,
        max: usize,
    ) -> Result<(), StoreError> {
        loop {
            // A store that panics has refused, whatever state it is in; it is offered the next batch all the same.
            let began = self.clock.tick();
            let committed = foreign::call(|| store.commit(batch));
            self.timings.commit.count(self.clock.tick() - began);
            let committed =
                committed.unwrap_or_else(|Panicked| Err(StoreError::Rejected("the store panicked".into())));
            match committed {
                Err(StoreError::Down(why)) if self.is_serving() => {
                    self.tell_down(why, batch.len());
                    self.rest(batch.len() < max);
                    self.fill(batch, max);
                }
                outcome => {
                    self.said = None;
                    return outcome;
                }
            }
        }
    }

    fn is_serving(&self) -> bool {
        self.serving.try_recv() != Err(TryRecvError::Disconnected)
    }

    /// Waits before the next try; not when the server ends, and `until_work`, not when there is something new to offer.
    fn rest(&self, until_work: bool) {
        let mut select = Select::new();
        select.recv(&self.serving);
        if until_work {
            select.recv(&self.rx);
        }
        // Whatever has ended it, the store is tried again.
        let _ = select.ready_timeout(self.retry);
    }

    fn tell_down(&mut self, why: String, waiting: usize) {
        // Once, until it says something else; and never into the room that verdicts need.
        if self.said.as_ref() != Some(&why) && self.reports.len() < self.records {
            log::warn!("the store is down, {waiting} records wait: {why}");
            self.said = Some(why.clone());
            self.report(Report::Down(why));
        }
    }

    fn tell(&self, batch: &[Record], outcome: Result<(), StoreError>) {
        if let Some(last) = batch.last() {
            self.report(Report::Verdict(last.ticket, outcome));
        }
    }

    fn report(&self, report: Report) {
        // There is room, see `recorder`. When the loop is gone, nobody is left to be told.
        let _ = self.reports.send(report);
        self.wake.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contracts::store::record::RecordBody, ground::time::Wall};
    use std::{
        sync::mpsc,
        thread::{self, JoinHandle},
    };

    const PATIENCE: Duration = Duration::from_secs(30);

    /// Hands over a record as the engine does.
    fn send(tx: &mut RecordSender, record: Record) -> bool {
        let bytes = record.weight_bytes();
        tx.send(record, bytes)
    }

    /// What a store says to the tickets it is offered.
    type Say = fn(&[u64]) -> Result<(), StoreError>;

    /// Tells what it is offered, and says what it is to say.
    struct Told(mpsc::Sender<Vec<u64>>, Say);

    impl Store for Told {
        fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
            let tickets: Vec<_> = batch.iter().map(|record| record.ticket.0).collect();
            self.0.send(tickets.clone()).unwrap();
            self.1(&tickets)
        }
    }

    fn record(ticket: u64) -> Record {
        Record {
            ticket: RecordTicket(ticket),
            ..Record::new("/", Wall::default(), RecordBody::custom("s", "k", []))
        }
    }

    /// One that nobody waits for.
    fn unhurried(ticket: u64) -> Record {
        Record { awaited: false, ..record(ticket) }
    }

    /// A recorder that tries again after `retry`, with `queued` records in its queue when it begins.
    fn running(
        queued: u64,
        retry: Duration,
        say: Say,
    ) -> (RecordSender, mpsc::Receiver<Vec<u64>>, JoinHandle<()>) {
        let (offers, offered) = mpsc::channel();
        let (mut tx, mut rx, poll) = ends();
        rx.retry = retry;
        for ticket in 1..=queued {
            assert!(send(&mut tx, record(ticket)));
        }
        (tx, offered, start(rx, poll, Told(offers, say)))
    }

    /// A recorder whose window is so long.
    fn collecting(window: Duration) -> (RecordSender, mpsc::Receiver<Vec<u64>>, JoinHandle<()>) {
        let (offers, offered) = mpsc::channel();
        let (tx, mut rx, poll) = ends();
        rx.window = window;
        (tx, offered, start(rx, poll, Told(offers, |_| Ok(()))))
    }

    fn ends() -> (RecordSender, RecordReceiver, mio::Poll) {
        let poll = mio::Poll::new().unwrap();
        let wake = Wake::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let limits = Limits { records: 10_000, record_bytes: 1_000_000, ..Limits::default() };
        let (tx, rx) = recorder(&limits, wake, Arc::default());
        (tx, rx, poll)
    }

    fn start(rx: RecordReceiver, poll: mio::Poll, store: impl Store + 'static) -> JoinHandle<()> {
        thread::spawn(move || {
            rx.run(Foreign::new(Box::new(store)));
            drop(poll);
        })
    }

    /// Waits until the thread is through with everything.
    fn finish(mut tx: RecordSender, thread: JoinHandle<()>) -> Receiver<Report> {
        let reports = tx.reports.clone();
        tx.end();
        drop(tx);
        thread.join().unwrap();
        reports
    }

    /// The loop takes nothing until the store is through: no verdict is lost, and none overtakes another.
    #[test]
    fn verdicts_wait_for_a_busy_loop() {
        const COUNT: u64 = 10_000;
        let poison = |tickets: &[u64]| match tickets.iter().any(|ticket| ticket % 1_000 == 7) {
            true => Err(StoreError::Rejected("poison".into())),
            false => Ok(()),
        };
        let (tx, _offered, thread) = running(COUNT, PATIENCE, poison);
        let reports = finish(tx, thread);
        let mut next = 1;
        for report in reports.try_iter() {
            let Report::Verdict(upto, outcome) = report else { panic!("{report:?}") };
            // Every batch holds one, so each record has a verdict of its own.
            assert_eq!((upto.0, outcome.is_err()), (next, next % 1_000 == 7));
            next += 1;
        }
        assert_eq!(next, COUNT + 1);
    }

    #[test]
    fn poison_does_not_take_its_neighbours() {
        let poison = |tickets: &[u64]| match tickets.contains(&2) {
            true => Err(StoreError::Rejected("poison".into())),
            false => Ok(()),
        };
        let (tx, offered, thread) = running(3, PATIENCE, poison);
        let offers: Vec<_> = (0..4).map(|_| offered.recv_timeout(PATIENCE).unwrap()).collect();
        assert_eq!(offers, [vec![1, 2, 3], vec![1], vec![2], vec![3]]);
        let reports = finish(tx, thread);
        let verdicts: Vec<_> = reports.try_iter().map(|report| format!("{report:?}")).collect();
        assert_eq!(verdicts.len(), 3);
        assert!(verdicts[1].contains("poison"), "{verdicts:?}");
    }

    #[test]
    fn a_store_that_panics_keeps_its_thread_and_only_the_record_is_refused() {
        let panics = |tickets: &[u64]| match tickets.contains(&2) {
            true => std::panic::resume_unwind(Box::new("as a store may")),
            false => Ok(()),
        };
        let (tx, _offered, thread) = running(3, PATIENCE, panics);
        let outcomes: Vec<_> = finish(tx, thread).try_iter().map(|report| format!("{report:?}")).collect();
        assert_eq!(outcomes.len(), 3);
        assert!(outcomes[1].contains("panicked"), "{outcomes:?}");
    }

    /// It would be left alone for longer than anybody waits for the test.
    #[test]
    fn new_work_and_the_end_are_not_kept_waiting_by_a_store_that_is_down() {
        let down = |_: &[u64]| Err(StoreError::Down("no room".into()));
        let (mut tx, offered, thread) = running(1, Duration::from_secs(3_600), down);
        assert_eq!(offered.recv_timeout(PATIENCE), Ok(vec![1]));
        assert!(send(&mut tx, record(2)));
        assert_eq!(offered.recv_timeout(PATIENCE), Ok(vec![1, 2]), "nothing of the first was committed");
        assert!(matches!(tx.reports.recv_timeout(PATIENCE), Ok(Report::Down(why)) if why == "no room"));
        tx.end();
        // Offered a last time if it was being left alone just then.
        let verdict = tx.reports.recv_timeout(PATIENCE).map(|report| format!("{report:?}"));
        assert_eq!(verdict.as_deref(), Ok(r#"Verdict(RecordTicket(2), Err(Down("no room")))"#));
        let reports = finish(tx, thread);
        assert!(reports.is_empty(), "its words were told before");
    }

    /// Longer than anybody waits for the test: only what ends the window early can make these pass.
    const FOR_EVER: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_batch_waits_for_more_until_somebody_waits_for_it() {
        let (mut tx, offered, thread) = collecting(FOR_EVER);
        for ticket in 1..=3 {
            send(&mut tx, unhurried(ticket));
        }
        send(&mut tx, record(4));
        assert_eq!(offered.recv_timeout(PATIENCE), Ok(vec![1, 2, 3, 4]));
        finish(tx, thread);
        assert!(offered.try_recv().is_err());
    }

    #[test]
    fn a_batch_waits_until_it_is_full() {
        let (mut tx, offered, thread) = collecting(FOR_EVER);
        let full = RECORD_BATCH_MAX as u64;
        for ticket in 1..=full {
            send(&mut tx, unhurried(ticket));
        }
        let batch = offered.recv_timeout(PATIENCE).unwrap();
        assert_eq!((batch.len(), batch.last()), (RECORD_BATCH_MAX, Some(&full)));
        // Or heavy: half of what may be on its way.
        let heavy = RecordBody::custom("s", "k", vec![0; 500_000]);
        send(&mut tx, Record { body: heavy, ..unhurried(full + 1) });
        assert_eq!(offered.recv_timeout(PATIENCE), Ok(vec![full + 1]));
        finish(tx, thread);
    }

    #[test]
    fn a_batch_waits_until_its_window_is_over() {
        let (mut tx, offered, thread) = collecting(Duration::from_millis(1));
        send(&mut tx, unhurried(1));
        assert_eq!(offered.recv_timeout(PATIENCE), Ok(vec![1]));
        finish(tx, thread);
    }

    #[test]
    fn a_batch_does_not_wait_for_the_servers_end() {
        let (mut tx, offered, thread) = collecting(FOR_EVER);
        send(&mut tx, unhurried(1));
        tx.end();
        assert_eq!(offered.recv_timeout(PATIENCE), Ok(vec![1]));
        finish(tx, thread);
        // Nor when the loop is gone without a word.
        let (mut tx, offered, thread) = collecting(FOR_EVER);
        send(&mut tx, unhurried(1));
        let _serving = tx.serving.take();
        drop(tx);
        assert_eq!(offered.recv_timeout(PATIENCE), Ok(vec![1]));
        thread.join().unwrap();
    }

    /// Tells when it tidies up; there is more to do until it has been told three times.
    struct Tidy(mpsc::Sender<u32>, u32);

    impl Store for Tidy {
        fn commit(&mut self, _: &[Record]) -> Result<(), StoreError> {
            Ok(())
        }

        fn tend(&mut self, _: Wall) -> bool {
            self.1 += 1;
            self.0.send(self.1).unwrap();
            self.1 < 3
        }
    }

    #[test]
    fn an_idle_store_tidies_up_until_it_is_through() {
        let (tidied, told) = mpsc::channel();
        let (tx, mut rx, poll) = ends();
        // As if it had been idle for long.
        rx.tend_after = Duration::ZERO;
        let thread = start(rx, poll, Tidy(tidied, 0));
        for n in 1..=3 {
            assert_eq!(told.recv_timeout(PATIENCE), Ok(n));
        }
        finish(tx, thread);
        assert!(told.try_recv().is_err());
    }

    /// The queue is never empty when it is looked at: it tidies up between two batches.
    #[test]
    fn a_busy_store_tidies_up_between_batches() {
        let (tidied, told) = mpsc::channel();
        let (mut tx, mut rx, poll) = ends();
        rx.tend_after = Duration::ZERO;
        send(&mut tx, record(1));
        let thread = start(rx, poll, Tidy(tidied, 2));
        assert_eq!(told.recv_timeout(PATIENCE), Ok(3));
        finish(tx, thread);
    }
}
