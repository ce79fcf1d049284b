//! Single situations, played by hand: what a random world meets too seldom, or cannot tell from something else.

mod cast;
mod guest;
mod stage;

use self::{
    cast::{Keeper, Scripted, Told, echo, feeder, scripted},
    guest::{Guest, masked, upgrade},
    stage::{Stage, at},
};
use crate::{
    contracts::{
        contract::Setup,
        effects::{Effects, EventClass, Lane},
    },
    engine::command::Command,
    ground::{
        close::CloseCode,
        id::RecordTicket,
        limits::{LAST_WORDS_WAIT, Limits, PRIVATE_UNITS_PER_TURN, RESUMES_PER_TURN, STORE_WAIT},
    },
    hub::topic::{SnapshotSource, Topic},
    wire::control::close_frame,
};
use std::time::Duration;

#[test]
fn who_leaves_while_the_host_does_not_read_gives_its_slot_back() {
    for ping_interval in [None, Limits::default().ping_interval] {
        let limits = Limits { ping_interval, ..Limits::default() };
        let close_wait = limits.close_wait;
        let mut stage = Stage::new(limits, vec![feeder()]);
        let guests: Vec<_> = (0..4).map(|_| stage.open(0)).collect();
        let [floods, stays, leaves, returns] = &guests[..] else { unreachable!() };
        stage.say(floods, "flood");
        for guest in [stays, leaves, returns] {
            stage.say(guest, "last words");
        }
        stage.hang_up(leaves);
        stage.wait(close_wait * 2);
        assert!(leaves.is_gone());
        // In time it is read like any other, its end only then.
        stage.hang_up(returns);
        assert!(!returns.is_gone());
        let told = stage.take_all_events();
        assert!(returns.is_gone());
        let heard = |what: &str| told.iter().filter(|text| *text == what).count();
        assert_eq!((heard("flood"), heard("last words"), heard("closed")), (400, 2, 2));
        stage.wait(close_wait * 2);
        assert!(!stays.is_gone() && !floods.is_gone());
    }
}

#[test]
fn a_mount_that_waits_for_the_host_keeps_only_its_own_waiting() {
    let mut stage = Stage::new(Limits::default(), vec![feeder(), echo()]);
    let (feeds, other) = (stage.open(0), stage.open(1));
    stage.say(&other, "hello");
    stage.order(0, "arm");
    stage.say(&feeds, "flood");
    let send = |stage: &mut Stage, guest: &Guest, text: &str| {
        stage.engine.command(Command::Send { conn: guest.conn, payload: text.into(), lane: Lane::Ordered });
    };
    // What is sent to it before anything waits goes out; then all goes in order.
    send(&mut stage, &feeds, "sent at once");
    stage.order(0, "first");
    send(&mut stage, &feeds, "sent behind");
    stage.order(0, "second");
    stage.order(1, "not held up");
    send(&mut stage, &other, "nor this");
    stage.wait(Duration::from_secs(3));
    assert!(stage.engine.takes_commands());
    assert!(other.got("not held up") && other.got("nor this") && other.got("late"));
    assert!(feeds.got("sent at once") && !feeds.got("sent behind") && !feeds.got("late"));
    let told = stage.take_all_events();
    assert_eq!(told[told.len() - 3..], ["first", "second", "late"]);
    assert!(feeds.got("sent behind"));
}

#[test]
fn nobody_is_let_in_whose_opening_the_host_could_not_be_told() {
    let mut stage = Stage::new(Limits::default(), vec![feeder(), echo()]);
    let feeds = stage.open(0);
    stage.say(&feeds, "flood");
    let refused = stage.connect(&upgrade(0));
    assert!(refused.got("HTTP/1.1 503 ") && refused.got("\r\nRetry-After: "));
    assert_eq!(stage.engine.stats().refused_paused, 1);
    stage.open(1);
    let told = stage.take_all_events();
    assert_eq!(told.iter().filter(|text| *text == "opened").count(), 1);
    stage.open(0);
}

#[test]
fn a_contracts_snapshot_is_made_once_for_each_turn_and_no_older() {
    let factory = |setup: &mut Setup<'_>| {
        let topic = setup.declare("t", Topic::state().with_snapshot(SnapshotSource::Contract)).unwrap();
        let mut peers = Vec::new();
        let script = move |fx: &mut Effects, told: Told<'_>| {
            if let Told::Heard(peer, text) = told {
                peers.push(peer);
                if text == "all" {
                    peers.drain(..).for_each(|peer| fx.subscribe(peer, topic));
                }
            }
        };
        Scripted(script, 0)
    };
    let mut stage = Stage::new(Limits::default(), vec![Box::new(factory)]);
    let guests: Vec<_> = (0..3).map(|_| stage.open(0)).collect();
    for (guest, text) in guests.iter().zip(["me", "all", "all"]) {
        stage.say(guest, text);
    }
    assert!(guests[0].got("snapshot 1") && guests[1].got("snapshot 1"), "one for both");
    assert!(guests[2].got("snapshot 2"), "nothing was published, but time has passed");
}

#[test]
fn what_is_owed_to_many_is_written_in_turns() {
    let mut peers = Vec::new();
    let caller = scripted(move |fx, told| match told {
        Told::Heard(_, "call") => peers.drain(..).for_each(|peer| fx.send(peer, &"x".repeat(30_000))),
        Told::Heard(peer, _) => peers.push(peer),
        _ => {}
    });
    let mut stage = Stage::new(Limits::default(), vec![caller]);
    let guests = stage.crowd(0, 600);
    for guest in &guests {
        stage.mutter(guest, &masked("me"));
    }
    stage.play();
    stage.mutter(&guests[0], &masked("call"));
    // Each is four units.
    let mut served = 0;
    while served < guests.len() {
        stage.engine.begin(at(stage.now));
        stage.turn();
        let now = guests.iter().filter(|guest| guest.got("xxx")).count();
        assert!(now > served && now - served <= PRIVATE_UNITS_PER_TURN / 4 + 1, "{served}, then {now}");
        assert_eq!(stage.engine.has_work(), now < guests.len());
        // In the order in which they got it.
        assert!(guests[..now].iter().all(|guest| guest.got("xxx")));
        served = now;
    }
}

#[test]
fn a_crowd_that_was_paused_is_read_again_in_turns() {
    let mut stage = Stage::new(
        Limits::default(),
        vec![scripted(|fx, told| {
            if let Told::Heard(_, "flood") = told {
                (0..400).for_each(|_| fx.event(EventClass::Lossless, 0, None, "flood"));
            }
        })],
    );
    let guests = stage.crowd(0, RESUMES_PER_TURN + 300);
    stage.say(&guests[0], "flood");
    for guest in &guests[1..] {
        stage.mutter(guest, &masked("more"));
    }
    stage.play();
    // Whoever leaves meanwhile is passed over.
    guests[1].line.borrow_mut().broken = true;
    stage.wait(Limits::default().close_wait * 2);
    let heard = |stage: &Stage| stage.engine.stats().messages_in;
    assert_eq!(heard(&stage), 1);
    // The host takes what there is, until there is room for more than the rest of the flood.
    while heard(&stage) == 1 {
        while stage.engine.ports_mut().take_event().is_some() {}
        stage.engine.begin(at(stage.now));
        stage.turn();
    }
    let at_once = heard(&stage) - 1;
    assert!(at_once > 0 && at_once <= RESUMES_PER_TURN as u64, "{at_once}");
    assert!(stage.engine.has_work());
    stage.play();
    assert_eq!(heard(&stage), guests.len() as u64 - 1);
}

/// More than a counter of 16 bits holds; and what it took to say so much at once is given back, which the engine's check sees.
#[test]
fn an_end_that_is_told_by_very_many_events_frees_its_slot_behind_the_last() {
    const MANY: usize = 70_000;
    let mut stage = Stage::new(
        Limits::default(),
        vec![scripted(|fx, told| {
            if let Told::Closed = told {
                (0..MANY).for_each(|_| fx.event(EventClass::Lossless, 0, None, "gone"));
            }
        })],
    );
    let leaves = stage.open(0);
    stage.hang_up(&leaves);
    assert!(leaves.is_gone());
    stage.engine.stop();
    assert!(!stage.engine.is_drained(), "its end is still to be told");
    assert_eq!(stage.take_all_events().len(), MANY);
    assert!(stage.engine.is_drained());
}

/// The engine's check sees it if they are not forgotten.
#[test]
fn those_who_leave_while_they_are_paused_are_forgotten_in_time() {
    let recorder = scripted(|fx, told| {
        if let Told::Heard(..) = told {
            fx.record("stream", "key", b"");
        }
    });
    let mut stage = Stage::new(Limits { records: 1, ..Limits::default() }, vec![recorder]);
    let first = stage.open(0);
    stage.say(&first, "record");
    for _ in 0..600 {
        let guest = stage.open(0);
        stage.say(&guest, "record");
        let (conn, code) = (guest.conn, CloseCode::NORMAL);
        stage.engine.command(Command::Close { conn, code, reason: "".into() });
        guest.line.borrow_mut().broken = true;
        stage.hang_up(&guest);
        assert!(guest.is_gone());
    }
    assert_eq!((stage.engine.stats().messages_in, stage.engine.stats().pauses), (1, 1 + 600));
}

/// What somebody has sent before leaving is recorded, or refused and counted, however long the store takes for what was there before.
#[test]
fn who_leaves_while_the_store_has_no_room_is_heard() {
    for answers in [true, false] {
        let recorder = scripted(|fx, told| {
            if let Told::Heard(..) = told {
                fx.record("stream", "key", b"");
            }
        });
        let limits = Limits { records: 1, ..Limits::default() };
        let close_wait = limits.close_wait;
        let mut stage = Stage::new(limits, vec![recorder]);
        let (first, leaves) = (stage.open(0), stage.open(0));
        stage.say(&first, "record");
        stage.say(&leaves, "record");
        stage.hang_up(&leaves);
        stage.wait(close_wait * 3 / 2);
        assert!(!leaves.is_gone() && stage.engine.stats().messages_in == 1);
        if answers {
            for ticket in 1..=2 {
                stage.engine.ports_mut().commit(1, &mut Default::default());
                stage.engine.recorded(RecordTicket(ticket), Ok(()));
                stage.play();
            }
        } else {
            stage.wait(STORE_WAIT);
        }
        let stats = stage.engine.stats();
        assert_eq!((stats.messages_in, stats.records_refused), (2, u64::from(!answers)));
        assert!(leaves.is_gone());
    }
}

/// Who waits for what the store has committed hears of it before the goodbye, and everyone else is not kept waiting for that.
#[test]
fn last_words_wait_for_the_store_and_not_for_ever() {
    for answers in [true, false] {
        let mut stage = Stage::new(
            Limits::default(),
            vec![Box::new(|_: &mut Setup<'_>| Keeper(None)), scripted(|_, _| {})],
        );
        let (waits, other) = (stage.open(0), stage.open(1));
        stage.say(&waits, "keep");
        stage.engine.begin(at(stage.now));
        stage.engine.stop();
        stage.settle();
        let goodbye = close_frame(CloseCode::GOING_AWAY, "the server is stopping");
        assert_eq!(other.take(), goodbye.as_slice());
        stage.say(&waits, "more");
        assert!(waits.take().is_empty(), "it is neither read nor closed");
        let mut heard = Vec::<u8>::new();
        if answers {
            // What is filed without anybody waiting for it is not waited for.
            stage.engine.begin(at(stage.now));
            stage.engine.recorded(RecordTicket(1), Ok(()));
            stage.settle();
            heard.extend(b"\x81\x04kept");
        } else {
            stage.wait(LAST_WORDS_WAIT);
        }
        heard.extend(goodbye.as_slice());
        assert_eq!(waits.take(), heard, "answers: {answers}");
    }
}

/// As many commands are held as may wait in the mailbox: then all wait there, and are taken when the host has read.
#[test]
fn commands_that_wait_for_a_mount_are_bounded() {
    for (commands, command_bytes) in [(3, usize::MAX), (usize::MAX, 30)] {
        let limits = Limits { commands, command_bytes, ..Limits::default() };
        let mut stage = Stage::new(limits, vec![feeder()]);
        let feeds = stage.open(0);
        stage.say(&feeds, "flood");
        stage.order(0, "held");
        for text in ["a text of some bytes", "and another of as many"] {
            assert!(stage.engine.takes_commands());
            let (conn, payload) = (feeds.conn, text.into());
            stage.engine.command(Command::Send { conn, payload, lane: Lane::Ordered });
        }
        assert!(!stage.engine.takes_commands());
        stage.take_all_events();
        assert!(stage.engine.takes_commands() && feeds.got("another"));
    }
}

#[test]
fn who_leaves_while_it_does_not_take_its_answers_gives_its_slot_back() {
    let limits = Limits { outbox_bytes: 20_000, ..Limits::default() };
    let close_wait = limits.close_wait;
    let answers = scripted(|fx, told| {
        if let Told::Heard(peer, _) = told {
            fx.send(peer, &"x".repeat(8_000));
        }
    });
    let mut stage = Stage::new(limits, vec![answers]);
    let (leaves, drains) = (stage.open(0), stage.open(0));
    for guest in [&leaves, &drains] {
        guest.line.borrow_mut().room = 0;
        stage.say(guest, "ask");
        stage.hang_up(guest);
    }
    // Its end is known before there is an answer that it does not take.
    let hurries = stage.open(0);
    hurries.line.borrow_mut().room = 0;
    stage.mutter(&hurries, &masked("ask"));
    stage.hang_up(&hurries);
    assert!(!leaves.is_gone() && !hurries.is_gone(), "they may be reading still");
    drains.line.borrow_mut().room = usize::MAX;
    stage.engine.writable(drains.conn.slot);
    stage.play();
    assert!(drains.is_gone() && drains.got("xxx"));
    stage.wait(close_wait * 2);
    assert!(leaves.is_gone() && hurries.is_gone());
}

#[test]
fn who_leaves_while_a_streamed_answer_waits_gives_its_slot_back() {
    let limits = Limits::default();
    let close_wait = limits.close_wait;
    let mut stage = Stage::new(limits, Vec::new());
    let request = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";
    let (stays, leaves, breaks) = (stage.connect(request), stage.connect(request), stage.connect(request));
    stage.wait(close_wait * 10);
    assert!(![&stays, &leaves, &breaks].iter().any(|guest| guest.is_gone()), "nobody is late");
    // By a word of the poll or without it: it is read, so far.
    stage.send(&breaks, request.as_bytes());
    breaks.line.borrow_mut().broken = true;
    stage.engine.readable(breaks.conn.slot, false);
    stage.play();
    assert!(breaks.is_gone());
    stage.hang_up(&leaves);
    assert!(!leaves.is_gone(), "it may be reading still");
    stage.wait(close_wait * 2);
    assert!(leaves.is_gone());
    assert!(!stays.is_gone());
}

/// While the answer is not taken nobody reads; the word that there is something to be read is remembered until the answer waits.
#[test]
fn who_leaves_before_a_streamed_answer_begins_to_wait_is_noticed_then() {
    for path in ["/wait", "/wait?quiet"] {
        let mut stage = Stage::new(Limits::default(), Vec::new());
        let guest = stage.arrive(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        guest.line.borrow_mut().room = 0;
        stage.play();
        guest.line.borrow_mut().broken = true;
        stage.engine.readable(guest.conn.slot, false);
        stage.play();
        assert!(!guest.is_gone(), "it is not read yet");
        guest.line.borrow_mut().room = usize::MAX;
        stage.engine.writable(guest.conn.slot);
        stage.play();
        assert!(guest.is_gone(), "{path}");
    }
}

/// A fan-out comes to them while their transports still hold what reading gave rise to, since there is more of that than a turn writes.
#[test]
fn a_fan_out_gives_nothing_to_a_transport_that_has_something_to_say() {
    let factory = |setup: &mut Setup<'_>| {
        let topic = setup.declare("t", Topic::state()).unwrap();
        let script = move |fx: &mut Effects, told: Told<'_>| match told {
            Told::Heard(_, "publish") => fx.publish(topic, "news"),
            Told::Heard(peer, _) => fx.subscribe(peer, topic),
            _ => {}
        };
        Scripted(script, 0)
    };
    let mut stage = Stage::new(Limits::default(), vec![Box::new(factory)]);
    let guests = stage.crowd(0, PRIVATE_UNITS_PER_TURN + 100);
    for guest in &guests {
        stage.mutter(guest, &masked("me"));
    }
    stage.play();
    // The last subscriber comes first, so that the first are still waiting when the fan-out visits them.
    for guest in guests.iter().rev() {
        guest.line.borrow_mut().talks = true;
        stage.mutter(guest, &masked("publish"));
    }
    stage.play();
    assert!(guests.iter().all(|guest| guest.got("news") && guest.line.borrow().talk == 0));
}
