//! Answers to HTTP requests.

use crate::ground::{error::HeaderError, foreign::Foreign, limits::ANSWER_HEADERS_MAX};
use std::{borrow::Cow, fmt};

/// What a [`BodyStream`] has to say when it is asked for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// There may be more right away: ask again when this is written.
    More,
    /// Nothing for now: ask again when the host calls [`Handle::resume`](crate::Handle::resume).
    Wait,
    /// That was all.
    End,
    /// The source failed: cut the answer short, so that the client can tell.
    Abort,
}

/// The body of a streamed answer, pulled by the loop at the pace of the client.
pub trait BodyStream: Send {
    /// Appends up to about `room` bytes to `out` (a little more does no harm). Runs on the loop thread and must not wait.
    fn pull(&mut self, room: usize, out: &mut Vec<u8>) -> Pulled;
}

impl<F: FnMut(usize, &mut Vec<u8>) -> Pulled + Send> BodyStream for F {
    fn pull(&mut self, room: usize, out: &mut Vec<u8>) -> Pulled {
        self(room, out)
    }
}

pub(crate) enum Body {
    Whole(Cow<'static, [u8]>),
    Stream(Foreign<dyn BodyStream>),
}

/// The answer to an HTTP request.
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    pub(crate) body: Body,
    /// Those that could not be sent.
    pub(crate) headers_dropped: u16,
    /// What was done on the loop's thread to make it, in bytes, where that is more than its body.
    effort_bytes: usize,
}

impl Response {
    /// An answer without a body. A status outside of 200 to 599 becomes 500, with a warning in the log.
    pub fn new(status: u16) -> Self {
        let status = if (200..600).contains(&status) {
            status
        } else {
            log::warn!("an answer cannot have the status {status}: it goes as 500");
            500
        };
        let body = Body::Whole(Cow::Borrowed(b"".as_slice()));
        Self { status, headers: Vec::new(), body, headers_dropped: 0, effort_bytes: 0 }
    }

    /// A text for people, `text/plain; charset=utf-8`.
    pub fn text(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        let bytes = match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        Self::bytes(status, "text/plain; charset=utf-8", bytes)
    }

    /// Already encoded JSON, `application/json`.
    pub fn json(status: u16, json: impl Into<String>) -> Self {
        Self::bytes(status, "application/json", json.into().into_bytes())
    }

    /// Bytes of a stated content type.
    pub fn bytes(
        status: u16,
        content_type: impl Into<Cow<'static, str>>,
        bytes: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        let mut this = Self::new(status).with_header("Content-Type", content_type);
        this.body = Body::Whole(bytes.into());
        this
    }

    /// A body that is made while it is sent (chunked), at the pace of the client.
    pub fn stream(
        status: u16,
        content_type: impl Into<Cow<'static, str>>,
        body: impl BodyStream + 'static,
    ) -> Self {
        let mut this = Self::new(status).with_header("Content-Type", content_type);
        this.body = Body::Stream(Foreign::new(Box::new(body)));
        this
    }

    /// With one more header. One that cannot be sent is left out: that is logged as a warning, and counted in
    /// [`Stats::headers_dropped`](crate::Stats::headers_dropped) when the answer goes out. To be told instead, as for what is made of a client's words, use
    /// [`try_header`](Self::try_header).
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        if let Err(error) = self.add_header(name.into(), value.into()) {
            log::warn!("an answer goes without one of its headers: {error}");
            self.headers_dropped = self.headers_dropped.saturating_add(1);
        }
        self
    }

    /// With one more header, or an error that says why it cannot be sent: HTTP does not allow the name or the value, the server writes it itself, or
    /// there are 64 of them already.
    pub fn try_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Result<Self, HeaderError> {
        self.add_header(name.into(), value.into())?;
        Ok(self)
    }

    fn add_header(&mut self, name: Cow<'static, str>, value: Cow<'static, str>) -> Result<(), HeaderError> {
        const OWN: [&str; 4] = ["content-length", "transfer-encoding", "connection", "date"];
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let visible = |b: u8| b == b'\t' || (b >= b' ' && b != 127);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(HeaderError::Name(name.into_owned()));
        }
        if !value.bytes().all(visible) {
            return Err(HeaderError::Value(name.into_owned()));
        }
        if OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return Err(HeaderError::Own(name.into_owned()));
        }
        if self.headers.len() >= ANSWER_HEADERS_MAX {
            return Err(HeaderError::TooMany(name.into_owned()));
        }
        self.headers.push((name, value));
        Ok(())
    }

    pub(crate) fn weight_bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        match &self.body {
            Body::Whole(bytes) => headers + bytes.len(),
            Body::Stream(_) => headers,
        }
    }

    /// Says that it cost so much at least, for one that is short although much was looked through or compressed for it.
    #[cfg(feature = "board")]
    pub(crate) fn with_effort(mut self, bytes: usize) -> Self {
        self.effort_bytes = self.effort_bytes.max(bytes);
        self
    }

    /// What it takes of a turn.
    pub(crate) fn effort_bytes(&self) -> usize {
        let body = match &self.body {
            Body::Whole(bytes) => bytes.len(),
            // It is pulled at the pace of the client, within what is written in a turn.
            Body::Stream(_) => 0,
        };
        self.effort_bytes.max(body)
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_cannot_be_sent_is_refused_with_the_reason() {
        let refused = |name: &'static str, value: &'static str| {
            let counted = Response::new(200).with_header(name, value);
            assert_eq!((counted.headers.len(), counted.headers_dropped), (0, 1), "{name}");
            Response::new(200).try_header(name, value).unwrap_err()
        };
        assert_eq!(refused("X Y", "a"), HeaderError::Name("X Y".into()));
        assert_eq!(refused("", "a"), HeaderError::Name(String::new()));
        assert_eq!(refused("X-A", "b\r\nX-B: c"), HeaderError::Value("X-A".into()));
        assert_eq!(refused("content-LENGTH", "7"), HeaderError::Own("content-LENGTH".into()));
        let secret = refused("Set-Cookie", "s3cret\0").to_string();
        assert!(secret.contains("Set-Cookie") && !secret.contains("s3cret"), "{secret}");
        let mut full = Response::new(200);
        for _ in 0..ANSWER_HEADERS_MAX {
            full = full.try_header("X-A", "\tb c\u{e9}").unwrap();
        }
        assert_eq!(full.headers_dropped, 0);
        assert_eq!(full.try_header("X-B", "b").unwrap_err(), HeaderError::TooMany("X-B".into()));
    }
}
