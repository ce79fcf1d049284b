//! tungstenite's part: whole frames go in, one at a time; messages, replies and verdicts come out.
//!
//! A [`WebSocketContext`] reserves memory by what a header claims, reads ahead, and gives nothing back. So it
//! never sees a socket: its stream is one frame that is already there, and what it writes is picked up.

use std::io::{self, ErrorKind, Read, Write};

use tungstenite::{
    Bytes, Error, Utf8Bytes,
    error::{CapacityError, ProtocolError},
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use super::control::ControlFrame;
use crate::ground::{close::CloseCode, frame::Message};

/// The sizes a client must keep to, in payload bytes. Beyond either the connection fails with 1009.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameLimits {
    /// One frame.
    pub(crate) frame_bytes: usize,
    /// One message, over all its fragments.
    pub(crate) message_bytes: usize,
}

/// What one frame amounted to.
#[derive(Debug)]
pub(crate) enum Item<'b> {
    /// A message in one frame, where it lay in the buffer; text is checked.
    Message(Message<'b>),
    /// A message that came in fragments and is whole now.
    Assembled(Assembled),
    /// A fragment of a message that is not whole yet. What is held has grown.
    Fragment,
    /// The peer pinged: send this pong, urgently.
    Reply(ControlFrame),
    /// The peer sent a pong, asked for or not.
    Pong,
    /// The peer closed, and is heard no more. Its answer is the last thing to send.
    Close(Box<PeerClose>),
}

/// A message put together from fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Assembled {
    Text(Utf8Bytes),
    Binary(Bytes),
}

impl Assembled {
    /// A borrowed view.
    pub(crate) fn as_message(&self) -> Message<'_> {
        match self {
            Self::Text(text) => Message::Text(text),
            Self::Binary(bytes) => Message::Binary(bytes),
        }
    }
}

/// The peer's goodbye.
#[derive(Debug)]
pub(crate) struct PeerClose {
    /// `None` when the frame carried no code. A code that must not be sent reads as 1002, as it is answered.
    pub(crate) code: Option<CloseCode>,
    /// As sent, but tungstenite's own words where the code is not allowed; empty without a code.
    pub(crate) reason: Box<str>,
    /// The close frame to answer with.
    pub(crate) reply: ControlFrame,
}

/// What ends a connection from our side: the close frame is still to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: CloseCode,
    /// For the close frame and the log.
    pub(crate) what: &'static str,
}

impl Fault {
    const fn protocol(what: &'static str) -> Self {
        Self { code: CloseCode::PROTOCOL, what }
    }

    const fn internal(what: &'static str) -> Self {
        Self { code: CloseCode::INTERNAL, what }
    }
}

/// Text that is not UTF-8.
pub(super) const NOT_UTF8: &Fault = &Fault { code: CloseCode::INVALID_DATA, what: "text is not UTF-8" };
/// An error that no bytes of a peer lead to, such as one of a handshake or of a socket we do not have.
const IMPOSSIBLE: &Fault = &const { Fault::internal("unexpected error of the protocol layer") };

/// The close code and the words for an error. No catch-all: a variant that a later tungstenite adds must be
/// placed here.
pub(super) fn fault_of(error: &Error) -> &'static Fault {
    match error {
        Error::Protocol(broken) => protocol_fault_of(broken),
        Error::Utf8(_) => NOT_UTF8,
        Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            &Fault { code: CloseCode::TOO_BIG, what: "message too long" }
        }
        Error::Capacity(CapacityError::TooManyHeaders)
        | Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => IMPOSSIBLE,
    }
}

fn protocol_fault_of(broken: &ProtocolError) -> &'static Fault {
    match broken {
        ProtocolError::NonZeroReservedBits => &const { Fault::protocol("reserved bits are set") },
        ProtocolError::UnmaskedFrameFromClient => &const { Fault::protocol("frame is not masked") },
        ProtocolError::FragmentedControlFrame => &const { Fault::protocol("control frame is fragmented") },
        ProtocolError::ControlFrameTooBig => &const { Fault::protocol("control frame is too long") },
        ProtocolError::InvalidOpcode(_)
        | ProtocolError::UnknownControlFrameType(_)
        | ProtocolError::UnknownDataFrameType(_) => &const { Fault::protocol("opcode is reserved") },
        ProtocolError::UnexpectedContinueFrame => &const { Fault::protocol("nothing to continue") },
        ProtocolError::ExpectedFragment(_) => &const { Fault::protocol("fragmented message is unfinished") },
        ProtocolError::InvalidCloseSequence => &const { Fault::protocol("close payload is malformed") },
        ProtocolError::ReceivedAfterClosing => &const { Fault::protocol("frame after close") },
        ProtocolError::MaskedFrameFromServer
        | ProtocolError::SendAfterClosing
        | ProtocolError::ResetWithoutClosingHandshake
        | ProtocolError::WrongHttpMethod
        | ProtocolError::WrongHttpVersion
        | ProtocolError::MissingConnectionUpgradeHeader
        | ProtocolError::MissingUpgradeWebSocketHeader
        | ProtocolError::MissingSecWebSocketVersionHeader
        | ProtocolError::MissingSecWebSocketKey
        | ProtocolError::InvalidSecWebSocketKey
        | ProtocolError::SecWebSocketAcceptKeyMismatch
        | ProtocolError::SecWebSocketSubProtocolError(_)
        | ProtocolError::JunkAfterRequest
        | ProtocolError::CustomResponseSuccessful
        | ProtocolError::InvalidHeader(_)
        | ProtocolError::HandshakeIncomplete
        | ProtocolError::HttparseError(_) => IMPOSSIBLE,
    }
}

/// tungstenite's state of one connection; made for a control frame, or for the length of one fragmented message.
#[derive(Debug)]
pub(super) struct Protocol {
    context: WebSocketContext,
    /// What the context's read buffer may have grown to, in bytes.
    buffer_bytes: usize,
}

/// The context's read buffer is allocated at once and is also the most it reads at once: small, since most are made
/// for a control frame, but large frames should not trickle in.
const READ_BUFFER_MIN: usize = 256;
const READ_BUFFER_MAX: usize = 16 << 10;

impl Protocol {
    /// A fresh state, in which `first_frame_len` bytes will be fed first.
    pub(super) fn new(limits: &FrameLimits, first_frame_len: usize) -> Self {
        let buffer_bytes = first_frame_len.clamp(READ_BUFFER_MIN, READ_BUFFER_MAX);
        let config = WebSocketConfig::default()
            .read_buffer_size(buffer_bytes)
            .write_buffer_size(0)
            .max_frame_size(Some(limits.frame_bytes))
            .max_message_size(Some(limits.message_bytes));
        Self { context: WebSocketContext::new(Role::Server, Some(config)), buffer_bytes }
    }

    /// Takes exactly one whole frame. Whatever it calls for is in the item: no reply stays behind.
    pub(super) fn feed(&mut self, frame: &[u8]) -> Result<Item<'static>, &'static Fault> {
        self.buffer_bytes = self.buffer_bytes.max(frame.len());
        let mut stream = OneFrame { input: frame, output: ControlFrame::EMPTY };
        let message = match self.context.read(&mut stream) {
            Ok(message) => message,
            // The frame is in, and the context asks for the next.
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return Ok(Item::Fragment),
            Err(error) => return Err(fault_of(&error)),
        };
        // A pong or close is only queued by `read`; the answer to a close then reports the connection as closed.
        match self.context.flush(&mut stream) {
            Ok(()) | Err(Error::ConnectionClosed) => {}
            Err(error) => return Err(fault_of(&error)),
        }
        Ok(match message {
            tungstenite::Message::Text(text) => Item::Assembled(Assembled::Text(text)),
            tungstenite::Message::Binary(bytes) => Item::Assembled(Assembled::Binary(bytes)),
            tungstenite::Message::Ping(_) => Item::Reply(stream.output),
            tungstenite::Message::Pong(_) => Item::Pong,
            tungstenite::Message::Close(frame) => Item::Close(Box::new(PeerClose {
                code: frame.as_ref().map(|frame| CloseCode(frame.code.into())),
                reason: frame.map_or_else(Box::default, |frame| frame.reason.as_str().into()),
                reply: stream.output,
            })),
            tungstenite::Message::Frame(_) => return Err(IMPOSSIBLE), // only ever sent, never read
        })
    }

    /// The most that the context may have allocated while the message it puts together has `message_bytes`. Both the
    /// message and the read buffer grow by doubling, and the latter keeps the size of the largest frame.
    pub(super) fn allocated_max(&self, message_bytes: usize) -> usize {
        self.buffer_bytes.saturating_add(message_bytes).saturating_mul(2)
    }
}

/// A stream that holds one frame and room for one reply.
struct OneFrame<'f> {
    input: &'f [u8],
    output: ControlFrame,
}

impl Read for OneFrame<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for OneFrame<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.output.append(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
