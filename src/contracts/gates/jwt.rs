//! The gate for tokens that somebody else has signed: JSON Web Tokens (RFC 7519).

mod claims;
pub(crate) mod key;

use super::carrier::{Carriers, Credential, carried};
use crate::{
    contracts::gate::{Gate, Verdict},
    ground::{
        limits::{JWT_KEYS_MAX, JWT_LEEWAY_DEFAULT},
        time::{Now, Wall},
    },
    hub::identity::Identity,
    wire::request::Request,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use claims::{Claims, Why};
use key::{JwtKey, JwtKeyError};
use std::{sync::Arc, time::Duration};

/// Knows clients by tokens (JWT, RFC 7519) that were signed with one of its keys, by HS256, RS256, ES256 or EdDSA.
///
/// A token must not have expired and must have come into force (`exp`, `nbf`), by the server's wall clock; it must be for this server if it
/// says for whom it is (`aud`), and from who is expected to issue it, if that was said. Its `sub` becomes the identity's subject, `name` the name, `roles` the roles.
/// The identity expires with the token: a connection is closed with 1008 then, and the client comes again with a newer one.
///
/// Where a token is looked for is chosen as for an [`IdentityTable`](crate::IdentityTable); chosen nowhere, nobody is known. Clones are cheap, and a clone is
/// what other mounts and routes are given.
///
/// Verifying takes the loop's time, for each handshake and request, and each key that is tried: 0.1 to 0.2 ms by RS256 and ES256 on a server's processor, 0.03 by EdDSA, next to nothing by
/// HS256. With several keys of one algorithm, give them ids.
///
/// ```
/// use andon::{JwtGate, JwtKey, MountOptions};
///
/// let key = JwtKey::hs256("a secret of tests, known to all who read this")?.with_id("2026");
/// let gate = JwtGate::new([key])?.issuer("school").audience("andon").bearer().subprotocol();
/// let options = MountOptions::new().gate(gate.clone()).role("INSTRUCTOR");
/// # Ok::<(), andon::JwtKeyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct JwtGate {
    keys: Arc<[JwtKey]>,
    rules: Arc<Rules>,
    carriers: Carriers,
}

#[derive(Debug, Clone)]
struct Rules {
    /// One of these, if there are any.
    issuers: Vec<String>,
    /// One of these, if the token or this list has any.
    audiences: Vec<String>,
    leeway_ms: i64,
    expiry_required: bool,
    subject_claim: String,
    name_claim: String,
    roles_claim: String,
    /// Those that are passed on.
    claims: Vec<String>,
}

/// Why a token does not let anybody in, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It is none, or none for this gate: another may know better.
    Foreign(Why),
    /// It is one for this gate, and not good.
    Bad(Why),
}

impl JwtGate {
    /// A gate that verifies with these keys, at least one and at most 16. It looks nowhere yet.
    pub fn new(keys: impl IntoIterator<Item = JwtKey>) -> Result<Self, JwtKeyError> {
        // One too many is enough to know.
        let keys: Arc<[JwtKey]> = keys.into_iter().take(JWT_KEYS_MAX + 1).collect();
        if keys.is_empty() || keys.len() > JWT_KEYS_MAX {
            return Err(JwtKeyError::Count);
        }
        let rules = Rules {
            issuers: Vec::new(),
            audiences: Vec::new(),
            leeway_ms: JWT_LEEWAY_DEFAULT.as_millis() as i64,
            expiry_required: true,
            subject_claim: "sub".into(),
            name_claim: "name".into(),
            roles_claim: "roles".into(),
            claims: Vec::new(),
        };
        Ok(Self { keys, rules: Arc::new(rules), carriers: Carriers::default() })
    }

    carried!();

    fn rule(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }

    /// Takes only tokens that this issuer (`iss`) has issued; may be called several times. Default: whoever has signed with one of the keys.
    #[must_use]
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        self.rule(|rules| rules.issuers.push(issuer.into()))
    }

    /// Takes only tokens that are for this audience (`aud`); may be called several times. Default: only tokens that do not say for whom they are, since one that
    /// is for somebody else must not be taken (RFC 7519, 4.1.3).
    #[must_use]
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.rule(|rules| rules.audiences.push(audience.into()))
    }

    /// How far the clock of who signs and the server's may be apart: a token is taken for so long before its `nbf` and after its `exp`. Default 10 s.
    #[must_use]
    pub fn leeway(self, leeway: Duration) -> Self {
        self.rule(|rules| rules.leeway_ms = i64::try_from(leeway.as_millis()).unwrap_or(i64::MAX))
    }

    /// Takes tokens without an `exp` as well: they are good until their key is not used any more.
    #[must_use]
    pub fn without_expiry(self) -> Self {
        self.rule(|rules| rules.expiry_required = false)
    }

    /// The claim that becomes the identity's subject, a string or a number; a token without it is refused. Default `sub`.
    #[must_use]
    pub fn subject_claim(self, name: impl Into<String>) -> Self {
        self.rule(|rules| rules.subject_claim = name.into())
    }

    /// The claim that becomes the identity's name, if it is there. Default `name`.
    #[must_use]
    pub fn name_claim(self, name: impl Into<String>) -> Self {
        self.rule(|rules| rules.name_claim = name.into())
    }

    /// The claim that becomes the identity's roles, if it is there: a string for one of them, or an array of strings. Default `roles`.
    #[must_use]
    pub fn roles_claim(self, name: impl Into<String>) -> Self {
        self.rule(|rules| rules.roles_claim = name.into())
    }

    /// Passes this claim on to [`Identity::claim`], if it is there: a string, or a number in the digits it came in. May be called several times.
    #[must_use]
    pub fn claim(self, name: impl Into<String>) -> Self {
        self.rule(|rules| rules.claims.push(name.into()))
    }

    /// Whom a token names.
    fn judge(&self, now: Wall, token: &str) -> Result<Identity, Fault> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Fault::Foreign("it is no token"))?;
        let (header, payload) = signed.split_once('.').ok_or(Fault::Foreign("it is no token"))?;
        let decode =
            |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::Foreign("it is not in base64"));
        let (header, signature) = (decode(header)?, decode(signature)?);
        let header = Claims::read(&header).ok_or(Fault::Foreign("its header is no JSON object"))?;
        let algorithm = header.string("alg").map_err(Fault::Foreign)?;
        let algorithm = algorithm.ok_or(Fault::Foreign("it names no algorithm"))?;
        let id = header.string("kid").map_err(Fault::Foreign)?;
        // Whoever does not know what a token calls critical must not take it (RFC 7515, 4.1.11), and nothing of it is known here.
        if header.has("crit") {
            return Err(Fault::Foreign("it demands an extension"));
        }
        let mut meant = self.keys.iter().filter(|key| key.is_meant(&algorithm, id.as_deref())).peekable();
        if meant.peek().is_none() {
            return Err(Fault::Foreign("no key has its algorithm and its id"));
        }
        if !meant.any(|key| key.verifies(signed, &signature)) {
            return Err(Fault::Foreign("no key that has its algorithm and its id has signed it"));
        }
        let payload = decode(payload)?;
        let claims = Claims::read(&payload).ok_or(Fault::Bad("its payload is no JSON object"))?;
        self.rules.judge(now, &claims)
    }
}

impl Rules {
    /// Whom the claims of a token name that was signed with one of the keys.
    fn judge(&self, now: Wall, claims: &Claims<'_>) -> Result<Identity, Fault> {
        let issuer = claims.string("iss").map_err(Fault::Bad)?;
        if !self.issuers.is_empty() && !issuer.is_some_and(|issuer| self.issuers.contains(&issuer)) {
            return Err(Fault::Foreign("it has another issuer"));
        }
        let audiences = claims.texts("aud").map_err(Fault::Bad)?;
        let is_for_us = match audiences {
            Some(audiences) => audiences.iter().any(|audience| self.audiences.contains(audience)),
            None => self.audiences.is_empty(),
        };
        if !is_for_us {
            return Err(Fault::Foreign("it is for another audience"));
        }
        let expires = claims.moment("exp").map_err(Fault::Bad)?;
        let expires = expires.map(|at| Wall::from_millis(at.saturating_add(self.leeway_ms)));
        if expires.is_none() && self.expiry_required {
            return Err(Fault::Bad("it has no exp"));
        }
        if expires.is_some_and(|at| at <= now) {
            return Err(Fault::Bad("it has expired"));
        }
        let begins = claims.moment("nbf").map_err(Fault::Bad)?;
        if begins.is_some_and(|at| at.saturating_sub(self.leeway_ms) > now.as_millis()) {
            return Err(Fault::Bad("it is not in force yet"));
        }
        let subject = claims.text(&self.subject_claim).map_err(Fault::Bad)?;
        let subject =
            subject.filter(|subject| !subject.is_empty()).ok_or(Fault::Bad("it names no subject"))?;
        let mut identity = Identity::new(subject);
        if let Some(at) = expires {
            identity = identity.with_expiry(at);
        }
        if let Some(name) = claims.text(&self.name_claim).map_err(Fault::Bad)? {
            identity = identity.with_name(name);
        }
        for role in claims.texts(&self.roles_claim).map_err(Fault::Bad)?.unwrap_or_default() {
            identity = identity.with_role(role);
        }
        for name in &self.claims {
            if let Some(value) = claims.text(name).map_err(Fault::Bad)? {
                identity = identity.with_claim(name, value);
            }
        }
        Ok(identity)
    }
}

impl Gate for JwtGate {
    fn identify(&mut self, now: Now, request: &Request<'_>) -> Verdict {
        self.carriers.verdict(request, |token| match self.judge(now.wall, token) {
            Ok(identity) => Credential::Of(identity),
            Err(Fault::Bad(why)) => {
                log::debug!("a token of {} is refused: {why}", request.peer());
                Credential::Bad
            }
            Err(Fault::Foreign(why)) => {
                log::debug!("a token of {} is not known: {why}", request.peer());
                Credential::Unknown
            }
        })
    }

    fn subprotocols(&self) -> Vec<String> {
        self.carriers.subprotocols()
    }

    fn same_origin(&self) -> bool {
        self.carriers.same_origin()
    }
}

#[cfg(test)]
mod tests;
