// Topics of the hub, each with what a newcomer would get.

import { Panel } from "./panel.js";
import { arrange, make, match, setText, soon } from "./page.js";
import { poll } from "./server-side.js";
import { onlanguage, say, timeOf, valueOf } from "./words.js";

const POLL_MS = 2_000, SHOWN = 9, SHOWN_MAX = 256;

const TIME = /time|(^|_)(ts|at)$/i;
/** Milliseconds since 1970, in this century. */
const isMoment = (value) => Number.isInteger(value) && value > 1e12 && value < 4e12;

/** The shortest that still says what is in it: names and values, without the braces. */
function inWords(data) {
  if (!data || typeof data !== "object" || Array.isArray(data)) return valueOf(data);
  const said = (name, value) => (TIME.test(name) && isMoment(value) ? timeOf(value) : valueOf(value));
  return Object.entries(data).map(([name, value]) => `${name} ${said(name, value)}`).join(" · ");
}

class Row {
  #last;

  constructor({ name }) {
    this.count = make("span", { class: "quiet" });
    this.value = make("p", { class: "value" });
    this.node = make("li", { class: "topic" }, make("b", { text: name }), this.value, this.count);
    this.node.dataset.topic = name;
  }

  is({ messages, clients }) {
    const last = messages?.at(-1)?.data;
    const text = !messages ? say("large") : messages.length ? inWords(last) : say("noValue");
    setText(this.value, text);
    this.value.title = text;
    this.value.classList.toggle("quiet", !messages?.length);
    const keys = messages?.length > 1 ? `${say("keys", messages.length)} · ` : "";
    setText(this.count, keys + say("clients", clients));
    const whole = JSON.stringify(messages);
    // Only what has come since one looked stands out.
    if (this.#last !== undefined && this.#last !== whole) {
      this.node.classList.remove("new");
      requestAnimationFrame(() => this.node.classList.add("new"));
    }
    this.#last = whole;
  }
}

export class Topics {
  #panel = new Panel("topics", 3 * POLL_MS); #rows = new Map(); #topics = []; #room = SHOWN;

  constructor() {
    this.#panel.onmore = () => {
      this.#room = this.#room === SHOWN ? SHOWN_MAX : SHOWN;
      soon(this.#draw);
    };
    poll("api/topics", POLL_MS, (answer) => {
      if (!answer) return this.#panel.show(false);
      this.#topics = answer.topics;
      this.#panel.fresh();
      soon(this.#draw);
    }, () => this.#panel.broken());
    onlanguage(() => soon(this.#draw));
  }

  #draw = () => {
    const shown = this.#topics.slice(0, this.#room);
    const rows = match(this.#rows, shown, ({ name }) => name, (one) => new Row(one));
    rows.forEach((row, at) => row.is(shown[at]));
    arrange(this.#panel.rows, rows.map(({ node }) => node));
    this.#panel.count(this.#topics.length ? String(this.#topics.length) : "");
    this.#panel.rest(shown.length, this.#topics.length, SHOWN);
  };
}
