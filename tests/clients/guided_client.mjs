// Clients of guided sessions as the lesson app's document shows them: a student who joins, is heard from again and again, and completes a step (its scenario 1), or an
// instructor who goes on to the next step, pauses the session and resumes it (its scenario 2). What comes goes to standard output, a line of JSON each.
//
//     node [--experimental-websocket] guided_client.mjs ws://127.0.0.1:8000 student sessionid=student1 [MILLISECONDS BETWEEN HEARTBEATS]

const [server, role, cookie, beat = "30000"] = process.argv.slice(2);
// Node has a browser's WebSocket from 22 on, and from 20.10 on by a flag; before that, the package "ws" is the same to us.
const Socket = globalThis.WebSocket ?? (await import("ws")).default;

// A browser brings its cookies by itself, and takes no second argument for it.
const ws = new Socket(`${server}/ws/sessions/TEST001/`, { headers: { Cookie: cookie } });

const tell = (event, detail) => console.log(JSON.stringify({ event, detail }));

const scenarios = {
  student() {
    ws.send(JSON.stringify({ type: "join", data: {} }));
    setInterval(() => {
      ws.send(JSON.stringify({ type: "heartbeat", data: { timestamp: Date.now() } }));
    }, Number(beat));
    ws.send(JSON.stringify({ type: "step_complete", data: { subtask_id: 1 } }));
  },
  instructor() {
    ws.send(JSON.stringify({ type: "next_step", data: { subtask_id: 2, message: "다음 단계로 이동합니다" } }));
    ws.send(JSON.stringify({ type: "pause_session", data: {} }));
    ws.send(JSON.stringify({ type: "resume_session", data: {} }));
  },
};

ws.onopen = () => {
  tell("open", role);
  scenarios[role]();
};
ws.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  tell(message.type, message);
};
ws.onclose = ({ code }) => {
  tell("close", code);
  process.exit();
};
