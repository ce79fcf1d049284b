// Device sessions: those under way, as they go on, and the last that ended.

import { Panel } from "./panel.js";
import { arrange, everySecond, make, match, setData, setText, soon } from "./page.js";
import { ask, follow, serverNow, whenLetIn } from "./server-side.js";
import { Sparklines } from "./sparkline.js";
import { countOf, onlanguage, say, spanOf, timeOf } from "./words.js";

/** So many under way, unless all are wanted; and so many that ended, where there is room. */
const SHOWN = 4, ENDED_SHOWN = 2, SHOWN_MAX = 64, KNOWN_MAX = 256;
const AGAIN_MS = 15_000;
/** Where what is said of machines would mislead. */
const ENDS = { disconnected: "cut", stopped: "stopped_server" };

class Row {
  #session; #count = 0;

  constructor(session) {
    this.#session = session;
    this.device = make("b", { text: session.device_id ?? "–" });
    this.status = make("span", { class: "badge" });
    this.samples = make("span", { class: "samples" });
    this.lasting = make("span", { class: "quiet" });
    this.lines = new Sparklines();
    this.waiting = make("p", { class: "quiet" });
    const line = make("div", { class: "line" }, this.device, this.status, this.samples);
    const id = make("span", { class: "code", text: session.session_id });
    this.node = make("li", { class: "session" }, line, make("div", { class: "line" }, id, this.lasting), this.lines.node, this.waiting);
    this.node.dataset.session = session.session_id;
  }

  get active() { return this.#session.status === "active"; }
  get started() { return Date.parse(this.#session.started_at); }

  is(session) {
    this.#session = session;
    // A list may be older than the last sample.
    this.#count = this.active ? Math.max(this.#count, session.sample_count) : session.sample_count;
  }

  sample({ sample_count: count, payload }) {
    this.#count = Math.max(this.#count, count);
    let inside = payload;
    if (typeof payload === "string") try { inside = JSON.parse(payload); } catch { /* It has no numbers. */ }
    this.lines.add(inside);
  }

  draw = () => {
    const { status, ended_at: ended } = this.#session;
    setData(this.node, "status", this.active ? "active" : "ended");
    setText(this.status, say(ENDS[status] ?? status));
    setText(this.samples, say("samples", countOf(this.#count)));
    const span = spanOf((ended ? Date.parse(ended) : serverNow()) - this.started);
    setText(this.lasting, `${say("since", timeOf(this.started))} · ${span}`);
    setText(this.waiting, this.active && !this.lines.node.children.length ? say("noSamples") : "");
  };
}

export class Devices {
  #panel = new Panel("devices", 3 * AGAIN_MS); #sessions = new Map(); #rows = new Map(); #room = SHOWN;

  constructor() {
    this.#panel.onmore = () => {
      this.#room = this.#room === SHOWN ? SHOWN_MAX : SHOWN;
      soon(this.#draw);
    };
    everySecond(() => this.#rows.forEach((row) => row.active && row.draw()));
    onlanguage(() => soon(this.#draw));
    whenLetIn("api/sessions", () => this.#follow());
  }

  #follow() {
    follow("api/events", {
      begun: () => this.#ask(),
      ended: () => this.#panel.broken(),
      session_started: (session) => this.#is(session),
      session_ended: (session) => this.#is(session),
      sample: (sample) => this.#sample(sample),
    });
    setInterval(() => document.hidden || this.#ask(), AGAIN_MS);
  }

  async #ask() {
    try {
      const answer = await ask("api/sessions");
      if (!answer) return this.#panel.show(false);
      // Those that the list leaves out began before.
      this.#sessions = new Map(answer.sessions.map((one) => [one.session_id, one]));
      this.#panel.fresh();
      soon(this.#draw);
    } catch {
      this.#panel.broken();
    }
  }

  #is(session) {
    this.#sessions.set(session.session_id, session);
    if (this.#sessions.size > KNOWN_MAX) this.#sessions.delete([...this.#sessions].find(([, one]) => one.status !== "active")?.[0]);
    this.#panel.fresh();
    soon(this.#draw);
  }

  #sample(sample) {
    const row = this.#rows.get(sample.session_id);
    this.#panel.fresh();
    if (!row) return;
    row.sample(sample);
    soon(row.draw);
  }

  #draw = () => {
    const all = [...this.#sessions.values()].sort((a, b) => Date.parse(b.started_at) - Date.parse(a.started_at));
    const active = all.filter(({ status }) => status === "active");
    const ended = all.filter(({ status }) => status !== "active").slice(0, Math.max(0, Math.min(ENDED_SHOWN, SHOWN - active.length)));
    const shown = [...active.slice(0, this.#room), ...ended];
    const rows = match(this.#rows, shown, ({ session_id: id }) => id, (one) => new Row(one));
    rows.forEach((row, at) => {
      row.is(shown[at]);
      row.draw();
    });
    arrange(this.#panel.rows, rows.map(({ node }) => node));
    this.#panel.count(active.length ? String(active.length) : "");
    this.#panel.rest(Math.min(active.length, this.#room), active.length, SHOWN);
    // What ended is something to see as well.
    if (shown.length) this.#panel.section.querySelector(".empty").hidden = active.length > 0;
  };
}
