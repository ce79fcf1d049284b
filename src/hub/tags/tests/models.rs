//! The three-copy protocol under every interleaving, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --lib --target-dir target/loom tags::tests::models`

use super::super::triple::{Front, Triple};
use loom::{sync::Arc, thread};

/// Two lines, so that a copy is torn if its lines are of different writes.
const WORDS: usize = 4;

/// One write: each word becomes the last one's successor, which needs that the claim holds the newest words. `None` if it was busy.
fn write(triple: &Triple) -> Option<u32> {
    let claim = triple.claim()?;
    let number = claim.load(0) + 1;
    for at in 0..WORDS {
        assert_eq!(claim.load(at), number - 1, "a writer goes on from the newest whole words");
        claim.store(at, number);
    }
    claim.publish();
    Some(number)
}

/// What a reader takes: the number of a write, after checking that all words are of it.
fn take(triple: &Triple, front: &mut Front) -> Option<u32> {
    let mut words = Vec::new();
    triple.take(front, |word| words.push(word)).then(|| {
        assert_eq!(words.len(), WORDS);
        assert!(words.iter().all(|word| *word == words[0]), "torn: {words:?}");
        words[0]
    })
}

#[test]
fn one_writer_and_the_reader() {
    loom::model(|| {
        let triple = Arc::new(Triple::new(WORDS));
        let writer = {
            let triple = Arc::clone(&triple);
            // Four, so that a copy which the reader took and gave back is written again.
            thread::spawn(move || (1..=4).for_each(|number| assert_eq!(write(&triple), Some(number))))
        };
        let mut front = Front::new();
        let mut last = 0;
        for _ in 0..2 {
            if let Some(number) = take(&triple, &mut front) {
                assert!(number > last, "fresh was not new");
                last = number;
            }
        }
        writer.join().unwrap();
        // What was published before is seen now, unless it was seen already.
        assert_eq!(take(&triple, &mut front).unwrap_or(last), 4);
        assert_eq!(take(&triple, &mut front), None);
        assert_eq!(triple.tally().busy, 0);
    });
}

#[test]
fn two_writers_and_the_reader() {
    loom::model(|| {
        let triple = Arc::new(Triple::new(WORDS));
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let triple = Arc::clone(&triple);
                thread::spawn(move || write(&triple))
            })
            .collect();
        let mut front = Front::new();
        let first = take(&triple, &mut front).unwrap_or(0);
        let written: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        let done = written.iter().flatten().count() as u32;
        assert!(done >= 1, "one of two always gets through");
        assert_eq!(written.iter().flatten().max(), Some(&done), "none overwrites another");
        assert_eq!(triple.tally().busy, 2 - done);
        assert_eq!(take(&triple, &mut front).unwrap_or(first), done);
    });
}

/// A claim that is given up leaves what was published, and what it had stored is gone.
#[test]
fn a_write_given_up_beside_the_reader() {
    loom::model(|| {
        let triple = Arc::new(Triple::new(WORDS));
        let writer = {
            let triple = Arc::clone(&triple);
            thread::spawn(move || {
                write(&triple).unwrap();
                triple.claim().unwrap().store(1, 77);
                write(&triple).unwrap();
            })
        };
        let mut front = Front::new();
        let first = take(&triple, &mut front).unwrap_or(0);
        writer.join().unwrap();
        assert_eq!(take(&triple, &mut front).unwrap_or(first), 2);
    });
}
