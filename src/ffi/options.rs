//! Option structs: of programs older and newer than this library.

use super::{
    fault::{Fault, null},
    status::ANDON_STATUS_BAD_STRUCT_SIZE,
};
use core::{mem::MaybeUninit, ptr};

/// A struct that begins with its size.
///
/// # Safety
///
/// `repr(C)`; its first field is `struct_size: usize`; and all zeros are a value of it.
pub(super) unsafe trait Options: Copy {
    const NAME: &'static str;
}

/// A copy of the options, what the program does not know being zero.
///
/// # Safety
///
/// The pointer is null, or to as many bytes as its first field says.
pub(super) unsafe fn read<T: Options>(options: *const T) -> Result<T, Fault> {
    let mut read = MaybeUninit::<T>::zeroed();
    if options.is_null() {
        // SAFETY: all zeros are a value, by the trait's word.
        return Ok(unsafe { read.assume_init() });
    }
    // SAFETY: it begins with its size, by the trait's word and the caller's.
    let given = unsafe { options.cast::<usize>().read_unaligned() };
    if given < size_of::<usize>() || given > 1 << 16 {
        let (name, known) = (T::NAME, size_of::<T>());
        return Err(Fault::new(
            ANDON_STATUS_BAD_STRUCT_SIZE,
            format!("{name}.struct_size is {given}, and {known} here: set it by the struct's initialiser"),
        ));
    }
    // SAFETY: as many bytes as there are on both sides.
    unsafe {
        ptr::copy_nonoverlapping(
            options.cast::<u8>(),
            read.as_mut_ptr().cast::<u8>(),
            given.min(size_of::<T>()),
        );
    }
    for at in size_of::<T>()..given {
        // SAFETY: within what the caller says there is.
        if unsafe { options.cast::<u8>().add(at).read() } != 0 {
            let name = T::NAME;
            return Err(Fault::new(
                ANDON_STATUS_BAD_STRUCT_SIZE,
                format!(
                    "{name} sets something at byte {at} that this library is too old to know: leave it zero"
                ),
            ));
        }
    }
    // SAFETY: its bytes are those of such a struct, or zero.
    Ok(unsafe { read.assume_init() })
}

/// The same of what must be there.
///
/// # Safety
///
/// As [`read`].
pub(super) unsafe fn need<T: Options>(options: *const T) -> Result<T, Fault> {
    if options.is_null() {
        return Err(null(T::NAME));
    }
    // SAFETY: the caller's word.
    unsafe { read(options) }
}
