//! UTF-8 checked while it arrives, so that bad text is refused at its first bad byte and not at its last.

use super::super::mask::{mask_at, unmask};

/// Bytes unmasked and checked at once. A multiple of four, so that the mask is in step at each chunk.
const CHUNK: usize = 1024;
const _: () = assert!(CHUNK.is_multiple_of(4));

/// The bytes are no beginning of any UTF-8 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidUtf8;

/// Where a text stands that is only partly here: all before was right, and `pending` is the beginning of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Utf8Check {
    pending: [u8; 3],
    /// Invariant: `len <= 3`, since four bytes would be a whole character.
    len: u8,
}

impl Utf8Check {
    /// Before the first byte.
    pub(super) const NEW: Self = Self { pending: [0; 3], len: 0 };

    /// Goes on with `masked`, which stays masked; `mask` as it stands at its first byte.
    pub(super) fn advance(&mut self, masked: &[u8], mask: [u8; 4]) -> Result<(), InvalidUtf8> {
        let mut copy = [0; 3 + CHUNK];
        for chunk in masked.chunks(CHUNK) {
            let kept = usize::from(self.len);
            let end = kept + chunk.len();
            copy[..kept].copy_from_slice(&self.pending[..kept]);
            copy[kept..end].copy_from_slice(chunk);
            unmask(&mut copy[kept..end], mask);
            let text = &copy[..end];
            self.len = match simdutf8::compat::from_utf8(text) {
                Ok(_) => 0,
                Err(error) if error.error_len().is_none() => {
                    let begun = &text[error.valid_up_to()..];
                    self.pending[..begun.len()].copy_from_slice(begun);
                    begun.len() as u8 // one to three bytes: the beginning of one character
                }
                Err(_) => return Err(InvalidUtf8),
            };
        }
        Ok(())
    }

    /// Goes on with the bytes of `payload` from `checked` on, where `mask` stands at the payload's first byte.
    pub(super) fn advance_from(
        &mut self,
        checked: usize,
        payload: &[u8],
        mask: [u8; 4],
    ) -> Result<(), InvalidUtf8> {
        self.advance(payload.get(checked..).unwrap_or_default(), mask_at(mask, checked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x11, 0xa2, 0x33, 0xf4];

    fn masked(text: &[u8]) -> Vec<u8> {
        let mut bytes = text.to_vec();
        unmask(&mut bytes, MASK);
        bytes
    }

    #[test]
    fn good_text_passes_wherever_it_is_cut() {
        let text = masked("a\u{e4}\u{20ac}\u{1f600}z".as_bytes());
        for cut in 0..=text.len() {
            let mut check = Utf8Check::NEW;
            assert_eq!(check.advance(&text[..cut], MASK), Ok(()));
            assert_eq!(check.advance_from(cut, &text, MASK), Ok(()), "cut at {cut}");
            assert_eq!(check.len, 0);
        }
    }

    #[test]
    fn bad_text_fails_at_its_first_bad_byte() {
        // From Autobahn 6.4: U+110000 is out of range, and that is plain at its second byte.
        let text = masked(b"\xce\xba\xf4\x90\x80\x80\x65");
        let mut check = Utf8Check::NEW;
        assert_eq!(check.advance(&text[..3], MASK), Ok(()));
        assert_eq!(check.advance_from(3, &text[..4], MASK), Err(InvalidUtf8));
    }

    #[test]
    fn text_longer_than_a_chunk_is_followed_across_it() {
        for lead in 0..4 {
            let text = "x".repeat(lead) + &"\u{1f600}".repeat(CHUNK);
            let mut check = Utf8Check::NEW;
            assert_eq!(check.advance(&masked(text.as_bytes()), MASK), Ok(()));
        }
    }
}
