//! Reading back, over a connection of its own, beside the one that writes.

use super::{
    error::Fault,
    place::{Identity, Place},
    rows,
};
use crate::{
    contracts::store::{
        StoreError,
        device::{DeviceSample, SessionRow},
        reader::{Page, Position, Query, StoreReader},
        record::{Record, RecordBody},
        session_filter::{SessionFilter, SessionPosition},
    },
    ground::{limits::READ_PAGE_BYTES, time::Wall},
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, ToSql, params, types::ValueRef};
use std::{sync::Arc, time::Duration};

/// Reads pages. Each is one statement and so one short transaction: nothing is open between two.
#[derive(Debug)]
pub(super) struct SqliteReader {
    place: Place,
    busy_wait: Duration,
    file: Option<(Connection, Identity)>,
}

impl SqliteReader {
    pub(super) fn new(place: Place, busy_wait: Duration) -> Self {
        Self { place, busy_wait, file: None }
    }

    /// Reads from the file that lies at the place now, whichever was read before.
    fn read<R>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<R>) -> Result<R, StoreError> {
        let path = &self.place.file;
        let now = self.place.identity();
        let current = self.file.take().filter(|(_, opened)| *opened == now);
        let file = match current {
            Some((file, _)) => Ok(file),
            None => connect(&self.place, self.busy_wait),
        };
        let read = file.and_then(|file| {
            let read = work(&file);
            if read.is_ok() {
                self.file = Some((file, now));
            }
            read
        });
        read.map_err(|error| Fault::of_sqlite(path, &error).error)
    }
}

/// It may not change anything. All the same it is opened like one that may: whichever connection is closed last tidies the log away, and one that was opened for
/// reading alone could not.
fn connect(place: &Place, busy_wait: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(&place.file, flags)?;
    file.busy_timeout(busy_wait)?;
    file.pragma_update(None, "query_only", true)?;
    Ok(file)
}

/// Rows of a page, until it is heavy; one at least.
fn page<T>(
    file: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<(T, usize)>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = file.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let (mut page, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let (one, weight) = read(row)?;
        page.push(one);
        bytes += weight;
        if bytes >= READ_PAGE_BYTES {
            break;
        }
    }
    Ok(page)
}

fn at_most(limit: usize) -> i64 {
    i64::try_from(limit.max(1)).unwrap_or(i64::MAX)
}

impl StoreReader for SqliteReader {
    fn page(&mut self, query: &Query, after: Option<Position>) -> Result<Page, StoreError> {
        let after = i64::try_from(after.map_or(0, Position::to_bits)).unwrap_or(i64::MAX);
        let contract: Arc<str> = query.contract.as_str().into();
        let mut end = None;
        let records = self.read(|file| {
            let sql = "SELECT rowid, at, payload FROM records
                       WHERE contract = ?1 AND stream = ?2 AND key = ?3 AND rowid > ?4 ORDER BY rowid LIMIT ?5";
            let values: &[&dyn ToSql] =
                &[&query.contract, &query.stream, &query.key, &after, &at_most(query.limit)];
            page(file, sql, values, |row| {
                let payload = match row.get_ref(2)? {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
                    _ => &[],
                };
                end = row.get::<_, i64>(0)?.try_into().ok().map(Position::from_bits);
                let body = RecordBody::custom(&query.stream, &query.key, payload);
                let mut record = Record::new("", Wall(row.get(1)?), body);
                record.contract = Arc::clone(&contract);
                let weight = record.weight_bytes();
                Ok((record, weight))
            })
        })?;
        Ok(Page { records, end })
    }

    fn session(&mut self, id: &str) -> Result<Option<SessionRow>, StoreError> {
        self.read(|file| {
            let sql = format!("SELECT {} FROM sessions WHERE session_id = ?1", rows::SESSION_COLUMNS);
            file.prepare_cached(&sql)?.query_one([id], rows::session).optional()
        })
    }

    fn sessions(
        &mut self,
        filter: &SessionFilter,
        after: Option<&SessionPosition>,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let status = filter.status.map(|status| status.as_str());
        let after = after.map(|after| (after.started_at.as_millis(), &*after.id));
        let mut sql = format!("SELECT {} FROM sessions WHERE true", rows::SESSION_COLUMNS);
        let mut values: Vec<&dyn ToSql> = Vec::new();
        if let Some(device) = &filter.device {
            sql.push_str(" AND device_id = ?");
            values.push(device);
        }
        if let Some(status) = &status {
            sql.push_str(" AND status = ?");
            values.push(status);
        }
        if let Some((started_at, id)) = &after {
            sql.push_str(" AND (started_at, session_id) < (?, ?)");
            values.extend([started_at as &dyn ToSql, id]);
        }
        sql.push_str(" ORDER BY started_at DESC, session_id DESC LIMIT ?");
        let limit = at_most(filter.limit);
        values.push(&limit);
        self.read(|file| {
            page(file, &sql, &values, |row| {
                let session = rows::session(row)?;
                let weight = session.weight_bytes();
                Ok((session, weight))
            })
        })
    }

    fn samples(
        &mut self,
        session: &str,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<DeviceSample>, StoreError> {
        let after = i64::try_from(after_seq).unwrap_or(i64::MAX);
        let id: Arc<str> = session.into();
        self.read(|file| {
            let sql = "SELECT seq, device_id, received_at, payload FROM samples
                       WHERE session_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
            page(file, sql, params![session, after, at_most(limit)], |row| {
                let sample = rows::sample(&id, row)?;
                let weight = sample.weight_bytes();
                Ok((sample, weight))
            })
        })
    }
}
