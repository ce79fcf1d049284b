//! Frames as a client sends them, and as one should not.

use super::super::super::mask::unmask;

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;
pub(super) const FIN: u8 = 0x80;

pub(super) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// How a length is written; only the shortest that fits is legal, but tungstenite does not mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LengthForm {
    Short,
    Medium,
    Long,
}

impl LengthForm {
    pub(super) fn shortest(len: usize) -> Self {
        match len {
            0..=125 => Self::Short,
            126..=0xffff => Self::Medium,
            _ => Self::Long,
        }
    }
}

/// A header with any claim about the length.
pub(super) fn header(first: u8, form: LengthForm, len: u64, mask: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match form {
        LengthForm::Short => bytes.push(masked | len as u8),
        LengthForm::Medium => {
            bytes.push(masked | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        LengthForm::Long => {
            bytes.push(masked | 127);
            bytes.extend(len.to_be_bytes());
        }
    }
    bytes.extend(mask.iter().flatten());
    bytes
}

/// A masked frame in its shortest form. `first` is the first byte: FIN, reserved bits, opcode.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_in(first, LengthForm::shortest(payload.len()), payload, MASK)
}

pub(super) fn frame_in(first: u8, form: LengthForm, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = header(first, form, payload.len() as u64, Some(mask));
    let start = bytes.len();
    bytes.extend(payload);
    unmask(&mut bytes[start..], mask);
    bytes
}
