//! What went wrong, in words.

use super::guard::last_error;
use core::ffi::c_char;

/// What the last failure on the calling thread was about: it names the culprit, what was expected and what to do. Empty when there was none. Ordinary
/// outcomes and tag writes leave it as it is.
///
/// Threads: any; each has its own. Blocking: never. Ownership: the library's, until the next failure on this thread. Real-time: no. Errors: none; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn andon_last_error() -> *const c_char {
    last_error()
}
