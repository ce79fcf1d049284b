//! Echoes text and binary messages of up to 16 MiB at `/`: the target for RFC 6455 conformance suites.
//!
//!     cargo run --release --example echo -- --listen 127.0.0.1:9001

mod common;

use andon::{ConnId, Contract, Effects, Limits, Message, Server};
use std::process::ExitCode;

struct Echo;

impl Contract for Echo {
    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        fx.send(peer, message);
    }
}

fn main() -> ExitCode {
    let listen = common::listen_flags("echo", "a WebSocket echo server", "127.0.0.1:9001");
    let mut limits = Limits::default();
    limits.connections = Some(16_000);
    limits.message_bytes = 16 << 20;
    limits.frame_bytes = 16 << 20;
    limits.partial_bytes_total = 256 << 20;
    limits.outbox_bytes = 80 << 20;
    limits.outbox_bytes_total = 256 << 20;
    let mut builder = Server::builder().limits(limits).mount("/", |_: &mut andon::Setup<'_>| Echo);
    for address in listen {
        builder = builder.listen(address);
    }
    common::serve("echo", builder.start())
}
