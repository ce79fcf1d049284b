//! What the recorder costs beside the bare library: rows a second of `SqliteStore`, and of a loop of inserts over `rusqlite` with the same tables, the same
//! pragmas, the same rows and as many of them in a transaction.
//!
//! ```text
//! cargo run --release --example bench_recorder -- [DIRECTORY [SESSIONS [BYTES]]]
//! ```
//!
//! Both record samples of so many sessions (1) in turn, with a payload of so many bytes (120), 1,000 to a transaction, each of which is synced. The two take
//! turns, each into a new file; the medians are compared. The directory should lie on the disk that is to be recorded on.

use andon::{DeviceRecord, DeviceSample, Record, SqliteStore, Store, Wall};
use rusqlite::{Connection, TransactionBehavior, params};
use std::{
    env, error, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

const ROUNDS: usize = 9;
const BATCHES: u64 = 60;
const ROWS: u64 = 1_000;

type Outcome<T> = Result<T, Box<dyn error::Error>>;

/// What is recorded.
#[derive(Clone, Copy)]
struct Load {
    sessions: u64,
    payload_bytes: usize,
}

fn main() -> Outcome<()> {
    let mut args = env::args().skip(1);
    let parent = args.next().map_or_else(env::temp_dir, PathBuf::from);
    let sessions = args.next().map_or(Ok(1), |word| word.parse())?;
    let payload_bytes = args.next().map_or(Ok(120), |word| word.parse())?;
    let load = Load { sessions, payload_bytes };
    let folder = parent.join(format!("andon-bench-recorder-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let (mut bare, mut store) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        bare.push(rate(with_bare(&folder.join(format!("bare-{round}.db")), load)?));
        store.push(rate(with_store(&folder.join(format!("store-{round}.db")), load)?));
    }
    fs::remove_dir_all(&folder)?;
    let (bare, store) = (median(bare), median(store));
    println!("bare rusqlite  {bare:>9.0} rows/s");
    println!("SqliteStore    {store:>9.0} rows/s");
    println!("ratio          {:>9.2}", store / bare);
    Ok(())
}

fn rate(took: Duration) -> f64 {
    (BATCHES * ROWS) as f64 / took.as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// The samples of a batch, and the sessions' names.
struct Samples {
    names: Vec<(Arc<str>, Arc<str>)>,
    payload_bytes: usize,
}

impl Samples {
    fn of(load: Load) -> Self {
        let name = |n| (format!("session_{n:012x}").into(), format!("AMR_{n:05}").into());
        let names = (0..load.sessions).map(|n| name(n * 0x9E37_79B9_7F4A % (1 << 48))).collect();
        Self { names, payload_bytes: load.payload_bytes }
    }

    fn batch(&self, batch: u64) -> Vec<DeviceSample> {
        let sample = |n| {
            let at = batch * ROWS + n;
            let sessions = self.names.len() as u64;
            let ((session, device), seq) = (&self.names[(at % sessions) as usize], at / sessions + 1);
            let mut payload =
                format!(r#"{{"type":"sensor_data","deviceId":"{device}","timestamp":{at},"data":""#);
            payload.push_str(&"x".repeat(self.payload_bytes.saturating_sub(payload.len() + 2)));
            payload.push_str("\"}");
            DeviceSample {
                place: Some((Arc::clone(session), seq)),
                device: Arc::clone(device),
                received_at: Wall::from_millis(1_703_123_456_789 + at as i64),
                payload: payload.into(),
            }
        };
        (0..ROWS).map(sample).collect()
    }
}

fn with_store(file: &Path, load: Load) -> Outcome<Duration> {
    let mut store = SqliteStore::open(file)?;
    let samples = Samples::of(load);
    let mut took = Duration::ZERO;
    for batch in 0..BATCHES {
        let record = |sample| {
            let body = DeviceRecord::Sample(Arc::new(sample));
            Record::new("/ws/device", Wall::from_millis(0), body)
        };
        let records: Vec<_> = samples.batch(batch).into_iter().map(record).collect();
        let begun = Instant::now();
        store.commit(&records)?;
        took += begun.elapsed();
    }
    Ok(took)
}

fn with_bare(file: &Path, load: Load) -> Outcome<Duration> {
    // It makes the tables.
    drop(SqliteStore::open(file)?);
    let mut bare = Connection::open(file)?;
    bare.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000;
         PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -8192; PRAGMA foreign_keys = OFF;",
    )?;
    let samples = Samples::of(load);
    let mut took = Duration::ZERO;
    for batch in 0..BATCHES {
        let samples = samples.batch(batch);
        let begun = Instant::now();
        let change = bare.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut insert = change.prepare_cached(
            "INSERT INTO samples(session_id, seq, device_id, received_at, payload) VALUES(?1, ?2, ?3, ?4, ?5)",
        )?;
        for sample in &samples {
            let (session, seq) = sample.place.as_ref().ok_or("made with a session")?;
            let received_at = sample.received_at.as_millis();
            insert.execute(params![
                &**session,
                *seq as i64,
                &*sample.device,
                received_at,
                &*sample.payload
            ])?;
        }
        drop(insert);
        change.commit()?;
        took += begun.elapsed();
    }
    Ok(took)
}
