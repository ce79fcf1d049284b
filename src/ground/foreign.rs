//! The host's code on our threads: a panic in it goes no further, be it in a call or in a drop.

use std::{
    any::Any,
    cell::Cell,
    fmt, mem,
    ops::{Deref, DerefMut},
    panic::{AssertUnwindSafe, catch_unwind},
};

thread_local! {
    /// Panics of drops on this thread that nobody has counted. A drop can be told no place to count them.
    static DROP_PANICS: Cell<u64> = const { Cell::new(0) };
}

/// The host's code panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Runs code of the host. What it has left half done is for the caller to throw away.
#[inline(always)] // Control threads come by here for some nanoseconds of work, which a call by memory would double.
pub(crate) fn call<R>(code: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(code)).map_err(over)
}

/// Ends a panic.
#[cold]
fn over(payload: Box<dyn Any + Send>) -> Panicked {
    // Its drop is the host's code again. A client may be able to cause panics, so none is to leave anything behind, but for one that panics
    // even then.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
    Panicked
}

/// The panics of drops on this thread since this was last asked.
pub(crate) fn take_drop_panics() -> u64 {
    DROP_PANICS.take()
}

/// An object of the host, whose drop, wherever it happens, is the host's code: a panic in it is logged, counted and over.
pub(crate) struct Foreign<T: ?Sized>(
    /// There until [`into_inner`](Foreign::into_inner) or the drop.
    Option<Box<T>>,
);

impl<T: ?Sized> Foreign<T> {
    pub(crate) fn new(object: Box<T>) -> Self {
        Self(Some(object))
    }

    /// Gives the object back to the host's code.
    pub(crate) fn into_inner(mut self) -> Box<T> {
        self.0.take().expect("only this takes it out, once")
    }
}

impl<T: ?Sized> Deref for Foreign<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        self.0.as_deref().expect("it is there until it is given away")
    }
}

impl<T: ?Sized> DerefMut for Foreign<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().expect("it is there until it is given away")
    }
}

impl<T: ?Sized> Drop for Foreign<T> {
    fn drop(&mut self) {
        let object = self.0.take();
        if call(|| drop(object)).is_err() {
            log::error!("an object of the host panicked when it was dropped");
            // A thread that is ending counts no more.
            let _ = DROP_PANICS.try_with(|panics| panics.set(panics.get() + 1));
        }
    }
}

impl<T: ?Sized> fmt::Debug for Foreign<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Foreign(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::resume_unwind;

    /// Panics when it is dropped, and again when the panic's payload is.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new(Bomb));
        }
    }

    /// A request that makes a route panic, sent for ever, would cost memory for ever.
    #[test]
    fn what_a_panic_carries_is_let_go_of() {
        let carried = std::sync::Arc::new(());
        let payload = Box::new(std::sync::Arc::clone(&carried));
        assert_eq!(call(|| resume_unwind(payload)), Err::<(), _>(Panicked));
        assert_eq!(std::sync::Arc::strong_count(&carried), 1);
    }

    #[test]
    fn a_panic_goes_no_further() {
        take_drop_panics();
        assert_eq!(call(|| 5), Ok(5));
        assert_eq!(call(|| resume_unwind(Box::new(Bomb))), Err::<(), _>(Panicked));
        let bomb = || Foreign::<dyn Any>::new(Box::new(Bomb));
        // Each by itself: two panics out of one drop would end the process.
        drop((bomb(), vec![bomb(), bomb()]));
        assert_eq!((take_drop_panics(), take_drop_panics()), (3, 0));
        mem::forget(bomb().into_inner());
        assert_eq!(take_drop_panics(), 0, "it is the host's again");
    }
}
