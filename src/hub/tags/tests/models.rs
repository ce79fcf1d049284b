//! The four-copy protocol under every interleaving, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --lib --target-dir target/loom tags::tests::models`

use super::super::copies::{Copies, Front};
use loom::{sync::Arc, thread};

/// Two lines, so that a copy is torn if its lines are of different writes.
const WORDS: usize = 4;

/// One write: each word becomes the last one's successor, which needs that the claim holds the newest words. `None` if it was busy.
fn write(copies: &Copies) -> Option<u32> {
    let mut claim = copies.claim()?;
    let number = claim.load(0) + 1;
    for at in 0..WORDS {
        assert_eq!(claim.load(at), number - 1, "a writer goes on from the newest whole words");
        claim.store(at, [number]);
    }
    claim.publish();
    Some(number)
}

/// What a reader takes: the number of a write, after checking that all words are of it.
fn take(copies: &Copies, front: &mut Front) -> Option<u32> {
    let mut words = Vec::new();
    copies.take(front, |taken| words.extend_from_slice(taken)).then(|| {
        assert_eq!(words.len(), WORDS);
        assert!(words.iter().all(|word| *word == words[0]), "torn: {words:?}");
        words[0]
    })
}

#[test]
fn one_writer_and_the_reader() {
    loom::model(|| {
        let copies = Arc::new(Copies::new(WORDS));
        // One before, so that a writer may come back to a copy that was read when the reader has left its pair.
        assert_eq!(write(&copies), Some(1));
        let writer = {
            let copies = Arc::clone(&copies);
            // Three, so that a writer which has not seen what is read comes back to the same copy.
            thread::spawn(move || (2..=4).for_each(|number| assert_eq!(write(&copies), Some(number))))
        };
        let mut front = Front::default();
        let mut last = 0;
        for _ in 0..2 {
            if let Some(number) = take(&copies, &mut front) {
                assert!(number > last, "fresh was not new");
                last = number;
            }
        }
        writer.join().unwrap();
        // What was published before is seen now, unless it was seen already.
        assert_eq!(take(&copies, &mut front).unwrap_or(last), 4);
        assert_eq!(take(&copies, &mut front), None);
        assert_eq!(copies.tally().busy, 0);
    });
}

#[test]
fn two_writers_and_the_reader() {
    loom::model(|| {
        let copies = Arc::new(Copies::new(WORDS));
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let copies = Arc::clone(&copies);
                thread::spawn(move || write(&copies))
            })
            .collect();
        let mut front = Front::default();
        let first = take(&copies, &mut front).unwrap_or(0);
        let written: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        let done = written.iter().flatten().count() as u32;
        assert!(done >= 1, "one of two always gets through");
        assert_eq!(written.iter().flatten().max(), Some(&done), "none overwrites another");
        assert_eq!(copies.tally().busy, 2 - done);
        assert_eq!(take(&copies, &mut front).unwrap_or(first), done);
    });
}

/// A claim that is given up leaves what was published, and what it had stored is gone.
#[test]
fn a_write_given_up_beside_the_reader() {
    loom::model(|| {
        let copies = Arc::new(Copies::new(WORDS));
        let writer = {
            let copies = Arc::clone(&copies);
            thread::spawn(move || {
                write(&copies).unwrap();
                copies.claim().unwrap().store(1, [77]);
                write(&copies).unwrap();
            })
        };
        let mut front = Front::default();
        let first = take(&copies, &mut front).unwrap_or(0);
        writer.join().unwrap();
        assert_eq!(take(&copies, &mut front).unwrap_or(first), 2);
    });
}

/// There is one, and nothing breaks if there were two.
#[test]
fn two_readers() {
    loom::model(|| {
        let copies = Arc::new(Copies::new(WORDS));
        let reader = {
            let copies = Arc::clone(&copies);
            thread::spawn(move || take(&copies, &mut Front::default()))
        };
        let writer = {
            let copies = Arc::clone(&copies);
            thread::spawn(move || (1..=2).for_each(|number| assert_eq!(write(&copies), Some(number))))
        };
        take(&copies, &mut Front::default());
        reader.join().unwrap();
        writer.join().unwrap();
        assert_eq!(take(&copies, &mut Front::default()), Some(2));
    });
}
