//! `andon`: an embeddable WebSocket server for machines.
#![deny(missing_docs, missing_debug_implementations, unsafe_op_in_unsafe_fn)]
#![deny(clippy::print_stdout, clippy::print_stderr)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]
#![allow(dead_code)]

mod contracts;
mod engine;
mod ground;
mod host;
mod hub;
mod runtime;
mod wire;

pub use contracts::{
    contract::{Contract, ContractFactory, Hello, Setup, SnapshotMessages},
    effects::{Effect, Effects, EventClass},
    gate::{Gate, Verdict},
    route::{Reply, Route, RouteContext},
    store::{MemoryStore, Record, Store, StoreError},
};
pub use engine::{
    command::Decision,
    event::{AskedRequest, Event, EventMask, RefusalCause},
    transport::Transport,
};
pub use ground::{
    close::{CloseCause, CloseCode, Closed},
    counters::Stats,
    error::{ConfigError, SendError, StartError},
    frame::{Message, Payload},
    id::{ConnId, MountId, RecordTicket, TopicId},
    limits::Limits,
    time::{Now, Tick, Wall},
};
pub use host::{
    builder::{Builder, MountOptions},
    config::Config,
    event::{Events, NoEventYet},
    handle::Handle,
    server::{Server, Stopped},
};
pub use hub::{
    identity::Identity,
    topic::{Lag, SnapshotSource, Topic},
};
pub use runtime::thread::SchedulingPolicy;
pub use wire::{
    request::{Method, Request},
    response::{BodyStream, Pulled, Response},
};
