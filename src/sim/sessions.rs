//! Device sessions and guided sessions in a world that is drawn from one number: their clients, whose connections break in every way, a host that reads
//! slowly, a store that stalls, refuses, and loses power.
//!
//! `cargo test sessions` runs a few dozen seeds; they are replayed, and more of them run, as those of [the other world](super).
//!
//! The contracts are the real ones, in the real engine. A [wrapper](witness) around each writes down what it is told and what it says, and has a
//! naive model judge that at once: [`devices`], [`lessons`]. What is said must come to the clients, to the host and to the [store](tables), whole
//! and in order; and when a client is told that something is safe, the store must have it.

mod devices;
mod flat;
mod guest;
mod lessons;
mod person;
mod robot;
mod tables;
mod tests;
mod truth;
mod visitor;
mod witness;
mod world;
