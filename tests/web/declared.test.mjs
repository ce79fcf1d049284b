import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as client from "../../examples/web/andon-client.js";

const types = readFileSync(new URL("../../examples/web/andon-client.d.ts", import.meta.url), "utf8");
const PLACES = { DeviceSession: "AMR_001", GuidedSession: "TEST001", TopicHub: "robots" };

test("what the types declare is there, and the other way round", () => {
  const declared = [...types.matchAll(/^export (?:class|function) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(declared.sort(), Object.keys(client).sort());
  for (const [, name, body] of types.matchAll(/^export class (\w+).*?\{\n(.*?)^\}/gms)) {
    const one = new client[name]("ws://host/ws", PLACES[name]);
    const members = [...body.matchAll(/^  (?:protected |readonly )*(\w+)\??[(:]/gm)].map(([, member]) => member);
    for (const member of members) assert.ok(member in one, `${name}.${member}`);
    // What every error has needs no declaration.
    if (one instanceof Error) continue;
    const own = [...Object.keys(one), ...Object.getOwnPropertyNames(Object.getPrototypeOf(one))];
    for (const member of own) {
      const text = types.slice(types.indexOf("export class Connection"));
      assert.match(text, new RegExp(`\\b${member}\\b`), `${name}.${member}`);
    }
  }
});
