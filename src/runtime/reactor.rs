//! The loop: it waits in `poll` and nowhere else, and drives the engine with what happened.

use super::{
    channels::Channels,
    clock::Clock,
    latest::Latest,
    listener::{Accepted, BACKLOG, Listener},
    mailbox::{MailboxReceiver, Weigh},
    recorder::{RecordSender, Report},
    socket::Socket,
    timings::Timings,
};
use crate::{
    engine::{Engine, command::Command, settings::Settings},
    ground::{
        counters::Stats,
        foreign,
        id::{ConnId, TopicId},
        limits::{ACCEPT_BACKOFF, ACCEPTS_PER_TURN, COMMANDS_PER_TURN, REPORTS_PER_TURN},
        time::Tick,
    },
};
use mio::{Events, Interest, Poll, Token};
use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

/// The waker's token. Listeners follow; connections are below all of them.
pub(crate) const WAKER: Token = Token(usize::MAX);
const LISTENERS: usize = usize::MAX - 1;
/// Readiness events taken from the system at once.
const EVENTS_PER_POLL: usize = 1_024;

impl Weigh for Command {
    fn weight_bytes(&self) -> usize {
        self.weight_bytes()
    }
}

/// What the host's side and the loop both see.
#[derive(Debug)]
pub(crate) struct Board {
    stats: [AtomicU64; Stats::LEN],
    /// The host wants the server to stop, and how long that may take (nanoseconds; the largest number: as was said before).
    stop_wanted: AtomicBool,
    stop_within_nanos: AtomicU64,
    ended: AtomicBool,
    /// Commands handed back to the host.
    commands_refused: AtomicU64,
    /// Reads of recordings handed back.
    reads_refused: AtomicU64,
    pub(crate) timings: Arc<Timings>,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self {
            stats: std::array::from_fn(|_| AtomicU64::new(0)),
            stop_wanted: AtomicBool::new(false),
            stop_within_nanos: AtomicU64::new(u64::MAX),
            ended: AtomicBool::new(false),
            commands_refused: AtomicU64::new(0),
            reads_refused: AtomicU64::new(0),
            timings: Arc::default(),
        }
    }

    /// What was counted until the end of the loop's last turn. Each number is whole; two of them may be a turn apart.
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            commands_refused: self.commands_refused.load(Relaxed),
            reads_refused: self.reads_refused.load(Relaxed),
            ..Stats::from_array(std::array::from_fn(|i| self.stats[i].load(Relaxed)))
        }
    }

    fn show(&self, stats: &Stats) {
        for (shown, value) in self.stats.iter().zip(stats.to_array()) {
            shown.store(value, Relaxed);
        }
    }

    /// A command was handed back for want of room.
    pub(crate) fn refused_command(&self) {
        self.commands_refused.fetch_add(1, Relaxed);
    }

    /// A read of a recording was handed back for want of room.
    pub(crate) fn refused_read(&self) {
        self.reads_refused.fetch_add(1, Relaxed);
    }

    /// The loop has ended.
    pub(crate) fn end(&self) {
        self.ended.store(true, Release);
    }

    /// Whether nobody is left to publish to: the loop is to stop, or has ended.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop_wanted.load(Acquire) || self.ended.load(Acquire)
    }

    pub(crate) fn want_stop(&self, within: Duration) {
        let nanos = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX).min(u64::MAX - 1);
        self.stop_within_nanos.fetch_min(nanos, Relaxed);
        // Release: pairs with the loop's acquire, so that it sees the time allowed.
        self.stop_wanted.store(true, Release);
    }

    /// How long a stop may take that is wanted since this was last asked.
    fn take_stop(&self) -> Option<Duration> {
        if !self.stop_wanted.load(Acquire) {
            return None;
        }
        let nanos = self.stop_within_nanos.swap(u64::MAX, Relaxed);
        (nanos != u64::MAX).then(|| Duration::from_nanos(nanos))
    }
}

/// A listener and whether it must be looked at.
struct Door {
    listener: Listener,
    /// Only this machine reaches it.
    local: bool,
    /// Connections may be waiting: edge-triggered readiness is told once.
    waiting: bool,
    /// Not before then: descriptors have run out.
    rests_until: Option<Tick>,
}

/// How the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every client was told and took it, and so did the host and the contracts.
    Clean,
    /// Time ran out, for a client or for all, and what was left was dropped.
    Forced,
}

/// See the module.
pub(crate) struct Reactor {
    poll: Poll,
    engine: Engine<Socket, Channels>,
    doors: Vec<Door>,
    mailbox: MailboxReceiver<Command>,
    latest: Arc<Latest>,
    latest_topics: Vec<TopicId>,
    board: Arc<Board>,
    clock: Clock,
    send_buffer_bytes: Option<usize>,
    refused_descriptors: u64,
    accept_backoffs: u64,
}

/// What a reactor is made of.
pub(crate) struct Parts {
    pub(crate) poll: Poll,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) settings: Settings,
    pub(crate) channels: Channels,
    pub(crate) mailbox: MailboxReceiver<Command>,
    pub(crate) latest: Arc<Latest>,
    pub(crate) board: Arc<Board>,
    pub(crate) send_buffer_bytes: Option<usize>,
}

impl Reactor {
    /// Registers the listeners. To be called on the thread that starts the server, so that it hears of failures.
    pub(crate) fn register(poll: &Poll, listeners: &mut [Listener]) -> io::Result<()> {
        for (index, listener) in listeners.iter_mut().enumerate() {
            let token = Token(LISTENERS - index);
            poll.registry().register(listener.source(), token, Interest::READABLE)?;
        }
        Ok(())
    }

    /// Builds the engine and its contracts, on the loop's own thread.
    pub(crate) fn new(parts: Parts) -> Self {
        // By which wake-ups are told.
        let clock = parts.mailbox.wake().clock();
        let entropy = Box::new(|| uuid::Uuid::new_v4().as_u128());
        let engine = Engine::new(parts.settings, parts.channels, entropy, clock.now());
        let doors = parts.listeners.into_iter().map(|listener| {
            let local = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
            Door { listener, local, waiting: true, rests_until: None }
        });
        Self {
            poll: parts.poll,
            latest_topics: engine.host_topics().iter().map(|(_, id)| *id).collect(),
            engine,
            doors: doors.collect(),
            mailbox: parts.mailbox,
            latest: parts.latest,
            board: parts.board,
            clock,
            send_buffer_bytes: parts.send_buffer_bytes,
            refused_descriptors: 0,
            accept_backoffs: 0,
        }
    }

    /// Runs until the host wants it to stop.
    pub(crate) fn run(mut self) -> Ended {
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        let mut stop_at: Option<Tick> = None;
        // Commands that were given before the stop was wanted and are not taken; none while it is not wanted, or once it has begun.
        let mut given = None;
        // Turns that such a stop waits for connections to be accepted, so that it does not wait for a flood of them.
        let mut accepts = BACKLOG as usize / ACCEPTS_PER_TURN;
        loop {
            let now = self.clock.now();
            let timeout = self.timeout(now.tick, stop_at);
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // Nothing that a poll descriptor of our own can meet; without it there is nothing to go on with.
                    log::error!("the loop cannot poll: {error}");
                    self.engine.abort();
                    return self.end(Ended::Forced);
                }
            }
            // Cleared before anything is looked at: whatever comes from here on wakes the next poll.
            let woken = self.mailbox.begin_drain();
            let now = self.clock.now();
            self.engine.begin(now);
            self.dispatch(&events);
            self.accept(now.tick);
            let taken = self.take_commands();
            self.take_reports();
            given = given.map(|left: usize| left.saturating_sub(taken));
            if let Some(within) = self.board.take_stop() {
                if stop_at.is_none() {
                    given = Some(self.mailbox.backlog().0);
                }
                let at = now.tick + within;
                stop_at = Some(stop_at.map_or(at, |before| before.min(at)));
            }
            if let (Some(left), Some(at)) = (given, stop_at) {
                // What the host gave before it wanted the stop comes first, but for commands that there is no room for: those must not hold it up.
                let takes = self.engine.takes_commands() || !self.engine.takes_values();
                let commands = left > 0 && !self.mailbox.is_empty() && takes;
                let arrivals = accepts > 0 && self.is_waited_for();
                accepts -= usize::from(arrivals);
                if !(commands || arrivals || self.latest.waits()) || now.tick >= at {
                    given = None;
                    self.doors.clear();
                    self.engine.stop();
                }
            }
            self.engine.ports_mut().again = false;
            self.engine.run();
            self.engine.ports_mut().flush();
            self.show();
            self.measure(now.tick, woken);
            if let Some(at) = stop_at.filter(|_| given.is_none()) {
                if self.engine.is_drained() {
                    self.engine.finish();
                    let how = if self.engine.was_forced() { Ended::Forced } else { Ended::Clean };
                    return self.end(how);
                }
                if now.tick >= at {
                    self.engine.abort();
                    return self.end(Ended::Forced);
                }
            }
        }
    }

    fn timeout(&mut self, now: Tick, stop_at: Option<Tick>) -> Option<Duration> {
        let doors = self.is_waited_for();
        let commands = !self.mailbox.is_empty() && self.engine.takes_commands();
        // Their wake-up may have come while a fan-out had to come first.
        let values = self.latest.waits() && self.engine.takes_values();
        let ports = self.engine.ports_mut();
        let reports = ports.records.as_ref().is_some_and(RecordSender::has_report);
        if ports.again || self.engine.has_work() || doors || commands || values || reports {
            return Some(Duration::ZERO);
        }
        let rests = self.doors.iter().filter_map(|door| door.rests_until).min();
        let due = [self.engine.next_deadline(), rests, stop_at].into_iter().flatten().min()?;
        Some(due - now)
    }

    /// Whether connections may wait to be accepted, and may be.
    fn is_waited_for(&self) -> bool {
        self.doors.iter().any(|door| door.waiting && door.rests_until.is_none())
    }

    fn dispatch(&mut self, events: &Events) {
        for event in events {
            let Token(token) = event.token();
            if event.token() == WAKER {
                continue;
            }
            if let Some(door) = self.doors.get_mut(LISTENERS - token) {
                door.waiting = true;
                continue;
            }
            let Some(slot) = slot_of(token) else { continue };
            if event.is_writable() {
                self.engine.writable(slot);
            }
            let hung_up = event.is_read_closed() || event.is_error();
            if event.is_readable() || hung_up {
                self.engine.readable(slot, hung_up);
            }
        }
    }

    fn accept(&mut self, now: Tick) {
        for door in &mut self.doors {
            if door.rests_until.is_some_and(|until| until <= now) {
                door.rests_until = None;
            }
            if !door.waiting || door.rests_until.is_some() {
                continue;
            }
            for _ in 0..ACCEPTS_PER_TURN {
                let (socket, addr) = match door.listener.accept() {
                    Accepted::Conn(socket, addr) => (socket, addr),
                    Accepted::Empty => {
                        door.waiting = false;
                        break;
                    }
                    Accepted::Retry => continue,
                    outcome @ (Accepted::Scarce | Accepted::Exhausted | Accepted::Broken(_)) => {
                        self.refused_descriptors += u64::from(matches!(outcome, Accepted::Scarce));
                        self.accept_backoffs += 1;
                        if let Accepted::Broken(error) = outcome {
                            log::warn!("cannot accept: {error}");
                        }
                        door.rests_until = Some(now + ACCEPT_BACKOFF);
                        break;
                    }
                };
                if let Some(bytes) = self.send_buffer_bytes {
                    // A hint to the kernel; the default is no fault.
                    let _ = socket.set_send_buffer_bytes(bytes);
                }
                let Some(id) = self.engine.admit(socket, addr, door.local) else { continue };
                let interest = Interest::READABLE | Interest::WRITABLE;
                let registered = match self.engine.transport_mut(id) {
                    Some(socket) => self.poll.registry().register(socket.source(), token_of(id), interest),
                    None => Ok(()),
                };
                if let Err(error) = registered {
                    log::warn!("cannot watch a connection: {error}");
                    self.engine.abandon(id);
                }
            }
        }
    }

    /// Returns how many were in the mailbox.
    fn take_commands(&mut self) -> usize {
        let (latest, topics, engine) = (&self.latest, &self.latest_topics, &mut self.engine);
        if engine.takes_values() {
            latest.take(|topic, key, payload| {
                let (topic, key) = (topics[topic], key.map(Into::into));
                engine.command(match payload {
                    Some(payload) => Command::Publish { topic, key, payload },
                    None => Command::Forget { topic, key: key.unwrap_or_default() },
                });
            });
        }
        for taken in 0..COMMANDS_PER_TURN {
            if !self.engine.takes_commands() {
                return taken;
            }
            let Some(command) = self.mailbox.pop() else { return taken };
            self.engine.command(command);
        }
        COMMANDS_PER_TURN
    }

    fn take_reports(&mut self) {
        for _ in 0..REPORTS_PER_TURN {
            let Some(records) = &self.engine.ports_mut().records else { break };
            match records.next_report() {
                Some(Report::Verdict(upto, outcome)) => self.engine.recorded(upto, outcome.as_ref().copied()),
                Some(Report::Down(why)) => self.engine.store_down(why),
                None => break,
            }
        }
    }

    /// Counts how long the turn took that began at `began`, and since when `woken` had to wait for its end.
    fn measure(&self, began: Tick, woken: Option<Tick>) {
        let ended = self.clock.tick();
        self.board.timings.turn.count(ended - began);
        if let Some(woken) = woken {
            self.board.timings.handover.count(ended - woken);
        }
    }

    fn show(&self) {
        self.board.show(&self.stats());
    }

    fn stats(&self) -> Stats {
        let (commands, bytes) = self.mailbox.backlog();
        Stats {
            commands_waiting: commands as u64,
            command_bytes_waiting: bytes as u64,
            refused_descriptors: self.refused_descriptors,
            accept_backoffs: self.accept_backoffs,
            publish_conflated: self.latest.replaced(),
            ..*self.engine.stats()
        }
    }

    fn end(mut self, how: Ended) -> Ended {
        self.engine.ports_mut().flush();
        if let Some(records) = &mut self.engine.ports_mut().records {
            records.end();
        }
        self.mailbox.close();
        let mut untaken = 0;
        while let Some(command) = self.mailbox.pop() {
            drop(command);
            untaken += 1;
        }
        let (board, mut stats) = (Arc::clone(&self.board), self.stats());
        stats.commands += untaken;
        stats.commands_stale += untaken;
        // All that the host gave us goes with the loop.
        drop(self);
        stats.contract_panics += foreign::take_drop_panics();
        board.show(&stats);
        how
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor").field("doors", &self.doors.len()).finish_non_exhaustive()
    }
}

/// The slot is all that a token holds: readiness told of a connection that is gone is at worst spurious for its successor, which the
/// engine takes in its stride.
fn token_of(id: ConnId) -> Token {
    Token(id.index())
}

fn slot_of(token: usize) -> Option<u32> {
    u32::try_from(token).ok()
}
