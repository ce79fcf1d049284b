//! Two clocks, both passed in: a monotonic one for deadlines, a wall clock for timestamps.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

/// A point on the monotonic clock, in nanoseconds since some moment before the server started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Tick(pub(crate) u64);

impl Tick {
    /// The clock's first moment.
    pub const ZERO: Tick = Tick(0);

    /// The tick `nanos` nanoseconds after [`ZERO`](Self::ZERO).
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since [`ZERO`](Self::ZERO).
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to here; zero when `earlier` is later.
    pub const fn since(self, earlier: Tick) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The first multiple of `period` since `start` that is later than this: the next beat of what keeps a rhythm.
    #[cfg(feature = "contracts")]
    pub(crate) fn next_beat(self, start: Tick, period: Duration) -> Tick {
        let into = self.since(start).as_nanos() % period.as_nanos().max(1);
        self + (period - Duration::from_nanos(into as u64))
    }
}

impl Add<Duration> for Tick {
    type Output = Tick;
    fn add(self, after: Duration) -> Tick {
        let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        Tick(self.0.saturating_add(nanos))
    }
}

impl Sub<Tick> for Tick {
    type Output = Duration;
    fn sub(self, earlier: Tick) -> Duration {
        self.since(earlier)
    }
}

/// A moment of the wall clock: milliseconds since 1970-01-01T00:00:00Z. It may jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Wall(pub(crate) i64);

impl Wall {
    /// The moment `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

/// A moment of the wall clock as people write it, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: i64,
    /// 1 to 31.
    pub(crate) day: i64,
    /// 0 to 6; 0 is Sunday.
    pub(crate) weekday: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) milli: i64,
}

/// 0000-01-01T00:00:00.000Z.
const YEAR_0: i64 = -62_167_219_200_000;
/// The first moment whose year has five digits.
const YEAR_10000: i64 = 253_402_300_800_000;

impl Wall {
    /// The moment's date and time in UTC.
    pub(crate) fn civil(self) -> Civil {
        let (days, in_day) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        // Days to a civil date, over 400-year eras that begin on 1 March (so that the leap day is last).
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            weekday: (days + 4).rem_euclid(7), // 1970-01-01 was a Thursday
            hour: in_day / 3_600_000,
            minute: in_day / 60_000 % 60,
            second: in_day / 1_000 % 60,
            milli: in_day % 1_000,
        }
    }
}

impl fmt::Display for Wall {
    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`, in UTC: 24 characters always, so a moment outside of the years 0 to 9999 shows as the nearest within.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = Wall(self.0.clamp(YEAR_0, YEAR_10000 - 1));
        let Civil { year, month, day, hour, minute, second, milli, .. } = shown.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// The time at which something is handled, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For deadlines.
    pub tick: Tick,
    /// For timestamps.
    pub wall: Wall,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "contracts")]
    #[test]
    fn a_rhythm_keeps_its_beat() {
        let (start, second) = (Tick::from_nanos(5), Duration::from_secs(1));
        let after = |nanos| Tick::from_nanos(nanos).next_beat(start, second).as_nanos();
        assert_eq!(after(5), 1_000_000_005);
        assert_eq!(after(1_000_000_004), 1_000_000_005);
        assert_eq!(after(1_000_000_005), 2_000_000_005);
    }

    #[test]
    fn wall_prints_iso() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_703_123_456_789, "2023-12-21T01:50:56.789Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (YEAR_0, "0000-01-01T00:00:00.000Z"),
            (YEAR_0 - 1, "0000-01-01T00:00:00.000Z"),
            (YEAR_10000, "9999-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(Wall(millis).to_string(), text);
        }
    }

    /// Every day of the ten thousand years, counted up as a calendar on the wall is.
    #[test]
    fn wall_agrees_with_a_calendar() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut at = YEAR_0;
        for year in 0..10_000 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let february = if leap { 29 } else { 28 };
            for (month, days) in
                [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate()
            {
                for day in 1..=days {
                    // The first, the last and any moment of a day; the ends of months more often than their middles.
                    let in_day = [0, 86_399_999, rng.i64(0..86_400_000)][rng.usize(..3)];
                    if day == 1 || day == days || rng.u8(..64) == 0 {
                        let (h, m) = (in_day / 3_600_000, in_day / 60_000 % 60);
                        let (s, ms) = (in_day / 1_000 % 60, in_day % 1_000);
                        let month = month + 1;
                        let text = format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z");
                        assert_eq!(Wall(at + in_day).to_string(), text);
                    }
                    at += 86_400_000;
                }
            }
        }
        assert_eq!(at, YEAR_10000);
    }

    #[test]
    fn ticks_saturate() {
        assert_eq!(Tick(5) - Tick(7), Duration::ZERO);
        assert_eq!(Tick(u64::MAX) + Duration::from_secs(1), Tick(u64::MAX));
    }
}
