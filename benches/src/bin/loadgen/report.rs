//! What a run has found out: one flat object of JSON, in the order in which it was said.

use std::fmt::{self, Write};

/// The object, its closing brace still missing.
pub(crate) struct Report(String);

impl Report {
    pub(crate) fn of(workload: &str) -> Self {
        let mut report = Self(String::new());
        report.text("workload", workload);
        report
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        let mut quoted = String::from("\"");
        for c in value.chars() {
            match c {
                '"' | '\\' => quoted.extend(['\\', c]),
                c if c.is_control() => quoted.push(' '),
                c => quoted.push(c),
            }
        }
        self.put(key, format_args!("{quoted}\""))
    }

    pub(crate) fn count(&mut self, key: &str, value: u64) -> &mut Self {
        self.put(key, format_args!("{value}"))
    }

    pub(crate) fn real(&mut self, key: &str, value: f64) -> &mut Self {
        if value.is_finite() {
            self.put(key, format_args!("{value:.4}"))
        } else {
            self.put(key, format_args!("null"))
        }
    }

    fn put(&mut self, key: &str, value: fmt::Arguments<'_>) -> &mut Self {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        write!(self.0, "\"{key}\":{value}").expect("a string takes everything");
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}}}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_json() {
        let mut report = Report::of("idle");
        report.text("why", "a \"b\" \\ \n").count("alive", 3).real("share", 0.5).real("none", f64::NAN);
        assert_eq!(
            report.to_string(),
            r#"{"workload":"idle","why":"a \"b\" \\  ","alive":3,"share":0.5000,"none":null}"#
        );
    }
}
