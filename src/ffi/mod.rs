//! Floor 7: the C interface: each call a thin translation to the host's API, which no panic leaves. All raw pointers live here.
//!
//! `docs/c-api.md` is what holds for all of it; a file here is one C object, and the comments of what is `pub` go into `include/andon.h`, so they speak of C.
#![allow(unsafe_code, reason = "C speaks in raw pointers")]
#![allow(non_camel_case_types, reason = "the names are those of C")]
#![allow(unreachable_pub, reason = "public is what goes into the header")]
#![allow(missing_debug_implementations, reason = "C prints nothing by itself")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the comments are the header's; docs/c-api.md says what pointers must be"
)]

#[cfg(feature = "contracts")]
#[cfg_attr(not(feature = "board"), allow(dead_code, reason = "the header is the same in every build"))]
mod board;
mod callback;
mod config;
mod contract;
mod device_event;
#[cfg(feature = "contracts")]
mod devices;
mod effects;
mod encoding;
mod error;
mod event;
mod events;
mod fault;
mod fork;
mod gate;
mod guard;
#[cfg(feature = "contracts")]
mod guided;
mod guided_event;
#[cfg(feature = "contracts")]
mod guided_list;
#[cfg(feature = "contracts")]
mod hub;
mod identities;
mod inbox;
#[cfg_attr(not(feature = "jwt"), allow(dead_code, reason = "the header is the same in every build"))]
mod jwt;
mod layout;
mod logging;
#[cfg(feature = "contracts")]
mod monitor;
mod mount;
mod object;
mod options;
mod recording;
mod request;
mod response;
mod server;
mod sink;
mod status;
#[cfg_attr(
    not(any(feature = "sqlite", feature = "sqlite-system")),
    allow(dead_code, reason = "the header is the same in every build")
)]
mod store;
mod tag;
mod tags;
mod telling;
mod topic;
mod types;
mod version;
mod waiting;
