//! Floor 6: what a Rust host sees: builder in, handle out, events, stats.

#[cfg(feature = "board")]
pub(crate) mod board;
pub(crate) mod builder;
pub(crate) mod config;
#[cfg(feature = "contracts")]
pub(crate) mod device;
pub(crate) mod event;
pub(crate) mod export;
#[cfg(feature = "contracts")]
pub(crate) mod guided;
#[cfg(feature = "contracts")]
pub(crate) mod guided_plan;
pub(crate) mod handle;
#[cfg(feature = "contracts")]
pub(crate) mod hub;
#[cfg(feature = "contracts")]
pub(crate) mod hub_plan;
pub(crate) mod options;
pub(crate) mod recordings;
mod route_plan;
pub(crate) mod server;
