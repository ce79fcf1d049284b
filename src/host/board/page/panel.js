// A part of the page that shows one thing, and how old it is when no more comes.

import { everySecond, setText } from "./page.js";
import { say, spanOf } from "./words.js";

const GRACE_MS = 2_000;

export class Panel {
  /** The visitor wants to see more, or fewer. */
  onmore = () => {};
  #age; #heard = 0; #broken = false; #oldMs;

  /** Without a word for `oldMs` it is old, whatever else is known. */
  constructor(id, oldMs) {
    this.#oldMs = oldMs;
    this.section = document.getElementById(id);
    this.rows = this.section.querySelector(".rows, .figures");
    this.#age = this.section.querySelector(".age");
    this.section.querySelector(".more")?.addEventListener("click", () => this.onmore());
    everySecond(() => this.#grow());
  }

  show(shown = true) { this.section.hidden = !shown; }

  /** What it shows is as it is now. */
  fresh() {
    [this.#heard, this.#broken] = [Date.now(), false];
    this.show();
    this.#grow();
  }

  /** No more comes. */
  broken() { this.#broken = true; }

  count(text) { setText(this.section.querySelector(".count"), text); }

  /** What else there is beside those shown, which are `few` unless the visitor wants more; and what is said of nothing. */
  rest(shown, all, few) {
    const more = this.section.querySelector(".more");
    if (more) {
      more.hidden = all <= few;
      setText(more, all > shown ? say("more", all - shown) : say("fewer"));
    }
    this.section.querySelector(".empty").hidden = all > 0;
  }

  #grow() {
    const ms = Date.now() - this.#heard;
    const old = this.#heard > 0 && ms > (this.#broken ? GRACE_MS : this.#oldMs);
    this.section.classList.toggle("old", old);
    this.#age.hidden = !old;
    if (old) setText(this.#age, say("ago", spanOf(ms)));
  }
}
