//! Transcripts: tests of contracts that can be read without knowing Rust. The format is in `docs/design.md`.
//!
//! A [`Stage`](stage::Stage) knows one contract: its settings, what its host can do and is told. The [`runner`] does the rest, with
//! the real engine in virtual time, so that routing, upgrades, frames and close codes are the real ones.

mod depot;
mod device_sessions;
mod equipment_monitor;
mod guest;
mod guided_sessions;
mod handled;
#[cfg(feature = "jwt")]
mod identities;
mod joint;
mod pipe;
mod runner;
mod script;
mod shape;
mod stage;
mod tests;
mod topic_hub;
