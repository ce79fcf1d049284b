//! Guided sessions: built in; instructors lead students through steps, and the host takes part.

use super::{
    config::{andon_config, change},
    fault::{Fault, bad, not_found},
    guard::enter,
    guided_event::{ANDON_ROLE_INSTRUCTOR, ANDON_ROLE_STUDENT, andon_role},
    mount::{andon_mount_options, mount_options},
    object::look,
    options::{self, Options},
    server::andon_server,
    status::andon_status,
    types::{andon_str, array},
};
use crate::{
    contracts::{
        guided_sessions::{
            config::{GuidedSession, GuidedSessionsConfig},
            texts::GuidedTexts,
        },
        store::guided::{GuidedRole, Subtask},
    },
    host::guided::GuidedSessions,
};
use std::time::Duration;

/// One step of a guided session.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_subtask {
    /// Its id, as clients name it.
    pub id: i64,
    /// Its place among the others; those of the same place are in the order of the array.
    pub order_index: i64,
    /// Its title.
    pub title: andon_str,
    /// What is to be done, such as "CLICK".
    pub target_action: andon_str,
    /// What is to be read about it.
    pub guide_text: andon_str,
    /// What is to be said about it; empty: nothing.
    pub voice_guide_text: andon_str,
}

/// One guided session.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_guided_session {
    /// Its code, as in the path.
    pub code: andon_str,
    /// Its steps, `subtasks_count` of them.
    pub subtasks: *const andon_subtask,
    /// How many there are.
    pub subtasks_count: usize,
    /// Who may control it, `instructors_count` ids of users. None: every instructor.
    pub instructors: *const i64,
    /// How many there are.
    pub instructors_count: usize,
}

/// What people read in guided sessions. An empty text means the default, which is Korean.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_guided_texts {
    /// Set by `ANDON_GUIDED_TEXTS_INIT`.
    pub struct_size: usize,
    /// To who has joined.
    pub joined: andon_str,
    /// To who has completed a step.
    pub step_completed: andon_str,
    /// To all, when the session is paused.
    pub paused: andon_str,
    /// To all, when it goes on.
    pub resumed: andon_str,
    /// To all, when it is ended.
    pub ended: andon_str,
    /// To who asks for what is another's to do.
    pub denied: andon_str,
    /// To who wants to change something in a session that has ended.
    pub over: andon_str,
    /// To whose completed step the store has refused.
    pub not_stored: andon_str,
}

// SAFETY: the size first; empty texts are zeros.
unsafe impl Options for andon_guided_texts {
    const NAME: &'static str = "andon_guided_texts";
}

/// What guided sessions are to be. Zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_guided_options {
    /// Set by `ANDON_GUIDED_OPTIONS_INIT`.
    pub struct_size: usize,
    /// Sessions from the start, `sessions_count` of them. Default: none.
    pub sessions: *const andon_guided_session,
    /// How many there are.
    pub sessions_count: usize,
    /// What people read. NULL: the defaults.
    pub texts: *const andon_guided_texts,
    /// At most this many sessions. Default 64.
    pub sessions_max: usize,
    /// At most this many people known to each session. Default 512.
    pub participants: usize,
    /// What people write is at most so long, in bytes. Default 2 KiB.
    pub words_bytes: usize,
    /// The log of each of a session's two topics; a quarter of it is the largest message. Default 128 KiB.
    pub log_bytes: usize,
    /// A participant's row is recorded at most this often for nothing but the time at which something was heard, 10 to 1,000. Default 1,000.
    pub heartbeat_interval_ms: u32,
}

// SAFETY: the size first; numbers and null are zeros.
unsafe impl Options for andon_guided_options {
    const NAME: &'static str = "andon_guided_options";
}

/// Mounts guided sessions at a path with one parameter, the session's code, such as "/ws/sessions/{code}/". A server has one such mount at most. People are known by the mount's gate: the subject is the user's id, an integer, and
/// the role is STUDENT or INSTRUCTOR; without a gate everybody gets 403. It is always for pages of the same origin. `options` and `mount` may be NULL.
///
/// Threads: any. Blocking: never. Ownership: all is copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `SPENT`; a session that cannot be, or what is out of its range, is told by the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_guided(
    config: *mut andon_config,
    pattern: andon_str,
    options: *const andon_guided_options,
    mount: *const andon_mount_options,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let (pattern, given) = unsafe { (pattern.read("the pattern")?, options::read(options)?) };
        // SAFETY: the caller's word.
        let (mount, guided) = unsafe { (mount_options(mount)?, guided_of(&given)?) };
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.guided_sessions_with(pattern, mount, guided)) }
    })
}

/// Makes a session while the server runs. One of this code that there is gets these steps and instructors, and stays as it is otherwise; one that has ended begins anew.
///
/// Threads: any. Blocking: never. Ownership: all is copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `NOT_FOUND` without such a mount, `BAD_SESSION` with the reason, `FULL`, `STOPPED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_guided_create(
    server: *const andon_server,
    session: *const andon_guided_session,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let guided = unsafe { guided(server) }?;
        // SAFETY: the caller's word. One session is an array of one.
        let given = unsafe { array(session, 1, "the session") }?;
        // SAFETY: the caller's word.
        Ok(guided.create(unsafe { session_of(&given[0]) }?)?)
    })
}

/// Begins a step: everybody is told. `message` goes to the log. For a session that there is not, or that has ended, it is passed over and counted in `messages_ignored`, as all that follows.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `NOT_FOUND` without such a mount, `REFUSED` for a message that is too long, `FULL`, `STOPPED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_guided_start_step(
    server: *const andon_server,
    code: andon_str,
    subtask_id: i64,
    message: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (guided, code, message) =
            unsafe { (guided(server)?, code.read("the code")?, message.read("the message")?) };
        Ok(guided.start_step(code, subtask_id, message)?)
    })
}

/// Pauses a session: everybody is told. All else as `andon_guided_start_step`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_guided_pause(server: *const andon_server, code: andon_str) -> andon_status {
    // SAFETY: the caller's word.
    enter(|| Ok(unsafe { guided(server)?.pause(code.read("the code")?) }?))
}

/// Has a session go on: everybody is told. All else as `andon_guided_start_step`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_guided_resume(server: *const andon_server, code: andon_str) -> andon_status {
    // SAFETY: the caller's word.
    enter(|| Ok(unsafe { guided(server)?.resume(code.read("the code")?) }?))
}

/// Ends a session: everybody is told, and stays connected. All else as `andon_guided_start_step`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_guided_end(server: *const andon_server, code: andon_str) -> andon_status {
    // SAFETY: the caller's word.
    enter(|| Ok(unsafe { guided(server)?.end(code.read("the code")?) }?))
}

/// Sends JSON to all connections of one user in a session. At most a quarter of `log_bytes`.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_guided_start_step`; `BAD_JSON` with line and column.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_guided_send_to(
    server: *const andon_server,
    code: andon_str,
    user_id: i64,
    json: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (guided, code, json) =
            unsafe { (guided(server)?, code.read("the code")?, json.read("the JSON")?) };
        Ok(guided.send_to(code, user_id, json)?)
    })
}

/// Sends JSON to everybody of one role, one of `ANDON_ROLE_*`, in a session.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_guided_send_to`; `BAD_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_guided_send_to_role(
    server: *const andon_server,
    code: andon_str,
    role: andon_role,
    json: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (guided, code, json) =
            unsafe { (guided(server)?, code.read("the code")?, json.read("the JSON")?) };
        Ok(guided.send_to_role(code, role_of(role)?, json)?)
    })
}

/// # Safety
///
/// As [`look`].
pub(super) unsafe fn guided(server: *const andon_server) -> Result<GuidedSessions, Fault> {
    // SAFETY: the caller's word.
    let guided = unsafe { look(server) }?.handle.mounted_guided_sessions();
    guided.ok_or_else(|| {
        not_found("the server has no guided sessions: mount them by andon_config_guided".into())
    })
}

/// # Safety
///
/// What it points to can be read.
unsafe fn session_of(given: &andon_guided_session) -> Result<GuidedSession, Fault> {
    // SAFETY: the caller's word.
    let mut made = GuidedSession::new(unsafe { given.code.read("the code") }?);
    // SAFETY: the caller's word.
    for subtask in unsafe { array(given.subtasks, given.subtasks_count, "subtasks") }? {
        // SAFETY: the caller's word.
        let (title, action, guide, voice) = unsafe {
            (
                subtask.title.read("the title")?,
                subtask.target_action.read("target_action")?,
                subtask.guide_text.read("guide_text")?,
                subtask.voice_guide_text.read("voice_guide_text")?,
            )
        };
        let step = Subtask::new(subtask.id, title).at(subtask.order_index).guide(action, guide);
        made = made.subtask(if voice.is_empty() { step } else { step.voice(voice) });
    }
    // SAFETY: the caller's word.
    let instructors = unsafe { array(given.instructors, given.instructors_count, "instructors") }?;
    Ok(instructors.iter().fold(made, |made, &id| made.instructor(id)))
}

/// # Safety
///
/// What the options point to can be read.
unsafe fn guided_of(given: &andon_guided_options) -> Result<GuidedSessionsConfig, Fault> {
    let mut made = GuidedSessionsConfig::new();
    // SAFETY: the caller's word.
    for session in unsafe { array(given.sessions, given.sessions_count, "sessions") }? {
        // SAFETY: the caller's word.
        made = made.session(unsafe { session_of(session) }?);
    }
    if !given.texts.is_null() {
        // SAFETY: the caller's word.
        made = made.texts(unsafe { texts_of(&options::need(given.texts)?) }?);
    }
    type Set = fn(GuidedSessionsConfig, usize) -> GuidedSessionsConfig;
    let bounds: [(usize, Set); 4] = [
        (given.sessions_max, GuidedSessionsConfig::sessions_max),
        (given.participants, GuidedSessionsConfig::participants),
        (given.words_bytes, GuidedSessionsConfig::words_bytes),
        (given.log_bytes, GuidedSessionsConfig::log_bytes),
    ];
    made =
        bounds.into_iter().filter(|(given, _)| *given != 0).fold(made, |made, (given, set)| set(made, given));
    if given.heartbeat_interval_ms != 0 {
        made = made.heartbeat_interval(Duration::from_millis(given.heartbeat_interval_ms.into()));
    }
    Ok(made)
}

/// # Safety
///
/// The texts can be read.
unsafe fn texts_of(given: &andon_guided_texts) -> Result<GuidedTexts, Fault> {
    type Say = fn(GuidedTexts, String) -> GuidedTexts;
    let texts: [(andon_str, Say); 8] = [
        (given.joined, GuidedTexts::joined),
        (given.step_completed, GuidedTexts::step_completed),
        (given.paused, GuidedTexts::paused),
        (given.resumed, GuidedTexts::resumed),
        (given.ended, GuidedTexts::ended),
        (given.denied, GuidedTexts::denied),
        (given.over, GuidedTexts::over),
        (given.not_stored, GuidedTexts::not_stored),
    ];
    let mut made = GuidedTexts::default();
    for (text, set) in texts {
        // SAFETY: the caller's word.
        let text = unsafe { text.read("a text for people") }?;
        if !text.is_empty() {
            made = set(made, text.to_owned());
        }
    }
    Ok(made)
}

fn role_of(given: andon_role) -> Result<GuidedRole, Fault> {
    match given {
        ANDON_ROLE_STUDENT => Ok(GuidedRole::Student),
        ANDON_ROLE_INSTRUCTOR => Ok(GuidedRole::Instructor),
        _ => Err(bad(format!("{given} is no role: give ANDON_ROLE_STUDENT or ANDON_ROLE_INSTRUCTOR"))),
    }
}
