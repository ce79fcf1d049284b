//! Topics of the host's, and the topic hub.

use super::{
    config::{andon_config, change},
    fault::{Fault, bad, not_found},
    guard::enter,
    object::{look, put},
    options::{self, Options},
    server::andon_server,
    status::andon_status,
    types::{andon_bytes, andon_message_kind, andon_str, andon_topic},
};
use crate::hub::topic::{Lag, SnapshotSource, Topic};

/// What matters about a topic: one of `ANDON_TOPIC_*`.
pub type andon_topic_class = i32;
/// What is true now: a newcomer gets the newest value, a slow client is led to it.
pub const ANDON_TOPIC_STATE: andon_topic_class = 1;
/// What happened: a client that is too slow for it is closed with 1013.
pub const ANDON_TOPIC_STREAM: andon_topic_class = 2;

/// What befalls a client that lags: one of `ANDON_LAG_*`.
pub type andon_lag = i32;
/// As the topic's class says.
pub const ANDON_LAG_DEFAULT: andon_lag = 0;
/// It is led to the newest snapshot.
pub const ANDON_LAG_CONFLATE: andon_lag = 1;
/// It goes on with the newest message.
pub const ANDON_LAG_SKIP: andon_lag = 2;
/// It is closed with 1013.
pub const ANDON_LAG_DISCONNECT: andon_lag = 3;

/// What a newcomer gets first: one of `ANDON_SNAPSHOT_*`.
pub type andon_snapshot_source = i32;
/// As the topic's class says: the last message of a state, nothing of a stream.
pub const ANDON_SNAPSHOT_DEFAULT: andon_snapshot_source = 0;
/// Nothing.
pub const ANDON_SNAPSHOT_NONE: andon_snapshot_source = 1;
/// The last message.
pub const ANDON_SNAPSHOT_LAST: andon_snapshot_source = 2;
/// The latest of every key.
pub const ANDON_SNAPSHOT_KEYED: andon_snapshot_source = 3;
/// What the contract's `snapshot` says. Only for topics that a contract declares.
pub const ANDON_SNAPSHOT_CONTRACT: andon_snapshot_source = 4;

/// What a topic is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_topic_options {
    /// Set by `ANDON_TOPIC_OPTIONS_INIT`.
    pub struct_size: usize,
    /// One of `ANDON_TOPIC_*`. Must be set.
    pub topic_class: andon_topic_class,
    /// One of `ANDON_LAG_*`.
    pub lag: andon_lag,
    /// One of `ANDON_SNAPSHOT_*`.
    pub snapshot: andon_snapshot_source,
    /// What slow clients have not taken yet; a quarter of it is the largest message. Default 1 MiB, at least 64 KiB.
    pub log_bytes: usize,
}

// SAFETY: numbers, the size first.
unsafe impl Options for andon_topic_options {
    const NAME: &'static str = "andon_topic_options";
}

/// Declares a topic that the host publishes to, and that contracts find by its name.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`; what contradicts itself is told by the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_topic(
    config: *mut andon_config,
    name: andon_str,
    options: *const andon_topic_options,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let (name, topic) = unsafe { (name.read("the name")?, topic_of(options)?) };
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.topic(name, topic)) }
    })
}

/// The topic of this name that was declared in the configuration.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_topic(
    server: *const andon_server,
    name: andon_str,
    topic: *mut andon_topic,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (server, name) = unsafe { (look(server)?, name.read("the name")?) };
        let found = server.handle.topic(name);
        let found = found
            .ok_or_else(|| not_found(format!("no topic {name:?} was declared by andon_config_topic")))?;
        // SAFETY: the caller's word.
        unsafe { put(topic, "topic", found.into()) }
    })
}

/// Publishes a message to every subscriber of a topic. The newest value of a state topic is always taken, however busy the loop is: it replaces one that the loop has not come to. Entries of a stream are
/// queued, or refused as `FULL`.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_ARGUMENT`, `FULL`, `STOPPED`, `REFUSED` when it is too large.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_publish(
    server: *const andon_server,
    topic: andon_topic,
    kind: andon_message_kind,
    message: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (server, message) = unsafe { (look(server)?, message.message(kind)?) };
        Ok(server.handle.publish(topic.into(), message.to_payload())?)
    })
}

/// Publishes the newest value of one key of a topic with `ANDON_SNAPSHOT_KEYED`: newcomers get the latest of every key. All else as `andon_server_publish`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_publish_key(
    server: *const andon_server,
    topic: andon_topic,
    key: andon_str,
    kind: andon_message_kind,
    message: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (server, key, message) = unsafe { (look(server)?, key.read("the key")?, message.message(kind)?) };
        Ok(server.handle.publish_key(topic.into(), key, message.to_payload())?)
    })
}

/// Forgets a key: newcomers do not hear of it any more. Those who are there are not told.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `FULL`, `STOPPED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_forget_key(
    server: *const andon_server,
    topic: andon_topic,
    key: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (server, key) = unsafe { (look(server)?, key.read("the key")?) };
        Ok(server.handle.forget_key(topic.into(), key)?)
    })
}

/// The topic that was described.
///
/// # Safety
///
/// As [`options::need`].
pub(super) unsafe fn topic_of(given: *const andon_topic_options) -> Result<Topic, Fault> {
    // SAFETY: the caller's word.
    let given = unsafe { options::need(given) }?;
    let mut topic = match given.topic_class {
        ANDON_TOPIC_STATE => Topic::state(),
        ANDON_TOPIC_STREAM => Topic::stream(),
        other => {
            return Err(bad(format!(
                "{other} is no class of topics: give ANDON_TOPIC_STATE or ANDON_TOPIC_STREAM"
            )));
        }
    };
    topic = match given.lag {
        ANDON_LAG_DEFAULT => topic,
        ANDON_LAG_CONFLATE => topic.with_lag(Lag::Conflate),
        ANDON_LAG_SKIP => topic.with_lag(Lag::Skip),
        ANDON_LAG_DISCONNECT => topic.with_lag(Lag::Disconnect),
        other => return Err(bad(format!("{other} is no policy for those who lag: give one of ANDON_LAG_*"))),
    };
    topic = match given.snapshot {
        ANDON_SNAPSHOT_DEFAULT => topic,
        ANDON_SNAPSHOT_NONE => topic.with_snapshot(SnapshotSource::None),
        ANDON_SNAPSHOT_LAST => topic.with_snapshot(SnapshotSource::Last),
        ANDON_SNAPSHOT_KEYED => topic.with_snapshot(SnapshotSource::Keyed),
        ANDON_SNAPSHOT_CONTRACT => topic.with_snapshot(SnapshotSource::Contract),
        other => return Err(bad(format!("{other} is no source of snapshots: give one of ANDON_SNAPSHOT_*"))),
    };
    if given.log_bytes != 0 {
        topic = topic.with_log_bytes(given.log_bytes);
    }
    Ok(topic)
}
