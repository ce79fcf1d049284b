//! The equipment monitor: a tag table, shown to whoever watches.
//!
//! Every client of the mount belongs to a *view*: what it asked for in its query, or what everyone gets. Clients that want the same share one view, with
//! one topic and one encoding. The contract looks at the tag table when a view is due, and when equipment may have gone stale; it sleeps in between.

mod fragments;
mod messages;
mod monitor;
mod query;
mod reading;
mod view;

use self::{
    monitor::Monitor,
    reading::{Reading, lock},
};
use super::contract::{Contract, ContractFactory, Setup};
#[cfg(feature = "board")]
use crate::ground::time::Now;
use crate::{
    ground::limits::{
        LOG_BYTES_MIN, Limits, MONITOR_LARGE_HELD, MONITOR_MESSAGE_LARGE, MONITOR_MESSAGES_HELD,
        MONITOR_PERIOD_MIN, MONITOR_VIEWS_MAX,
    },
    hub::tags::scan::TagScan,
};
use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

/// How an equipment monitor behaves.
#[derive(Debug, Clone)]
struct Settings {
    period: Duration,
    /// At most one message in this time to those who want changes as they are seen; `None`: they get them each period.
    on_change: Option<Duration>,
    scan_every: Duration,
    views: usize,
}

/// The equipment monitor as a contract, to be mounted: it shows a tag table to its clients, all of it each period, and to those who ask for it in their
/// query, a part, another rate, or only what changes.
///
/// | query | gives |
/// | --- | --- |
/// | none | `connection_status` with all equipment, then `equipment_status` each period |
/// | `rate=5` | the same so many times a second: 0.2, 0.5, 1, 2, 5, 10, 20 or 50, the next lower one |
/// | `equipment=A,B` | of these only |
/// | `mode=changes` | one `equipment_status`, then `equipment_changes` with what has changed, numbered by `seq`; a client that is too slow gets a `gap` and a full `equipment_status` |
///
/// ```
/// use andon::{Equipment, EquipmentMonitor, Server, Stale, Tags};
/// use std::time::Duration;
///
/// let (tags, scan) = Tags::builder()
///     .equipment(Equipment::new("KRCWO12ELOA101", "Upper 로봇 용접", Stale::after(Duration::from_secs(5))))
///     .build()?;
/// let robot = tags.equipment("KRCWO12ELOA101").expect("declared above");
/// let server = Server::builder()
///     .listen("127.0.0.1:0")
///     .mount("/ws/monitor", EquipmentMonitor::new(scan))
///     .start()?;
/// // From any thread, a control loop among them: no lock, no allocation, no system call.
/// tags.touch(robot)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A clone shows the same table; mounted at another path, it may have other settings.
#[derive(Clone)]
#[must_use = "a monitor shows nothing until it is mounted"]
pub struct EquipmentMonitor {
    /// Used on the loop's thread only, by one contract or endpoint at a time, so that nobody ever waits for it.
    reading: Arc<Mutex<Reading>>,
    settings: Settings,
}

impl EquipmentMonitor {
    /// Shows the table that this scan reads.
    pub fn new(scan: TagScan) -> Self {
        let settings = Settings {
            period: Duration::from_secs(1),
            on_change: None,
            scan_every: Duration::from_millis(2),
            views: MONITOR_VIEWS_MAX,
        };
        Self { reading: Arc::new(Mutex::new(Reading::new(scan))), settings }
    }

    /// How often everyone who asks for nothing else gets everything. Default 1 s, at least 10 ms.
    pub fn period(mut self, period: Duration) -> Self {
        self.settings.period = period.max(MONITOR_PERIOD_MIN);
        self
    }

    /// Sends changes as they are seen to those who ask for `mode=changes` without a `rate`, at most once in `min_interval`. While there is such a client the
    /// table is looked at every [`scan_every`](Self::scan_every). Default: they get them each period.
    pub fn on_change(mut self, min_interval: Duration) -> Self {
        self.settings.on_change = Some(min_interval);
        self
    }

    /// How often the table is looked at for [`on_change`](Self::on_change). Default 2 ms, at least 100 µs.
    pub fn scan_every(mut self, interval: Duration) -> Self {
        self.settings.scan_every = interval.max(Duration::from_micros(100));
        self
    }

    /// How many different views there may be at once; whoever asks for one more gets 503. Default and most: 64.
    pub fn views(mut self, max: usize) -> Self {
        self.settings.views = max.clamp(1, MONITOR_VIEWS_MAX);
        self
    }
}

#[cfg(feature = "board")]
impl EquipmentMonitor {
    /// Its period, and whether changes are sent as they are seen.
    pub(crate) fn rhythm(&self) -> (Duration, bool) {
        (self.settings.period, self.settings.on_change.is_some())
    }

    /// Whether both show one table.
    pub(crate) fn is_same_table(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.reading, &other.reading)
    }

    /// Appends the JSON of the equipment of these codes, or of all, with commas between, as it is now. An error says what is wrong with the codes. On the
    /// loop's thread, as all that reads the table.
    pub(crate) fn list(&self, now: Now, codes: Option<&str>, out: &mut String) -> Result<(), String> {
        let mut reading = lock(&self.reading);
        reading.look_lately(now);
        reading.list(codes, out)
    }

    /// Bytes of what [`list`](Self::list) appends at most.
    pub(crate) fn list_bytes_max(&self) -> usize {
        fragments::Fragments::json_max(lock(&self.reading).scan.extent_max())
    }

    /// Whether the host's source is lost.
    pub(crate) fn source_lost(&self, now: Now) -> bool {
        let mut reading = lock(&self.reading);
        reading.look_lately(now);
        reading.scan.source_lost()
    }
}

impl ContractFactory for EquipmentMonitor {
    fn build(&mut self, setup: &mut Setup<'_>) -> Box<dyn Contract> {
        Box::new(Monitor::new(Arc::clone(&self.reading), self.settings.clone(), setup.effects()))
    }

    /// Its table among them; a table that is shown at several paths is counted at each.
    fn memory_ceiling(&self, limits: &Limits) -> usize {
        Monitor::memory_ceiling(&lock(&self.reading).scan, &self.settings, limits)
    }
}

impl fmt::Debug for EquipmentMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EquipmentMonitor").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Bytes of the log of a view whose full message takes `message_bytes`.
fn log_bytes(message_bytes: usize) -> usize {
    let held = if message_bytes > MONITOR_MESSAGE_LARGE { MONITOR_LARGE_HELD } else { MONITOR_MESSAGES_HELD };
    message_bytes.saturating_mul(held).max(LOG_BYTES_MIN)
}
