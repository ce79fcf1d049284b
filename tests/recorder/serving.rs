//! The whole way: from a client's message into the file, and from the commit back to the client.

use super::{
    support::{Client, PATIENCE, Script, eventually, limits, start},
    *,
};
use andon::{ConfigError, Event, EventMask, Message, Server, Setup};

/// Files each message as a sample of one session, which nobody waits for; at `end` the session ends, and who sent it is told when that is
/// committed.
fn device_like(_: &mut Setup<'_>) -> Script {
    let (mut seq, mut asked) = (0, None);
    let (ask, asked_of) = std::sync::mpsc::channel();
    Script::new()
        .message(move |fx, peer, message| {
            if message != Message::Text("end") {
                seq += 1;
                fx.file(body(sample("session_1", seq)));
                return;
            }
            let ticket = fx.file_now(body(ended("session_1", 0, 9, SessionStatus::Completed, seq)));
            ask.send((ticket, peer)).unwrap();
        })
        .recorded(move |fx, ticket, outcome| {
            asked = asked.or_else(|| asked_of.try_recv().ok());
            if let Some((_, peer)) = asked.take_if(|(asked, _)| *asked == ticket) {
                fx.send(peer, if outcome.is_ok() { "committed" } else { "refused" });
            }
        })
}

fn body(record: Record) -> RecordBody {
    record.body
}

/// REC-5: when the client hears that it is committed, all that it said before is in the file, for any other program to see.
#[test]
fn an_acknowledgement_stands_for_all_before_it() {
    const COUNT: u64 = 2_500;
    let folder = Folder::new();
    let (_server, addr) = start(Server::builder().mount("/", device_like).store(folder.open()));
    let mut client = Client::open(addr, "/");
    for n in 0..COUNT {
        client.text(&n.to_string());
    }
    client.text("end");
    client.expect_text("committed");
    let found = query(&folder.file(), "SELECT count(*), min(seq), max(seq) FROM samples");
    assert_eq!(found, [format!("{COUNT}|1|{COUNT}")]);
    assert_eq!(
        query(&folder.file(), "SELECT status, sample_count FROM sessions"),
        [format!("completed|{COUNT}")]
    );
}

/// The host hears of it in the store's own words, nothing is acknowledged meanwhile, and nothing is lost.
#[test]
#[cfg(unix)]
fn an_outage_is_told_and_gone_through() {
    let folder = Folder::new();
    let aside = Folder::new();
    let builder = Server::builder().mount("/", device_like).store(folder.open()).events(EventMask::HEALTH);
    let (mut server, addr) = start(builder);
    let events = server.events().unwrap();
    let mut client = Client::open(addr, "/");
    let away = aside.0.join("away");
    fs::rename(&folder.0, &away).unwrap();
    client.text("1");
    client.text("end");
    let told = events.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(&told, Event::Store { up: false, why, .. } if why.contains("recording.db")), "{told:?}");
    fs::rename(&away, &folder.0).unwrap();
    client.expect_text("committed");
    assert_eq!(query(&folder.file(), "SELECT session_id, seq FROM samples"), ["session_1|1"]);
    eventually("the host hears that it is up again", || {
        matches!(events.recv_timeout(PATIENCE), Ok(Event::Store { up: true, .. }))
    });
}

/// A store would be given up for what it has not been offered.
#[test]
fn a_window_that_is_too_long_is_refused() {
    let window = |seconds| {
        let limits = limits(|limits| limits.record_window = std::time::Duration::from_secs(seconds));
        Server::builder().listen("127.0.0.1:0").limits(limits).build().map(drop)
    };
    assert_eq!(window(1), Ok(()));
    let why = "it must be at most 1 s";
    assert_eq!(window(2), Err(ConfigError::BadLimit { name: "record_window", why }));
}
