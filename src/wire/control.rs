//! Control frames from the server: short, whole, and held inline.

use crate::ground::{close::CloseCode, frame::Opcode, limits::CLOSE_REASON_MAX, text::cut};

/// The longest payload of a control frame (RFC 6455, 5.5).
pub(crate) const CONTROL_PAYLOAD_MAX: usize = 125;
const CONTROL_FRAME_MAX: usize = 2 + CONTROL_PAYLOAD_MAX;
const _: () =
    assert!(CLOSE_REASON_MAX + 2 == CONTROL_PAYLOAD_MAX, "a reason shares the payload with its code");

/// One encoded control frame, ready to send; no allocation.
#[derive(Clone, Copy)]
pub(crate) struct ControlFrame {
    bytes: [u8; CONTROL_FRAME_MAX],
    /// Invariant: `len <= CONTROL_FRAME_MAX`.
    len: u8,
}

impl ControlFrame {
    pub(super) const EMPTY: Self = Self { bytes: [0; CONTROL_FRAME_MAX], len: 0 };

    /// The bytes to send; empty only when nothing was ever put in.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Appends as much of `bytes` as there is room for, and says how much that was.
    pub(super) fn append(&mut self, bytes: &[u8]) -> usize {
        let room = &mut self.bytes[usize::from(self.len)..];
        let taken = bytes.len().min(room.len());
        room[..taken].copy_from_slice(&bytes[..taken]);
        self.len += taken as u8; // at most CONTROL_FRAME_MAX, since `taken` fits the room
        taken
    }

    fn new(opcode: Opcode, payload: &[&[u8]]) -> Self {
        let mut frame = Self::EMPTY;
        frame.append(&[0x80 | opcode as u8, 0]);
        for part in payload {
            frame.append(part);
        }
        frame.bytes[1] = frame.len - 2;
        frame
    }
}

impl std::fmt::Debug for ControlFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ControlFrame({:02x?})", self.as_slice())
    }
}

/// A close frame. A reason that is too long is cut between two characters. A code that must not be sent (1005:
/// there was none; 1006: there was no frame) gives a close frame without a code, which has no room for a
/// reason either.
pub(crate) fn close_frame(code: CloseCode, reason: &str) -> ControlFrame {
    if CloseCode::new(code.get()).is_none() {
        return ControlFrame::new(Opcode::Close, &[]);
    }
    let reason = cut(reason, CLOSE_REASON_MAX);
    ControlFrame::new(Opcode::Close, &[&code.get().to_be_bytes(), reason.as_bytes()])
}

/// A ping frame; of the payload at most [`CONTROL_PAYLOAD_MAX`] bytes are sent.
pub(crate) fn ping_frame(payload: &[u8]) -> ControlFrame {
    ControlFrame::new(Opcode::Ping, &[&payload[..payload.len().min(CONTROL_PAYLOAD_MAX)]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_carries_code_and_reason() {
        assert_eq!(close_frame(CloseCode::NORMAL, "").as_slice(), [0x88, 2, 3, 232]);
        assert_eq!(close_frame(CloseCode::TRY_AGAIN, "late").as_slice(), b"\x88\x06\x03\xf5late");
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        for lead in 0..4 {
            let reason = "x".repeat(lead) + &"\u{20ac}".repeat(100);
            let frame = close_frame(CloseCode::POLICY, &reason);
            let sent = std::str::from_utf8(&frame.as_slice()[4..]).expect("whole characters");
            assert!(reason.starts_with(sent) && sent.len() > CLOSE_REASON_MAX - 3, "{}", sent.len());
            assert_eq!(usize::from(frame.as_slice()[1]), sent.len() + 2);
        }
        assert_eq!(close_frame(CloseCode::POLICY, &"y".repeat(500)).as_slice().len(), CONTROL_FRAME_MAX);
    }

    #[test]
    fn a_code_that_must_not_be_sent_is_not_sent() {
        for code in
            [CloseCode::NO_STATUS, CloseCode::ABNORMAL, CloseCode(0), CloseCode(1004), CloseCode(65_535)]
        {
            assert_eq!(close_frame(code, "reason").as_slice(), [0x88, 0], "{code}");
        }
    }

    #[test]
    fn a_ping_is_cut_to_what_a_control_frame_holds() {
        assert_eq!(ping_frame(b"hi").as_slice(), b"\x89\x02hi");
        assert_eq!(ping_frame(&[1; 300]).as_slice().len(), CONTROL_FRAME_MAX);
    }
}
