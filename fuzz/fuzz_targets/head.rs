//! Request heads, targets and bodies: any bytes give a request or an answer that is known.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| andon::fuzz::head(data));
