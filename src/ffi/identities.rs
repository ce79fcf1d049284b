//! Identities: who somebody is, and the table of the secrets that name them.

use super::{
    fault::{Fault, bad, not_found},
    guard::enter,
    object::{Head, Object, give, look, put, take_back},
    options::{self, Options},
    status::andon_status,
    types::{andon_str, array},
};
use crate::{contracts::gates::table::IdentityTable, ground::time::Wall, hub::identity::Identity};

/// A table of secrets that the host has given out (session cookies, tokens, keys of devices) and of whom each names. It is asked by the gates that are made of it, changes at any time, and may be freed before
/// the server: its gates go on with what it holds then.
#[cfg_attr(feature = "ffi", repr(C))] // Not seen by cbindgen, for which it is opaque.
pub struct andon_identities {
    head: Head,
    pub(super) table: IdentityTable,
}

// SAFETY: its layout is C's, and its head comes first.
unsafe impl Object for andon_identities {
    const MARK: u32 = u32::from_be_bytes(*b"iden");
    const NAME: &'static str = "andon_identities";
}

/// A fact about somebody, by name.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_claim {
    /// Its name.
    pub name: andon_str,
    /// What it says.
    pub value: andon_str,
}

/// Who somebody is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_identity {
    /// Set by `ANDON_IDENTITY_INIT`.
    pub struct_size: usize,
    /// What it is known by: a user's id, a device's. Needed.
    pub subject: andon_str,
    /// For people. Default: the subject.
    pub name: andon_str,
    /// What it may be, `roles_count` of them. Default: nothing.
    pub roles: *const andon_str,
    /// How many there are.
    pub roles_count: usize,
    /// Facts that contracts may want, `claims_count` of them. Default: none.
    pub claims: *const andon_claim,
    /// How many there are.
    pub claims_count: usize,
    /// When it ends, in milliseconds since 1970: its WebSockets are closed with 1008 then. Default 0: never.
    pub expires_at_ms: i64,
}

// SAFETY: the size first; null, empty texts and numbers are zeros.
unsafe impl Options for andon_identity {
    const NAME: &'static str = "andon_identity";
}

/// Makes an empty table. Where secrets are looked for is said of each gate that is made of it, by `andon_gate_new_identities`.
///
/// Threads: any. Blocking: never. Ownership: the caller's, until `andon_identities_free`. Real-time: no. Errors: `NULL_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_identities_new(identities: *mut *mut andon_identities) -> andon_status {
    enter(|| {
        let make =
            || Ok(andon_identities { head: Head::of::<andon_identities>(), table: IdentityTable::new() });
        // SAFETY: the caller's word, see docs/c-api.md.
        unsafe { give(make, identities) }
    })
}

/// Frees a table, or rather the host's end of it. NULL is nothing to be freed.
///
/// Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see `andon_last_error` for a pointer that was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_identities_free(identities: *mut andon_identities) {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { take_back(identities) }.map(drop)
    });
}

/// Has a secret of 1 to 4,096 bytes name somebody from now on, whomever it named before. Secrets should be random and long: 16 bytes of the system's randomness or more, written as text.
///
/// Threads: any, also while the server runs. Blocking: for others who change the table; the server never waits for it. Ownership: copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT` without a subject, `BAD_CREDENTIAL` for a secret that cannot be, `TABLE_FULL`. No message shows a secret.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_identities_insert(
    identities: *const andon_identities,
    secret: andon_str,
    identity: *const andon_identity,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (identities, secret) = unsafe { (look(identities)?, secret.read("the secret")?) };
        // SAFETY: the caller's word.
        let identity = unsafe { identity_of(identity) }?;
        identities.table.insert(secret, identity)?;
        Ok(())
    })
}

/// Takes a secret away: whoever shows it from now on is refused. Who is in stays in until `andon_server_revoke`, called behind this, so that nobody slips in between.
///
/// Threads: any, also while the server runs. Blocking: for others who change the table. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `NOT_FOUND` when it names nobody.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_identities_remove(
    identities: *const andon_identities,
    secret: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (identities, secret) = unsafe { (look(identities)?, secret.read("the secret")?) };
        let gone = identities.table.remove(secret);
        gone.map(drop).ok_or_else(|| not_found("the table has no such secret".into()))
    })
}

/// Takes every secret away that names this subject, and gives how many there were. `removed` may be NULL. It looks at the whole table.
///
/// Threads: any, also while the server runs. Blocking: for others who change the table. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_identities_remove_subject(
    identities: *const andon_identities,
    subject: andon_str,
    removed: *mut usize,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (identities, subject) = unsafe { (look(identities)?, subject.read("the subject")?) };
        let gone = identities.table.remove_subject(subject);
        if removed.is_null() {
            return Ok(());
        }
        // SAFETY: checked, and the caller's word.
        unsafe { put(removed, "removed", gone) }
    })
}

/// How many secrets the table has.
///
/// Threads: any. Blocking: for others who change the table. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_identities_count(
    identities: *const andon_identities,
    count: *mut usize,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let there = unsafe { look(identities) }?.table.len();
        // SAFETY: the caller's word.
        unsafe { put(count, "count", there) }
    })
}

/// Somebody, as a host describes them.
///
/// # Safety
///
/// As [`options::need`], and what it points to can be read.
pub(super) unsafe fn identity_of(given: *const andon_identity) -> Result<Identity, Fault> {
    // SAFETY: the caller's word.
    let given = unsafe { options::need(given) }?;
    // SAFETY: the caller's word.
    let (subject, name) = unsafe { (given.subject.read("the subject")?, given.name.read("the name")?) };
    if subject.is_empty() {
        return Err(bad("andon_identity.subject is empty: say by what somebody is known"));
    }
    let mut made = Identity::new(subject);
    if !name.is_empty() {
        made = made.with_name(name);
    }
    // SAFETY: the caller's word.
    for role in unsafe { array(given.roles, given.roles_count, "roles") }? {
        // SAFETY: the caller's word.
        made = made.with_role(unsafe { role.read("the role") }?);
    }
    // SAFETY: the caller's word.
    for claim in unsafe { array(given.claims, given.claims_count, "claims") }? {
        // SAFETY: the caller's word.
        made = unsafe {
            made.with_claim(claim.name.read("the claim's name")?, claim.value.read("the claim's value")?)
        };
    }
    if given.expires_at_ms != 0 {
        made = made.with_expiry(Wall::from_millis(given.expires_at_ms));
    }
    Ok(made)
}
