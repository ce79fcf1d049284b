//! Floor 3: contracts, the sans-IO state machines that speak with clients.

pub(crate) mod admission;
pub(crate) mod contract;
#[cfg(feature = "contracts")]
pub(crate) mod device_sessions;
pub(crate) mod effects;
#[cfg(feature = "contracts")]
pub(crate) mod equipment_monitor;
#[cfg(feature = "board")]
pub(crate) mod feed;
pub(crate) mod gate;
pub(crate) mod gates;
#[cfg(feature = "contracts")]
pub(crate) mod guided_sessions;
pub(crate) mod route;
pub(crate) mod store;
pub(crate) mod told;
#[cfg(feature = "contracts")]
pub(crate) mod topic_hub;
