//! Which seeds are run of the world of sessions.

use super::{super::seeds, world::World};

const SEEDS_DEFAULT: u64 = 60;

fn run_seed(seed: u64, trace: bool) -> Result<(), String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    match rng.u8(0..4) {
        0 => seeds::live(World::<false>::new(rng, trace), trace),
        _ => seeds::live(World::<true>::new(rng, trace), trace),
    }
}

#[test]
fn every_session_seed_keeps_the_rules() {
    seeds::run_all("every_session_seed", &[], SEEDS_DEFAULT, run_seed);
}
