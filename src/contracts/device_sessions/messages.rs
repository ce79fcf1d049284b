//! The messages to devices, encoded.

use crate::wire::json::write;

/// What kind of error a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorCode {
    InvalidMessage,
    UnknownType,
    MissingField,
    SessionAlreadyActive,
    NoActiveSession,
    StorageUnavailable,
}

impl ErrorCode {
    fn as_str(self) -> &'static str {
        match self {
            Self::InvalidMessage => "INVALID_MESSAGE",
            Self::UnknownType => "UNKNOWN_TYPE",
            Self::MissingField => "MISSING_FIELD",
            Self::SessionAlreadyActive => "SESSION_ALREADY_ACTIVE",
            Self::NoActiveSession => "NO_ACTIVE_SESSION",
            Self::StorageUnavailable => "STORAGE_UNAVAILABLE",
        }
    }
}

/// A message of the three that answer a request; `session` is left out, null, or an id. `timestamp` is a JSON number.
fn reply(kind: &str, session: Option<Option<&str>>, device: &str, timestamp: &str) -> String {
    let room = kind.len() + session.flatten().map_or(0, str::len) + device.len() + timestamp.len() + 64;
    let mut out = String::with_capacity(room);
    out.push_str("{\"type\":");
    write::string(kind, &mut out);
    if let Some(session) = session {
        out.push_str(",\"sessionId\":");
        string_or_null(session, &mut out);
    }
    out.push_str(",\"deviceId\":");
    write::string(device, &mut out);
    out.push_str(",\"timestamp\":");
    out.push_str(timestamp);
    out.push('}');
    out
}

fn string_or_null(text: Option<&str>, out: &mut String) {
    match text {
        Some(text) => write::string(text, out),
        None => out.push_str("null"),
    }
}

pub(super) fn device_registered(session: Option<&str>, device: &str, timestamp: &str) -> String {
    reply("device_registered", session.map(Some), device, timestamp)
}

pub(super) fn session_created(session: &str, device: &str, timestamp: &str) -> String {
    reply("session_created", Some(Some(session)), device, timestamp)
}

/// `session`: `None` when the client named none and there was none.
pub(super) fn session_ended(session: Option<&str>, device: &str, timestamp: &str) -> String {
    reply("session_ended", Some(session), device, timestamp)
}

pub(super) fn error(code: ErrorCode, message: &str, device: Option<&str>) -> String {
    let mut out = String::with_capacity(message.len() + device.map_or(0, str::len) + 96);
    out.push_str("{\"type\":\"error\",\"errorCode\":");
    write::string(code.as_str(), &mut out);
    out.push_str(",\"message\":");
    write::string(message, &mut out);
    out.push_str(",\"deviceId\":");
    string_or_null(device, &mut out);
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_compact_and_escaped() {
        assert_eq!(
            session_ended(None, "a\"b", "1.50"),
            r#"{"type":"session_ended","sessionId":null,"deviceId":"a\"b","timestamp":1.50}"#
        );
        assert_eq!(
            device_registered(None, "a", "1"),
            r#"{"type":"device_registered","deviceId":"a","timestamp":1}"#
        );
        assert_eq!(
            error(ErrorCode::UnknownType, "no", None),
            r#"{"type":"error","errorCode":"UNKNOWN_TYPE","message":"no","deviceId":null}"#
        );
    }
}
