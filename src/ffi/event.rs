//! What the host is told, event by event.

use super::{
    device_event::{andon_event_registered, andon_event_sample, andon_event_session},
    fault::{Fault, bad},
    guided_event::{
        andon_event_controlled, andon_event_help, andon_event_joined, andon_event_left, andon_event_progress,
        andon_event_step_completed,
    },
    request::andon_request,
    types::{andon_bytes, andon_conn, andon_equipment, andon_message_kind, andon_mount, andon_str},
};
use crate::{
    contracts::effects::EventClass,
    engine::event::{EventMask, RefusalCause},
    ground::close::CloseCause,
};
use core::ffi::c_void;

/// For `andon_config_events`: `ANDON_EVENT_OPENED` and `ANDON_EVENT_CLOSED`.
pub const ANDON_EVENTS_CONNECTIONS: u32 = 1;
/// For `andon_config_events`: `ANDON_EVENT_ASKED`.
pub const ANDON_EVENTS_ASKS: u32 = 2;
/// For `andon_config_events`: what contracts tell.
pub const ANDON_EVENTS_CONTRACTS: u32 = 4;
/// For `andon_config_events`: `ANDON_EVENT_MOUNT_RETIRED` and `ANDON_EVENT_STORE`.
pub const ANDON_EVENTS_HEALTH: u32 = 8;
/// For `andon_config_events`: `ANDON_EVENT_REFUSED`.
pub const ANDON_EVENTS_REFUSALS: u32 = 16;
/// For `andon_config_events`: all of them.
pub const ANDON_EVENTS_ALL: u32 = 31;

const _: () = assert!(
    ANDON_EVENTS_CONNECTIONS == EventMask::CONNECTIONS.bits()
        && ANDON_EVENTS_ASKS == EventMask::ASKS.bits()
        && ANDON_EVENTS_CONTRACTS == EventMask::CONTRACTS.bits()
        && ANDON_EVENTS_HEALTH == EventMask::HEALTH.bits()
        && ANDON_EVENTS_REFUSALS == EventMask::REFUSALS.bits()
        && ANDON_EVENTS_ALL == EventMask::ALL.bits()
);

/// What an event is about, and which member of its union is filled: one of `ANDON_EVENT_*`. Later versions may have more: pass over what you do not know.
pub type andon_event_kind = i32;
/// No event: what was released or not yet filled.
pub const ANDON_EVENT_NONE: andon_event_kind = 0;
/// A WebSocket was opened: `opened`.
pub const ANDON_EVENT_OPENED: andon_event_kind = 1;
/// A WebSocket is over: `closed`.
pub const ANDON_EVENT_CLOSED: andon_event_kind = 2;
/// A client waits for the host: `asked`. Answer by `andon_server_let_in` or `andon_server_refuse`.
pub const ANDON_EVENT_ASKED: andon_event_kind = 3;
/// A contract of the host's own said something: `contract`.
pub const ANDON_EVENT_CONTRACT: andon_event_kind = 4;
/// A topic of a hub should be published as it is now: `refresh`.
pub const ANDON_EVENT_HUB_REFRESH: andon_event_kind = 5;
/// Equipment went stale, or is written again: `staleness`.
pub const ANDON_EVENT_STALENESS: andon_event_kind = 6;
/// A contract failed too often, and its mount answers 404 from now on: `retired`.
pub const ANDON_EVENT_MOUNT_RETIRED: andon_event_kind = 7;
/// The store went down, or answers again: `store`.
pub const ANDON_EVENT_STORE: andon_event_kind = 8;
/// A connection or request was refused: `refused`.
pub const ANDON_EVENT_REFUSED: andon_event_kind = 9;
/// Something that the C interface has no words for; of this version, nothing.
#[allow(dead_code, reason = "its number keeps its place")]
pub const ANDON_EVENT_OTHER: andon_event_kind = 10;
/// A device has said who it is: `registered`.
pub const ANDON_EVENT_DEVICE_REGISTERED: andon_event_kind = 11;
/// A device's session has begun: `session`.
pub const ANDON_EVENT_SESSION_CREATED: andon_event_kind = 12;
/// A sample of a device has arrived: `sample`.
pub const ANDON_EVENT_SAMPLE: andon_event_kind = 13;
/// A device's session has ended: `session`. Samples that were on their way may still come, and what it recorded may not be committed yet.
pub const ANDON_EVENT_SESSION_ENDED: andon_event_kind = 14;
/// Somebody has come to a guided session, by a first connection: `joined`.
pub const ANDON_EVENT_GUIDED_JOINED: andon_event_kind = 15;
/// Somebody is gone from a guided session, with the last connection: `left`.
pub const ANDON_EVENT_GUIDED_LEFT: andon_event_kind = 16;
/// A participant has completed a step: `step_completed`.
pub const ANDON_EVENT_GUIDED_STEP_COMPLETED: andon_event_kind = 17;
/// A participant has told of progress in the words of older clients: `progress`.
pub const ANDON_EVENT_GUIDED_PROGRESS: andon_event_kind = 18;
/// A participant asks for help: `help`.
pub const ANDON_EVENT_GUIDED_HELP_REQUESTED: andon_event_kind = 19;
/// An instructor, or the host, has controlled a guided session: `controlled`.
pub const ANDON_EVENT_GUIDED_CONTROLLED: andon_event_kind = 20;

/// Who or what ended a connection: one of `ANDON_CLOSED_*`.
pub type andon_close_cause = i32;
/// The client's close frame.
pub const ANDON_CLOSED_PEER: andon_close_cause = 1;
/// The connection broke without one.
pub const ANDON_CLOSED_LOST: andon_close_cause = 2;
/// The client broke the protocol or a size limit.
pub const ANDON_CLOSED_FAULT: andon_close_cause = 3;
/// The contract.
pub const ANDON_CLOSED_CONTRACT: andon_close_cause = 4;
/// The host.
pub const ANDON_CLOSED_HOST: andon_close_cause = 5;
/// The host revoked the identity.
pub const ANDON_CLOSED_REVOKED: andon_close_cause = 6;
/// The identity expired.
pub const ANDON_CLOSED_EXPIRED: andon_close_cause = 7;
/// The server stops.
pub const ANDON_CLOSED_SHUTDOWN: andon_close_cause = 8;
/// No answer to a ping or to a close frame.
pub const ANDON_CLOSED_TIMEOUT: andon_close_cause = 9;
/// The client reads too slowly.
pub const ANDON_CLOSED_TOO_SLOW: andon_close_cause = 10;
/// A memory budget was spent, and this connection held the most of it.
pub const ANDON_CLOSED_OVERLOAD: andon_close_cause = 11;
/// The contract failed.
pub const ANDON_CLOSED_PANIC: andon_close_cause = 12;

/// Why a connection or request was refused: one of `ANDON_REFUSED_*`.
pub type andon_refusal_cause = i32;
/// As many connections as there may be.
pub const ANDON_REFUSED_CONNECTIONS: andon_refusal_cause = 1;
/// As many from this address as there may be.
pub const ANDON_REFUSED_ADDRESS: andon_refusal_cause = 2;
/// As many as the mount takes.
pub const ANDON_REFUSED_MOUNT: andon_refusal_cause = 3;
/// As many undecided handshakes as there may be.
pub const ANDON_REFUSED_PARKED: andon_refusal_cause = 4;
/// The host that it asked for is none of the server's.
pub const ANDON_REFUSED_HOST: andon_refusal_cause = 5;
/// The page that it is may not come in.
pub const ANDON_REFUSED_ORIGIN: andon_refusal_cause = 6;
/// A gate or the host said no.
pub const ANDON_REFUSED_GATE: andon_refusal_cause = 7;
/// The contract said no.
pub const ANDON_REFUSED_CONTRACT: andon_refusal_cause = 8;
/// The server stops.
pub const ANDON_REFUSED_STOPPING: andon_refusal_cause = 9;

/// What becomes of a contract's event while the host does not keep up: one of `ANDON_CLASS_*`.
pub type andon_event_class = i32;
/// Never lost: the connections that cause such events are not read meanwhile.
pub const ANDON_CLASS_LOSSLESS: andon_event_class = 1;
/// A newer one of the same key replaces it.
pub const ANDON_CLASS_STATE: andon_event_class = 2;
/// Dropped, and counted.
pub const ANDON_CLASS_NOTICE: andon_event_class = 3;

/// Of `ANDON_EVENT_OPENED`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_opened {
    /// The connection.
    pub conn: andon_conn,
    /// Where.
    pub mount: andon_mount,
    /// The client's address and port.
    pub peer: andon_str,
    /// The path as it was asked for, cut after 256 bytes.
    pub path: andon_str,
    /// Who it is; empty when anonymous.
    pub subject: andon_str,
    /// The name for people; empty when anonymous.
    pub name: andon_str,
    /// What was agreed on; empty when nothing was.
    pub subprotocol: andon_str,
}

/// Of `ANDON_EVENT_CLOSED`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_closed {
    /// The connection.
    pub conn: andon_conn,
    /// Where.
    pub mount: andon_mount,
    /// One of `ANDON_CLOSED_*`.
    pub cause: andon_close_cause,
    /// The close code; 1006 when no close frame passed.
    pub code: u16,
}

/// Of `ANDON_EVENT_ASKED`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_asked {
    /// The connection, for the answer.
    pub conn: andon_conn,
    /// The mount that it asks for; none: a route.
    pub mount: andon_mount,
    /// The request, for `andon_request_*`, until the event is released.
    pub request: *const andon_request,
}

/// Of `ANDON_EVENT_CONTRACT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_contract {
    /// Where.
    pub mount: andon_mount,
    /// One of `ANDON_CLASS_*`.
    pub event_class: andon_event_class,
    /// What a newer one replaces, of `ANDON_CLASS_STATE`.
    pub key: u64,
    /// Whether it is about a connection.
    pub has_conn: bool,
    /// That connection.
    pub conn: andon_conn,
    /// How `body` is to be read.
    pub body_kind: andon_message_kind,
    /// What the contract said.
    pub body: andon_bytes,
}

/// Of `ANDON_EVENT_HUB_REFRESH`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_refresh {
    /// Where.
    pub mount: andon_mount,
    /// The topic's name.
    pub topic: andon_str,
}

/// Of `ANDON_EVENT_STALENESS`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_staleness {
    /// Where.
    pub mount: andon_mount,
    /// Which.
    pub equipment: andon_equipment,
    /// Its code.
    pub code: andon_str,
    /// Whether it is stale now.
    pub stale: bool,
}

/// Of `ANDON_EVENT_MOUNT_RETIRED`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_retired {
    /// Where.
    pub mount: andon_mount,
}

/// Of `ANDON_EVENT_STORE`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_store {
    /// Whether it works.
    pub up: bool,
    /// What it said when it went down.
    pub why: andon_str,
}

/// Of `ANDON_EVENT_REFUSED`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event_refused {
    /// One of `ANDON_REFUSED_*`.
    pub cause: andon_refusal_cause,
    /// The mount that was asked for, if any.
    pub mount: andon_mount,
    /// The client's address and port.
    pub peer: andon_str,
}

/// What an event tells; its kind says which member.
#[repr(C)]
#[derive(Clone, Copy)]
pub union andon_event_data {
    /// Of `ANDON_EVENT_OPENED`.
    pub opened: andon_event_opened,
    /// Of `ANDON_EVENT_CLOSED`.
    pub closed: andon_event_closed,
    /// Of `ANDON_EVENT_ASKED`.
    pub asked: andon_event_asked,
    /// Of `ANDON_EVENT_CONTRACT`.
    pub contract: andon_event_contract,
    /// Of `ANDON_EVENT_HUB_REFRESH`.
    pub refresh: andon_event_refresh,
    /// Of `ANDON_EVENT_STALENESS`.
    pub staleness: andon_event_staleness,
    /// Of `ANDON_EVENT_MOUNT_RETIRED`.
    pub retired: andon_event_retired,
    /// Of `ANDON_EVENT_STORE`.
    pub store: andon_event_store,
    /// Of `ANDON_EVENT_REFUSED`.
    pub refused: andon_event_refused,
    /// Of `ANDON_EVENT_DEVICE_REGISTERED`.
    pub registered: andon_event_registered,
    /// Of `ANDON_EVENT_SESSION_CREATED` and `ANDON_EVENT_SESSION_ENDED`.
    pub session: andon_event_session,
    /// Of `ANDON_EVENT_SAMPLE`.
    pub sample: andon_event_sample,
    /// Of `ANDON_EVENT_GUIDED_JOINED`.
    pub joined: andon_event_joined,
    /// Of `ANDON_EVENT_GUIDED_LEFT`.
    pub left: andon_event_left,
    /// Of `ANDON_EVENT_GUIDED_STEP_COMPLETED`.
    pub step_completed: andon_event_step_completed,
    /// Of `ANDON_EVENT_GUIDED_PROGRESS`.
    pub progress: andon_event_progress,
    /// Of `ANDON_EVENT_GUIDED_HELP_REQUESTED`.
    pub help: andon_event_help,
    /// Of `ANDON_EVENT_GUIDED_CONTROLLED`.
    pub controlled: andon_event_controlled,
    /// Room for what later kinds carry.
    pub reserved: [u64; 32],
}

/// One event: made by `ANDON_EVENT_INIT`, filled by `andon_server_next_event`, ended by `andon_event_release`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_event {
    /// Set by `ANDON_EVENT_INIT`.
    pub struct_size: usize,
    /// The library's own: what holds the texts.
    pub owner: *mut c_void,
    /// What it is about.
    pub kind: andon_event_kind,
    /// What it tells.
    pub data: andon_event_data,
}

pub(super) fn close_cause(cause: CloseCause) -> andon_close_cause {
    match cause {
        CloseCause::Peer => ANDON_CLOSED_PEER,
        CloseCause::Lost => ANDON_CLOSED_LOST,
        CloseCause::Fault => ANDON_CLOSED_FAULT,
        CloseCause::Contract => ANDON_CLOSED_CONTRACT,
        CloseCause::Host => ANDON_CLOSED_HOST,
        CloseCause::Revoked => ANDON_CLOSED_REVOKED,
        CloseCause::Expired => ANDON_CLOSED_EXPIRED,
        CloseCause::Shutdown => ANDON_CLOSED_SHUTDOWN,
        CloseCause::Timeout => ANDON_CLOSED_TIMEOUT,
        CloseCause::TooSlow => ANDON_CLOSED_TOO_SLOW,
        CloseCause::Overload => ANDON_CLOSED_OVERLOAD,
        CloseCause::ContractPanic => ANDON_CLOSED_PANIC,
    }
}

pub(super) fn refusal_cause(cause: RefusalCause) -> andon_refusal_cause {
    match cause {
        RefusalCause::Connections => ANDON_REFUSED_CONNECTIONS,
        RefusalCause::Address => ANDON_REFUSED_ADDRESS,
        RefusalCause::Mount => ANDON_REFUSED_MOUNT,
        RefusalCause::Parked => ANDON_REFUSED_PARKED,
        RefusalCause::Host => ANDON_REFUSED_HOST,
        RefusalCause::Origin => ANDON_REFUSED_ORIGIN,
        RefusalCause::Gate => ANDON_REFUSED_GATE,
        RefusalCause::Contract => ANDON_REFUSED_CONTRACT,
        RefusalCause::Stopping => ANDON_REFUSED_STOPPING,
    }
}

pub(super) fn class_of(class: EventClass) -> andon_event_class {
    match class {
        EventClass::Lossless => ANDON_CLASS_LOSSLESS,
        EventClass::State => ANDON_CLASS_STATE,
        EventClass::Notice => ANDON_CLASS_NOTICE,
    }
}

pub(super) fn class(given: andon_event_class) -> Result<EventClass, Fault> {
    match given {
        ANDON_CLASS_LOSSLESS => Ok(EventClass::Lossless),
        ANDON_CLASS_STATE => Ok(EventClass::State),
        ANDON_CLASS_NOTICE => Ok(EventClass::Notice),
        _ => Err(bad(format!("{given} is no class of events: give one of ANDON_CLASS_*"))),
    }
}

// What programs were compiled with has room for every kind.
const _: () = assert!(size_of::<andon_event_data>() == 256);
