# test_websocket_consumer.py
#
# The test script of the lesson app's document as it stands, but for its missing import of time, where to connect, and the cookie that a student brings:
#
#     python3 guided_student.py ws://127.0.0.1:8000/ws/sessions/TEST001/ sessionid=student1
import asyncio
import sys
import time

import websockets
import json

# What the package calls it has changed with its version 14.
headers = "additional_headers" if int(websockets.__version__.split(".")[0]) >= 14 else "extra_headers"

async def test_student_session():
    uri = sys.argv[1]

    async with websockets.connect(uri, **{headers: {"Cookie": sys.argv[2]}}) as websocket:
        # Join session
        await websocket.send(json.dumps({
            'type': 'join',
            'data': {}
        }))

        response = await websocket.recv()
        print(f"Join response: {response}")

        # Send heartbeat
        await websocket.send(json.dumps({
            'type': 'heartbeat',
            'data': {'timestamp': int(time.time())}
        }))

        response = await websocket.recv()
        print(f"Heartbeat response: {response}")

        # Complete step
        await websocket.send(json.dumps({
            'type': 'step_complete',
            'data': {'subtask_id': 1}
        }))

        response = await websocket.recv()
        print(f"Step complete response: {response}")

# Run test
asyncio.run(test_student_session())
