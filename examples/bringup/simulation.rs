//! What the bring-up server shows: a line of machines, and a restaurant with robots. Both live on one thread of the host's, and are
//! the same at every start.

pub(crate) mod line;
pub(crate) mod restaurant;

use line::Line;
use restaurant::Restaurant;
use std::{
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const STEPS_PER_SECOND: u32 = 10;

/// So many steps of the simulation.
const fn seconds(count: u32) -> u32 {
    count * STEPS_PER_SECOND
}

/// The running simulation; dropped, it ends.
pub(crate) struct Simulation {
    /// Nothing is ever sent: that it is gone says enough.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Simulation {
    pub(crate) fn start(mut line: Line, mut restaurant: Restaurant) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut next = Instant::now();
            loop {
                line.step();
                restaurant.step();
                // After a long pause, the missed steps are not made up for.
                next = (next + Duration::from_secs(1) / STEPS_PER_SECOND).max(Instant::now());
                let pause = next.saturating_duration_since(Instant::now());
                if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.stop = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            eprintln!("bringup: the simulation has panicked");
        }
    }
}
