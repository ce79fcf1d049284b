//! Starts and stops a server, and prints what is logged meanwhile. Built and run by `tests/process.rs`, in a package of its own.

use std::time::Duration;

struct Printing;

impl log::Log for Printing {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            println!("{} {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}

fn main() {
    log::set_logger(&Printing).expect("no logger before this one");
    log::set_max_level(log::LevelFilter::Warn);
    let server = andon::Server::builder().listen("127.0.0.1:0").start().expect("a server");
    server.stop(Duration::from_secs(5));
}
