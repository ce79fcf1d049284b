//! What guided sessions record, and what is read back of it when a server starts.

use crate::ground::time::Wall;
use std::{fmt, sync::Arc};

/// A record of guided sessions. Where nothing else is said, it replaces what the store knows of the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuidedRecord {
    /// How a session is.
    Session(Box<GuidedSessionRow>),
    /// The subtasks of a session, all of them.
    Subtasks {
        /// The session's code.
        code: Arc<str>,
        /// In their order.
        subtasks: Arc<[Subtask]>,
    },
    /// How a participant is.
    Participant(Box<ParticipantRow>),
    /// An instructor has controlled a session, at the time of the record. Each is kept.
    StepControl(Box<StepControl>),
    /// A participant has completed a subtask, at the time of the record. Each is kept.
    StepCompletion {
        /// The session's code.
        code: Arc<str>,
        /// Who.
        user_id: i64,
        /// What.
        subtask_id: i64,
    },
    /// A participant has asked for help, at the time of the record. Each is kept.
    HelpRequest {
        /// The session's code.
        code: Arc<str>,
        /// Who.
        user_id: i64,
        /// With what.
        subtask_id: Option<i64>,
        /// In the participant's own words.
        message: Box<str>,
    },
}

/// A guided session, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuidedSessionRow {
    /// Its code, as in the path.
    pub code: Arc<str>,
    /// How it is.
    pub status: GuidedStatus,
    /// The step that the instructor has begun last.
    pub current_subtask: Option<i64>,
    /// When it was created.
    pub created_at: Wall,
    /// When it was ended.
    pub ended_at: Option<Wall>,
}

/// How a guided session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GuidedStatus {
    /// Under way.
    InProgress,
    /// Paused.
    Paused,
    /// Over.
    Ended,
}

/// One step of a guided session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subtask {
    /// Its id, as clients name it.
    pub id: i64,
    /// Its title.
    pub title: String,
    /// Its place among the others.
    pub order_index: i64,
    /// What is to be done, such as `CLICK`.
    pub target_action: String,
    /// What is to be read about it.
    pub guide_text: String,
    /// What is to be said about it.
    pub voice_guide_text: Option<String>,
}

/// What a person is in a guided session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GuidedRole {
    /// Takes part.
    Student,
    /// Leads.
    Instructor,
}

/// How a participant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParticipantStatus {
    /// Connected, and has not joined.
    Waiting,
    /// Has joined.
    Active,
    /// Has completed the last subtask.
    Completed,
    /// Has no connection.
    Disconnected,
}

/// A participant of a guided session, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantRow {
    /// The session's code.
    pub code: Arc<str>,
    /// Who.
    pub user_id: i64,
    /// The name for people.
    pub user_name: Arc<str>,
    /// What.
    pub role: GuidedRole,
    /// How.
    pub status: ParticipantStatus,
    /// The subtask that was completed last.
    pub current_subtask: Option<i64>,
    /// When something was heard last.
    pub last_active_at: Wall,
}

/// What an instructor does with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepAction {
    /// `next_step`.
    StartStep,
    /// `pause_session`.
    Pause,
    /// `resume_session`.
    Resume,
    /// `end_session`.
    EndStep,
}

/// One act of an instructor, or of the host in an instructor's place, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepControl {
    /// The session's code.
    pub code: Arc<str>,
    /// The subtask that it is about.
    pub subtask_id: Option<i64>,
    /// Who; `None`: the host.
    pub instructor_id: Option<i64>,
    /// The name for people.
    pub instructor_name: Arc<str>,
    /// What.
    pub action: StepAction,
    /// In the instructor's own words.
    pub message: Box<str>,
}

/// A guided session as a store knows it when a server starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedGuidedSession {
    /// How it is.
    pub session: GuidedSessionRow,
    /// Its steps.
    pub subtasks: Arc<[Subtask]>,
    /// Who takes part.
    pub participants: Vec<ParticipantRow>,
}

/// The names under which these are recorded, and which clients read.
macro_rules! names {
    ($type:ident { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $type {
            /// Every one there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As it is recorded, and as clients read it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            /// The one of this name.
            pub fn of_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names!(GuidedStatus { InProgress => "IN_PROGRESS", Paused => "PAUSED", Ended => "ENDED" });
names!(GuidedRole { Student => "STUDENT", Instructor => "INSTRUCTOR" });
names!(ParticipantStatus {
    Waiting => "WAITING",
    Active => "ACTIVE",
    Completed => "COMPLETED",
    Disconnected => "DISCONNECTED",
});
names!(StepAction { StartStep => "START_STEP", Pause => "PAUSE", Resume => "RESUME", EndStep => "END_STEP" });

impl Subtask {
    /// A step with an id and a title, whose place is that of its id, and without any other text.
    pub fn new(id: i64, title: impl Into<String>) -> Self {
        Self {
            id,
            title: title.into(),
            order_index: id,
            target_action: String::new(),
            guide_text: String::new(),
            voice_guide_text: None,
        }
    }

    /// At another place among the others.
    #[must_use]
    pub fn at(mut self, order_index: i64) -> Self {
        self.order_index = order_index;
        self
    }

    /// With what is to be done, such as `CLICK`, and what is to be read about it.
    #[must_use]
    pub fn guide(mut self, target_action: impl Into<String>, guide_text: impl Into<String>) -> Self {
        (self.target_action, self.guide_text) = (target_action.into(), guide_text.into());
        self
    }

    /// With what is to be said about it.
    #[must_use]
    pub fn voice(mut self, voice_guide_text: impl Into<String>) -> Self {
        self.voice_guide_text = Some(voice_guide_text.into());
        self
    }

    /// Bytes of its texts.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.title.len()
            + self.target_action.len()
            + self.guide_text.len()
            + self.voice_guide_text.as_ref().map_or(0, String::len)
    }
}

impl GuidedRecord {
    /// Bytes of its texts.
    pub(super) fn weight_bytes(&self) -> usize {
        match self {
            Self::Session(row) => size_of::<GuidedSessionRow>() + row.code.len(),
            Self::Subtasks { code, subtasks } => {
                let texts: usize = subtasks.iter().map(Subtask::weight_bytes).sum();
                code.len() + size_of_val(&**subtasks) + texts
            }
            Self::Participant(row) => size_of::<ParticipantRow>() + row.code.len() + row.user_name.len(),
            Self::StepControl(act) => {
                size_of::<StepControl>() + act.code.len() + act.instructor_name.len() + act.message.len()
            }
            Self::StepCompletion { code, .. } => code.len(),
            Self::HelpRequest { code, message, .. } => code.len() + message.len(),
        }
    }
}
