//! The mask that every frame from a client wears (RFC 6455, 5.3).

/// Bytes taken at once: two 16-byte registers or one of 32. A multiple of four keeps the mask in step.
const LANES: usize = 32;
const _: () = assert!(LANES.is_multiple_of(4));

/// Takes the mask off `bytes`, in place. Also puts it on: the operation is its own inverse.
#[inline]
pub(crate) fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let eight = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (blocks, rest) = bytes.as_chunks_mut::<LANES>();
    for block in blocks {
        // The shape that compilers turn into whole registers, on any target, without a word of `unsafe`.
        for word in block.as_chunks_mut::<8>().0 {
            *word = (u64::from_ne_bytes(*word) ^ eight).to_ne_bytes();
        }
    }
    let (words, rest) = rest.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ eight).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= mask;
    }
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
                unmask(&mut bytes[start..end], mask);
                for (at, byte) in bytes.iter().enumerate() {
                    let covered = (start..end).contains(&at);
                    let expected = if covered { plain[at] ^ mask[(at - start) % 4] } else { plain[at] };
                    assert_eq!(*byte, expected, "byte {at} of {start}..{end}");
                }
            }
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
