import assert from "node:assert/strict";
import { test } from "node:test";
import { EquipmentMonitor, equipmentColor } from "../../examples/web/andon-client.js";
import { fakes } from "./fakes.mjs";

const equipment = (code, status = "running", more = {}) => ({
  equipment_code: code,
  equipment_name: `설비 ${code}`,
  status,
  tags: { status_tag: status === "running" ? 1 : 0, error_tag: 0, connection: true, ...more },
  last_updated: "2025-11-03T10:30:45.000Z",
});
const connected = (...all) => ({ type: "connection_status", status: "connected", message: "hello", equipment: all });
const status = (all, seq) => ({ type: "equipment_status", timestamp: "…", ...(seq === undefined ? {} : { seq }), equipment: all });
const changes = (seq, ...all) => ({ type: "equipment_changes", timestamp: "…", seq, equipment: all });

function watch({ url = "ws://host/ws/monitor", ...more } = {}) {
  const { timers, network, options } = fakes(more);
  const monitor = new EquipmentMonitor(url, options);
  const told = [];
  monitor.onequipment = (all, codes) => told.push(codes.join());
  monitor.open();
  network.last().accept();
  const shown = () => Object.fromEntries([...monitor.equipment].map(([code, one]) => [code, one.status]));
  return { monitor, timers, network, told, shown, server: () => network.last() };
}

test("what it asks for stands in the query", () => {
  const url = (more) => watch(more).server().url;
  assert.equal(url({}), "ws://host/ws/monitor");
  assert.equal(url({ rate: 5 }), "ws://host/ws/monitor?rate=5");
  assert.equal(
    url({ url: "ws://host/ws/monitor?token=x", equipment: ["A 1", "용접"], mode: "changes" }),
    "ws://host/ws/monitor?token=x&equipment=A+1%2C%EC%9A%A9%EC%A0%91&mode=changes",
  );
});

test("it shows the newest equipment, whole each time", () => {
  const { told, shown, server } = watch();
  server().say(connected(equipment("A"), equipment("B")));
  assert.deepEqual(shown(), { A: "running", B: "running" });
  server().say(status([equipment("A", "idle"), equipment("C")]));
  assert.deepEqual(shown(), { A: "idle", C: "running" });
  assert.deepEqual(told, ["A,B", "A,C"]);
});

test("without news for three periods all of it is disconnected, until there is some", () => {
  const { monitor, timers, told, shown, server } = watch();
  const stale = [];
  monitor.onstale = (is) => stale.push(is);
  server().say(connected(equipment("A")));
  server().say(status([equipment("A")]));
  timers.pass(2_999);
  assert.deepEqual(shown(), { A: "running" });
  // A pong shows that there is a server, not that there is equipment.
  assert.deepEqual(server().take(), [{ type: "ping", timestamp: "2023-11-14T22:13:22.000Z" }]);
  server().say({ type: "pong", timestamp: "…" });
  timers.pass(1);
  assert.equal(monitor.stale, true);
  assert.deepEqual(shown(), { A: "disconnected" });
  assert.equal(monitor.known.get("A").status, "running");
  assert.equal(monitor.equipment.get("A").tags.connection, false);
  assert.equal(monitor.equipment.get("A").tags.status_tag, 1, "its other tags stay");
  server().say(status([equipment("A", "idle")]));
  assert.deepEqual(shown(), { A: "idle" });
  assert.deepEqual(told, ["A", "A", "A", "A"]);
  assert.deepEqual(stale, [false, true, false]);
});

test("three periods are those of the rate that the server makes of it, but never under a second", () => {
  for (const [more, ms] of [
    [{ rate: 0.2 }, 15_000],
    [{ rate: 0.7 }, 6_000],
    [{ rate: 0.01 }, 15_000],
    [{ rate: 50 }, 1_000],
    [{ periodMs: 4_000 }, 12_000],
    [{ staleMs: 700 }, 700],
  ]) {
    const { monitor, timers, server } = watch(more);
    server().say(connected(equipment("A")));
    timers.pass(ms - 1);
    assert.equal(monitor.stale, false, JSON.stringify(more));
    timers.pass(1);
    assert.equal(monitor.stale, true, JSON.stringify(more));
  }
});

test("changes are applied in their order", () => {
  const { told, shown, server } = watch({ mode: "changes" });
  server().say(connected(equipment("A"), equipment("B")));
  server().say(status([equipment("A"), equipment("B")], 7));
  server().say(changes(8, equipment("B", "stopped")));
  server().say(changes(9, equipment("C", "idle")));
  assert.deepEqual(shown(), { A: "running", B: "stopped", C: "idle" });
  assert.deepEqual(told, ["A,B", "A,B", "B", "C"]);
});

test("after a gap, or a missing number, nothing is believed before the next whole status", () => {
  for (const missed of [{ type: "gap", from: 1, to: 3 }, changes(5, equipment("A", "error"))]) {
    const { shown, server } = watch({ mode: "changes" });
    server().say(connected(equipment("A")));
    server().say(status([equipment("A")], 0));
    server().say(missed);
    server().say(changes(1, equipment("A", "idle")));
    server().say(changes(6, equipment("A", "idle")));
    assert.deepEqual(shown(), { A: "running" });
    server().say(status([equipment("A", "stopped")], 6));
    server().say(changes(7, equipment("B")));
    assert.deepEqual(shown(), { A: "stopped", B: "running" });
  }
});

test("where the whole status does not come, what is shown goes stale, and it connects again", () => {
  const { monitor, timers, network, shown, server } = watch({ mode: "changes" });
  server().say(status([equipment("A")], 0));
  server().say(changes(2, equipment("A", "idle")));
  timers.pass(2_000);
  server().say({ type: "pong", timestamp: "…" });
  timers.pass(1_000);
  assert.deepEqual(shown(), { A: "disconnected" });
  timers.pass(3_000);
  assert.equal(monitor.state, "waiting");
  timers.pass(3_000);
  server().accept();
  server().say(changes(3, equipment("A", "idle")));
  assert.deepEqual(shown(), { A: "disconnected" }, "numbers of before count no more");
  server().say(status([equipment("A")], 3));
  assert.deepEqual(shown(), { A: "running" });
  assert.equal(network.sockets.length, 2);
});

test("a quiet line that answers pings is fresh", () => {
  const { monitor, timers, server } = watch({ mode: "changes" });
  server().say(connected(equipment("A")));
  server().say(status([equipment("A")], 0));
  for (let seconds = 0; seconds < 60; seconds += 2) {
    timers.pass(2_000);
    assert.equal(server().take().length, 1);
    server().say({ type: "pong", timestamp: "…" });
  }
  assert.equal(monitor.stale, false);
  assert.equal(monitor.state, "open");
});

test("the server says that its source is lost, and that it goes", () => {
  const { monitor, timers, network, shown, server } = watch();
  const source = [];
  monitor.onsource = (status, message) => source.push([status, message]);
  server().say(connected(equipment("A")));
  server().say({ type: "connection_status", status: "error", message: "the source is lost" });
  assert.equal(monitor.state, "open");
  assert.deepEqual(shown(), { A: "running" });
  server().say({ type: "connection_status", status: "disconnected", message: "bye" });
  assert.deepEqual(source, [["connected", "hello"], ["error", "the source is lost"], ["disconnected", "bye"]]);
  assert.equal(monitor.state, "waiting");
  timers.pass(3_000);
  assert.equal(network.sockets.length, 2);
});

test("lost, all of it is disconnected", () => {
  const { monitor, timers, shown, server } = watch({ staleMs: 1_000_000 });
  server().say(connected(equipment("A")));
  server().end();
  for (let tries = 0; tries < 5; tries += 1) {
    assert.deepEqual(shown(), { A: "running" });
    timers.pass(3_000);
    server().end();
  }
  assert.equal(monitor.state, "lost");
  assert.deepEqual(shown(), { A: "disconnected" });
});

test("what is no equipment is passed over", () => {
  const { monitor, shown, server } = watch({ mode: "changes" });
  const heard = [];
  monitor.onmessage = ({ type }) => heard.push(type);
  server().say(status([equipment("A")], 0));
  server().say({ type: "equipment_status", equipment: 7 });
  server().say({ type: "news" });
  server().say(changes(1, equipment("A", "idle")));
  server().say({ type: "equipment_changes", seq: 2 });
  assert.deepEqual(shown(), { A: "idle" });
  assert.deepEqual(heard, ["equipment_status", "equipment_status", "news", "equipment_changes", "equipment_changes"]);
});

test("colours are those of the board", () => {
  const colours = ["running", "idle", "stopped", "disconnected"].map((status) => equipmentColor(equipment("A", status)));
  assert.deepEqual(colours, ["green", "yellow", "red", "gray"]);
  assert.equal(equipmentColor(equipment("A", "running", { error_tag: 1 })), "purple");
  assert.equal(equipmentColor(equipment("A", "running", { error_tag: 1, connection: false })), "gray");
});
