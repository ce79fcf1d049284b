#!/usr/bin/env python3
"""Writes fuzz/seeds: what the fuzz targets begin with. Run it after a change here, and commit both.

Each name begins with what comes of the bytes, which a unit test beside each target's body checks: for heads the status of the answer, or
`none` when no head is complete; for frames `open`, `closed`, or the code that the stream is closed with.
"""

from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"

# ---- frames: three bytes choose the limits (in 16 bytes) and the size of pieces, the rest is the stream ----

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, RSV1 = 0x80, 0x40


def frame(first, payload=b"", form=None, key=b"\x37\xfa\x21\x3d", mask=True):
    form = form or (1 if len(payload) < 126 else 2 if len(payload) < 1 << 16 else 8)
    bit = 0x80 if mask else 0
    if form == 1:
        length = bytes([bit | len(payload)])
    else:
        length = bytes([bit | (126 if form == 2 else 127)]) + len(payload).to_bytes(form, "big")
    if not mask:
        return bytes([first]) + length + payload
    return bytes([first]) + length + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


def close(code, reason=b""):
    return frame(FIN | CLOSE, code.to_bytes(2, "big") + reason)


def text(words):
    return frame(FIN | TEXT, words.encode())


LIMITS = bytes([64, 128, 5])
TIGHT = bytes([2, 4, 3])
EURO = "€".encode()

WALKER = {
    "open-nothing": LIMITS,
    "open-texts": LIMITS + text("") + text("a") + text("grün") + text("😀" * 40),
    "open-binary-of-each-length-form": LIMITS
    + frame(FIN | BINARY, b"\xff" * 3)
    + frame(FIN | BINARY, b"\0" * 126)
    + frame(FIN | BINARY, b"abc", form=2)
    + frame(FIN | BINARY, b"abc", form=8),
    "open-key-of-zeros": LIMITS + frame(FIN | TEXT, b"plain", key=bytes(4)),
    "open-fragments-with-a-ping-between": LIMITS
    + frame(TEXT, b"one ")
    + frame(FIN | PING, b"?")
    + frame(CONT, b"")
    + frame(FIN | CONT, b"two"),
    "open-character-cut-by-fragments": LIMITS
    + frame(TEXT, EURO[:1])
    + frame(CONT, EURO[1:2])
    + frame(FIN | CONT, EURO[2:]),
    "open-pings-and-pongs": LIMITS + frame(FIN | PING) + frame(FIN | PING, b"x" * 125) + frame(FIN | PONG, b"y"),
    "open-header-cut": LIMITS + text("a") + frame(FIN | BINARY, b"z" * 300)[:3],
    "open-message-of-just-the-limit": TIGHT + frame(BINARY, b"a" * 32) + frame(FIN | CONT, b"b" * 32),
    "closed-without-a-code": LIMITS + text("bye") + frame(FIN | CLOSE),
    "closed-with-a-reason": LIMITS + close(1000, "done €".encode()) + text("never heard"),
    "closed-within-a-message": LIMITS + frame(TEXT, b"half") + close(4999),
    "1002-no-mask": LIMITS + frame(FIN | TEXT, b"bare", mask=False),
    "1002-reserved-bit": LIMITS + frame(FIN | RSV1 | TEXT, b"deflated?"),
    "1002-unknown-opcode": LIMITS + frame(FIN | 3, b"?"),
    "1002-unknown-control-opcode": LIMITS + frame(FIN | 11),
    "1002-continuation-of-nothing": LIMITS + frame(FIN | CONT, b"?"),
    "1002-message-within-a-message": LIMITS + frame(TEXT, b"one") + text("two"),
    "1002-fragmented-ping": LIMITS + frame(PING, b"?"),
    "1002-long-ping": LIMITS + frame(FIN | PING, b"p" * 126),
    "1002-close-of-one-byte": LIMITS + frame(FIN | CLOSE, b"\x03"),
    "1007-text": LIMITS + frame(FIN | TEXT, b"ab\xc0\xafcd"),
    "1007-surrogate": LIMITS + frame(FIN | TEXT, b"\xed\xa0\x80"),
    "1007-fragments-that-end-in-a-character": LIMITS + frame(TEXT, b"a") + frame(FIN | CONT, EURO[:2]),
    "1007-reason": LIMITS + close(1000, b"\xff"),
    "1009-frame": TIGHT + frame(FIN | BINARY, b"f" * 33),
    "1009-message": TIGHT + frame(BINARY, b"a" * 32) + frame(CONT, b"b" * 32) + frame(FIN | CONT, b"c"),
    "1009-claim-of-eight-bytes": LIMITS + bytes([FIN | BINARY, 0x80 | 127]) + b"\x7f" + b"\xff" * 7 + b"mask",
}

# ---- heads, with what follows them --------------------------------------------------------------------

UPGRADE = (
    "GET /ws/sessions/AB%20C/?token=x%3D1&y=+ HTTP/1.1\r\nHost: h:8000\r\nConnection: keep-alive, Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    'Sec-WebSocket-Protocol: a, b\r\nCookie: sid="x"; y=z\r\n\r\n'
)
POST = "POST /a HTTP/1.1\r\nHost: h\r\n"

HEAD = {
    "none-nothing": "",
    "none-cut": UPGRADE[:-2],
    "101-upgrade": UPGRADE,
    "101-upgrade-with-a-frame-behind": UPGRADE.encode() + text("early"),
    "200-get": "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "200-bare-line-feeds-and-a-body": "PUT /a/b HTTP/1.0\nContent-Length: 5\nConnection: keep-alive\n\nhello",
    "200-chunks": POST + "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n",
    "200-absolute-target": "GET http://h/a?b HTTP/1.1\r\nHost: h\r\n\r\n",
    "200-header-of-other-bytes": b"GET / HTTP/1.1\r\nHost: h\r\nX: \xff\xc3\r\n\r\n",
    "400-no-host": "GET / HTTP/1.1\r\n\r\n",
    "400-both-lengths": POST + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
    "400-two-lengths": POST + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "400-length-with-a-sign": POST + "Content-Length: +3\r\n\r\nabc",
    "400-chunk-size": POST + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "400-space-before-the-colon": "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
    "400-escape-in-the-path": "GET /%f HTTP/1.1\r\nHost: h\r\n\r\n",
    "400-key": UPGRADE.replace("ZQ==", "ZQ="),
    "405-upgrade-by-post": UPGRADE.replace("GET", "POST", 1),
    "413-length": POST + "Content-Length: 1001\r\n\r\n",
    "413-chunk": POST + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    "426-version": UPGRADE.replace(": 13", ": 8"),
    "431-too-many-headers": "GET / HTTP/1.1\r\nHost: h\r\n" + "X: y\r\n" * 64 + "\r\n",
    "501-coding": POST + "Transfer-Encoding: gzip, chunked\r\n\r\n",
    "505-version": "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
}

for target, seeds in (("walker", WALKER), ("head", HEAD)):
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in seeds.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
