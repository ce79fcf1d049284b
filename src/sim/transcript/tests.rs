//! All transcripts, and the runner itself, tested with a contract that repeats what it is told.

use super::{
    device_sessions::DeviceStage,
    equipment_monitor::MonitorStage,
    guided_sessions::GuidedStage,
    joint::JointStage,
    runner::run,
    script::{parse, story},
    stage::{self, Stage},
    topic_hub::HubStage,
};
use crate::{
    contracts::{
        contract::{Contract, Setup},
        effects::{Effects, EventClass},
        store::{
            StoreError,
            record::{Record, RecordBody},
        },
        told::EventBody,
    },
    engine::{command::Command, event::Event, settings::Settings},
    ground::{
        frame::Message,
        id::{ConnId, RecordTicket, TopicId},
        limits::Limits,
    },
};
use std::{
    any::Any,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

fn transcripts(contract: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(contract);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read_to_string(file).expect("it can be read"))).collect()
}

/// Runs all transcripts of a contract, and tells of all that fail.
fn run_all<S: Stage>(contract: &str, mut stage: impl FnMut() -> S) {
    let mut failed = 0;
    for (file, text) in transcripts(contract) {
        if let Err(why) = run(&text, &mut stage()) {
            println!("{}:{why}", file.display());
            failed += 1;
        }
    }
    assert_eq!(failed, 0, "transcripts of {contract} fail; see above");
}

/// Each requirement is named at the beginning of a transcript's story, which is also in the file's name.
fn all_are_named(contract: &str, requirements: &[(&str, &str)]) {
    let mut named = Vec::new();
    for (file, text) in transcripts(contract) {
        let first = story(&text).next().unwrap_or_default().to_owned();
        let id = first.split(':').next().unwrap_or_default().to_owned();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        assert!(name.starts_with(&format!("{}-", id.to_lowercase())), "{name} is about {id:?}");
        assert!(requirements.iter().any(|(known, _)| *known == id), "{name}: {id:?} is not on the list");
        named.push(id);
    }
    for (id, words) in requirements {
        assert!(named.iter().any(|name| name == id), "no transcript of {contract} shows {id}: {words}");
    }
}

/// What a topic hub must do on the wire.
const TOPIC_HUB: [(&str, &str); 19] = [
    ("TOP-1", "nine topics; state topics lead who lags to the newest, streams disconnect him"),
    ("TOP-2", "every message is type, topic and data; an error's data is message and field"),
    ("TOP-3", "a newcomer alone gets the last value, or that of every key"),
    ("TOP-4", "an update reaches its topic and no other"),
    ("TOP-5", "pings each period to all, whether they answer or not"),
    ("TOP-6", "a ping is answered with its data, anything else with an error, and nothing goes to others"),
    ("TOP-7", "refused by 403, or accepted and closed with the documented codes"),
    ("TOP-8", "a cap for each topic"),
    ("TOP-9", "what is quiet is refreshed and sent once more"),
    ("TOP-10", "a shutdown message before 1001"),
    ("TOP-11", "names are exact"),
    ("TOP-12", "nothing is posted to another topic, unless it is mirrored"),
    ("ALL-1", "JSON in text, compact; binary is an error"),
    ("ALL-2", "an error names the field and what was expected; the connection stays"),
    ("ALL-3", "depth, duplicates, numbers and surrogates"),
    ("ALL-4", "a literal beats the parameter; slashes and queries do not matter"),
    ("ALL-6", "the last word is not swallowed by the close"),
    ("ALL-7", "an echoed timestamp is the same number, digit for digit"),
    ("ALL-8", "a bound is a setting with an error"),
];

#[test]
fn the_topic_hub_keeps_to_its_transcripts() {
    run_all("topic_hub", HubStage::default);
}

#[test]
fn the_topic_hub_has_a_transcript_for_each_requirement() {
    all_are_named("topic_hub", &TOPIC_HUB);
}

/// What an equipment monitor must do on the wire.
const EQUIPMENT_MONITOR: [(&str, &str); 17] = [
    ("MON-1", "who connects gets connection_status with how things are"),
    ("MON-2", "equipment_status each period, at most once, with all fields in their types"),
    ("MON-3", "the status, of the tags or as the host says"),
    ("MON-4", "ping is answered, however often"),
    ("MON-5", "a lost source, its return and the shutdown are said"),
    ("MON-6", "codes and names of any number and form"),
    ("MON-7", "fifty clients and more"),
    ("MON-8", "who is slow or fails concerns nobody else"),
    ("MON-9", "tags of the host's own"),
    ("MON-10", "rate, equipment and mode, for those who ask"),
    ("ALL-1", "JSON in text, compact; binary is not parsed"),
    ("ALL-2", "what is not understood is passed over; the connection stays"),
    ("ALL-3", "depth, duplicates and surrogates"),
    ("ALL-4", "a literal beats the parameter; slashes and queries do not matter"),
    ("ALL-6", "the last word is not swallowed by the close"),
    ("ALL-7", "timestamps have exactly this form"),
    ("ALL-8", "a bound is a setting with an error"),
];

#[test]
fn the_equipment_monitor_keeps_to_its_transcripts() {
    run_all("equipment_monitor", MonitorStage::default);
}

#[test]
fn the_equipment_monitor_has_a_transcript_for_each_requirement() {
    all_are_named("equipment_monitor", &EQUIPMENT_MONITOR);
}

/// What device sessions must do on the wire.
const DEVICE_SESSIONS: [(&str, &str); 20] = [
    ("DEV-1", "device_register is answered, and told to the host with all it says"),
    ("DEV-2", "old clients get a provisional session id, which becomes a session with its first data"),
    ("DEV-3", "session_start is answered by session_created with a new id, also without a register"),
    ("DEV-4", "a second start ends the first session, or is rejected"),
    ("DEV-5", "session_end is always answered, and ends what it names and nothing else"),
    ("DEV-6", "many sessions on one connection, many devices on one connection"),
    ("DEV-7", "data goes to the session that it names, or to its device's"),
    ("DEV-8", "data with no session is recorded all the same, and said once to new clients"),
    ("DEV-9", "a session ends with its connection, and moves with its device"),
    ("DEV-10", "a session without data for too long ends"),
    ("DEV-11", "errors in their documented shape"),
    ("DEV-12", "session_created comes at once"),
    ("DEV-13", "samples are kept apart by session"),
    ("DEV-14", "session_ended comes after the commit, and replies stay in order"),
    ("ALL-1", "JSON in text, compact; binary is an error"),
    ("ALL-2", "an error names the field and what was expected; the connection stays"),
    ("ALL-3", "depth, duplicates, numbers and surrogates"),
    ("ALL-6", "the last word is not swallowed by the close"),
    ("ALL-7", "an echoed timestamp is the same number, digit for digit"),
    ("ALL-8", "a bound is a setting with an error"),
];

#[test]
fn device_sessions_keep_to_their_transcripts() {
    run_all("device_sessions", DeviceStage::default);
}

#[test]
fn device_sessions_have_a_transcript_for_each_requirement() {
    all_are_named("device_sessions", &DEVICE_SESSIONS);
}

/// What guided sessions must do on the wire.
const GUIDED_SESSIONS: [(&str, &str); 21] = [
    ("GUI-1", "an identity and a session that are known, or 403"),
    ("GUI-2", "requests are type and data; what is sent is flat, with the keys shown"),
    ("GUI-3", "who comes and goes is told to the others, once for each user"),
    ("GUI-4", "join"),
    ("GUI-5", "heartbeats are answered with their timestamp, and recorded within a second"),
    ("GUI-6", "a completed step is confirmed, and told to instructors"),
    ("GUI-7", "calls for help reach instructors only"),
    ("GUI-8", "progress in the words of older clients"),
    ("GUI-9", "instructors control, and it is logged"),
    ("GUI-10", "errors, and who may ask for what"),
    ("GUI-11", "paused, and after the end"),
    ("GUI-12", "texts for people"),
    ("GUI-13", "what survives a restart"),
    ("REC-5", "a confirmation means: committed"),
    ("ALL-1", "JSON in text, compact; binary is an error"),
    ("ALL-2", "an error names the field and what was expected; the connection stays"),
    ("ALL-3", "depth, duplicates, numbers and surrogates"),
    ("ALL-4", "a literal beats the parameter; slashes and queries do not matter"),
    ("ALL-6", "a stop has no words"),
    ("ALL-7", "an echoed timestamp is the same number, digit for digit"),
    ("ALL-8", "a bound is a setting with an error"),
];

#[test]
fn guided_sessions_keep_to_their_transcripts() {
    run_all("guided_sessions", GuidedStage::default);
}

#[test]
fn guided_sessions_have_a_transcript_for_each_requirement() {
    all_are_named("guided_sessions", &GUIDED_SESSIONS);
}

/// What must be true of all four at one server.
const JOINT: [(&str, &str); 7] = [
    ("ALL-1", "everybody at once, each in the words of its contract"),
    ("ALL-4", "routes of one server"),
    ("ALL-6", "the last word of each contract"),
    ("ALL-8", "a host that does not read stops those who must be heard, and nobody else"),
    ("MON-8", "who is slow concerns nobody of another contract"),
    ("REC-5", "a store that is down, and well again"),
    ("GUI-1", "an identity is one and the same everywhere"),
];

#[test]
fn all_contracts_at_one_server_keep_to_their_transcripts() {
    run_all("joint", JointStage::default);
    all_are_named("joint", &JOINT);
}

/// What is promised of identities in `docs/design.md`.
#[cfg(feature = "jwt")]
const IDENTITIES: [(&str, &str); 3] = [
    ("IDENT-1", "a connection ends with the identity that it was opened with"),
    ("IDENT-2", "who is put out is out and stays out"),
    ("IDENT-3", "roles are demanded"),
];

#[cfg(feature = "jwt")]
#[test]
fn identities_keep_to_their_transcripts() {
    run_all("identities", super::identities::IdentityStage::default);
    all_are_named("identities", &IDENTITIES);
}

/// Repeats text; to `later` it answers a second later, to `tell` the host is told, of bytes it tells their number.
#[derive(Default)]
struct Parrot {
    waiting: Vec<ConnId>,
}

impl Contract for Parrot {
    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        match message {
            Message::Text("later") => {
                self.waiting.push(peer);
                fx.arm(Some(fx.now().tick + Duration::from_secs(1)));
            }
            Message::Text("note") => drop(fx.record("notes", "parrot", b"{}")),
            Message::Text("tell") => fx.event(EventClass::Notice, 0, None, r#"it said {"n":1}"#),
            Message::Text(text) => fx.send(peer, text),
            Message::Binary(bytes) => fx.send(peer, &format!("{} bytes", bytes.len())),
        }
    }

    fn deadline(&mut self, fx: &mut Effects) {
        for peer in self.waiting.drain(..) {
            fx.send(peer, r#"{"late":true,"at":"2024-01-01T00:00:00.000Z","n":1.50}"#);
        }
    }

    fn command(&mut self, fx: &mut Effects, _: Box<dyn Any + Send>) {
        fx.event(EventClass::Notice, 0, None, "heard");
    }

    fn recorded(&mut self, fx: &mut Effects, _: RecordTicket, outcome: Result<(), &StoreError>) {
        let words = outcome.map_or_else(|why| why.to_string(), |()| "noted".into());
        fx.event(EventClass::Notice, 0, None, words.as_str());
    }
}

#[derive(Default)]
struct ParrotStage;

impl Stage for ParrotStage {
    fn given(&mut self, name: &str, value: &str) -> Result<(), String> {
        if (name, value) == ("colour", "green") { Ok(()) } else { Err("no such setting".into()) }
    }

    fn settings(&mut self) -> Result<Settings, String> {
        let factory = Box::new(|_: &mut Setup<'_>| Parrot::default());
        Ok(stage::settings(Limits::default(), Vec::new(), vec![("/parrot".into(), factory)]))
    }

    fn host(&mut self, words: &str, _: &[(String, TopicId)]) -> Result<Vec<Command>, String> {
        let mount = crate::ground::id::MountId(0);
        match words {
            "whistles" => Ok(vec![Command::Contract {
                mount,
                command: crate::ground::foreign::Foreign::new(Box::new(())),
            }]),
            _ => Err("the parrot is deaf".into()),
        }
    }

    fn event(&self, event: &Event) -> String {
        match event {
            Event::Contract { body: EventBody::Custom(payload), .. } => {
                String::from_utf8_lossy(payload.as_message().as_bytes()).into_owned()
            }
            other => format!("{other:?}"),
        }
    }

    fn record(&self, record: &Record) -> String {
        match &record.body {
            RecordBody::Custom { key, payload, .. } => {
                format!("record {key} {}", String::from_utf8_lossy(payload))
            }
            other => format!("{other:?}"),
        }
    }
}

fn parrot(steps: &str) -> Result<(), String> {
    run(&format!("# A parrot.\n{steps}"), &mut ParrotStage)
}

#[test]
fn what_is_true_passes() {
    parrot(
        r#"given colour = green
        @0     A connects /parrot?x=1/
        @0     B connects /nothing -> 404
        @10    A > {"a":1.50,"b":["x",null,{"c":"y"}],"s":"a\"..b"}  # two spaces before a comment
        @10    A < {"b":["$X",null,{..}],"a":1.50,"s":"a\"..b"}
        @10    A > {"x":"$X","y":" # none"}
        @10    A < {"x":"x", ..}
        @10    A > raw: hello
        @10    A < raw: hello
        @10    A sends binary 00ff
        @10    A < raw: 2 bytes
        @20    A > raw: later
        @1019  quiet
        @1020  A < {"late":"<any>","at":"<iso>","n":"<number>"}
        @1020  A > raw: tell
        @1020  ! it said {"n":1}
        @1030  host whistles
        @1030  ! heard
        @1030  host sings -> refused deaf
        @1040  A stalls
        @1040  A > raw: once more
        @1050  A reads
        @1050  A < raw: once more
        @1100  C connects /parrot
        @1100  C drops
        @1100  D connects /parrot/
        @1100  D leaves
        @1200  host stops reading
        @1200  A > raw: tell
        @1300  host reads again
        @1300  quiet
        @1300  A > raw: tell
        @1300  ! it said {"n":1}
        @2000  server stops
        @2000  A closes 1001 the server is stopping
        @2000  E connects /parrot
        @2000  E closes 1001 the server is stopping
        @2000  F connects /nothing -> 503"#,
    )
    .unwrap();
}

#[test]
fn a_store_does_what_it_is_told() {
    parrot(
        r#"given store = there
        given records = shown
        @0     A connects /parrot
        @0     A > raw: note
        @0     ! record parrot {}
        @0     ! noted
        @10    store waits
        @10    A > raw: note
        @10    A > raw: note
        @10    A > raw: note
        @20    store fails 1
        @20    ! the store refused: it fails
        @30    store commits 1
        @30    ! record parrot {}
        @30    ! noted
        @40    store commits
        @40    ! record parrot {}
        @40    ! noted
        @50    store fails
        @50    A > raw: note
        @50    ! the store refused: it fails
        @60    store is down
        @60    A > raw: note
        @10070 A > raw: note
        @10070 ! the store is down: it is down
        @10080 store commits
        @10080 ! record parrot {}
        @10080 ! noted"#,
    )
    .unwrap();
    parrot(
        "@0 A connects /parrot\n@0 A > raw: note\n\
         @0 ! the store refused: the server was started without a store",
    )
    .unwrap();
}

#[test]
fn whatever_is_wrong_fails_with_its_line() {
    for (steps, line, words) in [
        // Content.
        ("@0 A connects /parrot\n@0 A > {\"a\":1}\n@0 A < {\"a\":2}", 4, ".a: expected 2, got 1"),
        ("@0 A connects /parrot\n@0 A > {\"a\":1.0}\n@0 A < {\"a\":1}", 4, ".a: expected 1, got 1.0"),
        (
            "@0 A connects /parrot\n@0 A > {\"a\":1}\n@0 A < {\"a\":1,\"b\":2}",
            4,
            ".b: expected 2, got nothing",
        ),
        (
            "@0 A connects /parrot\n@0 A > {\"a\":1,\"b\":2}\n@0 A < {\"a\":1}",
            4,
            ".b: expected nothing, got 2",
        ),
        ("@0 A connects /parrot\n@0 A > {\"a\":1,\"a\":1}\n@0 A < {\"a\":1}", 4, ".a: expected nothing"),
        ("@0 A connects /parrot\n@0 A > [1,2]\n@0 A < [1]", 4, "got [1,2]"),
        ("@0 A connects /parrot\n@0 A > [1,2]\n@0 A < [\"$N\",\"$N\"]", 4, "$N is 1, got 2"),
        ("@0 A connects /parrot\n@0 A > [\"1\"]\n@0 A < [\"<number>\"]", 4, "[0]"),
        ("@0 A connects /parrot\n@0 A > [\"2024\"]\n@0 A < [\"<iso>\"]", 4, "[0]"),
        ("@0 A connects /parrot\n@0 A > [ 1]\n@0 A < [1]", 4, "not compact"),
        ("@0 A connects /parrot\n@0 A > raw: [1\n@0 A < [1]", 4, "ends within"),
        ("@0 A connects /parrot\n@0 A > raw: a\n@0 A < raw: b", 4, "got a"),
        // Missing.
        ("@0 A connects /parrot\n@0 A < [1]", 3, "got nothing"),
        ("@0 ! heard", 2, "got nothing"),
        ("@0 A connects /parrot\n@0 A closes 1001", 3, "got nothing"),
        // Too much.
        ("@0 A connects /parrot\n@0 A > [1]", 3, "not in the transcript: [1]"),
        ("@0 A connects /parrot\n@0 A > [1]\n@5 quiet", 4, "A got at @0, what is not in the transcript: [1]"),
        ("@0 host whistles", 2, "the host was told at @0"),
        ("@0 A connects /parrot\n@0 server stops", 3, "closed 1001"),
        // Another time.
        ("@0 A connects /parrot\n@0 A > raw: later\n@999 A < {..}", 4, "got nothing"),
        ("@0 A connects /parrot\n@0 A > raw: later\n@1001 A < {..}", 4, "A got at @1000"),
        // Another end, another answer.
        ("@0 A connects /parrot\n@0 server stops\n@0 A closes 1000", 4, "got closed 1001"),
        ("@0 A connects /parrot\n@0 server stops\n@0 A closes 1001 bye", 4, "got closed 1001"),
        ("@0 A connects /nothing", 2, "expected the answer 101, got 404"),
        ("@0 A connects /parrot -> 403", 2, "expected the answer 403, got 101"),
        ("@0 host sings", 2, "deaf"),
        ("@0 host whistles -> refused deaf", 2, "it was not"),
        ("@0 host sings -> refused blind", 2, "deaf"),
        ("@0 host whistles\n@0 ! heard {}", 3, "other words"),
        ("given colour = red", 2, "no such setting"),
        ("@0 A > {}", 2, "has not connected"),
        (
            "given store = there\ngiven records = shown\n@0 A connects /parrot\n@0 A > raw: note\n@0 ! noted",
            6,
            "record",
        ),
        // Not understood.
        ("given store = here", 2, "there, or not given"),
        ("given records = seen", 2, "shown or hidden"),
        ("@0 store sleeps", 2, "sleeps"),
        ("@5 quiet\n@4 quiet", 3, "earlier"),
        ("@0 A wonders", 2, "not understood"),
        ("whatever", 2, "neither"),
        ("@0 quiet\ngiven a = b", 3, "before the first step"),
    ] {
        let error = parrot(steps).expect_err(steps);
        assert!(error.starts_with(&format!("{line}: ")), "{steps}\n{error}");
        assert!(error.contains(words), "{steps}\n{error}");
    }
    assert!(parse("@0 quiet").unwrap_err().contains("story"));
}
