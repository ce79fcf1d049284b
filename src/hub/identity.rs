//! Who someone is, as decided at the upgrade.

use crate::ground::time::Wall;
use std::{fmt, sync::Arc};

/// Who is at the other end of a connection. Made by a [`Gate`](crate::Gate) or by the host before a
/// contract sees the connection; cheap to clone.
///
/// The default is anonymous: nobody asked.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Identity(Option<Arc<Known>>);

#[derive(Clone, Default, PartialEq, Eq)]
struct Known {
    subject: String,
    name: String,
    roles: Vec<String>,
    claims: Vec<(String, String)>,
    expires: Option<Wall>,
}

impl Identity {
    /// Nobody in particular.
    pub const ANONYMOUS: Identity = Identity(None);

    /// Someone known by `subject`: a user id, a device id, a token's `sub`.
    pub fn new(subject: impl Into<String>) -> Self {
        Self(Some(Arc::new(Known { subject: subject.into(), ..Known::default() })))
    }

    /// Bytes of its texts.
    pub(crate) fn weight_bytes(&self) -> usize {
        let Some(known) = &self.0 else { return 0 };
        let roles: usize = known.roles.iter().map(String::len).sum();
        let claims: usize = known.claims.iter().map(|(name, value)| name.len() + value.len()).sum();
        known.subject.len() + known.name.len() + roles + claims
    }

    fn change(mut self, change: impl FnOnce(&mut Known)) -> Self {
        change(Arc::make_mut(self.0.get_or_insert_default()));
        self
    }

    /// With a name for people.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        self.change(|known| known.name = name.into())
    }

    /// With one more role.
    #[must_use]
    pub fn with_role(self, role: impl Into<String>) -> Self {
        self.change(|known| known.roles.push(role.into()))
    }

    /// With one more claim: any fact a contract may want, by name.
    #[must_use]
    pub fn with_claim(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.change(|known| known.claims.push((name.into(), value.into())))
    }

    /// Valid until `moment`: then its WebSocket is closed with 1008 ([`CloseCause::Expired`](crate::CloseCause::Expired)). A request that comes with an identity
    /// that has expired is refused with 403, not with 401: that would have to name a scheme to identify by, which only the gate knows.
    #[must_use]
    pub fn with_expiry(self, moment: Wall) -> Self {
        self.change(|known| known.expires = Some(moment))
    }

    /// Whether nobody in particular is meant.
    pub fn is_anonymous(&self) -> bool {
        self.0.is_none()
    }

    /// The subject; `None` when anonymous.
    pub fn subject(&self) -> Option<&str> {
        self.0.as_ref().map(|known| known.subject.as_str())
    }

    /// The name for people; the subject when none was given, `None` when anonymous.
    pub fn name(&self) -> Option<&str> {
        let known = self.0.as_ref()?;
        Some(if known.name.is_empty() { &known.subject } else { &known.name })
    }

    /// Whether it has `role`.
    pub fn has_role(&self, role: &str) -> bool {
        self.0.as_ref().is_some_and(|known| known.roles.iter().any(|r| r == role))
    }

    /// Its roles, in the order given.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|known| known.roles.iter().map(String::as_str))
    }

    /// Its claims by name, in the order given.
    pub fn claims(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .flat_map(|known| known.claims.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// The claim `name`.
    pub fn claim(&self, name: &str) -> Option<&str> {
        let known = self.0.as_ref()?;
        known.claims.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The moment it expires, if it does.
    pub fn expires(&self) -> Option<Wall> {
        self.0.as_ref()?.expires
    }

    pub(crate) fn is_expired(&self, now: Wall) -> bool {
        self.expires().is_some_and(|moment| moment <= now)
    }
}

impl fmt::Debug for Identity {
    /// The subject and the roles; never a claim, since claims may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("Identity::ANONYMOUS"),
            Some(known) => f
                .debug_struct("Identity")
                .field("subject", &known.subject)
                .field("roles", &known.roles)
                .finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_claims() {
        let who = Identity::new("u1").with_role("STUDENT").with_claim("token", "s3cret");
        assert_eq!(who.claim("token"), Some("s3cret"));
        assert!(who.has_role("STUDENT") && !who.has_role("INSTRUCTOR"));
        assert_eq!(who.name(), Some("u1"));
        assert_eq!(who.roles().collect::<Vec<_>>(), ["STUDENT"]);
        assert_eq!(who.claims().collect::<Vec<_>>(), [("token", "s3cret")]);
        assert_eq!(Identity::ANONYMOUS.roles().count(), 0);
        assert!(!format!("{who:?}").contains("s3cret"));
        assert!(Identity::default().is_anonymous());
    }
}
