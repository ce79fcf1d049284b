//! How endpoints answer: JSON with a tag, compressed where that helps, and errors in words.

use crate::wire::{json::write, request::Request, response::Response};

/// JSON about the present.
pub(super) fn json(_request: &Request<'_>, text: String) -> Response {
    Response::json(200, text).with_header("Cache-Control", "no-cache")
}

#[allow(dead_code, reason = "no endpoint that there is can fail")]
/// An error: a sentence that says what was expected.
pub(super) fn fault(status: u16, sentence: &str) -> Response {
    let mut text = String::from("{\"error\":");
    write::string(sentence, &mut text);
    text.push('}');
    Response::json(status, text).with_header("Cache-Control", "no-cache")
}
