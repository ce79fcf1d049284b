//! The handle: how the host speaks to a running server.

#[cfg(feature = "board")]
use crate::runtime::timings::Timings;
use crate::{
    contracts::effects::Lane,
    engine::command::{Command, Decision},
    ground::{
        close::CloseCode,
        counters::Stats,
        error::SendError,
        foreign::Foreign,
        frame::Payload,
        id::{ConnId, MountId, TopicId},
        limits::CLOSE_REASON_MAX,
        text::cut,
    },
    hub::topic::{SnapshotSource, Topic},
    runtime::{
        latest::Latest,
        mailbox::{MailboxSender, PushError},
        reactor::Board,
    },
    wire::response::Response,
};
use std::{any::Any, fmt, sync::Arc};

/// Speaks to a running server, from any thread. Cheap to clone. No method waits; each says whether the command was taken. A command for a
/// connection that is gone by the time it is carried out is counted in [`Stats::commands_stale`] and otherwise harmless.
///
/// None of them is for a real-time thread: they allocate, and may wake the loop by a system call.
#[derive(Clone)]
pub struct Handle {
    pub(super) mailbox: MailboxSender<Command>,
    pub(super) latest: Arc<Latest>,
    pub(super) topics: Arc<[(String, TopicId, Topic)]>,
    pub(super) mounts: Arc<[String]>,
    pub(super) board: Arc<Board>,
    /// Which mounts are device sessions.
    #[cfg(feature = "contracts")]
    pub(super) device_sessions: Arc<[MountId]>,
    #[cfg(feature = "contracts")]
    pub(super) hub: Option<Arc<crate::contracts::topic_hub::publications::Publications>>,
    #[cfg(feature = "contracts")]
    pub(super) guided: Option<(MountId, Arc<crate::contracts::guided_sessions::orders::OrderDesk>)>,
}

impl Handle {
    /// The topic of this name that was declared in the builder.
    pub fn topic(&self, name: &str) -> Option<TopicId> {
        self.topics.iter().find(|(n, ..)| n == name).map(|(_, id, _)| *id)
    }

    /// The mount at this pattern, as it was given to the builder; a trailing slash makes no difference.
    pub fn mount(&self, pattern: &str) -> Option<MountId> {
        let bare = pattern.trim_end_matches('/');
        let index = self.mounts.iter().position(|mount| mount.trim_end_matches('/') == bare)?;
        Some(MountId(index as u16))
    }

    /// How long the loop and the recorder take.
    #[cfg(feature = "board")]
    pub(super) fn timings(&self) -> &Timings {
        &self.board.timings
    }

    /// Publishes to every subscriber of a topic.
    ///
    /// On a topic declared in the builder that conflates ([`Topic::state`]) this never fails for a full queue: the newest value takes the place of one the
    /// loop has not come to yet, which is counted in [`Stats::publish_conflated`]. On all others every message is queued, or handed back.
    ///
    /// From the moment a stop is wanted, nobody is left to publish to: [`SendError::Stopped`].
    pub fn publish(&self, topic: TopicId, payload: impl Into<Payload>) -> Result<(), SendError<Payload>> {
        self.publish_with(topic, None, payload.into())
    }

    /// Forgets a key of a [`SnapshotSource::Keyed`] topic: newcomers do not hear of it any more. Those who are there are not told. On a topic that
    /// conflates, a value that the loop has not come to yet is forgotten with its key, and counted in [`Stats::publish_conflated`]: whoever wants a last
    /// word of a key to be heard leaves some time behind it.
    pub fn forget_key(&self, topic: TopicId, key: &str) -> Result<(), SendError<()>> {
        match self.spec(topic) {
            Some((slot, _)) if self.latest.takes(slot) => {
                if self.board.is_stopping() {
                    return Err(SendError::Stopped(()));
                }
                self.latest.forget(slot, key);
                Ok(())
            }
            _ => self.push(Command::Forget { topic, key: key.into() }, |_| Some(())),
        }
    }

    /// Publishes the newest value of one key of a [`SnapshotSource::Keyed`] topic. On one that conflates it never fails for a full
    /// queue, as [`publish`](Self::publish).
    pub fn publish_key(
        &self,
        topic: TopicId,
        key: &str,
        payload: impl Into<Payload>,
    ) -> Result<(), SendError<Payload>> {
        self.publish_with(topic, Some(key), payload.into())
    }

    /// The newest value of a key, or, without one, whatever is published.
    fn publish_with(
        &self,
        topic: TopicId,
        key: Option<&str>,
        payload: Payload,
    ) -> Result<(), SendError<Payload>> {
        if self.board.is_stopping() {
            return Err(SendError::Stopped(payload));
        }
        if let Some((slot, spec)) = self.spec(topic) {
            if let Some(refused) = too_large(&spec, &payload) {
                return Err(SendError::Refused(payload, refused));
            }
            let has_place = key.is_none() || spec.source == SnapshotSource::Keyed;
            if has_place && self.latest.takes(slot) {
                return self.latest.put(slot, key, payload).map_err(|(payload, why)| {
                    self.board.refused_command();
                    SendError::Refused(payload, why)
                });
            }
        }
        let key = key.map(Into::into);
        self.push(Command::Publish { topic, key, payload }, |command| match command {
            Command::Publish { payload, .. } => Some(payload),
            _ => None,
        })
    }

    /// Sends one message to one client, in order with everything else it gets.
    pub fn send(&self, conn: ConnId, payload: impl Into<Payload>) -> Result<(), SendError<Payload>> {
        self.send_in(Lane::Ordered, conn, payload.into())
    }

    /// Sends one message ahead of everything that still waits for this client.
    pub fn send_urgent(&self, conn: ConnId, payload: impl Into<Payload>) -> Result<(), SendError<Payload>> {
        self.send_in(Lane::Urgent, conn, payload.into())
    }

    fn send_in(&self, lane: Lane, conn: ConnId, payload: Payload) -> Result<(), SendError<Payload>> {
        self.push(Command::Send { conn, payload, lane }, |command| match command {
            Command::Send { payload, .. } => Some(payload),
            _ => None,
        })
    }

    /// Closes a client, after everything that was sent to it before. A code that may not be sent (see [`CloseCode::new`]) is refused; a reason longer than
    /// 123 bytes is cut.
    pub fn close(&self, conn: ConnId, code: CloseCode, reason: &str) -> Result<(), SendError<()>> {
        if CloseCode::new(code.get()).is_none() {
            return Err(SendError::Refused(
                (),
                "a close code that may not be sent: 1000, 1001, 1008 and 4000 to 4999 are good choices",
            ));
        }
        let reason = cut(reason, CLOSE_REASON_MAX).into();
        self.push(Command::Close { conn, code, reason }, |_| Some(()))
    }

    /// Closes every client whose identity has this subject with 1008, and refuses with 403 those of its requests that wait for a body or an
    /// answer. A gate that would let it in again must be told before: [`IdentityTable::remove`](crate::IdentityTable::remove).
    pub fn revoke(&self, subject: &str) -> Result<(), SendError<()>> {
        self.push(Command::Revoke { subject: subject.into() }, |_| Some(()))
    }

    /// Gives a contract a command of its own making, for [`Contract::command`](crate::Contract::command). It waits while the contract has told
    /// lossless events that the host does not take, or records that the store does not; what is sent behind it to that mount's
    /// connections waits with it, in order.
    pub fn command(
        &self,
        mount: MountId,
        command: Box<dyn Any + Send>,
    ) -> Result<(), SendError<Box<dyn Any + Send>>> {
        let command = Foreign::new(command);
        self.push(Command::Contract { mount, command }, |command| match command {
            Command::Contract { command, .. } => Some(command.into_inner()),
            _ => None,
        })
    }

    /// Decides about a parked handshake, told of by [`Event::Asked`](crate::Event::Asked). One that comes too late misses, and is counted.
    pub fn decide(&self, conn: ConnId, decision: Decision) -> Result<(), SendError<Decision>> {
        self.push(Command::Decide { conn, decision }, |command| match command {
            Command::Decide { decision, .. } => Some(decision),
            _ => None,
        })
    }

    /// Answers a request whose route said [`Reply::Later`](crate::Reply::Later). One that comes too late misses, and is counted.
    pub fn answer(&self, conn: ConnId, response: Response) -> Result<(), SendError<Response>> {
        self.push(Command::Answer { conn, response }, |command| match command {
            Command::Answer { response, .. } => Some(response),
            _ => None,
        })
    }

    /// The source of a streamed answer has more: it is pulled again.
    pub fn resume(&self, conn: ConnId) -> Result<(), SendError<()>> {
        self.push(Command::Resume { conn }, |_| Some(()))
    }

    /// As [`answer`](Self::answer), in room of the server's own; where that has none for so many bytes, `instead` is answered.
    #[cfg(feature = "board")]
    pub(crate) fn answer_own(&self, conn: ConnId, response: Response, instead: impl FnOnce() -> Response) {
        if self.push_own(Command::Answer { conn, response }).is_err() {
            let _ = self.push_own(Command::Answer { conn, response: instead() });
        }
    }

    /// As [`resume`](Self::resume), in room of the server's own.
    #[cfg(feature = "board")]
    pub(crate) fn resume_own(&self, conn: ConnId) {
        // It has room: there is one for each download. A server that has ended needs none.
        let _ = self.push_own(Command::Resume { conn });
    }

    /// A read of a recording is refused.
    #[cfg(feature = "board")]
    pub(crate) fn refused_read(&self) {
        self.board.refused_read();
    }

    #[cfg(feature = "board")]
    fn push_own(&self, command: Command) -> Result<(), PushError<Command>> {
        self.mailbox.push_own(command)
    }

    /// What the server has counted.
    pub fn stats(&self) -> Stats {
        self.board.stats()
    }

    pub(super) fn spec(&self, topic: TopicId) -> Option<(usize, Topic)> {
        let (at, (_, _, spec)) = self.topics.iter().enumerate().find(|(_, (_, id, _))| *id == topic)?;
        Some((at, *spec))
    }

    /// Pushes a command; on failure `back` takes out of it what the caller gave.
    fn push<B>(&self, command: Command, back: impl FnOnce(Command) -> Option<B>) -> Result<(), SendError<B>> {
        let (command, full) = match self.mailbox.push(command) {
            Ok(()) => return Ok(()),
            Err(PushError::Full(command)) => (command, true),
            Err(PushError::Closed(command)) => (command, false),
        };
        let ever_fits = command.weight_bytes() <= self.mailbox.bytes_max();
        match back(command) {
            Some(thing) if full && ever_fits => {
                self.board.refused_command();
                Err(SendError::Full(thing))
            }
            Some(thing) if full => {
                Err(SendError::Refused(thing, "it is larger than the limit command_bytes: raise it"))
            }
            Some(thing) => Err(SendError::Stopped(thing)),
            None => unreachable!("a mailbox hands back what it was given"),
        }
    }
}

/// Whether a message is too large for its topic; also asked by those who must know before.
pub(super) fn too_large(spec: &Topic, payload: &Payload) -> Option<&'static str> {
    let len = crate::ground::frame::frame_len(payload.len());
    (len > spec.frame_bytes_max())
        .then_some("the message is larger than a quarter of the topic's log: give the topic a larger log")
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
