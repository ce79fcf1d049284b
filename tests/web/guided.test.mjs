import assert from "node:assert/strict";
import { test } from "node:test";
import { GuidedSession } from "../../examples/web/andon-client.js";
import { fakes } from "./fakes.mjs";

function guided({ accept = true, ...more } = {}) {
  const { timers, network, options } = fakes(more);
  const client = new GuidedSession("ws://host/ws/sessions", "TEST001", options);
  client.open();
  if (accept) network.last().accept();
  return { client, timers, network, server: () => network.last() };
}
const confirmed = { type: "join_confirmed", session_code: "TEST001", user_id: 1, message: "세션에 참가했습니다" };
const done = (id) => ({ type: "step_complete_confirmed", subtask_id: id, message: "단계를 완료했습니다" });

test("the address ends in the code and a slash", () => {
  assert.equal(guided().server().url, "ws://host/ws/sessions/TEST001/");
});

test("joining is confirmed, and done again on the next connection", async () => {
  const { client, timers, server } = guided({ accept: false });
  const join = client.join();
  assert.deepEqual(server().take(), []);
  server().accept();
  assert.deepEqual(server().take(), [{ type: "join", data: {} }]);
  server().say(confirmed);
  assert.equal((await join).message, "세션에 참가했습니다");
  server().end();
  timers.pass(3_000);
  server().accept();
  assert.deepEqual(server().take(), [{ type: "join", data: {} }]);
});

test("heartbeats go out each 30 s, whatever else is heard", () => {
  const { client, timers, server } = guided();
  for (let beats = 1; beats <= 4; beats += 1) {
    timers.pass(29_000);
    server().say({ type: "participant_left", user_id: 2, user_name: "B" });
    assert.deepEqual(server().take(), []);
    timers.pass(1_000);
    assert.deepEqual(server().take(), [{ type: "heartbeat", data: { timestamp: timers.now() } }]);
    server().say({ type: "heartbeat_ack", timestamp: timers.now() });
  }
  server().end();
  timers.pass(2_999);
  client.close();
  assert.equal(timers.pending, 0);
});

test("a server that acknowledges no heartbeat is given up", () => {
  const { client, timers } = guided();
  timers.pass(120_000);
  assert.equal(client.state, "waiting");
});

test("a completed step is said until it is confirmed", async () => {
  const { client, timers, server } = guided({ role: "STUDENT" });
  const [one, two] = [client.completeStep(1), client.completeStep(2)];
  assert.equal(server().take().length, 2);
  server().say(done(2));
  assert.equal((await two).message, "단계를 완료했습니다");
  server().take();
  server().end();
  timers.pass(3_000);
  server().accept();
  assert.deepEqual(server().take(), [{ type: "step_complete", data: { subtask_id: 1 } }]);
  server().say(done(1));
  assert.equal((await one).subtask_id, 1);
});

test("an error is told, and rejects the oldest that waits", async () => {
  const { client, server } = guided();
  const faults = [];
  client.onfault = (fault) => faults.push(fault.message);
  const step = client.completeStep(9);
  server().say({ type: "error", message: '"subtask_id" must be the id of a subtask of this session' });
  await assert.rejects(step, { name: "AndonError", message: /subtask_id/ });
  server().say({ type: "error", message: "Unknown message type: X" });
  assert.equal(faults.length, 2);
});

test("the rest is sent, or not, at once", () => {
  const { client, server } = guided();
  assert.equal(client.requestHelp(1, "이해하지 못했습니다"), true);
  assert.equal(client.nextStep(2, "다음 단계입니다"), true);
  client.pause();
  client.resume();
  client.end();
  assert.deepEqual(server().take(), [
    { type: "request_help", data: { subtask_id: 1, message: "이해하지 못했습니다" } },
    { type: "next_step", data: { subtask_id: 2, message: "다음 단계입니다" } },
    { type: "pause_session", data: {} },
    { type: "resume_session", data: {} },
    { type: "end_session", data: {} },
  ]);
  server().end();
  assert.equal(client.nextStep(2), false);
});

test("what is another's to do is refused here, if it is known who one is", async () => {
  const student = guided({ role: "STUDENT" });
  for (const say of ["nextStep", "pause", "resume", "end"]) {
    assert.throws(() => student.client[say](1), { code: "NOT_PERMITTED" });
  }
  const instructor = guided({ role: "INSTRUCTOR" });
  assert.throws(() => instructor.client.requestHelp(1, "?"), { code: "NOT_PERMITTED" });
  await assert.rejects(instructor.client.completeStep(1), { code: "NOT_PERMITTED" });
  for (const { server } of [student, instructor]) assert.deepEqual(server().take(), []);
  instructor.server().end();
  instructor.timers.pass(3_000);
  instructor.server().accept();
  assert.deepEqual(instructor.server().take(), [], "nor is it kept");
});

test("what happens in the session is told by kind", () => {
  const { client, server } = guided();
  const told = [];
  const heard = [];
  client.onfault = (fault) => told.push(fault);
  client.onmessage = ({ type }) => heard.push(type);
  server().say({ type: "heartbeat_ack", timestamp: 1 });
  assert.deepEqual(heard, ["heartbeat_ack"]);
  for (const on of ["onparticipant", "onprogress", "onhelp", "onstep", "onstatus"]) {
    client[on] = (...args) => told.push([on, ...args.map((arg) => arg.user_id ?? arg.id ?? arg)]);
  }
  server().say({ type: "participant_joined", user_id: 3, user_name: "A", role: "STUDENT" });
  server().say({ type: "participant_left", user_id: 4, user_name: "B" });
  server().say({ type: "progress_updated", user_id: 5, user_name: "C", subtask_id: 1, status: "completed" });
  server().say({ type: "help_requested", user_id: 6, user_name: "D", subtask_id: 1, message: "?" });
  server().say({ type: "step_changed", subtask: { id: 7, title: "T" } });
  server().say({ type: "session_status_changed", status: "PAUSED", message: "세션이 일시정지되었습니다" });
  assert.deepEqual(told, [
    ["onparticipant", 3],
    ["onparticipant", 4],
    ["onprogress", 5],
    ["onhelp", 6],
    ["onstep", 7],
    ["onstatus", "PAUSED", "세션이 일시정지되었습니다"],
  ]);
});

test("so many requests may wait, and no more", async () => {
  const { client } = guided({ accept: false });
  const waiting = Array.from({ length: 16 }, (_, id) => client.completeStep(id));
  await assert.rejects(client.completeStep(17), { code: "BUFFER_FULL" });
  client.close();
  for (const one of await Promise.allSettled(waiting)) assert.equal(one.reason.code, "CLOSED");
});

test("closed as it opens, it has no heart", () => {
  const { client, timers, network } = guided({ accept: false });
  client.onstate = (state) => state === "open" && client.close();
  network.last().accept();
  assert.equal(timers.pending, 0);
});

test("closing rejects what waits, and leaves the session", async () => {
  const { client, server } = guided();
  const join = client.join();
  client.close();
  await assert.rejects(join, { code: "CLOSED" });
  client.open();
  server().accept();
  assert.deepEqual(server().take(), []);
});
