//! The equipment monitor: a tag table, shown to whoever watches.

use super::{
    config::{andon_config, change},
    guard::enter,
    mount::{andon_mount_options, mount_options},
    object::look,
    options::{self, Options},
    status::andon_status,
    tags::andon_tags,
    types::andon_str,
};
use std::time::Duration;

/// How an equipment monitor behaves. Zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_monitor_options {
    /// Set by `ANDON_MONITOR_OPTIONS_INIT`.
    pub struct_size: usize,
    /// How often everyone who asks for nothing else gets everything. Default 1,000, at least 10.
    pub period_ms: u32,
    /// Sends changes as they are seen to clients of `mode=changes` that name no rate, at most once in this time. Default: they get them each period.
    pub on_change_ms: u32,
    /// How often the table is looked at for `on_change_ms`. Default 2.
    pub scan_every_ms: u32,
    /// Different views at once; whoever asks for one more gets 503. Default and most: 64.
    pub views: usize,
}

// SAFETY: numbers, the size first.
unsafe impl Options for andon_monitor_options {
    const NAME: &'static str = "andon_monitor_options";
}

/// Mounts a tag table at a path, such as "/ws/monitor". The same table may be mounted at several. `options` and `mount` may be NULL.
///
/// Threads: any. Blocking: never. Ownership: copied; the table stays the caller's. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `SPENT`; a pattern that cannot be is told by the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_monitor(
    config: *mut andon_config,
    pattern: andon_str,
    tags: *const andon_tags,
    options: *const andon_monitor_options,
    mount: *const andon_mount_options,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let (pattern, tags, given) =
            unsafe { (pattern.read("the pattern")?, look(tags)?, options::read(options)?) };
        // SAFETY: the caller's word.
        let mount = unsafe { mount_options(mount) }?;
        let mut monitor = tags.monitor.clone();
        let millis = |millis: u32| Duration::from_millis(millis.into());
        if given.period_ms != 0 {
            monitor = monitor.period(millis(given.period_ms));
        }
        if given.on_change_ms != 0 {
            monitor = monitor.on_change(millis(given.on_change_ms));
        }
        if given.scan_every_ms != 0 {
            monitor = monitor.scan_every(millis(given.scan_every_ms));
        }
        if given.views != 0 {
            monitor = monitor.views(given.views);
        }
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.mount_with(pattern, mount, monitor)) }
    })
}
