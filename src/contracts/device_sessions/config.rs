//! What device sessions are to be.

use crate::ground::limits::{
    DEVICE_DATA_TYPE_BYTES_MAX, DEVICE_DATA_TYPES_MAX, DEVICE_ENDS_KEPT_DEFAULT, DEVICE_ID_BYTES_DEFAULT,
    DEVICE_ID_BYTES_MAX, DEVICE_RECENT_DEFAULT, DEVICE_RECENT_MAX, DEVICE_REPLIES_DEFAULT,
    DEVICE_REPLIES_MAX, DEVICES_DEFAULT, DEVICES_MAX, DEVICES_PER_CONNECTION_DEFAULT,
};
use std::time::Duration;

/// Types that are not data's: a client's other messages, and those of the server.
const RESERVED: [&str; 7] = [
    "device_register",
    "session_start",
    "session_end",
    "device_registered",
    "session_created",
    "session_ended",
    "error",
];

pub(super) fn is_reserved(kind: &str) -> bool {
    RESERVED.contains(&kind)
}

/// Whether a device that registers is given a provisional session id, which clients older than version 1.1.0 take for their session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegisterSession {
    /// Unless it declares a client version of at least 1.1.0.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What becomes of a `session_start` of a device that has an active session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnActive {
    /// The active session ends as `auto_ended`, and the new one begins.
    EndPrevious,
    /// It is refused: `SESSION_ALREADY_ACTIVE`.
    Reject,
}

/// Settings of device sessions, for [`Builder::device_sessions`](crate::Builder::device_sessions), which checks them.
///
/// ```
/// use andon::{DeviceSessionsConfig, OnActive};
/// use std::time::Duration;
///
/// let config = DeviceSessionsConfig::new()
///     .on_active(OnActive::Reject)
///     .idle_timeout(Some(Duration::from_secs(600)))
///     .data_type("lidar");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct DeviceSessionsConfig {
    pub(crate) register_session: RegisterSession,
    pub(crate) on_active: OnActive,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) durable_ack: bool,
    pub(crate) data_types: Vec<String>,
    pub(crate) late_window: Duration,
    pub(crate) recent_sessions: usize,
    pub(crate) devices: usize,
    pub(crate) devices_per_connection: usize,
    pub(crate) id_bytes: usize,
    pub(crate) pending_replies: usize,
    pub(crate) ends_kept: usize,
}

/// The types of the deployed clients' data.
const DATA_TYPES: [&str; 3] = ["sensor_data", "sensorData", "data"];

impl Default for DeviceSessionsConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl DeviceSessionsConfig {
    /// As the deployed clients expect it.
    pub fn new() -> Self {
        Self {
            register_session: RegisterSession::Auto,
            on_active: OnActive::EndPrevious,
            idle_timeout: Some(Duration::from_secs(30 * 60)),
            durable_ack: true,
            data_types: DATA_TYPES.map(str::to_owned).to_vec(),
            late_window: Duration::from_secs(60),
            recent_sessions: DEVICE_RECENT_DEFAULT,
            devices: DEVICES_DEFAULT,
            devices_per_connection: DEVICES_PER_CONNECTION_DEFAULT,
            id_bytes: DEVICE_ID_BYTES_DEFAULT,
            pending_replies: DEVICE_REPLIES_DEFAULT,
            ends_kept: DEVICE_ENDS_KEPT_DEFAULT,
        }
    }

    /// Who is given a provisional session id by `device_registered`. Default [`RegisterSession::Auto`].
    pub fn register_session(mut self, who: RegisterSession) -> Self {
        self.register_session = who;
        self
    }

    /// What becomes of a second `session_start`. Default [`OnActive::EndPrevious`].
    pub fn on_active(mut self, what: OnActive) -> Self {
        self.on_active = what;
        self
    }

    /// How long a session may be without data before it ends as `timeout`; `None` or zero: for ever. At least 1 ms. Default 30 minutes.
    pub fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.idle_timeout = timeout.filter(|timeout| !timeout.is_zero());
        self
    }

    /// Whether `session_ended` waits until everything of the session is committed. Default yes; without a store there is nothing to wait for.
    pub fn durable_ack(mut self, wait: bool) -> Self {
        self.durable_ack = wait;
        self
    }

    /// Expects messages of this type as data, beside `sensor_data`, `sensorData` and `data`. Those of other types are taken too when they belong to a
    /// session, and are counted in [`Stats::messages_untyped`](crate::Stats::messages_untyped). A type has 1 to 64 bytes, none that means something
    /// else to the protocol; there are at most 32, those three included.
    pub fn data_type(mut self, name: impl Into<String>) -> Self {
        self.data_types.push(name.into());
        self
    }

    /// How long after its end a session takes data that was on its way. Default 60 s.
    pub fn late_window(mut self, window: Duration) -> Self {
        self.late_window = window;
        self
    }

    /// How many ended sessions of a device take late data. Default 4, at most 16.
    pub fn recent_sessions(mut self, sessions: usize) -> Self {
        self.recent_sessions = sessions;
        self
    }

    /// How many devices may be known at once: connected, in a session, or within the late window of one. One more is refused with an error. From 1 to
    /// 1,048,576. Default 10,000.
    pub fn devices(mut self, devices: usize) -> Self {
        self.devices = devices;
        self
    }

    /// How many devices one connection may speak for. One more is refused with an error. From 1 to 1,048,576. Default 256.
    pub fn devices_per_connection(mut self, devices: usize) -> Self {
        self.devices_per_connection = devices;
        self
    }

    /// Bytes of a `deviceId`, and of a `sessionId` that is answered to. Longer ones are refused with an error. From 1 to 1,024. Default 128.
    pub fn id_bytes(mut self, bytes: usize) -> Self {
        self.id_bytes = bytes;
        self
    }

    /// How many replies to one device may wait for the store. A request beyond is refused with `STORAGE_UNAVAILABLE`. From 1 to 64. Default 8.
    pub fn pending_replies(mut self, replies: usize) -> Self {
        self.pending_replies = replies;
        self
    }

    /// How many ends of sessions that the store refused are kept, to be recorded when it is well again. Of more, one is given up for each, counted in
    /// [`Stats::contract_bounds`](crate::Stats::contract_bounds), and stays `active` in the store until it is opened anew. With as many as there are devices
    /// all of them may leave at once. From 1 to 1,048,576. Default 10,000.
    pub fn ends_kept(mut self, ends: usize) -> Self {
        self.ends_kept = ends;
        self
    }

    /// Whether it can be; the error says what is wrong.
    /// Bytes of one session as JSON.
    #[cfg(feature = "board")]
    pub(crate) fn json_bytes_max(&self) -> usize {
        // Of what an id may have, a quote and a backslash are escaped.
        2 * self.id_bytes + 256
    }

    /// Bytes of a copy of all sessions under way, whose texts are shared, in a list that grows by doubling.
    #[cfg(feature = "board")]
    pub(crate) fn copy_bytes_max(&self) -> usize {
        self.devices.saturating_mul(3 * size_of::<super::command::SessionInfo>())
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.data_types.len() > DEVICE_DATA_TYPES_MAX {
            return Err(format!(
                "there may be {DEVICE_DATA_TYPES_MAX} types of data, the three built-in ones included"
            ));
        }
        for (index, name) in self.data_types.iter().enumerate() {
            if name.is_empty() || name.len() > DEVICE_DATA_TYPE_BYTES_MAX {
                return Err(format!(
                    "a type of data has 1 to {DEVICE_DATA_TYPE_BYTES_MAX} bytes, not {name:?}"
                ));
            }
            if is_reserved(name) {
                return Err(format!("{name:?} cannot be a type of data: it means something else"));
            }
            if self.data_types[..index].contains(name) {
                return Err(format!("the type of data {name:?} is there already"));
            }
        }
        let in_range = |what: &str, value: usize, max: usize| match value {
            1.. if value <= max => Ok(()),
            _ => Err(format!("{what} must be from 1 to {max}")),
        };
        in_range("devices", self.devices, DEVICES_MAX)?;
        in_range("devices_per_connection", self.devices_per_connection, DEVICES_MAX)?;
        in_range("id_bytes", self.id_bytes, DEVICE_ID_BYTES_MAX)?;
        in_range("pending_replies", self.pending_replies, DEVICE_REPLIES_MAX)?;
        in_range("ends_kept", self.ends_kept, DEVICES_MAX)?;
        if self.recent_sessions > DEVICE_RECENT_MAX {
            return Err(format!("recent_sessions must be at most {DEVICE_RECENT_MAX}"));
        }
        if self.idle_timeout.is_some_and(|timeout| timeout < Duration::from_millis(1)) {
            return Err("idle_timeout must be at least 1 ms; None for never".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        let new = DeviceSessionsConfig::new;
        assert_eq!(new().check(), Ok(()));
        assert_eq!(new().idle_timeout(Some(Duration::ZERO)).idle_timeout, None);
        for (config, why) in [
            (new().data_type(""), "1 to"),
            (new().data_type("x".repeat(65)), "1 to"),
            (new().data_type("session_start"), "something else"),
            (new().data_type("data"), "already"),
            ((0..30).fold(new(), |config, n| config.data_type(n.to_string())), "types of data"),
            (new().devices(0), "devices must"),
            (new().devices(DEVICES_MAX + 1), "devices must"),
            (new().devices_per_connection(0), "devices_per_connection"),
            (new().id_bytes(0), "id_bytes"),
            (new().id_bytes(1_025), "id_bytes"),
            (new().pending_replies(0), "pending_replies"),
            (new().ends_kept(0), "ends_kept"),
            (new().recent_sessions(17), "recent_sessions"),
            (new().idle_timeout(Some(Duration::from_nanos(1))), "idle_timeout"),
        ] {
            let error = config.check().unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
        }
    }
}
