// The connection to the monitor, as people see it: the line beside the title, and what is read out.

import { setData, setText, soon } from "./page.js";
import { onlanguage, say } from "./words.js";

const TRIES = 5, LOST_RETRY_S = 15;

/** Says how the connection is. */
export class Link {
  #node = document.getElementById("link");
  #text = document.getElementById("link-text");
  #state = "connecting"; #stale = true; #failures = 0;

  constructor() {
    onlanguage(() => this.#draw());
    this.#draw();
  }

  is(state, stale) {
    if (state === "waiting" && this.#state !== "waiting") this.#failures += 1;
    if (state === "open") this.#failures = 0;
    [this.#state, this.#stale] = [state, stale];
    soon(this.#draw);
  }

  #draw = () => {
    // Between two tries it is still lost.
    const trying = this.#state === "waiting" || (this.#state === "connecting" && this.#failures > 0);
    const [shown, text] =
      this.#state === "lost" ? ["lost", say("lost", LOST_RETRY_S)]
      : trying ? ["waiting", say("again", this.#failures, TRIES)]
      : this.#state === "closed" ? ["lost", say("closed")]
      : this.#state === "connecting" ? ["connecting", say("connecting")]
      : this.#stale ? ["delayed", say("delayed")]
      : ["live", say("live")];
    setData(this.#node, "state", shown);
    setText(this.#text, text);
  };
}
