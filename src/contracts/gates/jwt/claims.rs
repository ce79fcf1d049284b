//! What a token says: an object of which some fields are read, each as its JSON text.

use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// An object's fields. Of a name that comes twice the last counts.
#[derive(Debug)]
pub(super) struct Claims<'t>(BTreeMap<String, &'t RawValue>);

/// Why a field cannot be used.
pub(super) type Why = &'static str;

impl<'t> Claims<'t> {
    pub(super) fn read(bytes: &'t [u8]) -> Option<Self> {
        serde_json::from_str(std::str::from_utf8(bytes).ok()?).ok().map(Self)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn raw(&self, name: &str) -> Option<&'t str> {
        self.0.get(name).map(|raw| raw.get())
    }

    /// A string, if it is there.
    pub(super) fn string(&self, name: &str) -> Result<Option<String>, Why> {
        self.raw(name).map(|raw| serde_json::from_str(raw).map_err(|_| "a claim is not a string")).transpose()
    }

    /// A string, or a number in the digits it came in.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Why> {
        match self.raw(name) {
            Some(raw) if raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                Ok(Some(raw.to_owned()))
            }
            _ => self.string(name).map_err(|_| "a claim is neither a string nor a number"),
        }
    }

    /// A string, or an array of strings.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Why> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let read = if raw.starts_with('"') {
            serde_json::from_str(raw).map(|text| vec![text])
        } else {
            serde_json::from_str(raw)
        };
        read.map(Some).map_err(|_| "a claim is neither a string nor an array of strings")
    }

    /// A moment (RFC 7519, 2, NumericDate: seconds, perhaps with a fraction), in milliseconds.
    pub(super) fn moment(&self, name: &str) -> Result<Option<i64>, Why> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let seconds: f64 = serde_json::from_str(raw).map_err(|_| "a claim is not a number of seconds")?;
        // One beyond all time becomes the last moment there is, as the cast does.
        Ok(Some((seconds * 1_000.0) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_their_types() {
        let json = br#"{"a":"x\u00e9","n":12.50,"l":["p","q"],"a":"y","o":{"a":1},"t":1.0015,"far":1e300,"no":null}"#;
        let claims = Claims::read(json).unwrap();
        assert_eq!(claims.string("a"), Ok(Some("y".into())), "the last of two");
        assert_eq!(claims.text("n"), Ok(Some("12.50".into())), "digit for digit");
        assert_eq!(claims.texts("l"), Ok(Some(vec!["p".into(), "q".into()])));
        assert_eq!(claims.texts("a"), Ok(Some(vec!["y".into()])));
        assert_eq!((claims.moment("t"), claims.moment("far")), (Ok(Some(1_001)), Ok(Some(i64::MAX))));
        assert_eq!((claims.text("none"), claims.texts("none")), (Ok(None), Ok(None)));
        for name in ["o", "no", "l"] {
            assert!(claims.text(name).is_err() && claims.moment(name).is_err(), "{name}");
        }
        assert!(claims.texts("n").is_err() && claims.texts("no").is_err() && claims.moment("a").is_err());
        for wrong in [&b"[]"[..], b"", b"{", b"\xff", b"{\"a\":}", br#"{"a":"\ud800"} x"#] {
            assert!(Claims::read(wrong).is_none());
        }
        assert!(Claims::read(br#"{"a":"\ud800"}"#).unwrap().string("a").is_err());
        // However deep: what is not asked for is skipped without recursion.
        let deep = format!("{{\"a\":{}{},\"b\":1}}", "[".repeat(100_000), "]".repeat(100_000));
        let claims = Claims::read(deep.as_bytes()).unwrap();
        assert!(claims.moment("b").is_ok() && claims.texts("a").is_err());
        assert!(Claims::read(&deep.as_bytes()[..150_000]).is_none());
    }
}
