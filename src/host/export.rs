//! Samples as files that other programs read.

use super::recordings::{ReadError, Recordings};
use crate::{contracts::store::device::DeviceSample, wire::json::write};
use std::{
    fmt::{self, Write as _},
    io,
};

/// How samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExportFormat {
    /// A JSON object in a line for each sample: `{"seq":1,"received_at":1703123456789,"device_id":"AMR_001","payload":{..}}`. The payload is the device's own JSON,
    /// but for line breaks between its tokens, which become spaces.
    JsonLines,
    /// The columns `seq,received_at,device_id,payload`, quoted as RFC 4180 says, lines ended by CR and LF. Spreadsheets take a text for a formula that begins with
    /// `=`, `+`, `-`, `@`, a tab or CR, and devices choose their ids: an apostrophe stands before such a text. Else the payload is verbatim; what must be
    /// exact in any case is exported as JSON lines.
    Csv,
}

impl ExportFormat {
    /// What a file begins with.
    pub const fn header(self) -> &'static str {
        match self {
            Self::JsonLines => "",
            Self::Csv => "seq,received_at,device_id,payload\r\n",
        }
    }

    /// Appends a sample. One without a session has the number 0.
    pub fn write(self, sample: &DeviceSample, out: &mut String) {
        let seq = sample.place.as_ref().map_or(0, |(_, seq)| *seq);
        let received_at = sample.received_at.as_millis();
        // Writing to a string does not fail.
        match self {
            Self::JsonLines => {
                let _ = write!(out, r#"{{"seq":{seq},"received_at":{received_at},"device_id":"#);
                write::string(&sample.device, out);
                out.push_str(r#","payload":"#);
                write::in_one_line(&sample.payload, out);
                out.push_str("}\n");
            }
            Self::Csv => {
                let _ = write!(out, "{seq},{received_at},");
                field(&sample.device, out);
                out.push(',');
                field(&sample.payload, out);
                out.push_str("\r\n");
            }
        }
    }
}

/// A text as a field of CSV, quoted if it must be, and such that no spreadsheet computes it.
fn field(text: &str, out: &mut String) {
    let apostrophe = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if !text.contains(['"', ',', '\r', '\n']) {
        out.push_str(apostrophe);
        return out.push_str(text);
    }
    out.push('"');
    out.push_str(apostrophe);
    for (index, part) in text.split('"').enumerate() {
        if index > 0 {
            out.push_str("\"\"");
        }
        out.push_str(part);
    }
    out.push('"');
}

/// Why an export ended early. What was written before is whole lines, up to the sample [`after_seq`](Self::after_seq), behind which it can go on.
#[derive(Debug)]
pub struct ExportError {
    /// The number of the last sample that was handed to the writer as a whole.
    pub after_seq: u64,
    /// Why.
    pub cause: ExportCause,
}

/// See [`ExportError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportCause {
    /// The recording was not read.
    Read(ReadError),
    /// The writer did not take what it was given; of the sample behind `after_seq` it may have taken a part.
    Write(io::Error),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after_seq;
        match &self.cause {
            ExportCause::Read(error) => {
                write!(f, "the export ended after sample {after}, and can go on there: {error}")
            }
            ExportCause::Write(error) => {
                write!(f, "the export could not be written after sample {after}: {error}")
            }
        }
    }
}

impl std::error::Error for ExportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            ExportCause::Read(error) => Some(error),
            ExportCause::Write(error) => Some(error),
        }
    }
}

impl Recordings {
    /// Writes the samples of a device session behind the number `after_seq` (0: all) as [JSON lines](ExportFormat::JsonLines). Returns the number of
    /// the last; a later export goes on behind it. Waits as [`samples`](Self::samples) does.
    pub fn export_jsonl(
        &self,
        session: &str,
        after_seq: u64,
        out: &mut impl io::Write,
    ) -> Result<u64, ExportError> {
        self.export(ExportFormat::JsonLines, session, after_seq, out)
    }

    /// The same as [CSV](ExportFormat::Csv), whose header is written only when `after_seq` is 0.
    pub fn export_csv(
        &self,
        session: &str,
        after_seq: u64,
        out: &mut impl io::Write,
    ) -> Result<u64, ExportError> {
        self.export(ExportFormat::Csv, session, after_seq, out)
    }

    fn export(
        &self,
        format: ExportFormat,
        session: &str,
        mut after_seq: u64,
        out: &mut impl io::Write,
    ) -> Result<u64, ExportError> {
        let mut line = String::new();
        if after_seq == 0 {
            line.push_str(format.header());
        }
        let failed = |after_seq| move |error| ExportError { after_seq, cause: ExportCause::Write(error) };
        for sample in self.samples(session, after_seq) {
            let sample =
                sample.map_err(|error| ExportError { after_seq, cause: ExportCause::Read(error) })?;
            format.write(&sample, &mut line);
            out.write_all(line.as_bytes()).map_err(failed(after_seq))?;
            line.clear();
            after_seq = sample.place.map_or(after_seq, |(_, seq)| seq);
        }
        // The header of a file without samples.
        out.write_all(line.as_bytes()).map_err(failed(after_seq))?;
        Ok(after_seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::time::Wall;

    #[test]
    fn samples_are_written_so_that_they_can_be_read() {
        let sample = DeviceSample {
            place: Some(("session_1".into(), 7)),
            device: "A \"1\"".into(),
            received_at: Wall(1_703_123_456_789),
            payload: "{\"a\":\r\n1.50}".into(),
        };
        let written = |format: ExportFormat, sample: &DeviceSample| {
            let mut out = String::new();
            format.write(sample, &mut out);
            out
        };
        assert_eq!(
            written(ExportFormat::JsonLines, &sample),
            "{\"seq\":7,\"received_at\":1703123456789,\"device_id\":\"A \\\"1\\\"\",\"payload\":{\"a\":  1.50}}\n"
        );
        assert_eq!(
            written(ExportFormat::Csv, &sample),
            "7,1703123456789,\"A \"\"1\"\"\",\"{\"\"a\"\":\r\n1.50}\"\r\n"
        );
        let plain = DeviceSample { device: "A".into(), payload: "{}".into(), ..sample };
        assert_eq!(written(ExportFormat::Csv, &plain), "7,1703123456789,A,{}\r\n");
    }

    /// A device calls itself what it likes.
    #[test]
    fn no_text_is_a_formula_in_a_spreadsheet() {
        let sample = |device: &str, payload: &str| DeviceSample {
            place: None,
            device: device.into(),
            received_at: Wall(-5),
            payload: payload.into(),
        };
        for (device, payload, line) in [
            ("=1+1", "{}", "0,-5,'=1+1,{}"),
            ("+1", "{}", "0,-5,'+1,{}"),
            ("-1", "{}", "0,-5,'-1,{}"),
            ("@SUM(A1)", "{}", "0,-5,'@SUM(A1),{}"),
            ("=HYPERLINK(\"x\",1)", "{}", "0,-5,\"'=HYPERLINK(\"\"x\"\",1)\",{}"),
            ("A=1", "\t{}", "0,-5,A=1,'\t{}"),
            ("A-1", "\r{}", "0,-5,A-1,\"'\r{}\""),
        ] {
            let mut out = String::new();
            ExportFormat::Csv.write(&sample(device, payload), &mut out);
            assert_eq!(out, format!("{line}\r\n"));
            out.clear();
            ExportFormat::JsonLines.write(&sample(device, "{}"), &mut out);
            let begin = format!("{{\"seq\":0,\"received_at\":-5,\"device_id\":{}", serde_json::json!(device));
            assert!(out.starts_with(&begin), "JSON lines are exact: {out}");
        }
    }
}
