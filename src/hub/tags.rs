//! The tag table: what control threads say of their equipment, and how the loop reads it. See `docs/design.md`, "The tag table".

mod atomic;
pub(crate) mod builder;
mod copies;
pub(crate) mod counts;
pub(crate) mod equipment;
pub(crate) mod error;
pub(crate) mod handle;
mod record;
pub(crate) mod scan;
mod seen;
mod slot;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod value;
pub(crate) mod view;
pub(crate) mod writer;
