//! A request becomes a WebSocket.

use crate::{
    contracts::contract::Hello,
    engine::{
        Engine,
        event::{Client, Event, EventMask, RefusalCause},
        outbound::StateKey,
        peer::{Asked, Phase},
        ports::Ports,
        transport::Transport,
    },
    ground::id::MountId,
    hub::identity::Identity,
    wire::{answer::fault, head::Head, request::Request, upgrade, walker::Receiver},
};

impl<T: Transport, P: Ports> Engine<T, P> {
    pub(super) fn upgrade(
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
}
