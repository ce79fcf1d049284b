// A network and a clock that do what a test says, and nothing by themselves.

/** Time that passes when it is told to. */
export class FakeTimers {
  #now = 1_700_000_000_000;
  #next = 1;
  #due = new Map();
  now = () => this.#now;
  setTimeout = (then, ms) => {
    this.#due.set(this.#next, { at: this.#now + ms, then });
    return this.#next++;
  };
  clearTimeout = (id) => this.#due.delete(id);
  /** Timers that are still to come. */
  get pending() {
    return this.#due.size;
  }
  pass(ms) {
    const until = this.#now + ms;
    for (;;) {
      const [first] = [...this.#due].filter(([, one]) => one.at <= until).sort(([a, x], [b, y]) => x.at - y.at || a - b);
      if (!first) break;
      this.#due.delete(first[0]);
      this.#now = first[1].at;
      first[1].then();
    }
    this.#now = until;
  }
}

/** Sockets that a test opens, and speaks through as the server. */
export function fakeNetwork() {
  const sockets = [];
  class FakeSocket {
    bufferedAmount = 0;
    sent = [];
    closed = null;
    constructor(url, protocols) {
      Object.assign(this, { url, protocols });
      sockets.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close(code, reason) {
      this.closed = { code, reason };
    }
    // The server's side.
    accept() {
      this.onopen({});
    }
    say(message) {
      this.onmessage({ data: typeof message === "string" ? message : JSON.stringify(message) });
    }
    end(code = 1006, reason = "") {
      this.onclose?.({ code, reason });
    }
    /** What was sent since this was last asked. */
    take() {
      return this.sent.splice(0);
    }
  }
  return { sockets, WebSocket: FakeSocket, last: () => sockets.at(-1) };
}

/** A client's options on a fake network, without chance. */
export function fakes(more = {}) {
  const timers = new FakeTimers();
  const network = fakeNetwork();
  const options = { WebSocket: network.WebSocket, timers, random: () => 0.5, page: new EventTarget(), ...more };
  return { timers, network, options };
}
