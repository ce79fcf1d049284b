//! How guided sessions are, at one moment.

use super::{
    guard::enter,
    guided::{andon_subtask, guided},
    guided_event::{andon_role, role},
    object::{Head, Object, give, look, take_back},
    server::andon_server,
    status::andon_status,
    types::{Texts, andon_str, put_array},
};
use crate::contracts::{
    guided_sessions::info::GuidedInfo,
    store::guided::{GuidedStatus, ParticipantRow, ParticipantStatus, Subtask},
};
use std::time::Duration;

/// How a guided session is: one of `ANDON_GUIDED_*`.
pub type andon_guided_status = i32;
/// Under way.
pub const ANDON_GUIDED_IN_PROGRESS: andon_guided_status = 1;
/// Paused.
pub const ANDON_GUIDED_PAUSED: andon_guided_status = 2;
/// Over.
pub const ANDON_GUIDED_ENDED: andon_guided_status = 3;

/// How a participant is: one of `ANDON_PARTICIPANT_*`.
pub type andon_participant_status = i32;
/// Connected, and has not joined.
pub const ANDON_PARTICIPANT_WAITING: andon_participant_status = 1;
/// Has joined.
pub const ANDON_PARTICIPANT_ACTIVE: andon_participant_status = 2;
/// Has completed the last step.
pub const ANDON_PARTICIPANT_COMPLETED: andon_participant_status = 3;
/// Has no connection.
pub const ANDON_PARTICIPANT_DISCONNECTED: andon_participant_status = 4;

/// Who takes part in a guided session, or did.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_participant {
    /// Who.
    pub user_id: i64,
    /// The name for people.
    pub user_name: andon_str,
    /// One of `ANDON_ROLE_*`.
    pub role: andon_role,
    /// One of `ANDON_PARTICIPANT_*`.
    pub status: andon_participant_status,
    /// Whether a step was completed.
    pub has_subtask: bool,
    /// The step that was completed last.
    pub current_subtask: i64,
    /// When something was heard last.
    pub last_active_at_ms: i64,
}

/// One guided session, as it is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_guided_info {
    /// Its code.
    pub code: andon_str,
    /// One of `ANDON_GUIDED_*`.
    pub status: andon_guided_status,
    /// Whether a step was begun.
    pub has_subtask: bool,
    /// The step that was begun last.
    pub current_subtask: i64,
    /// When it was created.
    pub created_at_ms: i64,
    /// When it was ended; 0: it was not.
    pub ended_at_ms: i64,
    /// Its steps in their order, `subtasks_count` of them.
    pub subtasks: *const andon_subtask,
    /// How many there are.
    pub subtasks_count: usize,
    /// Its people by id, `participants_count` of them.
    pub participants: *const andon_participant,
    /// How many there are.
    pub participants_count: usize,
}

/// How guided sessions were when it was asked for.
#[cfg_attr(feature = "ffi", repr(C))] // Not seen by cbindgen, for which it is opaque.
pub struct andon_guided_list {
    head: Head,
    items: Vec<andon_guided_info>,
    /// What the items point to.
    _held: Held,
}

// SAFETY: its layout is C's, and its head comes first.
unsafe impl Object for andon_guided_list {
    const MARK: u32 = u32::from_be_bytes(*b"gues");
    const NAME: &'static str = "andon_guided_list";
}

#[derive(Default)]
struct Held {
    texts: Texts,
    subtasks: Vec<Box<[andon_subtask]>>,
    participants: Vec<Box<[andon_participant]>>,
}

/// Asks how all guided sessions are, with whatever was commanded before on this thread, and waits for the loop to tell, at most `timeout_ms`.
///
/// Threads: any but the server's own, which would wait for itself. Blocking: up to the timeout. Ownership: the list is the caller's, until `andon_guided_list_free`. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `NOT_FOUND` without such a mount, `TIMED_OUT`, `FULL`, `STOPPED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_guided_sessions(
    server: *const andon_server,
    timeout_ms: u32,
    list: *mut *mut andon_guided_list,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let guided = unsafe { guided(server) }?;
        let make = || {
            let sessions = guided.sessions(Duration::from_millis(timeout_ms.into()))?;
            let mut held = Held::default();
            let items = sessions.iter().map(|session| held.info(session)).collect();
            Ok(andon_guided_list { head: Head::of::<andon_guided_list>(), items, _held: held })
        };
        // SAFETY: the caller's word.
        unsafe { give(make, list) }
    })
}

/// What a list holds: an array of `count` sessions.
///
/// Threads: any. Blocking: never. Ownership: the list's; it all lives until `andon_guided_list_free`. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_guided_list_items(
    list: *const andon_guided_list,
    items: *mut *const andon_guided_info,
    count: *mut usize,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let list = unsafe { look(list) }?;
        // SAFETY: the caller's word.
        unsafe { put_array(&list.items, items, count) }
    })
}

/// Frees a list and all that it holds. NULL is nothing to be freed.
///
/// Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see `andon_last_error` for a pointer that was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_guided_list_free(list: *mut andon_guided_list) {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { take_back(list) }.map(drop)
    });
}

impl Held {
    fn info(&mut self, given: &GuidedInfo) -> andon_guided_info {
        let subtasks: Box<[_]> = given.subtasks.iter().map(|subtask| self.subtask(subtask)).collect();
        let participants: Box<[_]> = given.participants.iter().map(|row| self.participant(row)).collect();
        let info = andon_guided_info {
            code: self.texts.lend(&given.session.code),
            status: match given.session.status {
                GuidedStatus::InProgress => ANDON_GUIDED_IN_PROGRESS,
                GuidedStatus::Paused => ANDON_GUIDED_PAUSED,
                GuidedStatus::Ended => ANDON_GUIDED_ENDED,
            },
            has_subtask: given.session.current_subtask.is_some(),
            current_subtask: given.session.current_subtask.unwrap_or_default(),
            created_at_ms: given.session.created_at.as_millis(),
            ended_at_ms: given.session.ended_at.map_or(0, |at| at.as_millis()),
            // What the boxes hold stays where it is.
            subtasks: subtasks.as_ptr(),
            subtasks_count: subtasks.len(),
            participants: participants.as_ptr(),
            participants_count: participants.len(),
        };
        self.subtasks.push(subtasks);
        self.participants.push(participants);
        info
    }

    fn subtask(&mut self, given: &Subtask) -> andon_subtask {
        andon_subtask {
            id: given.id,
            order_index: given.order_index,
            title: self.texts.lend(&given.title),
            target_action: self.texts.lend(&given.target_action),
            guide_text: self.texts.lend(&given.guide_text),
            voice_guide_text: self.texts.lend(given.voice_guide_text.as_deref().unwrap_or_default()),
        }
    }

    fn participant(&mut self, given: &ParticipantRow) -> andon_participant {
        andon_participant {
            user_id: given.user_id,
            user_name: self.texts.lend(&given.user_name),
            role: role(given.role),
            status: match given.status {
                ParticipantStatus::Waiting => ANDON_PARTICIPANT_WAITING,
                ParticipantStatus::Active => ANDON_PARTICIPANT_ACTIVE,
                ParticipantStatus::Completed => ANDON_PARTICIPANT_COMPLETED,
                ParticipantStatus::Disconnected => ANDON_PARTICIPANT_DISCONNECTED,
            },
            has_subtask: given.current_subtask.is_some(),
            current_subtask: given.current_subtask.unwrap_or_default(),
            last_active_at_ms: given.last_active_at.as_millis(),
        }
    }
}
