//! What the host is told, event by event.

use super::{
    fault::{Fault, bad, null},
    guard::enter,
    object::{look, put},
    request::{andon_request, told},
    server::andon_server,
    status::{ANDON_STATUS_BAD_STRUCT_SIZE, ANDON_STATUS_ENDED, ANDON_STATUS_NO_EVENT, andon_status},
    types::{
        ANDON_FOREVER, Texts, andon_bytes, andon_conn, andon_equipment, andon_message_kind, andon_mount,
        andon_str, kind_of,
    },
};
use crate::{
    contracts::{
        effects::EventClass,
        told::{EventBody, HubEvent, MonitorEvent},
    },
    engine::event::{Event, EventMask, RefusalCause},
    ground::close::CloseCause,
    host::event::{Events, NoEventYet},
};
use core::{ffi::c_void, mem, mem::MaybeUninit, ptr};
use std::time::Duration;

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
/// Something that this version of the C interface has no words for.
pub const ANDON_EVENT_OTHER: andon_event_kind = 10;

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

/// What an event points to.
#[derive(Default)]
struct Owner {
    texts: Texts,
    request: Option<Box<andon_request>>,
}

/// The next event, waiting up to `timeout_ms` for it: 0 never waits, `ANDON_FOREVER` has no limit. Each event goes to one of the threads that read. Release it by `andon_event_release`.
///
/// Threads: any. Blocking: up to the timeout. Ownership: what the event points to is the event's. Real-time: no: it may wake the loop, or spin for a moment.
/// Errors: `NO_EVENT` and `ENDED`, which are outcomes; `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `EVENTS_OFF`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_next_event(
    server: *const andon_server,
    timeout_ms: u32,
    event: *mut andon_event,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let events = unsafe { look(server) }?.inbox.events()?;
        if event.is_null() {
            return Err(null("the event"));
        }
        // SAFETY: it begins with its size, which its initialiser has set.
        let given = unsafe { (&raw const (*event).struct_size).read() };
        if given < size_of::<andon_event>() {
            let known = size_of::<andon_event>();
            let why =
                format!("andon_event.struct_size is {given}, and {known} here: begin with ANDON_EVENT_INIT");
            return Err(Fault::new(ANDON_STATUS_BAD_STRUCT_SIZE, why));
        }
        let taken = match timeout_ms {
            0 => events.try_recv(),
            ANDON_FOREVER => events.recv().ok_or(NoEventYet::Ended),
            _ => events.recv_timeout(Duration::from_millis(timeout_ms.into())),
        };
        let taken = taken.map_err(|none| {
            Fault::plain(match none {
                NoEventYet::Empty => ANDON_STATUS_NO_EVENT,
                NoEventYet::Ended => ANDON_STATUS_ENDED,
            })
        })?;
        let mut owner = Box::<Owner>::default();
        let (kind, data) = told_to_c(taken, &mut owner);
        let owner = Box::into_raw(owner).cast();
        // SAFETY: not null, and as large as this library knows it.
        unsafe { event.write(andon_event { struct_size: given, owner, kind, data }) };
        Ok(())
    })
}

/// Releases what an event owns, and makes it one of kind `ANDON_EVENT_NONE`, to be filled again. NULL, or an event that holds nothing, is nothing to be released.
///
/// Threads: any; one at a time for one event. Blocking: never. Real-time: no. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_event_release(event: *mut andon_event) {
    enter(|| {
        if event.is_null() {
            return Ok(());
        }
        // SAFETY: the caller's word that it is an event that was initialised.
        let event = unsafe { &mut *event };
        event.kind = ANDON_EVENT_NONE;
        let owner = mem::replace(&mut event.owner, ptr::null_mut());
        if !owner.is_null() {
            // SAFETY: `andon_server_next_event` made it of a box, and it is forgotten above.
            drop(unsafe { Box::from_raw(owner.cast::<Owner>()) });
        }
        Ok(())
    });
}

/// A descriptor that is readable while events wait, and when the server has ended: for the host's own `poll`, `select` or `epoll`, and nothing else. A call of `andon_server_next_event` that finds none
/// clears it. Not on Windows.
///
/// Threads: any. Blocking: never. Ownership: the server's, which closes it when it is freed. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `EVENTS_OFF`, `SYSTEM`, `NOT_SUPPORTED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_event_fd(
    server: *const andon_server,
    descriptor: *mut i32,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let events = unsafe { look(server) }?.inbox.events()?;
        let found = descriptor_of(events)?;
        // SAFETY: the caller's word.
        unsafe { put(descriptor, "descriptor", found) }
    })
}

#[cfg(unix)]
fn descriptor_of(events: &Events) -> Result<i32, Fault> {
    use super::status::ANDON_STATUS_SYSTEM;
    use std::os::fd::AsRawFd;
    match events.descriptor() {
        Ok(descriptor) => Ok(descriptor.as_raw_fd()),
        Err(error) => {
            Err(Fault::new(ANDON_STATUS_SYSTEM, format!("cannot make a descriptor for events ({error})")))
        }
    }
}

#[cfg(not(unix))]
fn descriptor_of(_: &Events) -> Result<i32, Fault> {
    use super::status::ANDON_STATUS_NOT_SUPPORTED;
    let why = "there are no such descriptors on this system: call andon_server_next_event with a timeout on a thread";
    Err(Fault::new(ANDON_STATUS_NOT_SUPPORTED, why))
}

/// A union whose bytes are all set, so that C may copy it.
fn filled(fill: impl FnOnce(&mut andon_event_data)) -> andon_event_data {
    // SAFETY: all zeros are a value of each member: numbers, false, null pointers.
    let mut data = unsafe { MaybeUninit::<andon_event_data>::zeroed().assume_init() };
    fill(&mut data);
    data
}

fn told_to_c(event: Event, owner: &mut Owner) -> (andon_event_kind, andon_event_data) {
    let texts = &mut owner.texts;
    match event {
        Event::Opened { conn, mount, client } => {
            let opened = andon_event_opened {
                conn: conn.into(),
                mount: mount.into(),
                peer: texts.lend(&client.peer.to_string()),
                path: texts.lend(&client.path),
                subject: texts.lend(client.identity.subject().unwrap_or_default()),
                name: texts.lend(client.identity.name().unwrap_or_default()),
                subprotocol: texts.lend(client.subprotocol.as_deref().unwrap_or_default()),
            };
            (ANDON_EVENT_OPENED, filled(|data| data.opened = opened))
        }
        Event::Closed { conn, mount, how } => {
            let closed = andon_event_closed {
                conn: conn.into(),
                mount: mount.into(),
                cause: close_cause(how.cause),
                code: how.code.get(),
            };
            (ANDON_EVENT_CLOSED, filled(|data| data.closed = closed))
        }
        Event::Asked { conn, mount, request } => {
            let request = &**owner.request.insert(Box::new(told(*request)));
            let asked = andon_event_asked { conn: conn.into(), mount: mount.into(), request };
            (ANDON_EVENT_ASKED, filled(|data| data.asked = asked))
        }
        Event::Contract { mount, class, key, about, body } => match body {
            EventBody::Custom(body) => {
                let contract = andon_event_contract {
                    mount: mount.into(),
                    event_class: class_of(class),
                    key,
                    has_conn: about.is_some(),
                    conn: about.map_or(andon_conn { slot: 0, generation: 0 }, andon_conn::from),
                    body_kind: kind_of(body.as_message()),
                    body: texts.lend_payload(&body),
                };
                (ANDON_EVENT_CONTRACT, filled(|data| data.contract = contract))
            }
            EventBody::Hub(HubEvent::Refresh { topic }) => {
                let refresh = andon_event_refresh { mount: mount.into(), topic: texts.lend(&topic) };
                (ANDON_EVENT_HUB_REFRESH, filled(|data| data.refresh = refresh))
            }
            EventBody::Monitor(MonitorEvent::Staleness { equipment, code, stale }) => {
                let staleness = andon_event_staleness {
                    mount: mount.into(),
                    equipment: equipment.into(),
                    code: texts.lend(&code),
                    stale,
                };
                (ANDON_EVENT_STALENESS, filled(|data| data.staleness = staleness))
            }
            EventBody::Device(_) | EventBody::Guided(_) => (ANDON_EVENT_OTHER, filled(|_| ())),
        },
        Event::MountRetired { mount } => {
            let retired = andon_event_retired { mount: mount.into() };
            (ANDON_EVENT_MOUNT_RETIRED, filled(|data| data.retired = retired))
        }
        Event::Store { up, why } => {
            let store = andon_event_store { up, why: texts.lend(&why) };
            (ANDON_EVENT_STORE, filled(|data| data.store = store))
        }
        Event::Refused { cause, mount, peer } => {
            let refused = andon_event_refused {
                cause: refusal_cause(cause),
                mount: mount.into(),
                peer: texts.lend(&peer.to_string()),
            };
            (ANDON_EVENT_REFUSED, filled(|data| data.refused = refused))
        }
    }
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

fn refusal_cause(cause: RefusalCause) -> andon_refusal_cause {
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

fn class_of(class: EventClass) -> andon_event_class {
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
