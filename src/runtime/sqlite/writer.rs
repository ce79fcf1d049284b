//! Records into rows: one transaction for each batch, one prepared statement for each kind of row.

use super::error::Fault;
use crate::{
    contracts::store::{
        device::{DeviceRecord, DeviceSample, SessionRow, SessionStatus},
        guided::{GuidedRecord, GuidedSessionRow, ParticipantRow, StepControl, Subtask},
        record::{Record, RecordBody},
    },
    ground::time::Wall,
};
use rusqlite::{
    CachedStatement, Connection, OptionalExtension as _, ToSql, Transaction, TransactionBehavior, params,
    types::{ToSqlOutput, ValueRef},
};
use std::path::Path;

/// How a transaction failed.
pub(super) enum Failed {
    /// Nothing of it is in the file.
    Undone(Fault),
    /// Within its commit: it may be in the file, or may come to be there when the file is opened again.
    Unsure(Fault),
}

/// Writes a batch, all of it or nothing; and with it, which batch of which run it is.
pub(super) fn write(
    path: &Path,
    file: &mut Connection,
    run: &str,
    number: u64,
    batch: &[Record],
) -> Result<(), Failed> {
    let fault = |error: rusqlite::Error| Failed::Undone(Fault::of_sqlite(path, &error));
    let change = file.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    insert(path, &change, batch).map_err(Failed::Undone)?;
    let mark = "INSERT OR REPLACE INTO commits(id, run, batch) VALUES(1, ?1, ?2)";
    let mut mark = change.prepare_cached(mark).map_err(fault)?;
    mark.execute(params![run, number.cast_signed()]).map_err(fault)?;
    drop(mark);
    change.commit().map_err(|error| Failed::Unsure(Fault::of_sqlite(path, &error)))
}

/// The batch of this run that the file got last; `None` when it has none.
pub(super) fn marked(path: &Path, file: &Connection, run: &str) -> Result<Option<u64>, Fault> {
    let sql = "SELECT batch FROM commits WHERE id = 1 AND run = ?1";
    let batch = file.query_row(sql, [run], |row| row.get::<_, i64>(0)).optional();
    Ok(batch.map_err(|error| Fault::of_sqlite(path, &error))?.map(i64::cast_unsigned))
}

/// What is still active was left so by a run that ended without a word: ends it with its last sample, or when it began. Returns how many.
pub(super) fn interrupt(file: &mut Connection) -> rusqlite::Result<usize> {
    let change = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "UPDATE sessions SET status = 'interrupted',
         ended_at = coalesce((SELECT received_at FROM samples WHERE samples.session_id = sessions.session_id
                              ORDER BY seq DESC LIMIT 1), started_at),
         sample_count = (SELECT count(*) FROM samples WHERE samples.session_id = sessions.session_id)
         WHERE status = 'active'";
    let interrupted = change.execute(sql, [])?;
    change.commit()?;
    Ok(interrupted)
}

fn insert(path: &Path, change: &Transaction<'_>, batch: &[Record]) -> Result<(), Fault> {
    let fault = |error| Fault::of_sqlite(path, &error);
    let mut insert = None;
    // Samples since the last record of another kind.
    let mut samples = Vec::with_capacity(batch.len());
    for record in batch {
        if let RecordBody::Device(DeviceRecord::Sample(sample)) = &record.body {
            samples.push(&**sample);
            continue;
        }
        insert_samples(change, &mut insert, &mut samples).map_err(fault)?;
        let inserted = match &record.body {
            RecordBody::Custom { stream, key, payload } => custom(change, record, stream, key, payload),
            RecordBody::Device(DeviceRecord::Sample(_)) => Ok(()),
            RecordBody::Device(DeviceRecord::SessionStarted(row)) => session_started(change, row),
            RecordBody::Device(DeviceRecord::SessionEnded(row)) => session_ended(change, row),
            RecordBody::Guided(guided) => insert_guided(change, guided, record.at),
        };
        inserted.map_err(fault)?;
    }
    insert_samples(change, &mut insert, &mut samples).map_err(fault)
}

/// Session by session, so that the index is not entered anew for each sample: those of a hundred devices come in turn. Each session's stay in their order.
fn insert_samples<'c>(
    change: &'c Connection,
    insert: &mut Option<CachedStatement<'c>>,
    samples: &mut Vec<&DeviceSample>,
) -> rusqlite::Result<()> {
    samples.sort_by_key(|sample| sample.place.as_ref().map(|(session, _)| &**session));
    samples.drain(..).try_for_each(|sample| insert_sample(change, insert, sample))
}

/// Text where it is text, so that people can read it; else bytes.
fn readable(payload: &[u8]) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match simdutf8::basic::from_utf8(payload) {
        Ok(_) => ValueRef::Text(payload),
        Err(_) => ValueRef::Blob(payload),
    })
}

fn custom(
    change: &Connection,
    record: &Record,
    stream: &str,
    key: &str,
    payload: &[u8],
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO records(contract, stream, key, at, payload) VALUES(?1, ?2, ?3, ?4, ?5)";
    let row = params![&*record.contract, stream, key, record.at.0, readable(payload)];
    change.prepare_cached(sql)?.execute(row).map(drop)
}

/// Most records are samples: their statement is looked up once for a batch.
fn insert_sample<'c>(
    change: &'c Connection,
    insert: &mut Option<CachedStatement<'c>>,
    sample: &DeviceSample,
) -> rusqlite::Result<()> {
    let insert = match insert {
        Some(insert) => insert,
        None => insert.insert(change.prepare_cached(
            "INSERT INTO samples(session_id, seq, device_id, received_at, payload) VALUES(?1, ?2, ?3, ?4, ?5)",
        )?),
    };
    let (session, seq) = match &sample.place {
        Some((session, seq)) => (Some(&**session), count(*seq)?),
        None => (None, next_unassigned(change, &sample.device)?),
    };
    insert.execute(params![session, seq, &*sample.device, sample.received_at.0, &*sample.payload]).map(drop)
}

/// Counts samples of a device that belong to no session.
fn next_unassigned(change: &Connection, device: &str) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO unassigned(device_id, seq) VALUES(?1, 1)
               ON CONFLICT(device_id) DO UPDATE SET seq = seq + 1 RETURNING seq";
    change.prepare_cached(sql)?.query_one([device], |row| row.get(0))
}

/// A number of ours as SQLite can hold it.
fn count(number: u64) -> rusqlite::Result<i64> {
    i64::try_from(number).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// A client's number: as an integer if that gives back the same digits, else as they stand.
fn digits(text: Option<&str>) -> Option<ToSqlOutput<'_>> {
    let text = text?;
    let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    Some(match number {
        Some(number) => ToSqlOutput::from(number),
        None => ToSqlOutput::from(text),
    })
}

const SESSION_COLUMNS: usize = 8;

fn with_session(
    row: &SessionRow,
    execute: impl FnOnce([&dyn ToSql; SESSION_COLUMNS]) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let SessionRow { id, device, status, .. } = row;
    execute([
        &&**id,
        &&**device,
        &status.as_str(),
        &row.started_at.0,
        &row.ended_at.map(Wall::as_millis),
        &digits(row.client_started_at.as_deref()),
        &digits(row.client_ended_at.as_deref()),
        &count(row.sample_count)?,
    ])
}

fn session_started(change: &Connection, row: &SessionRow) -> rusqlite::Result<()> {
    let sql = "INSERT INTO sessions(session_id, device_id, status, started_at, ended_at, client_started_at,
               client_ended_at, sample_count) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut insert = change.prepare_cached(sql)?;
    with_session(row, |columns| insert.execute(&columns[..]).map(drop))
}

fn session_ended(change: &Connection, row: &SessionRow) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO sessions(session_id, device_id, status, started_at, ended_at,
               client_started_at, client_ended_at, sample_count) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut replace = change.prepare_cached(sql)?;
    with_session(row, |columns| replace.execute(&columns[..]).map(drop))?;
    if row.status == SessionStatus::Interrupted {
        let sql = "UPDATE sessions SET sample_count =
                   (SELECT count(*) FROM samples WHERE samples.session_id = ?1) WHERE session_id = ?1";
        change.prepare_cached(sql)?.execute([&*row.id])?;
    }
    Ok(())
}

fn insert_guided(change: &Connection, record: &GuidedRecord, at: Wall) -> rusqlite::Result<()> {
    match record {
        GuidedRecord::Session(row) => guided_session(change, row),
        GuidedRecord::Subtasks { code, subtasks } => guided_subtasks(change, code, subtasks),
        GuidedRecord::Participant(row) => participant(change, row),
        GuidedRecord::StepControl(act) => step_control(change, act, at),
        GuidedRecord::StepCompletion { code, user_id, subtask_id } => {
            let sql = "INSERT INTO step_completions(session_code, user_id, subtask_id, created_at)
                       VALUES(?1, ?2, ?3, ?4)";
            change.prepare_cached(sql)?.execute(params![&**code, user_id, subtask_id, at.0]).map(drop)
        }
        GuidedRecord::HelpRequest { code, user_id, subtask_id, message } => {
            let sql = "INSERT INTO help_requests(session_code, user_id, subtask_id, message, created_at)
                       VALUES(?1, ?2, ?3, ?4, ?5)";
            let row = params![&**code, user_id, subtask_id, &**message, at.0];
            change.prepare_cached(sql)?.execute(row).map(drop)
        }
    }
}

fn guided_session(change: &Connection, row: &GuidedSessionRow) -> rusqlite::Result<()> {
    let sql =
        "INSERT OR REPLACE INTO guided_sessions(session_code, status, current_subtask, created_at, ended_at)
               VALUES(?1, ?2, ?3, ?4, ?5)";
    let ended_at = row.ended_at.map(Wall::as_millis);
    let row = params![&*row.code, row.status.as_str(), row.current_subtask, row.created_at.0, ended_at];
    change.prepare_cached(sql)?.execute(row).map(drop)
}

/// All of a session's anew, in their order.
fn guided_subtasks(change: &Connection, code: &str, subtasks: &[Subtask]) -> rusqlite::Result<()> {
    change.prepare_cached("DELETE FROM subtasks WHERE session_code = ?1")?.execute([code])?;
    let sql = "INSERT INTO subtasks(session_code, id, title, order_index, target_action, guide_text,
               voice_guide_text) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = change.prepare_cached(sql)?;
    for subtask in subtasks {
        let Subtask { id, title, order_index, target_action, guide_text, voice_guide_text } = subtask;
        insert.execute(params![code, id, title, order_index, target_action, guide_text, voice_guide_text])?;
    }
    Ok(())
}

fn participant(change: &Connection, row: &ParticipantRow) -> rusqlite::Result<()> {
    // Not replaced but updated, so that those who were first stay first.
    let sql = "INSERT INTO participants(session_code, user_id, user_name, role, status, current_subtask,
               last_active_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)
               ON CONFLICT(session_code, user_id) DO UPDATE SET user_name = excluded.user_name,
               role = excluded.role, status = excluded.status, current_subtask = excluded.current_subtask,
               last_active_at = excluded.last_active_at";
    change
        .prepare_cached(sql)?
        .execute(params![
            &*row.code,
            row.user_id,
            &*row.user_name,
            row.role.as_str(),
            row.status.as_str(),
            row.current_subtask,
            row.last_active_at.0
        ])
        .map(drop)
}

fn step_control(change: &Connection, act: &StepControl, at: Wall) -> rusqlite::Result<()> {
    let sql = "INSERT INTO step_controls(session_code, subtask_id, instructor_id, instructor_name, action,
               message, created_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    change
        .prepare_cached(sql)?
        .execute(params![
            &*act.code,
            act.subtask_id,
            act.instructor_id,
            &*act.instructor_name,
            act.action.as_str(),
            &*act.message,
            at.0
        ])
        .map(drop)
}
