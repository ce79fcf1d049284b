//! A store in memory.

use super::{
    Store, StoreError,
    device::{DeviceRecord, DeviceSample, SessionRow, SessionStatus},
    reader::{Page, Position, Query, StoreReader},
    record::{Record, RecordBody},
    session_filter::{SessionFilter, SessionPosition},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A store in memory, for tests and for hosts that read the records themselves. Keeps the newest `capacity` records.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    kept: Arc<Mutex<Kept>>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Kept {
    records: VecDeque<Record>,
    /// How many were dropped before the first that is kept: positions count from the first ever.
    dropped: u64,
}

impl MemoryStore {
    /// A store that keeps the newest `capacity` records. Clones share them.
    pub fn new(capacity: usize) -> Self {
        Self { kept: Arc::default(), capacity }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The records kept, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.kept().records.iter().cloned().collect()
    }
}

impl Kept {
    fn device_records(&self) -> impl Iterator<Item = &DeviceRecord> {
        self.records.iter().filter_map(|record| match &record.body {
            RecordBody::Device(record) => Some(record),
            _ => None,
        })
    }

    /// The samples of a session, in the order of their numbers.
    fn samples(&self, session: &str) -> BTreeMap<u64, &Arc<DeviceSample>> {
        let placed = self.device_records().filter_map(|record| match record {
            DeviceRecord::Sample(sample) => Some((sample.place.as_ref()?, sample)),
            _ => None,
        });
        placed.filter(|((id, _), _)| **id == *session).map(|((_, seq), sample)| (*seq, sample)).collect()
    }

    /// What is known of each session, the newest first.
    fn sessions(&self) -> BTreeMap<Reverse<SessionPosition>, SessionRow> {
        let mut latest = BTreeMap::new();
        for record in self.device_records() {
            if let DeviceRecord::SessionStarted(row) | DeviceRecord::SessionEnded(row) = record {
                latest.insert(Arc::clone(&row.id), SessionRow::clone(row));
            }
        }
        for row in latest.values_mut().filter(|row| row.status == SessionStatus::Interrupted) {
            row.sample_count = self.samples(&row.id).len() as u64;
        }
        latest.into_values().map(|row| (Reverse(row.position()), row)).collect()
    }
}

impl Store for MemoryStore {
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        let mut kept = self.kept();
        kept.records.extend(batch.iter().cloned());
        let excess = kept.records.len().saturating_sub(self.capacity);
        kept.records.drain(..excess);
        kept.dropped += excess as u64;
        Ok(())
    }

    fn reader(&mut self) -> Option<Box<dyn StoreReader>> {
        Some(Box::new(self.clone()))
    }
}

impl StoreReader for MemoryStore {
    fn page(&mut self, query: &Query, after: Option<Position>) -> Result<Page, StoreError> {
        let kept = self.kept();
        let seen = after.map_or(0, |after| after.to_bits().saturating_sub(kept.dropped)) as usize;
        let of_it = |(_, record): &(usize, &Record)| match &record.body {
            RecordBody::Custom { stream, key, .. } => {
                *record.contract == *query.contract && **stream == *query.stream && **key == *query.key
            }
            _ => false,
        };
        let mut page = Page::default();
        let found = kept.records.iter().enumerate().skip(seen).filter(of_it);
        for (index, record) in found.take(query.limit.max(1)) {
            page.records.push(record.clone());
            page.end = Some(Position::from_bits(kept.dropped + index as u64 + 1));
        }
        Ok(page)
    }

    fn session(&mut self, id: &str) -> Result<Option<SessionRow>, StoreError> {
        Ok(self.kept().sessions().into_values().find(|row| *row.id == *id))
    }

    fn sessions(
        &mut self,
        filter: &SessionFilter,
        after: Option<&SessionPosition>,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let sessions = self.kept().sessions().into_values();
        let behind = sessions.filter(|row| after.is_none_or(|after| row.position() < *after));
        Ok(behind.filter(|row| filter.takes(row)).take(filter.limit.max(1)).collect())
    }

    fn samples(
        &mut self,
        session: &str,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<DeviceSample>, StoreError> {
        let kept = self.kept();
        let samples = kept.samples(session).into_iter().filter(|(seq, _)| *seq > after_seq);
        Ok(samples.take(limit.max(1)).map(|(_, sample)| DeviceSample::clone(sample)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::time::Wall;

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let mut store = MemoryStore::new(15);
        let record = |n: u32| {
            let key = if n.is_multiple_of(3) { "b" } else { "a" };
            let body = RecordBody::custom("samples", key, n.to_string().into_bytes());
            Record::new("/ws", Wall::default(), body)
        };
        let query = Query::new("/ws", "samples", "a").with_limit(4);
        let mut reader = store.reader().unwrap();
        let (mut read, mut after) = (Vec::new(), None);
        for n in 1..=12 {
            store.commit(&[record(n)]).unwrap();
        }
        // The oldest are dropped between two pages: what is read goes on where it was.
        for more in [13..21, 21..21] {
            store.commit(&more.map(record).collect::<Vec<_>>()).unwrap();
            loop {
                let page = reader.page(&query, after).unwrap();
                assert!(page.records.len() <= 4 && page.records.is_empty() == page.end.is_none());
                let Some(end) = page.end else { break };
                after = Some(end);
                read.extend(page.records.iter().map(|record| match &record.body {
                    RecordBody::Custom { payload, .. } => String::from_utf8_lossy(payload).into_owned(),
                    other => panic!("{other:?}"),
                }));
            }
        }
        let kept = (6..=20).filter(|n: &u32| !n.is_multiple_of(3)).map(|n| n.to_string());
        assert_eq!(read, kept.collect::<Vec<_>>());
        let other = Query::new("/other", "samples", "a");
        assert_eq!(reader.page(&other, None), Ok(Page::default()), "another contract's");
    }
}
