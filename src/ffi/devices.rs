//! Device sessions: built in; devices collect data in sessions, which the host hears of, lists and ends.

use super::{
    config::{andon_config, change},
    fault::{Fault, bad, not_found},
    guard::enter,
    mount::{andon_mount_options, mount_options},
    object::{Head, Object, give, look, take_back},
    options::{self, Options},
    server::andon_server,
    status::andon_status,
    types::{ANDON_FOREVER, Texts, andon_conn, andon_mount, andon_str, array, put_array},
};
use crate::{
    contracts::device_sessions::{
        command::SessionInfo,
        config::{DeviceSessionsConfig, OnActive, RegisterSession},
    },
    host::device::DeviceSessions,
};
use std::time::Duration;

/// Whether a device that registers is given a provisional session id: one of `ANDON_REGISTER_SESSION_*`.
pub type andon_register_session = i32;
/// Unless it declares a client version of at least 1.1.0. The default.
pub const ANDON_REGISTER_SESSION_AUTO: andon_register_session = 0;
/// Always.
pub const ANDON_REGISTER_SESSION_ALWAYS: andon_register_session = 1;
/// Never.
pub const ANDON_REGISTER_SESSION_NEVER: andon_register_session = 2;

/// What becomes of a `session_start` of a device that has an active session: one of `ANDON_ON_ACTIVE_*`.
pub type andon_on_active = i32;
/// The active session ends, and the new one begins. The default.
pub const ANDON_ON_ACTIVE_END_PREVIOUS: andon_on_active = 0;
/// It is refused.
pub const ANDON_ON_ACTIVE_REJECT: andon_on_active = 1;

/// What device sessions are to be. Zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_devices_options {
    /// Set by `ANDON_DEVICES_OPTIONS_INIT`.
    pub struct_size: usize,
    /// One of `ANDON_REGISTER_SESSION_*`.
    pub register_session: andon_register_session,
    /// One of `ANDON_ON_ACTIVE_*`.
    pub on_active: andon_on_active,
    /// How long a session may be without data before it ends; `ANDON_FOREVER`: for ever. Default 1,800,000.
    pub idle_timeout_ms: u32,
    /// How long after its end a session takes data that was on its way. Default 60,000.
    pub late_window_ms: u32,
    /// Sessions take no data after their end; `late_window_ms` and `recent_sessions` are then not looked at.
    pub no_late_data: bool,
    /// `session_ended` does not wait until everything of the session is committed.
    pub early_ack: bool,
    /// Types of messages that are expected as data, beside sensor_data, sensorData and data; `data_types_count` of them.
    pub data_types: *const andon_str,
    /// How many there are.
    pub data_types_count: usize,
    /// How many ended sessions of a device take late data. Default 4, at most 16.
    pub recent_sessions: usize,
    /// How many devices may be known at once. Default 10,000.
    pub devices: usize,
    /// How many devices one connection may speak for. Default 256.
    pub devices_per_connection: usize,
    /// Bytes of a device's id, and of a session's that a client names: those that are given out have 20. Default 128, at most 1,024.
    pub id_bytes: usize,
    /// How many replies to one device may wait for the store. Default 8, at most 64.
    pub pending_replies: usize,
    /// How many ends of sessions that the store refused are kept. Default 10,000.
    pub ends_kept: usize,
}

// SAFETY: the size first; numbers, null and false are zeros.
unsafe impl Options for andon_devices_options {
    const NAME: &'static str = "andon_devices_options";
}

/// A session under way.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_device {
    /// The session's id.
    pub session: andon_str,
    /// The device's id.
    pub device: andon_str,
    /// When it began, by the server's clock.
    pub started_at_ms: i64,
    /// Samples so far.
    pub sample_count: u64,
    /// The connection with which it ends.
    pub holder: andon_conn,
}

/// The sessions that were under way when it was asked for.
#[cfg_attr(feature = "ffi", repr(C))] // Not seen by cbindgen, for which it is opaque.
pub struct andon_device_list {
    head: Head,
    items: Vec<andon_device>,
    /// What the items point to.
    _texts: Texts,
}

// SAFETY: its layout is C's, and its head comes first.
unsafe impl Object for andon_device_list {
    const MARK: u32 = u32::from_be_bytes(*b"devs");
    const NAME: &'static str = "andon_device_list";
}

/// Mounts device sessions at a path, such as "/ws/device". The host hears of them by `ANDON_EVENT_DEVICE_REGISTERED`, `ANDON_EVENT_SESSION_CREATED`, `ANDON_EVENT_SAMPLE` and `ANDON_EVENT_SESSION_ENDED`, which need `ANDON_EVENTS_CONTRACTS`; what they record goes to
/// the store. `options` and `mount` may be NULL.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`; what is out of its range is told by the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_devices(
    config: *mut andon_config,
    pattern: andon_str,
    options: *const andon_devices_options,
    mount: *const andon_mount_options,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let (pattern, given) = unsafe { (pattern.read("the pattern")?, options::read(options)?) };
        // SAFETY: the caller's word.
        let (mount, devices) = unsafe { (mount_options(mount)?, devices_of(&given)?) };
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.device_sessions_with(pattern, mount, devices)) }
    })
}

/// Ends a session, as `ANDON_SESSION_ENDED_BY_HOST`; its client is told. Nothing happens to one that is not under way.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `NOT_FOUND` for a mount that is none of device sessions, `FULL`, `STOPPED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_devices_end_session(
    server: *const andon_server,
    mount: andon_mount,
    session: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (devices, session) = unsafe { (devices_at(server, mount)?, session.read("the session")?) };
        Ok(devices.end_session(session)?)
    })
}

/// Asks for the sessions under way, in the order of their devices' ids, and waits for the loop to tell, at most `timeout_ms`.
///
/// Threads: any but the server's own, which would wait for itself. Blocking: up to the timeout. Ownership: the list is the caller's, until `andon_device_list_free`. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `NOT_FOUND` for a mount that is none of device sessions, `TIMED_OUT`, `FULL`, `STOPPED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_devices_sessions(
    server: *const andon_server,
    mount: andon_mount,
    timeout_ms: u32,
    list: *mut *mut andon_device_list,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let devices = unsafe { devices_at(server, mount) }?;
        let make = || {
            let sessions = devices.sessions(Duration::from_millis(timeout_ms.into()))?;
            let mut texts = Texts::default();
            let items = sessions.iter().map(|session| item(session, &mut texts)).collect();
            Ok(andon_device_list { head: Head::of::<andon_device_list>(), items, _texts: texts })
        };
        // SAFETY: the caller's word.
        unsafe { give(make, list) }
    })
}

/// What a list holds: an array of `count` sessions.
///
/// Threads: any. Blocking: never. Ownership: the list's; it all lives until `andon_device_list_free`. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_device_list_items(
    list: *const andon_device_list,
    items: *mut *const andon_device,
    count: *mut usize,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let list = unsafe { look(list) }?;
        // SAFETY: the caller's word.
        unsafe { put_array(&list.items, items, count) }
    })
}

/// Frees a list and all that it holds. NULL is nothing to be freed.
///
/// Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see `andon_last_error` for a pointer that was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_device_list_free(list: *mut andon_device_list) {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { take_back(list) }.map(drop)
    });
}

fn item(session: &SessionInfo, texts: &mut Texts) -> andon_device {
    andon_device {
        session: texts.lend(&session.id),
        device: texts.lend(&session.device),
        started_at_ms: session.started_at.as_millis(),
        sample_count: session.sample_count,
        holder: session.holder.into(),
    }
}

/// # Safety
///
/// As [`look`].
unsafe fn devices_at(server: *const andon_server, mount: andon_mount) -> Result<DeviceSessions, Fault> {
    // SAFETY: the caller's word.
    let devices = unsafe { look(server) }?.handle.device_sessions_at(mount.into());
    devices.ok_or_else(|| {
        not_found(format!("mount {} is none of device sessions: see andon_config_devices", mount.index))
    })
}

/// # Safety
///
/// What the options point to can be read.
unsafe fn devices_of(given: &andon_devices_options) -> Result<DeviceSessionsConfig, Fault> {
    let mut made = DeviceSessionsConfig::new();
    made = made.register_session(match given.register_session {
        ANDON_REGISTER_SESSION_AUTO => RegisterSession::Auto,
        ANDON_REGISTER_SESSION_ALWAYS => RegisterSession::Always,
        ANDON_REGISTER_SESSION_NEVER => RegisterSession::Never,
        other => {
            return Err(bad(format!("register_session is {other}: give one of ANDON_REGISTER_SESSION_*")));
        }
    });
    made = made.on_active(match given.on_active {
        ANDON_ON_ACTIVE_END_PREVIOUS => OnActive::EndPrevious,
        ANDON_ON_ACTIVE_REJECT => OnActive::Reject,
        other => return Err(bad(format!("on_active is {other}: give one of ANDON_ON_ACTIVE_*"))),
    });
    let millis = |millis: u32| Duration::from_millis(millis.into());
    made = match given.idle_timeout_ms {
        0 => made,
        ANDON_FOREVER => made.idle_timeout(None),
        after => made.idle_timeout(Some(millis(after))),
    };
    made = made.durable_ack(!given.early_ack);
    // SAFETY: the caller's word.
    for name in unsafe { array(given.data_types, given.data_types_count, "data_types") }? {
        // SAFETY: the caller's word.
        made = made.data_type(unsafe { name.read("the type of data") }?);
    }
    if given.no_late_data {
        made = made.late_window(Duration::ZERO).recent_sessions(0);
    } else {
        if given.late_window_ms != 0 {
            made = made.late_window(millis(given.late_window_ms));
        }
        if given.recent_sessions != 0 {
            made = made.recent_sessions(given.recent_sessions);
        }
    }
    type Set = fn(DeviceSessionsConfig, usize) -> DeviceSessionsConfig;
    let bounds: [(usize, Set); 5] = [
        (given.devices, DeviceSessionsConfig::devices),
        (given.devices_per_connection, DeviceSessionsConfig::devices_per_connection),
        (given.id_bytes, DeviceSessionsConfig::id_bytes),
        (given.pending_replies, DeviceSessionsConfig::pending_replies),
        (given.ends_kept, DeviceSessionsConfig::ends_kept),
    ];
    Ok(bounds.into_iter().filter(|(given, _)| *given != 0).fold(made, |made, (given, set)| set(made, given)))
}
