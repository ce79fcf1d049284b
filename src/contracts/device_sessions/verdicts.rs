//! What the store says of what was recorded, and what follows from it.

use super::{
    Sessions,
    clerk::{Entry, Filed, FiledSample},
    messages::{self, ErrorCode},
    replies::{Waits, Word},
    session::{NewSession, ended_row},
    table::Place,
};
use crate::{
    contracts::{
        effects::{Count, Effects},
        store::device::SessionStatus,
    },
    ground::id::{ConnId, RecordTicket},
};

impl Sessions {
    pub(super) fn verdict(&mut self, fx: &mut Effects, ticket: RecordTicket, committed: bool) {
        let Some(entry) = self.clerk.take(ticket) else { return };
        let mut kept = false;
        if !committed {
            kept = self.clerk.refused(fx, &entry);
        } else if self.clerk.committed(fx, &entry) && !self.stopping {
            self.file_waiting(fx, usize::MAX);
        }
        let Entry { filed, at, .. } = entry;
        match filed {
            Filed::Start(id) => self.start_verdict(fx, at, &id, ticket, committed),
            Filed::End(_) => self.end_verdict(fx, at, ticket, committed, kept),
            Filed::Sample(sample) if !committed => self.lost(fx, at, &sample),
            Filed::Sample(_) => {}
        }
        if self.stopping {
            self.go_on_stopping(fx, committed);
        }
    }

    fn start_verdict(
        &mut self,
        fx: &mut Effects,
        at: Place,
        id: &str,
        ticket: RecordTicket,
        committed: bool,
    ) {
        let Some(device) = self.devices.get_mut(at) else { return };
        if let Some(active) = device.active.as_mut().filter(|active| *active.row.id == *id) {
            active.unfiled |= !committed;
            return;
        }
        let Some(reply) = device.replies.waiting_for(ticket) else { return };
        reply.waits = None;
        let to = reply.to;
        let Word::Starting { new, timestamp } = std::mem::replace(&mut reply.word, Word::NotStarted) else {
            return;
        };
        if committed {
            reply.word = Word::Created { session: new.id.clone(), timestamp };
            self.begin_recorded(fx, at, new, to);
        } else {
            fx.count(Count::Refused);
            self.clerk.book.strike(&new.id);
            self.devices.remove_session(&new.id);
        }
        self.flush(fx, at);
        self.tidy(fx, at);
    }

    /// A session that has waited for its record begins, if it still can.
    fn begin_recorded(&mut self, fx: &mut Effects, at: Place, new: NewSession, holder: ConnId) {
        if self.peers.contains_key(&holder) {
            self.begin(fx, at, new, holder, true);
            if self.stopping {
                self.finish_and_tell(fx, at, SessionStatus::Stopped);
            }
            return;
        }
        // By another connection the device may have a session meanwhile: that one is left alone.
        self.devices.remove_session(&new.id);
        if let Some(device) = self.devices.get(at) {
            let row = ended_row(&new.row(&device.id), SessionStatus::Disconnected, fx.now().wall, None, 0);
            self.clerk.end(fx, at, &row, true);
        }
    }

    /// `kept`: it was refused, and will be filed again.
    fn end_verdict(
        &mut self,
        fx: &mut Effects,
        at: Place,
        ticket: RecordTicket,
        committed: bool,
        kept: bool,
    ) {
        let hopes = kept && self.hopes();
        let Some(device) = self.devices.get_mut(at) else { return };
        let Some(reply) = device.replies.waiting_for(ticket) else { return };
        if hopes {
            reply.waits = Some(Waits::Turn);
            return;
        }
        reply.waits = None;
        if let Word::Ended { lost, .. } = &mut reply.word {
            *lost |= !committed;
        }
        self.flush(fx, at);
        self.tidy(fx, at);
    }

    /// A sample was refused. Who sent it is told once in an outage, if it is used to be told.
    fn lost(&mut self, fx: &mut Effects, at: Place, sample: &FiledSample) {
        fx.count(Count::Lost);
        if let Some(id) = sample.session.as_deref() {
            self.clerk.book.refuse_sample(id);
            if let Some(device) = self.devices.get_mut(at) {
                device.lost(id);
            }
        }
        let outage = self.clerk.outage();
        let Some(peer) = self.peers.get_mut(&sample.from).filter(|peer| peer.is_new) else { return };
        if std::mem::replace(&mut peer.told_outage, outage) != outage {
            let words = "Data could not be recorded, and is lost";
            let error = messages::error(ErrorCode::StorageUnavailable, words, Some(&sample.device));
            fx.send(sample.from, &error);
        }
    }
}
