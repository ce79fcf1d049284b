//! A host stores records: what is acknowledged is stored, whatever the store's mood.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    Event, EventMask, MemoryStore, NoEventYet, Query, ReadError, Record, RecordBody, Server, Setup, Stopped,
    Store, StoreError,
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    mpsc,
};
use support::{
    Client, PATIENCE, PING, PONG, Script, TEXT, echo,
    host::{Slow, holder, next},
    limits, masked, start, stats_until, take,
};

/// What a record of a contract of the test's own says.
fn said(record: &Record) -> &[u8] {
    match &record.body {
        RecordBody::Custom { payload, .. } => payload,
        other => panic!("{other:?}"),
    }
}

/// Records each message, and tells its sender what became of it.
fn recording(_: &mut Setup<'_>) -> Script {
    let waiting = Arc::new(Mutex::new(std::collections::VecDeque::new()));
    let asked = Arc::clone(&waiting);
    Script::new()
        .message(move |fx, peer, message| {
            let ticket = fx.record("samples", "k", message.as_bytes());
            asked.lock().unwrap().push_back((ticket, peer));
        })
        .recorded(move |fx, ticket, outcome| {
            let (first, peer) = waiting.lock().unwrap().pop_front().unwrap();
            assert_eq!(first, ticket, "tickets come back in order");
            match outcome {
                Ok(()) => fx.send(peer, "committed"),
                Err(error) => fx.send(peer, &error.to_string()),
            }
        })
}

#[test]
fn what_is_acknowledged_is_in_the_store() {
    let store = MemoryStore::new(1_000);
    let (server, addr) = start(Server::builder().mount("/", recording).store(store.clone()));
    let mut client = Client::open(addr, "/");
    for n in 0..100 {
        client.text(&n.to_string());
        client.expect_text("committed");
        let records = store.records();
        assert_eq!(records.len(), n + 1);
        assert_eq!(records[n].body, RecordBody::custom("samples", "k", n.to_string().into_bytes()));
        assert!(records[n].awaited);
    }
    stats_until(&server.handle(), "all is counted", |stats| stats.records == 100);
}

/// What is committed can be read back page by page, as long as the server runs.
#[test]
fn what_is_stored_is_read_back_from_any_thread() {
    let (server, addr) = start(Server::builder().mount("/", recording).store(MemoryStore::new(1_000)));
    let mut client = Client::open(addr, "/");
    for n in 0..10 {
        client.text(&n.to_string());
        client.expect_text("committed");
    }
    let recordings = server.recordings().expect("a store that can be read");
    let query = Query::new("/", "samples", "k").with_limit(4);
    let read = recordings.records(query.clone()).map(Result::unwrap);
    let read: Vec<_> = read.map(|record| String::from_utf8_lossy(said(&record)).into_owned()).collect();
    assert_eq!(read, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    drop(server);
    let mut read = recordings.records(query);
    assert_eq!((read.next(), read.next()), (Some(Err(ReadError::Stopped)), None));
}

#[test]
fn without_a_store_records_are_refused() {
    let (server, addr) = start(Server::builder().mount("/", recording));
    let mut client = Client::open(addr, "/");
    client.text("x");
    assert!(client.take_text().contains("without a store"));
    assert!(server.recordings().is_none());
}

/// However many messages arrive at once, few refusals wait to be told.
#[test]
fn refusals_are_told_before_more_is_read() {
    const COUNT: usize = 20_000;
    let (waiting, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let peak = Arc::clone(&most);
    let (server, addr) = start(Server::builder().mount("/", move |_: &mut Setup<'_>| {
        let (waiting, told, peak) = (Arc::clone(&waiting), Arc::clone(&waiting), Arc::clone(&peak));
        Script::new()
            .message(move |fx, _, _| {
                fx.record("s", "k", b"");
                peak.fetch_max(1 + waiting.fetch_add(1, SeqCst), SeqCst);
            })
            .recorded(move |_, _, _| {
                told.fetch_sub(1, SeqCst);
            })
    }));
    let mut client = Client::open(addr, "/");
    client.send(masked(TEXT, b"").repeat(COUNT));
    client.send_frame(PING, "all are heard");
    client.expect_frame(PONG, "all are heard");
    stats_until(&server.handle(), "all are refused", |stats| stats.records_refused == COUNT as u64);
    // And one for each time that a connection is looked at.
    assert!(most.load(SeqCst) < 2 * 1_024, "{} waited", most.load(SeqCst));
}

/// A store that does as it is told, and tells of each attempt.
struct Moody {
    down: Arc<AtomicBool>,
    attempts: mpsc::Sender<usize>,
}

impl Store for Moody {
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        let _ = self.attempts.send(batch.len());
        if self.down.load(SeqCst) {
            return Err(StoreError::Down("the disk is full".into()));
        }
        match batch.iter().any(|record| said(record) == b"poison") {
            true => Err(StoreError::Rejected("poison".into())),
            false => Ok(()),
        }
    }
}

#[test]
fn a_store_that_is_down_acknowledges_nothing_until_it_is_back() {
    let down = Arc::new(AtomicBool::new(true));
    let (attempts, tries) = mpsc::channel();
    let store = Moody { down: Arc::clone(&down), attempts };
    let (server, addr) = start(Server::builder().mount("/", recording).store(store));
    let mut client = Client::open(addr, "/");
    client.text("one");
    take(&tries);
    client.text("two");
    // It is tried again, with nothing in between but rest.
    take(&tries);
    take(&tries);
    client.send_frame(PING, "still served");
    client.expect_frame(PONG, "still served");
    assert_eq!(server.stats().records, 0);
    down.store(false, SeqCst);
    client.expect_text("committed");
    client.expect_text("committed");
    stats_until(&server.handle(), "both are counted", |stats| stats.records == 2);
}

#[test]
fn a_store_that_rejects_is_told_to_the_contract() {
    let (attempts, _tries) = mpsc::channel();
    let store = Moody { down: Arc::default(), attempts };
    let (server, addr) = start(Server::builder().mount("/", recording).store(store));
    let mut client = Client::open(addr, "/");
    client.text("poison");
    assert!(client.take_text().contains("poison"));
    client.text("good");
    client.expect_text("committed");
    let stats = stats_until(&server.handle(), "both are counted", |stats| stats.records == 1);
    assert_eq!(stats.records_failed, 1);
}

#[test]
fn a_store_that_is_down_is_reported_in_its_own_words_and_so_is_its_return() {
    let down = Arc::new(AtomicBool::new(true));
    let (attempts, _tries) = mpsc::channel();
    let store = Moody { down: Arc::clone(&down), attempts };
    let builder = Server::builder().mount("/", recording).store(store).events(EventMask::HEALTH);
    let (mut server, addr) = start(builder);
    let events = server.events().unwrap();
    let mut client = Client::open(addr, "/");
    client.text("one");
    // Its queue is all but empty.
    assert_store(&next(&events), false, "the disk is full");
    stats_until(&server.handle(), "the record waits", |stats| stats.records_waiting == 1);
    down.store(false, SeqCst);
    client.expect_text("committed");
    assert_store(&next(&events), true, "");
    assert_eq!(events.try_recv(), Err(NoEventYet::Empty), "the same words are told once");
}

#[track_caller]
fn assert_store(event: &Event, expected_up: bool, expected_why: &str) {
    let Event::Store { up, why, .. } = event else { panic!("{event:?}") };
    assert_eq!((*up, why.as_str()), (expected_up, expected_why));
}

#[test]
fn one_poisoned_record_does_not_take_its_neighbours() {
    let down = Arc::new(AtomicBool::new(true));
    let (attempts, tries) = mpsc::channel();
    let store = Moody { down: Arc::clone(&down), attempts };
    let (server, addr) = start(Server::builder().mount("/", recording).store(store));
    let mut client = Client::open(addr, "/");
    for text in ["good", "poison", "good too"] {
        client.text(text);
    }
    // Whatever came while it was down is offered together.
    while take(&tries) < 3 {}
    down.store(false, SeqCst);
    client.expect_text("committed");
    assert!(client.take_text().contains("poison"));
    client.expect_text("committed");
    let stats = stats_until(&server.handle(), "all are counted", |stats| stats.records == 2);
    assert_eq!((stats.records_failed, stats.records_waiting), (1, 0));
}

/// The store answers for far more than a turn of the loop takes, while the loop is busy: everyone hears what became of his record, in order.
#[test]
fn no_verdict_is_lost_on_a_busy_loop() {
    const COUNT: usize = 500;
    let down = Arc::new(AtomicBool::new(true));
    let (attempts, tries) = mpsc::channel();
    let store = Moody { down: Arc::clone(&down), attempts };
    let (factory, holding) = holder();
    let (server, addr) = start(Server::builder().mount("/", recording).mount("/hold", factory).store(store));
    let mut client = Client::open(addr, "/");
    for n in 0..COUNT {
        client.text(if n % 50 == 7 { "poison" } else { "good" });
    }
    while take(&tries) < COUNT {}
    let mut hold = holding(addr, "/hold");
    hold.hold();
    // All at once, in vain, then one by one.
    down.store(false, SeqCst);
    let mut singles = 0;
    while singles < COUNT {
        singles += usize::from(take(&tries) == 1);
    }
    hold.release.send(()).unwrap();
    for n in 0..COUNT {
        let expected = if n % 50 == 7 { "poison" } else { "committed" };
        assert!(client.take_text().contains(expected), "record {n}");
    }
    let stats = stats_until(&server.handle(), "all is counted", |stats| stats.records_waiting == 0);
    assert_eq!((stats.records, stats.records_failed), (490, 10));
}

#[test]
fn a_store_that_does_not_keep_up_pauses_those_who_feed_it() {
    const COUNT: usize = 500;
    let (let_through, gate) = mpsc::channel();
    let (server, addr) = start(
        Server::builder()
            .mount("/", recording)
            .mount("/echo", echo)
            .store(Slow(gate))
            .limits(limits(|limits| limits.records = 10)),
    );
    let mut client = Client::open(addr, "/");
    client.send((0..COUNT).flat_map(|_| masked(TEXT, b"x")).collect::<Vec<_>>());
    let stats = stats_until(&server.handle(), "it is paused", |stats| stats.pauses > 0);
    assert!(stats.messages_in < 50, "{} messages were read", stats.messages_in);
    let mut other = Client::open(addr, "/echo");
    other.text("hi");
    other.expect_text("hi");
    drop(let_through);
    for _ in 0..COUNT {
        client.expect_text("committed");
    }
    assert_eq!(server.stats().records_refused, 0);
}

#[test]
fn what_is_queued_is_offered_to_the_store_before_the_server_ends() {
    let (let_through, gate) = mpsc::channel();
    let (server, addr) = start(Server::builder().mount("/", recording).store(Slow(gate)));
    let mut client = Client::open(addr, "/");
    client.text("x");
    stats_until(&server.handle(), "it is heard", |stats| stats.messages_in == 1);
    drop((client, let_through));
    assert_eq!(server.stop(PATIENCE), Stopped::Clean);
}
