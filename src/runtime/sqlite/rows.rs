//! Rows into what they stand for.

use crate::{
    contracts::store::{
        device::{DeviceSample, SessionRow, SessionStatus},
        guided::{
            GuidedRole, GuidedSessionRow, GuidedStatus, ParticipantRow, ParticipantStatus,
            SavedGuidedSession, Subtask,
        },
    },
    ground::time::Wall,
};
use rusqlite::{
    Connection, Row, params,
    types::{FromSqlError, Type, ValueRef},
};
use std::sync::Arc;

/// The columns that [`session`] reads, in its order.
pub(super) const SESSION_COLUMNS: &str =
    "session_id, device_id, status, started_at, ended_at, client_started_at, client_ended_at, sample_count";

pub(super) fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        id: row.get(0)?,
        device: row.get(1)?,
        status: named(row, 2, SessionStatus::of_name)?,
        started_at: Wall(row.get(3)?),
        ended_at: row.get::<_, Option<i64>>(4)?.map(Wall),
        client_started_at: digits(row, 5)?,
        client_ended_at: digits(row, 6)?,
        sample_count: row.get::<_, i64>(7)?.try_into().unwrap_or_default(),
    })
}

/// A sample of a session, from `seq, device_id, received_at, payload`.
pub(super) fn sample(session: &Arc<str>, row: &Row<'_>) -> rusqlite::Result<DeviceSample> {
    let seq = row.get::<_, i64>(0)?.try_into().unwrap_or_default();
    Ok(DeviceSample {
        place: Some((Arc::clone(session), seq)),
        device: row.get(1)?,
        received_at: Wall(row.get(2)?),
        payload: row.get_ref(3)?.as_str()?.into(),
    })
}

/// All guided sessions, the one that was created first first.
pub(super) fn guided_sessions(file: &Connection) -> rusqlite::Result<Vec<SavedGuidedSession>> {
    let mut sessions = file.prepare(
        "SELECT session_code, status, current_subtask, created_at, ended_at FROM guided_sessions
         ORDER BY created_at, session_code",
    )?;
    let mut subtasks = file.prepare(
        "SELECT id, title, order_index, target_action, guide_text, voice_guide_text FROM subtasks
         WHERE session_code = ?1 ORDER BY rowid",
    )?;
    let mut participants = file.prepare(
        "SELECT user_id, user_name, role, status, current_subtask, last_active_at FROM participants
         WHERE session_code = ?1 ORDER BY rowid",
    )?;
    let rows = sessions.query_map([], guided_session)?;
    rows.map(|session| {
        let session = session?;
        let code = &session.code;
        let subtasks = subtasks.query_map(params![&**code], subtask)?.collect::<rusqlite::Result<_>>()?;
        let participants = participants
            .query_map(params![&**code], |row| participant(code, row))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(SavedGuidedSession { subtasks, participants, session })
    })
    .collect()
}

fn guided_session(row: &Row<'_>) -> rusqlite::Result<GuidedSessionRow> {
    Ok(GuidedSessionRow {
        code: row.get(0)?,
        status: named(row, 1, GuidedStatus::of_name)?,
        current_subtask: row.get(2)?,
        created_at: Wall(row.get(3)?),
        ended_at: row.get::<_, Option<i64>>(4)?.map(Wall),
    })
}

fn subtask(row: &Row<'_>) -> rusqlite::Result<Subtask> {
    Ok(Subtask {
        id: row.get(0)?,
        title: row.get(1)?,
        order_index: row.get(2)?,
        target_action: row.get(3)?,
        guide_text: row.get(4)?,
        voice_guide_text: row.get(5)?,
    })
}

fn participant(code: &Arc<str>, row: &Row<'_>) -> rusqlite::Result<ParticipantRow> {
    Ok(ParticipantRow {
        code: Arc::clone(code),
        user_id: row.get(0)?,
        user_name: row.get(1)?,
        role: named(row, 2, GuidedRole::of_name)?,
        status: named(row, 3, ParticipantStatus::of_name)?,
        current_subtask: row.get(4)?,
        last_active_at: Wall(row.get(5)?),
    })
}

/// What a name in a column stands for.
fn named<T>(row: &Row<'_>, column: usize, of_name: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let name = row.get_ref(column)?.as_str()?;
    of_name(name).ok_or_else(|| {
        let why = FromSqlError::Other(format!("no status or role is named {name:?}").into());
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(why))
    })
}

/// A client's number, as it was written.
fn digits(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Box<str>>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string().into()),
        ValueRef::Real(number) => Some(number.to_string().into()),
        text => Some(text.as_str()?.into()),
    })
}
