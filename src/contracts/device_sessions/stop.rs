//! How sessions end when the server stops: all at once, but not more are filed at once than the store has room for.

use super::Sessions;
use crate::{contracts::effects::Effects, ground::limits::DEVICE_STOP_TRIES};

impl Sessions {
    /// Files up to so many of the ends that wait for it. Replies that have waited for their turn wait for the store from now on.
    pub(super) fn file_waiting(&mut self, fx: &mut Effects, most: usize) {
        for _ in 0..most {
            let Some((id, at)) = self.clerk.next_waiting() else { return };
            // Without a ticket it is committed already: it was filed twice.
            let ticket = self.clerk.end_again(fx, at, &id);
            let Some(device) = self.devices.get_mut(at) else { continue };
            device.replies.filed(&id, ticket);
            if ticket.is_none() {
                self.flush(fx, at);
                self.tidy(fx, at);
            }
        }
    }

    /// Files as many of the ends that wait as may be on their way while the server stops.
    pub(super) fn file_in_turn(&mut self, fx: &mut Effects) {
        self.file_waiting(fx, self.clerk.room());
    }

    /// The store has answered for something while the server stops. What it refused may have found no room among what others record: as long as there is
    /// hope, it waits for another turn.
    pub(super) fn go_on_stopping(&mut self, fx: &mut Effects, committed: bool) {
        if committed {
            self.stop_tries = DEVICE_STOP_TRIES;
            self.file_in_turn(fx);
        } else if self.stop_tries > 0 && !self.clerk.is_awaited() {
            // No verdict is to come that would lead on.
            self.stop_tries -= 1;
            // At the last all are offered, so that each is refused and told so.
            self.file_waiting(fx, if self.stop_tries > 0 { 1 } else { usize::MAX });
        }
    }

    /// Whether an end that was refused may yet be recorded before the server has stopped.
    pub(super) fn hopes(&self) -> bool {
        self.stopping && self.stop_tries > 0
    }
}
