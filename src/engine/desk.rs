//! The front desk: what to do with a request.

mod answer;
mod call;
mod entry;
mod opening;
mod pending;
mod stream;
mod target;

use super::{Engine, busy, event::RefusalCause, peer::Asked, ports::Ports, transport::Transport};
use crate::{
    ground::limits::HEADERS_MAX,
    hub::identity::Identity,
    wire::{
        access,
        answer::fault,
        body::BodyReader,
        head::{self, BodyLength, Head},
        upgrade,
    },
};
use entry::Entry;
use target::Target;

impl<T: Transport, P: Ports> Engine<T, P> {
    /// A request head is complete.
    pub(super) fn head(&mut self, slot: u32, bytes: &[u8]) {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let head = match head::parse(bytes, &mut headers) {
            Ok(head) => head,
            Err(fault) => {
                self.refuse(slot, fault.status(), fault.message());
                return;
            }
        };
        self.stats.requests += 1;
        let refused = self.peers.at(slot).and_then(|peer| peer.refused);
        let of_stop = self.stopping && refused.is_none_or(|cause| cause == RefusalCause::Stopping);
        if of_stop && self.is_refused_by_contract(&head) {
            self.dispatch(slot, bytes, &head, None, None);
        } else if let Some(cause) = refused {
            let why = match cause {
                RefusalCause::Address => "too many connections from this address; try again later",
                RefusalCause::Stopping => "the server is stopping",
                _ => "too many connections; try again later",
            };
            self.refuse(slot, 503, why);
        } else if self.stopping {
            self.refuse_stopping(slot);
        } else {
            self.dispatch(slot, bytes, &head, None, None);
        }
    }

    /// Whether it is a contract that refuses this request while the server stops.
    fn is_refused_by_contract(&self, head: &Head<'_>) -> bool {
        let mount = self.target(head).0.mount();
        mount.is_some_and(|mount| self.mounts[mount.index()].settings.refuses_while_stopping)
    }

    /// Brings a request as far as it goes: to an answer, to a WebSocket, or to waiting for a body or a decision.
    fn dispatch(
        &mut self,
        slot: u32,
        bytes: &[u8],
        head: &Head<'_>,
        identity: Option<Identity>,
        body: Option<Vec<u8>>,
    ) {
        let asked = Asked::of(head.method, head.version_minor, head.keep_alive);
        let Some(peer) = self.peers.at(slot) else { return };
        let addr = peer.addr;
        let (target, params) = self.target(head);
        let Some(request) = head.request(&params, addr) else {
            // No mount or route serves a method that is not known; what was found says so.
            let response = match target {
                Target::Refused(response) => response,
                Target::Mount(_) | Target::Route(_) => fault(405, "unknown method", &[]),
            };
            self.answer_to(slot, head, asked, response);
            return;
        };
        // Before anything of it is looked at, and once.
        if identity.is_none()
            && body.is_none()
            && let Err(foreign) = self.judge(slot, &target, &request)
        {
            let cause = match foreign {
                access::Foreign::Host => RefusalCause::Host,
                access::Foreign::Origin => RefusalCause::Origin,
            };
            self.count_refusal(cause, self.mount_behind(&target), addr);
            self.answer_to(slot, head, asked, fault(403, foreign.message(), &[]));
            return;
        }
        match &target {
            Target::Refused(_) => {}
            &Target::Mount(id) => {
                let mount = &self.mounts[id.index()];
                if let Err(fault_) = upgrade::check(head) {
                    let response = fault(fault_.status(), fault_.message(), fault_.headers());
                    self.answer_to(slot, head, asked, response);
                    return;
                }
                if mount.connections >= mount.settings.connections_max {
                    self.count_refusal(RefusalCause::Mount, Some(id), addr);
                    self.answer_to(slot, head, asked, busy("this path has as many connections as it takes"));
                    return;
                }
                if self.awaits_host(id) {
                    // Its opening could tell the host what there is no room for.
                    self.stats.refused_paused += 1;
                    let why = "the server does not keep up with this path; try again later";
                    self.answer_to(slot, head, asked, busy(why));
                    return;
                }
            }
            Target::Route(_) => {
                // The length is judged before anyone is bothered with the request.
                if let Err(fault) = BodyReader::new(head.body, self.limits.body_bytes) {
                    self.refuse(slot, fault.status(), fault.message());
                    return;
                }
            }
        }
        let identity = match identity {
            Some(identity) => identity,
            None => match self.identify(&target, &request) {
                Entry::As(identity) => identity,
                Entry::Refused(response) => {
                    self.count_refusal(RefusalCause::Gate, self.mount_behind(&target), addr);
                    self.answer_to(slot, head, asked, response);
                    return;
                }
                Entry::Ask => {
                    self.ask(slot, bytes, self.mount_behind(&target), &request);
                    return;
                }
            },
        };
        let refused = if identity.is_expired(self.now.wall) {
            Some("the identity has expired")
        } else if self.door(&target).is_some_and(|door| !door.admits(&identity)) {
            Some("the identity has none of the roles that this asks for")
        } else {
            None
        };
        if let Some(why) = refused {
            self.count_refusal(RefusalCause::Gate, self.mount_behind(&target), addr);
            self.answer_to(slot, head, asked, fault(403, why, &[]));
            return;
        }
        match target {
            Target::Refused(response) => self.answer_to(slot, head, asked, response),
            Target::Mount(mount) => self.upgrade(slot, mount, head, &request, identity, asked),
            Target::Route(route) => {
                let body = match body {
                    Some(body) => body,
                    None if head.body == BodyLength::None => Vec::new(),
                    None => {
                        self.await_body(slot, bytes, head, identity);
                        return;
                    }
                };
                self.call_route(slot, route, bytes, &request, &body, identity, asked);
            }
        }
    }
}
