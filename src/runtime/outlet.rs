//! Events out: from the loop to the host, bounded.
//!
//! The loop never waits for room. It looks at how much there is, does without, and asks to be woken when there is
//! enough.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Acquire, Relaxed, SeqCst},
        },
    },
    time::Duration,
};
#[cfg(unix)]
use std::{io, os::fd::BorrowedFd, sync::OnceLock};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use crossbeam_utils::CachePadded;

#[cfg(unix)]
use crate::runtime::bell::Bell;
use crate::runtime::mailbox::Wake;

/// What both ends know.
#[derive(Debug)]
struct Shared {
    /// Events sent and not taken. Raised by the loop alone, before it sends; lowered after an event has been taken.
    /// Invariant: `waiting <= capacity`.
    ///
    /// The channel's own length would do for the number, but it goes down before the event is out of its slot: the loop
    /// could meet that slot again while the taker is preempted, and crossbeam would have it spin.
    waiting: CachePadded<AtomicUsize>,
    capacity: usize,
    /// The room that the loop waits for; 0 when it does not.
    wanted: CachePadded<AtomicUsize>,
    host_gone: AtomicBool,
    wake: Arc<Wake>,
    /// Rung when an event was sent and when the events have ended. Made when the host first asks for it.
    #[cfg(unix)]
    bell: OnceLock<Bell>,
}

impl Shared {
    fn ring(&self) {
        #[cfg(unix)]
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
    }
}

/// Makes an outlet for `capacity` events. `wake` wakes the loop when room has returned or the host has gone.
pub(crate) fn outlet<E>(capacity: usize, wake: Arc<Wake>) -> (EventsSender<E>, EventsReceiver<E>) {
    let (tx, rx) = crossbeam_channel::bounded(capacity);
    let shared = Arc::new(Shared {
        waiting: CachePadded::new(AtomicUsize::new(0)),
        capacity,
        wanted: CachePadded::new(AtomicUsize::new(0)),
        host_gone: AtomicBool::new(false),
        wake,
        #[cfg(unix)]
        bell: OnceLock::new(),
    });
    (EventsSender { tx: Some(tx), shared: Arc::clone(&shared) }, EventsReceiver { rx, shared })
}

/// The loop's end, one of its kind. Dropping it ends the events: the host still gets what is waiting.
pub(crate) struct EventsSender<E> {
    /// There until the drop.
    tx: Option<Sender<E>>,
    shared: Arc<Shared>,
}

impl<E> EventsSender<E> {
    /// How many more events fit. It grows by itself and shrinks only by [`try_send`](Self::try_send). All of it when
    /// the host has gone, since then nothing is worth waiting for.
    pub(crate) fn room(&self) -> usize {
        if self.host_gone() {
            return self.shared.capacity;
        }
        // Acquire: pairs with the taker's release, whose slot is thus free to be written.
        self.shared.capacity - self.shared.waiting.load(Acquire)
    }

    /// Hands an event to the host, or back when there is no room or no host. Never waits.
    ///
    /// Takes `&mut`: with a second sender, two could take the room that only one has seen.
    pub(crate) fn try_send(&mut self, event: E) -> Result<(), E> {
        if self.host_gone() || self.room() == 0 {
            return Err(event);
        }
        let Some(tx) = &self.tx else { return Err(event) };
        self.shared.waiting.fetch_add(1, Relaxed);
        tx.try_send(event).map_err(|error| {
            // The host went just now.
            self.shared.waiting.fetch_sub(1, Relaxed);
            error.into_inner()
        })?;
        self.shared.ring();
        Ok(())
    }

    /// Asks to be woken as soon as there is room for `wanted` events (at most all that can ever fit).
    ///
    /// `true`: there is already, so go on, no wake-up will come. `false`: sleep. A later call replaces an earlier one.
    /// Whoever is woken looks at [`room`](Self::room) again, as others share the wake-up.
    #[must_use]
    pub(crate) fn await_room(&mut self, wanted: usize) -> bool {
        let shared = &*self.shared;
        let wanted = wanted.clamp(1, shared.capacity.max(1));
        // First the wish, then the look; the taker first makes room, then looks for a wish. All four are SeqCst, so
        // they have one order and at least one side sees the other: either the room here, or the wish there. The
        // same holds for the host's going, which wakes in any case.
        shared.wanted.store(wanted, SeqCst);
        let room = shared.capacity - shared.waiting.load(SeqCst);
        let ready = room >= wanted || shared.host_gone.load(SeqCst);
        if ready {
            // A taker may have seen the wish and wake us for it: needless, and harmless.
            shared.wanted.store(0, Relaxed);
        }
        ready
    }

    /// Whether the host has dropped its end: nobody will ever take an event.
    pub(crate) fn host_gone(&self) -> bool {
        self.shared.host_gone.load(Acquire)
    }
}

impl<E> Drop for EventsSender<E> {
    fn drop(&mut self) {
        // First the end, then the bell: who hears it finds the end.
        drop(self.tx.take());
        self.shared.ring();
    }
}

impl<E> fmt::Debug for EventsSender<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

/// Why there is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoEvent {
    /// None is waiting, or none came in time.
    Yet,
    /// The server has ended, and everything it sent has been taken.
    EverAgain,
}

/// The host's end. It may be used by several threads, each event going to one of them. Dropping it tells the loop that
/// nobody listens.
pub(crate) struct EventsReceiver<E> {
    rx: Receiver<E>,
    shared: Arc<Shared>,
}

impl<E> EventsReceiver<E> {
    /// The oldest event, if one is waiting.
    pub(crate) fn try_recv(&self) -> Result<E, NoEvent> {
        let event = self.look().or_else(|none| self.look_again(none))?;
        self.taken();
        Ok(event)
    }

    fn look(&self) -> Result<E, NoEvent> {
        self.rx.try_recv().map_err(|error| match error {
            TryRecvError::Empty => NoEvent::Yet,
            TryRecvError::Disconnected => NoEvent::EverAgain,
        })
    }

    /// Nothing was found: hushes the bell, if there is one. After the events' end it stays rung.
    fn look_again(&self, none: NoEvent) -> Result<E, NoEvent> {
        #[cfg(unix)]
        if let (NoEvent::Yet, Some(bell)) = (none, self.shared.bell.get()) {
            bell.hush();
            let found = self.look();
            if !matches!(found, Err(NoEvent::Yet)) {
                bell.ring();
            }
            return found;
        }
        Err(none)
    }

    /// A descriptor that is readable while events wait, and after their end. A look that finds none makes it silent. It lives as long as this does.
    #[cfg(unix)]
    pub(crate) fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        let bell = match self.shared.bell.get() {
            Some(bell) => bell,
            None => {
                let made = Bell::new()?;
                // Another thread may have been faster.
                self.shared.bell.get_or_init(|| made)
            }
        };
        // The sender rings once it sees the bell. For what it sent before:
        bell.ring();
        Ok(bell.descriptor())
    }

    /// The oldest event, waiting for it up to `timeout`.
    pub(crate) fn recv_timeout(&self, timeout: Duration) -> Result<E, NoEvent> {
        let event = self
            .rx
            .recv_timeout(timeout)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => NoEvent::Yet,
                RecvTimeoutError::Disconnected => NoEvent::EverAgain,
            })
            .or_else(|none| self.look_again(none))?;
        self.taken();
        Ok(event)
    }

    /// The oldest event, waiting for it without a limit; `None` when the server has ended.
    pub(crate) fn recv(&self) -> Option<E> {
        let event = self.rx.recv().ok()?;
        self.taken();
        Some(event)
    }

    /// One event has left the channel: accounts for it, and wakes the loop if this made the room that it waits for.
    fn taken(&self) {
        let shared = &*self.shared;
        // SeqCst, and in this order: pairs with `await_room`.
        let waiting = shared.waiting.fetch_sub(1, SeqCst) - 1;
        let wanted = shared.wanted.load(SeqCst);
        // Not before the room is enough, or a starved loop would be woken for each event. If the exchange fails,
        // another taker is waking the loop, or the loop wished anew and saw our room then.
        if wanted != 0
            && shared.capacity - waiting >= wanted
            && shared.wanted.compare_exchange(wanted, 0, SeqCst, Relaxed).is_ok()
        {
            shared.wake.wake();
        }
    }
}

impl<E> Drop for EventsReceiver<E> {
    fn drop(&mut self) {
        self.shared.host_gone.store(true, SeqCst);
        self.shared.wake.wake();
    }
}

impl<E> fmt::Debug for EventsReceiver<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use std::os::fd::AsRawFd;
    use std::thread;

    use mio::{Events, Poll, Token, Waker};

    use super::*;

    fn wake() -> (Poll, Arc<Wake>) {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), Token(0)).unwrap();
        (poll, Wake::new(waker))
    }

    /// Whether the loop was woken since the last time; what it would do about it is done.
    fn is_woken(poll: &mut Poll, wake: &Wake) -> bool {
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        wake.begin_drain();
        !events.is_empty()
    }

    #[test]
    fn a_full_outlet_hands_the_event_back() {
        let (_poll, wake) = wake();
        let (mut tx, rx) = outlet(2, wake);
        assert_eq!((tx.room(), rx.try_recv()), (2, Err(NoEvent::Yet)));
        tx.try_send('a').unwrap();
        tx.try_send('b').unwrap();
        assert_eq!((tx.room(), tx.try_send('c')), (0, Err('c')));
        assert_eq!(rx.try_recv(), Ok('a'));
        assert_eq!(tx.room(), 1);
        assert_eq!(rx.recv_timeout(Duration::MAX), Ok('b'));
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(NoEvent::Yet));
    }

    #[test]
    fn what_was_sent_is_taken_after_the_servers_end() {
        let (_poll, wake) = wake();
        let (mut tx, rx) = outlet(4, wake);
        for event in 1..=3 {
            tx.try_send(event).unwrap();
        }
        drop(tx);
        assert_eq!(std::iter::from_fn(|| rx.recv()).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(rx.try_recv(), Err(NoEvent::EverAgain));
        assert_eq!(rx.recv_timeout(Duration::MAX), Err(NoEvent::EverAgain));
    }

    #[test]
    fn a_starved_loop_is_woken_once_and_when_the_room_is_enough() {
        let (mut poll, wake) = wake();
        let (mut tx, rx) = outlet(8, Arc::clone(&wake));
        for event in 0..8 {
            tx.try_send(event).unwrap();
        }
        assert!(!tx.await_room(3));
        for _ in 0..2 {
            rx.try_recv().unwrap();
            assert!(!is_woken(&mut poll, &wake));
        }
        rx.try_recv().unwrap();
        assert!(is_woken(&mut poll, &wake));
        rx.try_recv().unwrap();
        assert!(!is_woken(&mut poll, &wake));
        // Room that is there already is said, and not told again.
        assert!(tx.await_room(4));
        rx.try_recv().unwrap();
        assert!(!is_woken(&mut poll, &wake));
    }

    #[test]
    fn more_room_than_there_can_be_means_all_of_it() {
        let (mut poll, wake) = wake();
        let (mut tx, rx) = outlet(1, Arc::clone(&wake));
        tx.try_send(()).unwrap();
        assert!(!tx.await_room(usize::MAX));
        rx.try_recv().unwrap();
        assert!(is_woken(&mut poll, &wake));
        assert!(tx.await_room(usize::MAX));
    }

    #[test]
    fn the_loop_learns_that_the_host_has_gone() {
        let (mut poll, wake) = wake();
        let (mut tx, rx) = outlet(1, Arc::clone(&wake));
        tx.try_send('a').unwrap();
        assert!(!tx.await_room(1) && !tx.host_gone());
        drop(rx);
        assert!(is_woken(&mut poll, &wake));
        assert!(tx.host_gone() && tx.await_room(1));
        assert_eq!((tx.room(), tx.try_send('b')), (1, Err('b')));
    }

    #[cfg(unix)]
    fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
        let mut watched = libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid entry, and a wait of nothing.
        #[allow(unsafe_code)]
        let ready = unsafe { libc::poll(&raw mut watched, 1, 0) };
        ready == 1
    }

    #[cfg(unix)]
    #[test]
    fn the_descriptor_is_readable_while_events_wait_and_after_their_end() {
        let (_poll, wake) = wake();
        let (mut tx, rx) = outlet(4, wake);
        tx.try_send(1).unwrap();
        let descriptor = rx.descriptor().unwrap();
        assert!(is_readable(descriptor), "an event was there before the descriptor was");
        tx.try_send(2).unwrap();
        assert_eq!(rx.try_recv(), Ok(1));
        assert!(is_readable(descriptor));
        assert_eq!(rx.try_recv(), Ok(2));
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(NoEvent::Yet));
        assert!(!is_readable(descriptor), "a call that found none clears it");
        tx.try_send(3).unwrap();
        assert!(is_readable(descriptor) && rx.descriptor().unwrap().as_raw_fd() == descriptor.as_raw_fd());
        assert_eq!(rx.try_recv(), Ok(3));
        assert_eq!(rx.try_recv(), Err(NoEvent::Yet));
        drop(tx);
        assert_eq!(rx.try_recv(), Err(NoEvent::EverAgain));
        assert!(is_readable(descriptor), "the end is there for all who poll");
    }

    /// The takers sleep on the descriptor alone; a ring that is lost would run into the limit that fails the test.
    #[cfg(unix)]
    #[test]
    fn no_ring_is_lost() {
        const EVENTS: usize = if cfg!(debug_assertions) { 20_000 } else { 200_000 };
        let (_poll, wake) = wake();
        let (mut tx, rx) = outlet(8, wake);
        let descriptor = rx.descriptor().unwrap();
        let taken: usize = thread::scope(|scope| {
            let take = || {
                let mut taken = 0;
                loop {
                    let mut watched =
                        libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
                    // SAFETY: one valid entry.
                    #[allow(unsafe_code)]
                    let ready = unsafe { libc::poll(&raw mut watched, 1, 30_000) };
                    assert_eq!(ready, 1, "a ring was lost");
                    loop {
                        match rx.try_recv() {
                            Ok(()) => taken += 1,
                            Err(NoEvent::Yet) => break,
                            Err(NoEvent::EverAgain) => return taken,
                        }
                    }
                }
            };
            let takers: Vec<_> = (0..2).map(|_| scope.spawn(take)).collect();
            for _ in 0..EVENTS {
                while tx.try_send(()).is_err() {
                    thread::yield_now();
                }
            }
            drop(tx);
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(taken, EVENTS);
    }

    /// The loop sleeps whenever there is no room; a lost wake-up would run into the limit that fails the test.
    #[test]
    fn no_wake_up_is_lost() {
        const EVENTS: usize = if cfg!(debug_assertions) { 50_000 } else { 500_000 };
        let (mut poll, wake) = wake();
        let (mut tx, rx) = outlet(4, Arc::clone(&wake));
        let takers = thread::scope(|scope| {
            let takers: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| std::iter::from_fn(|| rx.recv()).collect::<Vec<_>>()))
                .collect();
            let mut events = Events::with_capacity(4);
            for event in 0..EVENTS {
                while tx.try_send(event).is_err() {
                    if tx.await_room(1 + event % 4) {
                        continue;
                    }
                    match poll.poll(&mut events, Some(Duration::from_secs(30))) {
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                        result => result.unwrap(),
                    }
                    assert!(!events.is_empty(), "a wake-up was lost");
                    wake.begin_drain();
                }
            }
            drop(tx);
            takers.into_iter().map(|taker| taker.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(takers.iter().all(|taken| taken.is_sorted()));
        let mut all = takers.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..EVENTS));
    }
}
