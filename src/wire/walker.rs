//! The receive side of a connection: from the bytes of a client to messages, replies and faults.
//!
//! The walker finds frame boundaries and takes the plain case itself: a whole, masked, unfragmented text or binary
//! frame is unmasked where it lies, checked and handed on, without a copy or an allocation. Whole frames of all
//! other kinds are fed to tungstenite ([`super::protocol`]), which is the authority on what they mean; one broken rule
//! is reported as soon as the header shows it, in tungstenite's own terms. So the same bytes, cut
//! anywhere, give what a plain `WebSocketContext` gives for them, only that an error may come earlier.

mod header;
#[cfg(any(test, fuzzing))]
mod oracle;
#[cfg(test)]
mod tests;
mod utf8;

use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use self::{header::Header, utf8::Utf8Check};
use super::{
    mask::{unmask, unmask_text},
    protocol::{NOT_UTF8, Protocol, fault_of},
};
use crate::ground::frame::Message;

#[cfg(any(test, fuzzing))]
pub(crate) use self::oracle::fuzz_walker;
pub(crate) use super::protocol::{Fault, FrameLimits, Item};

/// What the bytes at hand are good for.
#[derive(Debug)]
pub(crate) enum Step<'b> {
    /// One frame was taken, `consumed` bytes long. There may be more behind it.
    Item { item: Item<'b>, consumed: usize },
    /// The frame at the front is not whole. Keep the bytes and come again with more behind them.
    NeedMore {
        /// The length of that frame, header and all, once its header is there; within the limits. A hint for
        /// reading, and never for allocating: it is only the peer's claim.
        frame_len: Option<usize>,
    },
    /// The peer broke a rule: send a close frame, then [`Receiver::scan_for_close`]. The offending frame is not
    /// consumed, and every later step is the same fault.
    Fault(&'static Fault),
    /// The closing handshake has begun; nothing the peer still sends counts.
    Ended,
}

/// What was found in bytes that arrived after our close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClosingScan {
    /// The bytes that are done with; the rest, less than the largest control frame, is to be kept.
    pub(crate) consumed: usize,
    pub(crate) answer: PeerAnswer,
}

/// Whether the peer has answered our close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerAnswer {
    NotYet,
    /// Its close frame is here, whole.
    Closed,
    /// What it sends are no frames, so that no close will be found in it.
    Nonsense,
}

/// The receive state of one connection.
///
/// The driver owns the bytes. It calls [`next`](Self::next) with all of them, drops what each item consumed, and on
/// [`Step::NeedMore`] keeps the rest, unchanged, as the beginning of the next call. Any cut of the stream is fine.
#[derive(Debug)]
pub(crate) struct Receiver {
    state: State,
}

#[derive(Debug)]
enum State {
    /// Between messages.
    Open {
        /// Of the text frame at the front, which is not whole: payload bytes that went through `utf8`.
        checked: usize,
        utf8: Utf8Check,
    },
    /// Inside a message in fragments, in which control frames may lie.
    Fragmented(Box<Fragments>),
    /// We closed. The next `skip` bytes are payload of a frame that does not matter.
    Closing {
        skip: u64,
    },
    /// The peer's close has arrived.
    Ended,
    Failed(&'static Fault),
}

const _: () = assert!(size_of::<Receiver>() <= 16, "an idle connection must cost next to nothing");

/// A message in fragments, so far.
#[derive(Debug)]
struct Fragments {
    protocol: Protocol,
    /// Payload bytes in the fragments so far.
    held: usize,
    /// Of the continuation at the front, which is not whole: payload bytes that went through `text`.
    checked: usize,
    /// `None` in a binary message.
    text: Option<Utf8Check>,
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Receiver {
    /// The state right after the handshake.
    pub(crate) const fn new() -> Self {
        Self { state: State::OPEN }
    }

    /// Takes the frame at the front of `bytes`, if it is whole.
    #[inline]
    pub(crate) fn next<'b>(&mut self, bytes: &'b mut [u8], limits: &FrameLimits) -> Step<'b> {
        if let State::Open { checked, utf8 } = &mut self.state
            && let Some(header) = Header::parse(bytes)
            && let Header { len, payload_len, mask: Some(mask), .. } = header
            && let Some(is_text) = header.whole_message_is_text()
            && payload_len <= (bytes.len() - len) as u64
            && payload_len <= limits.frame_bytes.min(limits.message_bytes) as u64
        {
            (*checked, *utf8) = (0, Utf8Check::NEW);
            // In range, and not cut short by the cast: the payload was just found to lie within `bytes`.
            let payload = &mut bytes[len..][..payload_len as usize];
            let message = if is_text {
                match unmask_text(payload, mask) {
                    Some(text) => Message::Text(text),
                    None => return self.fail(NOT_UTF8),
                }
            } else {
                unmask(payload, mask);
                Message::Binary(payload)
            };
            return Step::Item { item: Item::Message(message), consumed: len + payload_len as usize };
        }
        self.next_uncommon(bytes, limits)
    }

    /// Looks for the peer's close after ours was sent, and for nothing else: payloads are skipped, not kept, not
    /// even when they come in many reads. To be called from a frame boundary on, with what
    /// [`next`](Self::next) did not consume.
    pub(crate) fn scan_for_close(&mut self, bytes: &[u8]) -> ClosingScan {
        let mut skip = match self.state {
            State::Ended => return ClosingScan { consumed: bytes.len(), answer: PeerAnswer::Closed },
            State::Closing { skip } => skip,
            State::Open { .. } | State::Fragmented(_) | State::Failed(_) => 0,
        };
        let mut rest = bytes;
        let answer = loop {
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(rest.len());
            rest = &rest[skipped..];
            skip -= skipped as u64;
            let Some(header) = Header::parse(rest) else { break PeerAnswer::NotYet };
            if header.check_framing().is_err() {
                break PeerAnswer::Nonsense;
            }
            // `check_framing` has bounded the length, so that the sum fits 64 bits by far.
            let frame_len = header.len as u64 + header.payload_len;
            if header.opcode() == OpCode::Control(Control::Close) {
                // Whole, so that nothing unread is left in the socket, which would turn its end into a reset.
                match usize::try_from(frame_len).ok().and_then(|len| rest.get(len..)) {
                    Some(behind) => rest = behind,
                    None => break PeerAnswer::NotYet,
                }
                break PeerAnswer::Closed;
            }
            skip = frame_len;
        };
        self.state = match answer {
            PeerAnswer::Closed => State::Ended,
            PeerAnswer::NotYet | PeerAnswer::Nonsense => State::Closing { skip },
        };
        ClosingScan { consumed: bytes.len() - rest.len(), answer }
    }

    /// The most memory that is held for a message in fragments, in bytes; 0 between messages.
    pub(crate) fn held_bytes(&self) -> usize {
        match &self.state {
            State::Fragmented(fragments) => {
                size_of::<Fragments>().saturating_add(fragments.protocol.allocated_max(fragments.held))
            }
            State::Open { .. } | State::Closing { .. } | State::Ended | State::Failed(_) => 0,
        }
    }

    /// All but the plain case. Out of line, so that the plain one stays small where it is inlined.
    #[cold]
    #[inline(never)]
    fn next_uncommon(&mut self, bytes: &[u8], limits: &FrameLimits) -> Step<'static> {
        match self.state {
            State::Open { .. } | State::Fragmented(_) => {}
            State::Closing { .. } | State::Ended => return Step::Ended,
            State::Failed(fault) => return Step::Fault(fault),
        }
        let Some(header) = Header::parse(bytes) else { return Step::NeedMore { frame_len: None } };
        self.take(&header, bytes, limits).unwrap_or_else(|fault| self.fail(fault))
    }

    fn take(
        &mut self,
        header: &Header,
        bytes: &[u8],
        limits: &FrameLimits,
    ) -> Result<Step<'static>, &'static Fault> {
        let open = match &self.state {
            State::Fragmented(fragments) => Some(fragments.held),
            _ => None,
        };
        let payload_len = header.check(open, limits).map_err(|error| fault_of(&error))?;
        let frame_len = header.len + payload_len;
        let frame = &bytes[..bytes.len().min(frame_len)];
        if let OpCode::Data(data) = header.opcode() {
            self.check_text(data, header, &frame[header.len..])?;
        }
        if frame.len() < frame_len {
            return Ok(Step::NeedMore { frame_len: Some(frame_len) });
        }
        let item = match header.opcode() {
            OpCode::Control(_) => self.feed_control(frame, limits)?,
            OpCode::Data(data) => self.feed_fragment(data, header.is_final(), frame, payload_len, limits)?,
        };
        Ok(Step::Item { item, consumed: frame_len })
    }

    /// Checks what has arrived of a text frame, each byte once.
    fn check_text(&mut self, data: Data, header: &Header, payload: &[u8]) -> Result<(), &'static Fault> {
        let (checked, utf8) = match &mut self.state {
            State::Open { checked, utf8 } if data == Data::Text => (checked, utf8),
            State::Fragmented(fragments) => match &mut fragments.text {
                Some(utf8) => (&mut fragments.checked, utf8),
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        // Not masked is a fault of the header, found before.
        utf8.advance_from(*checked, payload, header.mask.unwrap_or_default()).map_err(|_| NOT_UTF8)?;
        *checked = payload.len();
        Ok(())
    }

    /// A whole ping, pong or close. Inside a fragmented message it takes the message's context, as the protocol has it.
    fn feed_control(&mut self, frame: &[u8], limits: &FrameLimits) -> Result<Item<'static>, &'static Fault> {
        let item = match &mut self.state {
            State::Fragmented(fragments) => fragments.protocol.feed(frame)?,
            _ => Protocol::new(limits, frame.len()).feed(frame)?,
        };
        if let Item::Close(_) = item {
            self.state = State::Ended;
        }
        Ok(item)
    }

    /// A whole fragment: the first opens a message and with it a context, the last ends both.
    fn feed_fragment(
        &mut self,
        data: Data,
        is_final: bool,
        frame: &[u8],
        payload_len: usize,
        limits: &FrameLimits,
    ) -> Result<Item<'static>, &'static Fault> {
        if let State::Open { utf8, .. } = self.state {
            let protocol = Protocol::new(limits, frame.len());
            let text = (data == Data::Text).then_some(utf8);
            self.state = State::Fragmented(Box::new(Fragments { protocol, held: 0, checked: 0, text }));
        }
        let State::Fragmented(fragments) = &mut self.state else {
            return Ok(Item::Fragment); // cannot be: the other states take no frames
        };
        let item = fragments.protocol.feed(frame)?;
        fragments.held += payload_len; // within `message_bytes`, by the header's check
        fragments.checked = 0;
        if is_final {
            self.state = State::OPEN;
        }
        Ok(item)
    }

    /// Remembers the fault for ever, and lets go of all else.
    #[cold]
    fn fail<'b>(&mut self, fault: &'static Fault) -> Step<'b> {
        self.state = State::Failed(fault);
        Step::Fault(fault)
    }
}

impl State {
    const OPEN: Self = Self::Open { checked: 0, utf8: Utf8Check::NEW };
}
