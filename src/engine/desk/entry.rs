//! Who may come in, from where, and as whom.

use super::target::Target;
use crate::{
    contracts::gate::Verdict,
    engine::{
        Engine,
        ports::Ports,
        settings::{Door, Entrance},
        transport::Transport,
    },
    ground::foreign::{self, Panicked},
    hub::identity::Identity,
    wire::{access, answer::fault, request::Request, response::Response},
};

/// Who the gate says it is.
pub(super) enum Entry {
    As(Identity),
    Refused(Response),
    Ask,
}

impl<T: Transport, P: Ports> Engine<T, P> {
    /// Whether a request may come in from where it comes.
    pub(super) fn judge(
        &self,
        slot: u32,
        target: &Target,
        request: &Request<'_>,
    ) -> Result<(), access::Foreign> {
        let local = self.peers.at(slot).is_some_and(|peer| peer.local);
        let same = self.door(target).is_some_and(|door| door.same_origin);
        self.access.judge(request.header("host"), request.header("origin"), local, same)
    }

    /// Who may come in there.
    pub(super) fn door(&self, target: &Target) -> Option<&Door> {
        match target {
            Target::Mount(mount) => Some(&self.mounts[mount.index()].settings.door),
            Target::Route(route) => Some(match &self.routes[*route].entrance {
                Entrance::Own(door) => door,
                Entrance::Mount(mount) => &self.mounts[mount.index()].settings.door,
            }),
            Target::Refused(_) => None,
        }
    }

    /// Asks the target's gate, if it has one.
    pub(super) fn identify(&mut self, target: &Target, request: &Request<'_>) -> Entry {
        let door = match target {
            Target::Mount(mount) => &mut self.mounts[mount.index()].settings.door,
            Target::Route(route) => match &mut self.routes[*route].entrance {
                Entrance::Own(door) => door,
                Entrance::Mount(mount) => &mut self.mounts[mount.index()].settings.door,
            },
            Target::Refused(_) => return Entry::As(Identity::ANONYMOUS),
        };
        let Some(gate) = door.gate.as_deref_mut() else { return Entry::As(Identity::ANONYMOUS) };
        let now = self.now;
        match foreign::call(|| gate.identify(now, request)) {
            Ok(Verdict::Allow(identity)) => Entry::As(identity),
            // Nobody is left to be asked.
            Ok(Verdict::Refuse(response) | Verdict::Absent(response) | Verdict::Unknown(response)) => {
                Entry::Refused(response)
            }
            Ok(Verdict::Ask) => Entry::Ask,
            Err(Panicked) => {
                self.stats.contract_panics += 1;
                Entry::Refused(fault(500, "the server failed to identify the client", &[]))
            }
        }
    }
}
