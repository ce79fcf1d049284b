//! Keys for tokens that somebody else has signed.

use super::{
    gate::{andon_gate, new},
    guard::enter,
    options::{self, Options},
    status::andon_status,
    types::{andon_bytes, andon_str},
};

/// How a token is signed: one of `ANDON_JWT_*`.
pub type andon_jwt_algorithm = i32;
/// By a secret that is shared with who signs, of at least 32 bytes.
pub const ANDON_JWT_HS256: andon_jwt_algorithm = 1;
/// By an RSA key of 2,048 to 4,096 bits, whose public half is given as PEM or DER.
pub const ANDON_JWT_RS256: andon_jwt_algorithm = 2;
/// By a key on the curve P-256, whose public half is given as PEM or DER.
pub const ANDON_JWT_ES256: andon_jwt_algorithm = 3;
/// By a key on the curve Ed25519, whose public half is given as PEM or DER.
pub const ANDON_JWT_EDDSA: andon_jwt_algorithm = 4;

/// A key, bound to the one algorithm that it verifies.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_jwt_key {
    /// One of `ANDON_JWT_*`.
    pub algorithm: andon_jwt_algorithm,
    /// The secret or the public key. Private keys are refused: they must not lie where they are not needed.
    pub key: andon_bytes,
    /// The `kid` by which tokens name it. Empty: none, and it is tried for all.
    pub id: andon_str,
}

/// Which tokens are taken, and what is read of them. Zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_jwt_options {
    /// Set by `ANDON_JWT_OPTIONS_INIT`.
    pub struct_size: usize,
    /// Keys, `keys_count` of them: 1 to 16.
    pub keys: *const andon_jwt_key,
    /// How many there are.
    pub keys_count: usize,
    /// Only what one of these has issued (`iss`), `issuers_count` of them. Default: whoever has signed with one of the keys.
    pub issuers: *const andon_str,
    /// How many there are.
    pub issuers_count: usize,
    /// Only what is for one of these (`aud`), `audiences_count` of them. Default: only what does not say for whom it is.
    pub audiences: *const andon_str,
    /// How many there are.
    pub audiences_count: usize,
    /// Claims that are passed on to contracts, `claims_count` of them. Default: none.
    pub claims: *const andon_str,
    /// How many there are.
    pub claims_count: usize,
    /// The claim that becomes the subject. Default "sub".
    pub subject_claim: andon_str,
    /// The claim that becomes the name. Default "name".
    pub name_claim: andon_str,
    /// The claim that becomes the roles. Default "roles".
    pub roles_claim: andon_str,
    /// How far the clocks may be apart. Default 10,000; 1 is next to nothing.
    pub leeway_ms: u32,
    /// Takes tokens without an `exp` as well.
    pub without_expiry: bool,
}

// SAFETY: the size first; null, empty texts, numbers and false are zeros.
unsafe impl Options for andon_jwt_options {
    const NAME: &'static str = "andon_jwt_options";
}

/// Makes a gate that knows clients by tokens (JWT, RFC 7519) that were signed with one of these keys. It looks nowhere yet, as one of `andon_gate_new_identities`. The identity ends with its token.
///
/// Threads: any. Blocking: never. Ownership: all is copied; the gate is the caller's, until `andon_gate_free`. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `BAD_CREDENTIAL` for a key that is none, or no key at all; `NOT_SUPPORTED` in a build without tokens. No message shows a key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_gate_new_jwt(
    options: *const andon_jwt_options,
    gate: *mut *mut andon_gate,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let given = unsafe { options::need(options) }?;
        // SAFETY: the caller's word.
        unsafe { new(|| made::gate(&given), gate) }
    })
}

#[cfg(feature = "jwt")]
mod made {
    use super::*;
    use crate::{
        contracts::gates::jwt::{JwtGate, key::JwtKey},
        ffi::{
            fault::{Fault, bad},
            gate::AnyGate,
            types::array,
        },
    };
    use std::time::Duration;

    /// # Safety
    ///
    /// What the options point to can be read.
    pub(super) unsafe fn gate(given: &andon_jwt_options) -> Result<AnyGate, Fault> {
        let mut keys = Vec::new();
        // SAFETY: the caller's word.
        for key in unsafe { array(given.keys, given.keys_count, "keys") }? {
            // SAFETY: the caller's word.
            let (bytes, id) = unsafe { (key.key.read("the key")?, key.id.read("the key's id")?) };
            let made = match key.algorithm {
                ANDON_JWT_HS256 => JwtKey::hs256(bytes),
                ANDON_JWT_RS256 => JwtKey::rs256(bytes),
                ANDON_JWT_ES256 => JwtKey::es256(bytes),
                ANDON_JWT_EDDSA => JwtKey::eddsa(bytes),
                other => return Err(bad(format!("{other} is no algorithm: give one of ANDON_JWT_*"))),
            }?;
            keys.push(if id.is_empty() { made } else { made.with_id(id) });
        }
        let mut gate = JwtGate::new(keys)?;
        // SAFETY: the caller's word.
        for issuer in unsafe { array(given.issuers, given.issuers_count, "issuers") }? {
            // SAFETY: the caller's word.
            gate = gate.issuer(unsafe { issuer.read("the issuer") }?);
        }
        // SAFETY: the caller's word.
        for audience in unsafe { array(given.audiences, given.audiences_count, "audiences") }? {
            // SAFETY: the caller's word.
            gate = gate.audience(unsafe { audience.read("the audience") }?);
        }
        // SAFETY: the caller's word.
        for claim in unsafe { array(given.claims, given.claims_count, "claims") }? {
            // SAFETY: the caller's word.
            gate = gate.claim(unsafe { claim.read("the claim") }?);
        }
        // SAFETY: the caller's word.
        let (subject, name, roles) = unsafe {
            let read = |claim: andon_str, what| claim.read(what);
            (
                read(given.subject_claim, "subject_claim")?,
                read(given.name_claim, "name_claim")?,
                read(given.roles_claim, "roles_claim")?,
            )
        };
        if !subject.is_empty() {
            gate = gate.subject_claim(subject);
        }
        if !name.is_empty() {
            gate = gate.name_claim(name);
        }
        if !roles.is_empty() {
            gate = gate.roles_claim(roles);
        }
        if given.leeway_ms != 0 {
            gate = gate.leeway(Duration::from_millis(given.leeway_ms.into()));
        }
        if given.without_expiry {
            gate = gate.without_expiry();
        }
        Ok(AnyGate::Jwt(gate))
    }
}

#[cfg(not(feature = "jwt"))]
mod made {
    use super::andon_jwt_options;
    use crate::ffi::{fault::Fault, gate::AnyGate, status::ANDON_STATUS_NOT_SUPPORTED};

    /// # Safety
    ///
    /// Nothing is read.
    pub(super) unsafe fn gate(_: &andon_jwt_options) -> Result<AnyGate, Fault> {
        let why = "this build knows no tokens: build the library with its feature jwt";
        Err(Fault::new(ANDON_STATUS_NOT_SUPPORTED, why))
    }
}

#[cfg(all(test, not(feature = "jwt")))]
mod tests {
    use super::*;
    use crate::ffi::status::ANDON_STATUS_NOT_SUPPORTED;

    #[test]
    fn a_build_without_tokens_says_so() {
        let mut gate = std::ptr::null_mut();
        // SAFETY: all zeros are a value.
        let mut none: andon_jwt_options = unsafe { std::mem::zeroed() };
        none.struct_size = size_of::<andon_jwt_options>();
        // SAFETY: both live here.
        assert_eq!(unsafe { andon_gate_new_jwt(&raw const none, &raw mut gate) }, ANDON_STATUS_NOT_SUPPORTED);
        assert!(gate.is_null());
    }
}
