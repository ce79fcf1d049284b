//! The header of a frame from a client, and what can be said against the frame before its payload is there.

use tungstenite::{
    Error,
    error::{CapacityError, ProtocolError},
    protocol::frame::coding::{Control, Data, OpCode},
};

use super::super::{control::CONTROL_PAYLOAD_MAX, protocol::FrameLimits};

/// The longest header: two bytes, a 64-bit length, a mask.
pub(super) const HEADER_MAX: usize = 14;
/// No payload is longer, whatever the limits say, so that header and payload together never overflow.
const PAYLOAD_MAX: usize = isize::MAX as usize - HEADER_MAX;

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const FINAL_TEXT: u8 = FINAL | 1;
const FINAL_BINARY: u8 = FINAL | 2;

/// A frame's header as it stands on the wire. Nothing is checked but that it is all there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    first: u8,
    /// Bytes of the header itself.
    pub(super) len: usize,
    /// Bytes of payload, as claimed.
    pub(super) payload_len: u64,
    pub(super) mask: Option<[u8; 4]>,
}

impl Header {
    /// `None` while bytes of the header are missing.
    #[inline(always)]
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (payload_len, rest) = match second & !MASKED {
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len), rest)
            }
            len => (u64::from(len), rest),
        };
        let (mask, rest) = match second & MASKED {
            0 => (None, rest),
            _ => {
                let (mask, rest) = rest.split_first_chunk()?;
                (Some(*mask), rest)
            }
        };
        Some(Self { first, len: bytes.len() - rest.len(), payload_len, mask })
    }

    /// Whether this is a whole text message (`Some(true)`) or binary message (`Some(false)`), no reserved bits set.
    #[inline(always)]
    pub(super) fn whole_message_is_text(&self) -> Option<bool> {
        match self.first {
            FINAL_TEXT => Some(true),
            FINAL_BINARY => Some(false),
            _ => None,
        }
    }

    pub(super) fn opcode(&self) -> OpCode {
        OpCode::from(self.first & OPCODE)
    }

    pub(super) fn is_final(&self) -> bool {
        self.first & FINAL != 0
    }

    /// The length of the payload, unless something can be said against the frame already.
    ///
    /// `open` is what the message in fragments that this frame falls into holds so far. The order of the rules is
    /// tungstenite's, so that a frame which breaks several is refused for the same one.
    pub(super) fn check(&self, open: Option<usize>, limits: &FrameLimits) -> Result<usize, Error> {
        self.check_opcode()?;
        let size = fit(self.payload_len, limits.frame_bytes.min(PAYLOAD_MAX))?;
        self.check_bits()?;
        let held = match (self.opcode(), open) {
            (OpCode::Control(_), _) => return Ok(size),
            (OpCode::Data(Data::Continue), Some(held)) => held,
            (OpCode::Data(Data::Continue), None) => return Err(ProtocolError::UnexpectedContinueFrame.into()),
            (OpCode::Data(data), Some(_)) => return Err(ProtocolError::ExpectedFragment(data).into()),
            (OpCode::Data(_), None) => 0,
        };
        fit(self.payload_len, limits.message_bytes.saturating_sub(held))
    }

    /// What can be said against the frame when its payload and place do not matter: the bytes are no frames.
    pub(super) fn check_framing(&self) -> Result<(), Error> {
        self.check_opcode()?;
        fit(self.payload_len, PAYLOAD_MAX)?;
        self.check_bits()
    }

    fn check_opcode(&self) -> Result<(), Error> {
        match self.opcode() {
            OpCode::Data(Data::Reserved(code)) | OpCode::Control(Control::Reserved(code)) => {
                Err(ProtocolError::InvalidOpcode(code).into())
            }
            _ => Ok(()),
        }
    }

    fn check_bits(&self) -> Result<(), Error> {
        let control = matches!(self.opcode(), OpCode::Control(_));
        let broken = if self.mask.is_none() {
            ProtocolError::UnmaskedFrameFromClient
        } else if self.first & RESERVED != 0 {
            ProtocolError::NonZeroReservedBits
        } else if control && !self.is_final() {
            ProtocolError::FragmentedControlFrame
        } else if control && self.payload_len > CONTROL_PAYLOAD_MAX as u64 {
            ProtocolError::ControlFrameTooBig
        } else {
            return Ok(());
        };
        Err(broken.into())
    }
}

/// A claimed length within `max_size`. On 32-bit machines a claim may exceed `usize` itself.
fn fit(claimed: u64, max_size: usize) -> Result<usize, Error> {
    let size = usize::try_from(claimed).unwrap_or(usize::MAX);
    if size > max_size { Err(CapacityError::MessageTooLong { size, max_size }.into()) } else { Ok(size) }
}
