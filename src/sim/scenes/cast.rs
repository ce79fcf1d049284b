//! The contracts that are played with.

use crate::{
    Placing,
    contracts::{
        contract::{Contract, Hello, Setup, SnapshotMessages},
        effects::{Effects, EventClass},
        store::{StoreError, record::RecordBody},
    },
    ground::{
        close::Closed,
        frame::Message,
        id::{ConnId, RecordTicket, TopicId},
        time::Now,
    },
};
use std::{any::Any, time::Duration};

/// What is told to a contract.
#[derive(Debug)]
pub(super) enum Told<'a> {
    Opened,
    Heard(ConnId, &'a str),
    Closed,
    Command(&'a str),
    Deadline,
}

/// A contract made of one closure; its snapshots count up.
pub(super) struct Scripted<F>(pub(super) F, pub(super) u32);

impl<F: FnMut(&mut Effects, Told<'_>) + Send> Contract for Scripted<F> {
    fn opened(&mut self, fx: &mut Effects, _: ConnId, _: &Hello<'_>) {
        self.0(fx, Told::Opened);
    }

    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        self.0(fx, Told::Heard(peer, std::str::from_utf8(message.as_bytes()).unwrap()));
    }

    fn closed(&mut self, fx: &mut Effects, _: ConnId, _: Closed) {
        self.0(fx, Told::Closed);
    }

    fn command(&mut self, fx: &mut Effects, command: Box<dyn Any + Send>) {
        self.0(fx, Told::Command(command.downcast_ref::<&str>().unwrap()));
    }

    fn deadline(&mut self, fx: &mut Effects) {
        self.0(fx, Told::Deadline);
    }

    fn snapshot(&mut self, _: Now, _: TopicId, _: Placing, out: &mut SnapshotMessages) {
        self.1 += 1;
        out.push(&format!("snapshot {}", self.1));
    }
}

/// Keeps what it is told, at the latest when it must go, and says when that is done.
pub(super) struct Keeper(pub(super) Option<ConnId>);

impl Contract for Keeper {
    fn message(&mut self, fx: &mut Effects, peer: ConnId, _: Message<'_>) {
        self.0 = Some(peer);
        fx.file_now(RecordBody::custom("stream", "key", []));
    }

    fn recorded(&mut self, fx: &mut Effects, _: RecordTicket, outcome: Result<(), &StoreError>) {
        if let (Some(peer), Ok(())) = (self.0, outcome) {
            fx.send(peer, "kept");
        }
    }

    fn shutdown(&mut self, fx: &mut Effects) {
        fx.file(RecordBody::custom("stream", "last", []));
    }
}

type Factory = Box<dyn crate::contracts::contract::ContractFactory>;

pub(super) fn scripted(script: impl FnMut(&mut Effects, Told<'_>) + Clone + Send + 'static) -> Factory {
    Box::new(move |_: &mut Setup<'_>| Scripted(script.clone(), 0))
}

/// Tells the host of everything it hears, more than it has room for when it hears "flood".
pub(super) fn feeder() -> Factory {
    scripted(|fx, told| {
        let tell = |fx: &mut Effects, what: &str| fx.event(EventClass::Lossless, 0, None, what);
        match told {
            Told::Opened => tell(fx, "opened"),
            Told::Heard(_, "flood") => (0..400).for_each(|_| tell(fx, "flood")),
            Told::Heard(_, text) => tell(fx, text),
            Told::Closed => tell(fx, "closed"),
            Told::Command("arm") => fx.arm(Some(fx.now().tick + Duration::from_secs(2))),
            Told::Command(text) => tell(fx, text),
            Told::Deadline => tell(fx, "late"),
        }
    })
}

/// Answers what it hears and is ordered.
pub(super) fn echo() -> Factory {
    let mut last = None;
    scripted(move |fx, told| match told {
        Told::Heard(peer, _) => {
            last = Some(peer);
            fx.arm(Some(fx.now().tick + Duration::from_secs(2)));
        }
        Told::Command(text) => fx.send(last.unwrap(), text),
        Told::Deadline => fx.send(last.unwrap(), "late"),
        _ => {}
    })
}
