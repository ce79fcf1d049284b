//! Which version this is.

use core::ffi::{CStr, c_char};

/// The major version that the program was compiled with.
pub const ANDON_VERSION_MAJOR: u32 = 0;
/// The minor version that the program was compiled with.
pub const ANDON_VERSION_MINOR: u32 = 1;
/// The patch version that the program was compiled with.
pub const ANDON_VERSION_PATCH: u32 = 0;
/// The version that the program was compiled with, as `andon_version` gives it: major * 1000000 + minor * 1000 + patch.
pub const ANDON_VERSION: u32 = 1000;

const _: () = assert!(
    ANDON_VERSION == ANDON_VERSION_MAJOR * 1_000_000 + ANDON_VERSION_MINOR * 1_000 + ANDON_VERSION_PATCH
);

const TEXT: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(text) => text,
    Err(_) => c"",
};

/// The version of the library that the program runs with: major * 1000000 + minor * 1000 + patch, to be compared with `ANDON_VERSION`.
///
/// Threads: any. Blocking: never. Real-time: yes. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn andon_version() -> u32 {
    ANDON_VERSION
}

/// The same as a text, such as "0.1.0".
///
/// Threads: any. Blocking: never. Ownership: static. Real-time: yes. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn andon_version_text() -> *const c_char {
    TEXT.as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_versions_agree() {
        let text = format!("{ANDON_VERSION_MAJOR}.{ANDON_VERSION_MINOR}.{ANDON_VERSION_PATCH}");
        assert_eq!(text, env!("CARGO_PKG_VERSION"), "see src/ffi/version.rs");
        assert_eq!(TEXT.to_str(), Ok(text.as_str()));
        assert_eq!(andon_version(), ANDON_VERSION);
        assert_eq!(ANDON_VERSION / 1_000_000, ANDON_VERSION_MAJOR);
        assert_eq!(ANDON_VERSION / 1_000 % 1_000, ANDON_VERSION_MINOR);
        assert_eq!(ANDON_VERSION % 1_000, ANDON_VERSION_PATCH);
    }
}
