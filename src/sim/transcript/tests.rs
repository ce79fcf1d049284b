//! The runner, tested with a contract that repeats what it is told.

use super::{
    runner::run,
    script::parse,
    stage::{self, Stage},
};
use crate::{
    contracts::{
        contract::{Contract, Setup},
        effects::{Effects, EventClass},
        told::EventBody,
    },
    engine::{command::Command, event::Event, settings::Settings},
    ground::{
        frame::Message,
        id::{ConnId, TopicId},
        limits::Limits,
    },
};
use std::{any::Any, time::Duration};

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
        @2000  server stops
        @2000  A closes 1001 the server is stopping
        @2000  E connects /parrot
        @2000  E closes 1001 the server is stopping
        @2000  F connects /nothing -> 503"#,
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
        // Not understood.
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
