//! JSON without trees: judged, compacted, read field by field, and written. What is not interpreted passes through as the text it came in.

pub(crate) mod check;
pub(crate) mod compact;
pub(crate) mod object;
pub(crate) mod write;

#[cfg(any(test, fuzzing))]
mod oracle;
#[cfg(test)]
mod tests;

#[cfg(fuzzing)]
pub(crate) use oracle::fuzz_json;
