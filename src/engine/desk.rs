//! The front desk: what to do with a request, and the answers.

use super::{
    Engine, busy,
    command::Decision,
    event::{Client, Event, EventMask, RefusalCause},
    outbound::StateKey,
    peer::{Answer, Asked, Awaits, Pending, Phase},
    ports::Ports,
    queue,
    settings::{Door, Entrance},
    transport::Transport,
};
use crate::{
    contracts::{
        contract::Hello,
        gate::Verdict,
        route::{Reply, RouteContext, Topics},
    },
    ground::{
        foreign::{self, Panicked},
        id::{ConnId, MountId},
        limits::{HEADERS_MAX, SHORT_ANSWER_BYTES, STREAM_BYTES},
    },
    hub::identity::Identity,
    wire::{
        access,
        answer::{self, BodyPlan, CONTINUE, LAST_CHUNK, encode_chunk, encode_head, fault},
        body::BodyReader,
        cors,
        head::{self, BodyLength, Head, HeadScan},
        request::{Method, Request},
        response::{Body, Pulled, Response},
        target::Path,
        upgrade,
        walker::Receiver,
    },
};
use std::mem;

/// What a path and method lead to.
enum Target {
    Mount(MountId),
    Route(usize),
    Refused(Response),
}

impl Target {
    fn mount(&self) -> Option<MountId> {
        match self {
            Target::Mount(mount) => Some(*mount),
            Target::Route(_) | Target::Refused(_) => None,
        }
    }
}

/// Who the gate says it is.
enum Entry {
    As(Identity),
    Refused(Response),
    Ask,
}

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

    /// Looks a kept request at again, now that what it waited for is there.
    fn dispatch_pending(&mut self, slot: u32, pending: Pending) {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        // It was parsed before, so it can be parsed again.
        if let Ok(head) = head::parse(&pending.head, &mut headers) {
            let body = (pending.awaits == Awaits::Body).then_some(pending.body);
            self.dispatch(slot, &pending.head, &head, pending.identity, body);
        }
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

    /// Whether a request may come in from where it comes.
    fn judge(&self, slot: u32, target: &Target, request: &Request<'_>) -> Result<(), access::Foreign> {
        let local = self.peers.at(slot).is_some_and(|peer| peer.local);
        let same = self.door(target).is_some_and(|door| door.same_origin);
        self.access.judge(request.header("host"), request.header("origin"), local, same)
    }

    /// Who may come in there.
    fn door(&self, target: &Target) -> Option<&Door> {
        match target {
            Target::Mount(mount) => Some(&self.mounts[mount.index()].settings.door),
            Target::Route(route) => Some(match &self.routes[*route].entrance {
                Entrance::Own(door) => door,
                Entrance::Mount(mount) => &self.mounts[mount.index()].settings.door,
            }),
            Target::Refused(_) => None,
        }
    }

    /// The mount that is asked for, or to which the route belongs that is.
    fn mount_behind(&self, target: &Target) -> Option<MountId> {
        match target {
            Target::Mount(mount) => Some(*mount),
            Target::Route(route) => self.routes[*route].entrance.mount(),
            Target::Refused(_) => None,
        }
    }

    /// What stands at the request's path, for its method.
    fn target(&self, head: &Head<'_>) -> (Target, Vec<(String, String)>) {
        let refused = |response| (Target::Refused(response), Vec::new());
        if head.path == "*" {
            let allow = answer::allow(Method::ALL);
            return refused(Response::new(204).with_header("Allow", allow));
        }
        let path = match Path::decode(head.path) {
            Ok(path) => path,
            Err(malformed) => return refused(fault(malformed.status(), malformed.message(), &[])),
        };
        let Some((place, params)) = self.router.find(&path) else {
            return refused(fault(404, "nothing is served at this path", &[]));
        };
        let serves = |mount: &MountId| self.mounts[mount.index()].contract.is_some();
        let mount = place.mount.filter(serves);
        let routes = place
            .routes
            .iter()
            .filter(|(_, route)| self.routes[*route].entrance.mount().is_none_or(|m| serves(&m)));
        if mount.is_none() && routes.clone().next().is_none() {
            return refused(fault(404, "what was served at this path has failed and is no longer", &[]));
        }
        let route = |method: Method| routes.clone().find(|(m, _)| *m == method).map(|(_, route)| *route);
        if let Some(mount) = mount
            && (head.wants_upgrade || (route(Method::Get).is_none() && head.method == Some(Method::Get)))
        {
            return (Target::Mount(mount), params);
        }
        let found = match head.method {
            Some(Method::Head) => route(Method::Head).or_else(|| route(Method::Get)),
            Some(method) => route(method),
            None => None,
        };
        if let Some(route) = found {
            return (Target::Route(route), params);
        }
        let served = |method: Method| match method {
            Method::Options => true,
            Method::Head => route(Method::Head).is_some() || route(Method::Get).is_some(),
            Method::Get => route(Method::Get).is_some() || mount.is_some(),
            other => route(other).is_some(),
        };
        let allow = answer::allow(Method::ALL.into_iter().filter(|method| served(*method)));
        refused(match head.method {
            Some(Method::Options) => Response::new(204).with_header("Allow", allow),
            _ => fault(405, "this path does not know that method", &[("Allow", &allow)]),
        })
    }

    /// Asks the target's gate, if it has one.
    fn identify(&mut self, target: &Target, request: &Request<'_>) -> Entry {
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

    // ---- waiting -------------------------------------------------------------------------------------

    fn ask(&mut self, slot: u32, bytes: &[u8], mount: Option<MountId>, request: &Request<'_>) {
        let Some(peer) = self.peers.at(slot) else { return };
        let (conn, addr) = (peer.id, peer.addr);
        if self.stopping {
            self.refuse(slot, 503, "the server is stopping");
            return;
        }
        if !self.settings_events.contains(EventMask::ASKS) {
            log::warn!("a gate asks the host, but the event mask has no ASKS: refused");
            self.refuse(slot, 503, "nobody is there to decide about this connection");
            return;
        }
        if self.parked >= self.limits.parked {
            self.count_refusal(RefusalCause::Parked, mount, addr);
            self.refuse(slot, 503, "too many connections wait for a decision; try again later");
            return;
        }
        let event = Event::Asked { conn, mount, request: Box::new(request.into()) };
        if !self.outbound.notice(&mut self.ports, &mut self.stats, event) {
            self.refuse(slot, 503, "the server is too busy to decide about this connection; try again later");
            return;
        }
        let pending =
            Pending { head: bytes.to_vec(), body: Vec::new(), identity: None, awaits: Awaits::Decision };
        self.park(slot, pending);
    }

    fn park(&mut self, slot: u32, pending: Pending) {
        let due = self.now.tick + self.limits.parked_wait;
        if let Some(peer) = self.peers.at_mut(slot) {
            peer.phase = Phase::Parked(Box::new(pending));
            self.parked += 1;
            self.deadlines.set(queue::PARKED, slot, due);
            // Its leaving must be noticed.
            self.mark_ready(slot);
        }
    }

    fn unpark(&mut self, conn: ConnId, awaits: Awaits) -> Option<Pending> {
        let waits =
            matches!(&self.peers.get(conn)?.phase, Phase::Parked(pending) if pending.awaits == awaits);
        if !waits {
            return None;
        }
        let peer = self.peers.at_mut(conn.slot)?;
        let phase = mem::replace(&mut peer.phase, Phase::Head(HeadScan::default()));
        peer.unparsed = !peer.partial.is_empty();
        self.parked -= 1;
        self.deadlines.set(queue::HANDSHAKE, conn.slot, self.now.tick + self.limits.handshake);
        match phase {
            Phase::Parked(pending) => Some(*pending),
            _ => None,
        }
    }

    pub(super) fn decided(&mut self, conn: ConnId, decision: Decision) {
        let Some(mut pending) = self.unpark(conn, Awaits::Decision) else {
            self.stats.commands_stale += 1;
            return;
        };
        match decision {
            Decision::Allow(identity) => {
                pending.identity = Some(identity);
                self.dispatch_pending(conn.slot, pending);
            }
            Decision::Refuse(response) => {
                if let Some(addr) = self.peers.at(conn.slot).map(|peer| peer.addr) {
                    let mount = self.mount_asked(&pending);
                    self.count_refusal(RefusalCause::Gate, mount, addr);
                }
                self.answer_pending(conn.slot, &pending, response, true);
            }
        }
        self.charge(conn.slot);
        self.mark_ready(conn.slot);
    }

    pub(super) fn answered(&mut self, conn: ConnId, response: Response) {
        match self.unpark(conn, Awaits::Answer) {
            Some(pending) => self.answer_pending(conn.slot, &pending, response, true),
            None => self.stats.commands_stale += 1,
        }
    }

    /// The mount that a parked request asks for.
    fn mount_asked(&self, pending: &Pending) -> Option<MountId> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        self.mount_behind(&self.target(&head::parse(&pending.head, &mut headers).ok()?).0)
    }

    fn answer_pending(&mut self, slot: u32, pending: &Pending, response: Response, keep_alive: bool) {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        if let Ok(head) = head::parse(&pending.head, &mut headers) {
            let asked = Asked::of(head.method, head.version_minor, head.keep_alive && keep_alive);
            if pending.awaits == Awaits::Answer {
                // Its body was read.
                let response = self.open_to_pages(slot, &head, response);
                self.answer(slot, asked, response);
                if let Some(conn) = self.peers.at(slot).map(|peer| peer.id) {
                    self.streams_to(conn, pending.identity.clone().unwrap_or(Identity::ANONYMOUS));
                }
            } else {
                self.answer_to(slot, &head, asked, response);
            }
        }
    }

    pub(super) fn parked_late(&mut self, slot: u32) {
        self.stats.parked_expired += 1;
        let Some(id) = self.peers.at(slot).map(|peer| peer.id) else { return };
        for awaits in [Awaits::Decision, Awaits::Answer] {
            if let Some(pending) = self.unpark(id, awaits) {
                // Not kept alive: a word of the host that comes too late must not meet the next request.
                let response = busy("the host did not answer in time; try again later");
                self.answer_pending(slot, &pending, response, false);
            }
        }
    }

    fn await_body(&mut self, slot: u32, bytes: &[u8], head: &Head<'_>, identity: Identity) {
        // The length was found acceptable before.
        let Ok(reader) = BodyReader::new(head.body, self.limits.body_bytes) else { return };
        if head.expects_continue {
            self.queue_ordered(slot, &[CONTINUE]);
        }
        let pending = Pending {
            head: bytes.to_vec(),
            body: Vec::new(),
            identity: Some(identity),
            awaits: Awaits::Body,
        };
        if let Some(peer) = self.peers.at_mut(slot) {
            peer.phase = Phase::Body(Box::new(pending), Box::new(reader));
            self.deadlines.set(queue::HANDSHAKE, slot, self.now.tick + self.limits.handshake);
        }
    }

    /// The last byte of a request's body has arrived.
    pub(super) fn body_complete(&mut self, slot: u32) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        match mem::replace(&mut peer.phase, Phase::Head(HeadScan::default())) {
            Phase::Body(pending, _) => self.dispatch_pending(slot, *pending),
            other => peer.phase = other,
        }
    }

    // ---- WebSockets ----------------------------------------------------------------------------------

    fn upgrade(
        &mut self,
        slot: u32,
        id: MountId,
        head: &Head<'_>,
        request: &Request<'_>,
        identity: Identity,
        asked: Asked,
    ) {
        // Checked before; the key is what is needed of it.
        let Ok(upgrade::Upgrade { key }) = upgrade::check(head) else { return };
        let settings = &self.mounts[id.index()].settings;
        let subprotocol = upgrade::choose_subprotocol(request, &settings.subprotocols)
            .or_else(|| upgrade::choose_subprotocol(request, &settings.door.subprotocols))
            .map(str::to_owned);
        let hello = Hello { request, identity: &identity, subprotocol: subprotocol.as_deref() };
        let Some(conn) = self.peers.at(slot).map(|peer| peer.id) else { return };
        let mut said = None;
        self.with_contract(id, |contract, fx| said = Some(contract.admit(fx, conn, &hello)));
        // What it said beside may have broken it.
        let admission = match said.filter(|_| self.mounts[id.index()].contract.is_some()) {
            Some(Ok(admission)) => admission,
            Some(Err(response)) => {
                self.count_refusal(RefusalCause::Contract, Some(id), request.peer);
                self.answer_to(slot, head, asked, response);
                return;
            }
            None => {
                self.answer_to(slot, head, asked, fault(500, "the server failed", &[]));
                return;
            }
        };
        self.stats.headers_dropped += admission.headers_dropped();
        let mut answer = Vec::with_capacity(192);
        upgrade::accept_101(key, subprotocol.as_deref(), admission.headers(), &mut answer);
        let Some(peer) = self.peers.at_mut(slot) else { return };
        peer.phase = Phase::Open(id, Receiver::new());
        peer.identity = identity.clone();
        self.mounts[id.index()].connections += 1;
        self.stats.open += 1;
        self.stats.opened += 1;
        self.queue_first(slot, &answer);
        self.await_ping(slot);
        self.await_expiry(conn, &identity);
        let hello = Hello { request, identity: &identity, subprotocol: subprotocol.as_deref() };
        if self.settings_events.contains(EventMask::CONNECTIONS) {
            let client = Box::new(Client::of(&hello));
            self.state_event(StateKey::Opened(slot), Event::Opened { conn, mount: id, client });
        }
        self.with_contract(id, |contract, fx| contract.opened(fx, conn, &hello));
        if self.stopping {
            // Unless the contract has just done so itself, in its own words.
            self.stop_peer(slot);
        }
    }

    // ---- routes and answers --------------------------------------------------------------------------

    #[allow(
        clippy::too_many_arguments,
        reason = "what a request is, in its parts; a struct would be made here only"
    )]
    fn call_route(
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

    /// If the answer is streamed: it may take as long as a WebSocket, and like one lasts no longer than the identity that it was given to.
    fn streams_to(&mut self, conn: ConnId, identity: Identity) {
        let Some(peer) = self.peers.at_mut(conn.slot) else { return };
        if peer.is_streamed_to() {
            peer.identity = identity.clone();
            self.await_expiry(conn, &identity);
        }
    }

    /// Answers a request whose body, if it has one, was not read: then the connection cannot be used any further.
    fn answer_to(&mut self, slot: u32, head: &Head<'_>, asked: Asked, response: Response) {
        let keep_alive = asked.keep_alive && head.body == BodyLength::None;
        let response = self.open_to_pages(slot, head, response);
        self.answer(slot, Asked { keep_alive, ..asked }, response);
    }

    /// Says to which pages an answer may be shown, if it is a page's request.
    fn open_to_pages(&self, slot: u32, head: &Head<'_>, response: Response) -> Response {
        let request = self.peers.at(slot).and_then(|peer| head.request(&[], peer.addr));
        match request {
            Some(request) => cors::open_to_pages(&self.access, &request, response),
            None => response,
        }
    }

    /// Answers with an error that ends the connection.
    pub(super) fn refuse(&mut self, slot: u32, status: u16, why: &str) {
        if let Some(peer) = self.peers.at_mut(slot) {
            if matches!(peer.phase, Phase::Parked(_)) {
                self.parked -= 1;
            }
            peer.phase = Phase::Head(HeadScan::default());
        }
        self.answer(slot, Asked::UNKNOWN, fault(status, why, &[]));
    }

    fn answer(&mut self, slot: u32, mut asked: Asked, mut response: Response) {
        self.stats.headers_dropped += u64::from(response.headers_dropped);
        self.effort += response.effort_bytes();
        let weight = match &response.body {
            _ if asked.is_head => 0,
            Body::Whole(bytes) => bytes.len(),
            Body::Stream(_) => STREAM_BYTES,
        };
        // A short answer is always taken, so that whoever is refused is told.
        if weight > SHORT_ANSWER_BYTES && weight > self.outbox_room() {
            response = busy("the server holds too much that clients do not take; try again later");
            asked.keep_alive = false;
        }
        let counter = match response.status {
            400 => &mut self.stats.answered_400,
            403 => &mut self.stats.answered_403,
            404 => &mut self.stats.answered_404,
            405 => &mut self.stats.answered_405,
            408 => &mut self.stats.answered_408,
            413 => &mut self.stats.answered_413,
            426 => &mut self.stats.answered_426,
            431 => &mut self.stats.answered_431,
            503 => &mut self.stats.answered_503,
            _ => &mut self.stats.answered_other,
        };
        *counter += 1;
        let keep_alive = asked.keep_alive && !self.stopping;
        let mut bytes = Vec::with_capacity(256);
        let plan = encode_head(&response, asked.is_head, keep_alive, asked.http10, self.now.wall, &mut bytes);
        let mut answer = Answer { stream: None, chunked: false, keep_alive, waits: false, complete: true };
        match (plan, response.body) {
            (BodyPlan::Whole, Body::Whole(body)) => self.queue_ordered(slot, &[&bytes, &body]),
            (BodyPlan::Chunked | BodyPlan::UntilClose, Body::Stream(stream)) => {
                self.queue_ordered(slot, &[&bytes]);
                answer.stream = Some(stream);
                answer.complete = false;
                answer.chunked = plan == BodyPlan::Chunked;
                answer.keep_alive &= answer.chunked;
            }
            _ => self.queue_ordered(slot, &[&bytes]),
        }
        if let Some(peer) = self.peers.at_mut(slot) {
            peer.phase = Phase::Answering(Box::new(answer));
            self.deadlines.set(queue::CLOSE, slot, self.now.tick + self.close_wait());
        }
        self.charge(slot);
    }

    /// How much more may be owed to clients privately.
    fn outbox_room(&self) -> usize {
        self.limits.outbox_bytes_total.saturating_sub(self.outbox_total)
    }

    /// Pulls more of a streamed answer, when the client has taken most of what was pulled before.
    pub(super) fn feed_answer(&mut self, slot: u32) {
        let room_left = self.outbox_room();
        let Some(peer) = self.peers.at_mut(slot) else { return };
        let queued = peer.outbox_len();
        let Phase::Answering(answer) = &mut peer.phase else { return };
        if answer.complete || answer.waits || queued >= STREAM_BYTES {
            return;
        }
        let chunked = answer.chunked;
        let Some(stream) = answer.stream.as_deref_mut() else { return };
        let mut pulled = Vec::new();
        let room = (STREAM_BYTES - queued).min(room_left);
        if room == 0 {
            // Nobody would wake it when there is room again; cut short, it can be asked for once more.
            self.stats.streams_aborted += 1;
            self.drop_peer(slot, crate::ground::close::CloseCause::Overload);
            return;
        }
        let outcome = foreign::call(|| stream.pull(room, &mut pulled)).unwrap_or_else(|Panicked| {
            self.stats.contract_panics += 1;
            Pulled::Abort
        });
        match outcome {
            Pulled::More => {}
            Pulled::Wait => {
                answer.waits = true;
                // Its leaving must be noticed.
                self.mark_ready(slot);
            }
            Pulled::End => (answer.complete, answer.stream) = (true, None),
            Pulled::Abort => {
                self.stats.streams_aborted += 1;
                // Without its end, the client can tell that the body is not whole.
                self.drop_peer(slot, crate::ground::close::CloseCause::Contract);
                return;
            }
        }
        let mut bytes = Vec::new();
        if chunked {
            encode_chunk(&pulled, &mut bytes);
            if outcome == Pulled::End {
                bytes.extend_from_slice(LAST_CHUNK);
            }
        } else {
            bytes = pulled;
        }
        if !bytes.is_empty() {
            self.queue_ordered(slot, &[&bytes]);
        } else if outcome == Pulled::More {
            // A source that has nothing but says there is more would spin; it is asked again when the host resumes it.
            if let Some(Phase::Answering(answer)) = self.peers.at_mut(slot).map(|peer| &mut peer.phase) {
                answer.waits = true;
                self.mark_ready(slot);
            }
        }
    }

    /// The source of a streamed answer has more. False when there is no such answer.
    pub(super) fn resume_answer(&mut self, conn: ConnId) -> bool {
        let due = self.now.tick + self.close_wait();
        if self.peers.get(conn).is_none() {
            return false;
        }
        let Some(peer) = self.peers.at_mut(conn.slot) else { return false };
        let idle = peer.outbox.is_none();
        let Phase::Answering(answer) = &mut peer.phase else { return false };
        if mem::take(&mut answer.waits) && idle {
            // It has taken all there was, so its time for what comes now begins now.
            self.deadlines.set(queue::CLOSE, conn.slot, due);
        }
        self.mark_dirty(conn.slot);
        true
    }

    /// Some of an answer was taken, or nothing is left of it.
    pub(super) fn answer_progress(&mut self, slot: u32, written: usize) {
        let due = self.now.tick + self.close_wait();
        if written > 0 {
            self.deadlines.set(queue::CLOSE, slot, due);
        }
        let Some(peer) = self.peers.at_mut(slot) else { return };
        let unsent = peer.transport.as_ref().is_some_and(|transport| transport.unsent() > 0);
        if peer.outbox.is_some() || unsent {
            return;
        }
        let Phase::Answering(answer) = &peer.phase else { return };
        if !answer.complete {
            return;
        }
        if answer.keep_alive && !peer.ended {
            let id = peer.id;
            peer.identity = Identity::ANONYMOUS;
            peer.phase = Phase::Head(HeadScan::default());
            peer.unparsed = !peer.partial.is_empty();
            if self.stopping {
                // The next request may be there already; else this was the last answer.
                peer.readable = true;
                self.deadlines.set(queue::CLOSE, slot, due);
            } else {
                let due = self.now.tick + self.limits.keep_alive;
                self.deadlines.set(queue::KEEP_ALIVE, slot, due);
            }
            self.forget_expiry(id);
            self.mark_ready(slot);
        } else {
            self.linger(slot);
        }
    }
}
