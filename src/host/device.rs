//! The host's side of device sessions.

use super::{handle::Handle, server::Server};
use crate::{
    contracts::device_sessions::command::{DeviceCommand, SessionInfo},
    ground::{error::SendError, id::MountId},
};
use std::{any::Any, fmt, time::Duration};

/// Speaks to the device sessions of one mount, from any thread. Cheap to clone.
///
/// ```
/// use andon::{DeviceSessionsConfig, Server};
/// use std::time::Duration;
///
/// let server = Server::builder()
///     .listen("127.0.0.1:0")
///     .device_sessions("/ws/device", DeviceSessionsConfig::new())
///     .start()?;
/// let devices = server.device_sessions("/ws/device").expect("mounted above");
/// for session in devices.sessions(Duration::from_secs(1))? {
///     println!("{} collects data in {}", session.device, session.id);
///     devices.end_session(&session.id)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct DeviceSessions {
    handle: Handle,
    mount: MountId,
}

/// Why a question to device sessions got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// Too many commands wait for the loop: try again later.
    Full,
    /// There was no answer in time: the loop is busy, or the contract waits for the host to take its events or for the store.
    Late,
    /// The server has stopped, or the contract is gone.
    Stopped,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "too many commands wait: try again later",
            Self::Late => "there was no answer in time",
            Self::Stopped => "the server has stopped, or the contract is gone",
        })
    }
}

impl std::error::Error for AskError {}

impl Handle {
    /// The device sessions at this pattern, if the builder was given some there; a trailing slash makes no difference.
    pub fn device_sessions(&self, pattern: &str) -> Option<DeviceSessions> {
        self.device_sessions_at(self.mount(pattern)?)
    }

    /// The device sessions of this mount, if it is one of those.
    pub(crate) fn device_sessions_at(&self, mount: MountId) -> Option<DeviceSessions> {
        self.device_sessions.contains(&mount).then(|| DeviceSessions { handle: self.clone(), mount })
    }
}

impl Server {
    /// The device sessions at this pattern, if the builder was given some there; for any thread and for keeps.
    pub fn device_sessions(&self, pattern: &str) -> Option<DeviceSessions> {
        self.handle().device_sessions(pattern)
    }
}

impl DeviceSessions {
    /// Ends a session as `ended_by_host`; its client is told. Nothing happens to one that is not under way. Does not wait.
    pub fn end_session(&self, session_id: &str) -> Result<(), SendError<()>> {
        self.send(DeviceCommand::End { session: session_id.into() })
    }

    /// The sessions under way, in the order of their devices' ids. Waits for the loop, at most for `timeout`: not for a real-time thread, nor for the loop's own.
    pub fn sessions(&self, timeout: Duration) -> Result<Vec<SessionInfo>, AskError> {
        let (tell, told) = crossbeam_channel::bounded(1);
        // Nobody may wait for the answer any more.
        let answer = Box::new(move |sessions| drop(tell.try_send(sessions)));
        self.send(DeviceCommand::List { answer }).map_err(|error| match error {
            SendError::Full(()) => AskError::Full,
            SendError::Stopped(()) | SendError::Refused((), _) => AskError::Stopped,
        })?;
        told.recv_timeout(timeout).map_err(|error| match error {
            crossbeam_channel::RecvTimeoutError::Timeout => AskError::Late,
            crossbeam_channel::RecvTimeoutError::Disconnected => AskError::Stopped,
        })
    }

    /// The same for a callback, which the loop's thread calls, or which is dropped with a server that ends. For the server's own use.
    #[cfg(feature = "board")]
    pub(crate) fn sessions_then(
        &self,
        then: impl FnOnce(Vec<SessionInfo>) + Send + 'static,
    ) -> Result<(), SendError<()>> {
        self.send(DeviceCommand::List { answer: Box::new(then) })
    }

    /// One session, if it is under way, for a callback as [`sessions_then`](Self::sessions_then)'s.
    #[cfg(feature = "board")]
    pub(crate) fn session_then(
        &self,
        session_id: &str,
        then: impl FnOnce(Option<SessionInfo>) + Send + 'static,
    ) -> Result<(), SendError<()>> {
        self.send(DeviceCommand::Find { session: session_id.into(), answer: Box::new(then) })
    }

    fn send(&self, command: DeviceCommand) -> Result<(), SendError<()>> {
        let command: Box<dyn Any + Send> = Box::new(command);
        self.handle.command(self.mount, command).map_err(|error| match error {
            SendError::Full(_) => SendError::Full(()),
            SendError::Stopped(_) => SendError::Stopped(()),
            SendError::Refused(_, why) => SendError::Refused((), why),
        })
    }
}

impl fmt::Debug for DeviceSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceSessions").field("mount", &self.mount).finish_non_exhaustive()
    }
}
