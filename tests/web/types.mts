// What a page in TypeScript may write, and what it may not. Never run; the compiler reads it.

import {
  AndonError,
  Connection,
  DeviceSession,
  EquipmentMonitor,
  GuidedSession,
  TopicHub,
  equipmentColor,
  type Equipment,
  type State,
} from "../../examples/web/andon-client.js";

const monitor = new EquipmentMonitor("/ws/monitor", { rate: 5, equipment: ["A"], mode: "changes", policy: { 1008: "never" } });
monitor.onstate = (state: State, why) => console.log(state, why?.code, why?.reason);
monitor.onequipment = (all: Map<string, Equipment>, codes) => codes.map((code) => equipmentColor(all.get(code)!));
monitor.onsource = (status) => status === "error";
monitor.open().close();
// @ts-expect-error: there is no such mode
new EquipmentMonitor("/ws/monitor", { mode: "some" });
// @ts-expect-error: a state is one of five
const wrong: State = "broken";
// @ts-expect-error: only a client hears
monitor.heard({ type: "equipment_status" });

const hub = new TopicHub<{ id: number }>(() => "/ws", "robots", { key: (robot) => robot.id });
hub.onupdate = (robot) => robot.id + 1;
hub.onfault = (error: AndonError) => error.field;
// @ts-expect-error: the data is what it was said to be
hub.onupdate = (robot) => robot.name;

const device = new DeviceSession("/ws/device", "AMR_001", { info: { model: "X" }, samplesMax: 10 });
const id: string = await device.start();
const kept: boolean = device.send({ type: "lidar", timestamp: 1, points: [1, 2] });
const ended: string | null = await device.end();
device.onended = (sessionId) => sessionId === id;

const guided = new GuidedSession("/ws/sessions", "TEST001", { role: "STUDENT" });
const { user_id }: { user_id: number } = await guided.join();
guided.onparticipant = (one) => (one.type === "participant_joined" ? one.role : one.user_name);
guided.onstep = (subtask) => subtask.voice_guide_text?.length;
const sent: boolean = guided.requestHelp(1, "?");
// @ts-expect-error: a step is named by its id
guided.completeStep("1");

class Own extends Connection {
  protected override opened() {
    this.send({ type: "hello" });
  }
  protected override heard(message: { type: string }) {
    this.news();
  }
}

export { Own, ended, kept, sent, user_id, wrong };
