//! A built-in contract in the hands of its stage: beside what is its own, it takes an [`Act`] as a command.

use crate::{
    contracts::{
        admission::Admission,
        contract::{Contract, ContractFactory, Hello, Setup},
        effects::Effects,
        store::StoreError,
    },
    ground::{
        close::Closed,
        frame::Message,
        id::{ConnId, RecordTicket},
    },
    wire::response::Response,
};
use std::any::Any;

/// What a stage does with its contract.
pub(super) struct Act(pub(super) fn(&mut dyn Contract, &mut Effects));

impl Act {
    /// The contract panics.
    pub(super) const BREAK: Self = Self(|_, _| panic!("the transcript breaks the contract"));
}

/// Makes contracts that can be handled so.
pub(super) struct HandledFactory<F>(pub(super) F);

struct Handled(Box<dyn Contract>);

impl<F: ContractFactory> ContractFactory for HandledFactory<F> {
    fn build(&mut self, setup: &mut Setup<'_>) -> Box<dyn Contract> {
        Box::new(Handled(self.0.build(setup)))
    }
}

impl Contract for Handled {
    fn admit(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) -> Result<Admission, Response> {
        self.0.admit(fx, peer, hello)
    }
    fn opened(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) {
        self.0.opened(fx, peer, hello);
    }
    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        self.0.message(fx, peer, message);
    }
    fn closed(&mut self, fx: &mut Effects, peer: ConnId, how: Closed) {
        self.0.closed(fx, peer, how);
    }
    fn command(&mut self, fx: &mut Effects, command: Box<dyn Any + Send>) {
        match command.downcast::<Act>() {
            Ok(act) => act.0(&mut *self.0, fx),
            Err(command) => self.0.command(fx, command),
        }
    }
    fn deadline(&mut self, fx: &mut Effects) {
        self.0.deadline(fx);
    }
    fn recorded(&mut self, fx: &mut Effects, ticket: RecordTicket, outcome: Result<(), &StoreError>) {
        self.0.recorded(fx, ticket, outcome);
    }
    fn shutdown(&mut self, fx: &mut Effects) {
        self.0.shutdown(fx);
    }
}
