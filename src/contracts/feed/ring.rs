//! What happened, numbered, as far back as a watcher may come back.

use crate::ground::limits::{FEED_BYTES_MAX, FEED_HAPPENINGS_MAX};
use std::{collections::VecDeque, sync::Arc};

/// The last happenings, each as the bytes that every stream sends.
#[derive(Debug)]
pub(super) struct Ring {
    /// The number of the first that is here. Invariant: `texts` are numbered from here on without gaps.
    first: u64,
    texts: VecDeque<Arc<str>>,
    /// What `texts` weigh. Invariant: at most `FEED_BYTES_MAX`, unless there is one alone.
    bytes: usize,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self { first: 1, texts: VecDeque::new(), bytes: 0 }
    }

    /// The number that the next will have.
    pub(super) fn end(&self) -> u64 {
        self.first + self.texts.len() as u64
    }

    /// Whether all from this number on are here, or still to come.
    pub(super) fn reaches(&self, next: u64) -> bool {
        (self.first..=self.end()).contains(&next)
    }

    pub(super) fn get(&self, number: u64) -> Option<&str> {
        let at = number.checked_sub(self.first)?;
        self.texts.get(usize::try_from(at).ok()?).map(|text| &**text)
    }

    /// Adds the next, written for its number; the oldest go.
    pub(super) fn push(&mut self, write: impl FnOnce(u64) -> String) {
        let text: Arc<str> = write(self.end()).into();
        self.bytes += text.len();
        self.texts.push_back(text);
        while self.texts.len() > 1
            && (self.texts.len() > FEED_HAPPENINGS_MAX || self.bytes > FEED_BYTES_MAX)
            && let Some(oldest) = self.texts.pop_front()
        {
            self.bytes -= oldest.len();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_by_number_and_by_bytes() {
        let mut ring = Ring::new();
        assert!(ring.reaches(1) && !ring.reaches(0) && !ring.reaches(2));
        let most = FEED_HAPPENINGS_MAX as u64;
        for number in 1..=most + 2 {
            ring.push(|given| {
                assert_eq!(given, number);
                given.to_string()
            });
        }
        assert_eq!((ring.first, ring.end()), (3, most + 3));
        assert_eq!((ring.get(2), ring.get(3), ring.get(most + 3)), (None, Some("3"), None));
        assert!(!ring.reaches(2) && ring.reaches(3) && ring.reaches(most + 3) && !ring.reaches(most + 4));
        ring.push(|_| "x".repeat(FEED_BYTES_MAX + 1));
        assert_eq!((ring.texts.len(), ring.first), (1, most + 3), "it is there, however long");
        ring.push(|_| "y".repeat(FEED_BYTES_MAX / 2));
        ring.push(|_| "z".repeat(FEED_BYTES_MAX / 2));
        assert_eq!((ring.texts.len(), ring.bytes), (2, FEED_BYTES_MAX));
    }
}
