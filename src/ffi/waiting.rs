//! Those who wait for a word of the host: handshakes, requests, streams.

use super::{
    fault::null,
    guard::enter,
    identities::{andon_identity, identity_of},
    object::look,
    response::andon_response,
    server::andon_server,
    status::andon_status,
    types::{andon_conn, andon_str},
};
use crate::{engine::command::Decision, hub::identity::Identity};

/// Lets in a client that waits for the host, told of by `ANDON_EVENT_ASKED`, as someone known by `subject`, or anonymously if that is empty. `name` is for people and may be empty. One that comes too late misses,
/// and is counted.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `FULL`, `STOPPED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_let_in(
    server: *const andon_server,
    conn: andon_conn,
    subject: andon_str,
    name: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (server, subject, name) =
            unsafe { (look(server)?, subject.read("the subject")?, name.read("the name")?) };
        let mut who = if subject.is_empty() { Identity::ANONYMOUS } else { Identity::new(subject) };
        if !name.is_empty() && !subject.is_empty() {
            who = who.with_name(name);
        }
        Ok(server.handle.decide(conn.into(), Decision::Allow(who))?)
    })
}

/// The same as somebody with roles, claims or an expiry.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_server_let_in`; `BAD_STRUCT_SIZE`, `BAD_ARGUMENT` without a subject.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_let_in_as(
    server: *const andon_server,
    conn: andon_conn,
    identity: *const andon_identity,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (server, who) = unsafe { (look(server)?, identity_of(identity)?) };
        Ok(server.handle.decide(conn.into(), Decision::Allow(who))?)
    })
}

/// Refuses a client that waits for the host, with an answer; 403 is the usual one.
///
/// Threads: any. Blocking: never. Ownership: the answer is taken over, whatever the outcome. Real-time: no. Errors: as `andon_server_let_in`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_refuse(
    server: *const andon_server,
    conn: andon_conn,
    response: *mut andon_response,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let response = unsafe { andon_response::take(response) }?.ok_or_else(|| null("the answer"))?;
        // SAFETY: the caller's word.
        let server = unsafe { look(server) }?;
        Ok(server.handle.decide(conn.into(), Decision::Refuse(response))?)
    })
}

/// Answers a request whose route gave no answer at once. One that comes too late misses, and is counted.
///
/// Threads: any. Blocking: never. Ownership: the answer is taken over, whatever the outcome. Real-time: no. Errors: as `andon_server_let_in`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_answer(
    server: *const andon_server,
    conn: andon_conn,
    response: *mut andon_response,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let response = unsafe { andon_response::take(response) }?.ok_or_else(|| null("the answer"))?;
        // SAFETY: the caller's word.
        let server = unsafe { look(server) }?;
        Ok(server.handle.answer(conn.into(), response)?)
    })
}

/// The source of a streamed answer has more: it is pulled again.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `FULL`, `STOPPED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_server_resume(server: *const andon_server, conn: andon_conn) -> andon_status {
    // SAFETY: the caller's word.
    enter(|| Ok(unsafe { look(server) }?.handle.resume(conn.into())?))
}
