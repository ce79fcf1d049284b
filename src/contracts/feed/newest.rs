//! The newest sample of each session, let out together now and then.

use super::shapes;
use crate::{
    contracts::store::device::DeviceSample,
    ground::limits::{FEED_SAMPLE_BYTES_MAX, FEED_SAMPLES_BYTES_MAX, FEED_SESSIONS_MAX},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// See the module. A watcher remembers the stamp of the last that it was sent: what has a later one is news to it.
#[derive(Debug, Default)]
pub(super) struct Newest {
    sessions: HashMap<Arc<str>, Entry>,
    /// The same by stamp.
    order: BTreeMap<u64, Arc<str>>,
    /// Those with a sample that is not let out yet. May name one that is gone.
    fresh: Vec<Arc<str>>,
    last_stamp: u64,
    /// What all samples and texts weigh. Invariant: at most `FEED_SAMPLES_BYTES_MAX`.
    bytes: usize,
}

/// Of one session.
#[derive(Debug)]
struct Entry {
    stamp: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    /// To be let out.
    Fresh(Arc<DeviceSample>),
    /// As every stream sends it.
    Text(Arc<str>),
}

impl What {
    fn weight_bytes(&self) -> usize {
        match self {
            Self::Fresh(sample) => sample.weight_bytes(),
            Self::Text(text) => text.len(),
        }
    }
}

impl Newest {
    /// A sample has come. Returns how many find no room: this one, if it is too large, or those of sessions that were silent for the longest.
    pub(super) fn take(&mut self, sample: &Arc<DeviceSample>) -> u64 {
        let Some((session, _)) = &sample.place else { return 0 };
        if sample.payload.len() > FEED_SAMPLE_BYTES_MAX {
            return 1;
        }
        let what = What::Fresh(Arc::clone(sample));
        let weight = what.weight_bytes();
        if let Some(entry) = self.sessions.get_mut(session) {
            if matches!(entry.what, What::Text(_)) {
                self.fresh.push(Arc::clone(session));
            }
            self.bytes -= entry.what.weight_bytes();
            entry.what = what;
        } else {
            self.last_stamp += 1;
            self.order.insert(self.last_stamp, Arc::clone(session));
            self.sessions.insert(Arc::clone(session), Entry { stamp: self.last_stamp, what });
            self.fresh.push(Arc::clone(session));
        }
        self.bytes += weight;
        self.make_room()
    }

    /// Whether there is anything to be let out.
    pub(super) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Lets out what has come, in its order. Returns how many find no room as texts.
    pub(super) fn release(&mut self) -> u64 {
        for session in std::mem::take(&mut self.fresh) {
            let Some(entry) = self.sessions.get_mut(&session) else { continue };
            let What::Fresh(sample) = &entry.what else { continue };
            let text = What::Text(shapes::sample_event(sample).into());
            self.bytes = self.bytes - entry.what.weight_bytes() + text.weight_bytes();
            entry.what = text;
            self.order.remove(&entry.stamp);
            self.last_stamp += 1;
            entry.stamp = self.last_stamp;
            self.order.insert(self.last_stamp, session);
        }
        self.make_room()
    }

    /// The stamp of the newest: who begins now has missed nothing.
    pub(super) fn last_stamp(&self) -> u64 {
        self.last_stamp
    }

    /// The first that was let out behind this stamp, and its own.
    pub(super) fn behind(&self, stamp: u64) -> Option<(u64, &str)> {
        self.order.range(stamp + 1..).find_map(|(stamp, session)| match &self.sessions.get(session)?.what {
            What::Text(text) => Some((*stamp, &**text)),
            What::Fresh(_) => None,
        })
    }

    /// A session is over.
    pub(super) fn forget(&mut self, session: &str) {
        if let Some(entry) = self.sessions.remove(session) {
            self.order.remove(&entry.stamp);
            self.bytes -= entry.what.weight_bytes();
            self.fresh.retain(|fresh| **fresh != *session);
        }
    }

    /// Nobody watches any more.
    pub(super) fn clear(&mut self) {
        *self = Self { last_stamp: self.last_stamp, ..Self::default() };
    }

    fn make_room(&mut self) -> u64 {
        let mut dropped = 0;
        while (self.sessions.len() > FEED_SESSIONS_MAX || self.bytes > FEED_SAMPLES_BYTES_MAX)
            && let Some((_, session)) = self.order.first_key_value()
        {
            let session = Arc::clone(session);
            self.forget(&session);
            dropped += 1;
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::time::Wall;

    fn sample(session: &str, number: u64, payload: &str) -> Arc<DeviceSample> {
        Arc::new(DeviceSample {
            place: Some((session.into(), number)),
            device: "A".into(),
            received_at: Wall::default(),
            payload: payload.into(),
        })
    }

    /// The numbers of all that is behind a stamp, and the last stamp.
    fn behind(newest: &Newest, mut stamp: u64) -> (Vec<String>, u64) {
        let mut found = Vec::new();
        while let Some((at, text)) = newest.behind(stamp) {
            let number = text.split("\"sample_count\":").nth(1).unwrap().split(',').next().unwrap();
            found.push(number.to_owned());
            stamp = at;
        }
        (found, stamp)
    }

    #[test]
    fn of_each_session_the_newest_is_let_out_and_those_who_lag_get_fewer() {
        let mut newest = Newest::default();
        newest.take(&sample("a", 1, "{}"));
        newest.take(&sample("b", 2, "{}"));
        newest.take(&sample("a", 3, "{}"));
        assert!(newest.has_fresh());
        assert_eq!(behind(&newest, 0).0, [""; 0], "not let out yet");
        newest.release();
        assert!(!newest.has_fresh());
        let (told, stamp) = behind(&newest, 0);
        assert_eq!(told, ["3", "2"]);
        newest.take(&sample("b", 4, "{}"));
        newest.release();
        assert_eq!(behind(&newest, stamp).0, ["4"]);
        newest.take(&sample("a", 5, "{}"));
        newest.take(&sample("b", 6, "{}"));
        newest.release();
        assert_eq!(behind(&newest, stamp).0, ["5", "6"], "4 was overtaken");
        newest.forget("a");
        assert_eq!(behind(&newest, 0).0, ["6"]);
        newest.clear();
        assert_eq!((newest.bytes, behind(&newest, 0).0.len()), (0, 0));
        newest.take(&sample("a", 7, "{}"));
        newest.release();
        assert_eq!(behind(&newest, stamp).0, ["7"], "stamps go on, so that nobody takes new for old");
    }

    #[test]
    fn sessions_and_bytes_are_bounded_and_the_silent_go_first() {
        let mut newest = Newest::default();
        assert_eq!(newest.take(&sample("a", 1, &"x".repeat(FEED_SAMPLE_BYTES_MAX + 1))), 1);
        assert!(!newest.has_fresh());
        for number in 0..FEED_SESSIONS_MAX as u64 {
            assert_eq!(newest.take(&sample(&number.to_string(), number, "{}")), 0);
        }
        newest.release();
        newest.take(&sample("0", 0, "{}"));
        newest.release();
        assert_eq!(newest.take(&sample("more", 1, "{}")), 1);
        assert!(newest.sessions.contains_key("0") && !newest.sessions.contains_key("1"));
        let large = "x".repeat(FEED_SAMPLE_BYTES_MAX);
        let mut dropped = 0;
        for number in 0..FEED_SESSIONS_MAX as u64 {
            dropped += newest.take(&sample(&number.to_string(), number, &large));
            assert!(newest.bytes <= FEED_SAMPLES_BYTES_MAX);
        }
        assert!(dropped > 0);
        newest.release();
        assert!(newest.bytes <= FEED_SAMPLES_BYTES_MAX);
        let bytes: usize = newest.sessions.values().map(|entry| entry.what.weight_bytes()).sum();
        assert_eq!((newest.bytes, newest.order.len()), (bytes, newest.sessions.len()));
    }
}
