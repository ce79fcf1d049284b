// The client for browsers (examples/web), as a page uses it. What it is told goes to standard output, a line of JSON each.
//
//     node [--experimental-websocket] web_client.mjs monitor ws://127.0.0.1:8000/ws/monitor [OPTIONS AS JSON]
//     node [--experimental-websocket] web_client.mjs topic ws://127.0.0.1:8000/ws TOPIC [OPTIONS AS JSON]
//     node [--experimental-websocket] web_client.mjs device ws://127.0.0.1:8000/ws/device DEVICE [OPTIONS AS JSON]
//     node [--experimental-websocket] web_client.mjs guided ws://127.0.0.1:8000/ws/sessions CODE STUDENT COOKIE [OPTIONS AS JSON]

import { DeviceSession, EquipmentMonitor, GuidedSession, TopicHub } from "../../examples/web/andon-client.js";

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

  // A robot that leaves one network for another in the middle of its first session.
  device(id, more) {
    let roams = true;
    class Roaming extends WebSocket {
      close(code, reason) {
        // The server hears nothing of what is left behind.
        if (!roams) super.close(code, reason);
        roams = false;
      }
    }
    const device = new DeviceSession(url, id, { ...options(more), WebSocket: Roaming });
    device.onended = async (session) => {
      tell({ ended: session });
      tell({ started: await device.start() });
    };
    const collect = async () => {
      tell({ started: await device.start() });
      device.send({ v: 1 });
      device.cut(1006, "another network");
      device.send({ v: 2 });
      tell({ waiting: device.waiting });
      const over = device.end();
      tell({ over: await over });
      tell({ started: await device.start() });
      device.send({ type: "lidar", v: 3 });
    };
    collect();
    return device;
  },

  guided(code, role, cookie, more) {
    // A browser brings its cookies by itself.
    class Known extends WebSocket {
      constructor(url) {
        super(url, { headers: { Cookie: cookie } });
      }
    }
    const guided = new GuidedSession(url, code, { ...options(more), role, WebSocket: Known });
    guided.onparticipant = ({ type, user_id }) => tell({ [type]: user_id });
    guided.onprogress = ({ user_id, subtask_id, status }) => tell({ progress: [user_id, subtask_id, status] });
    guided.onstep = ({ id, title }) => tell({ step: id, title });
    guided.onstatus = (status, message) => tell({ status, message });
    guided.onhelp = ({ user_id, message }) => {
      tell({ help: user_id, message });
      guided.nextStep(2, "다음 단계입니다");
      guided.pause();
      guided.resume();
      guided.end();
    };
    const learn = async () => {
      tell({ joined: (await guided.join()).user_id });
      if (role !== "STUDENT") return;
      tell({ done: (await guided.completeStep(1)).subtask_id });
      await guided.completeStep(99).catch(({ message }) => tell({ rejected: message }));
      guided.requestHelp(1, "도와주세요");
    };
    learn();
    return guided;
  },
};

const client = kinds[kind](...rest);
client.onstate = (state, why) => tell(why ? { state, code: why.code } : { state });
client.onfault = ({ message, code, field }) => tell({ fault: message, code, field });
client.open();
