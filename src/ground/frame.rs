//! Messages and the frames that carry them to a client.

/// The message types of the WebSocket protocol, with their opcode on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Opcode {
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
}

/// One whole message, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Message<'a> {
    /// A text message; its UTF-8 has been checked.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// The payload's bytes.
    pub const fn as_bytes(self) -> &'a [u8] {
        match self {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        }
    }

    pub(crate) const fn opcode(self) -> Opcode {
        match self {
            Message::Text(_) => Opcode::Text,
            Message::Binary(_) => Opcode::Binary,
        }
    }

    /// An owned copy.
    pub fn to_payload(self) -> Payload {
        match self {
            Message::Text(text) => Payload::Text(text.into()),
            Message::Binary(bytes) => Payload::Binary(bytes.into()),
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Message::Text(text)
    }
}

impl<'a> From<&'a String> for Message<'a> {
    fn from(text: &'a String) -> Self {
        Message::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Message::Binary(bytes)
    }
}

/// One whole message, owned: what a host hands to the server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Payload {
    /// A text message.
    Text(Box<str>),
    /// A binary message.
    Binary(Box<[u8]>),
}

impl Payload {
    /// A borrowed view.
    pub fn as_message(&self) -> Message<'_> {
        match self {
            Payload::Text(text) => Message::Text(text),
            Payload::Binary(bytes) => Message::Binary(bytes),
        }
    }

    /// The payload's length in bytes.
    pub fn len(&self) -> usize {
        self.as_message().as_bytes().len()
    }

    /// Whether there is no payload byte at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Payload::Text(text.into())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Payload::Text(text.into())
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Payload::Binary(bytes.into())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Payload::Binary(bytes.into())
    }
}

/// The longest header of a frame from server to client: two bytes and a 64-bit length (never a mask).
pub(crate) const HEADER_MAX: usize = 10;

/// An encoded frame header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    bytes: [u8; HEADER_MAX],
    len: u8,
}

impl Header {
    /// The header of an unfragmented, unmasked frame of `len` payload bytes.
    pub(crate) fn new(opcode: Opcode, len: usize) -> Self {
        let mut bytes = [0; HEADER_MAX];
        bytes[0] = 0x80 | opcode as u8;
        let header_len = if len < 126 {
            bytes[1] = len as u8;
            2
        } else if let Ok(len) = u16::try_from(len) {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&len.to_be_bytes());
            4
        } else {
            bytes[1] = 127;
            bytes[2..10].copy_from_slice(&(len as u64).to_be_bytes());
            10
        };
        Self { bytes, len: header_len }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }
}

/// The messages in frames that [`Header`] encoded.
pub(crate) fn messages(mut frames: &[u8]) -> Vec<Payload> {
    let mut messages = Vec::new();
    while let [opcode, short, behind @ ..] = frames {
        let (len, behind) = match (short, behind) {
            (126, [a, b, behind @ ..]) => (usize::from(u16::from_be_bytes([*a, *b])), behind),
            (127, [a, b, c, d, e, f, g, h, behind @ ..]) => {
                (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as usize, behind)
            }
            _ => (usize::from(*short), behind),
        };
        let Some((payload, rest)) = behind.split_at_checked(len) else { break };
        messages.push(match std::str::from_utf8(payload) {
            Ok(text) if opcode & 0xf == Opcode::Text as u8 => text.into(),
            _ => payload.into(),
        });
        frames = rest;
    }
    messages
}

/// Bytes that the frame of a payload of `len` bytes takes.
pub(crate) fn frame_len(len: usize) -> usize {
    Header::new(Opcode::Text, len).as_slice().len() + len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_lengths_switch_where_the_rfc_says() {
        for (len, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            assert_eq!(frame_len(len) - len, header, "payload of {len}");
        }
        let mut frames = Vec::new();
        for len in [0, 125, 126, 65_535, 65_536] {
            frames.extend_from_slice(Header::new(Opcode::Text, len).as_slice());
            frames.resize(frames.len() + len, b'x');
        }
        frames.extend_from_slice(&[0x82, 1, b'x']);
        let read = messages(&frames);
        assert_eq!(read.iter().map(Payload::len).collect::<Vec<_>>(), [0, 125, 126, 65_535, 65_536, 1]);
        assert_eq!(read[5], Payload::from(vec![b'x']));
        assert_eq!(Header::new(Opcode::Binary, 300).as_slice(), [0x82, 126, 1, 44]);
    }
}
