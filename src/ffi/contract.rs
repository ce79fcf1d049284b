//! Contracts of the host's own, made of callbacks on the loop's thread.

use super::{
    callback::Context,
    config::{andon_config, andon_mount_options, change, mount_options},
    event::{andon_close_cause, andon_event_class, class, close_cause},
    fault::{Fault, not_found, null},
    guard::{enter, enter_for},
    object::{look, put},
    options::{self, Options},
    request::andon_request,
    response::andon_response,
    server::{andon_server, close_code},
    status::{ANDON_STATUS_BAD_TOPIC, andon_status},
    topic::{andon_topic_options, topic_of},
    types::{
        ANDON_FOREVER, andon_bytes, andon_conn, andon_message_kind, andon_mount, andon_str, andon_topic,
        kind_of,
    },
};
use crate::{
    contracts::{
        admission::Admission,
        contract::{Contract, ContractFactory, Hello, Setup, SnapshotMessages},
        effects::Effects,
        told::EventBody,
    },
    ground::{
        close::Closed,
        frame::Message,
        id::{ConnId, MountId, TopicId},
        time::{Now, Tick},
    },
    hub::topic::Placing,
    wire::response::Response,
};
use core::ffi::c_void;
use std::{any::Any, ops::Range, sync::Arc, time::Duration};

/// What a contract finds when it starts: the topics that the host declared. It lives until the callback returns.
pub struct andon_setup {
    mount: MountId,
    topics: Vec<(String, TopicId)>,
}

/// Where a contract says what is to be done, in order, when its callback returns. It lives until then, and belongs to the server's thread. Connections and topics that are no more are passed over and counted.
pub struct andon_effects {
    /// What a callback was given, for as long as it runs.
    effects: *mut Effects,
}

/// Where a contract says how a topic stands. It lives until the callback returns.
pub struct andon_snapshot {
    out: *mut SnapshotMessages,
}

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

/// The mount that starts.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `ANDON_MOUNT_NONE` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_setup_mount(setup: *const andon_setup) -> andon_mount {
    enter_for(None.into(), || {
        // SAFETY: the caller's word.
        let setup = unsafe { setup.as_ref() }.ok_or_else(|| null("the setup"))?;
        Ok(setup.mount.into())
    })
}

/// The topic of this name that was declared by `andon_config_topic`.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_setup_topic(
    setup: *const andon_setup,
    name: andon_str,
    topic: *mut andon_topic,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (setup, name) = unsafe { (setup.as_ref(), name.read("the name")?) };
        let setup = setup.ok_or_else(|| null("the setup"))?;
        let found = setup.topics.iter().find(|(known, _)| known == name);
        let (_, found) = found.ok_or_else(|| not_found(format!("the host declared no topic {name:?}")))?;
        // SAFETY: the caller's word.
        unsafe { put(topic, "topic", (*found).into()) }
    })
}

/// The time at which the callback runs, in nanoseconds of the monotonic clock that `andon_effects_arm` speaks of.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_now(effects: *const andon_effects) -> u64 {
    // SAFETY: the caller's word.
    enter_for(0, || Ok(unsafe { of(effects.cast_mut()) }?.now().tick.as_nanos()))
}

/// The same on the wall clock, in milliseconds since 1970.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_time_ms(effects: *const andon_effects) -> i64 {
    // SAFETY: the caller's word.
    enter_for(0, || Ok(unsafe { of(effects.cast_mut()) }?.now().wall.as_millis()))
}

/// Sends one message to one client, in order with everything else it gets.
///
/// Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `BAD_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_send(
    effects: *mut andon_effects,
    conn: andon_conn,
    kind: andon_message_kind,
    message: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (effects, message) = unsafe { (of(effects)?, message.message(kind)?) };
        effects.send(conn.into(), message);
        Ok(())
    })
}

/// Sends one message ahead of everything that still waits for this client. All else as `andon_effects_send`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_send_urgent(
    effects: *mut andon_effects,
    conn: andon_conn,
    kind: andon_message_kind,
    message: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (effects, message) = unsafe { (of(effects)?, message.message(kind)?) };
        effects.send_urgent(conn.into(), message);
        Ok(())
    })
}

/// Publishes a message to every subscriber of a topic. It is encoded once, however many there are.
///
/// Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `BAD_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_publish(
    effects: *mut andon_effects,
    topic: andon_topic,
    kind: andon_message_kind,
    message: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (effects, message) = unsafe { (of(effects)?, message.message(kind)?) };
        effects.publish(topic.into(), message);
        Ok(())
    })
}

/// Publishes the newest value of one key of a topic with `ANDON_SNAPSHOT_KEYED`. All else as `andon_effects_publish`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_publish_key(
    effects: *mut andon_effects,
    topic: andon_topic,
    key: andon_str,
    kind: andon_message_kind,
    message: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (effects, key, message) = unsafe { (of(effects)?, key.read("the key")?, message.message(kind)?) };
        effects.publish_key(topic.into(), key, message);
        Ok(())
    })
}

/// Publishes a message that is never taken for the topic's newest value: a ping, a remark. All else as `andon_effects_publish`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_notice(
    effects: *mut andon_effects,
    topic: andon_topic,
    kind: andon_message_kind,
    message: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (effects, message) = unsafe { (of(effects)?, message.message(kind)?) };
        effects.notice(topic.into(), message);
        Ok(())
    })
}

/// Publishes the topic's snapshot to all its subscribers once more: its last message, or the latest of every key. Nothing happens where there is none.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_republish(
    effects: *mut andon_effects,
    topic: andon_topic,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { of(effects) }?.republish(topic.into());
        Ok(())
    })
}

/// Subscribes a client to what comes from now on, without a snapshot. All else as `andon_effects_subscribe`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_subscribe_from_now(
    effects: *mut andon_effects,
    conn: andon_conn,
    topic: andon_topic,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { of(effects) }?.subscribe_from_now(conn.into(), topic.into());
        Ok(())
    })
}

/// Subscribes a client, beginning with the topic's snapshot if it has one. Twice is once.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_subscribe(
    effects: *mut andon_effects,
    conn: andon_conn,
    topic: andon_topic,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { of(effects) }?.subscribe(conn.into(), topic.into());
        Ok(())
    })
}

/// Ends a subscription.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_unsubscribe(
    effects: *mut andon_effects,
    conn: andon_conn,
    topic: andon_topic,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { of(effects) }?.unsubscribe(conn.into(), topic.into());
        Ok(())
    })
}

/// Closes a client, after everything that was sent and published to it before.
///
/// Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `BAD_ARGUMENT` for a code that may not be sent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_close(
    effects: *mut andon_effects,
    conn: andon_conn,
    code: u16,
    reason: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (effects, reason) = unsafe { (of(effects)?, reason.read("the reason")?) };
        effects.close(conn.into(), close_code(code)?, reason);
        Ok(())
    })
}

/// Tells the host something, as an `ANDON_EVENT_CONTRACT`. `event_class` is one of `ANDON_CLASS_*`; `key` says which earlier one an `ANDON_CLASS_STATE` replaces; `about` is the connection it is about, or NULL.
///
/// Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `BAD_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_event(
    effects: *mut andon_effects,
    event_class: andon_event_class,
    key: u64,
    about: *const andon_conn,
    kind: andon_message_kind,
    body: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (effects, about, body) = unsafe { (of(effects)?, about.as_ref(), body.message(kind)?) };
        let about = about.map(|conn| ConnId::from(*conn));
        effects.event(class(event_class)?, key, about, EventBody::Custom(body.to_payload()));
        Ok(())
    })
}

/// Asks for a call of `deadline` in so many milliseconds; `ANDON_FOREVER` asks for none. A contract has one deadline: the last word counts.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_arm(effects: *mut andon_effects, after_ms: u32) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let effects = unsafe { of(effects) }?;
        let after = Duration::from_millis(after_ms.into());
        let at: Option<Tick> = (after_ms != ANDON_FOREVER).then(|| effects.now().tick + after);
        effects.arm(at);
        Ok(())
    })
}

/// Declares a topic of the contract's own. The name is for people and logs.
///
/// Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `BAD_TOPIC` with the reason.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_declare(
    effects: *mut andon_effects,
    name: andon_str,
    options: *const andon_topic_options,
    topic: *mut andon_topic,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (effects, name, described) =
            unsafe { (of(effects)?, name.read("the name")?, topic_of(options)?) };
        if topic.is_null() {
            return Err(null("topic"));
        }
        let made = effects.declare(name, described);
        let made =
            made.map_err(|why| Fault::new(ANDON_STATUS_BAD_TOPIC, format!("topic {name:?}: {why}")))?;
        // SAFETY: the caller's word.
        unsafe { put(topic, "topic", made.into()) }
    })
}

/// Ends a topic and every subscription to it.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_retire(
    effects: *mut andon_effects,
    topic: andon_topic,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { of(effects) }?.retire(topic.into());
        Ok(())
    })
}

/// Adds a message to a snapshot.
///
/// Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `BAD_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_snapshot_add(
    snapshot: *mut andon_snapshot,
    kind: andon_message_kind,
    message: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (snapshot, message) = unsafe { (snapshot.as_ref(), message.message(kind)?) };
        let snapshot = snapshot.ok_or_else(|| null("the snapshot"))?;
        // SAFETY: a callback was given this and still runs, by the caller's word.
        unsafe { &mut *snapshot.out }.push(message);
        Ok(())
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

    fn shutdown(&mut self, fx: &mut Effects) {
        let Some(shutdown) = self.callbacks.rest.shutdown else { return };
        let mut lent = lend(fx);
        // SAFETY: as above.
        unsafe { shutdown(self.context.get(), &raw mut lent) }
    }
}

fn lend(effects: &mut Effects) -> andon_effects {
    andon_effects { effects }
}

fn show(hello: &Hello<'_>) -> andon_request {
    andon_request::of(hello.request, hello.identity, hello.subprotocol)
}

/// The effects that a callback was lent.
///
/// # Safety
///
/// Null, or what a callback was given that still runs, on its thread.
unsafe fn of<'a>(effects: *mut andon_effects) -> Result<&'a mut Effects, Fault> {
    // SAFETY: the caller's word.
    let lent = unsafe { effects.as_ref() }.ok_or_else(|| null("the effects"))?;
    // SAFETY: it points to what the callback was given, which nobody else uses while it runs.
    Ok(unsafe { &mut *lent.effects })
}
