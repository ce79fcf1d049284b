import assert from "node:assert/strict";
import { test } from "node:test";
import { AndonError, TopicHub } from "../../examples/web/andon-client.js";
import { fakes } from "./fakes.mjs";

function follow({ url = "ws://host/ws", topic = "robots", ...more } = {}) {
  const { timers, network, options } = fakes(more);
  const hub = new TopicHub(url, topic, options);
  hub.open();
  network.last().accept();
  return { hub, timers, network, server: () => network.last() };
}
const update = (data) => ({ type: "update", topic: "robots", data });

test("the topic stands behind the address", () => {
  assert.equal(follow().server().url, "ws://host/ws/robots");
  assert.equal(follow({ url: "ws://host/ws/?token=1", topic: "video streams" }).server().url, "ws://host/ws/video%20streams?token=1");
});

test("pings are answered with their timestamp, under its own topic", () => {
  const { server } = follow();
  server().say({ type: "ping", topic: "status", data: { timestamp: 12.25 } });
  server().say({ type: "ping", topic: "status" });
  assert.deepEqual(server().take(), [
    { type: "pong", topic: "robots", data: { timestamp: 12.25 } },
    { type: "pong", topic: "robots", data: {} },
  ]);
});

test("updates come one by one, and the latest of every key is kept", () => {
  const { hub, timers, server } = follow({ key: (robot) => robot.id });
  const seen = [];
  hub.onupdate = (data, key) => seen.push([key, data.at]);
  server().say(update({ id: 1, at: "dock" }));
  server().say(update({ id: 2, at: "hall" }));
  server().say(update({ id: 1, at: "gate" }));
  assert.deepEqual(seen, [[1, "dock"], [2, "hall"], [1, "gate"]]);
  assert.deepEqual([...hub.values], [[1, { id: 1, at: "gate" }], [2, { id: 2, at: "hall" }]]);
  // What left meanwhile is not told again.
  server().end();
  timers.pass(3_000);
  assert.equal(hub.values.size, 2);
  server().accept();
  assert.equal(hub.values.size, 0);
});

test("without keys there is one value", () => {
  const { hub, server } = follow();
  server().say(update(1));
  server().say(update([2]));
  assert.deepEqual([...hub.values.values()], [[2]]);
});

test("errors have a field; a shutdown has a reason, and it comes back", () => {
  const { hub, timers, network, server } = follow();
  const faults = [];
  const reasons = [];
  hub.onfault = (fault) => faults.push(fault);
  hub.onshutdown = (reason) => reasons.push(reason);
  const heard = [];
  hub.onmessage = ({ type }) => heard.push(type);
  server().say({ type: "pong", topic: "robots", data: {} });
  server().say({ type: "error", topic: "robots", data: { message: '"type" is missing', field: "type" } });
  assert.ok(faults[0] instanceof AndonError);
  assert.equal(faults[0].message, '"type" is missing');
  assert.equal(faults[0].field, "type");
  server().say({ type: "shutdown", topic: "status", data: { reason: "Server is shutting down" } });
  assert.deepEqual(reasons, ["Server is shutting down"]);
  assert.deepEqual(heard, ["pong", "error", "shutdown"]);
  server().end(1001);
  timers.pass(3_000);
  assert.equal(network.sockets.length, 2);
});

test("refused by 1003, it is lost, and asks seldom", () => {
  const { hub, server } = follow();
  server().end(1003);
  assert.equal(hub.state, "lost");
});

test("a topic is quiet for a minute before it asks, and given up after three", () => {
  const { hub, timers, server } = follow();
  server().say(update(1));
  assert.equal(hub.stale, false);
  timers.pass(59_999);
  assert.deepEqual(server().take(), []);
  timers.pass(1);
  assert.equal(server().take()[0].type, "ping");
  timers.pass(30_000);
  assert.equal(hub.stale, true);
  timers.pass(90_000);
  assert.equal(hub.state, "waiting");
});
