//! The whole server without sockets, threads and clocks, under a world that is drawn from one number.
//!
//! `cargo test sim` runs a few hundred seeds. When one fails, it is printed with the command that replays it:
//!
//! - `ANDON_SEED=123 cargo test sim -- --nocapture` runs that one seed, and tells what happened in it;
//! - `ANDON_SEEDS=1000000 ANDON_SEED_FROM=5000 cargo test --release sim` runs many, from 5,000 on.
//!
//! A seed decides everything: the limits, who connects and what he says, how the network cuts, delays and
//! breaks it, what the contracts answer, how slow host and store are. Each run ends at rest, where all that is owed to
//! anyone must have arrived: the driver in [`world`] calls the engine only when its documentation says so,
//! so what does not arrive is a wake-up that was lost.
//!
//! Beside it, [`transcript`] drives the same engine over perfect connections through what a file says.

mod calm;
mod client;
mod contract;
mod invariants;
mod journal;
mod message;
mod outage;
mod ports;
mod scenes;
mod seeds;
#[cfg(feature = "contracts")]
mod sessions;
mod settings;
mod tests;
#[cfg(feature = "contracts")]
mod transcript;
mod transport;
#[cfg(feature = "board")]
mod watchers;
mod wires;
mod world;
