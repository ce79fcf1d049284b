//! The gate that leaves every decision to the host.

use crate::{
    contracts::gate::{Gate, Verdict},
    ground::time::Now,
    wire::request::Request,
};

/// Parks every handshake until the host has decided: an [`Event::Asked`](crate::Event::Asked) with the whole request goes out, if the builder's mask has
/// [`EventMask::ASKS`](crate::EventMask::ASKS), and [`Handle::decide`](crate::Handle::decide) answers it from any thread. As the next of a chain
/// ([`Gate::or`]) it asks only about those whom the gates before it do not know.
///
/// At most [`Limits::parked`](crate::Limits::parked) wait at once, each for [`Limits::parked_wait`](crate::Limits::parked_wait); beyond either it is 503.
///
/// ```no_run
/// use andon::{AskHost, Decision, Event, EventMask, Identity, MountOptions, Response, Server};
/// # struct Nothing;
/// # impl andon::Contract for Nothing {
/// #     fn message(&mut self, _: &mut andon::Effects, _: andon::ConnId, _: andon::Message<'_>) {}
/// # }
/// # fn look_up(_: Option<&str>) -> Option<Identity> { None }
///
/// let mut server = Server::builder()
///     .listen("127.0.0.1:8000")
///     .events(EventMask::ASKS)
///     .mount_with("/ws", MountOptions::new().gate(AskHost), |_: &mut andon::Setup<'_>| Nothing)
///     .start()?;
/// let (handle, events) = (server.handle(), server.events().expect("taken once"));
/// for event in events.iter() {
///     if let Event::Asked { conn, request, .. } = event {
///         // On the host's own thread: this may take its time, in a database or over the network.
///         let known = request.with(|request| look_up(request.cookie("sessionid")));
///         let decision = match known {
///             Some(identity) => Decision::Allow(identity),
///             None => Decision::Refuse(Response::text(403, "not known here\n")),
///         };
///         handle.decide(conn, decision)?;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct AskHost;

impl Gate for AskHost {
    fn identify(&mut self, _: Now, _: &Request<'_>) -> Verdict {
        Verdict::Ask
    }
}
