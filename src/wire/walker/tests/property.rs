//! Any bytes, cut anywhere, give what a plain tungstenite gives for them.
//!
//! A failure names its seed; `ANDON_SEED` set to it runs that one alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;

use super::{
    super::{FrameLimits, fuzz_walker, oracle::agree},
    frames::*,
};

/// Runs `case` for each seed, or for the one that `ANDON_SEED` names.
fn for_seeds(count: u64, case: impl Fn(&mut Rng)) {
    let named = std::env::var("ANDON_SEED").ok().map(|seed| seed.parse().expect("ANDON_SEED is a number"));
    let seeds = named.map_or(0..count, |seed: u64| seed..seed + 1);
    for seed in seeds {
        if catch_unwind(AssertUnwindSafe(|| case(&mut Rng::with_seed(seed)))).is_err() {
            panic!("replay with ANDON_SEED={seed}");
        }
    }
}

fn check(stream: &[u8], cuts: impl IntoIterator<Item = usize>, limits: &FrameLimits) {
    agree(stream, cuts, limits).unwrap_or_else(|difference| panic!("{difference}"));
}

fn some_limits(rng: &mut Rng) -> FrameLimits {
    let mut size = || [0, 16, 40, 125, 126, 300, 1000, 70_000, 200_000, 200_000, 200_000][rng.usize(..11)];
    FrameLimits { frame_bytes: size(), message_bytes: size() }
}

fn some_len(rng: &mut Rng, long: bool) -> usize {
    match rng.u8(..if long { 24 } else { 20 }) {
        0..=1 => 0,
        2..=15 => rng.usize(1..24),
        16..=19 => rng.usize(120..132),
        20..=21 => rng.usize(65_530..65_540),
        _ => rng.usize(200..20_000),
    }
}

fn some_text(rng: &mut Rng, len: usize) -> Vec<u8> {
    const CHARS: [char; 9] = ['a', 'Z', '"', '\0', '\u{7f}', '\u{e4}', '\u{20ac}', '\u{ffff}', '\u{1f600}'];
    let ascii = rng.bool();
    let mut text = String::new();
    while text.len() < len {
        text.push(CHARS[rng.usize(..if ascii { 5 } else { CHARS.len() })]);
    }
    let mut bytes = text.into_bytes();
    if rng.u8(..40) == 0 && !bytes.is_empty() {
        let at = rng.usize(..bytes.len());
        bytes[at] = rng.u8(..);
    }
    bytes
}

fn some_frame(rng: &mut Rng, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut form = LengthForm::shortest(payload.len());
    if rng.u8(..10) == 0 {
        form = form.max([LengthForm::Medium, LengthForm::Long][rng.usize(..2)]);
    }
    let mask = if rng.u8(..8) == 0 { [0; 4] } else { [rng.u8(..), rng.u8(..), rng.u8(..), rng.u8(..)] };
    let mut bytes = frame_in(first, form, payload, mask);
    match rng.u8(..100) {
        0 => bytes[0] ^= 1 << rng.u8(..8),
        1 => bytes[1] ^= 1 << rng.u8(..8),
        2 => {
            let at = rng.usize(..bytes.len().min(14));
            bytes[at] = rng.u8(..);
        }
        3 => bytes.truncate(rng.usize(..bytes.len())),
        _ => {}
    }
    bytes
}

fn some_control(rng: &mut Rng) -> Vec<u8> {
    let opcode = [PING, PING, PING, PONG, PONG][rng.usize(..5)];
    let opcode = if rng.u8(..25) == 0 { CLOSE } else { opcode };
    let len = [0, 1, 2, 5, 124, 125][rng.usize(..6)];
    let mut payload = some_text(rng, len);
    payload.truncate(if rng.u8(..30) == 0 { 126 } else { 125 });
    if opcode == CLOSE
        && let Some(code) = payload.first_chunk_mut()
    {
        *code = [1000, 1001, 1005, 1011, 3000, 4999, rng.u16(..)][rng.usize(..7)].to_be_bytes();
    }
    some_frame(rng, FIN | opcode, &payload)
}

/// One message: text or binary, whole or in fragments with control frames between them.
fn some_message(rng: &mut Rng, long: bool, stream: &mut Vec<u8>) {
    let len = some_len(rng, long);
    let opcode = if rng.bool() { TEXT } else { BINARY };
    let payload = some_text(rng, len);
    let mut first = opcode;
    let mut rest = &payload[..];
    if rng.u8(..5) < 2 {
        for _ in 0..rng.u8(1..4) {
            let (piece, behind) = rest.split_at(rng.usize(..=rest.len()));
            stream.extend(some_frame(rng, first, piece));
            rest = behind;
            first = CONTINUATION;
            if rng.u8(..3) == 0 {
                stream.extend(some_control(rng));
            }
        }
    }
    stream.extend(some_frame(rng, FIN | first, rest));
}

fn some_stream(rng: &mut Rng, long: bool) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..rng.u8(1..8) {
        match rng.u8(..5) {
            0 => stream.extend(some_control(rng)),
            _ => some_message(rng, long, &mut stream),
        }
    }
    if rng.u8(..4) == 0 {
        stream.truncate(rng.usize(..=stream.len()));
    }
    stream
}

#[test]
fn short_streams_cut_at_every_position() {
    for_seeds(700, |rng| {
        let limits = some_limits(rng);
        let stream = some_stream(rng, false);
        check(&stream, [], &limits);
        check(&stream, 0..stream.len(), &limits);
        if stream.len() < 600 {
            for cut in 0..=stream.len() {
                check(&stream, [cut], &limits);
            }
        }
    });
}

#[test]
fn long_streams_cut_at_random_positions() {
    for_seeds(300, |rng| {
        let limits = some_limits(rng);
        let stream = some_stream(rng, true);
        for _ in 0..4 {
            let mut cuts: Vec<usize> = (0..rng.usize(..40)).map(|_| rng.usize(..=stream.len())).collect();
            cuts.sort_unstable();
            check(&stream, cuts, &limits);
        }
    });
}

#[test]
fn noise_cut_anywhere() {
    for_seeds(10_000, |rng| {
        let mut data: Vec<u8> = (0..rng.usize(..60)).map(|_| rng.u8(..)).collect();
        // Mostly something that begins like a frame, or noise would end at its first byte.
        if let Some([first, second]) = data.get_mut(3..5) {
            *first &= 0x8b;
            *second |= 0x80;
        }
        fuzz_walker(&data);
    });
}
