//! The walker by rule and by example. That it agrees with tungstenite on anything is in `property`.

mod closing;
mod faults;
mod frames;
mod plain;
mod property;
mod seeds;
