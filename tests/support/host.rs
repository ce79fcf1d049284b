//! What the tests of a host's API share: taking its events, and contracts and a store that make it wait.

use super::{Client, PATIENCE, Script, take};
use andon::{
    ConnId, Event, EventBody, Events, Payload, Record, Reply, RouteContext, Setup, Store, StoreError,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
};

/// The next event.
#[track_caller]
pub(crate) fn next(events: &Events) -> Event {
    events.recv_timeout(PATIENCE).expect("an event in time")
}

/// The id of the next connection that opens.
#[track_caller]
pub(crate) fn next_opened(events: &Events) -> ConnId {
    match next(events) {
        Event::Opened { conn, .. } => conn,
        other => panic!("not an opening but {other:?}"),
    }
}

/// Holds the loop in a contract's call, so that what the host does meanwhile meets a loop that is busy.
pub(crate) struct Hold {
    pub(crate) client: Client,
    held: mpsc::Receiver<()>,
    pub(crate) release: mpsc::Sender<()>,
}

/// A factory for the path that holds, and how to make use of it.
pub(crate) fn holder() -> (impl FnMut(&mut Setup<'_>) -> Script + Send, impl FnOnce(SocketAddr, &str) -> Hold)
{
    let (holds, held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let factory = move |_: &mut Setup<'_>| {
        let (holds, released) = (holds.clone(), Arc::clone(&released));
        Script::new().message(move |fx, peer, _| {
            holds.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
            fx.send(peer, "released");
        })
    };
    (factory, move |addr, path| Hold { client: Client::open(addr, path), held, release })
}

impl Hold {
    /// When this returns, the loop stands still.
    #[track_caller]
    pub(crate) fn hold(&mut self) {
        self.client.text("hold");
        take(&self.held);
    }

    #[track_caller]
    pub(crate) fn release(&mut self) {
        self.release.send(()).unwrap();
        self.client.expect_text("released");
    }
}

/// A contract that subscribes everyone to one of the host's topics.
pub(crate) fn watch(topic: &'static str) -> impl FnMut(&mut Setup<'_>) -> Script + Send {
    move |setup| {
        let topic = setup.topic(topic).expect("the host declares it");
        Script::new().opened(move |fx, peer, _| {
            fx.subscribe(peer, topic);
            fx.send(peer, "welcome");
        })
    }
}

/// The number that a contract's event is.
#[track_caller]
pub(crate) fn number(event: Event) -> usize {
    let Event::Contract { body: EventBody::Custom(Payload::Text(text)), .. } = event else {
        panic!("{event:?}")
    };
    text.parse().unwrap()
}

/// A route whose answer comes later, if ever.
pub(crate) fn late(_: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]) -> Reply {
    Reply::Later
}

/// A store that waits to be let through.
pub(crate) struct Slow(pub(crate) mpsc::Receiver<()>);

impl Store for Slow {
    fn commit(&mut self, _: &[Record]) -> Result<(), StoreError> {
        let _ = self.0.recv();
        Ok(())
    }
}
