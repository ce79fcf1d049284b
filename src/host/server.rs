//! The server: started, spoken to, stopped.

use super::{config::Config, event::Events, handle::Handle, recordings::Recordings};
use crate::{
    contracts::store::StoreError,
    ground::{
        counters::Stats,
        error::StartError,
        foreign::{self, Foreign, Panicked},
        id::{MountId, TopicId},
        limits::{SPARE_STOP_TIME, WORKER_STOP_TIME},
    },
    hub::registry::TopicIds,
    runtime::{
        channels::{Channels, EventBytes},
        latest::Latest,
        listener::{BACKLOG, Listener},
        mailbox::{Wake, mailbox},
        outlet::outlet,
        reactor::{Board, Ended, Parts, Reactor, WAKER},
        reader::{ReadsGuard, reads},
        recorder::recorder,
        thread::{self, ThreadSettings},
    },
};
use core::net::SocketAddr;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    thread::{JoinHandle, ThreadId},
    time::Duration,
};

/// How a server stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stopped {
    /// Every client was told, took what it was owed, and is closed; every lossless event is with the host, and every record was answered.
    Clean,
    /// Time ran out: a client did not take its goodbye within [`Limits::close_wait`](crate::Limits::close_wait), or something was left at the
    /// timeout and was dropped. See [`Stats::events_dropped`] and [`Stats::records_unanswered`].
    Forced,
    /// The loop's thread did not come back: a contract, gate, route or store of the host does not return. The thread is left behind on
    /// purpose, with what it uses; the library must not be unloaded.
    Abandoned,
    /// Called on the loop's own thread, which cannot wait for itself: the stop is under way and will be complete when the thread ends.
    Requested,
}

/// A running server. Dropping it stops it, see [`Builder::stop_timeout`](crate::Builder::stop_timeout).
pub struct Server {
    handle: Handle,
    events: Option<Events>,
    recordings: Option<Recordings>,
    addresses: Vec<SocketAddr>,
    stop_timeout: Duration,
    loop_thread: ThreadId,
    ending: Mutex<Ending>,
}

/// What is left to be waited for.
struct Ending {
    outcome: Option<Stopped>,
    ended: Receiver<Ended>,
    /// The loop's thread, then the recorder's.
    threads: Vec<Running>,
    /// The reader's thread, and what is dropped when it is to end.
    reading: Option<(ReadsGuard, Running)>,
}

/// A thread, and what is disconnected when it is through.
type Running = (Receiver<()>, JoinHandle<()>);

impl Config {
    /// Starts the server. When this returns, it listens.
    pub fn start(self) -> Result<Server, StartError> {
        Server::start(self)
    }
}

impl Server {
    fn start(config: Config) -> Result<Self, StartError> {
        #[cfg(feature = "contracts")]
        let (hub, guided, device_sessions) = (config.hub, config.guided, config.device_sessions.into());
        #[cfg(feature = "board")]
        let late = config.board;
        let Config { addresses, send_buffer_bytes, stop_timeout, store, thread, mut settings, .. } = config;
        if cfg!(panic = "abort") {
            log::warn!(
                "built with panic = \"abort\": a panic in a contract, gate, route or store ends the process, \
                 and not only the clients of that contract"
            );
        }
        let system = |what| move |source| StartError::System { what, source };
        let poll = mio::Poll::new().map_err(system("make a poll descriptor"))?;
        let waker = mio::Waker::new(poll.registry(), WAKER).map_err(system("make a waker"))?;
        let wake = Wake::new(waker);
        let mut listeners = Vec::with_capacity(addresses.len());
        for address in addresses {
            let bound = Listener::bind(address, BACKLOG);
            listeners
                .push(bound.map_err(|source| StartError::Listen { address: address.to_string(), source })?);
        }
        let local = listeners.iter().map(Listener::local_addr).collect::<io::Result<Vec<_>>>();
        let addresses = local.map_err(system("learn the address that is listened on"))?;
        Reactor::register(&poll, &mut listeners).map_err(system("watch a listener"))?;

        let limits = &settings.limits;
        let (sender, receiver) =
            mailbox(limits.commands, limits.own_commands(), limits.command_bytes, Arc::clone(&wake));
        let (events_out, events) = if settings.events.bits() == 0 {
            (None, None)
        } else {
            let bytes = Arc::new(EventBytes::new(limits.event_bytes));
            let (tx, rx) = outlet(limits.events, Arc::clone(&wake));
            let events = Events { receiver: rx, bytes: Arc::clone(&bytes), wake: Arc::clone(&wake) };
            (Some((tx, bytes)), Some(events))
        };
        let mut threads = Vec::new();
        let board = Arc::new(Board::new());
        let (mut recordings, mut reading) = (None, None);
        let records = match store {
            None => None,
            Some(mut store) => {
                let known = foreign::call(|| store.guided_sessions())
                    .unwrap_or_else(|Panicked| Err(StoreError::Rejected("the store panicked".into())));
                settings.store = Some(known.map_err(|error| StartError::Store { why: error.to_string() })?);
                let reader = foreign::call(|| store.reader()).unwrap_or_else(|Panicked| {
                    log::error!("the store panicked when it was asked for a reader: there is none");
                    None
                });
                let (tx, rx) = recorder(limits, Arc::clone(&wake), Arc::clone(&board.timings));
                let name = format!("{}-rec", thread.name);
                let affinity = thread.affinity.clone();
                let settings = ThreadSettings { name, affinity, ..ThreadSettings::default() };
                threads.push(spawn(settings, "start the recorder's thread", move || rx.run(store))?);
                if let Some(reader) = reader.map(Foreign::new) {
                    let (reads, guard, rx) = reads();
                    let name = format!("{}-read", thread.name);
                    let affinity = thread.affinity.clone();
                    let settings = ThreadSettings { name, affinity, ..ThreadSettings::default() };
                    let running = spawn(settings, "start the reader's thread", move || rx.run(reader))?;
                    recordings = Some(Recordings::new(reads, Arc::clone(&board)));
                    reading = Some((guard, running));
                }
                Some(tx)
            }
        };
        // The ids that the engine will give to the host's topics: both count up from the first.
        let mut ids = TopicIds::new(limits.topics, limits.log_bytes_total);
        let topics: Arc<[_]> = settings
            .topics
            .iter()
            .filter_map(|(name, topic)| Some((name.clone(), ids.allot(topic.log_bytes).ok()?, *topic)))
            .collect();
        let mounts: Arc<[_]> = settings.mounts.iter().map(|mount| mount.pattern.clone()).collect();
        let latest = Arc::new(Latest::new(topics.iter().map(|(_, _, topic)| *topic), Arc::clone(&wake)));
        let parts = Parts {
            poll,
            listeners,
            settings,
            channels: Channels::new(events_out, records),
            mailbox: receiver,
            latest: Arc::clone(&latest),
            board: Arc::clone(&board),
            send_buffer_bytes,
        };
        let (ended_tx, ended) = crossbeam_channel::bounded(1);
        let handle = Handle {
            #[cfg(feature = "contracts")]
            device_sessions,
            #[cfg(feature = "contracts")]
            hub: hub.and_then(|hub| hub.publications(&topics)).map(Arc::new),
            #[cfg(feature = "contracts")]
            guided: guided.and_then(|guided| guided.desk(&mounts)),
            mailbox: sender,
            latest,
            topics,
            mounts,
            board: Arc::clone(&board),
        };
        #[cfg(feature = "board")]
        if let Some(late) = late {
            late.started(handle.clone(), recordings.clone());
        }
        let on_loop = board;
        let running = spawn(thread, "start the loop's thread", move || {
            // Also when the loop dies of a panic: then nothing more is taken.
            let _ended = EndGuard(on_loop);
            let how = Reactor::new(parts).run();
            // The host may have dropped its end.
            let _ = ended_tx.try_send(how);
        })?;
        let loop_thread = running.1.thread().id();
        threads.insert(0, running);
        Ok(Self {
            handle,
            events,
            recordings,
            addresses,
            stop_timeout,
            loop_thread,
            ending: Mutex::new(Ending { outcome: None, ended, threads, reading }),
        })
    }

    /// A handle for other threads and for keeps.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The events asked for by [`Builder::events`](crate::Builder::events), once; `None` when none were asked for, or they were taken before.
    pub fn events(&mut self) -> Option<Events> {
        self.events.take()
    }

    /// What the store has committed, to be read back from any thread while the server runs; `None` when there is no store, or it cannot be read.
    pub fn recordings(&self) -> Option<Recordings> {
        self.recordings.clone()
    }

    /// The addresses listened on, in the order given, with the real ports.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The topic of this name that was declared in the builder.
    pub fn topic(&self, name: &str) -> Option<TopicId> {
        self.handle.topic(name)
    }

    /// The mount at this pattern, as it was given to the builder.
    pub fn mount(&self, pattern: &str) -> Option<MountId> {
        self.handle.mount(pattern)
    }

    /// What the server has counted.
    pub fn stats(&self) -> Stats {
        self.handle.stats()
    }

    /// Stops the server: contracts say their last words, clients are closed with 1001, and have until `timeout` to take both; so have
    /// the host to take lossless events, from another thread if they do not fit its queue, and the store to answer for its records. Waits
    /// for that, and a little longer for threads that do not come back. What the host gave before is carried out first, unless it must wait.
    /// Called again, it tells the same; called again before it is over, it may allow less time.
    ///
    /// On the loop's own thread it only requests the stop.
    pub fn stop(&self, timeout: Duration) -> Stopped {
        self.handle.board.want_stop(timeout);
        self.handle.mailbox.wake().wake();
        if std::thread::current().id() == self.loop_thread {
            return Stopped::Requested;
        }
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = ending.outcome {
            return outcome;
        }
        let outcome = match ending.ended.recv_timeout(timeout.saturating_add(SPARE_STOP_TIME)) {
            Ok(Ended::Clean) => Stopped::Clean,
            Ok(Ended::Forced) => Stopped::Forced,
            // The thread died of a panic of our own: there is nothing to wait for.
            Err(RecvTimeoutError::Disconnected) => Stopped::Forced,
            Err(RecvTimeoutError::Timeout) => Stopped::Abandoned,
        };
        let mut abandoned = outcome == Stopped::Abandoned;
        let mut wait = |(gone, thread): Running| {
            // Its end of the channel is dropped when the thread is through with everything of ours.
            let back = !abandoned && gone.recv_timeout(WORKER_STOP_TIME) != Err(RecvTimeoutError::Timeout);
            if back {
                // A panic was logged by the runtime when it happened.
                let _ = thread.join();
            } else {
                abandoned = true;
                std::mem::forget(thread);
            }
        };
        ending.threads.drain(..).for_each(&mut wait);
        // Behind the recorder's: of two who close a recording at the same moment neither would know that it is the last, who tidies up.
        if let Some((serving, reader)) = ending.reading.take() {
            drop(serving);
            wait(reader);
        }
        let outcome = if abandoned { Stopped::Abandoned } else { outcome };
        if abandoned {
            log::error!("a thread of the server does not come back; it is left behind");
        }
        ending.outcome = Some(outcome);
        outcome
    }
}

/// Says that the loop has ended, however it did.
struct EndGuard(Arc<Board>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Spawns a thread that tells, by dropping its end of a channel, when it is through.
fn spawn(
    settings: ThreadSettings,
    what: &'static str,
    body: impl FnOnce() + Send + 'static,
) -> Result<Running, StartError> {
    let (through, gone) = crossbeam_channel::bounded(0);
    let body = move || {
        body();
        drop(through);
    };
    let thread = thread::spawn(settings, body).map_err(|source| StartError::System { what, source })?;
    Ok((gone, thread))
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop(self.stop_timeout);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
