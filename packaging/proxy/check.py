#!/usr/bin/env python3
"""Clients of a server behind a proxy with TLS, as browsers and devices are.

usage: check.py PORT

Exits with 0 if they get what they would get without the proxy.
"""

import json
import socket
import ssl
import sys

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

PORT = int(sys.argv[1])
NAME = "plant.example"
# Whether a certificate is good is the proxy's affair.
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


def at(path, **headers):
    """A WebSocket; `None` if the server refuses."""
    connection = socket.create_connection(("127.0.0.1", PORT), timeout=10)
    try:
        return connect(f"wss://{NAME}:{PORT}{path}", sock=connection, ssl=TLS, additional_headers=headers)
    except InvalidStatus as refused:
        assert refused.response.status_code == 403, refused
        return None


def get(path):
    with TLS.wrap_socket(socket.create_connection(("127.0.0.1", PORT), timeout=10), server_hostname=NAME) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: {NAME}:{PORT}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()


monitor = at("/ws/monitor")
assert json.loads(monitor.recv(10))["type"] == "connection_status"
assert len(json.loads(monitor.recv(10))["equipment"]) == 17

# A page of the same origin may show its cookies, and no other.
lesson, cookie = "/ws/sessions/TEST001/", "sessionid=k3J9x0pQ7v"
student = at(lesson, Cookie=cookie, Origin=f"https://{NAME}:{PORT}")
student.send('{"type":"join","data":{}}')
assert json.loads(student.recv(10))["type"] == "join_confirmed"
assert at(lesson, Cookie=cookie, Origin="https://elsewhere.example") is None

# What happens is told when it happens, and not when a buffer is full: the stream never ends.
events = TLS.wrap_socket(socket.create_connection(("127.0.0.1", PORT), timeout=10), server_hostname=NAME)
events.sendall(f"GET /api/events HTTP/1.1\r\nHost: {NAME}:{PORT}\r\n\r\n".encode())
heard = b""
while b"\r\n\r\n" not in heard:
    heard += events.recv(65536)
device = at("/ws/device")
device.send('{"type":"device_register","deviceId":"behind-a-proxy","clientVersion":"1.1.0"}')
device.send('{"type":"session_start","deviceId":"behind-a-proxy"}')
while b"behind-a-proxy" not in heard:
    heard += events.recv(65536)
events.close()

for path in ["/", "/healthz", "/metrics"]:
    assert get(path).startswith("HTTP/1.1 200 "), path
assert '"title":"KRCWO12"' in get("/api")
