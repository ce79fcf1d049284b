// A browser with the board in it, and what it has to complain of.

import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import puppeteer from "puppeteer-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
/** What a browser says of a server that is away is no fault of the page. */
const AWAY = /net::ERR_(CONNECTION|INCOMPLETE|EMPTY|ABORTED|SOCKET)|closed before receiving a handshake|\b503\b/;

/** The browser's program: `CHROMIUM`, or the first that is found. */
export function chromium() {
  const places = (process.env.PATH ?? "").split(delimiter);
  const found = NAMES.flatMap((name) => places.map((place) => join(place, name)));
  return [process.env.CHROMIUM, ...found].find((path) => path && existsSync(path));
}

/** Whether there is such a process. */
function runs(pid) {
  try { return process.kill(pid, 0); } catch { return false; }
}

/** A browser whose profile lies in this folder, from which those of processes that were ended are cleared away. */
export function launch(folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    const [, pid] = name.match(/^profile-(\d+)$/) ?? [];
    if (pid && !runs(Number(pid))) rmSync(join(folder, name), { recursive: true, force: true });
  }
  // Tests are often run by root, whom the sandbox refuses; the pages are our own. Over a pipe, a browser ends with whoever launched it, however that ends.
  const args = ["--no-sandbox", "--disable-gpu"];
  return puppeteer.launch({ executablePath: chromium(), args, headless: true, pipe: true, userDataDir: join(folder, `profile-${process.pid}`) });
}

/** A page, with what it complains of told line by line. */
export async function visit(browser, url, { width = 1920, height = 1080, scheme = "dark", language = "en-US", cookie, before, tell }) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  // Whoever runs this knows when to lose patience.
  page.setDefaultTimeout(0);
  const complain = (what) => AWAY.test(what) || tell({ complaint: what });
  page.on("console", (message) => ["error", "warn"].includes(message.type()) && complain(`${message.text()} ${message.location().url ?? ""}`));
  page.on("pageerror", (error) => complain(String(error.stack ?? error)));
  await page.exposeFunction("complain", complain);
  await page.exposeFunction("tell", tell);
  await page.evaluateOnNewDocument((wanted) => {
    document.addEventListener("securitypolicyviolation", (event) => window.complain(`policy: ${event.violatedDirective}`));
    Object.defineProperty(navigator, "languages", { get: () => [wanted] });
  }, language);
  if (before) await page.evaluateOnNewDocument(before);
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  if (cookie) await page.setExtraHTTPHeaders({ cookie });
  await page.goto(url);
  return page;
}
