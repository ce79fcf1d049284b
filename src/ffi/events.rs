//! Events, read by whichever thread of the host's.

use super::{
    event::{ANDON_EVENT_NONE, andon_event},
    fault::{Fault, null},
    guard::enter,
    object::{look, put},
    server::andon_server,
    status::{ANDON_STATUS_BAD_STRUCT_SIZE, ANDON_STATUS_ENDED, ANDON_STATUS_NO_EVENT, andon_status},
    telling::Owner,
    types::ANDON_FOREVER,
};
use crate::host::event::{Events, NoEventYet};
use core::{mem, ptr};
use std::time::Duration;

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
        let (kind, data) = owner.tell(taken);
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
