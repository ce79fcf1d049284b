// What a page that watches a line does, without the page: it keeps the newest equipment, connects again when it is cut off, and gives up after five attempts
// in a row, all equipment gray. What it shows goes to standard output, a line of JSON each.
//
//     node monitor_page.mjs ws://127.0.0.1:8000/ws/monitor [MILLISECONDS BEFORE CONNECTING AGAIN]

import WebSocket from "ws";

const [url, wait = "3000"] = process.argv.slice(2);
const ATTEMPTS_MAX = 5;
let attempts = 0;
let shown = [];

const show = (what) => console.log(JSON.stringify(what));

function colour({ status, tags }) {
  if (!tags.connection) return "gray";
  if (tags.error_tag === 1) return "purple";
  return { stopped: "red", idle: "yellow", running: "green" }[status];
}

function showEquipment(equipment) {
  shown = equipment;
  show({ equipment: Object.fromEntries(shown.map((one) => [one.equipment_code, colour(one)])) });
}

function connect() {
  const socket = new WebSocket(url);
  socket.onopen = () => {
    attempts = 0;
    show({ status: "connected" });
  };
  socket.onmessage = ({ data }) => {
    let message;
    try {
      message = JSON.parse(data);
    } catch (error) {
      show({ invalid: String(error) });
      return;
    }
    if (message.type === "equipment_status") showEquipment(message.equipment);
    else if (message.type === "connection_status") show({ told: message.status });
  };
  // The close comes behind it.
  socket.onerror = () => {};
  socket.onclose = ({ code }) => {
    show({ status: "reconnecting", code });
    if (attempts < ATTEMPTS_MAX) {
      attempts += 1;
      setTimeout(connect, Number(wait));
    } else {
      show({ status: "failed" });
      showEquipment(shown.map((one) => ({ ...one, tags: { ...one.tags, connection: false } })));
    }
  };
}

connect();
