//! The WebSocket upgrade (RFC 6455, 4.2): whether a request is one, and the 101 that answers it.

use super::{
    head::{BodyLength, Head},
    headers::{has_token, values},
    request::{Method, Request},
};
use std::borrow::Cow;
use tungstenite::handshake::derive_accept_key;

/// What the answer to a proper upgrade needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Upgrade<'a> {
    /// The client's `Sec-WebSocket-Key`, 24 characters of base64.
    pub(crate) key: &'a str,
}

/// Why a request is no proper upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum UpgradeFault {
    /// No `Upgrade: websocket` at all: a browser's address bar, or a proxy that swallowed it.
    NotAsked,
    Method,
    HttpVersion,
    Connection,
    WebSocketVersion,
    Key,
    Body,
}

/// What a client must ask with, as 426 tells it.
pub(crate) const UPGRADE_HEADERS: &[(&str, &str)] =
    &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")];

impl UpgradeFault {
    /// The status of the answer.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::NotAsked | Self::WebSocketVersion => 426,
            Self::HttpVersion | Self::Connection | Self::Key | Self::Body => 400,
        }
    }

    /// What the client did wrong and what was expected, in one line.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::NotAsked => {
                "this path is a WebSocket: expected 'Upgrade: websocket' (a proxy must pass it on)"
            }
            Self::Method => "this path is a WebSocket: expected the method GET",
            Self::HttpVersion => {
                "a WebSocket needs HTTP/1.1 (nginx in between needs 'proxy_http_version 1.1')"
            }
            Self::Connection => {
                "malformed WebSocket request: expected 'Connection: Upgrade' (a proxy must pass it on)"
            }
            Self::WebSocketVersion => "unsupported WebSocket version: expected 'Sec-WebSocket-Version: 13'",
            Self::Key => {
                "malformed WebSocket request: expected one Sec-WebSocket-Key header, 16 bytes in base64"
            }
            Self::Body => "malformed WebSocket request: expected no body",
        }
    }

    /// The headers that the answer must carry.
    pub(crate) const fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Method => &[("Allow", "GET")],
            Self::NotAsked | Self::WebSocketVersion => UPGRADE_HEADERS,
            Self::HttpVersion | Self::Connection | Self::Key | Self::Body => &[],
        }
    }
}

/// Checks that `head` is a proper upgrade. What the client most probably meant decides which fault comes
/// first.
pub(crate) fn check<'a>(head: &Head<'a>) -> Result<Upgrade<'a>, UpgradeFault> {
    if head.method != Some(Method::Get) {
        return Err(UpgradeFault::Method);
    }
    if !head.wants_upgrade {
        return Err(UpgradeFault::NotAsked);
    }
    if head.version_minor == 0 {
        return Err(UpgradeFault::HttpVersion);
    }
    if !has_token(head.headers, "connection", "upgrade") {
        return Err(UpgradeFault::Connection);
    }
    if only_value(head, "sec-websocket-version") != Some(b"13") {
        return Err(UpgradeFault::WebSocketVersion);
    }
    let key = only_value(head, "sec-websocket-key").and_then(key).ok_or(UpgradeFault::Key)?;
    if head.body != BodyLength::None {
        return Err(UpgradeFault::Body);
    }
    Ok(Upgrade { key })
}

/// The value of a header that must not come twice.
fn only_value<'a>(head: &Head<'a>, name: &str) -> Option<&'a [u8]> {
    let mut found = values(head.headers, name);
    let value = found.next()?;
    found.next().is_none().then(|| value.trim_ascii())
}

/// 16 bytes in base64 are 22 characters and two of padding. The four bits that the last character has too
/// many may be anything: decoders differ on them, and the answer is derived from the text alone.
fn key(value: &[u8]) -> Option<&str> {
    let digits = value.strip_suffix(b"==")?;
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    (digits.len() == 22 && digits.iter().all(base64)).then_some(())?;
    std::str::from_utf8(value).ok()
}

/// The first subprotocol of the client's list that is supported: the client's order counts, over all its
/// headers.
pub(crate) fn choose_subprotocol<'s>(request: &Request<'_>, supported: &'s [String]) -> Option<&'s str> {
    request
        .header_all("sec-websocket-protocol")
        .flat_map(|line| line.split(','))
        .map(str::trim_ascii)
        .filter(|asked| !asked.is_empty())
        .find_map(|asked| supported.iter().find(|ours| *ours == asked))
        .map(String::as_str)
}

/// Writes the answer to a proper upgrade. `subprotocol` is one that [`choose_subprotocol`] gave.
pub(crate) fn accept_101(
    key: &str,
    subprotocol: Option<&str>,
    extra: &[(Cow<'static, str>, Cow<'static, str>)],
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
    );
    out.extend_from_slice(b"Sec-WebSocket-Accept: ");
    out.extend_from_slice(derive_accept_key(key.as_bytes()).as_bytes());
    if let Some(subprotocol) = subprotocol {
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(subprotocol.as_bytes());
    }
    for (name, value) in extra {
        for part in ["\r\n", name, ": ", value] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::{super::head, *};
    use crate::ground::limits::HEADERS_MAX;
    use core::net::SocketAddr;
    use httparse::EMPTY_HEADER;

    const GOOD: &str = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    fn check_text(text: &str) -> Result<String, UpgradeFault> {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let head =
            head::parse(text.as_bytes(), &mut headers).unwrap_or_else(|fault| panic!("{fault:?}: {text}"));
        check(&head).map(|upgrade| upgrade.key.to_owned())
    }

    #[test]
    fn a_proper_upgrade() {
        assert_eq!(check_text(GOOD).as_deref(), Ok("dGhlIHNhbXBsZSBub25jZQ=="));
        let odd = GOOD.replace("websocket", "h2c, WebSocket").replace("Upgrade\r", "UPGRADE\r");
        assert!(check_text(&odd).is_ok());
        let split = GOOD.replace("keep-alive, Upgrade", "keep-alive\r\nConnection: upgrade");
        assert!(check_text(&split).is_ok());
        assert!(check_text(&GOOD.replace("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n")).is_ok());
    }

    #[test]
    fn each_condition_has_its_fault() {
        for (from, to, fault) in [
            ("GET", "POST", UpgradeFault::Method),
            ("GET", "BREW", UpgradeFault::Method),
            ("HTTP/1.1", "HTTP/1.0", UpgradeFault::HttpVersion),
            ("Upgrade: websocket", "Upgrade: h2c", UpgradeFault::NotAsked),
            ("Upgrade: websocket\r\n", "", UpgradeFault::NotAsked),
            (", Upgrade", "", UpgradeFault::Connection),
            ("Version: 13", "Version: 8", UpgradeFault::WebSocketVersion),
            ("Version: 13", "Version: 13, 8", UpgradeFault::WebSocketVersion),
            ("Sec-WebSocket-Version: 13\r\n", "", UpgradeFault::WebSocketVersion),
            ("Sec-WebSocket-Key", "X-Key", UpgradeFault::Key),
            ("ZQ==", "Z===", UpgradeFault::Key),
            ("ZQ==", "ZQ=", UpgradeFault::Key),
            ("ZQ==", "ZQAA", UpgradeFault::Key),
            ("dGhl", "dG-l", UpgradeFault::Key),
            ("dGhl", "", UpgradeFault::Key),
            ("\r\n\r\n", "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", UpgradeFault::Key),
            ("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\n", UpgradeFault::Body),
            ("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n", UpgradeFault::Body),
        ] {
            assert_eq!(check_text(&GOOD.replace(from, to)), Err(fault), "{from} -> {to}");
        }
        assert_eq!(UpgradeFault::WebSocketVersion.status(), 426);
        assert!(UpgradeFault::WebSocketVersion.headers().contains(&("Sec-WebSocket-Version", "13")));
        assert_eq!(UpgradeFault::Method.headers(), [("Allow", "GET")]);
    }

    #[test]
    fn the_answer_is_the_one_of_the_rfc() {
        let mut out = Vec::new();
        accept_101("dGhlIHNhbXBsZSBub25jZQ==", Some("chat"), &[("X-A".into(), "b".into())], &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\nX-A: b\r\n\r\n"
        );
        let mut plain = b"before".to_vec();
        accept_101("dGhlIHNhbXBsZSBub25jZQ==", None, &[], &mut plain);
        assert!(plain.starts_with(b"beforeHTTP/1.1 101 ") && plain.ends_with(b"xOo=\r\n\r\n"));
    }

    #[test]
    fn the_clients_order_decides_the_subprotocol() {
        let supported = ["b".to_owned(), "c".to_owned(), String::new()];
        for (lines, expected) in [
            ("", None),
            ("Sec-WebSocket-Protocol: a, c ,b\r\n", Some("c")),
            ("Sec-WebSocket-Protocol: a\r\nsec-websocket-protocol: b,c\r\n", Some("b")),
            ("Sec-WebSocket-Protocol: B\r\n", None),
            ("Sec-WebSocket-Protocol: ,,\r\n", None),
        ] {
            let text = GOOD.replace("\r\n\r\n", &format!("\r\n{lines}\r\n"));
            let mut headers = [EMPTY_HEADER; HEADERS_MAX];
            let head = head::parse(text.as_bytes(), &mut headers).unwrap();
            let request = head.request(&[], SocketAddr::from(([127, 0, 0, 1], 1))).unwrap();
            assert_eq!(choose_subprotocol(&request, &supported), expected, "{lines}");
        }
    }
}
