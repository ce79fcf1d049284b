import assert from "node:assert/strict";
import { test } from "node:test";
import { DeviceSession } from "../../examples/web/andon-client.js";
import { fakes } from "./fakes.mjs";

const REGISTER = { type: "device_register", deviceId: "AMR_001", clientVersion: "1.1.0" };

function device({ accept = true, ...more } = {}) {
  const { timers, network, options } = fakes(more);
  const client = new DeviceSession("ws://host/ws/device", "AMR_001", options);
  client.open();
  const server = () => network.last();
  const said = () => server().take().map(({ type, sessionId, v }) => [type, sessionId, v].filter((part) => part !== undefined).join(" "));
  if (accept) {
    server().accept();
    server().take();
  }
  return { client, timers, network, server, said };
}
const created = (sessionId, timestamp) => ({ type: "session_created", sessionId, deviceId: "AMR_001", timestamp });
const ended = (sessionId) => ({ type: "session_ended", sessionId, deviceId: "AMR_001", timestamp: 1 });
const error = (errorCode) => ({ type: "error", errorCode, message: `it is ${errorCode}`, deviceId: "AMR_001" });

/** Starts a session, with an answer. */
async function started(setup, id = "session_1") {
  const promise = setup.client.start();
  setup.server().say(created(id, setup.server().take().at(-1).timestamp));
  assert.equal(await promise, id);
}

test("it registers as a new client, with what else it says of itself", () => {
  const { server } = device({ accept: false, info: { model: "X" } });
  server().accept();
  assert.deepEqual(server().take(), [{ model: "X", ...REGISTER }]);
});

test("sessions start and end in order, and samples carry the id of theirs", async () => {
  const { client, timers, server, said } = device();
  const start = client.start();
  assert.equal(client.send({ v: 1 }), true);
  const [request] = server().take();
  assert.deepEqual(request, { type: "session_start", timestamp: timers.now(), deviceId: "AMR_001" });
  assert.equal(client.sessionId, null);
  server().say(created("session_1", request.timestamp));
  assert.equal(await start, "session_1");
  assert.equal(client.sessionId, "session_1");
  client.send({ type: "lidar", v: 2, sessionId: "forged", deviceId: "forged" });
  assert.deepEqual(server().take(), [
    { type: "sensor_data", v: 1, deviceId: "AMR_001", sessionId: "session_1" },
    { type: "lidar", v: 2, deviceId: "AMR_001", sessionId: "session_1" },
  ]);
  const end = client.end();
  const again = client.start();
  assert.equal(client.sessionId, null);
  client.send({ v: 3 });
  assert.deepEqual(said(), ["session_end session_1", "session_start"]);
  server().say(ended("session_1"));
  server().say(created("session_2", timers.now()));
  assert.equal(await end, "session_1");
  assert.equal(await again, "session_2");
  assert.deepEqual(said(), ["sensor_data session_2 3"]);
});

test("without a session there is nothing to end; samples go out without an id", async () => {
  const { client, said } = device();
  assert.equal(await client.end(), null);
  client.send({ v: 1 });
  assert.deepEqual(said(), ["sensor_data 1"]);
  assert.throws(() => client.send({ type: "session_end" }), TypeError);
});

test("after a lost connection it goes on in its session, with what was kept first", async () => {
  const setup = device();
  const { client, timers, network, server, said } = setup;
  await started(setup);
  server().end();
  client.send({ v: 1 });
  client.send({ v: 2 });
  assert.equal(client.waiting, 2);
  timers.pass(3_000);
  assert.equal(network.sockets.length, 2);
  server().accept();
  client.send({ v: 3 });
  assert.deepEqual(said(), ["device_register", ...[1, 2, 3].map((v) => `sensor_data session_1 ${v}`)]);
  assert.equal(client.waiting, 0);
});

test("of what is kept the oldest is dropped, and counted", async () => {
  const setup = device({ samplesMax: 2 });
  const { client, timers, server, said } = setup;
  await started(setup);
  server().end();
  const end = client.end();
  assert.deepEqual([1, 2, 3, 4].map((v) => client.send({ v })), [true, true, false, false]);
  assert.equal(client.dropped, 2);
  timers.pass(3_000);
  server().accept();
  assert.deepEqual(said(), ["device_register", "session_end session_1", "sensor_data 3", "sensor_data 4"], "never a request");
  server().say(ended("session_1"));
  assert.equal(await end, "session_1");
});

test("what was asked and not answered is asked again, before all else", async () => {
  const setup = device();
  const { client, timers, server, said } = setup;
  await started(setup);
  const end = client.end();
  const start = client.start();
  client.send({ v: 1 });
  const timestamp = timers.now();
  assert.deepEqual(said(), ["session_end session_1", "session_start"]);
  server().end();
  timers.pass(3_000);
  server().accept();
  assert.deepEqual(said(), ["device_register", "session_end session_1", "session_start"]);
  server().say(ended("session_1"));
  server().say(created("session_2", timestamp));
  assert.equal(await end, "session_1");
  assert.equal(await start, "session_2");
  assert.deepEqual(said(), ["sensor_data session_2 1"]);
});

test("a network that takes no more is not given more", async () => {
  const setup = device({ unsentBytesMax: 100 });
  const { client, timers, server, said } = setup;
  await started(setup);
  server().bufferedAmount = 101;
  client.send({ v: 1 });
  client.send({ v: 2 });
  assert.deepEqual(said(), []);
  timers.pass(100);
  assert.deepEqual(said(), []);
  const other = device({ unsentBytesMax: 100, staleMs: 0 });
  other.server().bufferedAmount = 101;
  other.client.send({ v: 1 });
  other.client.close();
  assert.equal(other.timers.pending, 0);
  server().bufferedAmount = 0;
  timers.pass(100);
  assert.deepEqual(said(), ["sensor_data session_1 1", "sensor_data session_1 2"]);
});

test("a session that the server ends is told, once", async () => {
  const setup = device();
  const { client, server } = setup;
  const told = [];
  client.onended = (id) => told.push(id);
  await started(setup);
  server().say(ended("another"));
  assert.equal(client.sessionId, "session_1");
  server().say(ended("session_1"));
  server().say(ended("session_1"));
  assert.equal(client.sessionId, null);
  await started(setup, "session_2");
  server().say(error("NO_ACTIVE_SESSION"));
  server().say(error("NO_ACTIVE_SESSION"));
  assert.deepEqual(told, ["session_1", "session_2"]);
});

test("errors are told; those that can answer a request reject the oldest", async () => {
  const setup = device();
  const { client, server, said } = setup;
  const faults = [];
  client.onfault = ({ code, message, deviceId }) => faults.push([code, message, deviceId]);
  const start = client.start();
  client.send({ v: 1 });
  server().say(error("UNKNOWN_TYPE"));
  assert.deepEqual(said(), ["session_start"]);
  server().say(error("SESSION_ALREADY_ACTIVE"));
  await assert.rejects(start, { name: "AndonError", code: "SESSION_ALREADY_ACTIVE", deviceId: "AMR_001" });
  for (const code of ["STORAGE_UNAVAILABLE", "INVALID_MESSAGE"]) {
    const other = device();
    const start = other.client.start();
    other.server().say(error(code));
    await assert.rejects(start, { code });
  }
  assert.deepEqual(said(), ["sensor_data 1"]);
  assert.equal(client.sessionId, null);
  assert.equal(await client.end(), null, "it never began");
  server().say(error("STORAGE_UNAVAILABLE"));
  const heard = [];
  client.onmessage = ({ type }) => heard.push(type);
  server().say({ type: "device_registered", deviceId: "AMR_001", timestamp: 1 });
  assert.deepEqual(heard, ["device_registered"]);
  assert.equal(client.stale, false);
  assert.deepEqual(faults.map(([code]) => code), ["UNKNOWN_TYPE", "SESSION_ALREADY_ACTIVE", "STORAGE_UNAVAILABLE"]);
  assert.deepEqual(faults[0], ["UNKNOWN_TYPE", "it is UNKNOWN_TYPE", "AMR_001"]);
});

test("the end of a session may fail without that of the next", async () => {
  const setup = device();
  const { client, timers, server } = setup;
  await started(setup);
  const end = client.end();
  const start = client.start();
  server().say(error("STORAGE_UNAVAILABLE"));
  await assert.rejects(end, { code: "STORAGE_UNAVAILABLE" });
  server().say(created("session_2", timers.now()));
  assert.equal(await start, "session_2");
  assert.equal(client.sessionId, "session_2");
});

test("a session that nobody waits for any more is ended", async () => {
  const { client, timers, server, said } = device();
  const start = client.start();
  const timestamp = timers.now();
  server().say(error("STORAGE_UNAVAILABLE"));
  await assert.rejects(start);
  said();
  server().say(created("session_9", timestamp));
  assert.deepEqual(said(), ["session_end session_9"]);
  assert.equal(client.sessionId, null);
});

test("closing rejects what waits", async () => {
  const { client, timers } = device({ accept: false });
  const start = client.start();
  client.close();
  await assert.rejects(start, { code: "CLOSED" });
  assert.equal(timers.pending, 0);

  const setup = device();
  await started(setup);
  setup.server().end();
  const end = setup.client.end();
  setup.client.send({ v: 1 });
  setup.client.close();
  await assert.rejects(end, { code: "CLOSED" });
  setup.client.open();
  setup.server().accept();
  assert.deepEqual(setup.said(), ["device_register", "sensor_data 1"], "samples are kept, requests are not");
  await started(setup, "session_2");
  setup.client.close();
  assert.equal(setup.client.sessionId, null);
});

test("answers find their requests by what they say", async () => {
  const setup = device();
  const { client, timers, server, said } = setup;
  await started(setup);
  const end = client.end();
  const start = client.start();
  said();
  server().say(created("session_8", timers.now() - 1));
  assert.deepEqual(said(), ["session_end session_8"], "nobody asked for this one");
  server().say(created("session_2", timers.now()));
  assert.equal(await start, "session_2");
  server().say(ended("session_1"));
  assert.equal(await end, "session_1");

  // While a start waits, the session before may still be ended by the server.
  const again = client.start();
  server().say(ended("session_2"));
  server().say(created("session_3", timers.now()));
  assert.equal(await again, "session_3");
});

test("so many requests may wait, and no more", async () => {
  const { client } = device({ accept: false });
  const waiting = Array.from({ length: 16 }, () => client.start());
  await assert.rejects(client.start(), { code: "BUFFER_FULL" });
  client.close();
  for (const one of await Promise.allSettled(waiting)) assert.equal(one.reason.code, "CLOSED");
});

test("a server that answers nothing is asked to register once more, and given up", async () => {
  const setup = device();
  const { client, timers, server } = setup;
  await started(setup);
  timers.pass(40_000);
  assert.deepEqual(server().take(), [REGISTER]);
  timers.pass(80_000);
  assert.equal(client.state, "waiting");
  assert.equal(client.sessionId, "session_1");
});
