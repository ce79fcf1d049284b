//! Floor 0: the words every other floor uses. Plain data, no behaviour to speak of.

pub(crate) mod close;
pub(crate) mod counters;
pub(crate) mod error;
pub(crate) mod foreign;
pub(crate) mod frame;
pub(crate) mod histogram;
pub(crate) mod id;
pub(crate) mod limits;
pub(crate) mod text;
pub(crate) mod time;
