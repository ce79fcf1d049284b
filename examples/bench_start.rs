//! How long the bring-up server takes from the start of its process to the first message at a client.
//!
//!     cargo build --release --example bringup && cargo run --release --example bench_start
//!
//! Wall time, seen from outside: the program is started anew each round, its ready line is read, a client connects to the equipment monitor and gets its
//! first message. With a recording that does not exist yet, with the one that this has left behind, and without any.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const ROUNDS: usize = 21;
const GOAL: Duration = Duration::from_millis(100);

type Failure = Box<dyn std::error::Error>;

/// A process that is ended with its round.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// From the start to the ready line, and to the first message.
fn start(program: &Path, store: &Path) -> Result<[Duration; 2], Failure> {
    let began = Instant::now();
    let mut command = Command::new(program);
    command.args(["--listen", "127.0.0.1:0", "--store"]).arg(store).stdout(Stdio::piped());
    let mut started = Started(command.spawn().map_err(|error| {
        format!("{}: {error}: cargo build --release --example bringup", program.display())
    })?);
    let stdout = started.0.stdout.take().ok_or("it is piped")?;
    let (mut stdout, mut line) = (BufReader::new(stdout), String::new());
    stdout.read_line(&mut line)?;
    let ready = began.elapsed();
    let url = line.trim().strip_prefix("listening on ").ok_or("it did not say where it listens")?;
    let (mut client, _) = tungstenite::connect(format!("{url}/ws/monitor"))?;
    client.read()?;
    let first = began.elapsed();
    // It has more to say, and would be cut off.
    drop(started);
    drop(stdout);
    Ok([ready, first])
}

/// The middle one of each, and the longest.
fn judge(mut times: Vec<[Duration; 2]>) -> [Duration; 3] {
    let mut middle = |which: usize| {
        times.sort_by_key(|time| time[which]);
        times[times.len() / 2][which]
    };
    let (ready, first) = (middle(0), middle(1));
    [ready, first, times[times.len() - 1][1]]
}

fn measure(program: &Path, folder: &Path) -> Result<bool, Failure> {
    println!("{ROUNDS} rounds each; milliseconds      listening   first message    longest");
    let mut met = true;
    for (what, store, is_new) in [
        ("a recording that is made", folder.join("bench.db"), true),
        ("a recording that is there", folder.join("bench.db"), false),
        ("no recording", "none".into(), false),
    ] {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            if is_new {
                fs::remove_dir_all(folder)?;
                fs::create_dir(folder)?;
            }
            times.push(start(program, &store)?);
        }
        let [ready, first, longest] = judge(times).map(|time| time.as_secs_f64() * 1e3);
        println!("{what:32} {ready:12.1} {first:15.1} {longest:10.1}");
        met &= first < GOAL.as_secs_f64() * 1e3;
    }
    Ok(met)
}

fn main() -> Result<(), Failure> {
    let program = std::env::current_exe()?.with_file_name(format!("bringup{}", std::env::consts::EXE_SUFFIX));
    let folder = std::env::temp_dir().join(format!("andon-bench-start-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let met = measure(&program, &folder);
    let _ = fs::remove_dir_all(&folder);
    if !met? && std::env::args().any(|arg| arg == "--judge") {
        return Err("the goal is missed: a first message within 100 ms".into());
    }
    Ok(())
}
