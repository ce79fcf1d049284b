//! A wrapper around a contract: it writes down what the contract is told and what it says, has the model judge it, and can break it.

use super::truth::{SharedTruth, Truth, open};
use crate::{
    contracts::{
        admission::Admission,
        contract::{Contract, ContractFactory, Hello, Setup},
        effects::{Effects, Op},
        store::{StoreError, guided::GuidedRole, record::RecordBody},
        told::EventBody,
    },
    ground::{
        close::Closed,
        frame::Message,
        id::{ConnId, MountId, RecordTicket, TopicId},
        time::Wall,
    },
    wire::response::Response,
};
use std::any::Any;

/// What a contract says, as far as it matters here.
#[derive(Debug, Clone)]
pub(super) enum Said {
    Send(ConnId, String),
    Publish(TopicId, String),
    Subscribe(ConnId, TopicId),
    Close(ConnId),
    Event(EventBody),
    Record { ticket: RecordTicket, body: RecordBody, awaited: bool, at: Option<Wall> },
}

/// What a contract is told.
#[derive(Debug)]
pub(super) enum Call<'a> {
    /// It is built: for the first time, or, after a panic, anew.
    Built {
        anew: bool,
    },
    Opened {
        conn: ConnId,
        subject: Option<&'a str>,
        name: &'a str,
        role: Option<GuidedRole>,
        code: &'a str,
        query: &'a str,
    },
    Message {
        conn: ConnId,
        text: &'a str,
    },
    Closed(ConnId),
    Command(&'a str),
    Deadline,
    Recorded {
        body: RecordBody,
        ticket: RecordTicket,
        committed: bool,
    },
    Shutdown,
}

/// Has a model judge what came of a call.
pub(super) type Judge = fn(&mut Truth, Call<'_>, &[Said]) -> Result<(), String>;

/// The host's command that breaks a contract.
#[derive(Debug)]
pub(super) struct Break;

/// A command with words for the model.
pub(super) struct Spoken {
    pub(super) words: String,
    pub(super) command: Box<dyn Any + Send>,
}

/// See the module.
struct Witness {
    inner: Box<dyn Contract>,
    eye: Eye,
}

#[derive(Clone)]
struct Eye {
    truth: SharedTruth,
    mount: MountId,
    judge: Judge,
}

pub(super) struct WitnessFactory<F> {
    inner: F,
    eye: Eye,
    built: bool,
}

impl<F> WitnessFactory<F> {
    pub(super) fn new(inner: F, truth: SharedTruth, mount: MountId, judge: Judge) -> Self {
        Self { inner, eye: Eye { truth, mount, judge }, built: false }
    }
}

impl<F: ContractFactory> ContractFactory for WitnessFactory<F> {
    fn build(&mut self, setup: &mut Setup<'_>) -> Box<dyn Contract> {
        let from = setup.effects().ops.len();
        let anew = std::mem::replace(&mut self.built, true);
        let inner = self.inner.build(setup);
        self.eye.saw(setup.effects(), from, Call::Built { anew });
        Box::new(Witness { inner, eye: self.eye.clone() })
    }
}

impl Eye {
    fn saw(&self, fx: &Effects, from: usize, call: Call<'_>) {
        let said: Vec<_> = fx.ops[from..].iter().filter_map(|op| said(fx, op)).collect();
        let truth = &mut *open(&self.truth);
        truth.now = fx.now;
        truth.note(|| format!("{:>9.3} {:?} {call:?}", fx.now.tick.as_nanos() as f64 / 1e9, self.mount));
        match &call {
            Call::Opened { conn, query, .. } => {
                let number = query.rsplit_once("c=").and_then(|(_, number)| number.parse().ok());
                truth.opened(self.mount, *conn, number.unwrap_or_default());
            }
            Call::Message { conn, text } => truth.heard(*conn, text),
            Call::Built { anew: true } => truth.forget(self.mount),
            _ => {}
        }
        truth.said(self.mount, &said);
        let gone = match &call {
            Call::Closed(conn) => Some(*conn),
            _ => None,
        };
        if let Err(what) = (self.judge)(truth, call, &said) {
            truth.violated(what);
        }
        if let Some(conn) = gone {
            truth.closed(conn);
        }
        truth.drawn.clear();
    }
}

fn said(fx: &Effects, op: &Op) -> Option<Said> {
    let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&fx.bytes[range]).into_owned();
    Some(match op {
        Op::Send { to, payload, .. } => Said::Send(*to, text(payload.range())),
        Op::Publish { topic, payload, .. } => Said::Publish(*topic, text(payload.range())),
        Op::Subscribe { conn, topic, .. } => Said::Subscribe(*conn, *topic),
        Op::Close { conn, .. } => Said::Close(*conn),
        Op::Event { body, .. } => Said::Event(body.clone()),
        Op::Record { ticket, body, awaited, at } => {
            Said::Record { ticket: *ticket, body: body.clone(), awaited: *awaited, at: *at }
        }
        _ => return None,
    })
}

impl Contract for Witness {
    fn admit(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) -> Result<Admission, Response> {
        self.inner.admit(fx, peer, hello)
    }

    fn opened(&mut self, fx: &mut Effects, conn: ConnId, hello: &Hello<'_>) {
        let from = fx.ops.len();
        self.inner.opened(fx, conn, hello);
        let (query, code) = (hello.request.raw_query(), hello.request.param("code"));
        let (query, code) = (query.unwrap_or_default(), code.unwrap_or_default());
        let (subject, name) = (hello.identity.subject(), hello.identity.name().unwrap_or_default());
        let roles = [GuidedRole::Student, GuidedRole::Instructor];
        let role = roles.into_iter().find(|role| hello.identity.has_role(role.as_str()));
        self.eye.saw(fx, from, Call::Opened { conn, subject, name, role, code, query });
    }

    fn message(&mut self, fx: &mut Effects, conn: ConnId, message: Message<'_>) {
        let from = fx.ops.len();
        self.inner.message(fx, conn, message);
        if let Message::Text(text) = message {
            self.eye.saw(fx, from, Call::Message { conn, text });
        }
    }

    fn closed(&mut self, fx: &mut Effects, conn: ConnId, how: Closed) {
        let from = fx.ops.len();
        self.inner.closed(fx, conn, how);
        self.eye.saw(fx, from, Call::Closed(conn));
    }

    fn command(&mut self, fx: &mut Effects, command: Box<dyn Any + Send>) {
        let from = fx.ops.len();
        let command = match command.downcast::<Break>() {
            Ok(_) => std::panic::resume_unwind(Box::new("on purpose")),
            Err(command) => command.downcast::<Spoken>(),
        };
        if let Ok(spoken) = command {
            self.inner.command(fx, spoken.command);
            self.eye.saw(fx, from, Call::Command(&spoken.words));
        }
    }

    fn deadline(&mut self, fx: &mut Effects) {
        let from = fx.ops.len();
        self.inner.deadline(fx);
        self.eye.saw(fx, from, Call::Deadline);
    }

    fn recorded(&mut self, fx: &mut Effects, ticket: RecordTicket, outcome: Result<(), &StoreError>) {
        let from = fx.ops.len();
        self.inner.recorded(fx, ticket, outcome);
        let known = open(&self.eye.truth).records.remove(&ticket);
        let Some(body) = known else {
            return open(&self.eye.truth)
                .violated(format!("{ticket:?} is answered for twice, or was never recorded"));
        };
        let committed = outcome.is_ok();
        if open(&self.eye.truth).tables.has(ticket) != committed {
            open(&self.eye.truth).violated(format!(
                "the contract is told {outcome:?} of {ticket:?}, and the store knows better"
            ));
        }
        self.eye.saw(fx, from, Call::Recorded { body, ticket, committed });
    }

    fn shutdown(&mut self, fx: &mut Effects) {
        let from = fx.ops.len();
        self.inner.shutdown(fx);
        self.eye.saw(fx, from, Call::Shutdown);
    }
}
