//! The head of an HTTP/1.x request: where it ends, what it says, and what is wrong with it.

use super::{
    headers::{has_token, values},
    request::{Method, Request},
};
use crate::ground::limits::HEADERS_MAX;
use core::net::SocketAddr;
use httparse::Header;
use std::fmt;

/// Looks for the end of a request head while its bytes arrive, each byte once.
///
/// It ends a head exactly where `httparse` does: at the first empty line behind the request line, lines
/// ending in CRLF or in a bare LF. Empty lines before the request line are skipped; they count as bytes of
/// the head.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeadScan {
    /// What was looked at. Invariant: `line <= scanned`, and no LF in between.
    scanned: usize,
    /// Where the line begins that is not complete yet.
    line: usize,
    /// Whether there was a line that is not empty.
    begun: bool,
}

impl HeadScan {
    /// The length of the head with its empty line, once it is complete. `bytes` is all that was received so
    /// far: what an earlier call was given, and more. When a head was found the scan is fresh again, for the
    /// one behind it.
    pub(crate) fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(at) = bytes.get(self.scanned..).and_then(|rest| memchr::memchr(b'\n', rest)) {
            let line = &bytes[self.line..self.scanned + at];
            self.scanned += at + 1;
            self.line = self.scanned;
            let empty = matches!(line, b"" | b"\r");
            if empty && self.begun {
                return Some(std::mem::take(self).scanned);
            }
            self.begun |= !empty;
        }
        self.scanned = self.scanned.max(bytes.len());
        None
    }
}

/// How long the body of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// There is none, or `Content-Length: 0`.
    None,
    /// This many bytes, at least one.
    Fixed(u64),
    /// As long as its chunks say.
    Chunked,
}

/// A request head that keeps the rules of HTTP.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    /// `None` for a method no route can serve: to be answered 405 where the path exists, else 404.
    pub(crate) method: Option<Method>,
    /// The method as sent.
    pub(crate) method_text: &'a str,
    /// Begins with `/`, or is `*` for `OPTIONS *`, which means the whole server and no route.
    pub(crate) path: &'a str,
    /// Without the question mark.
    pub(crate) query: Option<&'a str>,
    /// 1 for HTTP/1.1, 0 for HTTP/1.0.
    pub(crate) version_minor: u8,
    pub(crate) headers: &'a [Header<'a>],
    /// Whether the client wants to use the connection for more requests.
    pub(crate) keep_alive: bool,
    pub(crate) body: BodyLength,
    /// Whether the client waits for a `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    /// Whether the client asks for a WebSocket; whether it does so properly is for
    /// [`upgrade`](super::upgrade) to say.
    pub(crate) wants_upgrade: bool,
}

impl<'a> Head<'a> {
    /// The request as gates, routes and contracts see it; `None` for an unknown method.
    pub(crate) fn request(&self, params: &'a [(String, String)], peer: SocketAddr) -> Option<Request<'a>> {
        let Self { path, query, headers, .. } = *self;
        Some(Request { method: self.method?, path, query, headers, params, peer })
    }
}

impl fmt::Debug for Head<'_> {
    /// Never headers or query, since they carry secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", &self.method_text)
            .field("path", &self.path)
            .field("version_minor", &self.version_minor)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// Why a request head is refused. The connection cannot be used any further: where the next request begins is
/// not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum HeadFault {
    /// Larger than the limit. [`parse`] knows no limit: whoever collects the bytes raises it.
    TooLarge,
    RequestLine,
    Target,
    Version,
    HeaderLine,
    TooManyHeaders,
    HostMissing,
    HostTwice,
    HostMalformed,
    LengthMalformed,
    LengthsDiffer,
    LengthAndCoding,
    CodingUnknown,
    /// RFC 9112, 6.1: a `Transfer-Encoding` in HTTP/1.0 passed through something that did not understand it.
    CodingInHttp10,
}

impl HeadFault {
    /// The status of the answer.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::TooLarge | Self::TooManyHeaders => 431,
            Self::Version => 505,
            Self::CodingUnknown => 501,
            Self::RequestLine
            | Self::Target
            | Self::HeaderLine
            | Self::HostMissing
            | Self::HostTwice
            | Self::HostMalformed
            | Self::LengthMalformed
            | Self::LengthsDiffer
            | Self::LengthAndCoding
            | Self::CodingInHttp10 => 400,
        }
    }

    /// What the client did wrong and what was expected, in one line.
    pub(crate) const fn message(self) -> &'static str {
        const _: () = assert!(HEADERS_MAX == 64, "a text below says so");
        match self {
            Self::TooLarge => "the request line and headers are larger than this server takes",
            Self::RequestLine => {
                "malformed request line: expected METHOD, a target and HTTP/1.1, one space between them"
            }
            Self::Target => "malformed request target: expected a path that begins with '/', without '#'",
            Self::Version => "unsupported HTTP version: expected HTTP/1.1 or HTTP/1.0",
            Self::HeaderLine => "malformed header: expected 'Name: value', each on one line of its own",
            Self::TooManyHeaders => "too many headers: expected at most 64",
            Self::HostMissing => "no Host header: HTTP/1.1 expects exactly one",
            Self::HostTwice => "several Host headers: expected exactly one",
            Self::HostMalformed => {
                "malformed Host header: expected a name or an address, and a port if it is not the usual one"
            }
            Self::LengthMalformed => "malformed Content-Length header: expected a decimal number of bytes",
            Self::LengthsDiffer => "several Content-Length headers that differ: expected one",
            Self::LengthAndCoding => "both Content-Length and Transfer-Encoding: expected one of the two",
            Self::CodingUnknown => "unsupported Transfer-Encoding header: expected 'chunked' alone",
            Self::CodingInHttp10 => "Transfer-Encoding in HTTP/1.0: expected Content-Length, or HTTP/1.1",
        }
    }
}

/// Parses a complete head, as found by [`HeadScan`]. `headers` is where they are put; its old content does
/// not matter.
pub(crate) fn parse<'h, 'b: 'h>(
    bytes: &'b [u8],
    headers: &'h mut [Header<'b>; HEADERS_MAX],
) -> Result<Head<'h>, HeadFault> {
    let mut request = httparse::Request::new(headers);
    let status = request.parse(bytes).map_err(|error| match error {
        httparse::Error::Version => version_fault(bytes),
        httparse::Error::TooManyHeaders => HeadFault::TooManyHeaders,
        httparse::Error::HeaderName | httparse::Error::HeaderValue => HeadFault::HeaderLine,
        httparse::Error::Token | httparse::Error::Status => HeadFault::RequestLine,
        httparse::Error::NewLine => newline_fault(bytes),
    })?;
    let (true, Some(method_text), Some(target), Some(version_minor)) =
        (status.is_complete(), request.method, request.path, request.version)
    else {
        return Err(HeadFault::RequestLine);
    };
    let headers: &'h [Header<'h>] = request.headers;

    let method = Method::parse(method_text);
    let (path, query) = split_target(target, method).ok_or(HeadFault::Target)?;
    check_host(headers, version_minor)?;
    let body = body_length(headers, version_minor)?;
    let keep_alive = !has_token(headers, "connection", "close")
        && (version_minor > 0 || has_token(headers, "connection", "keep-alive"));
    Ok(Head {
        method,
        method_text,
        path,
        query,
        version_minor,
        headers,
        keep_alive,
        body,
        // RFC 9110, 10.1.1: HTTP/1.0 knows no expectations.
        expects_continue: version_minor > 0
            && body != BodyLength::None
            && has_token(headers, "expect", "100-continue"),
        wants_upgrade: has_token(headers, "upgrade", "websocket"),
    })
}

/// `httparse` says only that the version is none it knows: tell another version from nonsense.
fn version_fault(bytes: &[u8]) -> HeadFault {
    match version_word(bytes).and_then(|word| word.strip_prefix(b"HTTP/")) {
        Some(digits) if digits.first().is_some_and(u8::is_ascii_digit) => HeadFault::Version,
        _ => HeadFault::RequestLine,
    }
}

/// A CR without its LF, which `httparse` finds behind the version and where a header should begin.
fn newline_fault(bytes: &[u8]) -> HeadFault {
    match version_word(bytes) {
        Some(b"HTTP/1.1" | b"HTTP/1.0") => HeadFault::HeaderLine,
        _ => HeadFault::RequestLine,
    }
}

/// The third of three words of the request line.
fn version_word(bytes: &[u8]) -> Option<&[u8]> {
    let mut lines = bytes.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut words = lines.find(|line| !line.is_empty())?.split(|&byte| byte == b' ');
    let version = words.nth(2);
    if words.next().is_none() { version } else { None }
}

/// The path and the query of a target. `httparse` has refused blanks, control bytes and what is no UTF-8.
fn split_target(target: &str, method: Option<Method>) -> Option<(&str, Option<&str>)> {
    if target.contains('#') {
        return None;
    }
    if target == "*" {
        return (method == Some(Method::Options)).then_some((target, None));
    }
    // Absolute-form is what a client sends to a proxy; a server must take it too (RFC 9112, 3.2.2).
    let origin_form = if target.starts_with('/') { target } else { behind_authority(target)? };
    let (path, query) = match origin_form.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (origin_form, None),
    };
    Some((if path.is_empty() { "/" } else { path }, query))
}

/// What is behind `http://host:port`: empty, a path, or a query.
fn behind_authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    let known = ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    (known && !authority.is_empty() && is_authority(authority.as_bytes())).then_some(behind)
}

/// Whether these bytes can be a host with or without a port. Empty is legal in a `Host` header.
fn is_authority(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_graphic() && !b"/?#@\\\"<>".contains(byte))
}

fn check_host(headers: &[Header<'_>], version_minor: u8) -> Result<(), HeadFault> {
    let mut hosts = values(headers, "host");
    match (hosts.next(), hosts.next()) {
        (None, _) if version_minor == 0 => Ok(()),
        (None, _) => Err(HeadFault::HostMissing),
        (Some(_), Some(_)) => Err(HeadFault::HostTwice),
        (Some(host), None) if is_authority(host) => Ok(()),
        (Some(_), None) => Err(HeadFault::HostMalformed),
    }
}

/// RFC 9112, 6.3, with each doubt an error: two readings of one length are how requests are smuggled.
fn body_length(headers: &[Header<'_>], version_minor: u8) -> Result<BodyLength, HeadFault> {
    let mut length = None;
    for value in values(headers, "content-length") {
        let bytes = decimal(value).ok_or(HeadFault::LengthMalformed)?;
        if length.is_some_and(|before| before != bytes) {
            return Err(HeadFault::LengthsDiffer);
        }
        length = Some(bytes);
    }
    let mut codings = values(headers, "transfer-encoding");
    match (codings.next(), length) {
        (None, None | Some(0)) => Ok(BodyLength::None),
        (None, Some(bytes)) => Ok(BodyLength::Fixed(bytes)),
        (Some(_), Some(_)) => Err(HeadFault::LengthAndCoding),
        (Some(_), None) if version_minor == 0 => Err(HeadFault::CodingInHttp10),
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none() => {
            Ok(BodyLength::Chunked)
        }
        (Some(_), None) => Err(HeadFault::CodingUnknown),
    }
}

/// A number of digits alone: no sign, no blank, no overflow.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &byte| {
        let digit = char::from(byte).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use httparse::EMPTY_HEADER;

    /// Parses and hands the head to `look`, since it borrows.
    fn with<T>(text: &str, look: impl FnOnce(&Head<'_>) -> T) -> Result<T, HeadFault> {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        parse(text.as_bytes(), &mut headers).map(|head| look(&head))
    }

    /// A GET of HTTP/1.1 with a Host and these lines.
    fn get(lines: &str) -> String {
        format!("GET /a HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
    }

    fn fault(text: &str) -> HeadFault {
        with(text, |_| ()).expect_err(text)
    }

    fn target(line: &str) -> Option<(String, Option<String>)> {
        with(&format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n"), |head| {
            (head.path.to_owned(), head.query.map(str::to_owned))
        })
        .ok()
    }

    #[test]
    fn a_browser_asks() {
        let text = "GET /ws/a%20b?x=1&y HTTP/1.1\r\nHost: cell7:8000\r\nConnection: keep-alive, Upgrade\r\n\
                    Upgrade: WebSocket\r\n\r\n";
        with(text, |head| {
            assert_eq!((head.method, head.method_text), (Some(Method::Get), "GET"));
            assert_eq!((head.path, head.query), ("/ws/a%20b", Some("x=1&y")));
            assert!(head.keep_alive && head.wants_upgrade && !head.expects_continue);
            assert_eq!((head.body, head.version_minor), (BodyLength::None, 1));
            let request = head.request(&[], SocketAddr::from(([10, 0, 0, 1], 5))).unwrap();
            assert_eq!(request.header("host"), Some("cell7:8000"));
            assert!(!format!("{head:?}").contains("x=1"));
        })
        .unwrap();
    }

    #[test]
    fn the_scan_ends_where_httparse_does() {
        for text in [
            "GET / HTTP/1.1\r\nA: b\r\n\r\n",
            "GET / HTTP/1.1\nA: b\n\n",
            "GET / HTTP/1.1\r\nA: b\n\r\n",
            "GET / HTTP/1.1\nA: b\r\n\n",
            "\r\n\n\r\nGET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.0\n\n",
            "GET / HTTP/1.1\r\nEmpty:\r\nBlank: \t\r\n\r\n",
        ] {
            let bytes = text.as_bytes();
            let mut headers = [EMPTY_HEADER; HEADERS_MAX];
            let mut request = httparse::Request::new(&mut headers);
            assert_eq!(request.parse(bytes), Ok(httparse::Status::Complete(bytes.len())), "{text:?}");
            let pipelined = [bytes, b"GET / HTTP/1.1\r\n\r\n"].concat();
            assert_eq!(HeadScan::default().find_end(&pipelined), Some(bytes.len()), "{text:?}");
            for cut in 0..bytes.len() {
                let mut scan = HeadScan::default();
                assert_eq!(scan.find_end(&bytes[..cut]), None, "{text:?} cut at {cut}");
                assert_eq!(scan.find_end(&pipelined), Some(bytes.len()), "{text:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn empty_lines_alone_are_no_head() {
        assert_eq!(HeadScan::default().find_end(b"\r\n\r\n\n\n\r\n"), None);
        assert_eq!(HeadScan::default().find_end(b""), None);
        assert_eq!(HeadScan::default().find_end(b"\rx\r\n\r\r\n\n"), Some(8));
    }

    #[test]
    fn each_byte_is_scanned_once() {
        let text = get(&"X-Header: some value\r\n".repeat(50));
        let (bytes, mut scan, mut looked_at) = (text.as_bytes(), HeadScan::default(), 0);
        for end in 1..=bytes.len() {
            looked_at += end - scan.scanned;
            let found = scan.find_end(&bytes[..end]);
            assert_eq!(found.is_some(), end == bytes.len());
        }
        assert_eq!(looked_at, bytes.len());
        // Fresh again, for a second head behind the first.
        assert_eq!(scan.find_end(bytes), Some(bytes.len()));
        // A shrunken input is a mistake of the caller; it must not panic.
        scan.find_end(b"GET / HTTP");
        assert_eq!(scan.find_end(b"GET"), None);
    }

    #[test]
    fn targets() {
        let some = |path: &str, query: Option<&str>| Some((path.to_owned(), query.map(str::to_owned)));
        assert_eq!(target("GET /"), some("/", None));
        assert_eq!(target("GET /?"), some("/", Some("")));
        assert_eq!(target("GET /a?b?c"), some("/a", Some("b?c")));
        assert_eq!(target("GET //a"), some("//a", None));
        assert_eq!(target("GET http://h:80/a?b"), some("/a", Some("b")));
        assert_eq!(target("GET HTTPS://h"), some("/", None));
        assert_eq!(target("GET http://[::1]:80?q=/x"), some("/", Some("q=/x")));
        assert_eq!(target("OPTIONS *"), some("*", None));
        for line in [
            "GET *",
            "GET a",
            "GET ?a",
            "GET /a#b",
            "GET /a?b#",
            "GET ftp://h/",
            "GET http:///a",
            "GET http://",
            "GET http://u@h/",
            "CONNECT h:443",
            "OPTIONS *a",
            "GET http:/a",
        ] {
            assert_eq!(fault(&format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n")), HeadFault::Target, "{line}");
        }
        for line in
            ["GET", "GET ", "GET  /", "GET /a b", "GET /\0", "GET /\x01", "GET /\x7f", " GET /", "G@T /"]
        {
            assert_eq!(fault(&format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n")).status(), 400, "{line}");
        }
        let no_utf8 = b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n";
        assert_eq!(parse(no_utf8, &mut [EMPTY_HEADER; HEADERS_MAX]).unwrap_err(), HeadFault::RequestLine);
    }

    #[test]
    fn unknown_methods_are_for_the_router() {
        let (method, text) =
            with("BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n", |head| (head.method, head.method_text.to_owned()))
                .unwrap();
        assert_eq!((method, text.as_str()), (None, "BREW"));
        with("get / HTTP/1.1\r\nHost: h\r\n\r\n", |head| {
            assert_eq!(head.method, None);
            assert!(head.request(&[], SocketAddr::from(([10, 0, 0, 1], 5))).is_none());
        })
        .unwrap();
    }

    #[test]
    fn versions() {
        for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/2", "HTTP/3.0"] {
            assert_eq!(
                fault(&format!("\r\nGET / {version}\r\nHost: h\r\n\r\n")),
                HeadFault::Version,
                "{version}"
            );
        }
        for version in
            ["http/1.1", "HTTP/", "HTTP/x", "HTTP/1.11", "HTTPS/1.1", "FTP", "HTTP/1.1 ", "HTTP/1.1\rx"]
        {
            let text = format!("GET / {version}\r\nHost: h\r\n\r\n");
            assert_eq!(fault(&text), HeadFault::RequestLine, "{version}");
        }
        assert_eq!(fault("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HeadFault::Version);
        assert_eq!(fault("GET /\r\n\r\n"), HeadFault::RequestLine);
        assert_eq!(fault("GET / HTTP/1.1\r\nHost: h"), HeadFault::RequestLine);
    }

    #[test]
    fn header_lines() {
        for line in [
            "A : b",
            " A: b",
            "A",
            ": b",
            "A: b\r\n folded",
            "A: \x01",
            "A: b\0",
            "A: b\rc",
            "Ä: b",
            "\rA: b",
        ] {
            assert_eq!(fault(&get(&format!("{line}\r\n"))), HeadFault::HeaderLine, "{line:?}");
        }
        assert!(with(&get(&"A: b\r\n".repeat(HEADERS_MAX - 1)), |_| ()).is_ok());
        assert_eq!(fault(&get(&"A: b\r\n".repeat(HEADERS_MAX))), HeadFault::TooManyHeaders);
        assert_eq!(HeadFault::TooManyHeaders.status(), 431);
    }

    #[test]
    fn hosts() {
        assert_eq!(fault("GET / HTTP/1.1\r\n\r\n"), HeadFault::HostMissing);
        assert_eq!(fault(&get("host: h\r\n")), HeadFault::HostTwice);
        assert_eq!(fault("GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n"), HeadFault::HostTwice);
        for host in ["a b", "a/b", "u@h", "ä", "h\\", "http://h"] {
            let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(fault(&text), HeadFault::HostMalformed, "{host}");
        }
        for host in ["", "h", "h:8000", "[::1]:80", "10.0.0.1"] {
            assert!(with(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), |_| ()).is_ok(), "{host}");
        }
        assert!(with("GET / HTTP/1.0\r\n\r\n", |_| ()).is_ok());
    }

    #[test]
    fn keep_alive() {
        for (version, connection, expected) in [
            (1, "", true),
            (1, "Connection: close\r\n", false),
            (1, "Connection: foo, CLOSE\r\n", false),
            (1, "Connection: keep-alive\r\nconnection: close\r\n", false),
            (1, "Connection: closed\r\n", true),
            (0, "", false),
            (0, "Connection: Keep-Alive\r\n", true),
            (0, "Connection: keep-alive, close\r\n", false),
        ] {
            let text = format!("GET / HTTP/1.{version}\r\nHost: h\r\n{connection}\r\n");
            assert_eq!(with(&text, |head| head.keep_alive), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn body_lengths() {
        let length = |lines: &str| with(&get(lines), |head| head.body);
        assert_eq!(length(""), Ok(BodyLength::None));
        assert_eq!(length("Content-Length: 0\r\n"), Ok(BodyLength::None));
        assert_eq!(length("content-length: 007 \r\n"), Ok(BodyLength::Fixed(7)));
        assert_eq!(length("Content-Length: 7\r\nContent-Length: 7\r\n"), Ok(BodyLength::Fixed(7)));
        assert_eq!(length("Content-Length: 18446744073709551615\r\n"), Ok(BodyLength::Fixed(u64::MAX)));
        assert_eq!(length("Transfer-Encoding: Chunked\r\n"), Ok(BodyLength::Chunked));
        for value in [
            "",
            "+7",
            "-7",
            "7 7",
            "7,7",
            "0x7",
            "7a",
            "18446744073709551616",
            "99999999999999999999999",
            "٣",
        ] {
            let lines = format!("Content-Length: {value}\r\n");
            assert_eq!(length(&lines), Err(HeadFault::LengthMalformed), "{value}");
        }
        assert_eq!(length("Content-Length: 7\r\nContent-Length: 8\r\n"), Err(HeadFault::LengthsDiffer));
        assert_eq!(length("Content-Length: 7\r\nContent-Length: x\r\n"), Err(HeadFault::LengthMalformed));
        for both in ["7", "0"] {
            let lines = format!("Content-Length: {both}\r\nTransfer-Encoding: chunked\r\n");
            assert_eq!(length(&lines), Err(HeadFault::LengthAndCoding));
        }
        for coding in
            ["gzip, chunked", "chunked, chunked", "identity", "", "chunked;x", "xchunked", "chunked\x0b"]
        {
            let lines = format!("Transfer-Encoding: {coding}\r\n");
            let status = length(&lines).unwrap_err().status();
            assert_eq!(status, if coding.ends_with('\x0b') { 400 } else { 501 }, "{coding}");
        }
        let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
        assert_eq!(length(twice), Err(HeadFault::CodingUnknown));
        let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(fault(old), HeadFault::CodingInHttp10);
    }

    #[test]
    fn expectations() {
        let expects = |text: &str| with(text, |head| head.expects_continue).unwrap();
        assert!(expects(&get("Expect: 100-Continue\r\nContent-Length: 5\r\n")));
        assert!(expects(&get("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n")));
        assert!(!expects(&get("Expect: 100-continue\r\n")));
        assert!(!expects("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    }
}
