//! Floor 1: bytes to requests and messages, and back. No sockets, no state of the server.
#![deny(unsafe_code)]

pub(crate) mod access;
pub(crate) mod answer;
pub(crate) mod body;
#[cfg(feature = "board")]
pub(crate) mod coding;
pub(crate) mod control;
pub(crate) mod cors;
pub(crate) mod head;
pub(crate) mod headers;
pub(crate) mod json;
pub(crate) mod mask;
pub(crate) mod owned;
pub(crate) mod pattern;
pub(crate) mod protocol;
pub(crate) mod request;
pub(crate) mod response;
#[cfg(feature = "board")]
pub(crate) mod tag;
pub(crate) mod target;
pub(crate) mod upgrade;
pub(crate) mod walker;

#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
