//! The one guard around every entry point: no panic leaves, and what went wrong is kept for the thread that asked.

use super::{
    fault::Fault,
    status::{ANDON_STATUS_OK, ANDON_STATUS_PANIC, andon_status},
};
use crate::ground::foreign::{self, Panicked};
use core::ffi::{CStr, c_char};
use std::{cell::RefCell, ffi::CString};

thread_local! {
    /// What the last failure on this thread was about.
    static LAST: RefCell<CString> = RefCell::new(CString::default());
}

pub(super) type Outcome = Result<(), Fault>;

/// Runs the body of an entry point.
pub(super) fn enter(body: impl FnOnce() -> Outcome) -> andon_status {
    match foreign::call(body) {
        Ok(Ok(())) => ANDON_STATUS_OK,
        Ok(Err(Fault { status, why })) => {
            if let Some(why) = why {
                remember(&why);
            }
            status
        }
        Err(Panicked) => {
            remember("a fault in the library itself: please report it with what was called");
            ANDON_STATUS_PANIC
        }
    }
}

/// As [`enter`], for real-time threads: what fails is told by its status alone.
#[inline(always)]
pub(super) fn enter_real_time(body: impl FnOnce() -> andon_status) -> andon_status {
    foreign::call(body).unwrap_or(ANDON_STATUS_PANIC)
}

/// As [`enter`], for what gives a value and not a status.
pub(super) fn enter_for<R>(otherwise: R, body: impl FnOnce() -> Result<R, Fault>) -> R {
    let mut value = otherwise;
    enter(|| {
        value = body()?;
        Ok(())
    });
    value
}

fn remember(why: &str) {
    let text = CString::new(why.replace('\0', "\u{fffd}")).unwrap_or_default();
    // A thread that is ending keeps nothing.
    let _ = LAST.try_with(|last| last.replace(text));
}

/// The message of the last failure; it lives until the next one on this thread.
pub(super) fn last_error() -> *const c_char {
    const NONE: &CStr = c"";
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(NONE.as_ptr())
}
