//! Records: given to the store, and their contracts told what became of them.

use super::{
    Engine, StateKey,
    event::Event,
    ledger::{Entry, Filed, Refusal},
    ports::Ports,
    transport::Transport,
};
use crate::{
    contracts::store::{StoreError, record::Record},
    ground::id::{MountId, RecordTicket},
};

impl<T: Transport, P: Ports> Engine<T, P> {
    pub(super) fn record(&mut self, mount: MountId, record: Record) {
        self.mounts[mount.index()].feeds_store = true;
        let filed = Filed { mount, ticket: record.ticket, awaited: record.awaited };
        let (weight, now) = (record.weight_bytes(), self.now.tick);
        self.mounts[mount.index()].awaited += usize::from(filed.awaited);
        let admitted = if self.store.is_some() { self.ledger.admit(weight) } else { Err(Refusal::NoStore) };
        let refusal = match admitted {
            Ok(()) if self.ports.send_record(record, weight) => {
                self.ledger.sent(filed, weight, now);
                return;
            }
            // Its thread is gone, and will not come back.
            Ok(()) => Refusal::GivenUp,
            Err(refusal) => refusal,
        };
        self.stats.records_refused += 1;
        self.ledger.refuse(filed, refusal, now);
    }

    /// The store has committed, or refused, all records that it has up to this ticket.
    pub(crate) fn recorded(&mut self, upto: RecordTicket, outcome: Result<(), &StoreError>) {
        if self.ledger.answered(self.now.tick) {
            self.state_event(StateKey::Store, Event::Store { up: true, why: String::new() });
        }
        while let Some(entry) = self.ledger.next_answered(upto) {
            if entry.refused.is_some() {
                self.tell_refused(entry);
                continue;
            }
            let counter =
                if outcome.is_ok() { &mut self.stats.records } else { &mut self.stats.records_failed };
            *counter += 1;
            if let Some(mount) = entry.mount {
                self.with_contract(mount, |contract, fx| contract.recorded(fx, entry.ticket, outcome));
                self.settled(mount, entry.awaited);
            }
        }
        self.tidy();
    }

    /// The store cannot take anything for now, and says why. It has all that it was given, and will be offered it again.
    pub(crate) fn store_down(&mut self, why: String) {
        self.ledger.went_down(why.clone());
        self.state_event(StateKey::Store, Event::Store { up: false, why });
    }

    pub(super) fn tell_refused(&mut self, entry: Entry) {
        if let (Some(mount), Some(refusal)) = (entry.mount, entry.refused) {
            let why = self.ledger.error(refusal);
            self.with_contract(mount, |contract, fx| contract.recorded(fx, entry.ticket, Err(&why)));
            self.settled(mount, entry.awaited);
        }
    }

    /// A contract has been told what became of a record. While the server stops, its clients wait for no longer than it does.
    fn settled(&mut self, mount: MountId, awaited: bool) {
        if !awaited {
            return;
        }
        let waiting = &mut self.mounts[mount.index()].awaited;
        *waiting = waiting.saturating_sub(1);
        if *waiting == 0 && self.last_words.is_some() {
            self.stop_mount(mount);
        }
    }
}
