//! What the fuzzer begins with: each stream comes to the end that its name begins with, whole and in pieces.

use super::super::{
    FrameLimits, fuzz_walker,
    oracle::{End, walk},
};

#[test]
fn seeds_of_the_fuzzer_end_as_their_names_say() {
    for (name, data) in crate::wire::hostile::seeds("walker") {
        fuzz_walker(&data);
        let [frame, message, _, stream @ ..] = &data[..] else { panic!("{name} is too short") };
        let limits =
            FrameLimits { frame_bytes: usize::from(*frame) * 16, message_bytes: usize::from(*message) * 16 };
        let end = match walk(stream, [], &limits).end {
            End::Open => "open".into(),
            End::Closed => "closed".into(),
            End::Fault(fault) => fault.code.get().to_string(),
        };
        assert_eq!(name.split_once('-').map(|(end, _)| end), Some(&*end), "{name}");
    }
}
