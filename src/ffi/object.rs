//! Handles: objects behind opaque pointers, which know what they are and which process they belong to.

use super::{
    fault::{Fault, null},
    fork,
    guard::Outcome,
    status::{ANDON_STATUS_BAD_HANDLE, ANDON_STATUS_FORKED, ANDON_STATUS_NULL_ARGUMENT, andon_status},
};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What every object begins with. Its first bytes are looked at before anything else, so that a handle of another kind is found out and not read as this one.
#[repr(C)]
pub(super) struct Head {
    /// [`Object::MARK`] while the object lives. It tells most mistaken pointers, and no memory is safe from all of them.
    mark: AtomicU32,
    /// The forks before it was made.
    forks: u32,
}

/// A thing behind a handle.
///
/// # Safety
///
/// `repr(C)`, and a [`Head`] is its first field.
pub(super) unsafe trait Object {
    /// Four letters as a number.
    const MARK: u32;
    /// What the header calls it.
    const NAME: &'static str;
}

impl Head {
    pub(super) fn of<T: Object>() -> Self {
        fork::watch();
        Self { mark: AtomicU32::new(T::MARK), forks: fork::count() }
    }
}

/// The object behind a handle, or what is wrong with that. No text is made.
///
/// # Safety
///
/// The pointer is null, or to memory that can be read as a `T` for as long as the reference is used.
#[inline]
pub(super) unsafe fn find<'a, T: Object>(handle: *const T) -> Result<&'a T, andon_status> {
    if handle.is_null() {
        return Err(ANDON_STATUS_NULL_ARGUMENT);
    }
    if !handle.is_aligned() {
        return Err(ANDON_STATUS_BAD_HANDLE);
    }
    // SAFETY: not null, aligned, and the caller's word that it can be read. Whatever object of ours it is, it begins so.
    let head = unsafe { &*handle.cast::<Head>() };
    if head.mark.load(Relaxed) != T::MARK {
        return Err(ANDON_STATUS_BAD_HANDLE);
    }
    if head.forks != fork::count() {
        return Err(ANDON_STATUS_FORKED);
    }
    // SAFETY: it is marked as such an object, and these are only shared.
    Ok(unsafe { &*handle })
}

/// As [`find`], with words.
///
/// # Safety
///
/// As [`find`].
pub(super) unsafe fn look<'a, T: Object>(handle: *const T) -> Result<&'a T, Fault> {
    // SAFETY: the caller's word.
    unsafe { find(handle) }.map_err(|status| {
        let name = T::NAME;
        let why = match status {
            ANDON_STATUS_NULL_ARGUMENT => format!("the {name} is NULL"),
            ANDON_STATUS_FORKED => {
                format!("this {name} is the parent process's: make one of your own after the fork")
            }
            _ => format!("the pointer is to no {name}: was it freed, or is it of another kind?"),
        };
        Fault::new(status, why)
    })
}

/// Gives an object to the host.
///
/// # Safety
///
/// `out` is null or can be written.
pub(super) unsafe fn give<T: Object>(make: impl FnOnce() -> Result<T, Fault>, out: *mut *mut T) -> Outcome {
    if out.is_null() {
        return Err(null("the place for the new object"));
    }
    let made = Box::into_raw(Box::new(make()?));
    // SAFETY: checked, and the caller's word.
    unsafe { out.write(made) };
    Ok(())
}

/// Takes an object back, to be dropped. `None`: there was none. One of the parent's is left alone, with all it holds.
///
/// # Safety
///
/// As [`find`]; and [`give`] gave the object, which nobody uses any more.
pub(super) unsafe fn take_back<T: Object>(handle: *mut T) -> Result<Option<Box<T>>, Fault> {
    if handle.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's word.
    unsafe { look(handle) }?;
    // SAFETY: it was looked at just now.
    unsafe { &*handle.cast::<Head>() }.mark.store(0, Relaxed);
    // SAFETY: it came from a box, and the caller's word that it is used no more.
    Ok(Some(unsafe { Box::from_raw(handle) }))
}

/// Writes an output.
///
/// # Safety
///
/// `out` is null or can be written.
pub(super) unsafe fn put<T>(out: *mut T, what: &str, value: T) -> Outcome {
    if out.is_null() {
        return Err(null(what));
    }
    // SAFETY: checked, and the caller's word.
    unsafe { out.write(value) };
    Ok(())
}
