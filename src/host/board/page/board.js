// The board: reads what there is, and lets each part show its own: first the equipment, the others when that is to be seen.

import { EquipmentMonitor } from "./andon-client.js";
import { Devices } from "./devices.js";
import { Guided } from "./guided.js";
import { Link } from "./link.js";
import { everySecond, painted, setText } from "./page.js";
import { Server } from "./server.js";
import { address, ask, serverNow } from "./server-side.js";
import { Tiles } from "./tiles.js";
import { Topics } from "./topics.js";
import { choose, languageNow, onlanguage, remember, remembered, say, speak, timeOf } from "./words.js";

const THEMES = ["auto", "light", "dark"], THEME_KEY = "andon-theme";
/** The other parts wait no longer than this for the equipment. */
const ALONE_MS = 1_000;
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

/** Shows the equipment of the monitor; `shown` is told when there is some. */
function watch(api, link, shown) {
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
  monitor.onequipment = (_, codes) => {
    show(codes);
    shown();
  };
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
function begin(api, link) {
  if (api.title) setText(byId("title"), document.title = api.title);
  const parts = [
    api.devices && (() => new Devices()),
    api.guided && (() => new Guided(api.guided.path)),
    api.hub && (() => new Topics()),
    () => new Server(),
  ];
  let begins = false;
  // One for each frame, and none before the tiles are to be seen: what they ask the server for would hold those up.
  const rest = async () => {
    if (begins) return;
    begins = true;
    for (const part of parts.filter(Boolean)) {
      await painted();
      part();
    }
  };
  if (!api.monitor) {
    byId("link").hidden = true;
    return rest();
  }
  watch(api, link, rest);
  setTimeout(rest, ALONE_MS);
}

speak();
languages();
themes();
everySecond(() => setText(byId("clock"), timeOf(serverNow())));
begin(JSON.parse(byId("served").textContent), new Link());
