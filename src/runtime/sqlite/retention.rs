//! What is too old, or too much, goes: a little at a time, the oldest first, and never what is under way.

use super::{error::Fault, place::Place, settings::Settings};
use crate::ground::{
    limits::{FREE_PAGES_KEPT, RECORD_LOG_BYTES_MAX, TEND_ROWS_MAX, VACUUM_PAGES},
    time::Wall,
};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use std::{collections::BTreeSet, time::Duration};

/// What ends, and can go from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Session,
    Unassigned,
    Guided,
    Custom,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Session, Self::Unassigned, Self::Guided, Self::Custom];

    /// When the oldest of it ended.
    fn oldest(self, file: &Connection) -> rusqlite::Result<Option<i64>> {
        let sql = match self {
            Self::Session => {
                "SELECT min(ended_at) FROM sessions WHERE ended_at IS NOT NULL AND status <> 'active'"
            }
            Self::Unassigned => "SELECT min(received_at) FROM samples WHERE session_id IS NULL",
            Self::Guided => {
                "SELECT min(ended_at) FROM guided_sessions WHERE ended_at IS NOT NULL AND status = 'ENDED'"
            }
            Self::Custom => "SELECT min(at) FROM records",
        };
        file.prepare_cached(sql)?.query_one([], |row| row.get(0))
    }

    /// Deletes what ended at `until` or before: one session, or some of what has none, or as much of a session's as `rows` allows. Returns the
    /// rows deleted; none when there is nothing to delete.
    fn delete(self, file: &Connection, until: i64, rows: usize) -> rusqlite::Result<usize> {
        let some = |sql: &str| file.prepare_cached(sql)?.execute(params![until, rows as i64]);
        match self {
            Self::Session => delete_session(file, until, rows),
            Self::Guided => delete_guided(file, until, rows),
            Self::Unassigned => delete_unassigned(file, until, rows),
            Self::Custom => some(
                "DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE at <= ?1 ORDER BY at LIMIT ?2)",
            ),
        }
    }
}

fn delete_session(file: &Connection, until: i64, rows: usize) -> rusqlite::Result<usize> {
    let oldest = "SELECT session_id FROM sessions WHERE ended_at <= ?1 AND status <> 'active'
                  ORDER BY ended_at LIMIT 1";
    let oldest = file.prepare_cached(oldest)?.query_one([until], |row| row.get::<_, String>(0)).optional()?;
    let Some(session) = oldest else { return Ok(0) };
    let deleted = file
        .prepare_cached(
            "DELETE FROM samples WHERE rowid IN
             (SELECT rowid FROM samples WHERE session_id = ?1 ORDER BY seq LIMIT ?2)",
        )?
        .execute(params![session, rows as i64])?;
    // The row goes last, so that what is left of a session always has one.
    if deleted < rows {
        file.prepare_cached("DELETE FROM sessions WHERE session_id = ?1")?.execute([session])?;
        return Ok(deleted + 1);
    }
    Ok(deleted)
}

/// A counter goes with the last sample that it has numbered: devices that send nothing but that may have any names, and as many as they like.
fn delete_unassigned(file: &Connection, until: i64, rows: usize) -> rusqlite::Result<usize> {
    // Each may be the last of its device.
    let samples = rows.div_ceil(2);
    let devices = file
        .prepare_cached(
            "DELETE FROM samples WHERE rowid IN (SELECT rowid FROM samples
             WHERE session_id IS NULL AND received_at <= ?1 ORDER BY received_at LIMIT ?2) RETURNING device_id",
        )?
        .query_map(params![until, samples as i64], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    let mut deleted = devices.len();
    for device in devices.into_iter().collect::<BTreeSet<_>>() {
        let sql = "DELETE FROM unassigned WHERE device_id = ?1 AND NOT EXISTS
                   (SELECT 1 FROM samples WHERE session_id IS NULL AND device_id = ?1)";
        deleted += file.prepare_cached(sql)?.execute([device])?;
    }
    Ok(deleted)
}

fn delete_guided(file: &Connection, until: i64, rows: usize) -> rusqlite::Result<usize> {
    let oldest = "SELECT session_code FROM guided_sessions WHERE ended_at <= ?1 AND status = 'ENDED'
                  ORDER BY ended_at LIMIT 1";
    let oldest = file.prepare_cached(oldest)?.query_one([until], |row| row.get::<_, String>(0)).optional()?;
    let Some(session) = oldest else { return Ok(0) };
    let mut deleted = 0;
    // The session's own row goes last.
    for table in
        ["step_controls", "step_completions", "help_requests", "participants", "subtasks", "guided_sessions"]
    {
        let sql = format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE session_code = ?1 LIMIT ?2)"
        );
        deleted += file.prepare_cached(&sql)?.execute(params![session, (rows - deleted) as i64])?;
        if deleted == rows {
            break;
        }
    }
    Ok(deleted)
}

/// Tidies up for a moment. True when there is more to do.
pub(super) fn tend(
    place: &Place,
    file: &mut Connection,
    settings: &Settings,
    now: Wall,
) -> Result<bool, Fault> {
    let failed = |error: rusqlite::Error| Fault::of_sqlite(&place.file, &error);
    if place.log_bytes() > RECORD_LOG_BYTES_MAX {
        cut_log(place, file).map_err(failed)?;
    }
    let Settings { keep_for, keep_bytes, .. } = settings;
    if keep_for.is_none() && keep_bytes.is_none() {
        return Ok(false);
    }
    let change = file.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let mut rows = TEND_ROWS_MAX;
    if let Some(age) = *keep_for {
        delete_old(&change, now, age, &mut rows).map_err(failed)?;
    }
    if let Some(bytes) = *keep_bytes {
        delete_excess(&change, bytes, &mut rows).map_err(failed)?;
    }
    change.commit().map_err(failed)?;
    let deleted = TEND_ROWS_MAX - rows;
    if deleted > 0 {
        log::info!("{}: {deleted} rows were deleted for their age, or for room", place.file.display());
    }
    let more = give_back(file).map_err(failed)?;
    Ok(rows == 0 || more)
}

fn delete_old(change: &Transaction<'_>, now: Wall, age: Duration, rows: &mut usize) -> rusqlite::Result<()> {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let until = now.as_millis().saturating_sub(age).saturating_sub(1);
    for kind in Kind::ALL {
        while *rows > 0 {
            let deleted = kind.delete(change, until, *rows)?;
            if deleted == 0 {
                break;
            }
            *rows = rows.saturating_sub(deleted);
        }
    }
    Ok(())
}

/// Deletes the oldest of all kinds, as far as the next oldest of another kind, until the rest takes no more than `bytes`.
fn delete_excess(change: &Transaction<'_>, bytes: u64, rows: &mut usize) -> rusqlite::Result<()> {
    /// Rows between two looks at what the rest takes.
    const STRIDE: usize = 100;
    while *rows > 0 && bytes_used(change)? > bytes {
        let mut oldest = Vec::new();
        for kind in Kind::ALL {
            oldest.extend(kind.oldest(change)?.map(|at| (at, kind)));
        }
        oldest.sort_by_key(|(at, _)| *at);
        let Some((_, kind)) = oldest.first() else { return Ok(()) };
        let until = oldest.get(1).map_or(i64::MAX, |(next, _)| *next);
        let deleted = kind.delete(change, until, (*rows).min(STRIDE))?;
        if deleted == 0 {
            return Ok(());
        }
        *rows = rows.saturating_sub(deleted);
    }
    Ok(())
}

fn number(file: &Connection, pragma: &str) -> rusqlite::Result<u64> {
    file.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

/// Bytes of the pages that hold something.
fn bytes_used(file: &Connection) -> rusqlite::Result<u64> {
    let pages = number(file, "page_count")? - number(file, "freelist_count")?;
    Ok(pages * number(file, "page_size")?)
}

/// Gives free pages back to the file system, but for some that are soon used again. True when there are more.
fn give_back(file: &Connection) -> rusqlite::Result<bool> {
    let free = number(file, "freelist_count")?;
    if free <= FREE_PAGES_KEPT {
        return Ok(false);
    }
    let pages = VACUUM_PAGES.min(free - FREE_PAGES_KEPT);
    // Each of its rows is a page given back.
    let mut vacuum = file.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut given = vacuum.query([])?;
    while given.next()?.is_some() {}
    // A file that was made by hand may not be able to.
    let left = number(file, "freelist_count")?;
    Ok(left > FREE_PAGES_KEPT && left < free)
}

/// Moves the log into the file and cuts it: a reader has kept SQLite from beginning it anew for too long. Waits for readers as for any lock.
fn cut_log(place: &Place, file: &Connection) -> rusqlite::Result<()> {
    let busy = file.query_one("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))?;
    if busy {
        log::warn!(
            "{} grows while another program reads from it without a pause: let that one end its transaction",
            place.log.display()
        );
    }
    Ok(())
}
