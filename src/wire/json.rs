//! JSON without trees: judged, compacted, read field by field, and written. What is not interpreted passes through as the text it came in.

#[cfg(feature = "contracts")]
pub(crate) mod check;
#[cfg(feature = "contracts")]
pub(crate) mod compact;
#[cfg(feature = "board")]
pub(crate) mod fields;
#[cfg(feature = "contracts")]
pub(crate) mod object;
pub(crate) mod write;

#[cfg(all(feature = "contracts", any(test, fuzzing)))]
mod oracle;
#[cfg(all(feature = "contracts", test))]
mod tests;

#[cfg(all(feature = "contracts", fuzzing))]
pub(crate) use oracle::fuzz_json;
