// A dashboard's client of a topic hub, as browsers run it: it watches one topic, answers the server's pings, and connects again some time after
// its connection has ended. What it sees goes to standard output, a line of JSON each.
//
//     node [--experimental-websocket] topic_client.mjs ws://127.0.0.1:8000 robots [MILLISECONDS BEFORE CONNECTING AGAIN]

const [server, topic, wait = "3000"] = process.argv.slice(2);
// Node has a browser's WebSocket from 22 on, and from 20.10 on by a flag; before that, the package "ws" is the same to us.
const Socket = globalThis.WebSocket ?? (await import("ws")).default;

const tell = (event, detail) => console.log(JSON.stringify({ event, detail }));

const handlers = {
  update: (_, message) => tell("update", message),
  ping: (socket, message) => {
    const data = { timestamp: message.data.timestamp };
    socket.send(JSON.stringify({ type: "pong", topic, data }));
    tell("ping", message.topic);
  },
};

function watch() {
  const socket = new Socket(`${server}/ws/${topic}`);
  socket.onopen = () => tell("open", topic);
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    // What it does not know it leaves alone.
    handlers[message.type]?.(socket, message);
  };
  let over = false;
  const again = (code) => {
    if (over) return;
    over = true;
    tell("close", code);
    setTimeout(watch, Number(wait));
  };
  socket.onclose = ({ code }) => again(code);
  // A browser says "close" after an error; Node 20 says nothing more of a connection that failed.
  socket.onerror = () => setTimeout(again, 100, 1006);
}

watch();
