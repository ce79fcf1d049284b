//! Why a call did not do what it was asked for: one place where errors get their numbers and words.

use super::status::*;
use crate::{
    contracts::gates::table::IdentityError,
    ground::error::{ConfigError, HeaderError, SendError, StartError},
    host::{
        export::{ExportCause, ExportError},
        recordings::ReadError,
    },
    hub::tags::error::TagDeclareError,
};
use std::borrow::Cow;

/// Why a call did not do what it was asked for.
pub(super) struct Fault {
    pub(super) status: andon_status,
    /// What it was about. Ordinary outcomes say nothing.
    pub(super) why: Option<Cow<'static, str>>,
}

impl Fault {
    pub(super) fn new(status: andon_status, why: impl Into<Cow<'static, str>>) -> Self {
        Self { status, why: Some(why.into()) }
    }

    /// An outcome that is no failure.
    pub(super) fn plain(status: andon_status) -> Self {
        Self { status, why: None }
    }
}

/// Something that is needed is NULL.
pub(super) fn null(what: &str) -> Fault {
    Fault::new(ANDON_STATUS_NULL_ARGUMENT, format!("{what} is NULL"))
}

/// A number that means nothing where it was given.
pub(super) fn bad(why: impl Into<String>) -> Fault {
    Fault::new(ANDON_STATUS_BAD_ARGUMENT, why.into())
}

/// There is nothing of this name.
pub(super) fn not_found(why: String) -> Fault {
    Fault::new(ANDON_STATUS_NOT_FOUND, why)
}

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        Self::new(ANDON_STATUS_BAD_CONFIG, error.to_string())
    }
}

impl From<StartError> for Fault {
    fn from(error: StartError) -> Self {
        let status = match &error {
            StartError::Config(_) => ANDON_STATUS_BAD_CONFIG,
            StartError::Listen { .. } => ANDON_STATUS_CANNOT_LISTEN,
            StartError::Store { .. } => ANDON_STATUS_BAD_STORE,
            StartError::System { .. } => ANDON_STATUS_SYSTEM,
        };
        Self::new(status, error.to_string())
    }
}

impl<T> From<SendError<T>> for Fault {
    fn from(error: SendError<T>) -> Self {
        let status = match &error {
            SendError::Full(_) => ANDON_STATUS_FULL,
            SendError::Stopped(_) => ANDON_STATUS_STOPPED,
            SendError::Refused(..) => ANDON_STATUS_REFUSED,
        };
        Self::new(status, error.to_string())
    }
}

impl From<HeaderError> for Fault {
    fn from(error: HeaderError) -> Self {
        Self::new(ANDON_STATUS_BAD_HEADER, error.to_string())
    }
}

#[cfg(feature = "contracts")]
impl From<crate::contracts::topic_hub::publications::HubError> for Fault {
    fn from(error: crate::contracts::topic_hub::publications::HubError) -> Self {
        use crate::contracts::topic_hub::publications::HubError;
        let status = match &error {
            HubError::InvalidJson(_) => ANDON_STATUS_BAD_JSON,
            HubError::UnknownTopic { .. } => ANDON_STATUS_NOT_FOUND,
            HubError::Full => ANDON_STATUS_FULL,
            HubError::Stopped => ANDON_STATUS_STOPPED,
            HubError::Refused(_) => ANDON_STATUS_REFUSED,
        };
        Self::new(status, error.to_string())
    }
}

impl From<TagDeclareError> for Fault {
    fn from(error: TagDeclareError) -> Self {
        let status = match &error {
            TagDeclareError::Full { .. } => ANDON_STATUS_TABLE_FULL,
            TagDeclareError::CodeTaken { .. } => ANDON_STATUS_CODE_TAKEN,
            TagDeclareError::BadEquipment { .. } => ANDON_STATUS_BAD_EQUIPMENT,
            TagDeclareError::BadTag { .. } => ANDON_STATUS_BAD_TAG,
            TagDeclareError::UnknownEquipment => ANDON_STATUS_UNKNOWN_EQUIPMENT,
        };
        Self::new(status, error.to_string())
    }
}

impl From<IdentityError> for Fault {
    fn from(error: IdentityError) -> Self {
        let status = match &error {
            IdentityError::Full => ANDON_STATUS_TABLE_FULL,
            IdentityError::BadSecret => ANDON_STATUS_BAD_CREDENTIAL,
        };
        Self::new(status, error.to_string())
    }
}

#[cfg(feature = "jwt")]
impl From<crate::contracts::gates::jwt::key::JwtKeyError> for Fault {
    fn from(error: crate::contracts::gates::jwt::key::JwtKeyError) -> Self {
        Self::new(ANDON_STATUS_BAD_CREDENTIAL, error.to_string())
    }
}

#[cfg(feature = "contracts")]
impl From<crate::host::device::AskError> for Fault {
    fn from(error: crate::host::device::AskError) -> Self {
        use crate::host::device::AskError;
        let status = match &error {
            AskError::Full => ANDON_STATUS_FULL,
            AskError::Late => ANDON_STATUS_TIMED_OUT,
            AskError::Stopped => ANDON_STATUS_STOPPED,
        };
        Self::new(status, error.to_string())
    }
}

#[cfg(feature = "contracts")]
impl From<crate::contracts::guided_sessions::orders::GuidedError> for Fault {
    fn from(error: crate::contracts::guided_sessions::orders::GuidedError) -> Self {
        use crate::contracts::guided_sessions::orders::GuidedError;
        let status = match &error {
            GuidedError::InvalidJson(_) => ANDON_STATUS_BAD_JSON,
            GuidedError::BadSession(_) => ANDON_STATUS_BAD_SESSION,
            GuidedError::Full => ANDON_STATUS_FULL,
            GuidedError::Stopped => ANDON_STATUS_STOPPED,
            GuidedError::Refused(_) => ANDON_STATUS_REFUSED,
            GuidedError::NoAnswer => ANDON_STATUS_TIMED_OUT,
        };
        Self::new(status, error.to_string())
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        let status = match &error {
            ReadError::Busy => ANDON_STATUS_FULL,
            ReadError::Stopped => ANDON_STATUS_STOPPED,
            ReadError::TimedOut => ANDON_STATUS_TIMED_OUT,
            ReadError::Store(_) => ANDON_STATUS_BAD_STORE,
        };
        Self::new(status, error.to_string())
    }
}

impl From<ExportError> for Fault {
    fn from(error: ExportError) -> Self {
        match error.cause {
            ExportCause::Read(error) => error.into(),
            // The one writer is the host's callback.
            ExportCause::Write(_) => Self::plain(ANDON_STATUS_CANCELLED),
        }
    }
}

#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
impl From<crate::runtime::sqlite::error::StoreOpenError> for Fault {
    fn from(error: crate::runtime::sqlite::error::StoreOpenError) -> Self {
        use crate::runtime::sqlite::error::StoreOpenCause;
        let status = match error.cause() {
            StoreOpenCause::NoDirectory => ANDON_STATUS_STORE_NO_DIRECTORY,
            StoreOpenCause::Denied => ANDON_STATUS_STORE_DENIED,
            StoreOpenCause::NotAFile => ANDON_STATUS_STORE_NOT_A_FILE,
            StoreOpenCause::InUse => ANDON_STATUS_STORE_IN_USE,
            StoreOpenCause::Locked => ANDON_STATUS_STORE_LOCKED,
            StoreOpenCause::NotADatabase => ANDON_STATUS_STORE_NOT_A_DATABASE,
            StoreOpenCause::NotARecording => ANDON_STATUS_STORE_NOT_A_RECORDING,
            StoreOpenCause::Corrupt => ANDON_STATUS_STORE_CORRUPT,
            StoreOpenCause::Newer { .. } => ANDON_STATUS_STORE_NEWER,
            StoreOpenCause::DiskFull => ANDON_STATUS_STORE_DISK_FULL,
            StoreOpenCause::Other => ANDON_STATUS_BAD_STORE,
        };
        Self::new(status, error.to_string())
    }
}
