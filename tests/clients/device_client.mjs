// The sensor app's client, as its document shows a normal day of it: connected once, registered, and then START, data and STOP as often as somebody presses them (here twice),
// without connecting again. It forgets its session's id as soon as it has sent session_end. What comes goes to standard output, a line of JSON each.
//
//     node [--experimental-websocket] device_client.mjs ws://127.0.0.1:8000/ws/device AMR_001

const [url, deviceId] = process.argv.slice(2);
// Node has a browser's WebSocket from 22 on, and from 20.10 on by a flag; before that, the package "ws" is the same to us.
const Socket = globalThis.WebSocket ?? (await import("ws")).default;
const SESSIONS = 2;

const ws = new Socket(url);
const send = (message) => ws.send(JSON.stringify({ ...message, deviceId, timestamp: Date.now() }));
let sessionId = null;
let sessions = 0;

const handlers = {
  device_registered: () => send({ type: "session_start" }),
  session_created(message) {
    sessionId = message.sessionId;
    for (let n = 1; n <= 3; n += 1) send({ type: "sensor_data", sessionId, acceleration: n / 10 });
    send({ type: "session_end", sessionId });
    sessionId = null;
  },
  session_ended() {
    sessions += 1;
    if (sessions < SESSIONS) send({ type: "session_start" });
    else ws.close(1000);
  },
};

ws.onopen = () => send({ type: "device_register" });
ws.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  console.log(data);
  handlers[message.type]?.(message);
};
ws.onclose = ({ code }) => {
  console.log(JSON.stringify({ closed: code }));
  process.exit();
};
