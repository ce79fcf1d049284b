//! What device sessions tell, and what is recorded of them.

use super::fault::{Fault, bad};
use super::types::{Texts, andon_conn, andon_mount, andon_str};
use crate::contracts::store::device::{DeviceSample, SessionRow, SessionStatus};

/// How a device's session is, or how it ended: one of `ANDON_SESSION_*`.
pub type andon_session_status = i32;
/// It is under way.
pub const ANDON_SESSION_ACTIVE: andon_session_status = 1;
/// The client ended it.
pub const ANDON_SESSION_COMPLETED: andon_session_status = 2;
/// The device began another.
pub const ANDON_SESSION_AUTO_ENDED: andon_session_status = 3;
/// Its connection ended.
pub const ANDON_SESSION_DISCONNECTED: andon_session_status = 4;
/// No data came for too long.
pub const ANDON_SESSION_TIMEOUT: andon_session_status = 5;
/// The server stopped.
pub const ANDON_SESSION_STOPPED: andon_session_status = 6;
/// The host ended it.
pub const ANDON_SESSION_ENDED_BY_HOST: andon_session_status = 7;
/// The server ended without a word; it was found open afterwards.
pub const ANDON_SESSION_INTERRUPTED: andon_session_status = 8;

/// A device's session, as it is told and recorded.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_session {
    /// Its id.
    pub id: andon_str,
    /// The device's id.
    pub device: andon_str,
    /// One of `ANDON_SESSION_*`.
    pub status: andon_session_status,
    /// When it began, by the server's clock.
    pub started_at_ms: i64,
    /// When it ended, by the server's clock; 0: it is under way.
    pub ended_at_ms: i64,
    /// The timestamp of the message that began it, as the client wrote the number; empty when it wrote none.
    pub client_started_at: andon_str,
    /// The timestamp of the message that ended it.
    pub client_ended_at: andon_str,
    /// Samples filed under it.
    pub sample_count: u64,
}

/// What a device has sent, as it is told and recorded.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_sample {
    /// The session that it belongs to; empty: to none.
    pub session: andon_str,
    /// Its number there, from 1; 0 without a session.
    pub seq: u64,
    /// The device's id.
    pub device: andon_str,
    /// When, by the server's clock.
    pub received_at_ms: i64,
    /// The message, verbatim.
    pub payload: andon_str,
}

/// Of `ANDON_EVENT_DEVICE_REGISTERED`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_registered {
    /// Where.
    pub mount: andon_mount,
    /// The connection that said so.
    pub conn: andon_conn,
    /// The device's id.
    pub device: andon_str,
    /// The whole message, verbatim: whatever else the device says of itself.
    pub message: andon_str,
}

/// Of `ANDON_EVENT_SESSION_CREATED` and `ANDON_EVENT_SESSION_ENDED`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_session {
    /// Where.
    pub mount: andon_mount,
    /// The session.
    pub session: andon_session,
}

/// Of `ANDON_EVENT_SAMPLE`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_sample {
    /// Where.
    pub mount: andon_mount,
    /// The sample.
    pub sample: andon_sample,
}

/// A session, its texts lent.
pub(super) fn session(row: &SessionRow, texts: &mut Texts) -> andon_session {
    andon_session {
        id: texts.lend(&row.id),
        device: texts.lend(&row.device),
        status: status(row.status),
        started_at_ms: row.started_at.as_millis(),
        ended_at_ms: row.ended_at.map_or(0, |at| at.as_millis()),
        client_started_at: texts.lend(row.client_started_at.as_deref().unwrap_or_default()),
        client_ended_at: texts.lend(row.client_ended_at.as_deref().unwrap_or_default()),
        sample_count: row.sample_count,
    }
}

/// A sample, its texts lent.
pub(super) fn sample(row: &DeviceSample, texts: &mut Texts) -> andon_sample {
    let (session, seq) = row.place.as_ref().map_or(("", 0), |(session, seq)| (session, *seq));
    andon_sample {
        session: texts.lend(session),
        seq,
        device: texts.lend(&row.device),
        received_at_ms: row.received_at.as_millis(),
        payload: texts.lend(&row.payload),
    }
}

fn status(status: SessionStatus) -> andon_session_status {
    match status {
        SessionStatus::Active => ANDON_SESSION_ACTIVE,
        SessionStatus::Completed => ANDON_SESSION_COMPLETED,
        SessionStatus::AutoEnded => ANDON_SESSION_AUTO_ENDED,
        SessionStatus::Disconnected => ANDON_SESSION_DISCONNECTED,
        SessionStatus::Timeout => ANDON_SESSION_TIMEOUT,
        SessionStatus::Stopped => ANDON_SESSION_STOPPED,
        SessionStatus::EndedByHost => ANDON_SESSION_ENDED_BY_HOST,
        SessionStatus::Interrupted => ANDON_SESSION_INTERRUPTED,
    }
}

pub(super) fn status_of(given: andon_session_status) -> Result<SessionStatus, Fault> {
    let found = SessionStatus::ALL.into_iter().find(|known| status(*known) == given);
    found.ok_or_else(|| bad(format!("{given} is no status of a session: give one of ANDON_SESSION_*")))
}
