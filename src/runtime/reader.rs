//! The reader: a thread of its own that reads back what a store has committed, a page for each job, so that nobody else waits for the disk.

use crate::{
    contracts::store::reader::StoreReader,
    ground::{
        foreign::{self, Foreign},
        limits::READS_MAX,
    },
};
use crossbeam_channel::{Receiver, Sender, TrySendError, select_biased};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst, fence},
    },
};

type Work = dyn FnOnce(Option<&mut dyn StoreReader>) + Send;

/// Something to be read, and what to do with it. It runs exactly once: with the reader, or, when the thread ends before, with none.
pub(crate) struct Job(Box<Work>);

impl Job {
    pub(crate) fn new(work: impl FnOnce(Option<&mut dyn StoreReader>) + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    fn run(self, reader: Option<&mut dyn StoreReader>) {
        if foreign::call(|| (self.0)(reader)).is_err() {
            log::error!("what the host does with a page of a recording panicked");
        }
    }

    /// Gives it up: it does not run at all.
    fn cancel(self) {
        drop(Foreign::new(self.0));
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job(..)")
    }
}

/// Why a job was not taken. It does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    Full,
    Ended,
}

/// Where jobs are put, from any thread.
#[derive(Debug, Clone)]
pub(crate) struct Reads {
    tx: Sender<Job>,
    left: Left,
}

impl Reads {
    pub(crate) fn push(&self, job: Job) -> Result<(), NotTaken> {
        if self.left.ended.load(SeqCst) {
            job.cancel();
            return Err(NotTaken::Ended);
        }
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) = self.tx.try_send(job) {
            job.cancel();
            return Err(NotTaken::Full);
        }
        // Either the thread finds the job when it ends, or it is seen here that it has ended.
        fence(SeqCst);
        if self.left.ended.load(SeqCst) {
            self.left.drain();
        }
        Ok(())
    }
}

/// What is left of the queue when its thread ends.
#[derive(Debug, Clone)]
struct Left {
    jobs: Receiver<Job>,
    ended: Arc<AtomicBool>,
}

impl Left {
    fn drain(&self) {
        for job in self.jobs.try_iter() {
            job.run(None);
        }
    }
}

/// Ends the thread when it is dropped; jobs that wait run without a reader.
#[derive(Debug)]
pub(crate) struct ReadsGuard {
    /// Nothing is ever sent here.
    _serving: Sender<()>,
}

/// The thread's end.
#[derive(Debug)]
pub(crate) struct ReadsThread {
    left: Left,
    serving: Receiver<()>,
}

/// Makes a reader's ends.
pub(crate) fn reads() -> (Reads, ReadsGuard, ReadsThread) {
    let (tx, jobs) = crossbeam_channel::bounded(READS_MAX);
    let (serving_tx, serving) = crossbeam_channel::bounded(0);
    let left = Left { jobs, ended: Arc::default() };
    let thread = ReadsThread { left: left.clone(), serving };
    (Reads { tx, left }, ReadsGuard { _serving: serving_tx }, thread)
}

impl ReadsThread {
    /// Runs until the guard is dropped, or nobody is left to ask.
    pub(crate) fn run(self, mut reader: Foreign<dyn StoreReader>) {
        loop {
            select_biased! {
                recv(self.serving) -> _ => return,
                recv(self.left.jobs) -> job => match job {
                    Ok(job) => job.run(Some(&mut *reader)),
                    Err(_) => return,
                },
            }
        }
    }
}

impl Drop for ReadsThread {
    fn drop(&mut self) {
        self.left.ended.store(true, SeqCst);
        fence(SeqCst);
        self.left.drain();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::store::memory::MemoryStore;
    use std::{sync::mpsc, thread};

    fn job(tell: &mpsc::Sender<(u32, bool)>, n: u32) -> Job {
        let tell = tell.clone();
        Job::new(move |reader| tell.send((n, reader.is_some())).unwrap())
    }

    /// Whoever waits for an answer gets one, also from a thread that is no more.
    #[test]
    fn a_job_runs_once_whatever_happens() {
        let (reads, guard, thread) = reads();
        let (tell, told) = mpsc::channel();
        let reader = Foreign::new(Box::new(MemoryStore::new(1)) as Box<dyn StoreReader>);
        let (hold, held) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        reads
            .push(Job::new(move |_| {
                begun.send(()).unwrap();
                held.recv().unwrap();
                std::panic::resume_unwind(Box::new("as a host may"));
            }))
            .unwrap();
        let running = thread::spawn(move || thread.run(reader));
        begins.recv().unwrap();
        for n in 0..READS_MAX as u32 {
            reads.push(job(&tell, n)).unwrap();
        }
        assert_eq!(reads.push(job(&tell, 999)), Err(NotTaken::Full));
        drop(guard);
        hold.send(()).unwrap();
        running.join().unwrap();
        let answers: Vec<_> = told.try_iter().collect();
        assert_eq!(answers, (0..READS_MAX as u32).map(|n| (n, false)).collect::<Vec<_>>());
        assert_eq!(reads.push(job(&tell, 1_000)), Err(NotTaken::Ended));
        assert!(told.try_recv().is_err(), "what was not taken does not run");
    }

    #[test]
    fn jobs_run_in_order_with_the_reader() {
        let (reads, _guard, thread) = reads();
        let (tell, told) = mpsc::channel();
        for n in 0..3 {
            reads.push(job(&tell, n)).unwrap();
        }
        drop(reads);
        thread.run(Foreign::new(Box::new(MemoryStore::new(1))));
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [(0, true), (1, true), (2, true)]);
    }
}
