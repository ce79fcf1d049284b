//! How endpoints answer: JSON with a tag, compressed where that helps, and errors in words.

use crate::{
    ground::limits::{GZIP_BYTES_MAX, GZIP_BYTES_MIN, GZIP_EFFORT},
    wire::{
        coding::{accepts_gzip, gzip},
        json::fields::object,
        request::Request,
        response::{BodyStream, Response},
        tag::Tag,
    },
};

/// JSON about the present, whose tag is that of all its text.
pub(super) fn json(request: &Request<'_>, text: String) -> Response {
    let tag = Tag::of([text.as_bytes()]);
    tagged_json(request, tag, text)
}

/// JSON about the present. The tag is of what it says, the moment left aside, so that who asks again and again is told in short that nothing has changed.
pub(super) fn tagged_json(request: &Request<'_>, tag: Tag, text: String) -> Response {
    if is_known(request, tag) {
        return unchanged(tag).with_effort(text.len());
    }
    let response = with_tag(packed(request, "application/json", text.into_bytes()), tag);
    response.with_header("Cache-Control", "no-cache")
}

/// Text about the present, without a tag: it is never the same again.
pub(super) fn text(request: &Request<'_>, content_type: &'static str, text: String) -> Response {
    packed(request, content_type, text.into_bytes()).with_header("Cache-Control", "no-store")
}

/// An error: a sentence that says what was expected.
pub(super) fn fault(status: u16, sentence: &str) -> Response {
    let mut text = String::new();
    object(&mut text, |fields| {
        fields.text("error", sentence);
    });
    as_it_says(Response::json(status, text)).with_header("Cache-Control", "no-cache")
}

/// What is made while it is sent.
pub(super) fn stream(content_type: &'static str, body: impl BodyStream + 'static) -> Response {
    as_it_says(Response::stream(200, content_type, body)).with_header("Cache-Control", "no-cache")
}

/// An answer that browsers take for what its type says, and never, by its first bytes, for a page: devices and people have written parts of it.
pub(super) fn as_it_says(response: Response) -> Response {
    response.with_header("X-Content-Type-Options", "nosniff")
}

/// Whether the client has it already.
pub(super) fn is_known(request: &Request<'_>, tag: Tag) -> bool {
    tag.is_among(request.header_all("if-none-match"))
}

/// What is said to who has it already.
pub(super) fn unchanged(tag: Tag) -> Response {
    with_tag(Response::new(304), tag).with_header("Cache-Control", "no-cache").with_header("Vary", CODED)
}

pub(super) fn with_tag(response: Response, tag: Tag) -> Response {
    response.with_header("ETag", tag.to_string())
}

/// What an answer depends on, beside its address.
pub(super) const CODED: &str = "Accept-Encoding";

/// The bytes, compressed if the client takes that and it is worth it. Too many are sent as they are: compressing them would hold the loop up.
fn packed(request: &Request<'_>, content_type: &'static str, bytes: Vec<u8>) -> Response {
    let worth_it = (GZIP_BYTES_MIN..=GZIP_BYTES_MAX).contains(&bytes.len());
    let response = if worth_it && accepts_gzip(request.header_all("accept-encoding")) {
        Response::bytes(200, content_type, gzip(&bytes, false))
            .with_header("Content-Encoding", "gzip")
            .with_effort(bytes.len() * GZIP_EFFORT)
    } else {
        Response::bytes(200, content_type, bytes)
    };
    as_it_says(response).with_header("Vary", CODED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{owned::OwnedRequest, request::Method};

    /// What a turn may spend is counted by it: short answers must not hide what was done for them.
    #[test]
    fn an_answer_says_what_it_cost() {
        let text = "x".repeat(GZIP_BYTES_MIN);
        let cost = |headers: &[(&'static str, String)], text: &str| {
            let request = OwnedRequest::new(Method::Get, "/api");
            let request = headers
                .iter()
                .fold(request, |request, (name, value)| request.with_header(*name, value.clone()));
            request.with(|request| json(request, text.to_owned()).effort_bytes())
        };
        let tag = Tag::of([text.as_bytes()]).to_string();
        assert_eq!(cost(&[], &text), text.len());
        assert_eq!(cost(&[("If-None-Match", tag)], &text), text.len(), "it was made to be compared");
        let packed = [("Accept-Encoding", "gzip".to_owned())];
        assert_eq!(cost(&packed, &text), GZIP_EFFORT * text.len());
        assert_eq!(cost(&packed, "{}"), 2, "too short to be compressed");
    }
}
