//! The recorder: a thread of its own that gives records to a [`Store`] in batches, and tells the loop what became of them.

use super::mailbox::Wake;
use crate::{
    contracts::store::{Record, Store, StoreError},
    ground::{
        id::{MountId, RecordTicket},
        limits::{RECORD_BATCH_MAX, STORE_RETRY},
    },
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Release},
};

/// What became of a batch.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) tickets: Vec<(MountId, RecordTicket)>,
    pub(crate) outcome: Result<(), StoreError>,
}

/// The loop's end.
#[derive(Debug)]
pub(crate) struct RecordSender {
    tx: Sender<Record>,
    verdicts: Receiver<Verdict>,
    /// Payload bytes sent and not yet judged.
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
    /// Tells the thread not to wait for a store that is down.
    ending: Arc<AtomicBool>,
}

/// The thread's end.
#[derive(Debug)]
pub(crate) struct RecordReceiver {
    rx: Receiver<Record>,
    verdicts: Sender<Verdict>,
    bytes: Arc<AtomicUsize>,
    ending: Arc<AtomicBool>,
    wake: Arc<Wake>,
}

/// Makes a recorder's two ends, for at most `records` records and `bytes_max` payload bytes on their way.
pub(crate) fn recorder(records: usize, bytes_max: usize, wake: Arc<Wake>) -> (RecordSender, RecordReceiver) {
    let (tx, rx) = crossbeam_channel::bounded(records);
    let (verdict_tx, verdict_rx) = crossbeam_channel::bounded(records + RECORD_BATCH_MAX);
    let bytes = Arc::new(AtomicUsize::new(0));
    let ending = Arc::new(AtomicBool::new(false));
    let sender = RecordSender {
        tx,
        verdicts: verdict_rx,
        bytes: Arc::clone(&bytes),
        bytes_max,
        ending: Arc::clone(&ending),
    };
    (sender, RecordReceiver { rx, verdicts: verdict_tx, bytes, ending, wake })
}

impl RecordSender {
    /// Whether a record of this weight would be taken.
    pub(crate) fn fits(&self, weight_bytes: usize) -> bool {
        !self.tx.is_full() && self.bytes.load(Acquire) + weight_bytes <= self.bytes_max
    }

    pub(crate) fn send(&mut self, record: Record) -> Result<(), Record> {
        let weight = record.weight_bytes();
        if !self.fits(weight) {
            return Err(record);
        }
        // Only this side adds, so what fitted a moment ago still does.
        self.bytes.fetch_add(weight, AcqRel);
        self.tx.try_send(record).map_err(|refused| {
            self.bytes.fetch_sub(weight, AcqRel);
            refused.into_inner()
        })
    }

    /// Whether verdicts wait. Who stops taking them before there are none must not sleep: each wake-up comes once.
    pub(crate) fn has_verdict(&self) -> bool {
        !self.verdicts.is_empty()
    }

    pub(crate) fn next_verdict(&self) -> Option<Verdict> {
        self.verdicts.try_recv().ok()
    }

    /// The server ends: what is queued is still offered to the store, once.
    pub(crate) fn end(&self) {
        self.ending.store(true, Release);
    }
}

impl RecordReceiver {
    /// Runs until the loop's end is dropped and everything is judged.
    pub(crate) fn run(self, mut store: Box<dyn Store>) {
        let mut batch = Vec::new();
        while let Ok(first) = self.rx.recv() {
            batch.push(first);
            batch.extend(self.rx.try_iter().take(RECORD_BATCH_MAX - 1));
            let outcome = self.commit(store.as_mut(), &batch);
            let weight: usize = batch.iter().map(Record::weight_bytes).sum();
            let tickets = batch.drain(..).map(|record| (record.mount, record.ticket)).collect();
            self.bytes.fetch_sub(weight, AcqRel);
            // Waits for the loop when it has many verdicts to take: this thread may. When the loop is gone, nobody is left to be told.
            let verdict = match self.verdicts.try_send(Verdict { tickets, outcome }) {
                Err(crossbeam_channel::TrySendError::Full(verdict)) => Some(verdict),
                Ok(()) | Err(crossbeam_channel::TrySendError::Disconnected(_)) => None,
            };
            self.wake.wake();
            if let Some(verdict) = verdict {
                let _ = self.verdicts.send(verdict);
                self.wake.wake();
            }
        }
        store.close();
    }

    /// Offers a batch until the store has an answer to it. While it is down nothing is acknowledged, and nothing new is taken.
    fn commit(&self, store: &mut dyn Store, batch: &[Record]) -> Result<(), StoreError> {
        loop {
            // A store that panics has refused, whatever state it is in; it is offered the next batch all the same.
            let committed =
                catch_unwind(AssertUnwindSafe(|| store.commit(batch))).unwrap_or_else(|payload| {
                    std::mem::forget(payload);
                    Err(StoreError::Rejected("the store panicked".into()))
                });
            match committed {
                Err(StoreError::Down(why)) if !self.ending.load(Acquire) => {
                    log::warn!("the store is down, {} records wait: {why}", batch.len());
                    self.rest();
                }
                outcome => return outcome,
            }
        }
    }

    /// Waits before the next try. Not by sleeping, so that the end of the server ends it too: nothing is ever sent here.
    fn rest(&self) {
        let (_keep, never) = crossbeam_channel::bounded::<()>(0);
        match never.recv_timeout(STORE_RETRY) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}
