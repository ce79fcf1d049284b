//! JSON: any text is judged, compacted and read as a slow and simple parser does it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| andon::fuzz::json(data));
