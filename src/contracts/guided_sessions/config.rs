//! What guided sessions are to be.

use super::{messages, texts::GuidedTexts};
use crate::{
    contracts::store::guided::Subtask,
    ground::limits::{
        GUIDED_CODE_BYTES_MAX, GUIDED_HEARTBEAT, GUIDED_INSTRUCTORS_MAX, GUIDED_LOG_BYTES_DEFAULT,
        GUIDED_MESSAGE_SPARE, GUIDED_NAME_BYTES_MAX, GUIDED_PARTICIPANTS_DEFAULT, GUIDED_SESSION_BYTES_MAX,
        GUIDED_SESSIONS_DEFAULT, GUIDED_SUBTASKS_MAX, GUIDED_WORDS_BYTES_DEFAULT, LOG_BYTES_MIN,
    },
    hub::topic::Topic,
    wire::pattern::only_parameter,
};
use std::time::Duration;

/// A byte of text takes at most so many as JSON: `\u001f`.
const ESCAPED_MAX: usize = 6;

/// One session: its code, as in the path, its steps, and who may control it.
///
/// ```
/// use andon::{GuidedSession, Subtask};
///
/// let session = GuidedSession::new("TEST001")
///     .subtask(Subtask::new(1, "Open the settings").guide("CLICK", "Please open the settings"))
///     .subtask(Subtask::new(2, "Enable notifications").guide("CLICK", "Please enable notifications"))
///     .instructor(10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct GuidedSession {
    pub(super) code: String,
    pub(super) subtasks: Vec<Subtask>,
    pub(super) instructors: Vec<i64>,
}

impl GuidedSession {
    /// A session without steps, which every instructor may control. Its code is a part of the path: 1 to 128 bytes, no '/'.
    pub fn new(code: impl Into<String>) -> Self {
        Self { code: code.into(), subtasks: Vec::new(), instructors: Vec::new() }
    }

    /// With one more step. They are gone through by their `order_index`, those of the same one as they are given here. At most 256 with
    /// ids of their own, whose texts let the session take no more than 128 KiB, and each fit a quarter of [`log_bytes`](GuidedSessionsConfig::log_bytes).
    pub fn subtask(mut self, subtask: Subtask) -> Self {
        let at = self.subtasks.partition_point(|other| other.order_index <= subtask.order_index);
        self.subtasks.insert(at, subtask);
        self
    }

    /// Controlled by this user, who must be an instructor, and by others that are named so, at most 64; by none that is not.
    pub fn instructor(mut self, user_id: i64) -> Self {
        self.instructors.push(user_id);
        self
    }

    /// Bytes that it takes, with its texts.
    pub(super) fn weight_bytes(&self) -> usize {
        size_of::<Self>()
            + self.code.len()
            + steps_bytes(&self.subtasks)
            + self.instructors.len() * size_of::<i64>()
    }

    /// What is wrong with it, where messages take at most so many bytes.
    pub(crate) fn check(&self, message_bytes_max: usize) -> Result<(), String> {
        let Self { code, subtasks, instructors } = self;
        if code.is_empty() || code.len() > GUIDED_CODE_BYTES_MAX || code.contains('/') {
            return Err(format!(
                "{code:?} is no session's code: use 1 to {GUIDED_CODE_BYTES_MAX} bytes without '/', since it is a part of the path"
            ));
        }
        if subtasks.len() > GUIDED_SUBTASKS_MAX || instructors.len() > GUIDED_INSTRUCTORS_MAX {
            return Err(format!(
                "session {code:?} has too many subtasks or instructors: use at most {GUIDED_SUBTASKS_MAX} and {GUIDED_INSTRUCTORS_MAX}"
            ));
        }
        if self.weight_bytes() > GUIDED_SESSION_BYTES_MAX {
            return Err(format!(
                "session {code:?} takes more than {GUIDED_SESSION_BYTES_MAX} bytes: shorten the texts of its steps"
            ));
        }
        for (index, subtask) in subtasks.iter().enumerate() {
            let id = subtask.id;
            if subtasks[..index].iter().any(|other| other.id == id) {
                return Err(format!("session {code:?} has two subtasks {id}: give one of them another id"));
            }
            if messages::step_changed(subtask).len() + GUIDED_MESSAGE_SPARE > message_bytes_max {
                return Err(format!(
                    "the texts of subtask {id} of session {code:?} are too long for a quarter of log_bytes: shorten them or raise it"
                ));
            }
        }
        Ok(())
    }
}

/// Bytes that steps take, with their texts.
pub(super) fn steps_bytes(subtasks: &[Subtask]) -> usize {
    size_of_val(subtasks) + subtasks.iter().map(Subtask::weight_bytes).sum::<usize>()
}

/// Settings of guided sessions, for [`Builder::guided_sessions`](crate::Builder::guided_sessions), which checks them.
///
/// ```
/// use andon::{GuidedSession, GuidedSessionsConfig};
///
/// let config = GuidedSessionsConfig::new().session(GuidedSession::new("TEST001")).participants(100);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct GuidedSessionsConfig {
    pub(super) sessions: Vec<GuidedSession>,
    pub(super) texts: GuidedTexts,
    pub(super) sessions_max: usize,
    pub(super) participants_max: usize,
    pub(super) words_bytes_max: usize,
    pub(super) log_bytes: usize,
    pub(super) heartbeat_interval: Duration,
}

impl Default for GuidedSessionsConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl GuidedSessionsConfig {
    /// No session yet.
    pub fn new() -> Self {
        Self {
            sessions: Vec::new(),
            texts: GuidedTexts::default(),
            sessions_max: GUIDED_SESSIONS_DEFAULT,
            participants_max: GUIDED_PARTICIPANTS_DEFAULT,
            words_bytes_max: GUIDED_WORDS_BYTES_DEFAULT,
            log_bytes: GUIDED_LOG_BYTES_DEFAULT,
            heartbeat_interval: GUIDED_HEARTBEAT,
        }
    }

    /// With this session from the start, one of at most [`sessions_max`](Self::sessions_max), each with a code of its own. What a store knows of it (its
    /// status, its step, who took part) is taken over; its steps are those given here.
    pub fn session(mut self, session: GuidedSession) -> Self {
        self.sessions.push(session);
        self
    }

    /// With these texts for people. Default: Korean.
    pub fn texts(mut self, texts: GuidedTexts) -> Self {
        self.texts = texts;
        self
    }

    /// At most this many sessions. One more takes the place of one that has ended and is left by all, or is refused. At least 1. Default 64.
    pub fn sessions_max(mut self, sessions: usize) -> Self {
        self.sessions_max = sessions;
        self
    }

    /// At most this many people known to each session, connected or not; one more gets 403. At least 1. Default 512.
    pub fn participants(mut self, people: usize) -> Self {
        self.participants_max = people;
        self
    }

    /// What people write (a call for help, a remark on a step, a status) is at most so long, in bytes; longer, it is answered with an error. At least 1, and no
    /// more than fits a quarter of [`log_bytes`](Self::log_bytes) when each byte is escaped by six. Default 2 KiB.
    pub fn words_bytes(mut self, bytes: usize) -> Self {
        self.words_bytes_max = bytes;
        self
    }

    /// The log of each of a session's two topics, see [`Topic::with_log_bytes`](crate::Topic::with_log_bytes): a client that lags by half of it is closed
    /// with 1013, since a gap would be worse. A quarter of it is the largest message. At least 64 KiB. Default 128 KiB.
    pub fn log_bytes(mut self, bytes: usize) -> Self {
        self.log_bytes = bytes;
        self
    }

    /// A participant's row is recorded at most this often for nothing but the time at which something was heard, from 10 ms to 1 s. Default 1 s.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.heartbeat_interval = interval;
        self
    }

    /// The largest message.
    pub(crate) fn message_bytes_max(&self) -> usize {
        self.log_bytes / 4 - GUIDED_MESSAGE_SPARE
    }

    /// The longest reply that may wait: an error that quotes, an echo, or a text of the host's.
    pub(super) fn reply_bytes_max(&self) -> usize {
        2 * GUIDED_MESSAGE_SPARE + self.texts.longest() + ESCAPED_MAX * GUIDED_CODE_BYTES_MAX
    }

    /// A session's topic.
    pub(super) fn topic(&self) -> Topic {
        Topic::stream().with_log_bytes(self.log_bytes)
    }

    /// What is wrong with it, if anything.
    /// Bytes of one session as JSON, with its people.
    #[cfg(feature = "board")]
    pub(crate) fn json_bytes_max(&self) -> usize {
        let person = ESCAPED_MAX * GUIDED_NAME_BYTES_MAX + 192;
        self.participants_max
            .saturating_mul(person)
            .saturating_add(ESCAPED_MAX * GUIDED_SESSION_BYTES_MAX + 256)
    }

    /// Bytes of a copy of all sessions and their people, whose texts are shared.
    #[cfg(feature = "board")]
    pub(crate) fn copy_bytes_max(&self) -> usize {
        let person = size_of::<crate::contracts::store::guided::ParticipantRow>() + 2 * size_of::<i64>();
        let session = self
            .participants_max
            .saturating_mul(person)
            .saturating_add(2 * size_of::<super::info::GuidedInfo>());
        self.sessions_max.saturating_mul(session)
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.sessions_max == 0 || self.sessions.len() > self.sessions_max {
            return Err(format!(
                "there are {} sessions, and sessions_max is {}: raise it",
                self.sessions.len(),
                self.sessions_max
            ));
        }
        if self.participants_max == 0 {
            return Err("participants must be at least 1".into());
        }
        if self.log_bytes < LOG_BYTES_MIN || self.log_bytes > u32::MAX as usize {
            return Err("log_bytes must be at least 64 KiB and below 4 GiB".into());
        }
        let words = self.words_bytes_max.max(self.texts.longest()).saturating_add(GUIDED_NAME_BYTES_MAX);
        if self.words_bytes_max == 0
            || words.saturating_mul(ESCAPED_MAX) + GUIDED_MESSAGE_SPARE > self.message_bytes_max()
        {
            return Err(format!(
                "words_bytes must be at least 1, and it and every text short enough for a quarter of log_bytes, escaped and with a name: at most {} bytes here",
                (self.message_bytes_max() - GUIDED_MESSAGE_SPARE) / ESCAPED_MAX - GUIDED_NAME_BYTES_MAX
            ));
        }
        if !(Duration::from_millis(10)..=GUIDED_HEARTBEAT).contains(&self.heartbeat_interval) {
            return Err("heartbeat_interval must be from 10 ms to 1 s".into());
        }
        for (index, session) in self.sessions.iter().enumerate() {
            session.check(self.message_bytes_max())?;
            if self.sessions[..index].iter().any(|other| other.code == session.code) {
                return Err(format!("two sessions are {:?}: give one of them another code", session.code));
            }
        }
        Ok(())
    }
}

/// The one parameter of the pattern of guided sessions.
pub(crate) fn parameter(pattern: &str) -> Result<&str, String> {
    only_parameter(pattern).ok_or_else(|| "guided sessions need a path with exactly one parameter, the session's code, such as /ws/sessions/{code}/".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_in_their_order() {
        let session = GuidedSession::new("a")
            .subtask(Subtask::new(3, "c"))
            .subtask(Subtask::new(1, "a"))
            .subtask(Subtask::new(9, "b").at(1));
        assert_eq!(session.subtasks.iter().map(|step| step.id).collect::<Vec<_>>(), [1, 9, 3]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        let new = GuidedSessionsConfig::new;
        assert_eq!(
            new().session(GuidedSession::new("TEST001").subtask(Subtask::new(1, "a"))).check(),
            Ok(())
        );
        let of = |session| new().session(session);
        let named = GuidedSession::new;
        let large = |s: GuidedSession, id| s.subtask(Subtask::new(id, "x".repeat(25 << 10)));
        let large = (0..6).fold(named("a"), large);
        let many = (0..=GUIDED_SUBTASKS_MAX as i64).fold(named("a"), |s, id| s.subtask(Subtask::new(id, "")));
        for (config, why) in [
            (of(named("")), "no session's code"),
            (of(named("a/b")), "no session's code"),
            (of(named("a")).session(named("a")), "two sessions"),
            (of(named("a").subtask(Subtask::new(1, "")).subtask(Subtask::new(1, ""))), "two subtasks 1"),
            (of(named("a").subtask(Subtask::new(1, "x".repeat(40 << 10)))), "too long"),
            (of(large), "shorten the texts"),
            (of(many), "too many subtasks"),
            (new().session(named("a")).session(named("b")).sessions_max(1), "sessions_max is 1"),
            (new().sessions_max(0), "sessions_max"),
            (new().participants(0), "participants"),
            (new().log_bytes(1), "log_bytes"),
            (new().words_bytes(0), "words_bytes"),
            (new().words_bytes(100 << 10), "words_bytes"),
            (new().texts(GuidedTexts::default().paused("x".repeat(100 << 10))), "every text"),
            (new().heartbeat_interval(Duration::from_secs(2)), "heartbeat_interval"),
            (new().heartbeat_interval(Duration::ZERO), "heartbeat_interval"),
        ] {
            let error = config.check().unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
        }
    }

    #[test]
    fn there_is_one_parameter() {
        assert_eq!(parameter("/ws/sessions/{code}/"), Ok("code"));
        for bad in ["/ws/sessions", "/{a}/{b}"] {
            assert!(parameter(bad).unwrap_err().contains("exactly one parameter"));
        }
    }
}
