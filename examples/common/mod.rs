//! What every example needs: its flags, the ready line, and a clean stop on SIGINT or SIGTERM.

use andon::{Server, StartError, Stopped};
use std::{process::ExitCode, time::Duration};

/// Reads `--listen ADDR` (repeatable). Anything else prints the usage and ends with status 2.
pub(crate) fn listen_flags(name: &str, what: &str, default: &str) -> Vec<String> {
    let mut listen = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match (arg.as_str(), args.next()) {
            ("--listen", Some(address)) => listen.push(address),
            ("--help" | "-h", _) => {
                println!(
                    "{name}: {what}\n\n  --listen IP:PORT  listen there (default {default}; port 0 takes a free one; repeatable)"
                );
                std::process::exit(0);
            }
            ("--listen", None) => usage(name, "--listen needs an address, such as 127.0.0.1:8000"),
            (other, _) => usage(name, &format!("unknown argument {other}: try --help")),
        }
    }
    if listen.is_empty() {
        listen.push(default.to_owned());
    }
    listen
}

fn usage(name: &str, why: &str) -> ! {
    eprintln!("{name}: {why}");
    std::process::exit(2)
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
