//! The newest value of each key of one of the host's state topics, on its way in: a slot for each key, so that publishing it never fails for want
//! of room in a queue, and no publisher ever waits for another, or for the loop.

use crate::ground::{
    frame::Payload,
    limits::{KEYED_BYTES_MAX, KEYS_PER_TOPIC_MAX},
};
use arc_swap::ArcSwap;
use crossbeam_utils::atomic::AtomicCell;
use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
};

/// A new key copies the map of its shard, and no more.
const SHARDS: usize = 64;

enum Newest {
    Value(Payload),
    /// The key is to be forgotten.
    Forget,
    /// The slot is no longer in its map: what is put here must be taken back and put where the key lives now.
    Dead,
}

/// What waits in a slot, and its place in the order in which all was put: who carries something to another slot must not put it over
/// what came later.
struct Word {
    seq: u64,
    newest: Newest,
}

impl Word {
    fn weight_bytes(&self) -> usize {
        match &self.newest {
            Newest::Value(payload) => payload.len(),
            Newest::Forget | Newest::Dead => 0,
        }
    }
}

type Cell = AtomicCell<Option<Box<Word>>>;

#[derive(Default)]
struct Slot {
    word: Cell,
    /// The order of the word that was taken last. The loop's alone.
    taken: AtomicU64,
}

type Slots = HashMap<Arc<str>, Arc<Slot>>;

#[derive(Default)]
struct Shard {
    slots: ArcSwap<Slots>,
    /// Some slot was filled since the loop last looked.
    filled: AtomicBool,
}

/// See the module.
pub(crate) struct Keyed {
    shards: Box<[Shard]>,
    hasher: RandomState,
    keys: AtomicUsize,
    /// Bytes of their names.
    key_bytes: AtomicUsize,
    /// Bytes of the values that wait.
    bytes: AtomicUsize,
    /// Words so far.
    words: AtomicU64,
}

impl Keyed {
    pub(crate) fn new() -> Self {
        debug_assert!(Cell::is_lock_free());
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            hasher: RandomState::new(),
            keys: AtomicUsize::new(0),
            key_bytes: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            words: AtomicU64::new(0),
        }
    }

    /// Puts a key's newest value, in place of one that was not taken yet: then it is true. Fails, handing it back, when the topic could not
    /// hold it in any case.
    pub(crate) fn put(&self, key: &str, value: Payload) -> Result<bool, (Payload, &'static str)> {
        let waiting = self.bytes.fetch_add(value.len(), Relaxed);
        // Twice what the topic can hold, so that replacing what waits always fits.
        if waiting + value.len() > 2 * KEYED_BYTES_MAX {
            self.bytes.fetch_sub(value.len(), Relaxed);
            return Err((value, "the newest values of the topic's keys exceed 4 MiB"));
        }
        self.place(key, self.word(Newest::Value(value))).map_err(|refused| {
            self.bytes.fetch_sub(refused.weight_bytes(), Relaxed);
            match refused.newest {
                Newest::Value(value) => {
                    (value, "the topic has as many keys as it takes (16,384, of 4 MiB together)")
                }
                Newest::Forget | Newest::Dead => unreachable!("a value was put"),
            }
        })
    }

    /// Has a key forgotten, and what waits for it: then it is true.
    pub(crate) fn forget(&self, key: &str) -> bool {
        // Without a slot, and without room for one, there is nothing to forget.
        self.place(key, self.word(Newest::Forget)).is_ok_and(|replaced| replaced)
    }

    fn word(&self, newest: Newest) -> Box<Word> {
        Box::new(Word { seq: self.words.fetch_add(1, Relaxed) + 1, newest })
    }

    fn shard(&self, key: &str) -> &Shard {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }

    fn place(&self, key: &str, mut word: Box<Word>) -> Result<bool, Box<Word>> {
        let shard = self.shard(key);
        loop {
            let Some(slot) = self.slot(shard, key) else { return Err(word) };
            let seq = word.seq;
            let before = match slot.word.swap(Some(word)) {
                Some(dead) if matches!(dead.newest, Newest::Dead) => {
                    // Whoever finds it dead sees to what is in it, though that may be another's newer one by now.
                    match slot.word.swap(Some(dead)) {
                        Some(back) => word = back,
                        None => return Ok(true),
                    }
                    continue;
                }
                Some(newer) if newer.seq > seq => {
                    // What was carried here came late: the newer goes back in its place.
                    word = newer;
                    continue;
                }
                before => before,
            };
            if let Some(before) = &before {
                self.bytes.fetch_sub(before.weight_bytes(), Relaxed);
            }
            // The swap above is before this store, and the loop's look at the slots behind its swap of the flag.
            // A swap, since a plain store would break the chain from another publisher's.
            shard.filled.swap(true, AcqRel);
            return Ok(before.is_some());
        }
    }

    /// The key's slot, made if need be; `None` when there are too many.
    fn slot(&self, shard: &Shard, key: &str) -> Option<Arc<Slot>> {
        let mut counted = false;
        loop {
            let slots = shard.slots.load_full();
            if let Some(slot) = slots.get(key) {
                if counted {
                    self.uncount(key);
                }
                return Some(Arc::clone(slot));
            }
            if !counted {
                counted = true;
                let keys = self.keys.fetch_add(1, Relaxed);
                let bytes = self.key_bytes.fetch_add(key.len(), Relaxed);
                if keys >= KEYS_PER_TOPIC_MAX || bytes + key.len() > KEYED_BYTES_MAX {
                    self.uncount(key);
                    return None;
                }
            }
            let slot = Arc::new(Slot::default());
            let mut more = Slots::clone(&slots);
            more.insert(key.into(), Arc::clone(&slot));
            let found = shard.slots.compare_and_swap(&slots, Arc::new(more));
            if Arc::ptr_eq(&found, &slots) {
                return Some(slot);
            }
            // Another key came to this shard meanwhile: once more, on its map.
        }
    }

    fn uncount(&self, key: &str) {
        self.keys.fetch_sub(1, Relaxed);
        self.key_bytes.fetch_sub(key.len(), Relaxed);
    }

    /// Takes what was put since, by key; `None`: the key is forgotten. For the loop alone.
    pub(crate) fn take(&self, mut each: impl FnMut(&str, Option<Payload>)) {
        for shard in &self.shards {
            if !shard.filled.load(Acquire) || !shard.filled.swap(false, AcqRel) {
                continue;
            }
            for (key, slot) in shard.slots.load_full().iter() {
                let Some(word) = slot.word.take() else { continue };
                self.bytes.fetch_sub(word.weight_bytes(), Relaxed);
                if word.seq < slot.taken.load(Relaxed) {
                    // It was carried here from a slot that is no more, behind what came later.
                    continue;
                }
                slot.taken.store(word.seq, Relaxed);
                match word.newest {
                    Newest::Value(payload) => each(key, Some(payload)),
                    Newest::Forget => {
                        each(key, None);
                        self.bury(shard, key, slot);
                    }
                    Newest::Dead => unreachable!("a dead slot is not in its map"),
                }
            }
        }
    }

    /// Removes a key that is forgotten. What was put meanwhile goes where the key lives next.
    fn bury(&self, shard: &Shard, key: &str, slot: &Slot) {
        shard.slots.rcu(|slots| {
            let mut fewer = Slots::clone(slots);
            fewer.remove(key);
            fewer
        });
        self.uncount(key);
        if let Some(word) = slot.word.swap(Some(Box::new(Word { seq: 0, newest: Newest::Dead }))) {
            let weight = word.weight_bytes();
            if self.place(key, word).is_err() {
                // Another key took the place in this very moment; the topic is full.
                self.bytes.fetch_sub(weight, Relaxed);
                log::warn!("a topic has no room for another key: its newest value is dropped");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeMap, thread};

    fn taken(keyed: &Keyed) -> BTreeMap<String, Option<Payload>> {
        let mut taken = BTreeMap::new();
        keyed.take(|key, value| {
            taken.insert(key.to_owned(), value);
        });
        taken
    }

    #[test]
    fn the_newest_of_each_key_is_taken_once() {
        let keyed = Keyed::new();
        assert_eq!(keyed.put("a", "1".into()), Ok(false));
        assert_eq!(keyed.put("a", "2".into()), Ok(true));
        assert_eq!(keyed.put("b", "3".into()), Ok(false));
        keyed.forget("unheard of");
        let both = [
            ("a".to_owned(), Some("2".into())),
            ("b".to_owned(), Some("3".into())),
            ("unheard of".to_owned(), None),
        ];
        assert_eq!(taken(&keyed), both.into());
        assert!(taken(&keyed).is_empty());
        assert_eq!(keyed.put("a", "4".into()), Ok(false));
        keyed.forget("a");
        assert_eq!(taken(&keyed), [("a".to_owned(), None)].into());
        assert_eq!(keyed.keys.load(Relaxed), 1);
        assert_eq!(keyed.put("a", "5".into()), Ok(false));
        assert_eq!(taken(&keyed), [("a".to_owned(), Some("5".into()))].into());
        assert_eq!(keyed.bytes.load(Relaxed), 0);
    }

    #[test]
    fn bounds_hand_the_value_back() {
        let keyed = Keyed::new();
        let large = || Payload::from(vec![0; KEYED_BYTES_MAX]);
        assert_eq!((keyed.put("a", large()), keyed.put("a", large())), (Ok(false), Ok(true)));
        assert!(keyed.put("b", large()).is_ok());
        assert!(keyed.put("c", "x".into()).unwrap_err().1.contains("4 MiB"));
        assert_eq!(taken(&keyed).len(), 2);
        for key in 0..KEYS_PER_TOPIC_MAX - 2 {
            keyed.put(&key.to_string(), Payload::from("x")).unwrap();
        }
        assert_eq!(keyed.put("one more", "x".into()).unwrap_err().0, Payload::from("x"));
        assert!(keyed.put("0", "y".into()).is_ok(), "no other key");
    }

    /// A slot stays for as long as its key is not forgotten, and its name with it.
    #[test]
    fn names_of_keys_count_too() {
        let keyed = Keyed::new();
        let name = |n: usize| format!("{n}{}", "k".repeat(KEYED_BYTES_MAX / 4 - 1));
        for n in 0..4 {
            assert_eq!(keyed.put(&name(n), "x".into()), Ok(false));
        }
        assert!(keyed.put(&name(4), "x".into()).is_err());
        assert_eq!(keyed.put(&name(0), "y".into()), Ok(true), "it is there already");
        keyed.forget(&name(0));
        taken(&keyed);
        assert_eq!(keyed.put(&name(4), "x".into()), Ok(false));
    }

    /// Publishers that forget and publish against each other and the loop: the last word of each key is what is taken last.
    #[test]
    fn no_last_word_is_lost() {
        let rounds = if cfg!(miri) { 30 } else { 20_000 };
        let keyed = Keyed::new();
        let mut known = BTreeMap::new();
        let take = |known: &mut BTreeMap<String, u64>| {
            keyed.take(|key, value| {
                match value {
                    Some(Payload::Text(text)) => known.insert(key.to_owned(), text.parse().unwrap()),
                    _ => known.remove(key),
                };
            });
        };
        thread::scope(|scope| {
            // Each thread has keys of its own, of which it knows the last word, and one key is fought over.
            let threads: Vec<_> = (0..3)
                .map(|id| {
                    let keyed = &keyed;
                    scope.spawn(move || {
                        for round in 1..=rounds {
                            let key = format!("{id}-{}", round % 3);
                            if round % 7 == 0 && round < rounds - 9 {
                                keyed.forget(&key);
                                keyed.forget("shared");
                            }
                            keyed.put(&key, round.to_string().into()).unwrap();
                            keyed.put("shared", round.to_string().into()).unwrap();
                        }
                    })
                })
                .collect();
            while threads.iter().any(|thread| !thread.is_finished()) {
                take(&mut known);
            }
        });
        take(&mut known);
        for id in 0..3 {
            for last in rounds - 2..=rounds {
                assert_eq!(known.get(&format!("{id}-{}", last % 3)), Some(&last));
            }
        }
        assert_eq!(known.get("shared"), Some(&rounds));
        assert_eq!((keyed.keys.load(Relaxed), keyed.bytes.load(Relaxed)), (10, 0));
    }
}
