//! Answers to requests, and the routes that give them.

use super::{
    callback::Context,
    config::{andon_config, change},
    fault::{Fault, bad, null},
    gate::{self, andon_gate},
    guard::enter,
    mount::{PageRule, page_rule},
    object::{Head, Object, give, look, take_back},
    options::{self, Options},
    request::andon_request,
    status::andon_status,
    types::{andon_bytes, andon_conn, andon_str, array},
};
use crate::{
    contracts::route::{Reply, RouteContext},
    host::options::RouteOptions,
    wire::{
        request::{Method, Request},
        response::{Pulled, Response},
    },
};
use core::ffi::c_void;
use std::sync::{Mutex, PoisonError};

/// An answer: made, filled, and given to the library, which takes it over. One that is not given is freed by `andon_response_free`. It belongs to one thread.
#[cfg_attr(feature = "ffi", repr(C))] // Not seen by cbindgen, for which it is opaque.
pub struct andon_response {
    head: Head,
    draft: Mutex<Draft>,
}

struct Draft {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

enum Body {
    None,
    Bytes(String, Vec<u8>),
    Stream(String, Stream),
}

// SAFETY: its layout is C's, and its head comes first.
unsafe impl Object for andon_response {
    const MARK: u32 = u32::from_be_bytes(*b"resp");
    const NAME: &'static str = "andon_response";
}

impl andon_response {
    /// The answer that was given, if there is one.
    ///
    /// # Safety
    ///
    /// As [`take_back`].
    pub(super) unsafe fn take(response: *mut andon_response) -> Result<Option<Response>, Fault> {
        // SAFETY: the caller's word.
        let Some(given) = (unsafe { take_back(response) })? else { return Ok(None) };
        let Draft { status, headers, body } =
            given.draft.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut made = match body {
            Body::None => Response::new(status),
            Body::Bytes(content_type, bytes) => Response::bytes(status, content_type, bytes),
            Body::Stream(content_type, stream) => {
                Response::stream(status, content_type, move |room: usize, out: &mut Vec<u8>| {
                    stream.pull(room, out)
                })
            }
        };
        for (name, value) in headers {
            made = made.with_header(name, value);
        }
        Ok(Some(made))
    }
}

/// What the source of a streamed answer says: one of `ANDON_PULLED_*`.
pub type andon_pulled = i32;
/// There may be more right away.
pub const ANDON_PULLED_MORE: andon_pulled = 1;
/// Nothing for now: asked again after `andon_server_resume`.
pub const ANDON_PULLED_WAIT: andon_pulled = 2;
/// That was all.
pub const ANDON_PULLED_END: andon_pulled = 3;
/// The source failed: the answer is cut short, so that the client can tell.
pub const ANDON_PULLED_ABORT: andon_pulled = 4;

/// Where a source puts what it has. It lives until the callback returns.
pub struct andon_buffer {
    bytes: Vec<u8>,
}

/// The source of a streamed answer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_stream {
    /// Set by `ANDON_STREAM_INIT`.
    pub struct_size: usize,
    /// For `pull` and `drop`.
    pub context: *mut c_void,
    /// Appends up to about `room` bytes, by `andon_buffer_append`, and gives one of `ANDON_PULLED_*`. On the server's thread; it must not wait.
    pub pull: Option<
        unsafe extern "C" fn(context: *mut c_void, room: usize, out: *mut andon_buffer) -> andon_pulled,
    >,
    /// Called when `context` is not used any more. May be NULL.
    pub drop: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

// SAFETY: the size first; null and no functions are zeros.
unsafe impl Options for andon_stream {
    const NAME: &'static str = "andon_stream";
}

struct Stream {
    context: Context,
    pull: unsafe extern "C" fn(*mut c_void, usize, *mut andon_buffer) -> andon_pulled,
}

impl Stream {
    fn pull(&self, room: usize, out: &mut Vec<u8>) -> Pulled {
        let mut buffer = andon_buffer { bytes: Vec::new() };
        // SAFETY: the host gave both for this.
        let pulled = unsafe { (self.pull)(self.context.get(), room, &raw mut buffer) };
        out.append(&mut buffer.bytes);
        match pulled {
            ANDON_PULLED_MORE => Pulled::More,
            ANDON_PULLED_WAIT => Pulled::Wait,
            ANDON_PULLED_END => Pulled::End,
            ANDON_PULLED_ABORT => Pulled::Abort,
            other => {
                ::log::error!(
                    "the source of an answer said {other}, which is none of ANDON_PULLED_*: the answer is cut short"
                );
                Pulled::Abort
            }
        }
    }
}

/// What a route is made of.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_route {
    /// Set by `ANDON_ROUTE_INIT`.
    pub struct_size: usize,
    /// For `handle` and `drop`.
    pub context: *mut c_void,
    /// Answers a request with its whole body: gives an answer, which is taken over, or NULL, and calls `andon_server_answer` for `conn` later, from any thread. On the server's thread; it must not wait.
    pub handle: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            conn: andon_conn,
            request: *const andon_request,
            body: andon_bytes,
        ) -> *mut andon_response,
    >,
    /// Called when `context` is not used any more. May be NULL.
    pub drop: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// Who may ask, copied. Default: everybody.
    pub gate: *const andon_gate,
    /// Lets in only who has one of these roles, `roles_count` of them; others get 403. Needs a gate. Default: no role is demanded.
    pub roles: *const andon_str,
    /// How many there are.
    pub roles_count: usize,
    /// As `andon_mount_options.same_origin`.
    pub same_origin: bool,
    /// As `andon_mount_options.any_origin`.
    pub any_origin: bool,
    /// The pattern of a mount, as it was mounted: asks of clients what that mount asks, instead of all the above. Default: none.
    pub of_mount: andon_str,
}

// SAFETY: the size first; null, false, numbers and no functions are zeros.
unsafe impl Options for andon_route {
    const NAME: &'static str = "andon_route";
}

/// Makes an answer without headers or body. The status is 200 to 599.
///
/// Threads: any. Blocking: never. Ownership: the caller's, until it is given or freed. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_response_new(status: u16, response: *mut *mut andon_response) -> andon_status {
    enter(|| {
        if !(200..600).contains(&status) {
            return Err(bad(format!("an answer cannot have the status {status}: give 200 to 599")));
        }
        let draft = Mutex::new(Draft { status, headers: Vec::new(), body: Body::None });
        // SAFETY: the caller's word, see docs/c-api.md.
        unsafe { give(|| Ok(andon_response { head: Head::of::<andon_response>(), draft }), response) }
    })
}

/// Adds a header. The server writes `Content-Length`, `Transfer-Encoding`, `Connection` and `Date` itself.
///
/// Threads: one. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_HEADER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_response_header(
    response: *mut andon_response,
    name: andon_str,
    value: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (response, name, value) =
            unsafe { (look(response)?, name.read("the name")?, value.read("the value")?) };
        // Tried by itself, so that an answer loses nothing to a header that cannot be.
        drop(Response::new(200).try_header(name.to_owned(), value.to_owned())?);
        lock(response).headers.push((name.to_owned(), value.to_owned()));
        Ok(())
    })
}

/// Sets the body, and the header `Content-Type`.
///
/// Threads: one. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_HEADER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_response_body(
    response: *mut andon_response,
    content_type: andon_str,
    body: andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (response, body) = unsafe { (look(response)?, body.read("the body")?) };
        // SAFETY: the caller's word.
        let content_type = unsafe { content_type_of(content_type) }?;
        lock(response).body = Body::Bytes(content_type, body.to_vec());
        Ok(())
    })
}

/// Sets a body that is made while it is sent, at the client's pace, and the header `Content-Type`.
///
/// Threads: one. Blocking: never. Ownership: copied; `context` is the library's until `drop`, if the call succeeds. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_HEADER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_response_stream(
    response: *mut andon_response,
    content_type: andon_str,
    stream: *const andon_stream,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (response, stream) = unsafe { (look(response)?, options::need(stream)?) };
        let pull = stream.pull.ok_or_else(|| null("andon_stream.pull"))?;
        // SAFETY: the caller's word.
        let content_type = unsafe { content_type_of(content_type) }?;
        let context = Context::new(stream.context, stream.drop);
        lock(response).body = Body::Stream(content_type, Stream { context, pull });
        Ok(())
    })
}

/// Frees an answer that was not given to the library. NULL is nothing to be freed.
///
/// Threads: one. Blocking: never. Real-time: no. Errors: none; see `andon_last_error` for a pointer that was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_response_free(response: *mut andon_response) {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { take_back(response) }.map(drop)
    });
}

/// Adds to what the source of a streamed answer has. Only from within `pull`.
///
/// Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_buffer_append(buffer: *mut andon_buffer, bytes: andon_bytes) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (buffer, bytes) = unsafe { (buffer.as_mut(), bytes.read("the bytes")?) };
        buffer.ok_or_else(|| null("the buffer"))?.bytes.extend_from_slice(bytes);
        Ok(())
    })
}

/// Serves requests of one method, such as "GET", to a path pattern, such as "/api/robots/{id}". HEAD is answered from GET, OPTIONS by itself.
///
/// Threads: any. Blocking: never. Ownership: copied; `context` is the library's until `drop`, if the call succeeds. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`; a pattern that cannot be, and a role without a gate, are told by the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_route(
    config: *mut andon_config,
    method: andon_str,
    pattern: andon_str,
    route: *const andon_route,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (name, pattern, route) =
            unsafe { (method.read("the method")?, pattern.read("the pattern")?, options::need(route)?) };
        let method = Method::parse(name)
            .ok_or_else(|| bad(format!("{name:?} is no method that a route can serve")))?;
        let handle = route.handle.ok_or_else(|| null("andon_route.handle"))?;
        let made = || {
            let context = Context::new(route.context, route.drop);
            move |at: &RouteContext<'_>, request: &Request<'_>, body: &[u8]| -> Reply {
                let shown = andon_request::to_route(request, at);
                // SAFETY: the host gave both for this; what is shown lives until it returns.
                let given =
                    unsafe { handle(context.get(), at.conn.into(), &raw const shown, andon_bytes::of(body)) };
                // SAFETY: what it gives is an answer or null.
                match unsafe { andon_response::take(given) } {
                    Ok(Some(response)) => response.into(),
                    Ok(None) => Reply::Later,
                    Err(_) => {
                        ::log::error!("a route gave something that is no andon_response: 500");
                        Response::new(500).into()
                    }
                }
            }
        };
        // SAFETY: the caller's word.
        let door = unsafe { route_options(&Asking::of(&route)) }?;
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.route_with(method, pattern, door, made())) }
    })
}

/// Who may ask, as C says it.
pub(super) struct Asking {
    pub(super) gate: *const andon_gate,
    pub(super) roles: *const andon_str,
    pub(super) roles_count: usize,
    pub(super) same_origin: bool,
    pub(super) any_origin: bool,
    pub(super) of_mount: andon_str,
}

impl Asking {
    fn of(route: &andon_route) -> Self {
        let &andon_route { gate, roles, roles_count, same_origin, any_origin, of_mount, .. } = route;
        Self { gate, roles, roles_count, same_origin, any_origin, of_mount }
    }
}

/// Who may ask.
///
/// # Safety
///
/// What it points to can be read.
pub(super) unsafe fn route_options(given: &Asking) -> Result<RouteOptions, Fault> {
    let mut made = RouteOptions::new();
    // SAFETY: the caller's word.
    let mount = unsafe { given.of_mount.read("of_mount") }?;
    if !mount.is_empty() {
        made = made.of_mount(mount);
    }
    // SAFETY: the caller's word.
    if let Some(gate) = unsafe { gate::copy(given.gate) }? {
        made = made.gate(gate);
    }
    // SAFETY: the caller's word.
    for role in unsafe { array(given.roles, given.roles_count, "roles") }? {
        // SAFETY: the caller's word.
        made = made.role(unsafe { role.read("the role") }?);
    }
    Ok(match page_rule(given.same_origin, given.any_origin)? {
        Some(PageRule::SameOrigin) => made.same_origin(),
        Some(PageRule::AnyOrigin) => made.any_origin(),
        None => made,
    })
}

/// # Safety
///
/// The text can be read.
unsafe fn content_type_of(given: andon_str) -> Result<String, Fault> {
    // SAFETY: the caller's word.
    let content_type = unsafe { given.read("the content type") }?;
    drop(Response::new(200).try_header("Content-Type", content_type.to_owned())?);
    Ok(content_type.to_owned())
}

fn lock(response: &andon_response) -> std::sync::MutexGuard<'_, Draft> {
    response.draft.lock().unwrap_or_else(PoisonError::into_inner)
}
