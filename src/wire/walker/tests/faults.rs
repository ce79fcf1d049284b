//! Every rule a client can break, the code it costs, and how early.

use super::{
    super::{
        Fault, FrameLimits, Item, Receiver, Step,
        oracle::{End, Event, agree, walk},
    },
    frames::*,
};
use crate::ground::close::CloseCode;

const LIMITS: FrameLimits = FrameLimits { frame_bytes: 1000, message_bytes: 1500 };

/// The fault of `bytes` after `before`, which must be fine; plain tungstenite is asked as well.
fn fault_after(before: &[u8], bytes: &[u8]) -> &'static Fault {
    let stream = [before, bytes].concat();
    let cuts: Vec<usize> = (1..stream.len()).collect();
    agree(&stream, cuts, &LIMITS).unwrap_or_else(|difference| panic!("{difference}"));
    assert_eq!(walk(before, [], &LIMITS).end, End::Open);
    match walk(&stream, [], &LIMITS).end {
        End::Fault(fault) => fault,
        end => panic!("{end:?} after {stream:02x?}"),
    }
}

/// Faults that the bare header shows, the payload not having come.
#[test]
fn a_header_alone_is_enough_to_refuse_a_frame() {
    let open = frame(BINARY, &[0; 800]);
    let full = [open.clone(), frame(CONTINUATION, &[0; 700])].concat();
    let masked = Some(MASK);
    let short = |first| header(first, LengthForm::Short, 5, masked);
    let medium = |first, len| header(first, LengthForm::Medium, len, masked);
    let long = |first, len| header(first, LengthForm::Long, len, masked);
    let (protocol, too_big) = (CloseCode::PROTOCOL, CloseCode::TOO_BIG);
    let cases: Vec<(&[u8], Vec<u8>, CloseCode, &str)> = vec![
        (b"", short(FIN | 0x40 | TEXT), protocol, "reserved bits are set"),
        (b"", short(FIN | 0x20 | BINARY), protocol, "reserved bits are set"),
        (b"", short(FIN | 0x10 | PING), protocol, "reserved bits are set"),
        (b"", short(FIN | 3), protocol, "opcode is reserved"),
        (b"", short(FIN | 7), protocol, "opcode is reserved"),
        (b"", short(FIN | 11), protocol, "opcode is reserved"),
        (&open, short(FIN | 15), protocol, "opcode is reserved"),
        (b"", header(FIN | TEXT, LengthForm::Short, 5, None), protocol, "frame is not masked"),
        (b"", header(FIN | CLOSE, LengthForm::Short, 0, None), protocol, "frame is not masked"),
        (b"", short(PING), protocol, "control frame is fragmented"),
        (b"", short(CLOSE), protocol, "control frame is fragmented"),
        (&open, medium(FIN | PING, 126), protocol, "control frame is too long"),
        (b"", long(FIN | CLOSE, 126), protocol, "control frame is too long"),
        (b"", short(FIN), protocol, "nothing to continue"),
        (b"", short(CONTINUATION), protocol, "nothing to continue"),
        (&open, short(FIN | TEXT), protocol, "fragmented message is unfinished"),
        (&open, short(BINARY), protocol, "fragmented message is unfinished"),
        (b"", medium(FIN | TEXT, 1001), too_big, "message too long"),
        (b"", medium(TEXT, 1001), too_big, "message too long"),
        (b"", long(FIN | BINARY, 1 << 40), too_big, "message too long"),
        (b"", long(FIN | BINARY, 1 << 63), too_big, "message too long"),
        (b"", long(FIN | BINARY, u64::MAX), too_big, "message too long"),
        // Beyond the frame limit tungstenite looks no further, not even whether it is a control frame.
        (b"", medium(FIN | PING, 1001), too_big, "message too long"),
        (b"", header(FIN | TEXT, LengthForm::Medium, 1001, None), too_big, "message too long"),
        (&open, medium(CONTINUATION, 701), too_big, "message too long"),
        (&full, short(FIN), too_big, "message too long"),
    ];
    for (before, bytes, code, what) in cases {
        let fault = fault_after(before, &bytes);
        assert_eq!((fault.code, fault.what), (code, what), "{bytes:02x?}");
        // And not before: an incomplete header says nothing yet.
        assert_eq!(walk(&[before, &bytes[..bytes.len() - 1]].concat(), [], &LIMITS).end, End::Open);
    }
}

#[test]
fn sizes_at_the_limit_pass() {
    let at_frame_limit = frame(FIN | BINARY, &[0; 1000]);
    let at_message_limit = [frame(BINARY, &[0; 1000]), frame(FIN, &[0; 500])].concat();
    for stream in [at_frame_limit, at_message_limit] {
        let transcript = walk(&stream, [], &LIMITS);
        assert_eq!((transcript.events.len(), transcript.end), (1, End::Open));
    }
}

#[test]
fn the_message_limit_holds_for_a_single_frame_too() {
    let limits = FrameLimits { frame_bytes: 100, message_bytes: 50 };
    let stream = frame(FIN | TEXT, &[b'x'; 51]);
    agree(&stream, 0..stream.len(), &limits).expect("agreement");
    assert!(matches!(walk(&stream, [], &limits).end, End::Fault(fault) if fault.code == CloseCode::TOO_BIG));
}

#[test]
fn unlimited_sizes_do_not_overflow() {
    let limits = FrameLimits { frame_bytes: usize::MAX, message_bytes: usize::MAX };
    let mut bytes = header(FIN | BINARY, LengthForm::Long, u64::MAX, Some(MASK));
    match Receiver::new().next(&mut bytes, &limits) {
        Step::Fault(fault) => assert_eq!(fault.code, CloseCode::TOO_BIG),
        step => panic!("{step:?}"),
    }
    // A quarter of what there is to address.
    let quarter = usize::MAX / 4;
    let mut bytes = header(FIN | TEXT, LengthForm::Long, quarter as u64, Some(MASK));
    match Receiver::new().next(&mut bytes, &limits) {
        Step::NeedMore { frame_len } => assert_eq!(frame_len, Some(quarter + 14)),
        step => panic!("{step:?}"),
    }
}

#[test]
fn text_must_be_utf8() {
    let bad: [&[u8]; 5] = [b"\xff", b"ab\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"cut \xe2\x82"];
    for text in bad {
        assert_eq!(fault_after(b"", &frame(FIN | TEXT, text)).code, CloseCode::INVALID_DATA, "{text:02x?}");
        for cut in 0..text.len() {
            let stream = [frame(TEXT, &text[..cut]), frame(FIN, &text[cut..])].concat();
            assert_eq!(fault_after(b"", &stream).code, CloseCode::INVALID_DATA, "{text:02x?} cut at {cut}");
        }
        assert_eq!(walk(&frame(FIN | BINARY, text), [], &LIMITS).end, End::Open, "bytes may be anything");
    }
}

#[test]
fn bad_text_is_refused_at_its_first_bad_byte() {
    let text = b"good \xce\xba\xe1\xbd\xb9 \xf4\x90 and as much again that never comes";
    let bad_at = 12;
    for before in [&b""[..], &frame(TEXT, b"\xf0\x9f\x98")] {
        let (first, payload): (u8, Vec<u8>) = match before.is_empty() {
            true => (FIN | TEXT, text.to_vec()),
            false => (CONTINUATION, [b"\x80", &text[..]].concat()), // ends the character begun before
        };
        let stream = [before, &frame(first, &payload)].concat();
        let bad_at = bad_at + payload.len() - text.len();
        let arrived = stream.len() - payload.len() + bad_at;
        let pieces = |end: usize| walk(&stream[..end], 0..end, &LIMITS).end;
        assert_eq!(pieces(arrived), End::Open);
        assert!(matches!(pieces(arrived + 1), End::Fault(fault) if fault.code == CloseCode::INVALID_DATA));
    }
}

#[test]
fn a_close_must_be_well_formed() {
    for (payload, code) in [
        (&b"\x03"[..], CloseCode::PROTOCOL),
        (&b"\x03\xe8\xff"[..], CloseCode::INVALID_DATA),
        (&b"\x03\xe8 cut \xe2\x82"[..], CloseCode::INVALID_DATA),
    ] {
        assert_eq!(fault_after(b"", &frame(FIN | CLOSE, payload)).code, code, "{payload:02x?}");
    }
}

#[test]
fn a_close_with_a_forbidden_code_is_answered_as_a_breach() {
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        let stream = frame(FIN | CLOSE, &code.to_be_bytes());
        agree(&stream, [], &LIMITS).expect("agreement");
        match &walk(&stream, [], &LIMITS).events[..] {
            [Event::Close { code: Some(1002), reply, .. }] => assert_eq!(reply[2..4], [3, 234]),
            events => panic!("{code}: {events:?}"),
        }
    }
}

#[test]
fn a_failed_receiver_stays_failed() {
    let mut receiver = Receiver::new();
    let mut bad = frame(FIN | 3, b"");
    let Step::Fault(first) = receiver.next(&mut bad, &LIMITS) else { panic!("must fail") };
    let mut good = frame(FIN | TEXT, b"fine");
    for _ in 0..3 {
        assert!(matches!(receiver.next(&mut good, &LIMITS), Step::Fault(again) if again == first));
        assert!(matches!(receiver.next(&mut [], &LIMITS), Step::Fault(again) if again == first));
    }
}

#[test]
fn a_fault_lets_go_of_the_message_that_was_open() {
    let mut receiver = Receiver::new();
    let mut bytes = frame(TEXT, &[b'x'; 900]);
    assert!(matches!(receiver.next(&mut bytes, &LIMITS), Step::Item { item: Item::Fragment, .. }));
    assert!(receiver.held_bytes() > 900);
    assert!(matches!(receiver.next(&mut frame(FIN | TEXT, b""), &LIMITS), Step::Fault(_)));
    assert_eq!(receiver.held_bytes(), 0);
}
