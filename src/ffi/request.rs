//! A request, as callbacks and events show it.

use super::{
    fault::{Fault, bad, not_found, null},
    guard::{enter, enter_for},
    object::put,
    status::andon_status,
    types::{Texts, andon_bytes, andon_message_kind, andon_str, andon_topic, kind_of},
};
use crate::{
    contracts::route::RouteContext,
    ground::{frame::Payload, id::TopicId},
    hub::identity::Identity,
    wire::{owned::OwnedRequest, request::Request},
};
use std::{cell::RefCell, ptr::NonNull};

/// One request: of a plain HTTP client, or of a WebSocket's opening. It lives until the callback returns, or the event is released that shows it; so do the texts that it gives. It belongs to one thread.
pub struct andon_request {
    request: OwnedRequest,
    identity: Identity,
    subprotocol: Option<String>,
    /// What was given to C.
    texts: RefCell<Texts>,
    /// What surrounds it, for a route; it lives as long as the callback runs, and so does this.
    route: Option<NonNull<RouteContext<'static>>>,
    /// What was given to C of topics.
    newest: RefCell<Vec<(TopicId, Vec<Payload>)>>,
}

/// A request of somebody who is not known.
pub(super) fn told(request: OwnedRequest) -> andon_request {
    andon_request {
        request,
        identity: Identity::ANONYMOUS,
        subprotocol: None,
        texts: RefCell::default(),
        route: None,
        newest: RefCell::default(),
    }
}

impl andon_request {
    pub(super) fn of(request: &Request<'_>, identity: &Identity, subprotocol: Option<&str>) -> Self {
        Self { identity: identity.clone(), subprotocol: subprotocol.map(Into::into), ..told(request.into()) }
    }

    /// A request to a route. It must be gone when `context` is.
    pub(super) fn to_route(request: &Request<'_>, context: &RouteContext<'_>) -> Self {
        let route = Some(NonNull::from(context).cast());
        Self { route, ..Self::of(request, context.identity, None) }
    }

    fn route(&self) -> Result<&RouteContext<'_>, Fault> {
        let route = self.route.ok_or_else(|| bad("only a request to a route knows of topics"))?;
        // SAFETY: it was made of a reference that outlives this request, as whoever made it knows.
        Ok(unsafe { route.as_ref() })
    }

    fn lend(&self, text: &str) -> andon_str {
        self.texts.borrow_mut().lend(text)
    }
}

/// # Safety
///
/// Null, or a request that a callback or an event gave and that lives.
unsafe fn see<'a>(request: *const andon_request) -> Result<&'a andon_request, Fault> {
    // SAFETY: the caller's word.
    unsafe { request.as_ref() }.ok_or_else(|| null("the request"))
}

/// The method, such as "GET"; empty for NULL.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: an empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_method(request: *const andon_request) -> andon_str {
    // SAFETY: the caller's word, see docs/c-api.md.
    enter_for(andon_str::EMPTY, || unsafe { see(request) }.map(|r| r.lend(r.request.method.as_str())))
}

/// The path as sent, without the query.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: an empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_path(request: *const andon_request) -> andon_str {
    // SAFETY: the caller's word.
    enter_for(andon_str::EMPTY, || unsafe { see(request) }.map(|r| r.lend(&r.request.path)))
}

/// The client's address and port.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: an empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_peer(request: *const andon_request) -> andon_str {
    // SAFETY: the caller's word.
    enter_for(andon_str::EMPTY, || unsafe { see(request) }.map(|r| r.lend(&r.request.peer.to_string())))
}

/// Who asks: the subject of its identity; empty when anonymous.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: an empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_subject(request: *const andon_request) -> andon_str {
    enter_for(andon_str::EMPTY, || {
        // SAFETY: the caller's word.
        unsafe { see(request) }.map(|r| r.lend(r.identity.subject().unwrap_or_default()))
    })
}

/// The name of who asks, for people; empty when anonymous.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: an empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_name(request: *const andon_request) -> andon_str {
    enter_for(andon_str::EMPTY, || {
        // SAFETY: the caller's word.
        unsafe { see(request) }.map(|r| r.lend(r.identity.name().unwrap_or_default()))
    })
}

/// Whether who asks has this role. No: also for NULL, and for a text that is none.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_has_role(request: *const andon_request, role: andon_str) -> bool {
    // SAFETY: the caller's word.
    enter_for(false, || unsafe { Ok(see(request)?.identity.has_role(role.read("the role")?)) })
}

/// A claim of who asks, by name.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_claim(
    request: *const andon_request,
    name: andon_str,
    value: *mut andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (request, name) = unsafe { (see(request)?, name.read("the name")?) };
        let found = request.identity.claim(name);
        let found = found.ok_or_else(|| not_found(format!("who asks has no claim {name:?}")))?;
        // SAFETY: the caller's word.
        unsafe { put(value, "value", request.lend(found)) }
    })
}

/// The subprotocol that was agreed on; empty when none was.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: an empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_subprotocol(request: *const andon_request) -> andon_str {
    enter_for(andon_str::EMPTY, || {
        // SAFETY: the caller's word.
        unsafe { see(request) }.map(|r| r.lend(r.subprotocol.as_deref().unwrap_or_default()))
    })
}

/// What a parameter of the pattern matched, decoded: "code" of "/ws/sessions/{code}".
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_param(
    request: *const andon_request,
    name: andon_str,
    value: *mut andon_str,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { find(request, name, value, "parameter", |r, name| r.param(name).map(Into::into)) }
}

/// The first value of a key of the query, decoded.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_query(
    request: *const andon_request,
    name: andon_str,
    value: *mut andon_str,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { find(request, name, value, "query key", |r, name| r.query(name).map(Into::into)) }
}

/// The first value of a header, whatever the case of its name.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_header(
    request: *const andon_request,
    name: andon_str,
    value: *mut andon_str,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { find(request, name, value, "header", |r, name| r.header(name).map(Into::into)) }
}

/// The cookie of exactly this name.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_cookie(
    request: *const andon_request,
    name: andon_str,
    value: *mut andon_str,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { find(request, name, value, "cookie", |r, name| r.cookie(name).map(Into::into)) }
}

/// How many connections are subscribed to a topic; 0 when it is no more. Only within a route's `handle`.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_subscribers(
    request: *const andon_request,
    topic: andon_topic,
    count: *mut usize,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let request = unsafe { see(request) }?;
        // SAFETY: the caller's word.
        unsafe { put(count, "count", request.route()?.subscribers(topic.into())) }
    })
}

/// One of the messages that a newcomer to a topic gets, by its place from 0: its last message, or the latest of every key. Behind the last one `NOT_FOUND`, and when the topic is no more, or only its contract can say. Only within a route's `handle`; what it gives lives until that returns.
///
/// Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_ARGUMENT`, `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_request_newest(
    request: *const andon_request,
    topic: andon_topic,
    index: usize,
    kind: *mut andon_message_kind,
    data: *mut andon_bytes,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let request = unsafe { see(request) }?;
        let (context, topic) = (request.route()?, TopicId::from(topic));
        let mut asked = request.newest.borrow_mut();
        let at = match asked.iter().position(|(id, _)| *id == topic) {
            Some(at) => at,
            None => {
                asked.push((topic, context.newest(topic).unwrap_or_default()));
                asked.len() - 1
            }
        };
        let message = asked[at].1.get(index);
        let message =
            message.ok_or_else(|| not_found(format!("a newcomer gets no message {index}")))?.as_message();
        // SAFETY: the caller's word. What is lent lies in a box of its own, which stays where it is until the request is gone.
        unsafe {
            put(kind, "kind", kind_of(message))?;
            put(data, "data", andon_bytes::of(message.as_bytes()))
        }
    })
}

/// # Safety
///
/// As [`see`]; the name can be read, and the value null or written.
unsafe fn find(
    request: *const andon_request,
    name: andon_str,
    value: *mut andon_str,
    what: &str,
    look: impl FnOnce(&Request<'_>, &str) -> Option<String>,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (request, name) = unsafe { (see(request)?, name.read("the name")?) };
        let found = request.request.with(|r| look(r, name));
        let found = found.ok_or_else(|| not_found(format!("the request has no {what} {name:?}")))?;
        // SAFETY: the caller's word.
        unsafe { put(value, "value", request.lend(&found)) }
    })
}
