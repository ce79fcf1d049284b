//! Floor 6: what a Rust host sees: builder in, handle out, events, stats.
