//! A crash test of the recorder: a server that records device sessions and guided sessions is killed (`kill -9`) in the midst of its work, again and again, and
//! what its clients saw acknowledged is looked for in the file.
//!
//!     cargo run --release --example crash -- --cycles 200
//!
//! After each kill it must hold that
//! - the file is whole (`PRAGMA integrity_check`), and a restart finds no session active in it;
//! - every session whose end was acknowledged is there as `completed`, with every sample that was sent, each once and in order;
//! - of every other session there is a beginning of what was sent, each sample once and in order, and nothing of any other;
//! - every step that was confirmed to a student is there, and none that no student has completed.
//!
//! The seed is printed; with `--seed N` the clients do the same again, though not the scheduler.

use andon::{
    Builder, DeviceSessionsConfig, GuidedSession, GuidedSessionsConfig, Identity, IdentityTable,
    MountOptions, Server, SqliteStore, Subtask,
};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};
use tungstenite::{Message, WebSocket, client::IntoClientRequest};

const USAGE: &str = "crash [--cycles N] [--devices N] [--store PATH] [--seed N]

  --cycles N     kills (5)
  --devices N    devices that stream meanwhile (8), beside two students
  --store PATH   the file, which must not exist (one in the directory for temporary files)
  --seed N       of the clients (any)";

/// Within so long after it has begun the server is killed.
const LIFE: std::ops::Range<u64> = 30..500;
const STUDENTS: u32 = 2;
const LESSON: &str = "CRASH001";
/// Kills that one file goes through: looking at all of it takes longer each time.
const KILLS_PER_FILE: u32 = 10;
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", store, cycle] => serve(store, cycle),
        ref options => Plan::parse(options).and_then(|plan| crash(&plan)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("crash: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The server that is to be killed.
fn serve(store: &str, cycle: &str) -> Result<(), String> {
    let cycle: u32 = cycle.parse().map_err(|_| format!("{cycle} is no cycle"))?;
    let store = SqliteStore::open(store).map_err(|error| error.to_string())?;
    let table = IdentityTable::new().cookies();
    for nth in 0..STUDENTS {
        let user = user(cycle, nth);
        let student = Identity::new(user.to_string()).with_role("STUDENT");
        table.insert(format!("student{user}"), student).map_err(|error| error.to_string())?;
    }
    let lesson = (1..=3).fold(GuidedSession::new(LESSON), |lesson, id| {
        lesson.subtask(Subtask::new(id, format!("Step {id}")))
    });
    let builder: Builder = Server::builder().listen("127.0.0.1:0").store(store);
    let server = builder
        .device_sessions("/ws/device", DeviceSessionsConfig::new())
        .guided_sessions_with(
            "/ws/sessions/{code}/",
            MountOptions::new().gate(table),
            GuidedSessionsConfig::new().session(lesson),
        )
        .start()
        .map_err(|error| error.to_string())?;
    println!("listening on ws://{}", server.local_addrs()[0]);
    loop {
        thread::park();
    }
}

/// Nobody is two students.
fn user(cycle: u32, nth: u32) -> i64 {
    i64::from(cycle * STUDENTS + nth)
}

struct Plan {
    cycles: u32,
    devices: u32,
    store: PathBuf,
    seed: u64,
}

impl Plan {
    fn parse(words: &[&str]) -> Result<Self, String> {
        let file = format!("andon-crash-{}.db", std::process::id());
        let mut plan =
            Self { cycles: 5, devices: 8, store: std::env::temp_dir().join(file), seed: fastrand::u64(..) };
        for pair in words.chunks(2) {
            let bad = |_| format!("{}: a number is expected\n\n{USAGE}", pair.join(" "));
            match *pair {
                ["--cycles", value] => plan.cycles = value.parse().map_err(bad)?,
                ["--devices", value] => plan.devices = value.parse().map_err(bad)?,
                ["--seed", value] => plan.seed = value.parse().map_err(bad)?,
                ["--store", value] => plan.store = value.into(),
                _ => return Err(format!("unknown: {}\n\n{USAGE}", pair.join(" "))),
            }
        }
        if plan.store.exists() {
            return Err(format!("{} is there already: give another --store", plan.store.display()));
        }
        Ok(plan)
    }
}

/// A session, as its client knows it.
#[derive(Debug, Default, Clone)]
struct Known {
    device: String,
    /// Samples handed to the socket.
    sent: i64,
    /// The end was acknowledged.
    acknowledged: bool,
}

/// Sessions by their id.
type Ledger = BTreeMap<String, Known>;

fn crash(plan: &Plan) -> Result<(), String> {
    println!("seed {}, {}", plan.seed, plan.store.display());
    let (mut sessions, mut acknowledged, mut samples, mut steps) = (0, 0, 0, 0);
    for cycle in 1..=plan.cycles {
        let mut rng = fastrand::Rng::with_seed(plan.seed ^ u64::from(cycle) << 32);
        let (mut server, address) = start(&plan.store, cycle)?;
        let students: Vec<_> = (0..STUDENTS)
            .map(|nth| {
                let (address, rng) = (address.clone(), rng.fork());
                thread::spawn(move || {
                    Student { user: user(cycle, nth), sent: 0, confirmed: 0 }.live(&address, rng)
                })
            })
            .collect();
        let devices: Vec<_> = (0..plan.devices)
            .map(|nth| {
                let (address, rng) = (address.clone(), rng.fork());
                thread::spawn(move || Device::new(cycle, nth, rng).live(&address))
            })
            .collect();
        thread::sleep(Duration::from_millis(rng.u64(LIFE)));
        // No signal that it could hear of.
        server
            .kill()
            .and_then(|()| server.wait())
            .map_err(|error| format!("the server cannot be killed: {error}"))?;
        let mut ledger = Ledger::new();
        for device in devices {
            ledger.extend(device.join().map_err(|_| "a client panicked")?);
        }
        let mut class = Vec::new();
        for student in students {
            class.push(student.join().map_err(|_| "a student panicked")?);
        }
        let found = check(plan, cycle, &ledger, &class)
            .map_err(|why| format!("cycle {cycle}, seed {}: {why}", plan.seed))?;
        sessions += ledger.len();
        acknowledged += ledger.values().filter(|known| known.acknowledged).count();
        samples += found;
        if cycle % KILLS_PER_FILE == 0 {
            remove(&plan.store);
        }
        steps += class.iter().map(|student| student.confirmed).sum::<i64>();
    }
    println!(
        "{} kills: {sessions} sessions, {acknowledged} of them acknowledged, {samples} samples and {steps} confirmed steps in place, nothing lost, nothing misfiled",
        plan.cycles
    );
    remove(&plan.store);
    if acknowledged == 0 {
        return Err("nothing was acknowledged, so nothing was tested: more cycles are needed".into());
    }
    Ok(())
}

/// Removes the file and what SQLite keeps beside it.
fn remove(store: &Path) {
    for end in ["", "-wal", "-shm", "-owner"] {
        let mut file = store.as_os_str().to_owned();
        file.push(end);
        // What is not there needs no removing.
        let _ = std::fs::remove_file(file);
    }
}

/// Starts a server on the file, and waits until it listens.
fn start(store: &Path, cycle: u32) -> Result<(Child, String), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut server = Command::new(program)
        .arg("serve")
        .arg(store)
        .arg(cycle.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the server does not start: {error}"))?;
    let mut line = String::new();
    let out = server.stdout.take().ok_or("the server has no output")?;
    BufReader::new(out).read_line(&mut line).map_err(|error| error.to_string())?;
    match line.trim().strip_prefix("listening on ws://") {
        Some(address) => Ok((server, address.to_owned())),
        None => {
            let status = server.wait().map_err(|error| error.to_string())?;
            Err(format!("the server did not come up: {status}"))
        }
    }
}

/// A device that starts, streams and stops until its connection breaks.
struct Device {
    id: String,
    rng: fastrand::Rng,
    ledger: Ledger,
}

impl Device {
    fn new(cycle: u32, nth: u32, rng: fastrand::Rng) -> Self {
        Self { id: format!("AMR_{cycle}_{nth}"), rng, ledger: Ledger::new() }
    }

    fn live(mut self, address: &str) -> Ledger {
        let give_up = Instant::now() + PATIENCE;
        if let Some(mut socket) = open(address, "/ws/device", "") {
            while Instant::now() < give_up && self.session(&mut socket).is_some() {}
        }
        self.ledger
    }

    /// One session. `None`: the connection is broken.
    fn session(&mut self, socket: &mut WebSocket<TcpStream>) -> Option<()> {
        let id = self.id.clone();
        say(socket, &format!(r#"{{"type":"session_start","deviceId":"{id}","timestamp":1}}"#))?;
        let session = hear(socket, "session_created")?;
        self.ledger.insert(session.clone(), Known { device: id.clone(), ..Known::default() });
        for n in 1..=self.rng.i64(0..400) {
            let sample =
                format!(r#"{{"type":"sensor_data","deviceId":"{id}","sessionId":"{session}","n":{n}}}"#);
            // It counts as sent before it is: whether the kernel has taken a part of it is not told.
            self.ledger.get_mut(&session)?.sent = n;
            say(socket, &sample)?;
        }
        say(
            socket,
            &format!(r#"{{"type":"session_end","deviceId":"{id}","sessionId":"{session}","timestamp":2}}"#),
        )?;
        let ended = hear(socket, "session_ended")?;
        self.ledger.get_mut(&ended)?.acknowledged = true;
        Some(())
    }
}

/// A student who completes steps until the connection breaks.
#[derive(Debug)]
struct Student {
    user: i64,
    sent: i64,
    confirmed: i64,
}

impl Student {
    fn live(mut self, address: &str, mut rng: fastrand::Rng) -> Self {
        let cookie = format!("sessionid=student{}", self.user);
        let path = format!("/ws/sessions/{LESSON}/");
        let give_up = Instant::now() + PATIENCE;
        if let Some(mut socket) = open(address, &path, &cookie) {
            while Instant::now() < give_up && self.step(&mut socket, rng.u8(1..=3)).is_some() {}
        }
        self
    }

    fn step(&mut self, socket: &mut WebSocket<TcpStream>, subtask: u8) -> Option<()> {
        self.sent += 1;
        say(socket, &format!(r#"{{"type":"step_complete","data":{{"subtask_id":{subtask}}}}}"#))?;
        hear(socket, "step_complete_confirmed")?;
        self.confirmed += 1;
        Some(())
    }
}

fn open(address: &str, path: &str, cookie: &str) -> Option<WebSocket<TcpStream>> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_nodelay(true).ok()?;
    let mut request = format!("ws://{address}{path}").into_client_request().ok()?;
    if !cookie.is_empty() {
        request.headers_mut().insert("Cookie", cookie.parse().ok()?);
    }
    Some(tungstenite::client(request, stream).ok()?.0)
}

fn say(socket: &mut WebSocket<TcpStream>, text: &str) -> Option<()> {
    socket.send(Message::text(text)).ok()
}

/// Waits for a message of this type, and returns the session that it names, if any.
fn hear(socket: &mut WebSocket<TcpStream>, kind: &str) -> Option<String> {
    loop {
        let Message::Text(text) = socket.read().ok()? else { continue };
        let message: serde_json::Value = serde_json::from_str(&text).ok()?;
        if message["type"] == kind {
            return Some(message["sessionId"].as_str().unwrap_or_default().to_owned());
        }
        assert_ne!(message["type"], "error", "{text}");
    }
}

/// Looks for what the clients know in the file. Returns how many samples were found.
fn check(plan: &Plan, cycle: u32, ledger: &Ledger, class: &[Student]) -> Result<i64, String> {
    let words = |error: rusqlite::Error| error.to_string();
    // Before the next server comes: the file is to be whole as it was left.
    let file = rusqlite::Connection::open(&plan.store).map_err(words)?;
    let whole: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(words)?;
    if whole != "ok" {
        return Err(format!("integrity_check: {whole}"));
    }
    drop(file);
    // A restart marks what was open; nobody comes.
    let (mut server, _) = start(&plan.store, cycle)?;
    server.kill().and_then(|()| server.wait()).map_err(|error| error.to_string())?;
    let file = rusqlite::Connection::open(&plan.store).map_err(words)?;
    let active = "SELECT count(*) FROM sessions WHERE status = 'active'";
    let active: i64 = file.query_row(active, [], |row| row.get(0)).map_err(words)?;
    if active > 0 {
        return Err(format!("{active} sessions are active after a restart"));
    }

    for student in class {
        let sql = "SELECT count(*) FROM step_completions WHERE session_code = ?1 AND user_id = ?2";
        let steps: i64 = file.query_row(sql, (LESSON, student.user), |row| row.get(0)).map_err(words)?;
        if steps < student.confirmed || steps > student.sent {
            return Err(format!("{student:?}, but the file has {steps} steps"));
        }
    }
    let devices = format!("AMR\\_{cycle}\\_%");
    let mut stored = BTreeMap::<String, Vec<(i64, String, String)>>::new();
    let mut query = file
        .prepare("SELECT session_id, seq, device_id, payload FROM samples WHERE device_id LIKE ?1 ESCAPE '\\' ORDER BY session_id, seq")
        .map_err(words)?;
    let mut rows = query.query([&devices]).map_err(words)?;
    while let Some(row) = rows.next().map_err(words)? {
        let session: Option<String> = row.get(0).map_err(words)?;
        let session = session.ok_or("a sample was filed under no session")?;
        let sample = (row.get(1).map_err(words)?, row.get(2).map_err(words)?, row.get(3).map_err(words)?);
        stored.entry(session).or_default().push(sample);
    }
    let mut found = 0;
    for (session, samples) in &stored {
        let known =
            ledger.get(session).ok_or_else(|| format!("samples of {session}, which nobody has started"))?;
        for (at, (seq, device, payload)) in (1..).zip(samples) {
            let n = format!(r#""sessionId":"{session}","n":{at}}}"#);
            if *seq != at || *device != known.device || !payload.ends_with(&n) {
                return Err(format!("{session}: sample {at} is number {seq} of {device}: {payload}"));
            }
        }
        found += samples.len() as i64;
    }
    for (session, known) in ledger {
        let count = stored.get(session).map_or(0, |samples| samples.len() as i64);
        let row = file.query_row(
            "SELECT status, device_id, sample_count FROM sessions WHERE session_id = ?1",
            [session],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?)),
        );
        let row = match row {
            Ok(row) => Some(row),
            Err(rusqlite::Error::QueryReturnedNoRows) => None,
            Err(error) => return Err(error.to_string()),
        };
        let fits = match &row {
            Some((status, device, in_row)) => {
                let whole = !known.acknowledged || (status == "completed" && count == known.sent);
                // One that was not acknowledged may have come as far as that.
                let ended =
                    ["interrupted", "completed", "disconnected", "auto_ended"].contains(&status.as_str());
                whole && ended && *device == known.device && *in_row == count && count <= known.sent
            }
            None => !known.acknowledged && count == 0,
        };
        if !fits {
            return Err(format!("{session}: {known:?}, but the file has {row:?} and {count} samples"));
        }
    }
    Ok(found)
}
