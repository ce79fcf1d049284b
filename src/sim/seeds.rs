//! Which seeds are run, and how a failing one is told.

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    str::FromStr,
};

/// Steps shown of a seed that is replayed.
const TRACE_LINES: usize = 400;

/// A life that is drawn from a seed.
pub(super) trait Life {
    fn live(&mut self) -> Result<(), String>;

    /// What happened, if that was to be noted.
    fn trace(&self) -> Vec<String>;
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Lives a life to its end; with `trace`, tells what happened.
pub(super) fn live(mut life: impl Life, trace: bool) -> Result<(), String> {
    let result = catch_unwind(AssertUnwindSafe(|| life.live())).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        Err(format!("panicked: {}", text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("?")))
    });
    if trace {
        let lines = life.trace();
        for line in &lines[lines.len().saturating_sub(TRACE_LINES)..] {
            println!("{line}");
        }
    }
    if result.is_err() {
        // Its parts contradict each other: they are not to be taken apart.
        std::mem::forget(life);
    }
    result
}

/// Runs `telling` seeds and `count` others, or those that the environment names. `test` is the test's name, to be replayed by.
pub(super) fn run_all(
    test: &str,
    telling: &[u64],
    count: u64,
    run: impl Fn(u64, bool) -> Result<(), String>,
) {
    if let Some(seed) = variable("ANDON_SEED") {
        run(seed, true).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        return;
    }
    let from: u64 = variable("ANDON_SEED_FROM").unwrap_or(0);
    let count: u64 = variable("ANDON_SEEDS").unwrap_or(count);
    let keep_going = env::var_os("ANDON_KEEP_GOING").is_some();
    let mut failed = 0;
    for seed in telling.iter().copied().chain(from..from + count) {
        if let Err(what) = run(seed, false) {
            println!("seed {seed}: {what}\nreplay: ANDON_SEED={seed} cargo test --lib {test} -- --nocapture");
            failed += 1;
            if !keep_going {
                break;
            }
        }
    }
    assert_eq!(failed, 0, "seeds failed; see above");
}
