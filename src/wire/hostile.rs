//! Hostile heads: random and mutated bytes through scan, parse, path, upgrade and answer. Nothing panics, and
//! every answer has a status that is known. A failure names its seed, and the seed alone replays it.

use super::{
    answer,
    body::BodyReader,
    head::{self, HeadScan},
    pattern::Pattern,
    target::Path,
    upgrade,
};
use crate::ground::{limits::HEADERS_MAX, time::Wall};
use core::net::SocketAddr;
use httparse::EMPTY_HEADER;

#[cfg(test)]
const SEEDS: [&[u8]; 5] = [
    b"GET /ws/sessions/AB%20C/?token=x%3D1&y=+ HTTP/1.1\r\nHost: h:8000\r\nConnection: keep-alive, Upgrade\r\n\
      Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
      Sec-WebSocket-Protocol: a, b\r\nCookie: sid=\"x\"; y=z\r\n\r\n",
    b"POST http://h/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n\
      3;x\r\nabc\r\n0\r\n\r\n",
    b"PUT /a/../b HTTP/1.0\nContent-Length: 5\nConnection: keep-alive\n\nhello",
    b"OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n\r\n",
    b"\r\n\nBREW /%ff HTTP/2.0\r\nA: \xff\r\n\r\n",
];

/// Bytes that mean something somewhere in a head.
#[cfg(test)]
const TELLING: &[u8] = b"\r\n\t :,;=?#%/*\"{}\0\x7f\xff\xc3AGH019+";

#[cfg(test)]
fn hostile_bytes(random: &mut fastrand::Rng) -> Vec<u8> {
    if random.u8(..8) == 0 {
        return (0..random.usize(..300)).map(|_| random.choice(TELLING).copied().unwrap_or(0)).collect();
    }
    let mut bytes = SEEDS[random.usize(..SEEDS.len())].to_vec();
    for _ in 0..random.usize(..6) {
        let at = random.usize(..=bytes.len());
        let end = (at + random.usize(..12)).min(bytes.len());
        match random.u8(..5) {
            0 => bytes.truncate(at.max(1)),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, [random.u8(..)])),
            3 => {
                let piece = bytes[at..end].repeat(random.usize(1..40));
                drop(bytes.splice(at..at, piece));
            }
            _ => drop(bytes.splice(at..end, random.choice(TELLING).copied())),
        }
    }
    bytes
}

/// The same for whatever bytes a fuzzer makes.
#[cfg(fuzzing)]
pub(crate) fn fuzz_head(bytes: &[u8]) {
    status_of(bytes, 0);
}

/// What the server would answer, up to the point at which it needs a route.
fn status_of(bytes: &[u8], seed: u64) -> Option<u16> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let end = HeadScan::default().find_end(bytes);
    // The oracle: the scan finds the end of a head exactly where httparse does, unless that finds a fault.
    match httparse::Request::new(&mut headers).parse(bytes) {
        Ok(httparse::Status::Complete(length)) => assert_eq!(end, Some(length), "seed {seed}"),
        Ok(httparse::Status::Partial) => assert_eq!(end, None, "seed {seed}"),
        Err(_) => {}
    }
    let end = end?;

    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let head = match head::parse(&bytes[..end], &mut headers) {
        Ok(head) => head,
        Err(fault) => return Some(answered(fault.status(), fault.message(), &[])),
    };
    let path = match Path::decode(head.path) {
        Ok(path) => path,
        Err(fault) => return Some(answered(fault.status(), fault.message(), &[])),
    };
    let params =
        Pattern::parse("/ws/sessions/{code}/").expect("a pattern").matches(&path).unwrap_or_default();
    if let Some(request) = head.request(&params, SocketAddr::from(([127, 0, 0, 1], 1))) {
        let _ = (
            request.cookie("sid"),
            request.query_pairs().count(),
            request.param("code"),
            format!("{request:?}"),
        );
        upgrade::choose_subprotocol(&request, &["b".to_owned()]);
    }
    match upgrade::check(&head) {
        Ok(upgrade) => {
            let mut out = Vec::new();
            upgrade::accept_101(upgrade.key, None, &[], &mut out);
            return Some(101);
        }
        Err(fault) if head.wants_upgrade => {
            return Some(answered(fault.status(), fault.message(), fault.headers()));
        }
        Err(_) => {}
    }
    let body =
        BodyReader::new(head.body, 1_000).and_then(|mut reader| reader.feed(&bytes[end..], &mut Vec::new()));
    Some(match body {
        Ok(_) => 200,
        Err(fault) => answered(fault.status(), fault.message(), &[]),
    })
}

/// Encodes the fault as it would leave, and checks it for what no answer may lack.
fn answered(status: u16, message: &str, extra: &[(&'static str, &str)]) -> u16 {
    assert!(!message.is_empty() && !message.contains(['\r', '\n']), "{message}");
    let mut out = Vec::new();
    answer::encode_head(
        &answer::fault(status, message, extra),
        false,
        false,
        false,
        Wall::default(),
        &mut out,
    );
    let text = String::from_utf8(out).expect("texts of our own");
    assert!(text.starts_with(&format!("HTTP/1.1 {status} ")) && text.ends_with("\r\n\r\n"), "{text}");
    status
}

#[test]
fn hostile_heads_get_known_answers() {
    const KNOWN: [u16; 9] = [101, 200, 400, 405, 413, 426, 431, 501, 505];
    let mut seen = [0_u32; KNOWN.len()];
    for seed in 0..60_000 {
        let bytes = hostile_bytes(&mut fastrand::Rng::with_seed(seed));
        let Some(status) = status_of(&bytes, seed) else { continue };
        let at = KNOWN.iter().position(|known| *known == status);
        seen[at.unwrap_or_else(|| panic!("seed {seed}: status {status}"))] += 1;
    }
    // If one never comes, the mutations have stopped reaching that far.
    assert!(seen.iter().all(|count| *count > 0), "{KNOWN:?} came {seen:?} times");
}

/// However a head is cut on its way, it ends at the same place.
#[test]
fn cuts_do_not_move_the_end_of_a_hostile_head() {
    for seed in 0..4_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let bytes = hostile_bytes(&mut random);
        let whole = HeadScan::default().find_end(&bytes);
        let (mut scan, mut end) = (HeadScan::default(), 0);
        let in_pieces = loop {
            end = (end + random.usize(1..20)).min(bytes.len());
            let found = scan.find_end(&bytes[..end]);
            if found.is_some() || end == bytes.len() {
                break found;
            }
        };
        assert_eq!(in_pieces, whole, "seed {seed}");
    }
}

/// What a fuzz target begins with, by name. `fuzz/seeds.py` writes them.
///
/// Nothing where `fuzz` is missing, as in a published package.
#[cfg(test)]
pub(super) fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    if !fuzz.exists() {
        return Vec::new();
    }
    let files = std::fs::read_dir(fuzz.join("seeds").join(target)).expect("the folder of seeds");
    let seeds: Vec<_> = files
        .map(|file| {
            let path = file.expect("a seed").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a seed that can be read"))
        })
        .collect();
    assert!(!seeds.is_empty(), "no seeds for {target}");
    seeds
}

#[test]
fn seeds_of_the_fuzzer_get_the_answer_that_their_names_say() {
    for (name, bytes) in seeds("head") {
        let status = status_of(&bytes, 0).map_or("none".into(), |status| status.to_string());
        assert_eq!(name.split_once('-').map(|(status, _)| status), Some(&*status), "{name}");
    }
}
