// The board: asks what there is, and lets each part show its own.

import { EquipmentMonitor } from "./andon-client.js";
import { Devices } from "./devices.js";
import { Guided } from "./guided.js";
import { Link } from "./link.js";
import { everySecond, setText } from "./page.js";
import { Server } from "./server.js";
import { address, ask, serverNow } from "./server-side.js";
import { Tiles } from "./tiles.js";
import { Topics } from "./topics.js";
import { choose, languageNow, onlanguage, remember, remembered, say, speak, timeOf } from "./words.js";

const THEMES = ["auto", "light", "dark"], THEME_KEY = "andon-theme";
const RETRY_MS = 3_000, TRIES = 5, LOST_RETRY_MS = 15_000;
const byId = (id) => document.getElementById(id);

/** Light or dark, as the visitor wants it, or as the system does. */
function themes() {
  const root = document.documentElement;
  const now = () => root.dataset.theme ?? "auto";
  const name = () => setText(byId("theme-text"), say("theme", say(now())));
  const set = (theme) => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    name();
  };
  byId("theme-switch").addEventListener("click", () => {
    const theme = THEMES[(THEMES.indexOf(now()) + 1) % THEMES.length];
    remember(THEME_KEY, theme);
    set(theme);
  });
  set(THEMES.find((theme) => theme === remembered(THEME_KEY)) ?? "auto");
  onlanguage(name);
}

function languages() {
  const buttons = [...document.querySelectorAll("[data-language]")];
  const mark = () => buttons.forEach((one) => (one.ariaPressed = String(one.dataset.language === languageNow())));
  for (const one of buttons) one.addEventListener("click", () => choose(one.dataset.language));
  onlanguage(mark);
  mark();
}

/** What the page shows is decided by this; where it changes, the page begins anew. */
const shapeOf = ({ version, monitor, hub, devices, guided }) => JSON.stringify([version, monitor, hub?.path, devices, guided]);

function watch(api, link) {
  const tiles = new Tiles();
  const { path, period_ms: periodMs } = api.monitor;
  const monitor = new EquipmentMonitor(address(path), { mode: "changes", periodMs });
  const standing = () => {
    const lost = monitor.state === "lost" || monitor.state === "closed";
    return { known: !monitor.stale && !lost, lost };
  };
  const show = (codes = []) => tiles.show(monitor.known, codes, standing());
  let began = false;
  monitor.onstate = async (state) => {
    link.is(state, monitor.stale);
    show();
    if (state !== "open") return;
    // A server that was started anew may serve another page, or other things.
    if (began && shapeOf((await ask("api").catch(() => null)) ?? api) !== shapeOf(api)) location.reload();
    began = true;
  };
  monitor.onstale = (stale) => link.is(monitor.state, stale);
  monitor.onequipment = (_, codes) => show(codes);
  const source = byId("source");
  const tell = () => setText(source, source.hidden ? "" : say("sourceLost"));
  monitor.onsource = (status) => {
    source.hidden = status !== "error";
    tell();
  };
  onlanguage(tell);
  monitor.open();
}

/** Where there is no monitor the answers of the server say how the connection is. */
async function begin(link, failures = 0) {
  try {
    const api = await ask("api", { fresh: true });
    if (!api) return;
    if (api.title) setText(byId("title"), document.title = api.title);
    if (api.monitor) watch(api, link); else byId("link").hidden = true;
    if (api.devices) new Devices();
    if (api.guided) new Guided(api.guided.path);
    if (api.hub) new Topics();
    new Server();
  } catch {
    link.is(failures < TRIES ? "waiting" : "lost", true);
    setTimeout(() => begin(link, failures + 1), failures < TRIES ? RETRY_MS : LOST_RETRY_MS);
  }
}

speak();
languages();
themes();
everySecond(() => setText(byId("clock"), timeOf(serverNow())));
begin(new Link());
