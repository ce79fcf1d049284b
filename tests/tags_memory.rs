//! What the tag table allocates: nothing when it is written, and in all no more than it said before.
//!
//! A binary of its own for its allocator, which counts for each thread apart, so that the tests are alone with their figures.

#![allow(unsafe_code, reason = "an allocator is unsafe by nature")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use andon::{Equipment, EquipmentId, Now, Stale, TagKind, TagWrite, TagWriteError, Tags, TagsBuilder, Wall};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// The system's allocator, counted.
struct Counting;

thread_local! {
    /// Allocations of this thread.
    static MADE: Cell<usize> = const { Cell::new(0) };
    /// Bytes that this thread holds.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    HELD.set(HELD.get() + bytes);
}

// SAFETY: all is the system's allocator's; the counters do not touch memory that it gave out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MADE.set(MADE.get() + 1);
        count(layout.size() as isize);
        // SAFETY: the caller keeps to the contract of the same method.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps to the contract of the same method.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Two equipment, and room.
fn described(room: usize) -> TagsBuilder {
    let press = Equipment::new("press", "name", Stale::never()).tag("speed", TagKind::F64);
    let wide = (0..20).fold(Equipment::new("wide", "", Stale::never()), |wide, n| {
        wide.tag(format!("a tag of some length, number {n}"), TagKind::Text)
    });
    Tags::builder().equipment(press).equipment(wide.room_for_tags(4)).room(room, 8)
}

#[test]
fn a_full_table_keeps_its_ceiling() {
    // The last two fill a hash table, and need one of the next size.
    for room in [0, 1, 2, 100, 894, 895] {
        let ceiling = described(room).memory_ceiling();
        let name = "t".repeat(127);
        let before = HELD.get();
        let (tags, mut scan) = described(room).build().unwrap();
        let wide = tags.equipment("wide").unwrap();
        for n in 0..4 {
            tags.add_tag::<str>(wide, &format!("{name}{n}")).unwrap();
        }
        for n in 0..room {
            let new = Equipment::new(format!("{n:->256}"), format!("{n:->256}"), Stale::never());
            let id = tags.declare(new.room_for_tags(8)).unwrap();
            for n in 0..8 {
                tags.add_tag::<str>(id, &format!("{name}{n}")).unwrap();
            }
            tags.touch(id).unwrap();
        }
        scan.look(Now::default());
        let held = (HELD.get() - before) as usize;
        eprintln!("{held} of {ceiling} bytes");
        assert!(held <= ceiling, "{held} bytes are held, the ceiling is {ceiling}");
        assert!(held >= ceiling * 9 / 10, "{held} bytes are far from the ceiling of {ceiling}");
    }
}

#[test]
fn a_write_allocates_nothing() {
    let press = Equipment::new("press", "", Stale::never()).tag("a", TagKind::F64).tag("b", TagKind::Text);
    let (tags, mut scan) = Tags::builder().equipment(press).build().unwrap();
    let id = tags.equipment("press").unwrap();
    let (a, b) = (tags.tag::<f64>(id, "a").unwrap(), tags.tag::<str>(id, "b").unwrap());
    let stranger = EquipmentId::from_bits(u64::MAX);
    scan.look(Now::default());
    let before = MADE.get();
    for n in 0..100 {
        tags.set(a, f64::from(n)).unwrap();
        tags.set(a, f64::NAN).unwrap();
        tags.set_at(Wall::from_millis(1), b, "some text").unwrap();
        tags.update(id, &[id.error_tag().to(true), a.to(1.0), TagWrite::status(id, None)]).unwrap();
        assert_eq!(tags.touch(stranger), Err(TagWriteError::UnknownEquipment));
        assert!(tags.set(b, "a text that is longer than a tag holds").is_err());
        tags.source_lost();
        // Neither does a look: the loop has better things to do, too.
        scan.look(Now::default());
    }
    assert_eq!(MADE.get(), before);
}
