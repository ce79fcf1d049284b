//! What a server says, given to a callback of the host's.

use super::{
    callback::Context,
    config::{andon_config, log_to},
    fault::{bad, null},
    guard::enter,
    options::{self, Options},
    sink::{Sink, install},
    status::andon_status,
    types::andon_str,
};
use core::ffi::c_void;
use log::LevelFilter;

/// How much a word matters: one of `ANDON_LOG_*`.
pub type andon_log_level = i32;
/// Something is lost or broken.
pub const ANDON_LOG_ERROR: andon_log_level = 1;
/// Something is not as it should be.
pub const ANDON_LOG_WARN: andon_log_level = 2;
/// Good to know.
pub const ANDON_LOG_INFO: andon_log_level = 3;
/// For those who look for a fault.
pub const ANDON_LOG_DEBUG: andon_log_level = 4;
/// Everything.
pub const ANDON_LOG_TRACE: andon_log_level = 5;

/// Where a server's words go.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_log_options {
    /// Set by `ANDON_LOG_OPTIONS_INIT`.
    pub struct_size: usize,
    /// One of `ANDON_LOG_*`: that level, and those that matter more. Default `ANDON_LOG_WARN`.
    pub level: andon_log_level,
    /// For `write` and `drop`.
    pub context: *mut c_void,
    /// Called for each word: mostly on the server's thread, sometimes on threads that call the library, also at once. It must not wait; what the library is asked to say from within is not said.
    pub write: Option<unsafe extern "C" fn(context: *mut c_void, level: andon_log_level, message: andon_str)>,
    /// Called when `context` is not used any more: when the server was freed and its thread has ended. May be NULL.
    pub drop: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

// SAFETY: the size first; null, numbers and no functions are zeros.
unsafe impl Options for andon_log_options {
    const NAME: &'static str = "andon_log_options";
}

/// Gives the server's words to a callback. Without this nothing is said.
///
/// Threads: any. Blocking: never. Ownership: copied; `context` is the library's until `drop`, if the call succeeds. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_ARGUMENT`, `SPENT`, `LOGGER_TAKEN`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_log(
    config: *mut andon_config,
    options: *const andon_log_options,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let options = unsafe { options::need(options) }?;
        let write = options.write.ok_or_else(|| null("andon_log_options.write"))?;
        let level = match options.level {
            ANDON_LOG_ERROR => LevelFilter::Error,
            0 | ANDON_LOG_WARN => LevelFilter::Warn,
            ANDON_LOG_INFO => LevelFilter::Info,
            ANDON_LOG_DEBUG => LevelFilter::Debug,
            ANDON_LOG_TRACE => LevelFilter::Trace,
            other => return Err(bad(format!("{other} is no level: give one of ANDON_LOG_*"))),
        };
        install()?;
        let make = || Sink::new(level, write, Context::new(options.context, options.drop));
        // SAFETY: the caller's word.
        unsafe { log_to(config, make) }
    })
}
