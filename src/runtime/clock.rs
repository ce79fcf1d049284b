//! The only clock of the crate. Everything below is told the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::ground::time::{Now, Tick, Wall};

/// Both clocks, read together: once per turn of the loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// The moment of [`START`].
    base: Instant,
}

/// The first tick a clock shows. Not zero, so that "one interval ago" still has a tick when the server is young, and
/// so that a tick left at its default is in the past.
const START: Tick = Tick::from_nanos(1_000_000_000);

impl Clock {
    /// A clock that starts now, at one second.
    pub(crate) fn new() -> Self {
        Self { base: Instant::now() }
    }

    /// The time on the monotonic clock alone.
    pub(crate) fn tick(&self) -> Tick {
        START + self.base.elapsed()
    }

    /// The time on both clocks. Two reads, neither of which enters the kernel where there is a vDSO.
    pub(crate) fn now(&self) -> Now {
        Now { tick: START + self.base.elapsed(), wall: wall(SystemTime::now()) }
    }
}

/// Milliseconds since the epoch, rounded down; negative on a machine that believes itself before it.
fn wall(at: SystemTime) -> Wall {
    let millis = match at.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(error) => {
            let before = error.duration();
            let up = i64::from(before.subsec_nanos() % 1_000_000 != 0);
            i64::try_from(before.as_millis()).map_or(i64::MIN, |millis| -millis - up)
        }
    };
    Wall::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn starts_at_one_second_and_never_goes_back() {
        let clock = Clock::new();
        let first = clock.now().tick;
        assert!(first >= START && first < START + Duration::from_secs(60));
        let mut last = first;
        for _ in 0..1_000 {
            let tick = clock.now().tick;
            assert!(tick >= last);
            last = tick;
        }
    }

    #[test]
    fn wall_is_the_systems() {
        let before = wall(SystemTime::now());
        let read = Clock::new().now().wall;
        let after = wall(SystemTime::now());
        // The wall clock may be set back between the reads: only then is the comparison void.
        assert!(after < before || (before <= read && read <= after));
    }

    #[test]
    fn wall_rounds_down_on_both_sides_of_the_epoch() {
        for (nanos, millis) in [(0, 0), (999_999, 0), (1_000_000, 1), (1_999_999, 1)] {
            assert_eq!(wall(UNIX_EPOCH + Duration::from_nanos(nanos)), Wall::from_millis(millis));
        }
        for (nanos, millis) in [(1_000, -1), (1_000_000, -1), (1_000_100, -2)] {
            assert_eq!(wall(UNIX_EPOCH - Duration::from_nanos(nanos)), Wall::from_millis(millis));
        }
    }
}
