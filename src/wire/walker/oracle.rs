//! What a plain tungstenite makes of a stream, and whether the walker makes the same of it.
//!
//! The plain context reads the whole stream through its own read-ahead. It queues a pong on reading a ping and sends
//! only the newest one when several wait; but `read` returns after each ping, and flushing then makes it answer every
//! one, at its place between the messages. The walker, which feeds one frame at a time, does the same by nature. So
//! replies are compared byte by byte and in order.

use std::io::{self, ErrorKind, Read, Write};

use tungstenite::{
    Error, Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use super::{super::protocol::fault_of, Fault, FrameLimits, Item, Receiver, Step, header::HEADER_MAX};
use crate::ground;

/// One thing that came out of a stream. Fragments are no event: where a message was cut does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Text(String),
    Binary(Vec<u8>),
    Pong,
    Reply(Vec<u8>),
    Close { code: Option<u16>, reason: String, reply: Vec<u8> },
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// More may come.
    Open,
    /// The peer closed.
    Closed,
    Fault(&'static Fault),
}

/// Everything that came out of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Transcript {
    pub(super) events: Vec<Event>,
    pub(super) end: End,
}

/// The walker's transcript of a stream that arrives in pieces ending at `cuts`, driven as an engine drives it.
pub(super) fn walk(stream: &[u8], cuts: impl IntoIterator<Item = usize>, limits: &FrameLimits) -> Transcript {
    let mut receiver = Receiver::new();
    let mut bytes = stream.to_vec();
    let mut events = Vec::new();
    let mut start = 0;
    for cut in cuts.into_iter().chain([stream.len()]) {
        let arrived = cut.clamp(start, stream.len());
        let end = loop {
            match receiver.next(&mut bytes[start..arrived], limits) {
                Step::Item { item, consumed } => {
                    events.extend(event_of(item));
                    assert!(consumed > 0 && consumed <= arrived - start, "consumed {consumed}");
                    start += consumed;
                }
                Step::NeedMore { frame_len } => {
                    assert!(frame_len.is_none_or(|len| len > arrived - start), "a whole frame was left");
                    break End::Open;
                }
                Step::Fault(fault) => break End::Fault(fault),
                Step::Ended => break End::Closed,
            }
            assert!(receiver.held_bytes() <= held_max(limits), "held {}", receiver.held_bytes());
        };
        if end != End::Open {
            return Transcript { events, end };
        }
    }
    Transcript { events, end: End::Open }
}

/// The message, its buffer's growth, the largest frame, its buffer's growth, and the context itself.
fn held_max(limits: &FrameLimits) -> usize {
    let frame = limits.frame_bytes.min(limits.message_bytes).max(125) + HEADER_MAX;
    2 * (limits.message_bytes + frame.max(16 << 10)) + 1024
}

fn event_of(item: Item<'_>) -> Option<Event> {
    let message_event = |message: ground::frame::Message<'_>| match message {
        ground::frame::Message::Text(text) => Event::Text(text.into()),
        ground::frame::Message::Binary(bytes) => Event::Binary(bytes.into()),
    };
    match item {
        Item::Message(message) => Some(message_event(message)),
        Item::Assembled(message) => Some(message_event(message.as_message())),
        Item::Fragment => None,
        Item::Pong => Some(Event::Pong),
        Item::Reply(reply) => Some(Event::Reply(reply.as_slice().into())),
        Item::Close(close) => Some(Event::Close {
            code: close.code.map(|code| code.get()),
            reason: close.reason.into(),
            reply: close.reply.as_slice().into(),
        }),
    }
}

/// The transcript of a plain context.
pub(super) fn plain(stream: &[u8], limits: &FrameLimits) -> Transcript {
    let config = WebSocketConfig::default()
        .max_frame_size(Some(limits.frame_bytes))
        .max_message_size(Some(limits.message_bytes));
    let mut context = WebSocketContext::new(Role::Server, Some(config));
    let mut stream = Pipe { input: stream, output: Vec::new() };
    let mut events = Vec::new();
    let end = loop {
        let message = match context.read(&mut stream) {
            Ok(message) => message,
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break End::Open,
            Err(Error::ConnectionClosed) => break End::Closed,
            Err(error) => break End::Fault(fault_of(&error)),
        };
        // Flushing the answer to a close reports the end, which the next read finds again.
        let _ = context.flush(&mut stream);
        let reply = std::mem::take(&mut stream.output);
        events.push(match message {
            Message::Text(text) => Event::Text(text.as_str().into()),
            Message::Binary(bytes) => Event::Binary(bytes.into()),
            Message::Pong(_) => Event::Pong,
            Message::Close(frame) => {
                let code = frame.as_ref().map(|frame| frame.code.into());
                let reason = frame.map_or_else(String::new, |frame| frame.reason.as_str().into());
                events.push(Event::Close { code, reason, reply });
                break End::Closed;
            }
            Message::Ping(_) | Message::Frame(_) => Event::Reply(reply),
        });
    };
    Transcript { events, end }
}

/// Whether the walker agrees with a plain context on a stream, cut so.
///
/// The walker may see an error before the frame is whole, where the plain context still waits. Then that frame is
/// filled up with zeros, and both must name the same fault.
pub(super) fn agree(
    stream: &[u8],
    cuts: impl IntoIterator<Item = usize>,
    limits: &FrameLimits,
) -> Result<(), String> {
    let walked = walk(stream, cuts, limits);
    let mut expected = plain(stream, limits);
    if matches!(walked.end, End::Fault(_)) && expected.end == End::Open {
        let mut filled = stream.to_vec();
        filled.resize(stream.len() + limits.frame_bytes + HEADER_MAX, 0);
        expected = plain(&filled, limits);
    }
    match walked == expected {
        true => Ok(()),
        false => Err(format!(
            "walker: {walked:?}\nplain:  {expected:?}\nlimits: {limits:?}\nstream: {stream:02x?}"
        )),
    }
}

/// The body of a fuzz target: the first bytes choose limits and cuts, the others are the stream.
///
/// # Panics
/// When the walker and a plain context disagree.
pub(crate) fn fuzz_walker(data: &[u8]) {
    let Some((&[frame, message, piece], stream)) = data.split_first_chunk() else { return };
    let limits =
        FrameLimits { frame_bytes: usize::from(frame) * 16, message_bytes: usize::from(message) * 16 };
    let pieces = (0..stream.len()).step_by(usize::from(piece).max(1));
    for result in [agree(stream, pieces, &limits), agree(stream, [], &limits)] {
        result.unwrap_or_else(|difference| panic!("{difference}"));
    }
    let mut receiver = Receiver::new();
    let scanned = receiver.scan_for_close(stream);
    assert!(scanned.consumed <= stream.len());
}

struct Pipe<'s> {
    input: &'s [u8],
    output: Vec<u8>,
}

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.is_empty() {
            true => Err(ErrorKind::WouldBlock.into()),
            false => self.input.read(buffer),
        }
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
