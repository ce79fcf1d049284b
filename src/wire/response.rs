//! Answers to HTTP requests.

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
    Stream(Box<dyn BodyStream>),
}

/// The answer to an HTTP request.
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    pub(crate) body: Body,
}

impl Response {
    /// An answer without a body. A status outside of 200 to 599 becomes 500.
    pub fn new(status: u16) -> Self {
        let status = if (200..600).contains(&status) { status } else { 500 };
        Self { status, headers: Vec::new(), body: Body::Whole(Cow::Borrowed(b"")) }
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
        this.body = Body::Stream(Box::new(body));
        this
    }

    /// With one more header. Names and values that HTTP does not allow are left out, and so are the headers the server
    /// writes itself (`Content-Length`, `Transfer-Encoding`, `Connection`, `Date`).
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (name, value) = (name.into(), value.into());
        let own = ["content-length", "transfer-encoding", "connection", "date"];
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let legal = !name.is_empty()
            && name.bytes().all(token)
            && value.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 127));
        let room = self.headers.len() < crate::ground::limits::ANSWER_HEADERS_MAX;
        if legal && room && !own.iter().any(|o| name.eq_ignore_ascii_case(o)) {
            self.headers.push((name, value));
        }
        self
    }

    pub(crate) fn weight_bytes(&self) -> usize {
        match &self.body {
            Body::Whole(bytes) => bytes.len(),
            Body::Stream(_) => 0,
        }
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
