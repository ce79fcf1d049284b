// The client for browsers (examples/web), as a page uses it. What it is told goes to standard output, a line of JSON each.
//
//     node [--experimental-websocket] web_client.mjs monitor ws://127.0.0.1:8000/ws/monitor [OPTIONS AS JSON]
//     node [--experimental-websocket] web_client.mjs topic ws://127.0.0.1:8000/ws TOPIC [OPTIONS AS JSON]

import { EquipmentMonitor, TopicHub } from "../../examples/web/andon-client.js";

const WebSocket = globalThis.WebSocket ?? (await import("ws")).default;
const [kind, url, ...rest] = process.argv.slice(2);
const tell = (line) => console.log(JSON.stringify(line));
const options = (text = "{}") => ({ WebSocket, ...JSON.parse(text) });

const kinds = {
  monitor(more) {
    const monitor = new EquipmentMonitor(url, options(more));
    monitor.onequipment = (all) => tell({ equipment: Object.fromEntries([...all].map(([code, { status }]) => [code, status])) });
    monitor.onsource = (status) => tell({ source: status });
    return monitor;
  },
  topic(topic, more) {
    const hub = new TopicHub(url, topic, { key: ({ id }) => id, ...options(more) });
    hub.onupdate = (_, key) => tell({ update: key, values: Object.fromEntries(hub.values) });
    hub.onshutdown = (reason) => tell({ shutdown: reason });
    hub.onmessage = ({ type }) => type === "ping" && tell({ ping: true });
    return hub;
  },
};

const client = kinds[kind](...rest);
client.onstate = (state, why) => tell(why ? { state, code: why.code } : { state });
client.onfault = ({ message, code, field }) => tell({ fault: message, code, field });
client.open();
