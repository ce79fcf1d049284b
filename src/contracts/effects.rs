//! What a contract wants done.

#[cfg(feature = "contracts")]
use super::told::news::News;
use super::{store::record::RecordBody, told::EventBody};
use crate::{
    ground::{
        close::CloseCode,
        frame::{Message, Opcode, Payload},
        id::{ConnId, RecordTicket, TopicId},
        limits::EFFECTS_BYTES_MAX,
        time::{Now, Tick, Wall},
    },
    hub::{
        registry::TopicIds,
        tags::{counts::TagCounts, scan::TagScan},
        topic::{SnapshotSource, Topic},
    },
};
use std::{fmt, ops::Range};
use uuid::Uuid;

/// A range of [`Effects::bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    const EMPTY: Self = Self { start: 0, end: 0 };

    /// `None`: it would end where 32 bits do not reach.
    fn new(start: usize, len: usize) -> Option<Self> {
        let end = start.checked_add(len)?;
        Some(Self { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()? })
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Which private lane a message takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    Ordered,
    Urgent,
}

/// How the host's queue treats an event of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventClass {
    /// Never lost: while the host does not keep up, the connections that cause such events are not read.
    Lossless,
    /// Only the newest for each key matters; never pauses anything.
    State,
    /// Good to know: dropped, and counted, when the host does not keep up.
    Notice,
}

/// What a contract counts by [`Effects::count`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Count {
    /// A message that was left without an answer on purpose: [`Stats::messages_ignored`](crate::Stats::messages_ignored).
    Ignored,
    /// A message that was answered with an error: [`Stats::messages_refused`](crate::Stats::messages_refused).
    Refused,
    /// A bound of the contract's was reached: [`Stats::contract_bounds`](crate::Stats::contract_bounds).
    Bound,
    /// A message of a type that was not expected, taken for data all the same: [`Stats::messages_untyped`](crate::Stats::messages_untyped).
    Untyped,
    /// A sample that belonged to no session: [`Stats::samples_unassigned`](crate::Stats::samples_unassigned).
    Unassigned,
    /// A sample of a client's that the store refused: [`Stats::samples_lost`](crate::Stats::samples_lost).
    Lost,
}

impl Count {
    /// How many kinds there are.
    pub(crate) const LEN: usize = Self::Lost as usize + 1;
}

#[derive(Debug)]
pub(crate) enum Op {
    Send {
        to: ConnId,
        opcode: Opcode,
        payload: Span,
        lane: Lane,
    },
    Publish {
        topic: TopicId,
        opcode: Opcode,
        payload: Span,
        notice: bool,
    },
    PublishKey {
        topic: TopicId,
        opcode: Opcode,
        key: Span,
        payload: Span,
    },
    Republish {
        topic: TopicId,
    },
    Subscribe {
        conn: ConnId,
        topic: TopicId,
        snapshot: bool,
    },
    Unsubscribe {
        conn: ConnId,
        topic: TopicId,
    },
    Close {
        conn: ConnId,
        code: CloseCode,
        reason: Span,
    },
    Event {
        class: EventClass,
        key: u64,
        about: Option<ConnId>,
        body: EventBody,
    },
    /// `at`: when it happened, if not now.
    Record {
        ticket: RecordTicket,
        body: RecordBody,
        awaited: bool,
        at: Option<Wall>,
    },
    Arm {
        at: Option<Tick>,
    },
    Declare {
        id: TopicId,
        topic: Topic,
    },
    Retire {
        topic: TopicId,
    },
    #[cfg(feature = "contracts")]
    Tell(News),
}

/// Where a contract says what is to be done. The engine carries it out, in order, when the call returns; a contract that panics
/// has said nothing.
///
/// Connections and topics that are no more are passed over and counted: a contract need not check.
///
/// One call may say 4 GiB of messages. Beyond that a client who would be sent one is closed with 1013, what would be published is not, and a close has no
/// reason; each counts as [`Count::Bound`].
pub struct Effects {
    pub(crate) ops: Vec<Op>,
    pub(crate) bytes: Vec<u8>,
    /// How many of these there may be.
    bytes_max: usize,
    pub(crate) now: Now,
    pub(crate) topics: TopicIds,
    pub(crate) next_ticket: u64,
    /// Topics that found no room.
    pub(crate) topics_refused: u64,
    /// What contracts counted, by [`Count`].
    pub(crate) counts: [u64; Count::LEN],
    /// What tag tables counted, in the order of [`TagCounts`].
    pub(crate) tag_counts: [u64; TagCounts::LEN],
    pub(crate) entropy: Box<dyn FnMut() -> u128 + Send>,
    /// Somebody may want to hear of news.
    #[cfg(feature = "contracts")]
    pub(crate) tells: bool,
}

impl Effects {
    pub(crate) fn new(topics: TopicIds, entropy: Box<dyn FnMut() -> u128 + Send>) -> Self {
        Self {
            ops: Vec::new(),
            bytes: Vec::new(),
            bytes_max: EFFECTS_BYTES_MAX,
            now: Now::default(),
            topics,
            next_ticket: 1,
            topics_refused: 0,
            counts: [0; Count::LEN],
            tag_counts: [0; TagCounts::LEN],
            entropy,
            #[cfg(feature = "contracts")]
            tells: false,
        }
    }

    /// Effects that nobody carries out, for testing a contract on its own: call its methods, then look at
    /// [`drain`](Self::drain). [`unique`](Self::unique) counts up from 1.
    ///
    /// ```
    /// use andon::{ConnId, Contract, Effect, Effects, Hello, Identity, Message, Method, Now, OwnedRequest};
    ///
    /// struct Greeter;
    ///
    /// impl Contract for Greeter {
    ///     fn opened(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) {
    ///         fx.send(peer, hello.identity.name().unwrap_or("stranger"));
    ///     }
    ///     fn message(&mut self, _: &mut Effects, _: ConnId, _: Message<'_>) {}
    /// }
    ///
    /// let (mut fx, peer) = (Effects::for_test(Now::default()), ConnId::from_bits(1));
    /// let who = Identity::new("7").with_name("Anna");
    /// OwnedRequest::new(Method::Get, "/ws").with(|request| {
    ///     Greeter.opened(&mut fx, peer, &Hello::new(request, &who));
    /// });
    /// assert_eq!(fx.drain(), [Effect::Send { to: peer, message: "Anna".into(), urgent: false }]);
    /// ```
    pub fn for_test(now: Now) -> Self {
        let mut last = 0;
        let entropy = move || {
            last += 1;
            last
        };
        Self { now, ..Self::new(TopicIds::new(usize::MAX, usize::MAX), Box::new(entropy)) }
    }

    /// Sets the time that [`now`](Self::now) tells, in a test.
    pub fn set_now(&mut self, now: Now) {
        self.now = now;
    }

    /// The time of this call.
    pub fn now(&self) -> Now {
        self.now
    }

    /// A random UUID (version 4), from the operating system's randomness.
    pub fn unique(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes((self.entropy)().to_be_bytes()).into_uuid()
    }

    /// `None`, and counted: there is no room for them in this call.
    fn span(&mut self, bytes: &[u8]) -> Option<Span> {
        let span = Span::new(self.bytes.len(), bytes.len());
        let span = span.filter(|span| span.range().end <= self.bytes_max);
        match span {
            Some(_) => self.bytes.extend_from_slice(bytes),
            None => self.count(Count::Bound),
        }
        span
    }

    /// Sends one message to one client, in order with everything else it gets.
    pub fn send<'m>(&mut self, to: ConnId, message: impl Into<Message<'m>>) {
        self.send_in(Lane::Ordered, to, message.into());
    }

    /// Sends one message ahead of everything that still waits for this client, at the next frame boundary.
    pub fn send_urgent<'m>(&mut self, to: ConnId, message: impl Into<Message<'m>>) {
        self.send_in(Lane::Urgent, to, message.into());
    }

    fn send_in(&mut self, lane: Lane, to: ConnId, message: Message<'_>) {
        let op = match self.span(message.as_bytes()) {
            Some(payload) => Op::Send { to, opcode: message.opcode(), payload, lane },
            // It would miss a message without knowing.
            None => Op::Close { conn: to, code: CloseCode::TRY_AGAIN, reason: Span::EMPTY },
        };
        self.ops.push(op);
    }

    /// Publishes to every subscriber of a topic. It is encoded once, however many there are.
    pub fn publish<'m>(&mut self, topic: TopicId, message: impl Into<Message<'m>>) {
        self.publish_as(topic, message.into(), false);
    }

    /// As [`publish`](Self::publish), but it is never taken for the topic's newest value: a ping, a remark.
    pub fn notice<'m>(&mut self, topic: TopicId, message: impl Into<Message<'m>>) {
        self.publish_as(topic, message.into(), true);
    }

    fn publish_as(&mut self, topic: TopicId, message: Message<'_>, notice: bool) {
        let Some(payload) = self.span(message.as_bytes()) else { return };
        self.ops.push(Op::Publish { topic, opcode: message.opcode(), payload, notice });
    }

    /// Publishes the newest value of one key of a [`SnapshotSource::Keyed`] topic.
    pub fn publish_key<'m>(&mut self, topic: TopicId, key: &str, message: impl Into<Message<'m>>) {
        let message = message.into();
        let Some(key) = self.span(key.as_bytes()) else { return };
        let Some(payload) = self.span(message.as_bytes()) else { return };
        self.ops.push(Op::PublishKey { topic, opcode: message.opcode(), key, payload });
    }

    /// Publishes the topic's snapshot to all its subscribers once more, byte for byte: its last message, or the latest of every key.
    /// Nothing happens where there is none.
    pub fn republish(&mut self, topic: TopicId) {
        self.ops.push(Op::Republish { topic });
    }

    /// When a topic was last published to, by anyone, notices left aside; `None`: never, or it is no more. What this call publishes counts when it
    /// returns.
    pub fn published_at(&self, topic: TopicId) -> Option<Tick> {
        self.topics.published_at(topic)
    }

    /// Subscribes a client, beginning with the topic's snapshot if it has one. Twice is once.
    pub fn subscribe(&mut self, conn: ConnId, topic: TopicId) {
        self.ops.push(Op::Subscribe { conn, topic, snapshot: true });
    }

    /// Subscribes a client to what comes from now on, without a snapshot.
    pub fn subscribe_from_now(&mut self, conn: ConnId, topic: TopicId) {
        self.ops.push(Op::Subscribe { conn, topic, snapshot: false });
    }

    /// Ends a subscription. A frame that is partly sent is finished, or, if there is no memory to keep it, the client dropped.
    pub fn unsubscribe(&mut self, conn: ConnId, topic: TopicId) {
        self.ops.push(Op::Unsubscribe { conn, topic });
    }

    /// Closes a client, after everything that was sent and published to it before. A code that may not be sent
    /// (see [`CloseCode::new`]) becomes 1011; a reason longer than 123 bytes is cut.
    pub fn close(&mut self, conn: ConnId, code: CloseCode, reason: &str) {
        let code = CloseCode::new(code.get()).unwrap_or(CloseCode::INTERNAL);
        let reason = self.span(reason.as_bytes()).unwrap_or(Span::EMPTY);
        self.ops.push(Op::Close { conn, code, reason });
    }

    /// Tells the host something, as an [`Event::Contract`](crate::Event::Contract). `key` says which earlier event a
    /// [`EventClass::State`] replaces, within this mount. Events are made only if the host asked for them.
    pub fn event(&mut self, class: EventClass, key: u64, about: Option<ConnId>, body: impl Into<EventBody>) {
        self.ops.push(Op::Event { class, key, about, body: body.into() });
    }

    /// Tells the event streams, if there are any, what no event says.
    #[cfg(feature = "contracts")]
    pub(crate) fn tell(&mut self, news: impl FnOnce() -> News) {
        if self.tells {
            self.ops.push(Op::Tell(news()));
        }
    }

    /// Records something in words of the contract's own. The ticket comes back by [`Contract::recorded`](crate::Contract::recorded) when it is
    /// committed, which is waited for: as [`file_now`](Self::file_now).
    pub fn record(&mut self, stream: &str, key: &str, payload: &[u8]) -> RecordTicket {
        self.file_now(RecordBody::custom(stream, key, payload))
    }

    /// Records something that nobody waits for: the store may take some time to collect more ([`Record::awaited`](crate::Record::awaited)). The ticket
    /// comes back all the same.
    pub fn file(&mut self, body: impl Into<RecordBody>) -> RecordTicket {
        self.file_as(body.into(), false, None)
    }

    /// As [`file`](Self::file), of what happened at another time than now, such as what the store has refused before:
    /// [`Record::at`](crate::Record::at) says when.
    pub fn file_at(&mut self, at: Wall, body: impl Into<RecordBody>) -> RecordTicket {
        self.file_as(body.into(), false, Some(at))
    }

    /// Records something whose commit is waited for.
    pub fn file_now(&mut self, body: impl Into<RecordBody>) -> RecordTicket {
        self.file_as(body.into(), true, None)
    }

    fn file_as(&mut self, body: RecordBody, awaited: bool, at: Option<Wall>) -> RecordTicket {
        let ticket = RecordTicket(self.next_ticket);
        self.next_ticket += 1;
        self.ops.push(Op::Record { ticket, body, awaited, at });
        ticket
    }

    /// Counts something of the contract's own in the server's [`Stats`](crate::Stats). It counts even if the call panics afterwards.
    pub fn count(&mut self, what: Count) {
        self.counts[what as usize] += 1;
    }

    /// Adds to the server's [`Stats`](crate::Stats) what a tag table has counted up to the scan's last look, and that was not added before. For a contract that
    /// looks at a table.
    pub fn count_tags(&mut self, scan: &mut TagScan) {
        self.tag_counts.iter_mut().zip(scan.take_untold()).for_each(|(sum, count)| *sum += count);
    }

    /// Asks for a call of [`Contract::deadline`](crate::Contract::deadline) at this time; `None` asks for none. A contract has one
    /// deadline: the last word counts.
    pub fn arm(&mut self, at: Option<Tick>) {
        self.ops.push(Op::Arm { at });
    }

    /// Declares a topic. Fails, saying why, when there is no room for it or its numbers contradict each other. The name is for
    /// people and logs.
    pub fn declare(&mut self, name: &str, topic: Topic) -> Result<TopicId, &'static str> {
        topic.check()?;
        let id = self.topics.allot(topic.log_bytes).inspect_err(|_| self.topics_refused += 1)?;
        log::debug!("topic {name:?} is {id}");
        self.ops.push(Op::Declare { id, topic });
        Ok(id)
    }

    /// Ends a topic and every subscription to it.
    pub fn retire(&mut self, topic: TopicId) {
        self.ops.push(Op::Retire { topic });
    }

    /// Takes out what was said so far, in order: for tests of a contract.
    pub fn drain(&mut self) -> Vec<Effect> {
        let text = |span: Span| String::from_utf8_lossy(&self.bytes[span.range()]).into_owned();
        let payload = |opcode: Opcode, span: Span| match opcode {
            Opcode::Text => Payload::from(text(span)),
            _ => Payload::from(&self.bytes[span.range()]),
        };
        #[allow(
            clippy::unnecessary_filter_map,
            reason = "what event streams are told is left out, where there are any"
        )]
        let effects = self
            .ops
            .drain(..)
            .filter_map(|op| {
                Some(match op {
                    Op::Send { to, opcode, payload: p, lane } => {
                        Effect::Send { to, message: payload(opcode, p), urgent: lane == Lane::Urgent }
                    }
                    Op::Publish { topic, opcode, payload: p, notice } => {
                        Effect::Publish { topic, key: None, message: payload(opcode, p), notice }
                    }
                    Op::PublishKey { topic, opcode, key, payload: p } => Effect::Publish {
                        topic,
                        key: Some(text(key)),
                        message: payload(opcode, p),
                        notice: false,
                    },
                    Op::Republish { topic } => Effect::Republish { topic },
                    Op::Subscribe { conn, topic, snapshot } => Effect::Subscribe { conn, topic, snapshot },
                    Op::Unsubscribe { conn, topic } => Effect::Unsubscribe { conn, topic },
                    Op::Close { conn, code, reason } => Effect::Close { conn, code, reason: text(reason) },
                    Op::Event { class, key, about, body } => Effect::Event { class, key, about, body },
                    Op::Record { ticket, body, awaited, at } => Effect::Record { ticket, body, awaited, at },
                    Op::Arm { at } => Effect::Arm { at },
                    Op::Declare { id, topic } => Effect::Declare { topic: id, source: topic.source },
                    Op::Retire { topic } => Effect::Retire { topic },
                    // Nothing that a contract of the host's could say.
                    #[cfg(feature = "contracts")]
                    Op::Tell(_) => return None,
                })
            })
            .collect();
        self.bytes.clear();
        effects
    }

    pub(crate) fn forget(&mut self) {
        for op in &self.ops {
            // A topic that was allotted but never declared must give its place back.
            if let Op::Declare { id, topic } = op {
                self.topics.give_back(*id, topic.log_bytes);
            }
        }
        self.ops.clear();
        self.bytes.clear();
    }
}

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effects")
            .field("now", &self.now)
            .field("ops", &self.ops.len())
            .finish_non_exhaustive()
    }
}

/// One effect, as a test of a contract sees it. See the method of [`Effects`] of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Effect {
    Send { to: ConnId, message: Payload, urgent: bool },
    Publish { topic: TopicId, key: Option<String>, message: Payload, notice: bool },
    Republish { topic: TopicId },
    Subscribe { conn: ConnId, topic: TopicId, snapshot: bool },
    Unsubscribe { conn: ConnId, topic: TopicId },
    Close { conn: ConnId, code: CloseCode, reason: String },
    Event { class: EventClass, key: u64, about: Option<ConnId>, body: EventBody },
    Record { ticket: RecordTicket, body: RecordBody, awaited: bool, at: Option<Wall> },
    Arm { at: Option<Tick> },
    Declare { topic: TopicId, source: SnapshotSource },
    Retire { topic: TopicId },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_come_out_in_the_order_said() {
        let mut fx = Effects::for_test(Now::default());
        let (peer, topic) = (ConnId::new(1, 1), fx.declare("t", Topic::state()).unwrap());
        fx.send(peer, "hi");
        fx.publish(topic, &b"\x00"[..]);
        fx.close(peer, CloseCode::NO_STATUS, "bye");
        let effects = fx.drain();
        assert!(matches!(effects[0], Effect::Declare { .. }));
        assert_eq!(effects[1], Effect::Send { to: peer, message: "hi".into(), urgent: false });
        assert!(matches!(&effects[2], Effect::Publish { message: Payload::Binary(_), .. }));
        assert_eq!(
            effects[3],
            Effect::Close { conn: peer, code: CloseCode::INTERNAL, reason: "bye".into() },
            "a code that may not be sent"
        );
        assert_ne!(fx.unique(), fx.unique());
        fx.count(Count::Bound);
        assert_eq!(fx.counts, [0, 0, 1, 0, 0, 0]);
    }

    /// Nobody misses a message without knowing, whoever is to leave leaves, and the next call has all the room again.
    #[test]
    fn a_call_that_says_too_much_is_refused_the_rest_of_it() {
        let mut fx = Effects::for_test(Now::default());
        let (peer, other) = (ConnId::new(1, 1), ConnId::new(2, 1));
        let topic = fx.declare("t", Topic::state()).unwrap();
        fx.drain();
        fx.bytes_max = 4;
        let sent = Effect::Send { to: peer, message: "four".into(), urgent: false };
        let close = |conn, code| Effect::Close { conn, code, reason: String::new() };
        fx.send(peer, "four");
        fx.send_urgent(other, "5");
        fx.publish(topic, "5");
        fx.publish_key(topic, "5", "");
        fx.close(peer, CloseCode::NORMAL, "5");
        let refused = [close(other, CloseCode::TRY_AGAIN), close(peer, CloseCode::NORMAL)];
        let [first, rest @ ..] = &fx.drain()[..] else { panic!("nothing was said") };
        assert_eq!((first, rest), (&sent, &refused[..]));
        assert_eq!(fx.counts[Count::Bound as usize], 4);
        fx.publish_key(topic, "key", "12");
        assert_eq!(fx.drain(), [], "a key without its value");
        fx.send(peer, "four");
        assert_eq!(fx.drain(), [sent]);
        assert_eq!(fx.counts[Count::Bound as usize], 5);
    }

    #[test]
    fn no_span_reaches_beyond_its_bits() {
        assert_eq!(Effects::for_test(Now::default()).bytes_max, EFFECTS_BYTES_MAX);
        let last = Span::new(EFFECTS_BYTES_MAX - 1, 1).unwrap();
        assert_eq!(last.range(), EFFECTS_BYTES_MAX - 1..EFFECTS_BYTES_MAX);
        assert_eq!(Span::new(EFFECTS_BYTES_MAX, 1), None);
        assert_eq!(Span::new(1, usize::MAX), None);
    }
}
