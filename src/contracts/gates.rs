//! Gates that a host picks instead of writing one.

pub(crate) mod ask;
mod carrier;
pub(crate) mod chain;
pub(crate) mod table;
