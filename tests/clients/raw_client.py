"""A client of a topic hub on a bare socket, with nothing but Python's own library: what somebody writes for a device that has no WebSocket package.

    python3 raw_client.py HOST PORT TOPIC

It upgrades, pings once with a message of its own, answers the server's pings of both kinds, and prints every message until the server closes, then the
close code.
"""

import base64
import hashlib
import json
import os
import socket
import struct
import sys

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def take(stream, count):
    data = stream.read(count)
    if len(data) < count:
        raise SystemExit("the connection broke")
    return data


def send(sock, opcode, payload):
    mask = os.urandom(4)
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else bytes([0xFE]) + struct.pack(">H", length)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    sock.sendall(bytes([0x80 | opcode]) + size + mask + masked)


def say(sock, kind, topic, data):
    send(sock, 1, json.dumps({"type": kind, "topic": topic, "data": data}).encode())


def main():
    host, port, topic = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    sock = socket.create_connection((host, port))
    stream = sock.makefile("rb")
    key = base64.b64encode(os.urandom(16))
    sock.sendall(
        b"GET /ws/%s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n"
        % (topic.encode(), host.encode(), port, key)
    )
    status = stream.readline().decode().strip()
    headers = {}
    while line := stream.readline().strip():
        name, value = line.split(b":", 1)
        headers[name.lower()] = value.strip()
    if " 101 " not in status + " ":
        print(json.dumps({"status": status}), flush=True)
        return
    assert headers[b"sec-websocket-accept"] == base64.b64encode(hashlib.sha1(key + GUID).digest())
    say(sock, "ping", topic, {"timestamp": 1.25})
    while True:
        first, size = take(stream, 2)
        if size == 126:
            (size,) = struct.unpack(">H", take(stream, 2))
        elif size == 127:
            (size,) = struct.unpack(">Q", take(stream, 8))
        payload = take(stream, size)
        opcode = first & 15
        if opcode == 1:
            message = json.loads(payload)
            print(json.dumps(message), flush=True)
            if message["type"] == "ping":
                say(sock, "pong", topic, message["data"])
        elif opcode == 9:
            send(sock, 10, payload)
        elif opcode == 8:
            send(sock, 8, payload[:2])
            print(json.dumps({"closed": struct.unpack(">H", payload[:2])[0]}), flush=True)
            return


main()
