//! `andon` is a WebSocket server that a machine controller can carry: one thread of its own, no async runtime, bounded memory, and a host
//! program that is never disturbed.
//!
//! # Where to begin
//!
//! [`Server::builder`] leads to a [`Server`]; a [`Contract`] is what speaks with the clients of one path, in [`Effects`]; a [`Handle`] is how the host speaks
//! to both from any thread; [`Topic`]s are what is published to many. [`Event`]s, if asked for by an [`EventMask`], tell the host what happened. [`Route`]s serve plain
//! HTTP on the same port, [`Gate`]s decide who comes in, a [`Store`] keeps what contracts record, and [`Recordings`] read it back. [`Tags`] is how control threads write what their equipment does, without ever
//! being held up.
//!
//! The example at [`Contract`] is complete.
//!
//! # What is built in
//!
//! Four contracts (feature `contracts`): `EquipmentMonitor` shows what [`Tags`] hold, `Builder::topic_hub` publishes topics, one to each client, `Builder::device_sessions` has devices collect data in
//! sessions, and `Builder::guided_sessions` leads people through steps. One store, `SqliteStore` (features `sqlite`, `sqlite-system`). Gates: [`IdentityTable`], [`AskHost`], `JwtGate` (feature `jwt`),
//! and chains of them. For C programs there is `include/andon.h` (feature `ffi`).
//!
//! # Threads
//!
//! Contracts, gates, routes and body streams run on the loop's one thread: they must not wait, and need no locks among themselves. A store runs
//! on a thread of its own. Everything else may be called from any thread. Tag writes take no lock; what a [`Handle`] does waits for nobody. What may wait says so:
//! [`Builder::start`] for the system, [`Server::stop`] and the waiting ways to read [`Events`], pages of [`Recordings`] for a disk, lists of sessions for the loop;
//! declarations and look-ups by code in [`Tags`], and changes of an [`IdentityTable`], for a lock that only their like hold, and never for long.
//!
//! # Limits
//!
//! Every queue has a bound in [`Limits`], a policy there, and a counter in [`Stats`]. [`Config::memory_ceiling`] tells before the start what
//! all of it can take at most.
#![deny(missing_docs, missing_debug_implementations, unsafe_op_in_unsafe_fn)]
#![deny(clippy::print_stdout, clippy::print_stderr)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod contracts;
mod engine;
#[cfg(feature = "ffi")]
mod ffi;
mod ground;
mod host;
mod hub;
mod runtime;
#[cfg(test)]
mod sim;
mod wire;

#[cfg(feature = "contracts")]
pub use contracts::device_sessions::{
    command::SessionInfo,
    config::{DeviceSessionsConfig, OnActive, RegisterSession},
};
#[cfg(feature = "contracts")]
pub use contracts::equipment_monitor::EquipmentMonitor;
#[cfg(feature = "jwt")]
pub use contracts::gates::jwt::{
    JwtGate,
    key::{JwtKey, JwtKeyError},
};
#[cfg(feature = "contracts")]
pub use contracts::guided_sessions::{
    config::{GuidedSession, GuidedSessionsConfig},
    info::GuidedInfo,
    orders::GuidedError,
    texts::GuidedTexts,
};
#[cfg(feature = "contracts")]
pub use contracts::topic_hub::{
    config::{HubRefuse, HubResend, TopicClass, TopicHubConfig},
    publications::HubError,
};
pub use contracts::{
    admission::Admission,
    contract::{Contract, ContractFactory, Hello, Setup, SnapshotMessages},
    effects::{Count, Effect, Effects, EventClass},
    gate::{Gate, Verdict},
    gates::{
        ask::AskHost,
        chain::{Optional, Or},
        table::{IdentityError, IdentityTable},
    },
    route::{Reply, Route, RouteContext},
    store::{
        Store, StoreError,
        device::{DeviceRecord, DeviceSample, SessionRow, SessionStatus},
        guided::{
            GuidedRecord, GuidedRole, GuidedSessionRow, GuidedStatus, ParticipantRow, ParticipantStatus,
            SavedGuidedSession, StepAction, StepControl, Subtask,
        },
        memory::MemoryStore,
        reader::{Page, Position, Query, StoreReader},
        record::{Record, RecordBody},
        session_filter::{SessionFilter, SessionPosition},
    },
    told::{EventBody, HubEvent, MonitorEvent, device::DeviceEvent, guided::GuidedEvent},
};
pub use engine::{
    command::Decision,
    event::{Client, Event, EventMask, RefusalCause},
    transport::Transport,
};
pub use ground::{
    close::{CloseCause, CloseCode, Closed},
    counters::Stats,
    error::{ConfigError, HeaderError, SendError, StartError},
    frame::{Message, Payload},
    id::{ConnId, EquipmentId, MountId, RecordTicket, TopicId},
    limits::Limits,
    time::{Now, Tick, Wall},
};
#[cfg(feature = "board")]
pub use host::board::config::BoardConfig;
#[cfg(feature = "contracts")]
pub use host::device::{AskError, DeviceSessions};
pub use host::{
    builder::Builder,
    config::Config,
    event::{Events, NoEventYet},
    export::{ExportCause, ExportError, ExportFormat},
    handle::Handle,
    options::{MountOptions, RouteOptions},
    recordings::{ReadError, Recorded, Recordings},
    server::{Server, Stopped},
};
#[cfg(feature = "contracts")]
pub use host::{guided::GuidedSessions, hub::TopicHub};
pub use hub::{
    identity::Identity,
    tags::{
        builder::TagsBuilder,
        counts::TagCounts,
        equipment::{Equipment, EquipmentStatus, Stale},
        error::{TagDeclareError, TagWriteError},
        handle::{Tag, TagId, TagType, TagWrite},
        scan::{Staleness, TagLook, TagScan},
        value::{TagKind, TagValue},
        view::EquipmentView,
        writer::Tags,
    },
    topic::{Lag, Placing, SnapshotSource, Topic},
};
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub use runtime::sqlite::{
    SqliteStore,
    error::{StoreOpenCause, StoreOpenError},
    settings::{Durability, SqliteStoreBuilder},
};
pub use runtime::thread::SchedulingPolicy;
#[cfg(feature = "contracts")]
pub use wire::json::check::JsonFault;
pub use wire::{
    owned::OwnedRequest,
    request::{Method, Request},
    response::{BodyStream, Pulled, Response},
};

/// The bodies of the fuzz targets in `fuzz/`, which are compiled only for a fuzzer.
#[cfg(fuzzing)]
pub mod fuzz {
    /// Frames: whatever the bytes and their cuts, they give what a plain tungstenite gives for them.
    pub fn walker(data: &[u8]) {
        crate::wire::walker::fuzz_walker(data);
    }

    /// Request heads, targets and bodies: whatever the bytes, an answer that is known.
    pub fn head(data: &[u8]) {
        crate::wire::hostile::fuzz_head(data);
    }

    /// JSON: whatever the text, it is judged, compacted and read as a slow parser does.
    #[cfg(feature = "contracts")]
    pub fn json(data: &[u8]) {
        crate::wire::json::fuzz_json(data);
    }
}

/// The README's code is compiled as a test.
#[cfg(all(doctest, feature = "contracts", feature = "jwt", feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;
