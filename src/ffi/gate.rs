//! Gates: how clients are known at a mount or a route.

use super::{
    fault::{Fault, bad, null},
    guard::{Outcome, enter},
    identities::andon_identities,
    object::{Head, Object, give, look, take_back},
    status::andon_status,
    types::andon_str,
};
#[cfg(feature = "jwt")]
use crate::contracts::gates::jwt::JwtGate;
use crate::{
    contracts::{
        gate::{Gate, Verdict},
        gates::{
            ask::AskHost,
            chain::{Optional, Or},
            table::IdentityTable,
        },
    },
    ground::{limits::GATE_CHAIN_MAX, time::Now},
    wire::{request::Request, response::Response},
};
use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A gate: made of a table of identities, of keys for tokens, or of the host's own word; told where to look; perhaps chained with others; and given to mounts and routes by their options, which
/// copy it, so that it may be freed or changed right after.
#[cfg_attr(feature = "ffi", repr(C))] // Not seen by cbindgen, for which it is opaque.
pub struct andon_gate {
    head: Head,
    /// Locked for the moment of one call.
    kind: Mutex<AnyGate>,
}

// SAFETY: its layout is C's, and its head comes first.
unsafe impl Object for andon_gate {
    const MARK: u32 = u32::from_be_bytes(*b"gate");
    const NAME: &'static str = "andon_gate";
}

/// Whichever gate it is.
#[derive(Clone)]
pub(super) enum AnyGate {
    Table(IdentityTable),
    #[cfg(feature = "jwt")]
    Jwt(JwtGate),
    Ask,
    Or(Box<Or<AnyGate, AnyGate>>),
    Optional(Box<Optional<AnyGate>>),
}

impl AnyGate {
    /// What it does, by the gate that it is.
    fn with<R>(&mut self, with: impl FnOnce(&mut dyn Gate) -> R) -> R {
        match self {
            Self::Table(gate) => with(gate),
            #[cfg(feature = "jwt")]
            Self::Jwt(gate) => with(gate),
            Self::Ask => with(&mut AskHost),
            Self::Or(gate) => with(&mut **gate),
            Self::Optional(gate) => with(&mut **gate),
        }
    }

    fn as_gate(&self) -> &dyn Gate {
        match self {
            Self::Table(gate) => gate,
            #[cfg(feature = "jwt")]
            Self::Jwt(gate) => gate,
            Self::Ask => &AskHost,
            Self::Or(gate) => &**gate,
            Self::Optional(gate) => &**gate,
        }
    }

    /// How many it is made of.
    fn count(&self) -> usize {
        match self {
            Self::Or(both) => both.first.count() + both.next.count(),
            Self::Optional(gate) => 1 + gate.gate.count(),
            _ => 1,
        }
    }
}

impl Gate for AnyGate {
    fn identify(&mut self, now: Now, request: &Request<'_>) -> Verdict {
        self.with(|gate| gate.identify(now, request))
    }

    fn subprotocols(&self) -> Vec<String> {
        self.as_gate().subprotocols()
    }

    fn same_origin(&self) -> bool {
        self.as_gate().same_origin()
    }
}

/// A place where a gate looks, or its words to who shows nothing good there.
enum Carrier<'a> {
    Cookie(&'a str),
    Bearer,
    Query(&'a str),
    Subprotocol,
    Challenge(&'a str),
}

/// The same for each gate that can be told where to look.
macro_rules! carry {
    ($gate:ident, $carrier:ident) => {
        match $carrier {
            Carrier::Cookie("") => $gate.cookies(),
            Carrier::Cookie(name) => $gate.cookie(name),
            Carrier::Bearer => $gate.bearer(),
            Carrier::Query(name) => $gate.query(name),
            Carrier::Subprotocol => $gate.subprotocol(),
            Carrier::Challenge(words) => $gate.challenge(words),
        }
    };
}

/// Makes a gate that knows clients by the secrets of a table. It looks nowhere yet: see `andon_gate_cookie`, `andon_gate_bearer`, `andon_gate_query`, `andon_gate_subprotocol`.
///
/// Threads: any. Blocking: never. Ownership: the caller's, until `andon_gate_free`; the table's secrets are shared. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_gate_new_identities(
    identities: *const andon_identities,
    gate: *mut *mut andon_gate,
) -> andon_status {
    // SAFETY: the caller's word, see docs/c-api.md.
    enter(|| unsafe { new(|| Ok(AnyGate::Table(look(identities)?.table.clone())), gate) })
}

/// Makes a gate that asks the host about everybody: an event of `ANDON_EVENT_ASKED` tells of each, which `andon_server_let_in`, `andon_server_let_in_as` or `andon_server_refuse` answers. Needs `ANDON_EVENTS_ASKS`. As the
/// next of a chain it asks about those whom the gates before it do not know.
///
/// Threads: any. Blocking: never. Ownership: the caller's, until `andon_gate_free`. Real-time: no. Errors: `NULL_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_gate_new_asking(gate: *mut *mut andon_gate) -> andon_status {
    // SAFETY: the caller's word.
    enter(|| unsafe { new(|| Ok(AnyGate::Ask), gate) })
}

/// Frees a gate. Mounts and routes that were given it have their own. NULL is nothing to be freed.
///
/// Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see `andon_last_error` for a pointer that was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_gate_free(gate: *mut andon_gate) {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { take_back(gate) }.map(drop)
    });
}

/// Also looks for the cookie of exactly this name; an empty one stands for "sessionid". What is guarded is then by default for pages of the same host only, unless its options say `any_origin`. A gate looks at its places in the order in which they were
/// named, and the first that shows somebody counts.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_ARGUMENT` for a gate that asks or is a chain already: name the places of its parts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_gate_cookie(gate: *mut andon_gate, name: andon_str) -> andon_status {
    // SAFETY: the caller's word.
    enter(|| unsafe { place(gate, Carrier::Cookie(name.read("the cookie's name")?)) })
}

/// Also looks at `Authorization: Bearer`. Browsers cannot send it with a WebSocket.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: as `andon_gate_cookie`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_gate_bearer(gate: *mut andon_gate) -> andon_status {
    // SAFETY: the caller's word.
    enter(|| unsafe { place(gate, Carrier::Bearer) })
}

/// Also looks at a key of the query, as in "/ws?token=...", percent-decoded. Servers in front write URLs to their logs, so this is for tokens that are soon worth nothing.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_gate_cookie`; `BAD_ARGUMENT` also for an empty name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_gate_query(gate: *mut andon_gate, name: andon_str) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let name = unsafe { name.read("the key's name") }?;
        if name.is_empty() {
            return Err(bad("the key's name is empty: name the key of the query that holds the token"));
        }
        // SAFETY: the caller's word.
        unsafe { place(gate, Carrier::Query(name)) }
    })
}

/// Also looks behind the subprotocol "andon.bearer", as in `new WebSocket(url, ["andon.bearer", token])`: the one header that a browser's page can write.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: as `andon_gate_cookie`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_gate_subprotocol(gate: *mut andon_gate) -> andon_status {
    // SAFETY: the caller's word.
    enter(|| unsafe { place(gate, Carrier::Subprotocol) })
}

/// Refuses with 401 and this `WWW-Authenticate`, such as `Bearer realm="line 7"`. Default: 403.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_gate_cookie`; `BAD_HEADER` for what cannot be a header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_gate_challenge(gate: *mut andon_gate, challenge: andon_str) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let challenge = unsafe { challenge.read("the challenge") }?;
        drop(Response::new(401).try_header("WWW-Authenticate", challenge.to_owned())?);
        // SAFETY: the caller's word.
        unsafe { place(gate, Carrier::Challenge(challenge)) }
    })
}

/// Has a gate leave to `next` whom it does not know and who shows it nothing: it is a chain from then on. At most 16 gates make one.
///
/// Threads: any. Blocking: never. Ownership: `next` is copied, and stays the caller's. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_ARGUMENT` for too many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_gate_or(gate: *mut andon_gate, next: *const andon_gate) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word. Copied before the other is locked, since both may be one.
        let next = unsafe { copy(next) }?.ok_or_else(|| null("the next gate"))?;
        // SAFETY: the caller's word.
        let mut kind = unsafe { lock(gate) }?;
        see_room(kind.count() + next.count())?;
        let first = mem::replace(&mut *kind, AnyGate::Ask);
        *kind = AnyGate::Or(Box::new(first.or(next)));
        Ok(())
    })
}

/// Has a gate let in, as nobody in particular, who shows it nothing. Who shows something wrong is still refused.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_ARGUMENT` when it is made of 16 already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_gate_optional(gate: *mut andon_gate) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let mut kind = unsafe { lock(gate) }?;
        see_room(kind.count() + 1)?;
        let inner = mem::replace(&mut *kind, AnyGate::Ask);
        *kind = AnyGate::Optional(Box::new(inner.optional()));
        Ok(())
    })
}

/// Gives a gate to the host.
///
/// # Safety
///
/// As [`give`].
pub(super) unsafe fn new(
    make: impl FnOnce() -> Result<AnyGate, Fault>,
    gate: *mut *mut andon_gate,
) -> Outcome {
    // SAFETY: the caller's word.
    unsafe { give(|| Ok(andon_gate { kind: Mutex::new(make()?), head: Head::of::<andon_gate>() }), gate) }
}

/// The gate, for a mount or a route; `None` for NULL.
///
/// # Safety
///
/// As [`look`].
pub(super) unsafe fn copy(gate: *const andon_gate) -> Result<Option<AnyGate>, Fault> {
    if gate.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's word.
    unsafe { lock(gate) }.map(|kind| Some(kind.clone()))
}

/// # Safety
///
/// As [`look`].
unsafe fn lock<'a>(gate: *const andon_gate) -> Result<MutexGuard<'a, AnyGate>, Fault> {
    // SAFETY: the caller's word.
    Ok(unsafe { look(gate) }?.kind.lock().unwrap_or_else(PoisonError::into_inner))
}

/// # Safety
///
/// As [`look`].
unsafe fn place(gate: *mut andon_gate, carrier: Carrier<'_>) -> Outcome {
    // SAFETY: the caller's word.
    let mut kind = unsafe { lock(gate) }?;
    let told = match kind.clone() {
        AnyGate::Table(gate) => AnyGate::Table(carry!(gate, carrier)),
        #[cfg(feature = "jwt")]
        AnyGate::Jwt(gate) => AnyGate::Jwt(carry!(gate, carrier)),
        AnyGate::Ask => {
            return Err(bad("a gate that asks the host looks nowhere: it shows the whole request"));
        }
        AnyGate::Or(_) | AnyGate::Optional(_) => {
            return Err(bad(
                "the gate is a chain, whose parts look each in its own places: name them before andon_gate_or and andon_gate_optional",
            ));
        }
    };
    *kind = told;
    Ok(())
}

fn see_room(count: usize) -> Outcome {
    if count > GATE_CHAIN_MAX {
        return Err(bad(format!(
            "a chain is made of at most {GATE_CHAIN_MAX} gates, and this would be {count}"
        )));
    }
    Ok(())
}
