//! Rows into what they stand for.

use crate::{
    contracts::store::guided::{
        GuidedRole, GuidedSessionRow, GuidedStatus, ParticipantRow, ParticipantStatus, SavedGuidedSession,
        Subtask,
    },
    ground::time::Wall,
};
use rusqlite::{
    Connection, Row, params,
    types::{FromSqlError, Type},
};
use std::sync::Arc;

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
