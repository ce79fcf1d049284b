//! The mask that every frame from a client wears (RFC 6455, 5.3).

/// Bytes taken at once: two 16-byte registers or one of 32. A multiple of four keeps the mask in step.
const LANES: usize = 32;
const _: () = assert!(LANES.is_multiple_of(4));

/// Takes the mask off `bytes`, in place. Also puts it on: the operation is its own inverse. Returns the bits that any byte of the
/// outcome has set: below 0x80 when all of it is ASCII. They are at hand anyway, and cost next to nothing to keep.
#[inline]
pub(crate) fn unmask(bytes: &mut [u8], mask: [u8; 4]) -> u8 {
    let [a, b, c, d] = mask;
    let wide: [u8; LANES] = std::array::from_fn(|at| mask[at % 4]);
    let mut seen = [0; LANES];
    let (blocks, rest) = bytes.as_chunks_mut::<LANES>();
    for block in blocks {
        // The shape that compilers turn into whole registers, on any target, without a word of `unsafe`; wider words in place of bytes
        // take twice as long here.
        for ((byte, mask), seen) in block.iter_mut().zip(wide).zip(&mut seen) {
            *byte ^= mask;
            *seen |= *byte;
        }
    }
    let eight = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words_seen = 0;
    let (words, rest) = rest.as_chunks_mut::<8>();
    for word in words {
        let plain = u64::from_ne_bytes(*word) ^ eight;
        words_seen |= plain;
        *word = plain.to_ne_bytes();
    }
    for lanes in seen.as_chunks::<8>().0 {
        words_seen |= u64::from_ne_bytes(*lanes);
    }
    let mut bits = words_seen.to_ne_bytes().into_iter().fold(0, |all, byte| all | byte);
    for (byte, mask) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= mask;
        bits |= *byte;
    }
    bits
}

/// Takes the mask off a payload, in place, and returns the text that it is; `None` when it is no UTF-8.
#[inline]
#[allow(
    unsafe_code,
    reason = "checking ASCII a second time is a quarter of what receiving a short text costs"
)]
pub(crate) fn unmask_text(bytes: &mut [u8], mask: [u8; 4]) -> Option<&str> {
    if unmask(bytes, mask) < 0x80 {
        // SAFETY: the bits set in any byte were just found to be below 0x80, so each byte is; a sequence of such bytes is ASCII, and so UTF-8.
        // `bytes` has not changed since: it is borrowed here from before the look to the end of the text.
        return Some(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    simdutf8::basic::from_utf8(bytes).ok()
}

/// The mask as it stands `offset` bytes into a payload.
pub(crate) fn mask_at(mut mask: [u8; 4], offset: usize) -> [u8; 4] {
    mask.rotate_left(offset % 4);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_alignment_equals_the_byte_by_byte_definition() {
        let mask = [0x6d, 0xb6, 0x00, 0xff];
        let plain: Vec<u8> = (0..=255).collect();
        for start in 0..9 {
            for end in start..plain.len() {
                let mut bytes = plain.clone();
                let bits = unmask(&mut bytes[start..end], mask);
                assert_eq!(bits, bytes[start..end].iter().fold(0, |all, byte| all | byte), "{start}..{end}");
                for (at, byte) in bytes.iter().enumerate() {
                    let covered = (start..end).contains(&at);
                    let expected = if covered { plain[at] ^ mask[(at - start) % 4] } else { plain[at] };
                    assert_eq!(*byte, expected, "byte {at} of {start}..{end}");
                }
            }
        }
    }

    /// A byte that is not ASCII, at every place of every length: found, and judged as std judges it.
    #[test]
    fn text_is_what_std_takes_for_text() {
        let mask = [0x80, 0x12, 0xff, 0x7f];
        // Under Miri a few lengths, on both sides of a block's end, show what there is to show.
        let lengths: Vec<usize> = if cfg!(miri) { vec![0, 7, 33, 41] } else { (0..140).collect() };
        for len in lengths {
            for odd in 0..len {
                for stray in [&b"\x80"[..], "é".as_bytes(), "한".as_bytes(), b"\xed\xa0\x80"] {
                    let mut plain = vec![b'a'; len];
                    let end = len.min(odd + stray.len());
                    plain[odd..end].copy_from_slice(&stray[..end - odd]);
                    let mut masked = plain.clone();
                    unmask(&mut masked, mask);
                    assert_eq!(
                        unmask_text(&mut masked, mask),
                        std::str::from_utf8(&plain).ok(),
                        "{len}, {odd}"
                    );
                }
            }
            let mut masked = vec![b'~'; len];
            unmask(&mut masked, mask);
            assert_eq!(unmask_text(&mut masked, mask), Some(&*"~".repeat(len)));
        }
    }

    #[test]
    fn a_payload_unmasked_in_pieces_equals_one_unmasked_whole() {
        let mask = [1, 2, 3, 4];
        for cut in 0..40 {
            let mut whole = [7; 40];
            unmask(&mut whole, mask);
            let mut pieces = [7; 40];
            unmask(&mut pieces[..cut], mask);
            unmask(&mut pieces[cut..], mask_at(mask, cut));
            assert_eq!(whole, pieces, "cut at {cut}");
        }
    }
}
