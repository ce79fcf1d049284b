//! Looking headers up.

use httparse::Header;

/// Every value of a header.
pub(crate) fn values<'a, 'n>(
    headers: &'a [Header<'a>],
    name: &'n str,
) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

/// Whether a header that is a comma-separated list contains `token`, in whatever case, over all its lines.
pub(crate) fn has_token(headers: &[Header<'_>], name: &str, token: &str) -> bool {
    values(headers, name)
        .flat_map(|value| value.split(|&byte| byte == b','))
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}
