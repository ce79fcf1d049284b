//! Which codings of an answer's content a client takes: `Accept-Encoding` (RFC 9110, 12.5.3), and gzip itself.

use flate2::{Compression, write::GzEncoder};
use std::io::Write as _;

/// Whether gzip is among what the header's values accept. A client that sends none takes whatever comes by the standard; but those who cannot unpack say nothing either, so it
/// gets the plain content.
pub(crate) fn accepts_gzip<'a>(values: impl IntoIterator<Item = &'a str>) -> bool {
    let (mut gzip, mut any) = (None, None);
    for member in values.into_iter().flat_map(|value| value.split(',')) {
        let mut parts = member.split(';');
        let coding = parts.next().unwrap_or_default().trim();
        let wanted = parts.all(|parameter| !is_zero_weight(parameter));
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            gzip = Some(wanted);
        } else if coding == "*" {
            any = Some(wanted);
        }
    }
    gzip.or(any).unwrap_or(false)
}

/// Whether a parameter says `q=0`, with up to three decimals.
fn is_zero_weight(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else { return false };
    let weight = weight.trim();
    name.trim().eq_ignore_ascii_case("q")
        && weight.starts_with('0')
        && weight[1..].bytes().all(|byte| matches!(byte, b'.' | b'0'))
}

/// The bytes as a gzip file; `thoroughly`: as small as can be, for what is made once.
pub(crate) fn gzip(bytes: &[u8], thoroughly: bool) -> Vec<u8> {
    let level = if thoroughly { Compression::best() } else { Compression::fast() };
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), level);
    // Writing to a vector does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn who_takes_gzip() {
        for (values, takes) in [
            (&["gzip, deflate, br"][..], true),
            (&["deflate", "GZIP"], true),
            (&["x-gzip"], true),
            (&["*"], true),
            (&["br;q=1.0, *;q=0.1"], true),
            (&["gzip;q=0.001"], true),
            (&["gzip ; q = 0.5"], true),
            (&[], false),
            (&[""], false),
            (&["identity"], false),
            (&["br"], false),
            (&["gzip;q=0"], false),
            (&["gzip;Q=0.000, *"], false),
            (&["*;q=0"], false),
            (&["*;q=0, gzip"], true),
            (&["gzipped"], false),
            (&[";;,=,;q=0,"], false),
        ] {
            assert_eq!(accepts_gzip(values.iter().copied()), takes, "{values:?}");
        }
    }

    #[test]
    fn what_is_packed_unpacks() {
        let text = "{\"equipment_code\":\"KRCWO12ELOA101\"},".repeat(100);
        for thoroughly in [false, true] {
            let packed = gzip(text.as_bytes(), thoroughly);
            assert!(packed.len() < text.len() / 10, "{}", packed.len());
            let mut unpacked = String::new();
            flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
            assert_eq!(unpacked, text);
        }
    }
}
