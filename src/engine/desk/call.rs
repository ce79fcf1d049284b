//! A route is called, for an answer now or later.

use crate::{
    contracts::route::{Reply, RouteContext, Topics},
    engine::{
        Engine, busy,
        event::RefusalCause,
        peer::{Asked, Awaits, Pending},
        ports::Ports,
        transport::Transport,
    },
    ground::foreign::{self, Panicked},
    hub::identity::Identity,
    wire::{answer::fault, cors, request::Request},
};

impl<T: Transport, P: Ports> Engine<T, P> {
    #[allow(
        clippy::too_many_arguments,
        reason = "what a request is, in its parts; a struct would be made here only"
    )]
    pub(super) fn call_route(
        &mut self,
        slot: u32,
        route: usize,
        bytes: &[u8],
        request: &Request<'_>,
        body: &[u8],
        identity: Identity,
        asked: Asked,
    ) {
        let Some(conn) = self.peers.at(slot).map(|peer| peer.id) else { return };
        self.gauge();
        let context = RouteContext {
            now: self.now,
            conn,
            identity: &identity,
            stats: &self.stats,
            began: self.began,
            topics: Some(Topics { board: &self.board, names: &self.host_topics }),
        };
        let route = &mut self.routes[route].route;
        match foreign::call(|| route.handle(&context, request, body)) {
            Ok(Reply::Now(response)) => {
                let response = cors::open_to_pages(&self.access, request, response);
                self.answer(slot, asked, response);
                self.streams_to(conn, identity);
            }
            Ok(Reply::Later) => {
                if self.parked >= self.limits.parked {
                    self.count_refusal(RefusalCause::Parked, None, request.peer);
                    // Not kept alive: the route may have asked the host for an answer, which must not meet the next request.
                    let asked = Asked { keep_alive: false, ..asked };
                    self.answer(slot, asked, busy("too many requests wait for an answer; try again later"));
                    return;
                }
                let pending = Pending {
                    head: bytes.to_vec(),
                    body: Vec::new(),
                    identity: Some(identity),
                    awaits: Awaits::Answer,
                };
                self.park(slot, pending);
            }
            Err(Panicked) => {
                self.stats.contract_panics += 1;
                self.answer(slot, asked, fault(500, "the server failed to answer", &[]));
            }
        }
    }
}
