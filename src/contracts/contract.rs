//! The public traits of a contract: what comes in, and who builds it.

use super::{
    admission::Admission,
    effects::Effects,
    store::{StoreError, guided::SavedGuidedSession},
};
use crate::{
    ground::{
        close::Closed,
        frame::{self, Header, Message, Payload},
        id::{ConnId, MountId, RecordTicket, TopicId},
        limits::Limits,
        time::Now,
    },
    hub::{
        identity::Identity,
        topic::{Placing, Topic},
    },
    wire::{request::Request, response::Response},
};
use std::{any::Any, ops::Range};

/// Who connects, and with what request.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Hello<'a> {
    /// The upgrade request.
    pub request: &'a Request<'a>,
    /// Who it is, as the mount's [`Gate`](super::gate::Gate) or the host decided; anonymous without a gate.
    pub identity: &'a Identity,
    /// The subprotocol that was agreed on: one of those given to the mount, or one that its gate speaks.
    pub subprotocol: Option<&'a str>,
}

impl<'a> Hello<'a> {
    /// A greeting for a test of a contract; the request comes from an [`OwnedRequest`](crate::OwnedRequest).
    pub fn new(request: &'a Request<'a>, identity: &'a Identity) -> Self {
        Self { request, identity, subprotocol: None }
    }

    /// With a subprotocol agreed on.
    #[must_use]
    pub fn with_subprotocol(self, subprotocol: &'a str) -> Self {
        Self { subprotocol: Some(subprotocol), ..self }
    }
}

/// A state machine that speaks with the clients of one mount.
///
/// It does no I/O, reads no clock and starts no thread: the engine calls it, on the loop thread, with what happened,
/// and it answers through [`Effects`], which the engine carries out when the call returns. Calls must not wait: the loop serves
/// every other client of the server as well.
///
/// For each connection the engine calls [`admit`](Self::admit) once (before anything is promised to the client), then, if it was admitted,
/// [`opened`](Self::opened) once, [`message`](Self::message) any number of times in the order of arrival, and
/// [`closed`](Self::closed) exactly once. Early and repeated [`deadline`](Self::deadline)s are possible and must be harmless.
///
/// A panic in any method closes the mount's connections with 1011 and the factory builds the contract anew; after three
/// within a minute the mount is retired and answers 404. With `panic = "abort"` this cannot hold: the process ends, of which the start of a server warns
/// through `log`.
///
/// ```
/// use andon::{ConnId, Contract, Effects, Hello, Message, Server, Topic, TopicId};
///
/// /// What one says, all hear; a newcomer hears the last thing said.
/// struct Board {
///     wall: TopicId,
/// }
///
/// impl Contract for Board {
///     fn opened(&mut self, fx: &mut Effects, peer: ConnId, _hello: &Hello<'_>) {
///         fx.subscribe(peer, self.wall);
///     }
///
///     fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
///         match message {
///             Message::Text(text) => fx.publish(self.wall, text),
///             Message::Binary(_) => fx.send(peer, r#"{"error":"text only"}"#),
///         }
///     }
/// }
///
/// let server = Server::builder()
///     .listen("127.0.0.1:0")
///     .mount("/board", |setup: &mut andon::Setup<'_>| Board {
///         wall: setup.declare("wall", Topic::state()).expect("room for one topic"),
///     })
///     .start()?;
/// println!("listening on ws://{}", server.local_addrs()[0]);
/// # Ok::<(), andon::StartError>(())
/// ```
pub trait Contract: Send {
    /// A client asks to be let in. The answer to `Err` goes to it as it is; nothing else of it is heard then.
    ///
    /// The WebSocket does not exist yet: what is sent to `peer` here goes nowhere, and is counted in
    /// [`Stats::effects_stale`](crate::Stats::effects_stale). Other effects are carried out whatever the answer.
    fn admit(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) -> Result<Admission, Response> {
        let _ = (fx, peer, hello);
        Ok(Admission::new())
    }

    /// The WebSocket is open; what is sent from here on reaches the client.
    fn opened(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) {
        let _ = (fx, peer, hello);
    }

    /// A message arrived.
    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>);

    /// The connection is over. Nothing can be sent to `peer` any more.
    fn closed(&mut self, fx: &mut Effects, peer: ConnId, how: Closed) {
        let _ = (fx, peer, how);
    }

    /// The host sent a command through [`Handle::command`](crate::Handle::command).
    fn command(&mut self, fx: &mut Effects, command: Box<dyn Any + Send>) {
        let _ = (fx, command);
    }

    /// The deadline set by [`Effects::arm`] may have passed.
    fn deadline(&mut self, fx: &mut Effects) {
        let _ = fx;
    }

    /// A cursor on `topic`, declared with [`SnapshotSource::Contract`](crate::SnapshotSource::Contract), must be placed:
    /// add to `out` the messages that say how things stand. Called at most once per topic and turn for newcomers, and once for laggards.
    fn snapshot(&mut self, now: Now, topic: TopicId, placing: Placing, out: &mut SnapshotMessages) {
        let _ = (now, topic, placing, out);
    }

    /// A client is too slow for `topic`, declared with [`SnapshotSource::Contract`](crate::SnapshotSource::Contract) and
    /// [`Lag::Conflate`](crate::Lag::Conflate): it never gets the messages `missed`, counted from 0 since the topic was declared, notices
    /// included. What is added to `out` comes to it before the snapshot.
    fn gap(&mut self, now: Now, topic: TopicId, missed: Range<u64>, out: &mut SnapshotMessages) {
        let _ = (now, topic, missed, out);
    }

    /// What was recorded under `ticket` is committed, or was refused. Tickets come back in the order in which they were
    /// given out, unless the store has been given up (it has not answered for 10 s), or refusals pile up: then new ones are refused at once. A contract that
    /// was built anew hears nothing of the tickets of the one before.
    fn recorded(&mut self, fx: &mut Effects, ticket: RecordTicket, outcome: Result<(), &StoreError>) {
        let _ = (fx, ticket, outcome);
    }

    /// The server stops: a last word to the clients, who are closed with 1001 after it.
    fn shutdown(&mut self, fx: &mut Effects) {
        let _ = fx;
    }
}

/// Builds a contract when the server starts, and again after a panic.
///
/// Any closure `FnMut(&mut Setup) -> impl Contract` is one.
pub trait ContractFactory: Send {
    /// A new contract in its first state.
    fn build(&mut self, setup: &mut Setup<'_>) -> Box<dyn Contract>;

    /// Bytes that its contracts allocate at most under these limits, beside what the limits bound themselves (topics, messages on their way, events):
    /// [`Config::memory_ceiling`](crate::Config::memory_ceiling) counts them. Default 0: it is not counted.
    fn memory_ceiling(&self, limits: &Limits) -> usize {
        let _ = limits;
        0
    }
}

impl<F, C> ContractFactory for F
where
    F: FnMut(&mut Setup<'_>) -> C + Send,
    C: Contract + 'static,
{
    fn build(&mut self, setup: &mut Setup<'_>) -> Box<dyn Contract> {
        Box::new(self(setup))
    }
}

/// What a factory finds when it builds: the mount it builds for, and the topics.
#[derive(Debug)]
pub struct Setup<'a> {
    pub(crate) effects: &'a mut Effects,
    pub(crate) mount: MountId,
    pub(crate) host_topics: &'a [(String, TopicId)],
    pub(crate) store: Option<&'a [SavedGuidedSession]>,
    /// As in [`Limits`].
    #[cfg(feature = "contracts")]
    pub(crate) records: usize,
}

impl<'a> Setup<'a> {
    /// What a test gives to a factory: as of the first mount, with the host's topics. Declare those by [`Effects::declare`].
    pub fn for_test(effects: &'a mut Effects, host_topics: &'a [(String, TopicId)]) -> Self {
        Self {
            effects,
            mount: MountId(0),
            host_topics,
            store: None,
            #[cfg(feature = "contracts")]
            records: Limits::default().records,
        }
    }

    /// The same with a store, which knows these guided sessions from earlier runs.
    #[must_use]
    pub fn with_store(self, guided: &'a [SavedGuidedSession]) -> Self {
        Self { store: Some(guided), ..self }
    }

    /// The mount.
    pub fn mount(&self) -> MountId {
        self.mount
    }

    /// The topic of this name that the host declared in the builder.
    pub fn topic(&self, name: &str) -> Option<TopicId> {
        self.host_topics.iter().find(|(n, _)| n == name).map(|(_, id)| *id)
    }

    /// Whether there is a store: without one all records are refused.
    pub fn has_store(&self) -> bool {
        self.store.is_some()
    }

    /// The guided sessions that the store knew when the server started; also after a panic.
    pub fn guided_sessions(&self) -> &'a [SavedGuidedSession] {
        self.store.unwrap_or_default()
    }

    /// Declares a topic of the contract's own; as [`Effects::declare`]. The name is for people and logs.
    pub fn declare(&mut self, name: &str, topic: Topic) -> Result<TopicId, &'static str> {
        self.effects.declare(name, topic)
    }

    /// The effects to begin with: a first deadline, a first publish.
    pub fn effects(&mut self) -> &mut Effects {
        self.effects
    }
}

/// The messages of a snapshot, in order.
#[derive(Debug, Default)]
pub struct SnapshotMessages {
    /// Encoded frames.
    pub(crate) bytes: Vec<u8>,
}

impl SnapshotMessages {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The messages, for tests of contracts.
    pub fn to_vec(&self) -> Vec<Payload> {
        frame::messages(&self.bytes)
    }

    /// Adds one message.
    pub fn push<'m>(&mut self, message: impl Into<Message<'m>>) {
        let message = message.into();
        let payload = message.as_bytes();
        let header = Header::new(message.opcode(), payload.len());
        self.bytes.extend_from_slice(header.as_slice());
        self.bytes.extend_from_slice(payload);
    }
}
