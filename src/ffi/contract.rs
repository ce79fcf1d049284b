//! Contracts of the host's own, made of callbacks on the loop's thread.

use super::{
    callback::Context,
    config::{andon_config, change},
    effects::{andon_effects, andon_setup, andon_snapshot, lend},
    event::{andon_close_cause, close_cause},
    fault::null,
    guard::enter,
    mount::{andon_mount_options, mount_options},
    object::look,
    options::{self, Options},
    request::andon_request,
    response::andon_response,
    server::andon_server,
    status::{ANDON_STATUS_BAD_STORE, ANDON_STATUS_OK, ANDON_STATUS_REFUSED, andon_status},
    types::{
        Texts, andon_bytes, andon_conn, andon_message_kind, andon_mount, andon_str, andon_ticket,
        andon_topic, kind_of,
    },
};
use crate::{
    contracts::{
        admission::Admission,
        contract::{Contract, ContractFactory, Hello, Setup, SnapshotMessages},
        effects::Effects,
        store::StoreError,
    },
    ground::{
        close::Closed,
        frame::Message,
        id::{ConnId, RecordTicket, TopicId},
        time::Now,
    },
    hub::topic::Placing,
    wire::response::Response,
};
use core::ffi::c_void;
use std::{any::Any, ops::Range, sync::Arc};

/// The callbacks of a contract. Only `message` is needed. All run on the server's thread, one at a time, and must not wait. What they are given lives until they return.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_contract {
    /// Set by `ANDON_CONTRACT_INIT`.
    pub struct_size: usize,
    /// The first argument of each.
    pub context: *mut c_void,
    /// The server starts, before any client: declare topics, arm the deadline. It may run after `andon_server_start` has returned.
    pub start: Option<
        unsafe extern "C" fn(context: *mut c_void, effects: *mut andon_effects, setup: *const andon_setup),
    >,
    /// A client asks to be let in: NULL lets it in, an answer refuses it and is taken over. Nothing can be sent to it yet.
    pub admit: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            effects: *mut andon_effects,
            conn: andon_conn,
            request: *const andon_request,
        ) -> *mut andon_response,
    >,
    /// The WebSocket is open.
    pub opened: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            effects: *mut andon_effects,
            conn: andon_conn,
            request: *const andon_request,
        ),
    >,
    /// A message arrived.
    pub message: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            effects: *mut andon_effects,
            conn: andon_conn,
            kind: andon_message_kind,
            message: andon_bytes,
        ),
    >,
    /// The connection is over: exactly once for each that was opened.
    pub closed: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            effects: *mut andon_effects,
            conn: andon_conn,
            cause: andon_close_cause,
            code: u16,
        ),
    >,
    /// The host sent a command, by `andon_server_command`.
    pub command: Option<
        unsafe extern "C" fn(context: *mut c_void, effects: *mut andon_effects, code: u64, data: andon_bytes),
    >,
    /// The deadline set by `andon_effects_arm` may have passed.
    pub deadline: Option<unsafe extern "C" fn(context: *mut c_void, effects: *mut andon_effects)>,
    /// Somebody needs to know how things stand in a topic declared with `ANDON_SNAPSHOT_CONTRACT`: a newcomer, or a client that was too slow.
    pub snapshot: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            out: *mut andon_snapshot,
            topic: andon_topic,
            newcomer: bool,
        ),
    >,
    /// A client is too slow for a topic declared with `ANDON_SNAPSHOT_CONTRACT` and `ANDON_LAG_CONFLATE`: it never gets the messages from `first` up to, and without, `end`,
    /// counted from 0 since the topic was declared. What is added to `out` comes to it before the snapshot.
    pub gap: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            out: *mut andon_snapshot,
            topic: andon_topic,
            first: u64,
            end: u64,
        ),
    >,
    /// The server stops: a last word to the clients.
    pub shutdown: Option<unsafe extern "C" fn(context: *mut c_void, effects: *mut andon_effects)>,
    /// Called when `context` is not used any more. May be NULL.
    pub drop: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// What became of a record of this contract's: `OK` when it is committed, as safe as the store makes it; `BAD_STORE` when the store could not commit it for too long, and `REFUSED` when it never will,
    /// with why in words. Tickets come back in the order in which they were given out, unless the store has been given up, or refusals pile up: then new ones are refused at once.
    pub recorded: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            effects: *mut andon_effects,
            ticket: andon_ticket,
            outcome: andon_status,
            why: andon_str,
        ),
    >,
}

// SAFETY: the size first; null and no functions are zeros.
unsafe impl Options for andon_contract {
    const NAME: &'static str = "andon_contract";
}

/// Mounts a contract at a path pattern, such as "/ws/cells/{code}". `mount` may be NULL.
///
/// Threads: any. Blocking: never. Ownership: copied; `context` is the library's until `drop`, if the call succeeds. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `SPENT`; a pattern that cannot be is told by the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_contract(
    config: *mut andon_config,
    pattern: andon_str,
    contract: *const andon_contract,
    mount: *const andon_mount_options,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let (pattern, callbacks) = unsafe { (pattern.read("the pattern")?, options::need(contract)?) };
        let message = callbacks.message.ok_or_else(|| null("andon_contract.message"))?;
        // SAFETY: the caller's word.
        let mount = unsafe { mount_options(mount) }?;
        let make = || {
            let context = Arc::new(Context::new(callbacks.context, callbacks.drop));
            Factory { context, callbacks: Callbacks { message, rest: callbacks } }
        };
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.mount_with(pattern, mount, make())) }
    })
}

/// Gives a contract of the host's own a command, for its `command`: a number and bytes that mean what the two agree on.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `FULL`, `STOPPED`. For a mount that is not there, or no contract of the host's: counted, and no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_command(
    server: *const andon_server,
    mount: andon_mount,
    code: u64,
    data: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (server, data) = unsafe { (look(server)?, data.read("the data")?) };
        Ok(server.handle.command(mount.into(), Box::new(Command { code, data: data.into() }))?)
    })
}

/// A command on its way to a contract.
struct Command {
    code: u64,
    data: Box<[u8]>,
}

#[derive(Clone, Copy)]
struct Callbacks {
    message:
        unsafe extern "C" fn(*mut c_void, *mut andon_effects, andon_conn, andon_message_kind, andon_bytes),
    /// `context` is held by [`Context`].
    rest: andon_contract,
}

// SAFETY: functions and a pointer, which are only used on the loop's thread; the host agrees to that.
unsafe impl Send for Callbacks {}

/// The context is given back when neither this nor the contract it built is left.
struct Factory {
    context: Arc<Context>,
    callbacks: Callbacks,
}

impl ContractFactory for Factory {
    fn build(&mut self, setup: &mut Setup<'_>) -> Box<dyn Contract> {
        let contract = HostContract { context: Arc::clone(&self.context), callbacks: self.callbacks };
        if let Some(start) = self.callbacks.rest.start {
            let shown = andon_setup { mount: setup.mount(), topics: setup.host_topics.to_vec() };
            let mut lent = lend(setup.effects());
            // SAFETY: the host gave both for this; what it is lent lives until it returns.
            unsafe { start(self.context.get(), &raw mut lent, &raw const shown) };
        }
        Box::new(contract)
    }
}

struct HostContract {
    context: Arc<Context>,
    callbacks: Callbacks,
}

impl Contract for HostContract {
    fn admit(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) -> Result<Admission, Response> {
        let Some(admit) = self.callbacks.rest.admit else { return Ok(Admission::new()) };
        let (mut lent, shown) = (lend(fx), show(hello));
        // SAFETY: the host gave both for this; what it is lent lives until it returns.
        let given = unsafe { admit(self.context.get(), &raw mut lent, peer.into(), &raw const shown) };
        // SAFETY: what it gives is an answer or null.
        match unsafe { andon_response::take(given) } {
            Ok(None) => Ok(Admission::new()),
            Ok(Some(response)) => Err(response),
            Err(_) => {
                ::log::error!("a contract's admit gave something that is no andon_response: 500");
                Err(Response::new(500))
            }
        }
    }

    fn opened(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) {
        let Some(opened) = self.callbacks.rest.opened else { return };
        let (mut lent, shown) = (lend(fx), show(hello));
        // SAFETY: as above.
        unsafe { opened(self.context.get(), &raw mut lent, peer.into(), &raw const shown) }
    }

    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        let mut lent = lend(fx);
        let (kind, bytes) = (kind_of(message), andon_bytes::of(message.as_bytes()));
        // SAFETY: as above.
        unsafe { (self.callbacks.message)(self.context.get(), &raw mut lent, peer.into(), kind, bytes) }
    }

    fn closed(&mut self, fx: &mut Effects, peer: ConnId, how: Closed) {
        let Some(closed) = self.callbacks.rest.closed else { return };
        let mut lent = lend(fx);
        // SAFETY: as above.
        unsafe {
            closed(self.context.get(), &raw mut lent, peer.into(), close_cause(how.cause), how.code.get())
        }
    }

    fn command(&mut self, fx: &mut Effects, command: Box<dyn Any + Send>) {
        let Some(callback) = self.callbacks.rest.command else { return };
        let Ok(command) = command.downcast::<Command>() else { return };
        let mut lent = lend(fx);
        // SAFETY: as above.
        unsafe { callback(self.context.get(), &raw mut lent, command.code, andon_bytes::of(&command.data)) }
    }

    fn deadline(&mut self, fx: &mut Effects) {
        let Some(deadline) = self.callbacks.rest.deadline else { return };
        let mut lent = lend(fx);
        // SAFETY: as above.
        unsafe { deadline(self.context.get(), &raw mut lent) }
    }

    fn snapshot(&mut self, _: Now, topic: TopicId, placing: Placing, out: &mut SnapshotMessages) {
        let Some(snapshot) = self.callbacks.rest.snapshot else { return };
        let mut lent = andon_snapshot { out };
        // SAFETY: as above.
        unsafe { snapshot(self.context.get(), &raw mut lent, topic.into(), placing == Placing::Newcomer) }
    }

    fn gap(&mut self, _: Now, topic: TopicId, missed: Range<u64>, out: &mut SnapshotMessages) {
        let Some(gap) = self.callbacks.rest.gap else { return };
        let mut lent = andon_snapshot { out };
        // SAFETY: as above.
        unsafe { gap(self.context.get(), &raw mut lent, topic.into(), missed.start, missed.end) }
    }

    fn recorded(&mut self, fx: &mut Effects, ticket: RecordTicket, outcome: Result<(), &StoreError>) {
        let Some(recorded) = self.callbacks.rest.recorded else { return };
        let mut texts = Texts::default();
        let (status, why) = match outcome {
            Ok(()) => (ANDON_STATUS_OK, andon_str::EMPTY),
            Err(error @ StoreError::Down(_)) => (ANDON_STATUS_BAD_STORE, texts.lend(&error.to_string())),
            Err(error @ StoreError::Rejected(_)) => (ANDON_STATUS_REFUSED, texts.lend(&error.to_string())),
        };
        let mut lent = lend(fx);
        // SAFETY: as above.
        unsafe { recorded(self.context.get(), &raw mut lent, ticket.to_bits(), status, why) }
    }

    fn shutdown(&mut self, fx: &mut Effects) {
        let Some(shutdown) = self.callbacks.rest.shutdown else { return };
        let mut lent = lend(fx);
        // SAFETY: as above.
        unsafe { shutdown(self.context.get(), &raw mut lent) }
    }
}

fn show(hello: &Hello<'_>) -> andon_request {
    andon_request::of(hello.request, hello.identity, hello.subprotocol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::{from_mut, null_mut};

    type Told = Vec<(andon_ticket, andon_status, String)>;

    unsafe extern "C" fn told(
        context: *mut c_void,
        _: *mut andon_effects,
        ticket: andon_ticket,
        outcome: andon_status,
        why: andon_str,
    ) {
        // SAFETY: the test's own, which outlives the contract.
        let told = unsafe { &mut *context.cast::<Told>() };
        // SAFETY: it lives until this returns.
        told.push((ticket, outcome, unsafe { why.read("why") }.ok().unwrap().to_owned()));
    }

    unsafe extern "C" fn unheard(
        _: *mut c_void,
        _: *mut andon_effects,
        _: andon_conn,
        _: andon_message_kind,
        _: andon_bytes,
    ) {
    }

    /// Whether it is worth while to try again later is in the status.
    #[test]
    fn what_became_of_a_record_is_told_by_a_status_and_words() {
        let mut heard: Told = Vec::new();
        let options = andon_contract {
            context: from_mut(&mut heard).cast(),
            recorded: Some(told),
            // SAFETY: null and no functions are zeros.
            ..unsafe { std::mem::zeroed() }
        };
        let context = Arc::new(Context::new(options.context, None));
        let callbacks =
            Callbacks { message: unheard, rest: andon_contract { context: null_mut(), ..options } };
        let mut contract = HostContract { context, callbacks };
        let mut fx = Effects::for_test(Now::default());
        contract.recorded(&mut fx, RecordTicket::from_bits(1), Ok(()));
        contract.recorded(&mut fx, RecordTicket::from_bits(2), Err(&StoreError::Down("full".into())));
        contract.recorded(&mut fx, RecordTicket::from_bits(3), Err(&StoreError::Rejected("no".into())));
        drop(contract);
        let words = ["", "the store is down: full", "the store refused: no"].map(str::to_owned);
        let statuses = [ANDON_STATUS_OK, ANDON_STATUS_BAD_STORE, ANDON_STATUS_REFUSED];
        let expected: Told =
            (1..).zip(statuses).zip(words).map(|((ticket, status), why)| (ticket, status, why)).collect();
        assert_eq!(heard, expected);
    }
}
