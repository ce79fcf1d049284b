// The board in a browser. What it shows is told a line of JSON at a time, whenever that changes; so is what the browser complains of.
//
//     node board.mjs watch http://127.0.0.1:8000/ SHOTS          what it shows, for as long as it runs
//     node board.mjs impatient http://127.0.0.1:8000/ SHOTS      the same, where time between tries passes twenty times as fast
//     node board.mjs languages http://127.0.0.1:8000/ SHOTS      in English, chosen to be Korean, loaded anew
//     node board.mjs lead http://127.0.0.1:8000/ SHOTS COOKIE    an instructor takes control, begins a step, pauses, ends
//     node board.mjs policy http://127.0.0.1:8000/ SHOTS         what the page's policy forbids
//     node board.mjs accessible http://127.0.0.1:8000/ SHOTS     what axe finds, on screens and in states of all sorts
//
// SHOTS is a folder for screenshots.

import { join } from "node:path";
import axe from "axe-core";
import { launch, visit } from "./browser.mjs";

const [scene, url, shots, cookie] = process.argv.slice(2);
const tell = (line) => console.log(JSON.stringify(line));
const browser = await launch(shots);
const shot = (page, name) => page.screenshot({ path: join(shots, `${scene}-${name}.png`) });
const tiles = (page) => page.waitForSelector(".tile");

/** Within the page: tells what it shows with every frame in which that is something else. */
function telling() {
  // As they are drawn, not as they are named.
  const COLORS = { "47, 191, 113": "green", "242, 194, 48": "yellow", "214, 40, 40": "red", "139, 63, 214": "purple", "103, 112, 124": "gray" };
  const colorOf = (node) => COLORS[getComputedStyle(node).backgroundColor.match(/\d+, \d+, \d+/)?.[0]] ?? "none";
  const all = (what, from = document) => [...from.querySelectorAll(what)];
  const text = (node, what) => node.querySelector(what).textContent;
  const see = {
    link: () => document.getElementById("link").dataset.state,
    tiles: () => Object.fromEntries(all(".tile").map((tile) => [tile.dataset.code, `${colorOf(tile.querySelector(".lamp"))} ${text(tile, ".state")}`])),
    summary: () => all(".chip").map((chip) => `${text(chip, ".number")} ${text(chip, ".word")}`),
    tags: () => Object.fromEntries(all(".tile").map((tile) => [tile.dataset.code, all(".tags > div", tile).map((tag) => [text(tag, "dt"), text(tag, "dd")].join("="))])),
    sessions: () => all(".session").map((row) => [text(row, "b"), text(row, ".badge"), text(row, ".samples"), all(".sparklines span", row).map((name) => name.textContent).join()].join(" | ")),
    lesson: () => all(".lesson").map((lesson) => [text(lesson, "b"), text(lesson, ".badge"), lesson.querySelector(".step[aria-current] .what")?.textContent ?? "", all(".person", lesson).map((one) => text(one, ".who")).join()].join(" | ")),
    topics: () => Object.fromEntries(all(".topic").map((row) => [row.dataset.topic, text(row, ".value")])),
  };
  const told = {};
  const look = () => {
    for (const [what, of] of Object.entries(see)) {
      const now = JSON.stringify(of());
      if (told[what] !== now) window.tell({ [what]: JSON.parse(now) });
      told[what] = now;
    }
    requestAnimationFrame(look);
  };
  document.addEventListener("DOMContentLoaded", look);
}

/** Within the page: what the page waits for between two tries comes sooner. A try itself takes its time: browsers hold back those that follow many that failed. */
function hurrying() {
  const real = window.setTimeout;
  const between = (ms) => (ms > 2_600 && ms < 3_400) || (ms > 13_000 && ms < 17_000);
  window.setTimeout = (then, ms = 0, ...more) => real(then, between(ms) ? ms / 20 : ms, ...more);
}

const scenes = {
  async watch() {
    const page = await visit(browser, url, { tell, before: telling });
    await tiles(page);
    await shot(page, "wall");
  },

  async impatient() {
    const page = await visit(browser, url, { tell, before: `(${hurrying})(); (${telling})();` });
    await page.waitForSelector("#link[data-state=lost]");
    await page.waitForFunction(() => [...document.querySelectorAll(".tile")].every((tile) => tile.dataset.color === "gray"));
    await shot(page, "lost");
    tell({ shot: "lost" });
  },

  async languages() {
    const page = await visit(browser, url, { tell });
    const said = () => page.evaluate(() => {
      const text = (what) => document.querySelector(what).textContent;
      return { lang: document.documentElement.lang, heading: text("#equipment-title span"), state: text(".tile .state"), chip: text(".chip .word") };
    });
    await tiles(page);
    tell(await said());
    await page.click("[data-language=ko]");
    await page.waitForFunction(() => document.querySelector(".tile .state").textContent === "가동");
    tell(await said());
    await page.reload();
    await tiles(page);
    tell(await said());
    await shot(page, "ko");
    await page.click("[data-language=en]");
    await page.waitForFunction(() => document.querySelector(".tile .state").textContent === "Running");
    tell(await said());
  },

  async lead() {
    const page = await visit(browser, url, { tell, cookie, before: telling });
    const press = async (key) => {
      const button = await page.waitForSelector(`.controls [data-key=${key}]:not([hidden])`, { visible: true });
      await button.click();
    };
    await press("control");
    // Each step is to be seen before the next is taken.
    await page.waitForSelector(".person");
    const second = await page.waitForSelector(".step:nth-child(2) button:not([hidden])", { visible: true });
    await second.click();
    await page.waitForSelector(".step[aria-current]");
    await press("pause");
    await press("resume");
    await shot(page, "control");
    await press("end");
    await press("endSure");
    await page.waitForSelector(".lesson[data-status=ended]");
    await press("release");
  },

  async policy() {
    const page = await visit(browser, url, { tell });
    await tiles(page);
    const forbidden = await page.evaluate(async () => {
      const seen = new Promise((resolve) => {
        const found = new Set();
        document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => found.add(effectiveDirective).size === 4 && resolve([...found].sort()));
      });
      const script = document.createElement("script");
      script.textContent = "window.broken = true";
      document.body.append(script);
      document.body.setAttribute("style", "color: red");
      new Image().src = "http://192.0.2.1/x.png";
      fetch("http://192.0.2.1/").catch(() => {});
      return seen;
    });
    tell({ forbidden });
  },

  async accessible() {
    const sizes = { wall: [1920, 1080], desk: [1280, 800], phone: [360, 760], large: [3840, 2160] };
    for (const [size, [width, height]] of Object.entries(sizes)) {
      for (const scheme of ["dark", "light"]) {
        const language = scheme === "dark" ? "ko-KR" : "en-US";
        const page = await visit(browser, url, { tell, width, height, scheme, language, cookie });
        await page.waitForSelector("#link[data-state=live]");
        await tiles(page);
        await page.waitForSelector(".figures b:not(:empty)");
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate(() => window.axe.run());
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        await shot(page, `${size}-${scheme}`);
        const bad = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
        const where = bad.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ target }) => target.join(" ")).join(", ")}`);
        tell({ screen: `${size} ${scheme}`, bad: where, tooWide: wide > 0 });
        await page.browserContext().close();
      }
    }
  },
};

await scenes[scene]();
// Those that watch do so until they are ended.
if (!["watch", "impatient"].includes(scene)) await browser.close();
