// What the board costs a browser, as a table. No test judges a time.
//
//     cargo build --release --example bringup
//     node tests/web/board/measure.mjs target/release/examples/bringup
//
// The line of the bring-up server, 17 machines and 500, at 10 updates a second, changes at once; each load is a new profile without a cache. The machine should have
// nothing else to do: of a task the time on the wall is told, and what the processor took for it. Behind each figure stands that of a bare page, which is one document,
// one script, the same WebSocket, and a word for each machine; the two take turns, so that their ratio says something on a machine that is busy or slow.

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { launch } from "./browser.mjs";

const [program, seconds = "10", loads = "5"] = process.argv.slice(2);
const TRACED = ["toplevel", "disabled-by-default-devtools.timeline", "blink.user_timing"];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const part = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const ordered = (values) => [...values].sort((a, b) => a - b);

async function serve(machines) {
  const args = ["--listen", "127.0.0.1:0", "--store", "none", "--machines", machines, "--period-ms", "100", "--on-change-ms", "5", "--log", "off"];
  const server = spawn(program, args.map(String), { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: server.stdout })) {
    const [, at] = line.match(/^listening on ws:\/\/(\S+)/) ?? [];
    if (at) return { url: `http://${at}/`, stop: () => server.kill() };
  }
  throw new Error("the server does not say where it listens");
}

/** What the bare page runs. */
function bare() {
  const socket = new WebSocket(document.documentElement.dataset.socket);
  const nodes = new Map();
  socket.onmessage = ({ data }) => {
    for (const { equipment_code: code, status, tags } of JSON.parse(data).equipment ?? []) {
      if (!nodes.has(code)) nodes.set(code, document.body.appendChild(Object.assign(document.createElement("p"), { className: "tile" })));
      const node = nodes.get(code);
      node.dataset.code = code;
      const color = !tags.connection ? "gray" : tags.error_tag ? "purple" : status;
      if (node.dataset.color !== color) node.dataset.color = color;
      node.textContent = `${code} ${color}`;
    }
  };
}

/** Serves the bare page, which listens to the server at `board`. */
async function serveBare(board) {
  const socket = `${board.replace("http", "ws")}ws/monitor?mode=changes`;
  const page = `<!doctype html><html lang="en" data-socket="${socket}"><meta charset="utf-8"><title>bare</title><link rel="icon" href="data:,"><body><script src="bare.js"></script>`;
  const server = createServer(({ url }, answer) => {
    const [type, text] = url === "/" ? ["text/html", page] : ["text/javascript", `(${bare})()`];
    answer.writeHead(200, { "content-type": type }).end(text);
  });
  await new Promise((then) => server.listen(0, "127.0.0.1", then));
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => server.close() };
}

/** Within the page: when the first tile was there, and all, how old each change was when its tile had it, and frames. */
function measuring(machines) {
  window.measured = { first: null, all: null, ages: [], frames: 0, longest: 0 };
  const told = new Map(), watched = new Set(), inSight = new Set();
  // Of many machines those out of sight may wait.
  const sight = new IntersectionObserver((all) => all.forEach(({ target, isIntersecting }) => inSight[isIntersecting ? "add" : "delete"](target)));
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => {
        for (const one of JSON.parse(data).equipment ?? []) told.set(one.equipment_code, Date.parse(one.last_updated));
      });
    }
  };
  new MutationObserver((changes) => {
    const { measured } = window;
    const tiles = measured.all ? [] : document.querySelectorAll(".tile[data-color]");
    if (tiles.length) measured.first ??= performance.now();
    if (tiles.length === machines) measured.all = performance.now();
    for (const tile of tiles) if (!watched.has(tile)) watched.add(tile) && sight.observe(tile);
    const turned = changes.filter(({ attributeName, oldValue }) => attributeName === "data-color" && oldValue).filter(({ target }) => inSight.has(target));
    // One that has fallen silent turns gray long after its last word.
    for (const { target } of turned) if (target.dataset.color !== "gray") measured.ages.push(Date.now() - told.get(target.dataset.code));
  }).observe(document, { childList: true, subtree: true, attributes: true, attributeOldValue: true, attributeFilter: ["data-color"] });
  let last = performance.now();
  const frame = (now) => {
    window.measured.frames += 1;
    window.measured.longest = Math.max(window.measured.longest, now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

async function open(browser, url, machines) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport({ width: 1920, height: 1080 });
  await page.evaluateOnNewDocument(measuring, machines);
  const protocol = await page.createCDPSession();
  await protocol.send("Network.enable");
  const loaded = { files: 0, bytes: 0 };
  const files = new Set();
  protocol.on("Network.responseReceived", ({ requestId, response }) => new URL(response.url).pathname.startsWith("/api") || files.add(requestId));
  protocol.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (!files.has(requestId)) return;
    loaded.files += 1;
    loaded.bytes += encodedDataLength;
  });
  return { page, loaded };
}

/** Of the page's own thread, in ms: the longest tasks by the wall and by the processor. */
function tasksOf(trace) {
  const { traceEvents } = JSON.parse(Buffer.from(trace).toString());
  const { pid, tid } = traceEvents.find(({ name }) => name === "measured");
  const tasks = traceEvents.filter((one) => one.name === "RunTask" && one.pid === pid && one.tid === tid && one.dur);
  const most = (of) => Math.max(0, ...tasks.map((one) => (one[of] ?? 0) / 1000));
  return { wall: most("dur"), processor: most("tdur") };
}

/** One load: when tiles were there, what it took of the network, and its longest tasks. */
async function load(browser, url, machines) {
  const { page, loaded } = await open(browser, url, machines);
  await page.tracing.start({ categories: TRACED });
  await page.goto(url);
  await page.waitForFunction(() => window.measured.all !== null);
  await sleep(500);
  const { first, all } = await page.evaluate(() => { performance.mark("measured"); return window.measured; });
  const tasks = tasksOf(await page.tracing.stop());
  await page.browserContext().close();
  return { first, all, bytes: loaded.bytes, tasks };
}

/** How it goes on. */
async function watch(browser, url, machines) {
  const { page } = await open(browser, url, machines);
  await page.goto(url);
  await page.waitForFunction(() => window.measured.all !== null);
  await sleep(2_000);
  await page.tracing.start({ categories: TRACED });
  await page.evaluate(() => { Object.assign(window.measured, { ages: [], frames: 0, longest: 0 }); performance.mark("measured"); });
  await sleep(Number(seconds) * 1000);
  const { ages, frames, longest } = await page.evaluate(() => window.measured);
  const tasks = tasksOf(await page.tracing.stop());
  await page.browserContext().close();
  return { old: ordered(ages), frames, longest, tasks };
}

/** The board's figure beside the bare page's; times also as the median of the ratios of loads that followed each other. */
const beside = ([board, plain]) => `${board} / ${plain}`;
const median = (values) => part(ordered(values), 0.5);
function times(board, plain, of) {
  const ratio = median(board.map((one, n) => of(one) / of(plain[n])));
  return `${beside([board, plain].map((loads) => `${median(loads.map(of)).toFixed(0)} ms`))}, ${ratio.toFixed(1)} times`;
}
const task = ({ wall, processor }) => `${wall.toFixed(0)} ms (${processor.toFixed(0)})`;
/** Of the longest task of each load the median, then the most: the first load of a browser also meets its fonts. */
function longest(loads) {
  const of = (which) => task({ wall: which(loads.map(({ tasks }) => tasks.wall)), processor: which(loads.map(({ tasks }) => tasks.processor)) });
  return `${of(median)}, most ${of((values) => Math.max(...values))}`;
}

const browser = await launch(join(tmpdir(), "andon-board"));
console.log("Each figure: the board / a bare page.\n");
console.log("| machines | first tile, median of loads | all tiles | page, compressed | longest task while loading, median and most (processor) | then (processor) | frames/s, longest gap | tag change to tile in sight, median, 99 of 100, most |");
console.log("|---|---|---|---|---|---|---|---|");
for (const machines of [17, 500]) {
  const server = await serve(machines);
  const plain = await serveBare(server.url);
  const pages = [server, plain], loaded = [[], []];
  for (let n = 0; n < Number(loads); n += 1) {
    for (const [at, { url }] of pages.entries()) loaded[at].push(await load(browser, url, machines));
  }
  const watched = [];
  for (const { url } of pages) watched.push(await watch(browser, url, machines));
  plain.stop();
  server.stop();
  const row = [
    machines, times(...loaded, ({ first }) => first), times(...loaded, ({ all }) => all),
    `${(Math.max(...loaded[0].map(({ bytes }) => bytes)) / 1000).toFixed(1)} KB`, beside(loaded.map(longest)), beside(watched.map(({ tasks }) => task(tasks))),
    beside(watched.map(({ frames, longest: gap }) => `${(frames / Number(seconds)).toFixed(0)}, ${gap.toFixed(0)} ms`)),
    beside(watched.map(({ old }) => (old.length ? `${part(old, 0.5)}, ${part(old, 0.99)}, ${old.at(-1)} ms of ${old.length}` : "none changed"))),
  ];
  console.log(`| ${row.join(" | ")} |`);
}
await browser.close();
