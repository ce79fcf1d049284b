//! What a client hears: its messages in order, and each of its subscriptions as far as it has come.

use super::{
    super::{
        contract::open,
        journal::{Journal, Start},
        message::{Kind, Said},
    },
    Check, Client,
};
use crate::{
    ground::id::ConnId,
    hub::topic::{Lag, SnapshotSource},
};
use std::collections::BTreeMap;

/// A subscription, as it was received so far.
#[derive(Debug)]
pub(super) struct Track {
    start: Start,
    /// The highest number that came, and the highest of a value.
    last: u64,
    value: u64,
    notice: u64,
    /// The number that the last snapshot of the contract told.
    told: u64,
    keys: BTreeMap<u64, u64>,
}

impl Client {
    pub(super) fn heard(&mut self, said: Said) -> Check {
        match said.kind {
            Kind::Hello | Kind::Ordered | Kind::Begin | Kind::End => self.heard_ordered(said),
            Kind::Urgent => {
                if said.number != self.urgent + 1 {
                    self.fail(format_args!("urgent message {} after {}", said.number, self.urgent))?;
                }
                self.urgent = said.number;
                Ok(())
            }
            Kind::Value | Kind::Notice | Kind::Keyed | Kind::Snapshot => self.heard_topic(said),
            Kind::Up | Kind::Never => self.fail(format_args!("heard {said:?}")),
        }
    }

    fn heard_ordered(&mut self, said: Said) -> Check {
        let conn = ConnId::from_bits(said.origin);
        if *self.conn.get_or_insert(conn) != conn || said.number != self.ordered + 1 {
            self.fail(format_args!("{said:?} after ordered message {}", self.ordered))?;
        }
        self.ordered = said.number;
        self.in_order(&said, said.stamp, self.stamp + 1)?;
        let journal = open(&self.journal);
        match said.kind {
            Kind::Begin => {
                let start = journal.conns.get(&conn).and_then(|life| life.starts.get(&said.number)).cloned();
                let Some(start) = start else { return Ok(()) };
                let track = Track { start, last: 0, value: 0, notice: 0, told: 0, keys: BTreeMap::new() };
                self.tracks.insert(said.key, track);
            }
            Kind::End => {
                self.tracks.remove(&said.key);
            }
            _ => {}
        }
        Ok(())
    }

    /// Everything a client gets over topics and ordered lane comes in the order in which it was said.
    fn in_order(&mut self, said: &Said, stamp: u64, least: u64) -> Check {
        if stamp < least {
            self.fail(format_args!("{said:?} came behind stamp {}", self.stamp))?;
        }
        self.stamp = self.stamp.max(stamp);
        Ok(())
    }

    fn heard_topic(&mut self, said: Said) -> Check {
        let shared = self.journal.clone();
        let journal = open(&shared);
        let Some(life) = journal.topics.get(&said.origin) else { return self.fail("an unknown topic") };
        let Some(mut track) = self.tracks.remove(&said.origin) else {
            return self.fail(format_args!("{said:?}, without a subscription"));
        };
        let before = format!("{track:x?}");
        let (lag, source) = (life.lag, life.source);
        let fresh = said.number > track.start.count;
        let first = track.last == 0;
        // How far it is known to have come: nothing in between may be missing, unless it lagged.
        let known = track.last.max(track.told).max(track.start.count);
        let good = match said.kind {
            Kind::Snapshot => {
                let good = source == SnapshotSource::Contract && said.number >= track.last;
                track.told = track.told.max(said.number);
                good
            }
            Kind::Keyed if !fresh || said.number <= track.last => {
                // Told again by a snapshot.
                let newest = track.keys.get(&said.key).copied().unwrap_or(0);
                source == SnapshotSource::Keyed
                    && said.number >= newest
                    && (track.start.snapshot || lag == Lag::Conflate)
            }
            Kind::Keyed | Kind::Value if !fresh => {
                // The newest value, for a newcomer.
                source == SnapshotSource::Last
                    && track.start.snapshot
                    && said.number == track.start.value
                    && first
            }
            Kind::Notice if !fresh => {
                // Remarks behind the newest value come with it.
                source == SnapshotSource::Last
                    && track.start.snapshot
                    && said.number > track.start.value
                    && (track.last + 1 == said.number)
            }
            Kind::Value if life.notices && said.number < track.last => said.number > track.value,
            _ => {
                let gap = said.number > known + 1;
                let tells = track.told;
                said.number > track.last
                    && match (lag, source) {
                        (Lag::Disconnect, _) => !gap,
                        // What was skipped must be made up for by a snapshot.
                        (Lag::Conflate, SnapshotSource::Contract) => !gap || said.number <= tells + 1,
                        _ => true,
                    }
            }
        };
        if source == SnapshotSource::Contract
            && track.start.snapshot
            && said.kind != Kind::Snapshot
            && track.told == 0
            && track.start.count + track.told > 0
            && lag == Lag::Disconnect
        {
            // A snapshot is promised even if nothing was ever published.
            return self.fail(format_args!("{said:?} came before the snapshot of {before}"));
        }
        if !good {
            return self.fail(format_args!("{said:?} does not follow from {before} ({life:?})"));
        }
        let repeated = match said.kind {
            Kind::Snapshot => true,
            Kind::Keyed => true,
            // Kept for laggards when remarks have pushed it out of the log.
            Kind::Value => life.notices && life.count > said.number,
            _ => false,
        };
        if !repeated {
            let (stamp, since) = (said.stamp, track.start.stamp);
            let least = if stamp > since { self.stamp + 1 } else { self.stamp };
            self.in_order(&said, stamp.max(since), least)?;
        } else if said.kind != Kind::Snapshot {
            self.stamp = self.stamp.max(said.stamp);
        }
        if said.kind != Kind::Snapshot {
            track.last = track.last.max(said.number);
        }
        match said.kind {
            Kind::Value => track.value = track.value.max(said.number),
            Kind::Notice => track.notice = said.number,
            Kind::Keyed => {
                track.value = track.value.max(said.number);
                track.keys.insert(said.key, said.number);
            }
            _ => {}
        }
        self.tracks.insert(said.origin, track);
        Ok(())
    }

    /// Whether a subscription has come to where its topic is.
    pub(super) fn check_track(&self, conn: ConnId, topic: u64, journal: &Journal) -> Check {
        let life = &journal.topics[&topic];
        let Some(track) = self.tracks.get(&topic) else {
            return self.fail(format_args!("{conn} never saw its subscription to {topic:x} begin"));
        };
        let start = &track.start;
        let moved = life.count > start.count;
        let good = match (life.lag, life.source) {
            (Lag::Disconnect, SnapshotSource::Contract) if start.snapshot && !moved => {
                track.told >= life.count
            }
            (Lag::Disconnect, _) => !moved || track.last == life.count,
            (_, SnapshotSource::Contract) if start.snapshot && life.lag == Lag::Conflate => {
                track.last.max(track.told) >= life.count
            }
            (Lag::Conflate, SnapshotSource::Keyed) => life.keys.iter().all(|(key, newest)| {
                track.keys.get(key) == Some(newest) || (!start.snapshot && *newest <= start.count)
            }),
            (Lag::Conflate, SnapshotSource::Last) => {
                track.value == life.value || (!start.snapshot && life.value <= start.count)
            }
            // Where remarks may push the newest value out of the log, it may be skipped.
            _ if life.notices => true,
            _ => track.value.max(track.last).max(track.told) >= life.value || life.value <= start.count,
        };
        let newcomer = match life.source {
            SnapshotSource::Last if start.snapshot && life.lag != Lag::Skip => track.value >= start.value,
            SnapshotSource::Keyed if start.snapshot => {
                start.keys.iter().all(|(key, then)| track.keys.get(key).is_some_and(|now| now >= then))
            }
            SnapshotSource::Contract if start.snapshot => track.told >= start.count,
            _ => true,
        };
        if good && newcomer {
            Ok(())
        } else {
            self.fail(format_args!("behind at rest: {track:x?} of {life:?} (topic {topic:x})"))
        }
    }
}
