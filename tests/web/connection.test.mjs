import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../../examples/web/andon-client.js";
import { fakes } from "./fakes.mjs";

const URL = "ws://host/ws/monitor";

function connect(more) {
  const { timers, network, options } = fakes(more);
  const client = new Connection(URL, options);
  const states = [];
  client.onstate = (state, why) => states.push(why ? `${state} ${why.code}` : state);
  return { client, timers, network, states, page: options.page };
}

test("it is open when its socket is", () => {
  const { client, network, states } = connect();
  assert.equal(client.state, "closed");
  assert.equal(client.send({ type: "early" }), false);
  client.open();
  network.last().accept();
  assert.equal(network.last().url, URL);
  assert.equal(client.send({ type: "x" }), true);
  assert.deepEqual(network.last().take(), [{ type: "x" }]);
  assert.deepEqual(states, ["connecting", "open"]);
  client.open();
  assert.equal(network.sockets.length, 1, "to open what is open does nothing");
});

test("after five tries, 3 s apart, it is lost, and tries every 15 s for ever", () => {
  const { client, timers, network, states } = connect();
  client.open();
  network.last().accept();
  network.last().end(1006);
  for (let tries = 1; tries <= 5; tries += 1) {
    timers.pass(2_999);
    assert.equal(network.sockets.length, tries);
    assert.equal(client.state, "waiting");
    timers.pass(1);
    assert.equal(network.sockets.length, 1 + tries);
    network.last().end();
  }
  assert.equal(client.state, "lost");
  assert.equal(states.at(-1), "lost 1006");
  const told = states.length;
  for (let tries = 0; tries < 100; tries += 1) {
    timers.pass(14_999);
    assert.equal(network.sockets.length, 6 + tries);
    timers.pass(1);
    assert.equal(network.sockets.length, 7 + tries);
    network.last().end();
  }
  assert.equal(states.length, told, "tries in the background are nothing to show");
  timers.pass(15_000);
  network.last().accept();
  assert.equal(client.state, "open");
  network.last().end();
  assert.equal(client.state, "waiting", "it counts from the beginning again");
});

test("the waits vary by the jitter that chance says", () => {
  const chance = [0, 1];
  const { client, timers, network } = connect({ random: () => chance.shift(), jitter: 0.2 });
  client.open();
  network.last().end();
  timers.pass(2_400);
  assert.equal(network.sockets.length, 2);
  network.last().end();
  timers.pass(3_599);
  assert.equal(network.sockets.length, 2);
  timers.pass(1);
  assert.equal(network.sockets.length, 3);
});

test("a try that does not open in time has failed", () => {
  const { client, timers, network } = connect({ tries: 1 });
  client.open();
  const first = network.last();
  timers.pass(9_999);
  assert.equal(client.state, "connecting");
  timers.pass(1);
  assert.equal(client.state, "waiting");
  assert.ok(first.closed);
  assert.equal(first.onopen, null, "whatever it says now is about the past");
  first.onerror({});
  assert.equal(client.state, "waiting", "nor does an error count, which must be taken");
  timers.pass(3_000);
  network.last().accept();
  timers.pass(20_000);
  assert.equal(client.state, "open");
});

test("an error before it has opened is an end, one after that is not", () => {
  const { client, timers, network } = connect();
  client.open();
  network.last().onerror({});
  assert.equal(client.state, "waiting");
  timers.pass(3_000);
  network.last().accept();
  network.last().onerror({});
  assert.equal(client.state, "open");
});

test("who is refused by 1008 is told so, and is not back at once", () => {
  const { client, timers, network, states } = connect();
  client.open();
  network.last().accept();
  network.last().end(1008, "expired");
  assert.equal(states.at(-1), "lost 1008");
  timers.pass(14_999);
  assert.equal(network.sockets.length, 1);
  timers.pass(1);
  assert.equal(network.sockets.length, 2);
});

test("a server that has finished with 1000 is left alone, unless the policy says otherwise", () => {
  const { client, timers, network, states } = connect();
  client.open();
  network.last().accept();
  network.last().end(1000);
  assert.equal(states.at(-1), "closed 1000");
  timers.pass(100_000);
  assert.equal(network.sockets.length, 1);
  assert.equal(timers.pending, 0);

  const other = connect({ policy: { 1000: "soon" } });
  other.client.open();
  other.network.last().accept();
  other.network.last().end(1000);
  assert.equal(other.client.state, "waiting");
  other.timers.pass(3_000);
  other.network.last().accept();
  other.network.last().end(1008);
  assert.equal(other.client.state, "lost", "the rest of the policy stands");
});

test("closed, it stays so, and leaves no timers", () => {
  const { client, timers, network, states, page } = connect({ staleMs: 3_000 });
  client.open();
  network.last().accept();
  network.last().say({ type: "x" });
  client.close(3001, "enough");
  assert.deepEqual(network.last().closed, { code: 3001, reason: "enough" });
  assert.equal(states.at(-1), "closed 3001");
  assert.equal(client.stale, true);
  assert.equal(timers.pending, 0);
  page.dispatchEvent(new Event("online"));
  timers.pass(100_000);
  assert.equal(network.sockets.length, 1);
  client.open();
  assert.equal(network.sockets.length, 2);
});

test("a bad address is told to who opens; one that goes bad later is a try that failed", () => {
  const { options, timers, network } = fakes();
  assert.throws(() => new Connection("not an address", options).open(), TypeError);
  let url = "http://host/ws?token=1";
  const client = new Connection(() => url, options).open();
  assert.equal(network.last().url, "ws://host/ws?token=1");
  network.last().end();
  url = "nonsense";
  timers.pass(3_000);
  assert.equal(client.state, "waiting");
  url = "https://host/ws?token=2";
  timers.pass(3_000);
  assert.equal(network.last().url, "wss://host/ws?token=2");
});

test("a token among the subprotocols is asked for at each try", () => {
  let token = 1;
  const { client, timers, network } = connect({ protocols: () => ["andon.bearer", `token-${token++}`] });
  client.open();
  network.last().end();
  timers.pass(3_000);
  assert.deepEqual(network.sockets.map((socket) => socket.protocols[1]), ["token-1", "token-2"]);
});

test("what is no JSON object with a type is passed over and counted", () => {
  const { client, network } = connect();
  const heard = [];
  client.onmessage = (message) => heard.push(message);
  client.open();
  network.last().accept();
  for (const text of ["hello", "7", "null", "[]", "{}"]) network.last().say(text);
  network.last().onmessage({ data: new ArrayBuffer(2) });
  network.last().say({ type: "x" });
  assert.equal(client.ignored, 6);
  assert.deepEqual(heard, [{ type: "x" }]);
});

test("data that stops coming is stale, on an open connection and without one", () => {
  const { client, timers, network } = connect({ staleMs: 3_000 });
  const told = [];
  client.onstale = (stale) => told.push(stale);
  assert.equal(client.stale, true);
  client.open();
  network.last().accept();
  network.last().say({ type: "x" });
  timers.pass(2_999);
  network.last().say({ type: "x" });
  timers.pass(2_999);
  assert.deepEqual(told, [false]);
  timers.pass(1);
  assert.deepEqual(told, [false, true]);
  network.last().say({ type: "x" });
  timers.pass(1_000);
  network.last().end();
  timers.pass(2_000);
  assert.deepEqual(told, [false, true, false, true]);
});

test("a server that opens and says nothing does not make old news fresh", () => {
  const { client, timers, network } = connect({ staleMs: 10_000 });
  client.open();
  network.last().accept();
  network.last().say({ type: "x" });
  for (let passed = 0; passed < 9_000; passed += 3_000) {
    network.last().end();
    timers.pass(3_000);
    network.last().accept();
  }
  assert.equal(client.stale, false);
  timers.pass(1_000);
  assert.equal(client.stale, true);
});

test("being lost is being stale", () => {
  const { client, network } = connect({ staleMs: 1_000_000, tries: 0 });
  client.open();
  network.last().accept();
  network.last().say({ type: "x" });
  assert.equal(client.stale, false);
  network.last().end();
  assert.equal(client.state, "lost");
  assert.equal(client.stale, true);
});

test("a connection on which nothing comes is asked, and then given up", () => {
  const { options, timers, network } = fakes({ staleMs: 3_000 });
  class Asking extends Connection {
    ping() {
      this.send({ type: "ping" });
    }
  }
  const client = new Asking(URL, options).open();
  const first = network.last();
  first.accept();
  timers.pass(2_000);
  assert.deepEqual(first.take(), [{ type: "ping" }]);
  first.say({ type: "pong" });
  timers.pass(2_000);
  assert.deepEqual(first.take(), [{ type: "ping" }]);
  timers.pass(3_999);
  assert.equal(client.state, "open");
  timers.pass(1);
  assert.equal(client.state, "waiting");
  assert.ok(first.closed);
});

test("a page that is back, or on a network again, does not wait", () => {
  const { client, timers, network, page } = connect();
  client.open();
  network.last().end();
  page.dispatchEvent(new Event("online"));
  assert.equal(network.sockets.length, 2);
  page.dispatchEvent(new Event("online"));
  timers.pass(3_000);
  assert.equal(network.sockets.length, 2, "there is a try already");
  network.last().end();
  timers.pass(3_000);
  assert.equal(network.sockets.length, 3, "the wait was that of the new end");

  const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  const other = connect({ page: Object.assign(new EventTarget(), { document }) });
  other.client.open();
  other.network.last().end();
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(other.network.sockets.length, 1);
  document.visibilityState = "visible";
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(other.network.sockets.length, 2);
});

test("opened again, it begins from the beginning", () => {
  const { client, network } = connect({ tries: 1 });
  client.open();
  network.last().end();
  client.close();
  client.open();
  network.last().end();
  assert.equal(client.state, "waiting");
});

test("its extensions hear each end once, and give up only what there is", () => {
  const { options, timers, network } = fakes();
  const ends = [];
  class Own extends Connection {
    ended(forGood) {
      ends.push(forGood);
    }
  }
  const client = new Own(URL, options).open();
  network.last().accept();
  client.cut(1006, "enough");
  client.cut(1006, "enough");
  assert.deepEqual(ends, [false]);
  timers.pass(3_000);
  client.close();
  client.close();
  assert.deepEqual(ends, [false, true]);
});

test("a socket is closed with no code that a page may not say", () => {
  for (const [code, said] of [[1000, 1000], [1001, undefined], [2999, undefined], [3000, 3000], [4999, 4999]]) {
    const { client, network } = connect();
    client.open();
    network.last().accept();
    client.close(code, "");
    assert.equal(network.last().closed.code, said);
  }
});

test("a handler may close it", () => {
  const { client, network, timers } = connect();
  client.onstate = (state) => state === "waiting" && client.close();
  client.open();
  network.last().end();
  assert.equal(client.state, "closed");
  timers.pass(100_000);
  assert.equal(network.sockets.length, 1);
});
