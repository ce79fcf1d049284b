"""Counts the equipment in each of ten messages of an equipment monitor, the first included; a line of JSON for each.

    python3 monitor_count.py ws://127.0.0.1:8000/ws/monitor
"""

import asyncio
import json
import sys

import websockets


async def count(uri):
    async with websockets.connect(uri) as socket:
        for number in range(1, 11):
            message = json.loads(await socket.recv())
            line = {"number": number, "type": message["type"], "equipment": len(message["equipment"])}
            print(json.dumps(line), flush=True)


asyncio.run(count(sys.argv[1]))
