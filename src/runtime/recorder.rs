//! The recorder: a thread of its own that gives records to a [`Store`] in batches, and tells the loop what became of them.

use super::mailbox::Wake;
use crate::{
    contracts::store::{Store, StoreError, record::Record},
    ground::{
        foreign::{self, Foreign, Panicked},
        id::RecordTicket,
        limits::{RECORD_BATCH_MAX, STORE_RETRY},
    },
};
use crossbeam_channel::{Receiver, Select, Sender, TryRecvError};
use std::{sync::Arc, time::Duration};

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
    tx: Sender<Record>,
    reports: Receiver<Report>,
    /// Dropped when the server ends.
    serving: Option<Sender<()>>,
}

/// The thread's end.
#[derive(Debug)]
pub(crate) struct RecordReceiver {
    rx: Receiver<Record>,
    reports: Sender<Report>,
    /// Nothing is ever sent here; it is disconnected when the server ends.
    serving: Receiver<()>,
    /// What the store said last, and the loop has been told, while it is down.
    said: Option<String>,
    /// The most records there are on their way.
    records: usize,
    /// How long a store that is down is left alone.
    retry: Duration,
    wake: Arc<Wake>,
}

/// Makes a recorder's two ends. The loop never has more than `records` records on their way that it has taken no verdict on.
pub(crate) fn recorder(records: usize, wake: Arc<Wake>) -> (RecordSender, RecordReceiver) {
    let (tx, rx) = crossbeam_channel::bounded(records);
    // Each verdict is on one record at least, and as many reports of a store that is down find room beside them.
    let (reports_tx, reports_rx) = crossbeam_channel::bounded(2 * records);
    let (serving_tx, serving_rx) = crossbeam_channel::bounded(0);
    let sender = RecordSender { tx, reports: reports_rx, serving: Some(serving_tx) };
    let receiver = RecordReceiver {
        rx,
        reports: reports_tx,
        serving: serving_rx,
        said: None,
        records,
        retry: STORE_RETRY,
        wake,
    };
    (sender, receiver)
}

impl RecordSender {
    /// Hands over a record. False when the thread is gone.
    pub(crate) fn send(&mut self, record: Record) -> bool {
        self.tx.try_send(record).is_ok()
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
        while let Ok(first) = self.rx.recv() {
            batch.push(first);
            self.fill(&mut batch, RECORD_BATCH_MAX);
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
        }
        if foreign::call(|| store.close()).is_err() {
            log::error!("the store panicked when it was closed");
        }
    }

    /// Adds what is queued.
    fn fill(&self, batch: &mut Vec<Record>, max: usize) {
        batch.extend(self.rx.try_iter().take(max - batch.len()));
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
            let committed = foreign::call(|| store.commit(batch));
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

    /// A recorder that tries again after `retry`, with `queued` records in its queue when it begins.
    fn running(
        queued: u64,
        retry: Duration,
        say: Say,
    ) -> (RecordSender, mpsc::Receiver<Vec<u64>>, JoinHandle<()>) {
        let poll = mio::Poll::new().unwrap();
        let wake = Wake::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let (mut tx, mut rx) = recorder(10_000, wake);
        rx.retry = retry;
        for ticket in 1..=queued {
            assert!(tx.send(record(ticket)));
        }
        let (offers, offered) = mpsc::channel();
        let thread = thread::spawn(move || {
            rx.run(Foreign::new(Box::new(Told(offers, say))));
            drop(poll);
        });
        (tx, offered, thread)
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
        assert!(tx.send(record(2)));
        assert_eq!(offered.recv_timeout(PATIENCE), Ok(vec![1, 2]), "nothing of the first was committed");
        assert!(matches!(tx.reports.recv_timeout(PATIENCE), Ok(Report::Down(why)) if why == "no room"));
        tx.end();
        // Offered a last time if it was being left alone just then.
        let verdict = tx.reports.recv_timeout(PATIENCE).map(|report| format!("{report:?}"));
        assert_eq!(verdict.as_deref(), Ok(r#"Verdict(RecordTicket(2), Err(Down("no room")))"#));
        let reports = finish(tx, thread);
        assert!(reports.is_empty(), "its words were told before");
    }
}
