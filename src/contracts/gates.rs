//! Gates that a host picks instead of writing one.

pub(crate) mod ask;
mod carrier;
pub(crate) mod chain;
#[cfg(feature = "jwt")]
pub(crate) mod jwt;
pub(crate) mod table;
