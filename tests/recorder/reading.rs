//! Reading back: pages, exports, and nobody who waits for a reader.

use super::*;
use andon::{ExportCause, MemoryStore, Query, ReadError, Recordings, Server, SessionFilter, StoreReader};
use std::{io, sync::mpsc, thread, time::Duration};

/// The same of a file and of memory.
fn of_both(fill: &[Record], check: impl Fn(&mut dyn StoreReader)) {
    let folder = Folder::new();
    let (mut file, mut memory) = (folder.open(), MemoryStore::new(10_000));
    for batch in fill.chunks(100) {
        file.commit(batch).unwrap();
        memory.commit(batch).unwrap();
    }
    check(&mut *file.reader().unwrap());
    check(&mut *memory.reader().unwrap());
}

#[test]
fn sessions_come_newest_first_page_by_page() {
    let mut fill = Vec::new();
    // Three begin together, each time.
    for n in 0..12 {
        fill.push(started(&format!("session_{n:02}"), n / 3));
    }
    for n in [1, 2, 7] {
        fill.push(ended(&format!("session_{n:02}"), n / 3, 90, SessionStatus::Completed, 5));
    }
    of_both(&fill, |reader| {
        let mut all = |filter: SessionFilter| {
            let (mut ids, mut after) = (Vec::new(), None);
            loop {
                let page = reader.sessions(&filter, after.as_ref()).unwrap();
                assert!(page.len() <= filter.limit);
                let Some(last) = page.last() else { return ids };
                after = Some(last.position());
                ids.extend(page.iter().map(|row| row.id[8..].parse::<u32>().unwrap()));
            }
        };
        assert!(all(SessionFilter::new().with_limit(2)).into_iter().eq((0..12).rev()));
        assert_eq!(all(SessionFilter::new().status(SessionStatus::Completed).with_limit(1)), [7, 2, 1]);
        assert_eq!(all(SessionFilter::new().device("AMR_001")).len(), 12);
        assert_eq!(all(SessionFilter::new().device("AMR_001").status(SessionStatus::Completed)), [7, 2, 1]);
        assert_eq!(all(SessionFilter::new().device("AMR_002")).len(), 0);
        let one = reader.session("session_07").unwrap().unwrap();
        assert_eq!((one.status, one.sample_count), (SessionStatus::Completed, 5));
        assert_eq!(one.ended_at, Some(Wall::from_millis(90_000)));
        assert_eq!(reader.session("session_99"), Ok(None));
    });
}

#[test]
fn a_session_is_read_back_as_it_was_recorded() {
    let row = SessionRow {
        status: SessionStatus::EndedByHost,
        ended_at: Some(Wall::from_millis(9_000)),
        client_started_at: Some("1703123456789".into()),
        client_ended_at: Some("1.70e12".into()),
        sample_count: 3,
        ..session("session_1", 1)
    };
    of_both(&[device(DeviceRecord::SessionEnded(Arc::new(row.clone())))], |reader| {
        assert_eq!(reader.session("session_1"), Ok(Some(row.clone())));
    });
}

#[test]
fn samples_of_a_session_come_in_order_behind_a_number() {
    let mut fill: Vec<_> = (1..=50).rev().map(|seq| sample("session_1", seq)).collect();
    fill.extend([sample("session_2", 7), unassigned("AMR_001", 8)]);
    of_both(&fill, |reader| {
        let (mut read, mut after) = (Vec::new(), 10);
        loop {
            let page = reader.samples("session_1", after, 7).unwrap();
            assert!(page.len() <= 7);
            let Some(last) = page.last() else { break };
            after = last.place.as_ref().unwrap().1;
            read.extend(page.into_iter().map(|sample| {
                assert_eq!(
                    *sample.payload,
                    *format!(r#"{{"type":"sensor_data","n":{}}}"#, sample.received_at.as_millis() / 1_000)
                );
                sample.place.unwrap().1
            }));
        }
        assert!(read.into_iter().eq(11..=50));
        assert_eq!(reader.samples("session_3", 0, 7), Ok(Vec::new()));
    });
}

/// However heavy they are, a page does not take much memory; and one is given in any case.
#[test]
fn a_page_of_heavy_samples_is_short() {
    let folder = Folder::new();
    let mut store = folder.open();
    let heavy = |seq| {
        let payload = format!("{{\"x\":\"{}\"}}", "x".repeat(800_000));
        device(DeviceRecord::Sample(Arc::new(DeviceSample {
            place: Some(("session_1".into(), seq)),
            device: "AMR_001".into(),
            received_at: Wall::from_millis(0),
            payload: payload.into(),
        })))
    };
    commit(&mut store, &[heavy(1), heavy(2), heavy(3)]);
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.samples("session_1", 0, 100).unwrap().len(), 2);
    assert_eq!(reader.samples("session_1", 2, 100).unwrap().len(), 1);
}

#[test]
fn positions_of_records_hold_in_the_next_run_and_whatever_goes() {
    let folder = Folder::new();
    let query = Query::new("/ws", "stream", "k").with_limit(2);
    let mut store = folder.open();
    commit(
        &mut store,
        &[custom("k", 1, b"1"), custom("other", 2, b""), custom("k", 3, b"3"), custom("k", 4, b"4")],
    );
    let page = store.reader().unwrap().page(&query, None).unwrap();
    assert_eq!(page.records.iter().map(|record| record.at.as_millis()).collect::<Vec<_>>(), [1_000, 3_000]);
    assert_eq!(page.records[0].body, RecordBody::custom("stream", "k", *b"1"));
    assert_eq!(&*page.records[0].contract, "/ws");
    drop(store);
    let mut store = SqliteStore::builder(folder.file()).keep_for(Duration::from_secs(1)).open().unwrap();
    while store.tend(Wall::from_millis(1_000_000)) {}
    commit(&mut store, &[custom("k", 5, b"5")]);
    let mut reader = store.reader().unwrap();
    let next = reader.page(&query, page.end).unwrap();
    assert_eq!(next.records.len(), 1, "its number is not used again, although all before it is gone");
    assert_eq!(reader.page(&query, next.end).unwrap().records, []);
}

/// What the reader has is whole batches, in order, while they are written; and the writer never finds the file locked.
#[test]
fn reading_goes_on_beside_writing() {
    const BATCHES: u64 = 300;
    let folder = Folder::new();
    let mut store = SqliteStore::builder(folder.file()).busy_wait(Duration::ZERO).open().unwrap();
    commit(&mut store, &[started("session_1", 0)]);
    let mut reader = store.reader().unwrap();
    let writer = thread::spawn(move || {
        for batch in 0..BATCHES {
            let batch: Vec<_> = (1..=10).map(|n| sample("session_1", batch * 10 + n)).collect();
            commit(&mut store, &batch);
        }
    });
    let mut seen = 0;
    while seen < BATCHES * 10 {
        let page = reader.samples("session_1", seen, 1_000).unwrap();
        for sample in &page {
            seen += 1;
            assert_eq!(sample.place.as_ref().unwrap().1, seen);
        }
        assert_eq!(seen % 10, 0, "a batch is seen as a whole");
    }
    writer.join().unwrap();
    is_whole(&folder.file());
    assert!(
        !folder.0.join("recording.db-wal").exists()
            || fs::metadata(folder.0.join("recording.db-wal")).unwrap().len() < 64 << 20
    );
}

#[test]
#[cfg(unix)]
fn the_reader_follows_when_the_file_is_begun_anew() {
    let folder = Folder::new();
    let mut store = folder.open();
    commit(&mut store, &[started("session_old", 0)]);
    let mut reader = store.reader().unwrap();
    assert!(reader.session("session_old").unwrap().is_some());
    fs::remove_file(folder.file()).unwrap();
    assert!(store.commit(&[started("session_new", 0)]).is_err());
    commit(&mut store, &[started("session_new", 0)]);
    assert_eq!(reader.session("session_old"), Ok(None));
    assert!(reader.session("session_new").unwrap().is_some());
}

/// A server whose recording has one session with so many samples.
fn serving(folder: &Folder, samples: u64) -> (Server, Recordings) {
    let mut store = folder.open();
    let mut batch: Vec<_> = (1..=samples).map(|seq| sample("session_1", seq)).collect();
    batch.push(ended("session_1", 0, 99, SessionStatus::Completed, samples));
    commit(&mut store, &batch);
    let server = Server::builder().listen("127.0.0.1:0").store(store).start().unwrap();
    let recordings = server.recordings().unwrap();
    (server, recordings)
}

#[test]
fn a_host_reads_what_a_running_server_has() {
    let folder = Folder::new();
    let (server, recordings) = serving(&folder, 600);
    assert_eq!(recordings.session("session_1").unwrap().unwrap().sample_count, 600);
    let sessions: Vec<_> = recordings.sessions(SessionFilter::new()).map(|row| row.unwrap().id).collect();
    assert_eq!(sessions, ["session_1".into()]);
    let samples = recordings.samples("session_1", 100).map(|sample| sample.unwrap().place.unwrap().1);
    assert!(samples.eq(101..=600), "over several pages");
    // From a callback, as a route does it.
    let (tell, told) = mpsc::channel();
    recordings.samples_then("session_1", 598, move |page| tell.send(page.unwrap().len()).unwrap()).unwrap();
    assert_eq!(told.recv(), Ok(2));
    drop(server);
    assert_eq!(recordings.session("session_1"), Err(ReadError::Stopped));
    assert!(!folder.0.join("recording.db-wal").exists(), "whoever is last tidies the log away");
}

/// Takes so many bytes.
struct Narrow(usize, Vec<u8>);

impl io::Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.0 -= bytes.len();
        self.1.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn exports_are_complete_and_go_on_where_they_ended() {
    let folder = Folder::new();
    let (_server, recordings) = serving(&folder, 300);
    let mut csv = Vec::new();
    assert_eq!(recordings.export_csv("session_1", 0, &mut csv).unwrap(), 300);
    let csv = String::from_utf8(csv).unwrap();
    let mut lines = csv.split("\r\n");
    assert_eq!(lines.next(), Some("seq,received_at,device_id,payload"));
    assert_eq!(lines.next(), Some(r#"1,1000,AMR_001,"{""type"":""sensor_data"",""n"":1}""#));
    assert_eq!(lines.count(), 300, "the other samples, and nothing behind the last line's end");

    let mut whole = Vec::new();
    assert_eq!(recordings.export_jsonl("session_1", 0, &mut whole).unwrap(), 300);
    let mut narrow = Narrow(20_000, Vec::new());
    let error = recordings.export_jsonl("session_1", 0, &mut narrow).unwrap_err();
    assert!(matches!(error.cause, ExportCause::Write(_)));
    let mut parts = narrow.1;
    assert_eq!(recordings.export_jsonl("session_1", error.after_seq, &mut parts).unwrap(), 300);
    assert!(parts == whole, "as if it had not been interrupted");
    let mut rest = Vec::new();
    assert_eq!(recordings.export_csv("session_1", 299, &mut rest).unwrap(), 300);
    assert!(rest.starts_with(b"300,"), "the header stands at the beginning only");
}

/// Too many readers are told so, and counted; nobody waits for longer than agreed.
#[test]
fn reads_that_wait_have_a_bound() {
    let folder = Folder::new();
    let (server, recordings) = serving(&folder, 1);
    let (hold, held) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    recordings
        .session_then("session_1", move |_| {
            begun.send(()).unwrap();
            held.recv().unwrap();
        })
        .unwrap();
    begins.recv().unwrap();
    let impatient = recordings.clone().with_timeout(Duration::from_millis(1));
    assert_eq!(impatient.session("session_1"), Err(ReadError::TimedOut));
    let (tell, told) = mpsc::channel();
    let mut taken = 0;
    let refused = loop {
        let tell = tell.clone();
        match recordings.session_then("session_1", move |row| tell.send(row.is_ok()).unwrap()) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((refused, taken), (ReadError::Busy, 63), "the one that timed out waits as well");
    assert_eq!(server.stats().reads_refused, 1);
    hold.send(()).unwrap();
    for _ in 0..taken {
        assert_eq!(told.recv(), Ok(true));
    }
}
