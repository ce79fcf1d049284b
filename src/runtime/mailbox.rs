//! Commands in: from any thread of the host to the loop, bounded in number and in bytes.
//!
//! A push takes no lock and waits for nobody: it may fail, and then the command comes back. What is pushed wakes the
//! loop, once for however many pushes come before it looks.

use super::clock::Clock;
use crate::ground::time::Tick;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
};

use crossbeam_channel::{Receiver, Sender};
use crossbeam_utils::CachePadded;

/// The coalesced wake-up of one loop, shared by everyone who leaves something for it.
///
/// The rule for the leaver: leave it first, then [`wake`](Self::wake). The rule for the loop:
/// [`begin_drain`](Self::begin_drain) first, then look; and if it stops looking before everything is taken, it does
/// not sleep. Then nothing that was left can be slept on.
#[derive(Debug)]
pub(crate) struct Wake {
    /// Whether the loop has been woken and has not begun to look since. On a line of its own: every push writes it.
    armed: CachePadded<AtomicBool>,
    /// When it was, on the clock's ticks; 0: nobody has looked at that since. Only for measuring: it may be told a turn late.
    armed_at: AtomicU64,
    clock: Clock,
    waker: mio::Waker,
}

impl Wake {
    /// Wakes by `waker`, which belongs to the loop's poll.
    pub(crate) fn new(waker: mio::Waker) -> Arc<Self> {
        let armed = CachePadded::new(AtomicBool::new(false));
        Arc::new(Self { armed, armed_at: AtomicU64::new(0), clock: Clock::new(), waker })
    }

    /// Has the loop's current or next poll return, unless somebody has done so already. One system call at most.
    pub(crate) fn wake(&self) {
        // Release: pairs with the Acquire of `begin_drain`, which makes what was left before this visible to the loop,
        // also when the wake-up was somebody else's: all changes of `armed` are read-modify-writes, so the one that
        // clears it continues the release of every swap before. Finding `true` is therefore enough: that wake-up's
        // drain is still to begin.
        if self.armed.swap(true, AcqRel) {
            return;
        }
        self.armed_at.store(self.clock.tick().as_nanos(), Relaxed);
        if let Err(error) = self.waker.wake() {
            // Nobody has been woken, so the next one must try again.
            self.armed.swap(false, AcqRel);
            log::error!("cannot wake the server's loop: {error}");
        }
    }

    /// The clock by which it tells when it was armed.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// The loop is about to look at everything that may have been left for it. Tells when the first of that was left.
    pub(crate) fn begin_drain(&self) -> Option<Tick> {
        // Acquire: pairs with the Release of `wake`, see there. A swap and not a store: a store reads nothing, so what
        // was left by the wake-up that it overwrites might not be seen, and nobody would wake us for it again.
        self.armed.swap(false, AcqRel);
        if self.armed_at.load(Relaxed) == 0 {
            return None;
        }
        Some(Tick::from_nanos(self.armed_at.swap(0, Relaxed)))
    }
}

/// Something that counts against a budget of bytes.
pub(crate) trait Weigh {
    /// The bytes that it holds on to. Asked once, on push.
    fn weight_bytes(&self) -> usize;
}

/// A command that was not taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushError<C> {
    /// Too many commands, or too many bytes of them, wait for the loop. A command that alone weighs more than the
    /// whole budget gets this every time: who makes commands checks their size.
    Full(C),
    /// The loop has ended.
    Closed(C),
}

impl<C> fmt::Debug for PushError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

/// What both ends know.
#[derive(Debug)]
struct Shared {
    /// Commands pushed and not popped, or about to be pushed. Invariant: `waiting <= capacity + own`.
    waiting: CachePadded<AtomicUsize>,
    capacity: usize,
    /// Room beyond that for commands of the server itself, which no host can take away.
    #[cfg(feature = "board")]
    own: usize,
    /// What they weigh. Invariant: `bytes <= bytes_max`.
    bytes: CachePadded<AtomicUsize>,
    bytes_max: usize,
    /// What the server's own commands weigh. Invariant: `own_bytes <= bytes_max`.
    own_bytes: AtomicUsize,
    closed: AtomicBool,
    wake: Arc<Wake>,
}

impl Shared {
    fn give_back(&self, weight: usize, own: bool) {
        let bytes = if own { &self.own_bytes } else { &*self.bytes };
        bytes.fetch_sub(weight, Relaxed);
        // Release: see `reserve`.
        self.waiting.fetch_sub(1, Release);
    }
}

/// Takes `amount` of `max`, or nothing.
///
/// Compare-and-exchange rather than add-and-correct: so one thread's command that does not fit never makes another
/// thread's that does fit fail, and the sum cannot overflow.
fn reserve(used: &AtomicUsize, amount: usize, max: usize) -> bool {
    // Acquire: pairs with the Release of `give_back`. Who takes a place therefore sees that the pop which freed it is
    // over, and never meets a slot of the channel that a preempted loop is still reading from, where crossbeam would
    // have it spin.
    used.fetch_update(Acquire, Relaxed, |used| (amount <= max.saturating_sub(used)).then(|| used + amount))
        .is_ok()
}

/// A command and its weight, so that exactly what was taken from the budget is given back.
struct Parcel<C> {
    command: C,
    weight: usize,
    own: bool,
}

/// Makes a mailbox for `capacity` commands of `bytes_max` bytes together, and `own` more of the server itself.
pub(crate) fn mailbox<C: Weigh>(
    capacity: usize,
    own: usize,
    bytes_max: usize,
    wake: Arc<Wake>,
) -> (MailboxSender<C>, MailboxReceiver<C>) {
    let (tx, rx) = crossbeam_channel::bounded(capacity + own);
    let shared = Arc::new(Shared {
        waiting: CachePadded::new(AtomicUsize::new(0)),
        capacity,
        #[cfg(feature = "board")]
        own,
        bytes: CachePadded::new(AtomicUsize::new(0)),
        bytes_max,
        own_bytes: AtomicUsize::new(0),
        closed: AtomicBool::new(false),
        wake,
    });
    (MailboxSender { tx, shared: Arc::clone(&shared) }, MailboxReceiver { rx, shared })
}

/// The host's end: any number of threads.
pub(crate) struct MailboxSender<C> {
    tx: Sender<Parcel<C>>,
    shared: Arc<Shared>,
}

impl<C: Weigh> MailboxSender<C> {
    /// Hands `command` to the loop, or back. Never waits.
    ///
    /// `Ok` means that it is in the loop's hands: commands of one thread are popped in the order of their pushes. One
    /// that crosses the loop's end is dropped with the mailbox.
    pub(crate) fn push(&self, command: C) -> Result<(), PushError<C>> {
        let shared = &*self.shared;
        if shared.closed.load(Acquire) {
            return Err(PushError::Closed(command));
        }
        let weight = command.weight_bytes();
        // Bytes first: what is reserved in vain is then reserved while there is no place for anybody else either.
        if !reserve(&shared.bytes, weight, shared.bytes_max) {
            return Err(PushError::Full(command));
        }
        if !reserve(&shared.waiting, 1, shared.capacity) {
            shared.bytes.fetch_sub(weight, Relaxed);
            return Err(PushError::Full(command));
        }
        self.send(Parcel { command, weight, own: false })
    }

    /// The same for a command of the server itself, which has room where those of the host have none: places of its own, and as many bytes again.
    #[cfg(feature = "board")]
    pub(crate) fn push_own(&self, command: C) -> Result<(), PushError<C>> {
        let shared = &*self.shared;
        if shared.closed.load(Acquire) {
            return Err(PushError::Closed(command));
        }
        let weight = command.weight_bytes();
        if !reserve(&shared.own_bytes, weight, shared.bytes_max) {
            return Err(PushError::Full(command));
        }
        if !reserve(&shared.waiting, 1, shared.capacity + shared.own) {
            shared.own_bytes.fetch_sub(weight, Relaxed);
            return Err(PushError::Full(command));
        }
        self.send(Parcel { command, weight, own: true })
    }

    /// Sends what has a place.
    fn send(&self, parcel: Parcel<C>) -> Result<(), PushError<C>> {
        let (shared, weight, own) = (&*self.shared, parcel.weight, parcel.own);
        if let Err(error) = self.tx.try_send(parcel) {
            shared.give_back(weight, own);
            // `Full` cannot be, a place was reserved; if it were, this is the right answer.
            return Err(match error {
                crossbeam_channel::TrySendError::Full(parcel) => PushError::Full(parcel.command),
                crossbeam_channel::TrySendError::Disconnected(parcel) => PushError::Closed(parcel.command),
            });
        }
        shared.wake.wake();
        Ok(())
    }

    /// What all commands waiting may weigh together: a heavier one is never taken.
    pub(crate) fn bytes_max(&self) -> usize {
        self.shared.bytes_max
    }

    /// The wake-up of the loop, for who leaves it something elsewhere.
    pub(crate) fn wake(&self) -> &Arc<Wake> {
        &self.shared.wake
    }
}

impl<C> Clone for MailboxSender<C> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<C> fmt::Debug for MailboxSender<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

/// The loop's end. Dropping it closes the mailbox.
pub(crate) struct MailboxReceiver<C> {
    rx: Receiver<Parcel<C>>,
    shared: Arc<Shared>,
}

impl<C> MailboxReceiver<C> {
    /// To be called before the first [`pop`](Self::pop) of a turn; see [`Wake`]. Once per turn will do for everything
    /// that shares the wake-up.
    pub(crate) fn begin_drain(&self) -> Option<Tick> {
        self.shared.wake.begin_drain()
    }

    /// The wake-up of the loop.
    pub(crate) fn wake(&self) -> &Wake {
        &self.shared.wake
    }

    /// The oldest command.
    pub(crate) fn pop(&mut self) -> Option<C> {
        let Parcel { command, weight, own } = self.rx.try_recv().ok()?;
        self.shared.give_back(weight, own);
        Some(command)
    }

    /// Whether there is nothing to pop. While there is, the loop must not sleep: no further wake-up may come for it.
    pub(crate) fn is_empty(&self) -> bool {
        self.rx.is_empty()
    }

    /// Commands waiting and their bytes, now.
    pub(crate) fn backlog(&self) -> (usize, usize) {
        (self.shared.waiting.load(Relaxed), self.shared.bytes.load(Relaxed))
    }

    /// Refuses commands from now on. Those that were taken before can still be popped.
    pub(crate) fn close(&self) {
        // Release: who sees the mailbox closed sees what the loop did before it closed it.
        self.shared.closed.store(true, Release);
    }
}

impl<C> Drop for MailboxReceiver<C> {
    fn drop(&mut self) {
        // Commands left behind keep their places, so "closed" must be known before "full" is looked at.
        self.close();
    }
}

impl<C> fmt::Debug for MailboxReceiver<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use mio::{Events, Poll, Token, Waker};

    use super::*;

    impl Weigh for usize {
        fn weight_bytes(&self) -> usize {
            *self
        }
    }

    /// From a producer, its number in that producer's order.
    struct Numbered(usize, usize);

    impl Weigh for Numbered {
        fn weight_bytes(&self) -> usize {
            self.1 % 7
        }
    }

    fn wake() -> (Poll, Arc<Wake>) {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), Token(0)).unwrap();
        (poll, Wake::new(waker))
    }

    fn is_woken(poll: &mut Poll) -> bool {
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        !events.is_empty()
    }

    #[test]
    fn is_send_and_sync() {
        fn check<T: Send + Sync>() {}
        check::<MailboxSender<std::cell::Cell<u8>>>();
        check::<MailboxReceiver<u8>>();
    }

    /// However full it is of the host's commands, and without taking their room when it is not.
    #[cfg(feature = "board")]
    #[test]
    fn the_server_has_room_of_its_own() {
        let (_poll, wake) = wake();
        let (tx, mut rx) = mailbox(2, 2, 10, wake);
        tx.push(5).unwrap();
        tx.push(5).unwrap();
        tx.push_own(3).unwrap();
        assert_eq!(tx.push_own(8), Err(PushError::Full(8)));
        tx.push_own(7).unwrap();
        assert_eq!(tx.push_own(0), Err(PushError::Full(0)));
        assert_eq!(tx.push(0), Err(PushError::Full(0)));
        assert_eq!([rx.pop(), rx.pop(), rx.pop()], [Some(5), Some(5), Some(3)]);
        tx.push(10).unwrap();
        assert_eq!([rx.pop(), rx.pop(), rx.pop()], [Some(7), Some(10), None]);
        drop(rx);
        assert_eq!(tx.push_own(1), Err(PushError::Closed(1)));
    }

    #[test]
    fn refused_commands_come_back() {
        let (_poll, wake) = wake();
        let (tx, mut rx) = mailbox(2, 0, 10, wake);
        assert_eq!(tx.push(11), Err(PushError::Full(11)));
        tx.push(4).unwrap();
        assert_eq!(tx.push(7), Err(PushError::Full(7)));
        tx.push(6).unwrap();
        assert_eq!(rx.backlog(), (2, 10));
        assert_eq!(tx.push(0), Err(PushError::Full(0)));
        assert_eq!((rx.pop(), rx.pop(), rx.pop()), (Some(4), Some(6), None));
        assert_eq!(rx.backlog(), (0, 0));
        tx.push(10).unwrap();
    }

    #[test]
    fn a_weight_near_the_largest_number_is_only_too_heavy() {
        let (_poll, wake) = wake();
        let (tx, _rx) = mailbox(4, 0, usize::MAX, wake);
        tx.push(2).unwrap();
        assert_eq!(tx.push(usize::MAX - 1), Err(PushError::Full(usize::MAX - 1)));
        tx.push(usize::MAX - 2).unwrap();
    }

    #[test]
    fn a_closed_mailbox_says_so_even_when_it_is_full() {
        let (_poll, wake) = wake();
        let (tx, mut rx) = mailbox(1, 0, 10, wake);
        tx.push(1).unwrap();
        rx.close();
        assert_eq!(tx.push(2), Err(PushError::Closed(2)));
        assert_eq!(rx.pop(), Some(1));
        drop(rx);
        assert_eq!(tx.push(3), Err(PushError::Closed(3)));
        let (tx, rx) = mailbox(1, 0, 10, Arc::clone(tx.wake()));
        tx.push(1).unwrap();
        drop(rx);
        assert_eq!(tx.push(2), Err(PushError::Closed(2)));
    }

    #[test]
    fn wakes_once_until_the_loop_looks() {
        let (mut poll, wake) = wake();
        let (tx, mut rx) = mailbox(8, 0, 80, Arc::clone(&wake));
        assert!(!is_woken(&mut poll));
        tx.push(1).unwrap();
        assert!(is_woken(&mut poll));
        tx.push(2).unwrap();
        wake.wake();
        assert!(!is_woken(&mut poll));
        rx.begin_drain();
        assert_eq!((rx.pop(), rx.pop(), rx.is_empty()), (Some(1), Some(2), true));
        tx.push(3).unwrap();
        assert!(is_woken(&mut poll));
        // A refused command is no reason to wake anyone.
        rx.begin_drain();
        assert_eq!(tx.push(100), Err(PushError::Full(100)));
        assert!(!is_woken(&mut poll));
    }

    /// With one command at a time no later push makes up for a wake-up that came before its command was there.
    #[test]
    fn a_command_is_there_when_its_wake_up_comes() {
        const ROUNDS: usize = 20_000;
        let (mut poll, wake) = wake();
        let (tx, mut rx) = mailbox(1, 0, 0, wake);
        let popped = std::sync::Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    tx.push(0).unwrap();
                    popped.wait();
                }
            });
            let mut events = Events::with_capacity(4);
            for _ in 0..ROUNDS {
                let command = loop {
                    match poll.poll(&mut events, Some(Duration::from_secs(30))) {
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                        result => result.unwrap(),
                    }
                    if events.is_empty() {
                        break None;
                    }
                    rx.begin_drain();
                    if let Some(command) = rx.pop() {
                        break Some(command);
                    }
                };
                // Released in any case: the test is to fail, not to hang.
                popped.wait();
                assert_eq!(command, Some(0), "a wake-up was lost");
            }
        });
    }

    /// The loop sleeps without a limit but for one that fails the test; a lost wake-up would run into it.
    #[test]
    fn no_wake_up_is_lost_and_no_budget_is_exceeded() {
        const PRODUCERS: usize = 4;
        const EACH: usize = if cfg!(debug_assertions) { 20_000 } else { 200_000 };
        const DRAINED_AT_ONCE: usize = 5;
        let (mut poll, wake) = wake();
        let (tx, mut rx) = mailbox(16, 0, 24, wake);
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let tx = tx.clone();
                thread::spawn(move || {
                    for number in 0..EACH {
                        let mut command = Numbered(producer, number);
                        while let Err(error) = tx.push(command) {
                            let PushError::Full(back) = error else { panic!("closed") };
                            assert_eq!((back.0, back.1), (producer, number));
                            command = back;
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();

        let mut next = [0; PRODUCERS];
        let mut events = Events::with_capacity(4);
        while next.iter().sum::<usize>() < PRODUCERS * EACH {
            let sleep = if rx.is_empty() { Duration::from_secs(30) } else { Duration::ZERO };
            match poll.poll(&mut events, Some(sleep)) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                result => result.unwrap(),
            }
            assert!(sleep.is_zero() || !events.is_empty(), "a wake-up was lost");
            rx.begin_drain();
            for _ in 0..DRAINED_AT_ONCE {
                let (waiting, bytes) = rx.backlog();
                assert!(waiting <= 16 && bytes <= 24);
                let Some(Numbered(producer, number)) = rx.pop() else { break };
                assert_eq!(number, next[producer]);
                next[producer] += 1;
            }
        }
        for producer in producers {
            producer.join().unwrap();
        }
        assert_eq!((rx.backlog(), rx.is_empty()), ((0, 0), true));
    }
}
