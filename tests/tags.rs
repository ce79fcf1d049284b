//! The tag table under threads: writers in tight loops, and a reader that knows what it must see.
//!
//! `ANDON_HAMMER_SECONDS=600 cargo test --release --test tags` hammers for longer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use andon::{Equipment, EquipmentId, EquipmentView, Now, Stale, Tag, TagKind, TagValue, TagWriteError, Tags};
use std::{
    sync::atomic::{
        AtomicBool, AtomicI64,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a hammer strikes. It bounds the load, and judges nothing.
fn strike() -> Duration {
    let seconds = std::env::var("ANDON_HAMMER_SECONDS").ok();
    Duration::from_secs_f64(
        seconds.map_or(if cfg!(miri) { 2.0 } else { 1.5 }, |seconds| {
            seconds.parse().expect("a number of seconds")
        }),
    )
}

/// Equipment declared while the others write.
const LATE: usize = if cfg!(miri) { 10 } else { 1_000 };

/// The digits of a number, without an allocation.
fn digits(number: i64, buffer: &mut [u8; 20]) -> &str {
    let (mut rest, mut at) = (number, buffer.len());
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return std::str::from_utf8(&buffer[at..]).unwrap();
        }
    }
}

#[derive(Clone, Copy)]
struct Handles {
    id: EquipmentId,
    whole: Tag<i64>,
    real: Tag<f64>,
    text: Tag<str>,
    odd: Tag<bool>,
    alone: Tag<i64>,
}

fn equipment(code: &str) -> Equipment {
    Equipment::new(code, "", Stale::never())
        .tag("whole", TagKind::I64)
        .tag("real", TagKind::F64)
        .tag("text", TagKind::Text)
        .tag("odd", TagKind::Bool)
        .tag("alone", TagKind::I64)
}

impl Handles {
    fn of(tags: &Tags, code: &str) -> Self {
        let id = tags.equipment(code).unwrap();
        Self {
            id,
            whole: tags.tag(id, "whole").unwrap(),
            real: tags.tag(id, "real").unwrap(),
            text: tags.tag(id, "text").unwrap(),
            odd: tags.tag(id, "odd").unwrap(),
            alone: tags.tag(id, "alone").unwrap(),
        }
    }

    /// Write number `n`, which every tag but one tells.
    fn write(&self, tags: &Tags, n: i64) -> Result<(), TagWriteError> {
        let mut buffer = [0; 20];
        let all = [
            self.whole.to(n),
            self.real.to(-(n as f64)),
            self.text.to(digits(n, &mut buffer)),
            self.odd.to(n % 2 == 1),
            self.id.status_tag().to(n % 2 == 1),
            self.id.error_tag().to(n % 3 == 0),
        ];
        tags.update(self.id, &all)
    }
}

/// The number of the write that a snapshot is of, after checking that all of it is, and the tag that is written alone.
fn whole(view: &EquipmentView<'_>) -> (i64, i64) {
    let mut tags = view.tags().map(|(_, value)| value);
    let mut next = || tags.next().unwrap();
    let number = match next() {
        Some(TagValue::I64(number)) => number,
        None => 0,
        other => panic!("{other:?}"),
    };
    let (real, text, odd, alone) = (next(), next(), next(), next());
    if number > 0 {
        assert_eq!(real, Some((-(number as f64)).into()), "torn");
        assert_eq!(text, Some(digits(number, &mut [0; 20]).into()), "torn");
        assert_eq!(odd, Some((number % 2 == 1).into()), "torn");
        assert_eq!(view.status_tag(), number % 2 == 1, "torn");
        assert_eq!(view.error_tag(), number % 3 == 0, "torn");
    }
    match alone {
        Some(TagValue::I64(alone)) => (number, alone),
        None => (number, 0),
        other => panic!("{other:?}"),
    }
}

/// One writer in a tight loop, and a reader in another: no snapshot is torn, none is older than what was written before its scan began, and
/// scanning never stands still.
#[test]
fn one_writer_never_tears_and_never_starves_the_reader() {
    let (tags, mut scan) = Tags::builder().equipment(equipment("E")).build().unwrap();
    let handles = Handles::of(&tags, "E");
    let (begun, done, over) = (AtomicI64::new(0), AtomicI64::new(0), AtomicBool::new(false));
    let (mut snapshots, mut scans) = (0_u64, 0_u64);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !over.load(Relaxed) {
                n += 1;
                begun.store(n, Release);
                handles.write(&tags, n).expect("the only writer is never refused");
                done.store(n, Release);
                // The others keep their values.
                tags.set(handles.alone, n).expect("the only writer is never refused");
            }
        });
        let until = Instant::now() + strike();
        let mut last = (0, 0);
        while Instant::now() < until || snapshots == 0 {
            let written = done.load(Acquire);
            let look = scan.look(Now::default()).number;
            scans += 1;
            let view = scan.view(handles.id).unwrap();
            let seen @ (number, alone) = whole(&view);
            assert!(number >= written, "stale: {number}, though {written} was written before the scan");
            assert!(number <= begun.load(Acquire), "{number} was not begun");
            assert!(alone == number || alone == number - 1, "{alone} beside {number}");
            assert!(seen >= last, "{seen:?} after {last:?}");
            assert!(alone >= written - 1);
            if view.written_in() == look {
                assert!(seen > last, "told as written, and nothing was");
                snapshots += 1;
            } else {
                assert_eq!(seen, last, "not told as written");
            }
            last = seen;
        }
        over.store(true, Relaxed);
    });
    let written = done.load(Relaxed);
    scan.look(Now::default());
    assert_eq!(whole(&scan.view(handles.id).unwrap()), (written, written), "the last write is there");
    assert_eq!(scan.counts().tag_writes_busy, 0);
    eprintln!("{written} updates, {scans} scans, {snapshots} snapshots");
}

/// Several writers of one equipment, while more is declared: each write gets through whole or is `Busy`, and every `Busy` is counted.
#[test]
fn writers_at_odds_are_busy_or_through() {
    let (tags, mut scan) = Tags::builder().equipment(equipment("E")).room(LATE, 8).build().unwrap();
    let handles = Handles::of(&tags, "E");
    let over = AtomicBool::new(false);
    let until = Instant::now() + strike();
    let busy: u64 = thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|first| {
                let (tags, over) = (tags.clone(), &over);
                scope.spawn(move || {
                    let (mut busy, mut n) = (0, 1 + first);
                    while !over.load(Relaxed) {
                        match handles.write(&tags, n) {
                            Ok(()) => {}
                            Err(TagWriteError::Busy) => busy += 1,
                            Err(other) => panic!("{other}"),
                        }
                        n += 3;
                    }
                    busy
                })
            })
            .collect();
        scope.spawn(|| {
            for late in 0..LATE as i64 {
                let id = tags.declare(equipment(&format!("late {late}")).room_for_tags(1)).unwrap();
                let handles = Handles::of(&tags, &format!("late {late}"));
                assert_eq!(handles.id, id);
                handles.write(&tags, late + 1).unwrap();
                tags.set(tags.add_tag::<i64>(id, "added").unwrap(), late).unwrap();
            }
        });
        let mut looks = 0;
        while Instant::now() < until || looks == 0 {
            scan.look(Now::default());
            looks += 1;
            scan.equipment().for_each(|view| _ = whole(&view));
        }
        over.store(true, Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    scan.look(Now::default());
    assert!(whole(&scan.view(handles.id).unwrap()).0 > 0, "someone got through");
    assert_eq!(scan.counts().tag_writes_busy, busy);
    assert_eq!(scan.equipment().count(), 1 + LATE);
    for (view, late) in scan.equipment().skip(1).zip(0..) {
        assert_eq!(whole(&view).0, late + 1);
        assert_eq!(view.tags().last(), Some(("added", Some(late.into()))));
    }
}

/// Threads that declare take turns: all their tags find room, each its own.
#[test]
fn declarers_take_turns() {
    const EACH: usize = if cfg!(miri) { 4 } else { 16 };
    let shared = Equipment::new("E", "", Stale::never()).room_for_tags(4 * EACH);
    let (tags, mut scan) = Tags::builder().equipment(shared).room(4 * EACH, 0).build().unwrap();
    let id = tags.equipment("E").unwrap();
    thread::scope(|scope| {
        for thread in 0..4 {
            let tags = &tags;
            scope.spawn(move || {
                for n in 0..EACH {
                    let name = format!("{thread}.{n}");
                    let tag = tags.add_tag::<str>(id, &name).unwrap();
                    assert_eq!(tags.tag::<str>(id, &name), Ok(tag));
                    let own = tags.declare(Equipment::new(&name, &name, Stale::never())).unwrap();
                    assert_eq!(tags.equipment(&name), Some(own));
                    // The others write as well, at the same moment perhaps.
                    while tags.set(tag, &name) == Err(TagWriteError::Busy) {}
                }
            });
        }
    });
    scan.look(Now::default());
    let view = scan.view(id).unwrap();
    assert_eq!(view.tags().count(), 4 * EACH);
    assert!(view.tags().all(|(name, value)| value == Some(name.into())));
    assert!(scan.equipment().skip(1).all(|view| view.name() == view.code()));
    assert_eq!(scan.equipment().count(), 1 + 4 * EACH);
}
