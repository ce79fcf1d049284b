// The board writes numbers and times by hand, as a browser's own formats would.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

Object.defineProperty(globalThis, "navigator", { value: { languages: ["en"] }, configurable: true });
globalThis.document = { documentElement: {}, querySelectorAll: () => [] };

const source = readFileSync(new URL("../../src/host/board/page/words.js", import.meta.url), "utf8");
const { countOf, speak, timeOf, valueOf } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
const NUMBERS = [0, 1, -1, 0.5, 0.05, 0.00012, -0.25, 9.999, 12.345, 99.5, 999, 1_000, -1_000, 1_234.5, 65_535, 999_999.999, -1_234_567.891, 1e12, 2 ** 53];

for (const language of ["ko", "en"]) {
  test(`numbers in ${language}`, () => {
    speak(language);
    const by = (value, maximumFractionDigits) => new Intl.NumberFormat(language, { maximumFractionDigits }).format(value);
    for (const value of NUMBERS) {
      assert.equal(valueOf(value), by(value, Math.abs(value) < 1 ? 4 : 2));
      const whole = Math.round(value) + 0;
      assert.equal(countOf(whole), by(whole, 0));
    }
    // What rounds to nothing has no sign, and what has no end of digits is told short.
    assert.equal(valueOf(-0.00001), "0");
    assert.equal(valueOf(1e300), "1e+300");
  });

  test(`times in ${language}`, () => {
    speak(language);
    const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const by = (ms, more) => new Intl.DateTimeFormat(language, { ...time, ...more }).format(ms);
    const now = Date.now();
    for (const ms of [now, now - 3_600_000, now - 19 * 3_600_000]) assert.equal(timeOf(ms), by(ms, { second: "2-digit" }));
    for (const ms of [0, now - 21 * 3_600_000, now - 200 * 86_400_000]) assert.equal(timeOf(ms), by(ms, { month: "numeric", day: "numeric" }));
  });
}
