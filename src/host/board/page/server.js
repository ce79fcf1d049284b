// The server itself: what it holds, what it does in a second, what it had to drop, and how long it takes to answer.

import { Panel } from "./panel.js";
import { make, setText, soon } from "./page.js";
import { poll } from "./server-side.js";
import { bytesOf, countOf, onlanguage, say, spanOf } from "./words.js";

const POLL_MS = 2_000;
const SLOW = ["conflated", "skipped", "lag_disconnects", "closed_too_slow"];
const DROPS = [
  "refused_connections", "refused_address", "refused_descriptors", "refused_mount", "refused_paused", "refused_parked", "publish_refused", "commands_refused",
  "events_dropped", "notices_dropped", "records_failed", "records_refused", "samples_lost", "frames_torn", "closed_overload", "messages_refused",
];

const sum = (stats, names) => names.reduce((all, name) => all + (stats[name] ?? 0), 0);
const rate = (number, text = countOf) => say("perSecond", text(number));

/** Each figure: its name, what it says, and whether that is something to look into. `per` is what a second adds. */
const FIGURES = [
  ["connections", ({ now }) => [countOf(now.connections), say("open", countOf(now.open))]],
  ["answer", ({ answerMs }) => [`${answerMs < 10 ? answerMs.toFixed(1) : Math.round(answerMs)} ms`, ""]],
  ["messagesIn", ({ now, per }) => [rate(per(["messages_in"])), say("inAll", countOf(now.messages_in))]],
  ["published", ({ now, per }) => [rate(per(["published"])), say("inAll", countOf(now.published))]],
  ["bytesIn", ({ now, per }) => [rate(per(["bytes_in"]), bytesOf), say("inAll", bytesOf(now.bytes_in))]],
  ["bytesOut", ({ now, per }) => [rate(per(["bytes_out"]), bytesOf), say("inAll", bytesOf(now.bytes_out))]],
  ["records", ({ now, per }) => [rate(per(["records"])), say("inAll", countOf(now.records))]],
  ["recordsWaiting", ({ now }) => [countOf(now.records_waiting), bytesOf(now.record_bytes_waiting)]],
  ["slow", ({ now, per }) => [rate(per(SLOW)), say("inAll", countOf(sum(now, SLOW))), per(SLOW) > 0]],
  ["drops", ({ now, per }) => [rate(per(DROPS)), say("inAll", countOf(sum(now, DROPS))), per(DROPS) > 0]],
  ["waitingOut", ({ now }) => [bytesOf(sum(now, ["outbox_bytes", "detached_bytes"])), ""]],
  ["uptime", ({ uptime }) => [spanOf(uptime), ""]],
];

export class Server {
  #panel = new Panel("server", 3 * POLL_MS); #nodes = new Map(); #before = null; #last = null;

  constructor() {
    const rows = FIGURES.map(([name]) => {
      const nodes = { term: make("dt"), value: make("b"), more: make("span", { class: "quiet" }) };
      nodes.row = make("div", {}, nodes.term, make("dd", {}, nodes.value, nodes.more));
      nodes.row.dataset.figure = name;
      this.#nodes.set(name, nodes);
      return nodes.row;
    });
    this.#panel.rows.append(...rows);
    poll("api/stats", POLL_MS, (answer) => this.#heard(answer), () => this.#panel.broken(), { fresh: true });
    onlanguage(() => soon(this.#draw));
  }

  #heard(answer) {
    if (!answer) return this.#panel.show(false);
    const { stats: now, uptime_ms: uptime } = answer;
    const before = this.#before;
    // Of a server that has started anew there is nothing before.
    const seconds = before && uptime > before.uptime ? (uptime - before.uptime) / 1000 : 0;
    const per = (names) => (seconds ? Math.max(0, sum(now, names) - sum(before.now, names)) / seconds : 0);
    const entry = performance.getEntriesByType("resource").findLast(({ name }) => name.endsWith("/api/stats"));
    const answerMs = entry ? entry.responseStart - entry.requestStart : 0;
    performance.clearResourceTimings();
    [this.#before, this.#last] = [{ now, uptime }, { now, per, uptime, answerMs }];
    this.#panel.fresh();
    soon(this.#draw);
  }

  #draw = () => {
    if (!this.#last) return;
    for (const [name, figure] of FIGURES) {
      const { row, term, value, more } = this.#nodes.get(name);
      const [text, rest, bad] = figure(this.#last);
      setText(term, say(name));
      setText(value, text);
      setText(more, rest);
      row.classList.toggle("bad", Boolean(bad));
    }
  };
}
