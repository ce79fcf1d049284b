//! What a topic is: how its log is sized, what a newcomer gets, and what befalls a client that lags.

use crate::ground::limits::{LOG_BYTES_DEFAULT, LOG_BYTES_MIN};

/// What happens to a subscriber that lags behind by more than half of the topic's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lag {
    /// It is led to the newest snapshot: what is in between is never sent to it, and counted.
    Conflate,
    /// As [`Conflate`](Self::Conflate), but without a snapshot: it goes on with the newest frame, and what it
    /// missed is counted as skipped.
    Skip,
    /// It is closed with 1013, since a gap would be worse.
    Disconnect,
}

/// Where a cursor is put when it is placed, for a newcomer, or re-placed, for a laggard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SnapshotSource {
    /// Nowhere: a newcomer gets what is published from then on.
    None,
    /// At the last message published, notices left aside.
    Last,
    /// At the latest message of every key, one frame each, in the order in which the keys first appeared.
    Keyed,
    /// At what [`Contract::snapshot`](crate::Contract::snapshot) says. Only for topics that a contract declares.
    Contract,
}

/// For whom a snapshot is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Placing {
    /// For those who have just subscribed.
    Newcomer,
    /// For those who were too slow, on a topic that leads them to its snapshot.
    Laggard,
}

/// The description of a topic, given when it is declared.
///
/// Two kinds cover most needs: [`Topic::state`] for what is true now, [`Topic::stream`] for what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    pub(crate) lag: Lag,
    pub(crate) source: SnapshotSource,
    pub(crate) log_bytes: usize,
}

impl Topic {
    /// The newest value is what matters: a newcomer gets the last one, a slow client skips to it.
    pub const fn state() -> Self {
        Self { lag: Lag::Conflate, source: SnapshotSource::Last, log_bytes: LOG_BYTES_DEFAULT }
    }

    /// Every entry matters: a newcomer gets what comes from then on, a client that lags is closed with 1013.
    pub const fn stream() -> Self {
        Self { lag: Lag::Disconnect, source: SnapshotSource::None, log_bytes: LOG_BYTES_DEFAULT }
    }

    /// With another policy towards slow clients.
    #[must_use]
    pub const fn with_lag(mut self, lag: Lag) -> Self {
        self.lag = lag;
        self
    }

    /// With another snapshot source.
    #[must_use]
    pub const fn with_snapshot(mut self, source: SnapshotSource) -> Self {
        self.source = source;
        self
    }

    /// With a log of this many bytes (default 1 MiB, at least 64 KiB). It holds what slow clients have not taken yet; half of
    /// it is how far one may lag, a quarter of it the largest message. It is allocated when first published to.
    #[must_use]
    pub const fn with_log_bytes(mut self, bytes: usize) -> Self {
        self.log_bytes = bytes;
        self
    }

    /// How far a cursor may lag.
    pub(crate) const fn lag_bytes(&self) -> u64 {
        self.log_bytes as u64 / 2
    }

    /// The largest frame: a legal frame must fit beside what a turn may publish, or one message could lead even a
    /// fast reader past its lag.
    pub(crate) const fn frame_bytes_max(&self) -> usize {
        self.log_bytes / 4
    }

    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.log_bytes < LOG_BYTES_MIN {
            return Err("its log is smaller than 64 KiB: give with_log_bytes at least 65536");
        }
        if self.log_bytes > u32::MAX as usize {
            return Err("its log is larger than 4 GiB: give with_log_bytes less");
        }
        Ok(())
    }
}
