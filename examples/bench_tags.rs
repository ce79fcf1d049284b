//! What the tag table costs: a write for the control thread, alone and beside a reader; a look for the loop.
//!
//!     cargo run --release --example bench_tags
//!
//! Wall time; each figure is the best of several rounds, since whatever else the machine does only adds to it.

use andon::{
    Equipment, EquipmentId, Now, Stale, Tag, TagDeclareError, TagKind, TagScan, TagWriteError, Tags,
};
use std::{
    hint::black_box,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

const ROUNDS: u32 = 20;
const WRITES: u32 = 50_000;
const LOOKS: u32 = 20;
const MANY: usize = 10_000;

fn table(equipment: usize) -> Result<(Tags, TagScan), TagDeclareError> {
    let press = |n| {
        let press = Equipment::new(format!("PRESS-{n:05}"), "", Stale::after(Duration::from_secs(2)));
        (0..8).fold(press, |press, tag| press.tag(format!("tag {tag}"), TagKind::F64))
    };
    (0..equipment).fold(Tags::builder(), |builder, n| builder.equipment(press(n))).build()
}

/// The best round's time for one of `count` runs, in nanoseconds.
fn best(count: u32, mut run: impl FnMut(u32) -> Result<(), TagWriteError>) -> Result<f64, TagWriteError> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for n in 0..count {
            run(n)?;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(count));
    }
    Ok(best)
}

/// One writer's figures; the row's name says what else goes on.
fn writes(tags: &Tags, id: EquipmentId, eight: &[Tag<f64>], beside: &str) -> Result<(), TagWriteError> {
    let set = best(WRITES, |n| tags.set(black_box(id.status_tag()), n % 2 == 0))?;
    let update = best(WRITES, |n| {
        let mut all = [eight[0].to(f64::from(n)); 8];
        all.iter_mut().zip(eight).for_each(|(write, tag)| *write = tag.to(f64::from(n)));
        tags.update(black_box(id), &all)
    })?;
    println!("{beside:34} set {set:6.1} ns   update of 8 tags {update:6.1} ns");
    Ok(())
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let (tags, mut scan) = table(1)?;
    let id = tags.equipment("PRESS-00000").ok_or("declared above")?;
    let eight =
        (0..8).map(|tag| tags.tag(id, &format!("tag {tag}"))).collect::<Result<Vec<Tag<f64>>, _>>()?;
    writes(&tags, id, &eight, "a writer alone")?;
    for (pause, beside) in [
        (Duration::from_millis(50), "beside 20 looks a second"),
        (Duration::ZERO, "beside a look after the other"),
    ] {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    black_box(scan.look(Now::default()).number);
                    if !pause.is_zero() {
                        thread::sleep(pause);
                    }
                }
            });
            let done = writes(&tags, id, &eight, beside);
            over.store(true, Relaxed);
            done
        })?;
    }

    let (tags, mut scan) = table(MANY)?;
    let ids: Vec<EquipmentId> = (0..MANY).filter_map(|n| tags.equipment(&format!("PRESS-{n:05}"))).collect();
    scan.look(Now::default());
    let idle = best(LOOKS, |_| {
        black_box(scan.look(Now::default()).number);
        Ok(())
    })?;
    let mut busy = f64::INFINITY;
    for n in 0..ROUNDS {
        for id in &ids {
            tags.set(id.status_tag(), n % 2 == 0)?;
        }
        let start = Instant::now();
        black_box(scan.look(Now::default()).number);
        busy = busy.min(start.elapsed().as_secs_f64());
    }
    println!(
        "a look at {MANY} equipment: {:.0} µs with nothing written, {:.0} µs with all of it written",
        idle / 1e3,
        busy * 1e6
    );
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_tags: {error}");
            ExitCode::FAILURE
        }
    }
}
