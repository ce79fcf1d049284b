//! What a client says, read.

use super::{
    config::{DeviceSessionsConfig, is_reserved},
    messages::ErrorCode,
};
use crate::{
    ground::{frame::Message, limits::DEVICE_TIMESTAMP_BYTES_MAX},
    wire::json::object::{Fault, Object, quoted},
};
use std::borrow::Cow;

/// The first version of a client that begins its sessions itself.
const NEW_FROM: [u64; 3] = [1, 1, 0];
const VERSIONS: [&str; 3] = ["clientVersion", "appVersion", "version"];
const FIELDS: [&str; 7] =
    ["type", "deviceId", "sessionId", "timestamp", VERSIONS[0], VERSIONS[1], VERSIONS[2]];

/// A client's message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    /// `declared_new`: it names a version that begins its sessions itself.
    Register {
        device: Cow<'a, str>,
        timestamp: Option<&'a str>,
        declared_new: bool,
    },
    Start {
        device: Cow<'a, str>,
        timestamp: Option<&'a str>,
    },
    End {
        device: Cow<'a, str>,
        session: Option<Cow<'a, str>>,
        timestamp: Option<&'a str>,
    },
    Data(Data<'a>),
}

/// Data, or what may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Data<'a> {
    pub(super) kind: Cow<'a, str>,
    /// It is of a type that data is expected to have.
    pub(super) expected: bool,
    pub(super) device: Option<Cow<'a, str>>,
    pub(super) session: Option<Cow<'a, str>>,
}

/// Why a message is answered with an error.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Complaint<'a> {
    pub(super) code: ErrorCode,
    pub(super) message: Cow<'static, str>,
    /// The device that it is about, as far as it is known.
    pub(super) device: Option<Cow<'a, str>>,
}

/// Reads a message.
pub(super) fn read<'a>(
    config: &DeviceSessionsConfig,
    message: Message<'a>,
) -> Result<Heard<'a>, Complaint<'a>> {
    let Message::Text(text) = message else {
        return Err(invalid(Fault::of_message("a message must be JSON in a text frame, not binary")));
    };
    let fields = Fields { object: Object::read(text, FIELDS).map_err(invalid)?, id_bytes: config.id_bytes };
    fields.read(config).map_err(|mut complaint| {
        complaint.device = fields.device().ok().flatten();
        complaint
    })
}

fn invalid<'a>(fault: Fault) -> Complaint<'a> {
    Complaint { code: ErrorCode::InvalidMessage, message: fault.message.into(), device: None }
}

/// A field that must be there.
pub(super) fn missing<'a>(message: &'static str) -> Complaint<'a> {
    Complaint { code: ErrorCode::MissingField, message: message.into(), device: None }
}

/// A type that nobody knows.
pub(super) fn unknown_type<'a>(kind: &str) -> Complaint<'a> {
    let message = format!(
        "unknown type {}: expected \"device_register\", \"session_start\", \"session_end\", or data of a session",
        quoted(kind)
    );
    Complaint { code: ErrorCode::UnknownType, message: message.into(), device: None }
}

struct Fields<'a> {
    object: Object<'a, 7>,
    id_bytes: usize,
}

impl<'a> Fields<'a> {
    fn read(&self, config: &DeviceSessionsConfig) -> Result<Heard<'a>, Complaint<'a>> {
        let kind = self.text("type")?.ok_or_else(|| missing("\"type\" is missing: a string is expected"))?;
        match &*kind {
            "device_register" => Ok(Heard::Register {
                device: self.required_device()?,
                // Clients that never read the reply's timestamp write theirs as they like.
                timestamp: self.timestamp().unwrap_or_default(),
                declared_new: VERSIONS.iter().any(|name| self.object.raw(name).is_some_and(is_new)),
            }),
            "session_start" => {
                Ok(Heard::Start { device: self.required_device()?, timestamp: self.timestamp()? })
            }
            "session_end" => Ok(Heard::End {
                device: self.required_device()?,
                session: match self.text("sessionId")? {
                    Some(session) => Some(self.short("sessionId", session)?),
                    None => None,
                },
                timestamp: self.timestamp()?,
            }),
            kind if is_reserved(kind) => Err(unknown_type(kind)),
            _ => Ok(Heard::Data(Data {
                expected: config.data_types.iter().any(|name| *name == kind),
                kind,
                device: self.device()?,
                session: self.text("sessionId")?.filter(|session| !session.is_empty()),
            })),
        }
    }

    /// A string. Clients write null for what they do not have.
    fn text(&self, name: &'static str) -> Result<Option<Cow<'a, str>>, Complaint<'a>> {
        match self.object.raw(name) {
            Some("null") => Ok(None),
            _ => self.object.string(name).map_err(invalid),
        }
    }

    /// An id that is kept or answered to: short, and without control characters, each of which would take six bytes in an answer.
    fn short(&self, name: &'static str, id: Cow<'a, str>) -> Result<Cow<'a, str>, Complaint<'a>> {
        if id.is_empty() || id.len() > self.id_bytes || id.chars().any(char::is_control) {
            let most = self.id_bytes;
            let words = format!("\"{name}\" must have from 1 to {most} bytes, and no control characters");
            return Err(invalid(Fault::of_field(name, words)));
        }
        Ok(id)
    }

    fn device(&self) -> Result<Option<Cow<'a, str>>, Complaint<'a>> {
        match self.text("deviceId")? {
            Some(device) => self.short("deviceId", device).map(Some),
            None => Ok(None),
        }
    }

    fn required_device(&self) -> Result<Cow<'a, str>, Complaint<'a>> {
        self.device()?.ok_or_else(|| missing("\"deviceId\" is missing: a string is expected"))
    }

    /// A number, digit for digit.
    fn timestamp(&self) -> Result<Option<&'a str>, Complaint<'a>> {
        if self.object.raw("timestamp") == Some("null") {
            return Ok(None);
        }
        let number = self.object.number("timestamp").map_err(invalid)?;
        if number.is_some_and(|number| number.len() > DEVICE_TIMESTAMP_BYTES_MAX) {
            let words =
                format!("\"timestamp\" must be a number of at most {DEVICE_TIMESTAMP_BYTES_MAX} digits");
            return Err(invalid(Fault::of_field("timestamp", words)));
        }
        Ok(number)
    }
}

/// Whether a version, a JSON text, is at least the first new one.
fn is_new(raw: &str) -> bool {
    let version = raw.trim_matches('"').trim().trim_start_matches(['v', 'V']);
    let mut parts = [0; 3];
    for (part, text) in parts.iter_mut().zip(version.split('.')) {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        // A number too large for this is a large number.
        *part = if digits == 0 { 0 } else { text[..digits].parse().unwrap_or(u64::MAX) };
        if digits < text.len() {
            break;
        }
    }
    parts >= NEW_FROM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for new in [
            r#""1.1.0""#,
            r#""1.1""#,
            "1.1",
            r#""v1.10.2""#,
            r#""2""#,
            "2",
            r#""1.2.0-beta""#,
            r#""99999999999999999999""#,
        ] {
            assert!(is_new(new), "{new}");
        }
        for old in
            [r#""1.0.9""#, r#""1""#, "1", r#""""#, "null", r#""new""#, "[2]", r#""1.x.5""#, r#""0.9-2.2""#]
        {
            assert!(!is_new(old), "{old}");
        }
    }

    #[test]
    fn null_is_what_a_client_does_not_have() {
        let config = DeviceSessionsConfig::new();
        let text = r#"{"type":"session_end","deviceId":"a","sessionId":null,"timestamp":null}"#;
        let end = Heard::End { device: "a".into(), session: None, timestamp: None };
        assert_eq!(read(&config, Message::Text(text)), Ok(end));
        let nobody = r#"{"type":"session_start","deviceId":null}"#;
        assert_eq!(read(&config, Message::Text(nobody)).unwrap_err().code, ErrorCode::MissingField);
    }
}
