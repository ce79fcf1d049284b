//! The board against a naive model: every message a number, every subscriber the list of numbers it got.

use super::*;
use crate::{
    ground::frame::Header,
    hub::topic::{Lag, Topic},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// One subscriber, seen from its client.
#[derive(Debug, Default)]
struct Reader {
    index: usize,
    snapshot: bool,
    /// Messages published when it came, and the newest value among them.
    came: u64,
    came_value: u64,
    bytes: Vec<u8>,
    last: u64,
    last_value: u64,
    told: u64,
    /// How far the gap goes that was told and not made up for yet.
    gap: Option<u64>,
    /// Up to which message gaps have been told.
    skipped: u64,
    keys: BTreeMap<u64, u64>,
}

/// A topic as a list of what was published: a number for each, and whether it is a notice.
struct Model {
    spec: Topic,
    count: u64,
    value: u64,
    notices: bool,
    keys: BTreeMap<u64, u64>,
    readers: BTreeMap<u32, Reader>,
    next_conn: u32,
    /// Those who must still be visited by the pass that is under way.
    unvisited: BTreeSet<u32>,
    seed: u64,
}

/// A contract that tells how many messages there are.
struct Count(u64);

impl SnapshotMaker for Count {
    fn make(&mut self, _topic: TopicId, placing: Placing) -> Vec<u8> {
        encode('S', self.0, u64::from(placing == Placing::Laggard), 30)
    }

    fn gap(&mut self, _topic: TopicId, missed: Range<u64>) -> Vec<u8> {
        encode('G', missed.end, missed.start, 0)
    }
}

fn payload(kind: char, number: u64, key: u64, size: usize) -> String {
    let mut text = format!("{kind} {number} {key} ");
    while text.len() < size {
        text.push(char::from(b'a' + ((number as usize + text.len()) % 26) as u8));
    }
    text
}

fn encode(kind: char, number: u64, key: u64, size: usize) -> Vec<u8> {
    let text = payload(kind, number, key, size);
    [Header::new(Opcode::Text, text.len()).as_slice(), text.as_bytes()].concat()
}

/// The first frame's payload and the frame's length.
fn first_frame(bytes: &[u8]) -> Option<(&str, usize)> {
    let (start, len) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..4)?.first_chunk()?))),
        len => (2, usize::from(len)),
    };
    assert_eq!(bytes[0], 0x81, "torn");
    Some((std::str::from_utf8(bytes.get(start..start + len)?).unwrap(), start + len))
}

impl Model {
    /// Takes whole frames, and checks what they say against what was published.
    fn read(&mut self, conn: u32) {
        let (seed, lag, source) = (self.seed, self.spec.lag, self.spec.source);
        let reader = self.readers.get_mut(&conn).unwrap();
        while let Some((text, len)) = first_frame(&reader.bytes) {
            let words: Vec<_> = text.split(' ').collect();
            let (kind, number, key) =
                (text.chars().next(), words[1].parse().unwrap(), words[2].parse().unwrap());
            assert_eq!(text, payload(kind.unwrap(), number, key, text.len()), "seed {seed}: torn");
            let state = format!("seed {seed}: {text:.20} for {reader:?} of {lag:?} {source:?}");
            let known = reader.last.max(reader.came);
            match kind {
                Some('G') => {
                    // It names exactly what was not sent, and the snapshot behind it makes up for that.
                    assert_eq!(key, known.max(reader.skipped), "{state}");
                    assert!(number > key, "{state}");
                    (reader.gap, reader.skipped) = (Some(number), number);
                }
                Some('S') => {
                    assert!(number >= reader.last, "{state}");
                    // One that is made while a message is published may know of it already.
                    let gap = reader.gap.take();
                    assert!(gap.is_none_or(|gap| gap == number || gap + 1 == number), "{state}");
                    assert_eq!(gap.is_some(), key == 1, "{state}");
                    reader.told = reader.told.max(number);
                }
                Some('K') if number <= known => {
                    assert!(number >= reader.keys.get(&key).copied().unwrap_or(0), "{state}");
                }
                Some('V') if number <= reader.came => {
                    assert!(reader.snapshot && number == reader.came_value && reader.last == 0, "{state}");
                }
                Some('N') if number <= reader.came => assert!(number == reader.last + 1, "{state}"),
                Some('V') if number < reader.last => {
                    assert!(self.notices && number > reader.last_value, "{state}");
                }
                _ => {
                    assert!(number > reader.last, "{state}");
                    if lag == Lag::Disconnect {
                        assert_eq!(number, known + 1, "{state}");
                    } else if (lag, source) == (Lag::Conflate, SnapshotSource::Contract) {
                        assert!(number <= known.max(reader.told) + 1, "{state}");
                    }
                }
            }
            if !matches!(kind, Some('S' | 'G')) {
                reader.last = reader.last.max(number);
            }
            match kind {
                Some('V') => reader.last_value = number,
                Some('K') => {
                    reader.keys.insert(key, number);
                }
                _ => {}
            }
            reader.bytes.drain(..len);
        }
    }

    /// Everything was read: does a reader know what there is to know?
    fn check_caught_up(&self, conn: u32) {
        let reader = &self.readers[&conn];
        let state = format!("seed {}: {reader:?} of {} {:?}", self.seed, self.count, self.spec);
        assert!(reader.bytes.is_empty(), "{state}");
        let moved = self.count > reader.came;
        match (self.spec.lag, self.spec.source) {
            (Lag::Disconnect, _) => assert!(!moved || reader.last == self.count, "{state}"),
            (Lag::Conflate, SnapshotSource::Last) => {
                let known = reader.last_value == self.value;
                assert!(known || (!reader.snapshot && self.value <= reader.came), "{state}");
            }
            (Lag::Conflate, SnapshotSource::Keyed) => {
                for (key, newest) in &self.keys {
                    let known = reader.keys.get(key) == Some(newest);
                    assert!(known || (!reader.snapshot && *newest <= reader.came), "{state}");
                }
            }
            (Lag::Conflate, SnapshotSource::Contract) => {
                assert!(!moved || reader.last.max(reader.told) == self.count, "{state}");
            }
            _ => assert!(self.notices || !moved || reader.last == self.count, "{state}"),
        }
    }
}

/// What is owed to a subscriber, as one run of bytes.
fn owed(board: &Board, slot: u32, index: usize) -> Vec<u8> {
    let topic = board.at_ref(slot);
    let cursor = &topic.subscribers[index].cursor;
    let mut bytes = Vec::new();
    if let Some(detached) = &cursor.detached {
        for (at, piece) in detached.pieces.iter().enumerate() {
            bytes.extend_from_slice(&piece[if at == 0 { detached.sent } else { 0 }..]);
        }
    }
    if topic.subscribers[index].lost {
        // Nothing of the log is for it any more.
        return bytes;
    }
    let (a, b) = topic.log.slices(cursor.offset(&topic.log), topic.log.head());
    bytes.extend_from_slice(a);
    bytes.extend_from_slice(b);
    bytes
}

/// A few bytes, or all, go to one subscriber.
fn write(board: &mut Board, model: &mut Model, rng: &mut fastrand::Rng, conn: u32, all: bool) {
    let index = model.readers[&conn].index;
    if board.at(0).subscribers[index].torn {
        return;
    }
    let bytes = owed(board, 0, index);
    let n = match rng.u8(0..3) {
        _ if all => bytes.len(),
        0 => rng.usize(0..=bytes.len().min(20)),
        _ => rng.usize(0..=bytes.len()),
    };
    board.advance(0, index, n);
    model.readers.get_mut(&conn).unwrap().bytes.extend_from_slice(&bytes[..n]);
    model.read(conn);
}

fn leave(board: &mut Board, model: &mut Model, conn: u32) {
    let index = model.readers[&conn].index;
    let Parting { rest, torn, moved } = board.unsubscribe(0, index, true);
    for (other, from, to) in moved {
        let reader = model.readers.get_mut(&other).unwrap();
        assert_eq!(std::mem::replace(&mut reader.index, to), from, "seed {}", model.seed);
    }
    if let Some(rest) = rest {
        model.readers.get_mut(&conn).unwrap().bytes.extend_from_slice(rest.as_slice());
        board.give_back(rest);
    }
    model.read(conn);
    let reader = model.readers.remove(&conn).unwrap();
    assert!(torn || reader.bytes.is_empty(), "seed {}: the rest is not all: {reader:?}", model.seed);
    model.unvisited.remove(&conn);
}

fn run(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let lag = [Lag::Conflate, Lag::Skip, Lag::Disconnect][rng.usize(0..3)];
    let source =
        [SnapshotSource::None, SnapshotSource::Last, SnapshotSource::Keyed, SnapshotSource::Contract]
            [rng.usize(0..4)];
    // Smaller than any real one, so that it wraps often.
    let log_bytes = rng.usize(400..4_000);
    let spec = Topic::state().with_lag(lag).with_snapshot(source).with_log_bytes(log_bytes);
    let notices = rng.u8(0..3) == 0;
    let detached_max = if rng.u8(0..4) == 0 { rng.usize(0..2_000) } else { 1 << 20 };
    let (mut board, mut stats, id) =
        (Board::new(detached_max, usize::MAX), Stats::default(), TopicId::new(0, 1));
    board.declare(id, spec);
    let mut model = Model {
        spec,
        count: 0,
        value: 0,
        notices,
        keys: BTreeMap::new(),
        readers: BTreeMap::new(),
        next_conn: 0,
        unvisited: BTreeSet::new(),
        seed,
    };
    for _ in 0..rng.usize(20..400) {
        let conns: Vec<_> = model.readers.keys().copied().collect();
        let any = (!conns.is_empty()).then(|| conns[rng.usize(0..conns.len())]);
        match (rng.u8(0..20), any) {
            (0..8, _) => {
                model.count += 1;
                let number = model.count;
                let size = rng.usize(0..log_bytes / 4 - 30);
                let notice = notices && rng.bool();
                let (kind, key) = match source {
                    _ if notice => ('N', 0),
                    SnapshotSource::Keyed => ('K', rng.u64(0..5)),
                    _ => ('V', 0),
                };
                if !notice {
                    model.value = number;
                }
                if kind == 'K' {
                    model.keys.insert(key, number);
                }
                let (text, key) = (payload(kind, number, key, size), key.to_string());
                let key = (kind == 'K').then_some(key.as_str());
                let was_in_pass = board.at(0).in_pass;
                let publication = Publication { opcode: Opcode::Text, key, payload: text.as_bytes(), notice };
                board.publish(id, publication, &mut Count(number), &mut stats).unwrap();
                if !was_in_pass {
                    model.unvisited = model.readers.keys().copied().collect();
                }
            }
            (8..10, _) if model.readers.len() < 12 => {
                let snapshot = rng.u8(0..4) > 0;
                let conn = model.next_conn;
                model.next_conn += 1;
                let index = board.subscribe(0, conn, snapshot, &mut Count(model.count), &mut stats);
                let (came, came_value) = (model.count, model.value);
                let reader = Reader { index, snapshot, came, came_value, ..Reader::default() };
                model.readers.insert(conn, reader);
                if board.at(0).subscribers[index].lost {
                    leave(&mut board, &mut model, conn);
                }
            }
            (10, Some(conn)) => leave(&mut board, &mut model, conn),
            (11..15, Some(conn)) => write(&mut board, &mut model, &mut rng, conn, false),
            // The pass goes on, as the engine has it go on.
            _ => {
                if board.fanning_out().is_none() {
                    continue;
                }
                let topic = board.at(0);
                let index = topic.pass;
                let Some(subscriber) = topic.subscribers.get(index) else {
                    board.end_pass();
                    assert!(model.unvisited.is_empty(), "seed {seed}: not visited: {:?}", model.unvisited);
                    if board.fanning_out().is_some() {
                        model.unvisited = model.readers.keys().copied().collect();
                    }
                    continue;
                };
                topic.pass += 1;
                let conn = subscriber.conn;
                model.unvisited.remove(&conn);
                assert_eq!(model.readers[&conn].index, index, "seed {seed}");
                if board.lags(0, index) {
                    board.lagged(0, index, 0, &mut Count(model.count), &mut stats);
                }
                if board.at(0).subscribers[index].lost {
                    leave(&mut board, &mut model, conn);
                } else if rng.bool() {
                    write(&mut board, &mut model, &mut rng, conn, false);
                }
            }
        }
        board.check([].iter()).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
    for conn in model.readers.keys().copied().collect::<Vec<_>>() {
        if board.at(0).subscribers[model.readers[&conn].index].lost {
            leave(&mut board, &mut model, conn);
        } else {
            write(&mut board, &mut model, &mut rng, conn, true);
            model.check_caught_up(conn);
        }
    }
    for conn in model.readers.keys().copied().collect::<Vec<_>>() {
        leave(&mut board, &mut model, conn);
    }
    board.retire(id).unwrap();
    assert_eq!(board.detached_bytes(), 0, "seed {seed}");
}

#[test]
fn agrees_with_a_naive_model() {
    if let Ok(seed) = std::env::var("ANDON_SEED") {
        return run(seed.parse().unwrap());
    }
    for seed in 0..1_000 {
        run(seed);
    }
}
