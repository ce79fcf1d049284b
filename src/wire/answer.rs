//! Answers as bytes: the head of a [`Response`], chunks, and the texts that say what went wrong.

use super::{
    request::Method,
    response::{Body, Response},
    upgrade::UPGRADE_HEADERS,
};
use crate::ground::time::{Civil, Wall};
use std::{fmt, io::Write};

/// What has to follow the head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyPlan {
    /// Nothing: the answer is complete.
    Nothing,
    /// The bytes of the response, as they are.
    Whole,
    /// The stream's bytes, each piece through [`encode_chunk`], and [`LAST_CHUNK`] when it ends.
    Chunked,
    /// The stream's bytes as they are. The end of the connection is the end of the body: it must be closed,
    /// whatever the client wanted.
    UntilClose,
}

/// The end of a chunked body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// What a client waits for that sent `Expect: 100-continue`.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// What `Retry-After` says to a client that is refused for want of room.
const RETRY_AFTER_SECONDS: &str = "1";

/// Writes the status line and the headers of `response`; returns what has to follow.
///
/// `method_is_head`: the request was a HEAD, which gets the headers of a GET and no body. `keep_alive`: both
/// sides want to go on with this connection. `http10`: the request was HTTP/1.0, which knows no chunks.
pub(crate) fn encode_head(
    response: &Response,
    method_is_head: bool,
    keep_alive: bool,
    http10: bool,
    wall: Wall,
    out: &mut Vec<u8>,
) -> BodyPlan {
    let status = response.status;
    push(out, format_args!("HTTP/1.1 {status} {}\r\n", reason(status)));
    for (name, value) in &response.headers {
        push(out, format_args!("{name}: {value}\r\n"));
    }
    push(out, format_args!("Date: {}\r\n", HttpDate(wall)));

    let plan = match &response.body {
        // RFC 9110, 8.6: these have no length, not even zero.
        _ if matches!(status, 204 | 304) => BodyPlan::Nothing,
        Body::Whole(bytes) => {
            // RFC 9110, 15.3.6: 205 tells the client to clear its form, and has no content.
            let length = if status == 205 { 0 } else { bytes.len() };
            push(out, format_args!("Content-Length: {length}\r\n"));
            if length == 0 { BodyPlan::Nothing } else { BodyPlan::Whole }
        }
        Body::Stream(_) if status == 205 => {
            push(out, format_args!("Content-Length: 0\r\n"));
            BodyPlan::Nothing
        }
        Body::Stream(_) if http10 => BodyPlan::UntilClose,
        Body::Stream(_) => {
            push(out, format_args!("Transfer-Encoding: chunked\r\n"));
            BodyPlan::Chunked
        }
    };
    let plan = if method_is_head { BodyPlan::Nothing } else { plan };

    // RFC 9110, 7.8: who sends Upgrade must name it in Connection, or proxies would pass it on.
    let upgrade = response.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
    let persistence = match (keep_alive && plan != BodyPlan::UntilClose, http10) {
        (false, _) => Some("close"),
        (true, true) => Some("keep-alive"),
        (true, false) => None,
    };
    match (upgrade, persistence) {
        (true, Some(persistence)) => push(out, format_args!("Connection: upgrade, {persistence}\r\n")),
        (true, None) => push(out, format_args!("Connection: upgrade\r\n")),
        (false, Some(persistence)) => push(out, format_args!("Connection: {persistence}\r\n")),
        (false, None) => {}
    }
    out.extend_from_slice(b"\r\n");
    plan
}

/// Appends one chunk. No bytes make no chunk, since an empty one would end the body.
pub(crate) fn encode_chunk(bytes: &[u8], out: &mut Vec<u8>) {
    if !bytes.is_empty() {
        push(out, format_args!("{:x}\r\n", bytes.len()));
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    }
}

/// An answer that says what went wrong, in a line that a person understands: `404 Not Found: no such path`.
///
/// `extra` are its headers: `Allow` for 405 (see [`allow`]), another `Retry-After` than 1 s for 503. What
/// every 426 must carry is added here.
pub(crate) fn fault(status: u16, message: &str, extra: &[(&'static str, &str)]) -> Response {
    let text = format!("{status} {}: {message}\n", reason(status));
    let own: &[(&'static str, &str)] = match status {
        426 => UPGRADE_HEADERS,
        503 => &[("Retry-After", RETRY_AFTER_SECONDS)],
        _ => &[],
    };
    let given = |name: &str| extra.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let own = own.iter().filter(|(name, _)| !given(name));
    extra.iter().chain(own).fold(Response::text(status, text), |response, &(name, value)| {
        response.with_header(name, value.to_owned())
    })
}

/// The value of `Allow` for the methods that a path serves.
pub(crate) fn allow(methods: impl IntoIterator<Item = Method>) -> String {
    methods.into_iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

/// The words behind a status: those of the standards, else those of its class.
pub(crate) const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        511 => "Network Authentication Required",
        _ => match status / 100 {
            2 => "Success",
            3 => "Redirection",
            4 => "Client Error",
            _ => "Server Error", // `Response::new` makes 500 of whatever is outside of 200 to 599
        },
    }
}

/// A moment as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
struct HttpDate(Wall);

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        /// The last millisecond of the year 9999: the format has four digits, and a clock may be anywhere.
        const LAST_MILLIS: i64 = 253_402_300_799_999;
        let wall = Wall::from_millis(self.0.as_millis().clamp(0, LAST_MILLIS));
        let Civil { year, month, day, weekday, hour, minute, second, .. } = wall.civil();
        let name = |names: &[&'static str], index: i64| {
            usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or_default()
        };
        let (weekday, month) = (name(&WEEKDAYS, weekday), name(&MONTHS, month - 1));
        write!(f, "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }
}

fn push(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // A Vec takes every write, and nothing that is formatted here fails by itself.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::response::Pulled;

    const WALL: Wall = Wall::from_millis(784_111_777_000);

    fn stream(status: u16) -> Response {
        Response::stream(status, "text/csv", |_: usize, _: &mut Vec<u8>| Pulled::End)
    }

    /// The head without its Date, and the plan. Flags: `h`ead, `k`eep-alive, HTTP/1.`0`.
    fn encode(response: &Response, flags: &str) -> (String, BodyPlan) {
        let mut out = Vec::new();
        let [head, keep, http10] = ['h', 'k', '0'].map(|flag| flags.contains(flag));
        let plan = encode_head(response, head, keep, http10, WALL, &mut out);
        let text = String::from_utf8(out).unwrap();
        let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        assert_eq!(text.matches(date).count(), 1, "{text}");
        (text.replace(date, ""), plan)
    }

    fn case(response: Response, flags: &str, head: &str, plan: BodyPlan) {
        assert_eq!(encode(&response, flags), (head.replace('\n', "\r\n") + "\r\n", plan), "{flags}");
    }

    #[test]
    fn heads() {
        let text = || Response::text(200, "hello").with_header("X-A", "b");
        let plain = "HTTP/1.1 200 OK\nContent-Type: text/plain; charset=utf-8\nX-A: b\nContent-Length: 5\n";
        case(text(), "k", plain, BodyPlan::Whole);
        case(text(), "hk", plain, BodyPlan::Nothing);
        case(text(), "", &format!("{plain}Connection: close\n"), BodyPlan::Whole);
        case(text(), "0", &format!("{plain}Connection: close\n"), BodyPlan::Whole);
        case(text(), "0k", &format!("{plain}Connection: keep-alive\n"), BodyPlan::Whole);
        case(Response::new(200), "k", "HTTP/1.1 200 OK\nContent-Length: 0\n", BodyPlan::Nothing);
    }

    #[test]
    fn streams() {
        let csv = "HTTP/1.1 200 OK\nContent-Type: text/csv\n";
        let chunked = format!("{csv}Transfer-Encoding: chunked\n");
        case(stream(200), "k", &chunked, BodyPlan::Chunked);
        case(stream(200), "hk", &chunked, BodyPlan::Nothing);
        case(stream(200), "", &format!("{chunked}Connection: close\n"), BodyPlan::Chunked);
        case(stream(200), "0k", &format!("{csv}Connection: close\n"), BodyPlan::UntilClose);
        case(stream(200), "0kh", &format!("{csv}Connection: keep-alive\n"), BodyPlan::Nothing);
    }

    #[test]
    fn statuses_without_a_body() {
        case(Response::new(204), "k", "HTTP/1.1 204 No Content\n", BodyPlan::Nothing);
        let head = "HTTP/1.1 304 Not Modified\nContent-Type: application/json\n";
        case(Response::json(304, "{}"), "k", head, BodyPlan::Nothing);
        case(
            stream(204),
            "0k",
            "HTTP/1.1 204 No Content\nContent-Type: text/csv\nConnection: keep-alive\n",
            BodyPlan::Nothing,
        );
        let reset = "HTTP/1.1 205 Reset Content\nContent-Type: text/csv\nContent-Length: 0\n";
        case(stream(205), "k", reset, BodyPlan::Nothing);
        case(Response::bytes(205, "text/csv", b"x".as_slice()), "k", reset, BodyPlan::Nothing);
    }

    #[test]
    fn faults() {
        let body = |response: &Response| match &response.body {
            Body::Whole(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Body::Stream(_) => panic!("a fault is no stream"),
        };
        let missing = fault(404, "no such path", &[]);
        assert_eq!(body(&missing), "404 Not Found: no such path\n");
        assert_eq!(missing.headers.len(), 1);

        let (text, _) =
            encode(&fault(405, "use GET", &[("Allow", &allow([Method::Get, Method::Head]))]), "k");
        assert!(text.contains("\r\nAllow: GET, HEAD\r\n"), "{text}");
        let (text, _) = encode(&fault(503, "full", &[]), "");
        assert!(text.contains("\r\nRetry-After: 1\r\n"), "{text}");
        let (text, _) = encode(&fault(503, "full", &[("retry-after", "30")]), "");
        assert!(text.contains("\r\nretry-after: 30\r\n") && !text.contains("Retry-After"), "{text}");

        let (text, _) = encode(&fault(426, "upgrade", &[]), "k");
        for line in ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Connection: upgrade"] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{text}");
        }
        let (text, _) = encode(&fault(426, "upgrade", UPGRADE_HEADERS), "");
        assert!(text.contains("\r\nConnection: upgrade, close\r\n"), "{text}");
        assert_eq!(text.matches("Sec-WebSocket-Version").count(), 1, "{text}");
    }

    #[test]
    fn no_header_can_be_smuggled() {
        let (text, _) = encode(
            &Response::new(200)
                .with_header("X-A", "b\r\nX-B: c")
                .with_header("X C", "d")
                .with_header("", "e")
                .with_header("content-LENGTH", "7"),
            "k",
        );
        assert_eq!(text, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }

    #[test]
    fn chunks() {
        let mut out = Vec::new();
        encode_chunk(b"", &mut out);
        encode_chunk(b"0123456789abcdefg", &mut out);
        out.extend_from_slice(LAST_CHUNK);
        assert_eq!(out, b"11\r\n0123456789abcdefg\r\n0\r\n\r\n");
    }

    #[test]
    fn dates() {
        for (millis, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777_999, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (i64::MIN, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(HttpDate(Wall::from_millis(millis)).to_string(), text);
        }
    }
}
