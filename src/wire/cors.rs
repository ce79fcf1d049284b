//! What a browser must be told before it shows an answer to a page of another origin.

use super::{
    access::Access,
    request::{Method, Request},
    response::Response,
};

/// How long a browser may remember the answer to a preflight, in seconds.
const MAX_AGE: &str = "600";

/// Says to which pages an answer may be shown, if the request is a page's and the answer does not say so itself; and to a
/// preflight, what may be asked.
pub(crate) fn open_to_pages(access: &Access, request: &Request<'_>, response: Response) -> Response {
    let Some((allowed, with_cookies)) = request.header("origin").and_then(|origin| access.cors(origin))
    else {
        return response;
    };
    if header(&response, "Access-Control-Allow-Origin").is_some() {
        return response;
    }
    let mut response = response.with_header("Access-Control-Allow-Origin", allowed.to_owned());
    if with_cookies {
        response =
            response.with_header("Access-Control-Allow-Credentials", "true").with_header("Vary", "Origin");
    }
    let preflight =
        request.method() == Method::Options && request.header("access-control-request-method").is_some();
    if let Some(methods) = header(&response, "Allow").filter(|_| preflight) {
        let methods = methods.to_owned();
        response = response
            .with_header("Access-Control-Allow-Methods", methods)
            .with_header("Access-Control-Max-Age", MAX_AGE);
        let headers = request.header("access-control-request-headers");
        if let Some(headers) = headers.filter(|headers| headers.bytes().all(|b| (b' '..127).contains(&b))) {
            response = response.with_header("Access-Control-Allow-Headers", headers.to_owned());
        }
    }
    response
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
}
