//! The host's side of guided sessions.

use super::{handle::Handle, server::Server};
use crate::{
    contracts::{
        guided_sessions::{
            config::GuidedSession,
            info::GuidedInfo,
            orders::{GuidedError, Order, OrderDesk},
        },
        store::guided::{GuidedRole, StepAction},
    },
    ground::{error::SendError, id::MountId},
};
use crossbeam_channel::RecvTimeoutError;
use std::{any::Any, fmt, sync::Arc, time::Duration};

/// Leads guided sessions, from any thread. Cheap to clone. Nothing waits but [`sessions`](Self::sessions); what is wrong with a command by itself is
/// said at once, on the thread that gives it. A command for a session that there is not (any more), or that has ended, is passed over, logged and counted in
/// [`Stats::messages_ignored`](crate::Stats::messages_ignored).
///
/// ```
/// use andon::{GuidedSession, GuidedSessionsConfig, Server, Subtask};
/// use std::time::Duration;
///
/// let session = GuidedSession::new("TEST001").subtask(Subtask::new(1, "Open the settings"));
/// let config = GuidedSessionsConfig::new().session(session);
/// let server = Server::builder().listen("127.0.0.1:0").guided_sessions("/ws/sessions/{code}/", config).start()?;
/// let guided = server.guided_sessions("/ws/sessions/{code}/").expect("mounted above");
/// guided.start_step("TEST001", 1, "here we go")?;
/// assert_eq!(guided.sessions(Duration::from_secs(5))?[0].session.current_subtask, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct GuidedSessions {
    handle: Handle,
    mount: MountId,
    desk: Arc<OrderDesk>,
}

impl Handle {
    /// The guided sessions that are mounted at this pattern; a trailing slash makes no difference.
    pub fn guided_sessions(&self, pattern: &str) -> Option<GuidedSessions> {
        self.mounted_guided_sessions().filter(|guided| self.mount(pattern) == Some(guided.mount))
    }

    /// The guided sessions, wherever they are mounted.
    pub(crate) fn mounted_guided_sessions(&self) -> Option<GuidedSessions> {
        let (mount, desk) = self.guided.as_ref()?;
        Some(GuidedSessions { handle: self.clone(), mount: *mount, desk: Arc::clone(desk) })
    }
}

impl Server {
    /// The guided sessions that are mounted at this pattern; for any thread and for keeps.
    pub fn guided_sessions(&self, pattern: &str) -> Option<GuidedSessions> {
        self.handle().guided_sessions(pattern)
    }
}

impl GuidedSessions {
    /// Makes a session. One of this code that there is gets these steps and instructors, and stays as it is otherwise; one that has ended begins anew.
    pub fn create(&self, session: GuidedSession) -> Result<(), GuidedError> {
        self.place(Order::Create(session))
    }

    /// Begins a step: everybody is told. `message` goes to the log.
    pub fn start_step(&self, code: &str, subtask_id: i64, message: &str) -> Result<(), GuidedError> {
        self.control(code, StepAction::StartStep, Some(subtask_id), message)
    }

    /// Pauses a session: everybody is told.
    pub fn pause(&self, code: &str) -> Result<(), GuidedError> {
        self.control(code, StepAction::Pause, None, "")
    }

    /// Has a session go on: everybody is told.
    pub fn resume(&self, code: &str) -> Result<(), GuidedError> {
        self.control(code, StepAction::Resume, None, "")
    }

    /// Ends a session: everybody is told, and stays connected.
    pub fn end(&self, code: &str) -> Result<(), GuidedError> {
        self.control(code, StepAction::EndStep, None, "")
    }

    /// Sends `json`, without the whitespace between its tokens, to all connections of one user in a session. It is at most a quarter of
    /// [`log_bytes`](crate::GuidedSessionsConfig::log_bytes).
    pub fn send_to(&self, code: &str, user_id: i64, json: &str) -> Result<(), GuidedError> {
        let text = self.desk.text(json)?;
        self.place(Order::SendTo { code: code.to_owned(), user_id, text })
    }

    /// The same to everybody of one role.
    pub fn send_to_role(&self, code: &str, role: GuidedRole, json: &str) -> Result<(), GuidedError> {
        let text = self.desk.text(json)?;
        self.place(Order::SendToRole { code: code.to_owned(), role, text })
    }

    /// How things are, with whatever was commanded before on this thread. Waits for the loop, at most `timeout`: not for the loop's own thread, which
    /// would wait for itself until then, nor for one that must not wait.
    pub fn sessions(&self, timeout: Duration) -> Result<Vec<GuidedInfo>, GuidedError> {
        let (tell, told) = crossbeam_channel::bounded(1);
        // Whoever asked may have given up waiting.
        self.place(Order::List(Box::new(move |all| drop(tell.try_send(all)))))?;
        told.recv_timeout(timeout).map_err(|error| match error {
            RecvTimeoutError::Timeout => GuidedError::NoAnswer,
            // The question was dropped: nobody is there to answer it.
            RecvTimeoutError::Disconnected => GuidedError::Stopped,
        })
    }

    /// The same for a callback, which the loop's thread calls, or which is dropped with a server that ends. For the server's own use.
    #[cfg(feature = "board")]
    pub(crate) fn sessions_then(
        &self,
        then: impl FnOnce(Vec<GuidedInfo>) + Send + 'static,
    ) -> Result<(), GuidedError> {
        self.place(Order::List(Box::new(then)))
    }

    /// One of them, if there is one of this code, for a callback as [`sessions_then`](Self::sessions_then)'s.
    #[cfg(feature = "board")]
    pub(crate) fn session_then(
        &self,
        code: &str,
        then: impl FnOnce(Option<GuidedInfo>) + Send + 'static,
    ) -> Result<(), GuidedError> {
        self.place(Order::Find { code: code.to_owned(), tell: Box::new(then) })
    }

    fn control(
        &self,
        code: &str,
        action: StepAction,
        subtask_id: Option<i64>,
        message: &str,
    ) -> Result<(), GuidedError> {
        let (code, message) = (code.to_owned(), message.to_owned());
        self.place(Order::Control { code, action, subtask_id, message })
    }

    fn place(&self, order: Order) -> Result<(), GuidedError> {
        let placed = self.desk.place(order).inspect_err(|_| self.handle.board.refused_command())?;
        self.handle.command(self.mount, Box::new(placed) as Box<dyn Any + Send>).map_err(
            |error| match error {
                SendError::Full(_) => GuidedError::Full,
                SendError::Stopped(_) => GuidedError::Stopped,
                SendError::Refused(_, why) => GuidedError::Refused(why),
            },
        )
    }
}

impl fmt::Debug for GuidedSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuidedSessions").field("mount", &self.mount).finish_non_exhaustive()
    }
}
