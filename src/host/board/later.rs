//! Requests that are answered when somebody else has said something: the loop's thread is not kept waiting for it.

use super::answer;
use crate::{
    contracts::route::RouteContext,
    ground::id::ConnId,
    host::{handle::Handle, recordings::ReadError},
    wire::{owned::OwnedRequest, request::Request, response::Response, tag::Tag},
};

/// A request that waits for its answer. Dropped without one, because nobody has time for the question, it is answered with 503.
#[derive(Debug)]
pub(super) struct Waiting {
    handle: Handle,
    conn: ConnId,
    /// What it asked for, for the form of the answer; `None` once it is answered.
    request: Option<OwnedRequest>,
}

impl Waiting {
    /// The route must answer [`Reply::Later`](crate::Reply::Later) from here on, or the answer would meet the client's next request.
    pub(super) fn new(handle: &Handle, context: &RouteContext<'_>, request: &Request<'_>) -> Self {
        Self { handle: handle.clone(), conn: context.conn, request: Some(request.into()) }
    }

    pub(super) fn conn(&self) -> ConnId {
        self.conn
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(super) fn json(self, text: String) {
        self.form(|request| answer::json(request, text));
    }

    /// JSON under the tag of what it says, the moment left aside.
    pub(super) fn tagged_json(self, tag: Tag, text: String) {
        self.form(|request| answer::tagged_json(request, tag, text));
    }

    fn form(self, answer: impl FnOnce(&Request<'_>) -> Response) {
        if let Some(request) = &self.request {
            let response = request.with(answer);
            self.answer(response);
        }
    }

    pub(super) fn answer(mut self, response: Response) {
        self.request = None;
        self.handle.answer_own(self.conn, response, busy);
    }

    /// Answers that a recording was not read.
    pub(super) fn unread(self, why: &ReadError) {
        // A store's own words name files, and are for the host.
        log::warn!("a recording was not read for a client: {why}");
        let why = match why {
            ReadError::Store(_) => "the recording cannot be read; the server's log says why".into(),
            why => why.to_string(),
        };
        self.answer(answer::fault(503, &why).with_header("Retry-After", "1"));
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.request.take().is_some() {
            self.handle.answer_own(self.conn, busy(), busy);
        }
    }
}

/// The answer when as many lists as may be are put together already.
pub(super) fn enough() -> Response {
    let why =
        "as many lists are asked for at once as may be: try again later, or ask for one session by its path";
    answer::fault(503, why).with_header("Retry-After", "1")
}

/// The answer when nobody has time for the question.
pub(super) fn busy() -> Response {
    answer::fault(503, "too much waits for the server: try again later").with_header("Retry-After", "1")
}
