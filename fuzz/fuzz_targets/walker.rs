//! Frames: any bytes, cut anywhere, give what a plain tungstenite gives for them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| andon::fuzz::walker(data));
