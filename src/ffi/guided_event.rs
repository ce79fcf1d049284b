//! What guided sessions tell.

use super::types::{andon_mount, andon_str};
use crate::contracts::store::guided::{GuidedRole, StepAction};

/// What a person is in a guided session: one of `ANDON_ROLE_*`.
pub type andon_role = i32;
/// Takes part.
pub const ANDON_ROLE_STUDENT: andon_role = 1;
/// Leads.
pub const ANDON_ROLE_INSTRUCTOR: andon_role = 2;

/// What is done with a guided session: one of `ANDON_STEP_*`.
pub type andon_step_action = i32;
/// A step is begun.
pub const ANDON_STEP_START: andon_step_action = 1;
/// The session is paused.
pub const ANDON_STEP_PAUSE: andon_step_action = 2;
/// The session goes on.
pub const ANDON_STEP_RESUME: andon_step_action = 3;
/// The session is ended.
pub const ANDON_STEP_END: andon_step_action = 4;

/// Of `ANDON_EVENT_GUIDED_JOINED`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_joined {
    /// Where.
    pub mount: andon_mount,
    /// One of `ANDON_ROLE_*`.
    pub role: andon_role,
    /// The session's code.
    pub code: andon_str,
    /// Who.
    pub user_id: i64,
    /// The name for people.
    pub user_name: andon_str,
}

/// Of `ANDON_EVENT_GUIDED_LEFT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_left {
    /// Where.
    pub mount: andon_mount,
    /// The session's code.
    pub code: andon_str,
    /// Who.
    pub user_id: i64,
}

/// Of `ANDON_EVENT_GUIDED_STEP_COMPLETED`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_step_completed {
    /// Where.
    pub mount: andon_mount,
    /// It was the last one: the participant is through.
    pub completed: bool,
    /// The session's code.
    pub code: andon_str,
    /// Who.
    pub user_id: i64,
    /// What.
    pub subtask_id: i64,
}

/// Of `ANDON_EVENT_GUIDED_PROGRESS`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_progress {
    /// Where.
    pub mount: andon_mount,
    /// Whether a subtask was named.
    pub has_subtask: bool,
    /// The session's code.
    pub code: andon_str,
    /// Who.
    pub user_id: i64,
    /// With what.
    pub subtask_id: i64,
    /// How it goes, in the client's words.
    pub status: andon_str,
}

/// Of `ANDON_EVENT_GUIDED_HELP_REQUESTED`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_help {
    /// Where.
    pub mount: andon_mount,
    /// Whether a subtask was named.
    pub has_subtask: bool,
    /// The session's code.
    pub code: andon_str,
    /// Who.
    pub user_id: i64,
    /// With what.
    pub subtask_id: i64,
    /// In the participant's own words.
    pub message: andon_str,
}

/// Of `ANDON_EVENT_GUIDED_CONTROLLED`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_controlled {
    /// Where.
    pub mount: andon_mount,
    /// One of `ANDON_STEP_*`.
    pub action: andon_step_action,
    /// The session's code.
    pub code: andon_str,
    /// Whether a subtask was named.
    pub has_subtask: bool,
    /// It was the host, and no instructor.
    pub by_host: bool,
    /// The subtask that it is about.
    pub subtask_id: i64,
    /// Who.
    pub instructor_id: i64,
    /// The name for people.
    pub instructor_name: andon_str,
    /// In the instructor's own words.
    pub message: andon_str,
}

pub(super) fn role(role: GuidedRole) -> andon_role {
    match role {
        GuidedRole::Student => ANDON_ROLE_STUDENT,
        GuidedRole::Instructor => ANDON_ROLE_INSTRUCTOR,
    }
}

pub(super) fn action(action: StepAction) -> andon_step_action {
    match action {
        StepAction::StartStep => ANDON_STEP_START,
        StepAction::Pause => ANDON_STEP_PAUSE,
        StepAction::Resume => ANDON_STEP_RESUME,
        StepAction::EndStep => ANDON_STEP_END,
    }
}
