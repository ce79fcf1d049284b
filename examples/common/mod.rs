//! What every example needs: its flags, the ready line, and a clean stop on SIGINT or SIGTERM.

pub(crate) mod flags;

use andon::{Server, StartError, Stopped};
use std::{process::ExitCode, time::Duration};

/// Reads `--listen ADDR` (repeatable). Anything else prints what is wrong and ends with status 2.
#[allow(dead_code, reason = "an example with more flags has its own")]
pub(crate) fn listen_flags(name: &'static str, what: &'static str, default: &'static str) -> Vec<String> {
    flags::Flags::new(name, what, default).read().listen
}

/// Says where the server listens, waits for SIGINT or SIGTERM, and stops it.
#[allow(dead_code, reason = "an example uses this or the next")]
pub(crate) fn serve(name: &str, server: Result<Server, StartError>) -> ExitCode {
    serve_saying(name, server, "")
}

/// The same; after the ready line it says `more`, unless that is empty.
pub(crate) fn serve_saying(name: &str, server: Result<Server, StartError>, more: &str) -> ExitCode {
    // Watched from before the server is announced, so that no signal finds the default action.
    let stop = stop_signal();
    let server = match server {
        Ok(server) => server,
        Err(error) => {
            eprintln!("{name}: {error}");
            return ExitCode::FAILURE;
        }
    };
    for address in server.local_addrs() {
        println!("listening on ws://{address}");
    }
    if !more.is_empty() {
        println!("{more}");
    }
    stop();
    match server.stop(Duration::from_secs(5)) {
        Stopped::Clean => ExitCode::SUCCESS,
        how => {
            eprintln!("{name}: stopped, but not cleanly: {how:?}");
            ExitCode::SUCCESS
        }
    }
}

#[cfg(unix)]
fn stop_signal() -> impl FnOnce() {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).expect("signals can be watched");
    move || {
        signals.forever().next();
    }
}

#[cfg(not(unix))]
fn stop_signal() -> impl FnOnce() {
    // Without signals, the end of standard input is the sign.
    || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    }
}
