//! One connection: its phase, and what it holds.

use super::event::RefusalCause;
use crate::{
    ground::{
        foreign::Foreign,
        id::{ConnId, MountId},
        time::Tick,
    },
    hub::{identity::Identity, outbox::Outbox},
    wire::{body::BodyReader, head::HeadScan, request::Method, response::BodyStream, walker::Receiver},
};
use core::net::SocketAddr;

/// Where a connection stands. Whoever changes the phase sets the deadline that belongs to it.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Waiting for the end of a request head.
    Head(HeadScan),
    /// Waiting for the rest of a request's body.
    Body(Box<Pending>, Box<BodyReader>),
    /// Waiting for a decision or an answer of the host.
    Parked(Box<Pending>),
    /// An answer is on its way out.
    Answering(Box<Answer>),
    /// A WebSocket, open.
    Open(MountId, Receiver),
    /// A close frame is queued or sent; `answered` when the peer's has been seen, so that ours is all that is left to do.
    Closing { mount: MountId, receiver: Receiver, answered: bool },
    /// The last answer is sent; what still comes is thrown away, so that the answer is not lost to a reset.
    Draining { left: usize },
    /// Over. The slot is kept until all that is owed to the contract and the host about it is delivered.
    Over,
}

/// A request whose head is complete, kept to be looked at again.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The head's bytes: parsed again when needed, which is rare.
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
    /// Who it is, once known.
    pub(crate) identity: Option<Identity>,
    /// What is waited for.
    pub(crate) awaits: Awaits,
}

/// What a parked connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// Not parked: the body.
    Body,
    /// [`Handle::decide`](crate::Handle::decide).
    Decision,
    /// [`Handle::answer`](crate::Handle::answer).
    Answer,
}

/// An answer on its way out.
pub(crate) struct Answer {
    pub(crate) stream: Option<Foreign<dyn BodyStream>>,
    pub(crate) chunked: bool,
    pub(crate) keep_alive: bool,
    /// The source has nothing for now.
    pub(crate) waits: bool,
    /// The whole answer is queued.
    pub(crate) complete: bool,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("streams", &self.stream.is_some())
            .field("keep_alive", &self.keep_alive)
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}

/// Which method's request is being answered; only what the answer's form needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) is_head: bool,
    pub(crate) http10: bool,
    pub(crate) keep_alive: bool,
}

impl Asked {
    /// For an answer to something that could not be parsed: nothing is kept alive.
    pub(crate) const UNKNOWN: Self = Self { is_head: false, http10: false, keep_alive: false };

    pub(crate) fn of(method: Option<Method>, minor: u8, keep_alive: bool) -> Self {
        Self { is_head: method == Some(Method::Head), http10: minor == 0, keep_alive }
    }
}

/// A subscription, seen from the connection: the topic's slot and the subscriber's index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubRef {
    pub(crate) topic: u32,
    pub(crate) index: u32,
}

/// A connection's subscriptions: most have one.
#[derive(Debug, Default)]
pub(crate) enum Subs {
    #[default]
    None,
    One(SubRef),
    #[allow(clippy::box_collection, reason = "a Vec in the enum would cost every connection 8 bytes more")]
    Many(Box<Vec<SubRef>>),
}

impl Subs {
    pub(crate) fn as_slice(&self) -> &[SubRef] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    pub(crate) fn add(&mut self, sub: SubRef) {
        match self {
            Self::None => *self = Self::One(sub),
            Self::One(one) => *self = Self::Many(Box::new(vec![*one, sub])),
            Self::Many(many) => many.push(sub),
        }
    }

    pub(crate) fn remove(&mut self, topic: u32) -> Option<SubRef> {
        match self {
            Self::None => None,
            Self::One(one) => {
                let sub = *one;
                (sub.topic == topic).then(|| {
                    *self = Self::None;
                    sub
                })
            }
            Self::Many(many) => {
                let at = many.iter().position(|sub| sub.topic == topic)?;
                let sub = many.swap_remove(at);
                if let [one] = many[..] {
                    *self = Self::One(one);
                }
                Some(sub)
            }
        }
    }

    /// The subscriber of `topic` is now at another index.
    pub(crate) fn moved(&mut self, topic: u32, index: u32) {
        let slice = match self {
            Self::None => return,
            Self::One(one) => std::slice::from_mut(one),
            Self::Many(many) => &mut many[..],
        };
        if let Some(sub) = slice.iter_mut().find(|sub| sub.topic == topic) {
            sub.index = index;
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Peer<T> {
    /// `None` once it is over.
    pub(crate) transport: Option<T>,
    pub(crate) id: ConnId,
    /// It came by a listener that only this machine reaches.
    pub(crate) local: bool,
    /// The transport takes nothing more until it is writable again.
    pub(crate) blocked: bool,
    /// It stands in the engine's list of those with something private to write.
    pub(crate) in_dirty: bool,
    /// It stands in the engine's list of those to be read.
    pub(crate) in_ready: bool,
    /// The transport may have bytes.
    pub(crate) readable: bool,
    /// `partial` may hold whole items: it is to be looked at before the next read.
    pub(crate) unparsed: bool,
    /// Not read, because the host or the store does not keep up.
    pub(crate) paused: bool,
    /// Not read, because it does not take the answers to what it asked.
    pub(crate) choked: bool,
    /// The peer has closed its side, so that an end follows the bytes that are there.
    pub(crate) hung_up: bool,
    /// The peer has sent its last byte.
    pub(crate) ended: bool,
    /// It was pinged, and nothing was read since.
    pub(crate) unanswered: bool,
    /// It was let in only to be told no.
    pub(crate) refused: Option<RefusalCause>,
    /// Events about its end that wait for the host.
    pub(crate) held_events: u32,
    pub(crate) phase: Phase,
    pub(crate) subs: Subs,
    pub(crate) outbox: Option<Box<Outbox>>,
    /// Received bytes that are not whole yet, or not looked at yet.
    pub(crate) partial: Vec<u8>,
    /// The length of the frame that `partial` begins with, as its header claims; 0 when not known.
    pub(crate) frame_len: u32,
    /// What this connection is charged for in the engine's budget of partial bytes.
    pub(crate) charged: usize,
    /// When something was last read.
    pub(crate) heard: Tick,
    pub(crate) addr: SocketAddr,
    pub(crate) identity: Identity,
}

impl<T> Peer<T> {
    pub(crate) fn new(id: ConnId, transport: T, addr: SocketAddr, now: Tick) -> Self {
        Self {
            transport: Some(transport),
            id,
            local: false,
            blocked: false,
            in_dirty: false,
            in_ready: false,
            readable: false,
            unparsed: false,
            paused: false,
            choked: false,
            hung_up: false,
            ended: false,
            unanswered: false,
            frame_len: 0,
            refused: None,
            held_events: 0,
            phase: Phase::Head(HeadScan::default()),
            subs: Subs::None,
            outbox: None,
            partial: Vec::new(),
            charged: 0,
            heard: now,
            addr,
            identity: Identity::ANONYMOUS,
        }
    }

    /// The mount of an open or closing WebSocket.
    pub(crate) fn mount(&self) -> Option<MountId> {
        match self.phase {
            Phase::Open(mount, _) | Phase::Closing { mount, .. } => Some(mount),
            _ => None,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(..))
    }

    /// Whether an answer whose source has more to say is on its way.
    pub(crate) fn is_streamed_to(&self) -> bool {
        matches!(&self.phase, Phase::Answering(answer) if answer.stream.is_some())
    }

    /// Whether a subscription's bytes are all that is owed, so that they can be written without looking for anything else.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.outbox.is_none() && matches!(self.subs, Subs::One(_))
    }

    pub(crate) fn outbox_len(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.len())
    }
}
