//! An object that is being written, field by field.

use super::write;
use std::fmt::{Display, Write as _};

/// The fields of an object; its braces are written around them.
#[derive(Debug)]
pub(crate) struct Fields<'o> {
    out: &'o mut String,
    any: bool,
}

/// Appends an object.
pub(crate) fn object(out: &mut String, write: impl FnOnce(&mut Fields<'_>)) {
    out.push('{');
    write(&mut Fields { out, any: false });
    out.push('}');
}

/// Appends a list.
pub(crate) fn list<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    out.push('[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

impl Fields<'_> {
    /// A field whose value is written by a function. The name is written as it is.
    pub(crate) fn value(&mut self, name: &str, write: impl FnOnce(&mut String)) -> &mut Self {
        self.out.push_str(if self.any { ",\"" } else { "\"" });
        self.out.push_str(name);
        self.out.push_str("\":");
        write(self.out);
        self.any = true;
        self
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.value(name, |out| write::string(text, out))
    }

    pub(crate) fn text_or_null(&mut self, name: &str, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(name, text),
            None => self.plain(name, "null"),
        }
    }

    /// What is JSON as it prints: a number, a truth, JSON that is there already.
    pub(crate) fn plain(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.value(name, |out| {
            // Writing to a string does not fail.
            let _ = write!(out, "{value}");
        })
    }

    pub(crate) fn plain_or_null(&mut self, name: &str, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.plain(name, value),
            None => self.plain(name, "null"),
        }
    }

    /// What prints without anything that must be escaped, such as a time.
    pub(crate) fn quoted(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.value(name, |out| {
            // Writing to a string does not fail.
            let _ = write!(out, "\"{value}\"");
        })
    }

    pub(crate) fn quoted_or_null(&mut self, name: &str, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.quoted(name, value),
            None => self.plain(name, "null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_their_order_and_are_escaped() {
        let mut out = String::new();
        object(&mut out, |fields| {
            fields.text("a", "\"x\"").text_or_null("b", None).plain("c", 1).plain_or_null("d", Some(true));
            fields.quoted("e", "2026").quoted_or_null("f", None::<u8>);
            fields.value("g", |out| {
                list(out, [1, 2], |out, n| {
                    object(out, |fields| {
                        fields.plain("n", n);
                    });
                });
            });
        });
        assert_eq!(out, r#"{"a":"\"x\"","b":null,"c":1,"d":true,"e":"2026","f":null,"g":[{"n":1},{"n":2}]}"#);
        out.clear();
        object(&mut out, |_| {});
        assert_eq!(out, "{}");
    }
}
