//! `/metrics`: all statistics as Prometheus reads them, in its text format 0.0.4.

use super::{answer, late::Late};
use crate::{
    contracts::route::{Route, RouteContext},
    ground::{
        counters::Stats,
        histogram::{BOUNDS_NANOS, HistogramShown},
    },
    wire::request::Request,
};
use std::{fmt::Write as _, sync::Arc};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Statistics that are one metric with a label.
struct Family {
    metric: &'static str,
    help: &'static str,
    label: &'static str,
    /// The statistics' names up to here are the family's, and what follows is the label's value.
    prefix: &'static str,
}

const FAMILIES: [Family; 3] = [
    Family {
        metric: "andon_refused_total",
        help: "Connections, handshakes and requests that were refused for want of room, for their origin, or because the server stops; by cause.",
        label: "cause",
        prefix: "refused_",
    },
    Family {
        metric: "andon_answers_total",
        help: "Answers to requests that were refused or went wrong by status, and all others.",
        label: "status",
        prefix: "answered_",
    },
    Family {
        metric: "andon_closed_by_cause_total",
        help: "WebSocket connections that ended, by cause.",
        label: "cause",
        prefix: "closed_",
    },
];

/// Statistics that are one metric with a label, under names that have no beginning in common.
struct Drops {
    metric: &'static str,
    help: &'static str,
    /// The cause, and the statistic's name.
    causes: &'static [(&'static str, &'static str)],
}

const DROPS: [Drops; 3] = [
    Drops {
        metric: "andon_frames_dropped_total",
        help: "Frames that slow clients never got, since they were led to newer ones; by cause.",
        causes: &[("conflated", "conflated"), ("skipped", "skipped")],
    },
    Drops {
        metric: "andon_events_dropped_total",
        help: "Events that the host never got: replaced by newer ones of their key, dropped at the end, or notices for which there was no room; by cause.",
        causes: &[
            ("conflated", "events_conflated"),
            ("ended", "events_dropped"),
            ("no_room", "notices_dropped"),
        ],
    },
    Drops {
        metric: "andon_records_lost_total",
        help: "Records that were not committed: refused by the store, refused before they reached it, or without an answer when the server ended; by cause.",
        causes: &[
            ("rejected", "records_failed"),
            ("refused", "records_refused"),
            ("unanswered", "records_unanswered"),
        ],
    },
];

pub(super) fn route(late: Arc<Late>) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let mut out = String::with_capacity(16 << 10);
        let began = context.began.wall.as_millis();
        describe("andon_build_info", "gauge", "The version of the library.", &mut out);
        // Writing to a string does not fail.
        let _ = writeln!(out, "andon_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        describe(
            "andon_start_time_seconds",
            "gauge",
            "When the server started, in seconds since 1970.",
            &mut out,
        );
        let _ = writeln!(
            out,
            "andon_start_time_seconds {}.{:03}",
            began.div_euclid(1_000),
            began.rem_euclid(1_000)
        );
        statistics(&late.stats(), &mut out);
        if let Some(timings) = late.timings() {
            let metrics = [
                ("andon_turn_seconds", "A turn of the loop, without its wait.", &timings.turn),
                (
                    "andon_handover_seconds",
                    "From the moment when the host leaves something for a loop that had nothing, a publish above all, to the end of the turn that took it, with its writes.",
                    &timings.handover,
                ),
                ("andon_commit_seconds", "A try of the store to commit a batch of records.", &timings.commit),
            ];
            for (metric, help, histogram) in metrics {
                buckets(metric, help, &histogram.shown(), &mut out);
            }
        }
        answer::text(request, CONTENT_TYPE, out)
    }
}

/// Each statistic once: in its family, or by itself.
fn statistics(stats: &Stats, out: &mut String) {
    let all = || Stats::NAMES.iter().zip(stats.to_array()).map(|(name, value)| (*name, value));
    for family in &FAMILIES {
        describe(family.metric, "counter", family.help, out);
        for (name, value) in all() {
            if let Some(cause) = name.strip_prefix(family.prefix) {
                let _ = writeln!(out, "{}{{{}=\"{cause}\"}} {value}", family.metric, family.label);
            }
        }
    }
    for drops in &DROPS {
        describe(drops.metric, "counter", drops.help, out);
        for (cause, statistic) in drops.causes {
            for (_, value) in all().filter(|(name, _)| name == statistic) {
                let _ = writeln!(out, "{}{{cause=\"{cause}\"}} {value}", drops.metric);
            }
        }
    }
    for ((name, value), help) in all().zip(Stats::HELP) {
        if !is_of_a_family(name) {
            alone(name, value, help.trim(), out);
        }
    }
}

fn is_of_a_family(name: &str) -> bool {
    FAMILIES.iter().any(|family| name.starts_with(family.prefix))
        || DROPS.iter().any(|drops| drops.causes.iter().any(|(_, statistic)| *statistic == name))
}

/// A statistic that is a metric by itself. Its documentation says by its end whether it is a gauge, and by its first sentence what it counts.
fn alone(name: &str, value: u64, help: &str, out: &mut String) {
    let is_gauge = help.ends_with(", now.");
    let help = help.split_once(". ").map_or(help, |(first, _)| first).replace('`', "");
    let (kind, suffix) = if is_gauge { ("gauge", "") } else { ("counter", "_total") };
    let metric = format!("andon_{name}{suffix}");
    describe(&metric, kind, &help, out);
    let _ = writeln!(out, "{metric} {value}");
}

fn buckets(metric: &str, help: &str, shown: &HistogramShown, out: &mut String) {
    describe(metric, "histogram", help, out);
    let mut below = 0;
    for (count, bound) in shown.buckets.iter().zip(BOUNDS_NANOS) {
        below += count;
        let _ = writeln!(out, "{metric}_bucket{{le=\"{}\"}} {below}", Seconds(bound));
    }
    // Of the same counts, so that the last bucket is the count.
    let all: u64 = shown.buckets.iter().sum();
    let _ = writeln!(out, "{metric}_bucket{{le=\"+Inf\"}} {all}");
    let _ = writeln!(out, "{metric}_sum {}", Seconds(shown.sum_nanos));
    let _ = writeln!(out, "{metric}_count {all}");
}

/// Nanoseconds, written as seconds with no more digits than needed.
struct Seconds(u64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{rest:09}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// What stands above a metric's samples. In a help text backslashes and line breaks are escaped.
fn describe(metric: &str, kind: &str, help: &str, out: &mut String) {
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    let _ = writeln!(out, "# HELP {metric} {help}\n# TYPE {metric} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_the_digits_they_need() {
        for (nanos, text) in [(0, "0"), (10_000, "0.00001"), (2_500_000_000, "2.5"), (10_000_000_000, "10")] {
            assert_eq!(Seconds(nanos).to_string(), text);
        }
    }
}
