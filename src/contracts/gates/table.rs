//! The table of identities: secrets that the host has given out, and whom each of them names.

use super::carrier::{Carriers, Credential, carried};
use crate::{
    contracts::gate::{Gate, Verdict},
    ground::{
        limits::{IDENTITIES_MAX, IDENTITY_SHARDS, SECRET_BYTES_MAX},
        time::Now,
    },
    hub::identity::Identity,
    wire::request::Request,
};
use arc_swap::ArcSwap;
use std::{
    collections::BTreeMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use subtle::ConstantTimeEq;

/// Knows clients by secrets that the host has given out: session cookies, tokens, keys of devices.
///
/// Clones share one table, so one of them guards a mount, another a route, and a third is kept to [`insert`](Self::insert) and [`remove`](Self::remove) at any
/// time, from any thread; the loop never waits for that. Where a secret is looked for is chosen for each clone by itself; chosen nowhere,
/// nobody is known. The first that is known counts.
///
/// To put somebody out, take the secret away first and then [`revoke`](crate::Handle::revoke) the subject: in this order nobody slips in between.
///
/// Secrets are found by a hash whose key nobody knows and then compared in a time that does not depend on where they differ. They stand in no log,
/// error or event.
///
/// ```
/// use andon::{Identity, IdentityTable, MountOptions};
///
/// let table = IdentityTable::new().cookies().bearer();
/// table.insert("k3J9x0pQ7v", Identity::new("17").with_name("이순신").with_role("INSTRUCTOR"))?;
/// let options = MountOptions::new().gate(table.clone()).role("INSTRUCTOR");
/// // Later, when that person signs out; then `handle.revoke("17")` closes what is still open.
/// assert!(table.remove("k3J9x0pQ7v").is_some());
/// # Ok::<(), andon::IdentityError>(())
/// ```
#[derive(Clone, Default)]
pub struct IdentityTable {
    shared: Arc<Shared>,
    carriers: Carriers,
}

/// What the secrets with one hash name.
type Shard = BTreeMap<u64, Vec<Arc<Entry>>>;

struct Shared {
    hash_key: RandomState,
    /// Each is replaced as a whole: a change copies the pointers of one shard, and what is replaced is small enough to be let go of on the loop's thread.
    shards: [ArcSwap<Shard>; IDENTITY_SHARDS],
    /// How many entries there are. Held by whoever changes something, and never by the loop.
    count: Mutex<usize>,
    refused: AtomicU64,
}

struct Entry {
    secret: Box<[u8]>,
    identity: Identity,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            hash_key: RandomState::new(),
            shards: std::array::from_fn(|_| ArcSwap::default()),
            count: Mutex::new(0),
            refused: AtomicU64::new(0),
        }
    }
}

impl Shared {
    fn place(&self, secret: &[u8]) -> (u64, &ArcSwap<Shard>) {
        let hash = self.hash_key.hash_one(secret);
        (hash, &self.shards[(hash % IDENTITY_SHARDS as u64) as usize])
    }

    fn find(&self, secret: &[u8]) -> Option<Identity> {
        let (hash, shard) = self.place(secret);
        let shard = shard.load();
        shard.get(&hash)?.iter().find(|entry| entry.is(secret)).map(|entry| entry.identity.clone())
    }

    fn changing(&self) -> MutexGuard<'_, usize> {
        // Nothing panics while it is held, and a number is whole anyway.
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is(&self, secret: &[u8]) -> bool {
        self.secret.ct_eq(secret).into()
    }
}

impl IdentityTable {
    /// An empty table, which looks nowhere yet.
    pub fn new() -> Self {
        Self::default()
    }

    carried!();

    /// Has `secret` name `identity` from now on; what it named before is given back. Secrets should be random and long: 16 bytes of the
    /// operating system's randomness or more. Allocates, and waits only for other changes.
    pub fn insert(
        &self,
        secret: impl AsRef<str>,
        identity: Identity,
    ) -> Result<Option<Identity>, IdentityError> {
        let secret = secret.as_ref().as_bytes();
        let refuse = |error| {
            self.shared.refused.fetch_add(1, Relaxed);
            Err(error)
        };
        if secret.is_empty() || secret.len() > SECRET_BYTES_MAX {
            return refuse(IdentityError::BadSecret);
        }
        let mut count = self.shared.changing();
        let (hash, shard) = self.shared.place(secret);
        let mut changed = Shard::clone(&shard.load());
        let same_hash = changed.entry(hash).or_default();
        let old = match same_hash.iter().position(|entry| entry.is(secret)) {
            Some(at) => Some(same_hash.swap_remove(at).identity.clone()),
            None if *count >= IDENTITIES_MAX => return refuse(IdentityError::Full),
            None => None,
        };
        same_hash.push(Arc::new(Entry { secret: secret.into(), identity }));
        *count += usize::from(old.is_none());
        shard.store(Arc::new(changed));
        Ok(old)
    }

    /// Takes a secret away: whoever shows it from now on is refused. Whom it named is given back. Who is in stays in: see
    /// [`Handle::revoke`](crate::Handle::revoke).
    pub fn remove(&self, secret: impl AsRef<str>) -> Option<Identity> {
        let secret = secret.as_ref().as_bytes();
        let mut count = self.shared.changing();
        let (hash, shard) = self.shared.place(secret);
        let mut changed = Shard::clone(&shard.load());
        let same_hash = changed.get_mut(&hash)?;
        let at = same_hash.iter().position(|entry| entry.is(secret))?;
        let gone = same_hash.swap_remove(at).identity.clone();
        if same_hash.is_empty() {
            changed.remove(&hash);
        }
        *count -= 1;
        shard.store(Arc::new(changed));
        Some(gone)
    }

    /// Takes every secret away that names `subject`, and says how many there were. Looks at the whole table.
    pub fn remove_subject(&self, subject: &str) -> usize {
        let mut count = self.shared.changing();
        let before = *count;
        for shard in &self.shared.shards {
            let of_it = |entry: &Arc<Entry>| entry.identity.subject() == Some(subject);
            let mut changed = Shard::clone(&shard.load());
            let gone = changed.values().flatten().filter(|entry| of_it(entry)).count();
            if gone > 0 {
                changed.retain(|_, same_hash| {
                    same_hash.retain(|entry| !of_it(entry));
                    !same_hash.is_empty()
                });
                *count -= gone;
                shard.store(Arc::new(changed));
            }
        }
        before - *count
    }

    /// How many secrets there are.
    pub fn len(&self) -> usize {
        *self.shared.changing()
    }

    /// Whether there is no secret.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How often [`insert`](Self::insert) has refused a secret.
    pub fn inserts_refused(&self) -> u64 {
        self.shared.refused.load(Relaxed)
    }
}

impl Gate for IdentityTable {
    fn identify(&mut self, now: Now, request: &Request<'_>) -> Verdict {
        self.carriers.verdict(request, |secret| match self.shared.find(secret.as_bytes()) {
            Some(identity) if identity.is_expired(now.wall) => Credential::Bad,
            Some(identity) => Credential::Of(identity),
            None => Credential::Unknown,
        })
    }

    fn subprotocols(&self) -> Vec<String> {
        self.carriers.subprotocols()
    }

    fn same_origin(&self) -> bool {
        self.carriers.same_origin()
    }
}

impl fmt::Debug for IdentityTable {
    /// Where it looks, and never for what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityTable").field("carriers", &self.carriers).finish_non_exhaustive()
    }
}

/// Why an [`IdentityTable`] does not take a secret. The fault is the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityError {
    /// It has 65,536 secrets already.
    Full,
    /// The secret is empty, or longer than any that a request can show.
    BadSecret,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the table of identities is full: remove secrets that are not used any more",
            Self::BadSecret => "a secret must be from 1 to 4,096 bytes long",
        })
    }
}

impl std::error::Error for IdentityError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ground::time::Wall,
        wire::{owned::OwnedRequest, request::Method},
    };

    fn verdict(table: &IdentityTable, cookie: &str) -> Verdict {
        let request = OwnedRequest::new(Method::Get, "/").with_header("Cookie", cookie);
        let now = Now { wall: Wall::from_millis(1_000), ..Now::default() };
        request.with(|request| table.clone().identify(now, request))
    }

    fn subject(table: &IdentityTable, cookie: &str) -> Option<String> {
        match verdict(table, cookie) {
            Verdict::Allow(identity) => identity.subject().map(str::to_owned),
            _ => None,
        }
    }

    #[test]
    fn secrets_name_identities_until_they_are_removed() {
        let table = IdentityTable::new().cookies();
        for n in 0..500 {
            assert_eq!(table.insert(format!("s{n}"), Identity::new((n % 10).to_string())), Ok(None));
        }
        assert_eq!((table.len(), subject(&table, "sessionid=s123")), (500, Some("3".into())));
        assert!(matches!(verdict(&table, "sessionid=s500"), Verdict::Unknown(_)));
        assert!(matches!(verdict(&table, "session=s1"), Verdict::Absent(_)));
        let old = table.insert("s123", Identity::new("other")).unwrap();
        assert_eq!(old.unwrap().subject(), Some("3"));
        assert_eq!((table.len(), subject(&table, "sessionid=s123")), (500, Some("other".into())));
        assert_eq!(table.remove("s123").unwrap().subject(), Some("other"));
        assert_eq!((table.remove("s123"), subject(&table, "sessionid=s123")), (None, None));
        assert_eq!((table.remove_subject("3"), table.remove_subject("3"), table.len()), (49, 0, 450));
        assert_eq!(
            (subject(&table, "sessionid=s3"), subject(&table, "sessionid=s4")),
            (None, Some("4".into()))
        );
    }

    #[test]
    fn an_identity_that_has_expired_is_refused() {
        let table = IdentityTable::new().cookies();
        table.insert("then", Identity::new("1").with_expiry(Wall::from_millis(1_000))).unwrap();
        table.insert("later", Identity::new("2").with_expiry(Wall::from_millis(1_001))).unwrap();
        assert!(matches!(verdict(&table, "sessionid=then"), Verdict::Refuse(_)));
        assert_eq!(subject(&table, "sessionid=later").as_deref(), Some("2"));
    }

    #[test]
    fn any_place_with_a_known_secret_is_enough() {
        let table = IdentityTable::new().cookie("a").query("token");
        table.insert("good", Identity::new("1")).unwrap();
        let ask = |target: &str, cookie: &str| {
            let request = OwnedRequest::new(Method::Get, target).with_header("Cookie", cookie);
            request.with(|request| table.clone().identify(Now::default(), request))
        };
        assert!(matches!(ask("/?token=good", "a=stale"), Verdict::Allow(_)));
        assert!(matches!(ask("/?token=bad", "a=good"), Verdict::Allow(_)));
        assert!(matches!(ask("/?token=bad", "a=bad"), Verdict::Unknown(_)));
        assert!(matches!(ask("/?good", "b=good"), Verdict::Absent(_)));
    }

    /// Equal hashes are for a hash of 64 bits next to impossible, and must still be told apart.
    #[test]
    fn secrets_of_one_hash_are_told_apart() {
        let table = IdentityTable::new().cookies();
        table.insert("a", Identity::new("a")).unwrap();
        let (hash, shard) = table.shared.place(b"a");
        let mut changed = Shard::clone(&shard.load());
        let other = Entry { secret: b"b"[..].into(), identity: Identity::new("b") };
        changed.get_mut(&hash).unwrap().insert(0, Arc::new(other));
        shard.store(Arc::new(changed));
        assert_eq!(subject(&table, "sessionid=a").as_deref(), Some("a"));
        assert_eq!(table.remove("a").unwrap().subject(), Some("a"));
        assert_eq!(subject(&table, "sessionid=a"), None);
    }

    #[test]
    fn bounds_hold_and_are_counted() {
        let table = IdentityTable::new();
        assert_eq!(table.insert("", Identity::ANONYMOUS), Err(IdentityError::BadSecret));
        let long = "x".repeat(SECRET_BYTES_MAX + 1);
        assert_eq!(table.insert(&long, Identity::ANONYMOUS), Err(IdentityError::BadSecret));
        table.insert(&long[1..], Identity::ANONYMOUS).unwrap();
        *table.shared.changing() = IDENTITIES_MAX;
        assert_eq!(table.insert("one more", Identity::ANONYMOUS), Err(IdentityError::Full));
        assert!(table.insert(&long[1..], Identity::new("anew")).unwrap().is_some(), "no further one");
        assert_eq!(table.inserts_refused(), 3);
        let words = [IdentityError::Full, IdentityError::BadSecret].map(|error| error.to_string());
        assert!(words[0].contains("remove") && words[1].contains("4,096"));
    }

    #[test]
    fn nothing_shows_a_secret() {
        let table = IdentityTable::new().cookies();
        table.insert("s3cret", Identity::new("1")).unwrap();
        let shown = format!("{table:?} {:?}", verdict(&table, "sessionid=s3cret2"));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
