//! The plain case, and what it costs.

use super::{
    super::{
        FrameLimits, Item, Receiver, State, Step,
        oracle::{End, Event, Transcript, walk},
    },
    frames::*,
};
use crate::ground::frame::Message;

const ROOMY: FrameLimits = FrameLimits { frame_bytes: 32 << 20, message_bytes: 32 << 20 };

fn events_of(stream: &[u8]) -> Vec<Event> {
    let Transcript { events, end } = walk(stream, [], &ROOMY);
    assert_eq!(end, End::Open);
    events
}

#[test]
fn lengths_are_read_where_their_form_changes() {
    for len in [0, 1, 2, 3, 4, 125, 126, 127, 65_535, 65_536] {
        let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
        assert_eq!(events_of(&frame(FIN | BINARY, &payload)), [Event::Binary(payload)], "{len}");
    }
}

#[test]
fn a_length_may_be_written_longer_than_needed() {
    for form in [LengthForm::Medium, LengthForm::Long] {
        assert_eq!(events_of(&frame_in(FIN | TEXT, form, b"hi", MASK)), [Event::Text("hi".into())]);
    }
}

#[test]
fn sixteen_mebibytes_in_one_frame_come_out_where_they_lay() {
    let text = "\u{20ac}".repeat((16 << 20) / 3);
    let mut bytes = frame(FIN | TEXT, text.as_bytes());
    let range = bytes.as_ptr_range();
    match Receiver::new().next(&mut bytes, &ROOMY) {
        Step::Item { item: Item::Message(Message::Text(out)), consumed } => {
            assert!(out == text && range.contains(&out.as_ptr()));
            assert_eq!(consumed, text.len() + 14);
        }
        step => panic!("{step:?}"),
    }
}

#[test]
fn an_all_zero_mask_is_a_mask() {
    let bytes = frame_in(FIN | TEXT, LengthForm::Short, b"bare", [0; 4]);
    assert_eq!(events_of(&bytes), [Event::Text("bare".into())]);
}

#[test]
fn empty_messages_are_messages() {
    let stream = [
        frame(FIN | TEXT, b""),
        frame(TEXT, b""),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, b""),
        frame(FIN | BINARY, b""),
    ]
    .concat();
    let expected = [Event::Text("".into()), Event::Text("".into()), Event::Binary(Vec::new())];
    assert_eq!(events_of(&stream), expected);
}

#[test]
fn a_frame_cut_short_tells_its_length_once_the_header_is_whole() {
    let mut bytes = frame(FIN | TEXT, &[b'x'; 300]);
    for cut in 0..bytes.len() {
        match Receiver::new().next(&mut bytes[..cut], &ROOMY) {
            Step::NeedMore { frame_len } => assert_eq!(frame_len, (cut >= 8).then_some(308), "cut at {cut}"),
            step => panic!("{step:?}"),
        }
    }
}

#[test]
fn text_that_comes_byte_by_byte_is_checked_once_over() {
    let text = "\u{1f600}".repeat(500);
    for (first, second) in [(FIN | TEXT, None), (TEXT, Some(CONTINUATION))] {
        let mut bytes = frame(first, text.as_bytes());
        let header_len = bytes.len() - text.len();
        let mut receiver = Receiver::new();
        let mut steps = 0;
        if let Some(second) = second {
            assert!(matches!(receiver.next(&mut bytes, &ROOMY), Step::Item { item: Item::Fragment, .. }));
            bytes = frame(second, text.as_bytes());
        }
        for arrived in header_len..bytes.len() {
            assert!(matches!(receiver.next(&mut bytes[..arrived], &ROOMY), Step::NeedMore { .. }));
            let checked = match &receiver.state {
                State::Open { checked, .. } => *checked,
                State::Fragmented(fragments) => fragments.checked,
                state => panic!("{state:?}"),
            };
            // Where the next check begins: it looks at new bytes only, so that the work is linear.
            assert_eq!(checked, arrived - header_len);
            steps += 1;
        }
        assert_eq!(steps, text.len());
        assert!(matches!(receiver.next(&mut bytes, &ROOMY), Step::Item { .. }));
    }
}

#[test]
fn memory_is_held_inside_a_fragmented_message_only() {
    let mut receiver = Receiver::new();
    let mut step = |first, payload: &[u8]| {
        let mut bytes = frame(first, payload);
        assert!(matches!(receiver.next(&mut bytes, &ROOMY), Step::Item { .. }));
        receiver.held_bytes()
    };
    assert_eq!(step(FIN | TEXT, b"whole"), 0);
    assert_eq!(step(FIN | PING, b"?"), 0);
    let opened = step(BINARY, &[0; 1000]);
    assert!((1000..5000).contains(&opened), "{opened}");
    let grown = step(CONTINUATION, &[0; 100_000]);
    assert!((101_000..410_000).contains(&grown), "{grown}");
    assert_eq!(step(FIN | PONG, b""), grown);
    assert_eq!(step(FIN | CONTINUATION, b""), 0);
}

/// Not a test but a measurement: 40 million messages, so 1 s of `cargo test --release -- --ignored` is 25 ns
/// each. The mask is zero, which costs what any costs and leaves the buffer fit for the next round.
#[test]
#[ignore = "a measurement, see its comment"]
fn forty_million_texts_of_250_bytes() {
    let text = r#"{"type":"telemetry","value":0.25} "#.repeat(8);
    let one = frame_in(FIN | TEXT, LengthForm::Medium, &text.as_bytes()[..250], [0; 4]);
    let mut buffer = one.repeat(1000);
    let mut receiver = Receiver::new();
    let mut total = 0_u64;
    for _ in 0..40_000 {
        let mut rest = buffer.as_mut_slice();
        while let Step::Item { item: Item::Message(message), consumed } = receiver.next(rest, &ROOMY) {
            total += message.as_bytes().len() as u64;
            rest = &mut rest[consumed..];
        }
    }
    assert_eq!(total, 40_000_000 * 250);
}
