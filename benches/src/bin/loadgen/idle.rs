//! Idle connections: what memory the server takes for each, and whether it sleeps.

use super::{
    clients::{Clients, OPENED_AT_ONCE},
    options::Options,
    reading::Reading,
    report::Report,
    server::Server,
};

const SECOND_NS: u64 = 1_000_000_000;
/// Opened and closed first, so that what a server allocates once is not counted.
const BEFORE: usize = 8;

pub(crate) fn run(options: &Options) -> Result<Report, String> {
    let server = Server::new(options.pid.ok_or("idle needs --pid")?)?;
    let memory = || server.memory().ok_or("the server is gone");
    let mut clients = Clients::new(options)?;
    let before = clients.open_many(&options.target, BEFORE, BEFORE)?;
    clients.rest(SECOND_NS / 2);
    for id in before {
        clients.close(id);
    }
    clients.rest(SECOND_NS / 2);

    let memory_before = memory()?;
    let begin = Reading::take(Some(server));
    clients.open_many(&options.target, options.clients, OPENED_AT_ONCE)?;
    let end = Reading::take(Some(server));
    clients.rest(SECOND_NS * 3 / 2);
    let memory_after = memory()?;

    let idle_begin = Reading::take(Some(server));
    clients.rest(2 * SECOND_NS);
    let idle_end = Reading::take(Some(server));

    let mut report = Report::of("idle");
    report.count("clients", options.clients as u64);
    let each = |before: u64, after: u64| (after as f64 - before as f64) * 1024.0 / options.clients as f64;
    report.real("rss_bytes_per_conn", each(memory_before.rss_kb, memory_after.rss_kb));
    report.real("anon_bytes_per_conn", each(memory_before.anonymous_kb, memory_after.anonymous_kb));
    report.count("rss_before_kb", memory_before.rss_kb).count("rss_after_kb", memory_after.rss_kb);
    begin.tell(&end, options.clients as u64, "accept", &mut report);
    if let Some(used_ns) = idle_begin.server_ns(&idle_end) {
        report.real("idle_cpu_share", used_ns as f64 / idle_begin.elapsed_ns(&idle_end) as f64);
    }
    report.count("closed", (options.clients - clients.open_count()) as u64);
    Ok(report)
}
