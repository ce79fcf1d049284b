//! What a contract's callback is lent: where it says what is to be done.

use super::{
    event::{andon_event_class, class},
    fault::{Fault, not_found, null},
    guard::{enter, enter_for},
    object::put,
    server::close_code,
    status::{ANDON_STATUS_BAD_TOPIC, andon_status},
    topic::{andon_topic_options, topic_of},
    types::{
        ANDON_FOREVER, andon_bytes, andon_conn, andon_message_kind, andon_mount, andon_str, andon_ticket,
        andon_topic,
    },
};
use crate::{
    contracts::{contract::SnapshotMessages, effects::Effects, store::record::RecordBody, told::EventBody},
    ground::{
        id::{ConnId, MountId, RecordTicket, TopicId},
        time::{Tick, Wall},
    },
};
use std::time::Duration;

/// What a contract finds when it starts: the topics that the host declared. It lives until the callback returns.
pub struct andon_setup {
    pub(super) mount: MountId,
    pub(super) topics: Vec<(String, TopicId)>,
}

/// Where a contract says what is to be done, in order, when its callback returns. It lives until then, and belongs to the server's thread. Connections and topics that are no more are passed over and counted.
pub struct andon_effects {
    /// What a callback was given, for as long as it runs.
    effects: *mut Effects,
}

/// Where a contract says how a topic stands. It lives until the callback returns.
pub struct andon_snapshot {
    pub(super) out: *mut SnapshotMessages,
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

/// Records something in the contract's own words: bytes, under a key of a stream, such as a table and whom it is about. `recorded` of the contract tells by the ticket when it is committed, which is
/// waited for, or that it was refused. `ticket` may be NULL. What was recorded is read back by `andon_server_read_records`.
///
/// Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`; that there is no store, or no room, is told by `recorded`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_record(
    effects: *mut andon_effects,
    stream: andon_str,
    key: andon_str,
    payload: andon_bytes,
    ticket: *mut andon_ticket,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { file(effects, stream, key, payload, ticket, Effects::file_now) }
}

/// Records something that nobody waits for: the store may take some time (`record_window_ms` of `andon_limits`) to collect more. All else as `andon_effects_record`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_file(
    effects: *mut andon_effects,
    stream: andon_str,
    key: andon_str,
    payload: andon_bytes,
    ticket: *mut andon_ticket,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { file(effects, stream, key, payload, ticket, Effects::file) }
}

/// Records something that happened at another time than now, such as what the store has refused before; nobody waits for it. All else as `andon_effects_record`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_effects_file_at(
    effects: *mut andon_effects,
    time_ms: i64,
    stream: andon_str,
    key: andon_str,
    payload: andon_bytes,
    ticket: *mut andon_ticket,
) -> andon_status {
    let at = Wall::from_millis(time_ms);
    // SAFETY: the caller's word.
    unsafe { file(effects, stream, key, payload, ticket, |effects, body| effects.file_at(at, body)) }
}

/// # Safety
///
/// As [`of`]; the texts can be read, and `ticket` is null or can be written.
unsafe fn file(
    effects: *mut andon_effects,
    stream: andon_str,
    key: andon_str,
    payload: andon_bytes,
    ticket: *mut andon_ticket,
    filed: impl FnOnce(&mut Effects, RecordBody) -> RecordTicket,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let effects = unsafe { of(effects) }?;
        // SAFETY: the caller's word.
        let (stream, key) = unsafe { (stream.read("the stream")?, key.read("the key")?) };
        // SAFETY: the caller's word.
        let payload = unsafe { payload.read("the payload") }?;
        let given = filed(effects, RecordBody::custom(stream, key, payload));
        if ticket.is_null() {
            return Ok(());
        }
        // SAFETY: checked, and the caller's word.
        unsafe { put(ticket, "ticket", given.to_bits()) }
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

pub(super) fn lend(effects: &mut Effects) -> andon_effects {
    andon_effects { effects }
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
