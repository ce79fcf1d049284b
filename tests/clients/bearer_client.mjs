// A page's client that shows a token in the one header a browser lets it write: behind the subprotocol "andon.bearer". What it sees goes to standard
// output, a line of JSON each.
//
//     node [--experimental-websocket] bearer_client.mjs ws://127.0.0.1:8000/ws TOKEN [MORE SUBPROTOCOLS]

const [url, token, ...more] = process.argv.slice(2);
const Socket = globalThis.WebSocket ?? (await import("ws")).default;

const tell = (event, detail) => console.log(JSON.stringify({ event, detail }));

const socket = new Socket(url, ["andon.bearer", token, ...more]);
socket.onopen = () => tell("open", socket.protocol);
socket.onmessage = ({ data }) => tell("message", data);
let over = false;
const end = (code) => {
  if (over) return;
  over = true;
  tell("close", code);
};
socket.onclose = ({ code }) => end(code);
// Node 20 says nothing more of a connection that failed.
socket.onerror = () => setTimeout(end, 100, 1006);
