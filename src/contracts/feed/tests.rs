use super::*;
use crate::{
    contracts::{
        store::{
            device::{DeviceSample, SessionRow, SessionStatus},
            guided::{
                GuidedRole, GuidedSessionRow, GuidedStatus, ParticipantRow, ParticipantStatus, Subtask,
            },
        },
        told::MonitorEvent,
    },
    ground::{id::EquipmentId, limits::FEED_HAPPENINGS_MAX},
    wire::response::BodyStream,
};
use std::time::Duration;

fn now(millis: u64) -> Now {
    Now { tick: Tick::ZERO + Duration::from_millis(millis), wall: Wall::from_millis(millis as i64) }
}

fn conn(number: u64) -> ConnId {
    ConnId::from_bits(number)
}

/// All that a stream has to say now, and whether it waits for more.
fn read(stream: &mut FeedStream) -> (String, Pulled) {
    let mut out = Vec::new();
    let mut last = Pulled::More;
    while last == Pulled::More {
        last = stream.pull(64 << 10, &mut out);
    }
    (String::from_utf8(out).unwrap(), last)
}

/// The names and numbers of the events in a text, such as `store 3`.
fn events(text: &str) -> Vec<String> {
    let events = text.split_terminator("\n\n").filter(|event| !event.starts_with(':'));
    events
        .map(|event| {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            let name = field("event: ").unwrap_or_else(|| panic!("an event has a name: {event:?}"));
            assert!(field("data: ").is_some_and(|data| data.starts_with('{')), "{event:?}");
            match field("id: ") {
                Some(number) => format!("{name} {number}"),
                None => name.to_owned(),
            }
        })
        .collect()
}

fn woken(feed: &Feed, millis: u64) -> Vec<u64> {
    let mut woken = Vec::new();
    feed.turn(now(millis).tick, &mut woken);
    woken.into_iter().map(ConnId::to_bits).collect()
}

fn sample(feed: &Feed, session: &str, number: u64) {
    let sample = DeviceSample {
        place: Some((session.into(), number)),
        device: "A".into(),
        received_at: Wall::default(),
        payload: "{}".into(),
    };
    feed.heard(&EventBody::Device(DeviceEvent::Sample(Arc::new(sample))));
}

fn row(status: SessionStatus) -> Arc<SessionRow> {
    Arc::new(SessionRow {
        id: "session_1".into(),
        device: "A".into(),
        status,
        started_at: Wall::from_millis(0),
        ended_at: None,
        client_started_at: None,
        client_ended_at: None,
        sample_count: 0,
    })
}

#[test]
fn a_stream_is_greeted_and_told_what_happens_from_then_on() {
    let feed = Feed::default();
    feed.begin(now(1_000));
    feed.store(true, "");
    let mut stream = feed.open(conn(7), None, now(2_000)).unwrap();
    let (text, outcome) = read(&mut stream);
    assert_eq!(
        text,
        "retry: 3000\nid: 1\nevent: hello\ndata: {\"timestamp\":\"1970-01-01T00:00:02.000Z\",\"started_at\":\"1970-01-01T00:00:01.000Z\",\"last\":1}\n\n"
    );
    assert_eq!(outcome, Pulled::Wait);
    assert_eq!(woken(&feed, 2_001), [7], "the store's return, of which it need not hear");
    assert_eq!(read(&mut stream).0, "");
    assert_eq!(woken(&feed, 2_002), [0; 0]);
    feed.store(false, "the disk is full");
    assert!(feed.has_news());
    assert_eq!(woken(&feed, 2_003), [7]);
    assert_eq!(woken(&feed, 2_003), [0; 0], "once");
    assert_eq!(
        read(&mut stream).0,
        "id: 2\nevent: store\ndata: {\"healthy\":false,\"reason\":\"the disk is full\"}\n\n"
    );
}

#[test]
fn each_kind_is_told_in_its_shape() {
    let feed = Feed::default();
    let mut stream = feed.open(conn(1), None, now(0)).unwrap();
    read(&mut stream);
    let device: Arc<str> = "A".into();
    let said = DeviceEvent::Registered { device: Arc::clone(&device), message: "{}".into() };
    feed.heard(&EventBody::Device(said));
    feed.heard(&EventBody::Device(DeviceEvent::SessionCreated(row(SessionStatus::Active))));
    feed.heard(&EventBody::Device(DeviceEvent::SessionEnded(row(SessionStatus::Timeout))));
    feed.told(&News::DeviceLeft { device });
    let stale =
        MonitorEvent::Staleness { equipment: EquipmentId::from_bits(0), code: "K1".into(), stale: true };
    feed.heard(&EventBody::Monitor(stale));
    let session = r#""session_id":"session_1","device_id":"A","status":"#;
    let told = read(&mut stream).0;
    let lines: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(
        events(&told),
        ["device_registered 1", "session_started 2", "session_ended 3", "device_left 4", "equipment 5"]
    );
    assert_eq!(lines[0], r#"{"device_id":"A"}"#);
    assert!(lines[1].contains(&format!("{session}\"active\"")), "{}", lines[1]);
    assert!(lines[2].contains(&format!("{session}\"timeout\"")), "{}", lines[2]);
    assert_eq!(lines[3..], [r#"{"device_id":"A"}"#, r#"{"equipment_code":"K1","stale":true}"#]);

    let row = GuidedSessionRow {
        code: "T".into(),
        status: GuidedStatus::InProgress,
        current_subtask: None,
        created_at: Wall::default(),
        ended_at: None,
    };
    feed.told(&News::Session { row, subtasks: [Subtask::new(1, "a")].into() });
    let row = ParticipantRow {
        code: "T".into(),
        user_id: 1,
        user_name: "Anna".into(),
        role: GuidedRole::Student,
        status: ParticipantStatus::Waiting,
        current_subtask: None,
        last_active_at: Wall::default(),
    };
    feed.told(&News::Participant { row, online: true });
    let help = GuidedEvent::HelpRequested {
        code: "T".into(),
        user_id: 1,
        subtask_id: None,
        message: "please".into(),
    };
    feed.heard(&help.into());
    let told = read(&mut stream).0;
    assert_eq!(events(&told), ["guided_session 6", "participant 7", "help 8"]);
    let lines: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(
        lines[0],
        r#"{"code":"T","status":"IN_PROGRESS","current_subtask":null,"subtasks":[{"id":1,"title":"a","guide":null}]}"#
    );
    assert_eq!(
        lines[1],
        r#"{"code":"T","participant":{"user_id":1,"name":"Anna","role":"STUDENT","status":"WAITING","online":true,"completed_subtask":null}}"#
    );
    assert_eq!(lines[2], r#"{"code":"T","user_id":1,"subtask_id":null,"message":"please"}"#);
}

#[test]
fn who_comes_back_gets_what_it_missed_or_a_gap() {
    let feed = Feed::default();
    for _ in 0..3 {
        feed.store(true, "");
    }
    let back = |last: u64| events(&read(&mut feed.open(conn(1), Some(last), now(0)).unwrap()).0);
    assert_eq!(back(1), ["hello 1", "store 2", "store 3"]);
    assert_eq!(back(3), ["hello 3"]);
    // Of an earlier run, whose numbers mean nothing now.
    for other in [4, 500, u64::MAX] {
        assert_eq!(back(other), ["hello", "gap 3"]);
    }
    for _ in 0..FEED_HAPPENINGS_MAX {
        feed.store(true, "");
    }
    let last = FEED_HAPPENINGS_MAX as u64 + 3;
    assert_eq!(back(2), ["hello".to_owned(), format!("gap {last}")]);
    assert_eq!(back(3).len(), 1 + FEED_HAPPENINGS_MAX);
    assert_eq!(feed.counts().gaps, 4);
}

#[test]
fn streams_are_bounded_and_free_their_places() {
    let feed = Feed::default();
    let mut streams: Vec<_> =
        (0..FEED_STREAMS_MAX as u64).map(|n| feed.open(conn(n), None, now(0))).collect();
    assert!(streams.iter().all(Option::is_some));
    assert!(feed.open(conn(99), None, now(0)).is_none());
    assert_eq!((feed.counts().streams, feed.counts().refused), (FEED_STREAMS_MAX as u64, 1));
    streams.pop();
    assert!(feed.open(conn(99), None, now(0)).is_some());
}

#[test]
fn newest_samples_are_let_out_four_times_a_second_while_somebody_watches() {
    let feed = Feed::default();
    sample(&feed, "s", 1);
    assert_eq!(feed.next_deadline(), None, "nobody watches");
    let mut stream = feed.open(conn(7), None, now(0)).unwrap();
    read(&mut stream);
    assert_eq!(woken(&feed, 0), [0; 0], "nothing was kept");
    sample(&feed, "s", 2);
    assert_eq!(woken(&feed, 0), [7], "the first is let out at once");
    assert!(read(&mut stream).0.contains("\"sample_count\":2"));
    for number in 3..100 {
        sample(&feed, "s", number);
    }
    assert_eq!(feed.next_deadline(), Some(now(250).tick));
    assert_eq!(woken(&feed, 249), [0; 0]);
    assert_eq!(read(&mut stream).0, "");
    assert_eq!(woken(&feed, 250), [7]);
    let told = read(&mut stream).0;
    assert_eq!(events(&told), ["sample"]);
    assert!(told.contains("\"sample_count\":99"), "{told}");
    sample(&feed, "s", 100);
    feed.heard(&EventBody::Device(DeviceEvent::SessionEnded(row(SessionStatus::Completed))));
    assert_eq!(woken(&feed, 500), [7]);
    assert_eq!(events(&read(&mut stream).0), ["session_ended 1", "sample"], "of another session");
    sample(&feed, "session_1", 100);
    feed.heard(&EventBody::Device(DeviceEvent::SessionEnded(row(SessionStatus::Completed))));
    woken(&feed, 750);
    assert_eq!(events(&read(&mut stream).0), ["session_ended 2"], "what is over is not shown as going on");
    drop(stream);
    sample(&feed, "s", 101);
    assert!(!feed.lock().newest.has_fresh());
}

#[test]
fn a_comment_says_that_a_silent_stream_is_alive() {
    let feed = Feed::default();
    let mut stream = feed.open(conn(7), None, now(1_000)).unwrap();
    read(&mut stream);
    assert_eq!(feed.next_deadline(), Some(now(16_000).tick));
    assert_eq!(woken(&feed, 15_999), [0; 0]);
    assert_eq!(woken(&feed, 16_000), [7]);
    assert_eq!(read(&mut stream).0, ":\n\n");
    assert_eq!(feed.next_deadline(), Some(now(31_000).tick));
    woken(&feed, 31_000);
    woken(&feed, 46_000);
    assert_eq!(read(&mut stream).0, ":\n\n", "one is enough for who is late");
}

#[test]
fn streams_end_behind_the_last_words() {
    let feed = Feed::default();
    let mut stream = feed.open(conn(7), None, now(0)).unwrap();
    read(&mut stream);
    feed.store(true, "");
    feed.end();
    assert_eq!(woken(&feed, 0), [7]);
    let (told, outcome) = read(&mut stream);
    assert_eq!((events(&told), outcome), (vec!["store 1".to_owned()], Pulled::End));
    assert!(feed.open(conn(8), None, now(0)).is_none());
}

/// Watchers that read at their own pace, stall, leave and come back: each hears every happening once and in order, or of a gap; and whoever waits is woken.
#[test]
fn whatever_watchers_do_they_miss_nothing_unknowingly() {
    struct Person {
        stream: Option<FeedStream>,
        /// The number that it was told last, as a browser remembers it.
        last: Option<u64>,
        waits: bool,
    }

    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let feed = Feed::default();
        let (mut happened, mut millis) = (0_u64, 0);
        let mut people: Vec<_> = (0..4).map(|_| Person { stream: None, last: None, waits: false }).collect();
        let mut gaps = 0;
        for _ in 0..3_000 {
            match rng.u8(..12) {
                0..3 => {
                    for _ in 0..rng.u64(..60) {
                        feed.store(true, "");
                        happened += 1;
                    }
                }
                3 => sample(&feed, &rng.u8(..9).to_string(), happened),
                4 => {
                    millis += rng.u64(..400);
                    for who in woken(&feed, millis) {
                        people[who as usize].waits = false;
                    }
                    assert!(!feed.has_news());
                }
                5 => {
                    let who = rng.usize(..people.len());
                    let person = &mut people[who];
                    if person.stream.take().is_none() {
                        person.stream = feed.open(conn(who as u64), person.last, now(millis));
                        person.waits = false;
                    }
                }
                _ => {
                    let who = rng.usize(..people.len());
                    let Person { stream: Some(stream), last, waits } = &mut people[who] else { continue };
                    if *waits {
                        continue;
                    }
                    let mut out = Vec::new();
                    let outcome = stream.pull(rng.usize(1..2_000), &mut out);
                    *waits = outcome == Pulled::Wait;
                    assert!(*waits || !out.is_empty(), "more was promised");
                    for event in events(&String::from_utf8(out).unwrap()) {
                        match event.split_once(' ').map(|(name, number)| (name, number.parse().unwrap())) {
                            Some(("store", number)) => assert_eq!(last.replace(number), Some(number - 1)),
                            Some(("gap", number)) => {
                                gaps += 1;
                                let missed = last.replace(number);
                                assert!(missed.is_some_and(|missed| missed < number), "{missed:?}");
                            }
                            Some(("hello", number)) => {
                                assert!(last.replace(number).is_none_or(|last| last == number));
                            }
                            _ => assert!(matches!(&*event, "sample" | "hello"), "{event}"),
                        }
                    }
                    if *waits {
                        assert_eq!(*last, Some(happened), "it has heard of all");
                    }
                }
            }
        }
        assert!(gaps > 0, "seed {seed} was too kind");
    }
}
