//! Whatever devices do and however the store fares, what is acknowledged is committed, and what is over is forgotten.

use super::*;
use crate::{
    contracts::{
        effects::{Effect, Effects},
        store::{device::DeviceRecord, record::RecordBody},
    },
    ground::{close::CloseCause, frame::Payload, limits::DEVICE_STOP_ENDS_MAX, time::Now},
    hub::identity::Identity,
    wire::{owned::OwnedRequest, request::Method},
};
use std::{collections::VecDeque, time::Duration};

fn made(config: DeviceSessionsConfig) -> (Sessions, Effects) {
    let mut fx = Effects::for_test(Now::default());
    let sessions =
        DeviceSessionsFactory::new(config).make(&mut Setup::for_test(&mut fx, &[]).with_store(&[]));
    (sessions, fx)
}

fn open(sessions: &mut Sessions, fx: &mut Effects, peer: ConnId) {
    OwnedRequest::new(Method::Get, "/ws/device").with(|request| {
        sessions.opened(fx, peer, &Hello::new(request, &Identity::ANONYMOUS));
    });
}

fn say(sessions: &mut Sessions, fx: &mut Effects, peer: ConnId, text: &str) {
    sessions.message(fx, peer, Message::Text(text));
}

fn pass(fx: &mut Effects, time: Duration) {
    fx.set_now(Now { tick: fx.now().tick + time, ..fx.now() });
}

/// Has the store answer for all it was given, and for what that gives rise to.
fn answer(sessions: &mut Sessions, fx: &mut Effects, outcome: Result<(), &StoreError>) {
    loop {
        let tickets: Vec<_> = fx
            .drain()
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Record { ticket, .. } => Some(ticket),
                _ => None,
            })
            .collect();
        if tickets.is_empty() {
            return;
        }
        for ticket in tickets {
            sessions.recorded(fx, ticket, outcome);
        }
    }
}

const GONE: Closed = Closed { cause: CloseCause::Lost, code: crate::ground::close::CloseCode::ABNORMAL };

/// As it would be listed; one that has ended is not, though it still takes late data.
#[test]
#[cfg(feature = "board")]
fn one_session_is_found_while_it_is_under_way() {
    let (mut sessions, mut fx) = made(DeviceSessionsConfig::new());
    let peer = ConnId::from_bits(1);
    open(&mut sessions, &mut fx, peer);
    let start = |device: &str| format!(r#"{{"type":"session_start","deviceId":"{device}"}}"#);
    say(&mut sessions, &mut fx, peer, &start("a"));
    let before = sessions.list().remove(0);
    say(&mut sessions, &mut fx, peer, &start("a"));
    say(&mut sessions, &mut fx, peer, &start("b"));
    let mut found = |id: &str| {
        let (tell, told) = std::sync::mpsc::channel();
        let answer = Box::new(move |session| drop(tell.send(session)));
        sessions.command(&mut fx, Box::new(DeviceCommand::Find { session: id.into(), answer }));
        (told.recv().unwrap(), sessions.list())
    };
    assert_eq!(found(&before.id).0, None, "another has taken its place");
    assert_eq!(found("session_none").0, None);
    let (_, listed) = found("");
    assert_eq!(listed.len(), 2);
    for session in listed {
        assert_eq!(found(&session.id).0, Some(session));
    }
}

/// Whatever devices do, in the end nothing is left of them, and no deadline.
#[test]
fn what_is_over_is_forgotten() {
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut sessions, mut fx) = made(DeviceSessionsConfig::new());
    let failure = StoreError::Rejected("full".into());
    let mut ids = vec!["session_abc".to_owned()];
    let mut peers = Vec::new();
    for round in 0..5_000_u64 {
        let device = ["a", "b", "c", "d"][rng.usize(..4)];
        let id = ids[rng.usize(..ids.len())].clone();
        match rng.u8(..10) {
            0 if peers.len() < 3 => {
                peers.push(ConnId::from_bits(round));
                open(&mut sessions, &mut fx, ConnId::from_bits(round));
            }
            1 if !peers.is_empty() && rng.bool() => {
                let peer = peers.swap_remove(rng.usize(..peers.len()));
                sessions.closed(&mut fx, peer, GONE);
            }
            2 => {
                pass(&mut fx, Duration::from_secs(rng.u64(..40)));
                sessions.deadline(&mut fx);
            }
            3 => {
                ids = sessions.list().into_iter().map(|session| session.id.to_string()).collect();
                ids.push("session_abc".into());
            }
            4 => {
                let outcome = if rng.bool() { Ok(()) } else { Err(&failure) };
                answer(&mut sessions, &mut fx, outcome);
            }
            _ if !peers.is_empty() => {
                let kinds = ["device_register", "session_start", "session_end", "data", "data"];
                let kind = kinds[rng.usize(..kinds.len())];
                let text = format!(r#"{{"type":"{kind}","deviceId":"{device}","sessionId":"{id}"}}"#);
                say(&mut sessions, &mut fx, peers[rng.usize(..peers.len())], &text);
            }
            _ => {}
        }
    }
    for peer in peers {
        sessions.closed(&mut fx, peer, GONE);
    }
    pass(&mut fx, Duration::from_secs(61));
    sessions.deadline(&mut fx);
    // All that is outstanding is answered for, and what was refused is filed again.
    while sessions.clerk.owes_anything() {
        for ticket in sessions.clerk.tickets() {
            sessions.recorded(&mut fx, ticket, Ok(()));
        }
        pass(&mut fx, Duration::from_secs(61));
        sessions.deadline(&mut fx);
    }
    assert!(sessions.devices.is_empty(), "{:?}", sessions.devices);
    assert!(sessions.clerk.book.take().is_empty());
    assert_eq!(sessions.armed, None);
}

/// Also one whose device knows it no more, but whose end is not committed.
#[test]
fn no_id_is_given_twice() {
    let (mut sessions, mut fx) = made(DeviceSessionsConfig::new().recent_sessions(0));
    let mut drawn = [1, 1, 1, 2].into_iter();
    fx.entropy = Box::new(move || drawn.next().unwrap_or(3));
    let peer = ConnId::from_bits(1);
    open(&mut sessions, &mut fx, peer);
    say(&mut sessions, &mut fx, peer, r#"{"type":"session_start","deviceId":"a"}"#);
    say(&mut sessions, &mut fx, peer, r#"{"type":"session_end","deviceId":"a"}"#);
    say(&mut sessions, &mut fx, peer, r#"{"type":"session_start","deviceId":"a"}"#);
    let id = sessions.list()[0].id.to_string();
    assert!(id.ends_with('2'), "{id}");
}

/// A switch that fails while the store has no room takes all devices with it: no session stays open in the store.
#[test]
fn all_may_leave_at_once_while_the_store_takes_nothing() {
    let config = DeviceSessionsConfig::new();
    let (devices, each) = (config.devices, config.devices_per_connection);
    let (mut sessions, mut fx) = made(config);
    let peers: Vec<_> = (0..devices.div_ceil(each) as u64).map(ConnId::from_bits).collect();
    for peer in &peers {
        open(&mut sessions, &mut fx, *peer);
    }
    for device in 0..devices {
        let start = format!(r#"{{"type":"session_start","deviceId":"{device}"}}"#);
        say(&mut sessions, &mut fx, peers[device / each], &start);
    }
    answer(&mut sessions, &mut fx, Ok(()));
    for peer in &peers {
        sessions.closed(&mut fx, *peer, GONE);
    }
    for ticket in sessions.clerk.tickets() {
        sessions.recorded(&mut fx, ticket, Err(&StoreError::Down("its queue is full".into())));
    }
    fx.drain();
    pass(&mut fx, Duration::from_secs(10));
    sessions.deadline(&mut fx);
    let first = sessions.clerk.tickets();
    assert_eq!(first.len(), 1, "one is tried");
    sessions.recorded(&mut fx, first[0], Ok(()));
    assert_eq!(said(&fx.drain()).1.len(), devices);
}

/// What was said to clients, and which ends were recorded: device and status.
fn said(effects: &[Effect]) -> (Vec<String>, Vec<String>) {
    let (mut texts, mut ends) = (Vec::new(), Vec::new());
    for effect in effects {
        match effect {
            Effect::Send { message: Payload::Text(text), .. } => texts.push(text.to_string()),
            Effect::Record { body: RecordBody::Device(DeviceRecord::SessionEnded(row)), .. } => {
                ends.push(format!("{} {}", row.device, row.status));
            }
            _ => {}
        }
    }
    (texts, ends)
}

/// Samples that the store refuses: while their session is under way, after its end was filed, and those that came late; also when nobody knows the
/// device any more. What is recorded in the end counts those that are there, and their numbers have gaps.
#[test]
fn what_was_refused_is_not_counted() {
    let refusal = StoreError::Rejected("too long".into());
    for recent in [4, 0] {
        let (mut sessions, mut fx) = made(DeviceSessionsConfig::new().recent_sessions(recent));
        let peer = ConnId::from_bits(1);
        open(&mut sessions, &mut fx, peer);
        say(&mut sessions, &mut fx, peer, r#"{"type":"session_start","deviceId":"a"}"#);
        let id = sessions.list()[0].id.to_string();
        let data = format!(r#"{{"type":"data","deviceId":"a","sessionId":"{id}"}}"#);
        let (mut numbers, mut counts) = (Vec::new(), Vec::new());
        let mut settle = |sessions: &mut Sessions, fx: &mut Effects| loop {
            let effects = fx.drain();
            let records = effects.into_iter().filter_map(|effect| match effect {
                Effect::Record { ticket, body, .. } => Some((ticket, body)),
                _ => None,
            });
            let records: Vec<_> = records.collect();
            if records.is_empty() {
                break;
            }
            for (ticket, body) in records {
                let mut outcome = Ok(());
                match body {
                    RecordBody::Device(DeviceRecord::Sample(sample)) => {
                        let number = sample.place.as_ref().map_or(0, |(_, number)| *number);
                        if number % 2 == 0 { outcome = Err(&refusal) } else { numbers.push(number) }
                    }
                    RecordBody::Device(DeviceRecord::SessionEnded(row)) => counts.push(row.sample_count),
                    _ => {}
                }
                sessions.recorded(fx, ticket, outcome);
            }
        };
        for _ in 0..3 {
            say(&mut sessions, &mut fx, peer, &data);
        }
        settle(&mut sessions, &mut fx);
        assert_eq!(sessions.list()[0].sample_count, 2);
        say(&mut sessions, &mut fx, peer, &data);
        say(&mut sessions, &mut fx, peer, r#"{"type":"session_end","deviceId":"a"}"#);
        if recent == 0 {
            sessions.closed(&mut fx, peer, GONE);
            assert!(sessions.devices.named("a").is_some(), "its reply waits");
        }
        settle(&mut sessions, &mut fx);
        if recent > 0 {
            say(&mut sessions, &mut fx, peer, &data);
            say(&mut sessions, &mut fx, peer, &data);
            settle(&mut sessions, &mut fx);
        }
        let expected =
            if recent > 0 { (vec![1, 3, 5], vec![3, 2, 3, 4, 3]) } else { (vec![1, 3], vec![3, 2]) };
        assert_eq!((numbers, counts), expected);
        assert!(sessions.clerk.book.take().is_empty());
    }
}

/// The last word waits for the commit; and a session that has not begun yet when the server stops ends when it does.
#[test]
fn a_stop_is_acknowledged_when_it_is_recorded() {
    let (mut sessions, mut fx) = made(DeviceSessionsConfig::new());
    let peer = ConnId::from_bits(1);
    open(&mut sessions, &mut fx, peer);
    say(&mut sessions, &mut fx, peer, r#"{"type":"session_start","deviceId":"a"}"#);
    answer(&mut sessions, &mut fx, Err(&StoreError::Rejected("full".into())));
    say(&mut sessions, &mut fx, peer, r#"{"type":"session_start","deviceId":"b"}"#);
    sessions.shutdown(&mut fx);
    say(&mut sessions, &mut fx, peer, r#"{"type":"session_start","deviceId":"c"}"#);
    assert_eq!(said(&fx.drain()), (vec![], vec!["a stopped".to_owned()]));
    for ticket in sessions.clerk.tickets() {
        sessions.recorded(&mut fx, ticket, Ok(()));
    }
    let (texts, ends) = said(&fx.drain());
    assert_eq!(ends, ["b stopped"]);
    assert!(texts[0].contains("session_created") && texts[1].contains("session_ended"), "{texts:?}");
    assert_eq!((texts.len(), sessions.list().len()), (2, 0));
    for ticket in sessions.clerk.tickets() {
        sessions.recorded(&mut fx, ticket, Ok(()));
    }
    let (texts, _) = said(&fx.drain());
    assert!(texts.len() == 1 && texts[0].contains("session_ended"), "{texts:?}");
}

/// What was recorded and is not answered for, with whether it is the end of a session.
fn filed(fx: &mut Effects, texts: &mut Vec<String>) -> Vec<(RecordTicket, bool)> {
    let effects = fx.drain();
    texts.extend(said(&effects).0);
    let records = effects.into_iter().filter_map(|effect| match effect {
        Effect::Record { ticket, body, .. } => {
            Some((ticket, matches!(body, RecordBody::Device(DeviceRecord::SessionEnded(_)))))
        }
        _ => None,
    });
    records.collect()
}

/// A contract with so many sessions of one client under way, all of it committed, and then told to stop.
fn stopping(sessions: usize) -> (Sessions, Effects) {
    let (mut contract, mut fx) = made(DeviceSessionsConfig::new().devices_per_connection(sessions));
    let peer = ConnId::from_bits(1);
    open(&mut contract, &mut fx, peer);
    for device in 0..sessions {
        let start = format!(r#"{{"type":"session_start","deviceId":"{device}"}}"#);
        say(&mut contract, &mut fx, peer, &start);
    }
    answer(&mut contract, &mut fx, Ok(()));
    contract.shutdown(&mut fx);
    (contract, fx)
}

/// More sessions than the store has room for: never more ends are on their way than it has, and each is acknowledged. Also when others have taken the
/// room for a while, so that the store refuses.
#[test]
fn a_stop_files_no_more_than_there_is_room_for() {
    const SESSIONS: usize = 2_000;
    let full = StoreError::Down("its queue is full".into());
    for refusals in [0, 1, 2 * DEVICE_STOP_ENDS_MAX] {
        let (mut sessions, mut fx) = stopping(SESSIONS);
        let (mut texts, mut refused, mut on_the_way) = (Vec::new(), 0, VecDeque::new());
        loop {
            let records = filed(&mut fx, &mut texts);
            assert!(records.iter().all(|(_, is_end)| *is_end));
            on_the_way.extend(records);
            assert!(on_the_way.len() <= DEVICE_STOP_ENDS_MAX, "{}", on_the_way.len());
            let Some((ticket, _)) = on_the_way.pop_front() else { break };
            // In a row at most as many as are on their way, and then one that is tried.
            let refuse = refused < refusals && refused <= DEVICE_STOP_ENDS_MAX;
            refused += usize::from(refuse);
            sessions.recorded(&mut fx, ticket, if refuse { Err(&full) } else { Ok(()) });
        }
        assert!(texts.iter().all(|text| text.contains("session_ended")), "{refused} refusals");
        assert_eq!(texts.len(), SESSIONS);
        assert!(sessions.clerk.book.take().is_empty());
    }
}

/// Whoever waits is told that it is in vain, and the stop comes to an end.
#[test]
fn a_stop_gives_up_on_a_store_that_refuses_everything() {
    let (mut sessions, mut fx) = stopping(2_000);
    let (mut texts, mut offered) = (Vec::new(), 0);
    loop {
        let records = filed(&mut fx, &mut texts);
        if records.is_empty() {
            break;
        }
        offered += records.len();
        for (ticket, _) in records {
            sessions.recorded(&mut fx, ticket, Err(&StoreError::Down("it is dead".into())));
        }
    }
    assert_eq!(texts.len(), 2_000);
    assert!(texts.iter().all(|text| text.contains("STORAGE_UNAVAILABLE")));
    assert_eq!(offered, DEVICE_STOP_ENDS_MAX + DEVICE_STOP_TRIES as usize - 1 + 2_000);
}

/// Also to a client that comes back when the device is forgotten, but the end of its session not committed yet.
#[test]
fn no_end_is_acknowledged_before_its_commit_however_late_it_is() {
    let (mut sessions, mut fx) = made(DeviceSessionsConfig::new());
    let (peer, next) = (ConnId::from_bits(1), ConnId::from_bits(2));
    open(&mut sessions, &mut fx, peer);
    say(&mut sessions, &mut fx, peer, r#"{"type":"session_start","deviceId":"a"}"#);
    let id = sessions.list()[0].id.to_string();
    sessions.closed(&mut fx, peer, GONE);
    pass(&mut fx, Duration::from_secs(61));
    sessions.deadline(&mut fx);
    fx.drain();
    open(&mut sessions, &mut fx, next);
    let end = format!(r#"{{"type":"session_end","deviceId":"a","sessionId":"{id}"}}"#);
    say(&mut sessions, &mut fx, next, &end);
    assert_eq!(said(&fx.drain()).0, [""; 0]);
    for ticket in sessions.clerk.tickets() {
        sessions.recorded(&mut fx, ticket, Ok(()));
    }
    let (texts, _) = said(&fx.drain());
    assert!(texts.len() == 1 && texts[0].contains("session_ended"), "{texts:?}");
}

#[test]
fn sessions_are_listed_by_device_with_their_holder() {
    let (mut sessions, mut fx) = made(DeviceSessionsConfig::new());
    let peer = ConnId::from_bits(1);
    open(&mut sessions, &mut fx, peer);
    for device in ["b", "a"] {
        say(&mut sessions, &mut fx, peer, &format!(r#"{{"type":"session_start","deviceId":"{device}"}}"#));
    }
    say(&mut sessions, &mut fx, peer, r#"{"type":"data","deviceId":"a"}"#);
    let list = sessions.list();
    let told: Vec<_> = list.iter().map(|session| (&*session.device, session.sample_count)).collect();
    assert_eq!(told, [("a", 1), ("b", 0)]);
    assert!(list.iter().all(|session| session.holder == peer));
}
