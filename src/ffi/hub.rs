//! The topic hub: built in, with topics that the host publishes JSON to.

use super::{
    config::{andon_config, change},
    fault::{Fault, bad, not_found},
    guard::enter,
    mount::{andon_mount_options, mount_options},
    object::look,
    options::{self, Options},
    server::andon_server,
    status::andon_status,
    topic::{ANDON_TOPIC_STATE, ANDON_TOPIC_STREAM, andon_topic_class},
    types::{ANDON_FOREVER, andon_str, array},
};
use crate::{
    contracts::topic_hub::config::{HubRefuse, HubResend, TopicClass, TopicHubConfig},
    host::hub::TopicHub,
};
use std::time::Duration;

/// Which topics are sent once more when nothing was published to them for a while: one of `ANDON_HUB_RESEND_*`.
pub type andon_hub_resend = i32;
/// Those of `ANDON_TOPIC_STATE`. The default.
pub const ANDON_HUB_RESEND_STATE: andon_hub_resend = 0;
/// All: the last entry of a stream comes again, too.
pub const ANDON_HUB_RESEND_ALL: andon_hub_resend = 1;
/// None; the host is asked to refresh them all the same.
pub const ANDON_HUB_RESEND_NONE: andon_hub_resend = 2;

/// One topic of a hub.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_hub_topic {
    /// Lower case letters, digits, `_`, `-` and `.`, up to 64.
    pub name: andon_str,
    /// `ANDON_TOPIC_STATE` or `ANDON_TOPIC_STREAM`.
    pub topic_class: andon_topic_class,
    /// At most this many connections; 0: as the hub's `cap_per_topic`.
    pub cap: usize,
}

/// What is published to one topic is published to another as well.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_hub_mirror {
    /// The topic that is published to.
    pub from: andon_str,
    /// The one that gets it as well, of `ANDON_TOPIC_STATE`.
    pub to: andon_str,
}

/// What a topic hub is to be. Zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_hub_options {
    /// Set by `ANDON_HUB_OPTIONS_INIT`.
    pub struct_size: usize,
    /// Its topics, `topics_count` of them. Default: robots, tables, events, orders, status, systemlogs, customers, inventory and video_streams.
    pub topics: *const andon_hub_topic,
    /// How many there are.
    pub topics_count: usize,
    /// Mirrors, `mirrors_count` of them. Default: none.
    pub mirrors: *const andon_hub_mirror,
    /// How many there are.
    pub mirrors_count: usize,
    /// At most this many connections on each topic. Default 1,024.
    pub cap_per_topic: usize,
    /// The log of each topic. Default 1 MiB.
    pub log_bytes: usize,
    /// How often every client is pinged by a message; `ANDON_FOREVER`: never. Default 30,000.
    pub ping_interval_ms: u32,
    /// After how long a topic with subscribers that nothing was published to is refreshed, see `ANDON_EVENT_HUB_REFRESH`; `ANDON_FOREVER`: never. Default 10,000.
    pub poll_interval_ms: u32,
    /// One of `ANDON_HUB_RESEND_*`.
    pub resend: andon_hub_resend,
    /// Whether clients that are refused are let in and closed at once, rather than answered with 403.
    pub refuse_by_close: bool,
}

// SAFETY: the size first; numbers, null and false are zeros.
unsafe impl Options for andon_hub_options {
    const NAME: &'static str = "andon_hub_options";
}

/// Mounts a topic hub at a path with one parameter, such as "/ws/{topic}". A server has one at most. `options` and `mount` may be NULL.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`; what contradicts itself is told by the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_hub(
    config: *mut andon_config,
    pattern: andon_str,
    options: *const andon_hub_options,
    mount: *const andon_mount_options,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let (pattern, given) = unsafe { (pattern.read("the pattern")?, options::read(options)?) };
        // SAFETY: the caller's word.
        let (mount, hub) = unsafe { (mount_options(mount)?, hub_of(&given)?) };
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.topic_hub_with(pattern, mount, hub)) }
    })
}

/// Publishes JSON to everyone on a topic of the hub, and to those who come later until the next one. An empty `key` is the topic itself; else who comes later gets the latest of every key.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_JSON` with line and column, `NOT_FOUND` with the topics there are, `FULL` of a stream only, `STOPPED`, `REFUSED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_hub_publish(
    server: *const andon_server,
    topic: andon_str,
    key: andon_str,
    json: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (topic, key, json) =
            unsafe { (topic.read("the topic")?, key.read("the key")?, json.read("the JSON")?) };
        // SAFETY: the caller's word.
        Ok(unsafe { hub(server) }?.publish_key(topic, key, json)?)
    })
}

/// Forgets a key: who comes later does not hear of it. Those who are there are not told.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_hub_publish`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_hub_forget(
    server: *const andon_server,
    topic: andon_str,
    key: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (topic, key) = unsafe { (topic.read("the topic")?, key.read("the key")?) };
        // SAFETY: the caller's word.
        Ok(unsafe { hub(server) }?.forget(topic, key)?)
    })
}

/// # Safety
///
/// As [`look`].
unsafe fn hub(server: *const andon_server) -> Result<TopicHub, Fault> {
    // SAFETY: the caller's word.
    let hub = unsafe { look(server) }?.handle.topic_hub();
    hub.ok_or_else(|| not_found("the server has no topic hub: mount one by andon_config_hub".into()))
}

/// # Safety
///
/// What the options point to can be read.
unsafe fn hub_of(given: &andon_hub_options) -> Result<TopicHubConfig, Fault> {
    // SAFETY: the caller's word.
    let topics = unsafe { array(given.topics, given.topics_count, "topics") }?;
    let mut hub = if topics.is_empty() { TopicHubConfig::new() } else { TopicHubConfig::empty() };
    for topic in topics {
        // SAFETY: the caller's word.
        let name = unsafe { topic.name.read("the topic's name") }?;
        let class = match topic.topic_class {
            ANDON_TOPIC_STATE => TopicClass::State,
            ANDON_TOPIC_STREAM => TopicClass::Stream,
            other => {
                return Err(bad(format!(
                    "topic {name:?} has the class {other}: give ANDON_TOPIC_STATE or _STREAM"
                )));
            }
        };
        hub = hub.topic(name, class);
        if topic.cap != 0 {
            hub = hub.cap_of(name, topic.cap);
        }
    }
    // SAFETY: the caller's word.
    for mirror in unsafe { array(given.mirrors, given.mirrors_count, "mirrors") }? {
        // SAFETY: the caller's word.
        hub = unsafe { hub.mirror(mirror.from.read("from")?, mirror.to.read("to")?) };
    }
    if given.cap_per_topic != 0 {
        hub = hub.cap_per_topic(given.cap_per_topic);
    }
    if given.log_bytes != 0 {
        hub = hub.log_bytes(given.log_bytes);
    }
    let interval = |millis: u32| (millis != ANDON_FOREVER).then(|| Duration::from_millis(millis.into()));
    if given.ping_interval_ms != 0 {
        hub = hub.ping_interval(interval(given.ping_interval_ms));
    }
    if given.poll_interval_ms != 0 {
        hub = hub.poll_interval(interval(given.poll_interval_ms));
    }
    hub = hub.resend(match given.resend {
        ANDON_HUB_RESEND_STATE => HubResend::State,
        ANDON_HUB_RESEND_ALL => HubResend::All,
        ANDON_HUB_RESEND_NONE => HubResend::None,
        other => return Err(bad(format!("resend is {other}: give one of ANDON_HUB_RESEND_*"))),
    });
    if given.refuse_by_close {
        hub = hub.refuse(HubRefuse::Close);
    }
    Ok(hub)
}
