//! Texts that come in another encoding than UTF-8, decoded where they come in.

use super::{fault::Fault, status::ANDON_STATUS_BAD_ENCODING, types::andon_str};
use std::borrow::Cow;

/// What a text is written in: one of `ANDON_ENCODING_*`.
pub type andon_encoding = i32;
/// UTF-8. The default.
pub const ANDON_ENCODING_UTF8: andon_encoding = 0;
/// CP949, which EUC-KR is a part of. In a build without the feature `cp949` it is answered with `NOT_SUPPORTED`.
pub const ANDON_ENCODING_CP949: andon_encoding = 1;

/// The text in UTF-8.
///
/// # Safety
///
/// As [`andon_str::read`].
pub(super) unsafe fn decode<'a>(
    given: andon_str,
    encoding: andon_encoding,
    what: &str,
) -> Result<Cow<'a, str>, Fault> {
    match encoding {
        // SAFETY: the caller's word.
        ANDON_ENCODING_UTF8 => unsafe { given.read(what) }.map(Cow::Borrowed),
        ANDON_ENCODING_CP949 => {
            // SAFETY: the caller's word.
            let bytes = unsafe { given.bytes(what) }?;
            cp949(bytes, what)
        }
        _ => Err(Fault::new(
            ANDON_STATUS_BAD_ENCODING,
            format!("{encoding} is no encoding: give ANDON_ENCODING_UTF8 or ANDON_ENCODING_CP949"),
        )),
    }
}

#[cfg(feature = "cp949")]
fn cp949<'a>(bytes: &'a [u8], what: &str) -> Result<Cow<'a, str>, Fault> {
    // What the web calls EUC-KR is CP949, which extends it.
    encoding_rs::EUC_KR.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(|| {
        Fault::new(ANDON_STATUS_BAD_ENCODING, format!("{what} is not CP949: is it UTF-8 already?"))
    })
}

#[cfg(not(feature = "cp949"))]
fn cp949<'a>(_: &'a [u8], what: &str) -> Result<Cow<'a, str>, Fault> {
    let why = format!("{what}: this build knows no CP949: build with the feature cp949, or give UTF-8");
    Err(Fault::new(super::status::ANDON_STATUS_NOT_SUPPORTED, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], encoding: andon_encoding) -> Option<String> {
        let given = andon_str { data: bytes.as_ptr().cast(), length: bytes.len() };
        // SAFETY: a slice.
        unsafe { decode(given, encoding, "the name") }.ok().map(Cow::into_owned)
    }

    #[test]
    #[cfg(not(feature = "cp949"))]
    fn cp949_is_refused_where_it_is_not_known() {
        assert_eq!(decoded(b"a", ANDON_ENCODING_CP949), None);
        assert_eq!(decoded(b"a", ANDON_ENCODING_UTF8).as_deref(), Some("a"));
    }

    #[test]
    #[cfg(feature = "cp949")]
    fn cp949_becomes_what_it_means() {
        // "용접기" is in EUC-KR; the first two bytes of "똠" are only in CP949.
        assert_eq!(decoded(b"\xbf\xeb\xc1\xa2\xb1\xe2", ANDON_ENCODING_CP949).as_deref(), Some("용접기"));
        assert_eq!(decoded(b"\x8c\x63 A-1", ANDON_ENCODING_CP949).as_deref(), Some("똠 A-1"));
        assert_eq!(decoded("용접기".as_bytes(), ANDON_ENCODING_UTF8).as_deref(), Some("용접기"));
        assert_eq!(decoded(b"\xbf\xeb\xc1\xa2\xb1\xe2", ANDON_ENCODING_UTF8), None);
        assert_eq!(decoded(b"\xff\xff", ANDON_ENCODING_CP949), None);
        assert_eq!(decoded(b"a", 7), None);
    }
}
