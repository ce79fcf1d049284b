//! Control frames and the two ways a connection closes.

use super::{
    super::{
        ClosingScan, FrameLimits, Item, PeerAnswer, Receiver, Step,
        oracle::{End, Event, walk},
    },
    frames::*,
};

const LIMITS: FrameLimits = FrameLimits { frame_bytes: 1000, message_bytes: 1500 };

#[test]
fn each_ping_is_answered_at_its_place() {
    let stream = [
        frame(FIN | PING, b"one"),
        frame(FIN | PING, b""),
        frame(TEXT, b"he"),
        frame(FIN | PING, &[7; 125]),
        frame(FIN | CONTINUATION, b"y"),
        frame(FIN | PONG, b"unasked"),
    ]
    .concat();
    let expected = [
        Event::Reply(b"\x8a\x03one".into()),
        Event::Reply(b"\x8a\x00".into()),
        Event::Reply([&[0x8a, 125][..], &[7; 125]].concat()),
        Event::Text("hey".into()),
        Event::Pong,
    ];
    assert_eq!(walk(&stream, [], &LIMITS).events, expected);
}

#[test]
fn the_peers_close_is_echoed_and_ends_everything() {
    for (payload, code, reason) in
        [(&b""[..], None, ""), (&b"\x03\xe9"[..], Some(1001), ""), (&b"\x0f\xa0bye"[..], Some(4000), "bye")]
    {
        for before in [vec![], frame(TEXT, b"half")] {
            let stream =
                [before, frame(FIN | CLOSE, payload), frame(FIN | TEXT, b"late"), vec![0xff; 20]].concat();
            let transcript = walk(&stream, [], &LIMITS);
            let reply = [&[0x88, payload.len() as u8], payload].concat();
            assert_eq!(transcript.events, [Event::Close { code, reason: reason.into(), reply }]);
            assert_eq!(transcript.end, End::Closed);
        }
    }
}

#[test]
fn a_close_inside_a_fragmented_message_lets_go_of_it() {
    let mut receiver = Receiver::new();
    assert!(matches!(receiver.next(&mut frame(TEXT, b"half"), &LIMITS), Step::Item { .. }));
    let mut close = frame(FIN | CLOSE, b"");
    assert!(matches!(receiver.next(&mut close, &LIMITS), Step::Item { item: Item::Close(_), .. }));
    assert_eq!(receiver.held_bytes(), 0);
    assert!(matches!(receiver.next(&mut close, &LIMITS), Step::Ended));
    assert_eq!(receiver.scan_for_close(b"rest"), ClosingScan { consumed: 4, answer: PeerAnswer::Closed });
}

/// Scans a stream cut so, as an engine does, and says how much was kept at most.
fn scan(
    receiver: &mut Receiver,
    stream: &[u8],
    cuts: impl IntoIterator<Item = usize>,
) -> (PeerAnswer, usize, usize) {
    let (mut start, mut kept_max) = (0, 0);
    let mut answer = PeerAnswer::NotYet;
    for end in cuts.into_iter().chain([stream.len()]) {
        let scanned = receiver.scan_for_close(&stream[start..end]);
        start += scanned.consumed;
        answer = scanned.answer;
        if answer != PeerAnswer::NotYet {
            break;
        }
        kept_max = kept_max.max(end - start);
    }
    (answer, start, kept_max)
}

#[test]
fn after_our_close_only_the_peers_counts() {
    let stream = [
        frame(FIN | TEXT, b"\xff not even text"),
        frame(FIN | BINARY, &[0; 5000]), // beyond the limits
        frame(FIN | CONTINUATION, b"of nothing"),
        frame(FIN | PING, b"unanswered"),
        frame(FIN | CLOSE, b"\x03\xe8done"),
    ]
    .concat();
    for cut in 0..=stream.len() {
        let (answer, consumed, kept) = scan(&mut Receiver::new(), &stream, [cut]);
        assert_eq!((answer, consumed), (PeerAnswer::Closed, stream.len()), "cut at {cut}");
        assert!(kept < 131);
    }
    let (answer, _, kept) = scan(&mut Receiver::new(), &stream, 0..stream.len());
    assert!(answer == PeerAnswer::Closed && kept < 131);
    assert_eq!(scan(&mut Receiver::new(), &stream[..stream.len() - 1], []).0, PeerAnswer::NotYet);
}

#[test]
fn a_huge_frame_is_skipped_across_reads() {
    let mut receiver = Receiver::new();
    let claimed = 10_u64 << 30;
    let head = header(FIN | BINARY, LengthForm::Long, claimed, Some(MASK));
    let not_yet = |consumed| ClosingScan { consumed, answer: PeerAnswer::NotYet };
    assert_eq!(receiver.scan_for_close(&head), not_yet(14));
    let block = vec![0xff; 1 << 20];
    for _ in 0..claimed >> 20 {
        assert_eq!(receiver.scan_for_close(&block), not_yet(1 << 20));
    }
    assert_eq!(receiver.scan_for_close(&frame(FIN | CLOSE, b"")).answer, PeerAnswer::Closed);
}

#[test]
fn bytes_that_are_no_frames_hold_no_close() {
    for bytes in [
        frame(FIN | 3, b""),
        frame(FIN | 0x40 | TEXT, b""),
        frame(PING, b""),
        header(FIN | TEXT, LengthForm::Short, 5, None),
        header(FIN | PING, LengthForm::Medium, 126, Some(MASK)),
        header(FIN | BINARY, LengthForm::Long, 1 << 63, Some(MASK)),
    ] {
        let stream = [frame(FIN | TEXT, b"x"), bytes].concat();
        let mut receiver = Receiver::new();
        assert_eq!(scan(&mut receiver, &stream, 0..stream.len()).0, PeerAnswer::Nonsense, "{stream:02x?}");
    }
}

#[test]
fn a_frame_that_was_refused_is_skipped_by_the_scan() {
    let mut stream = [frame(FIN | BINARY, &[0; 5000]), frame(FIN | CLOSE, b"")].concat();
    let mut receiver = Receiver::new();
    assert!(matches!(receiver.next(&mut stream[..100], &LIMITS), Step::Fault(_)));
    assert_eq!(scan(&mut receiver, &stream, [100, 200]).0, PeerAnswer::Closed);
}

#[test]
fn a_message_that_was_open_is_let_go_of_by_the_scan() {
    let mut receiver = Receiver::new();
    assert!(matches!(receiver.next(&mut frame(TEXT, b"half"), &LIMITS), Step::Item { .. }));
    assert_eq!(receiver.scan_for_close(b"").answer, PeerAnswer::NotYet);
    assert_eq!(receiver.held_bytes(), 0);
    assert!(matches!(receiver.next(&mut frame(FIN, b"other half"), &LIMITS), Step::Ended));
}
