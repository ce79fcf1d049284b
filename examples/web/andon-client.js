// Clients of andon's four built-in contracts, for browsers and Node, without dependencies. Types and the meaning of every option: andon-client.d.ts.
//
//     const monitor = new EquipmentMonitor("/ws/monitor");
//     monitor.onequipment = (equipment) => draw(equipment);
//     monitor.open();
//
// Set the on... handlers before open(). A client survives its connections: it comes back until it is closed.

const DEFAULTS = {
  retryMs: 3_000, tries: 5, lostRetryMs: 15_000, jitter: 0.1, openMs: 10_000, staleMs: 0,
  policy: { 1000: "never", 1003: "later", 1008: "later" },
  random: Math.random,
  timers: {
    setTimeout: (then, ms) => setTimeout(then, ms),
    clearTimeout: (id) => clearTimeout(id),
    now: () => Date.now(),
  },
};

/** What a server complains of, in the shape of any contract, or this client itself. */
export class AndonError extends Error {
  /** @param {string} message @param {{code?: string, field?: string | null, deviceId?: string | null}} [more] */
  constructor(message, { code, field, deviceId } = {}) {
    super(message);
    this.name = "AndonError";
    Object.assign(this, { code, field, deviceId });
  }
}

/** At most one call that is still to come. */
class Timer {
  #timers; #id;
  constructor(timers) { this.#timers = timers; }
  start(ms, then) {
    this.stop();
    this.#id = this.#timers.setTimeout(then, ms);
  }
  stop() { this.#timers.clearTimeout(this.#id); }
}

/** A browser's WebSocket takes no relative addresses everywhere. */
function absolute(url, query = {}) {
  const full = new URL(url, globalThis.location?.href);
  full.protocol = full.protocol.replace("http", "ws");
  for (const [name, value] of Object.entries(query)) if (value !== undefined) full.searchParams.set(name, value);
  return full.href;
}

/** Behind a base address that may end in a slash, and may have a query. */
function below(url, rest) {
  const full = new URL(absolute(url));
  full.pathname = full.pathname.replace(/\/?$/, `/${rest}`);
  return full.href;
}

const textOf = (url) => (typeof url === "function" ? url() : url);

/** A connection that comes back. What the contracts' clients have in common. */
export class Connection {
  onstate = null; onstale = null; onmessage = null; onfault = null;
  /** Messages that were no JSON object, and were passed over. */
  ignored = 0;
  #url; #options; #socket = null; #state = "closed"; #stale = true; #failures = 0; #page = null;
  #retry; #opening; #aging; #dying;

  constructor(url, options = {}) {
    this.#url = url;
    this.#options = { ...DEFAULTS, ...options, policy: { ...DEFAULTS.policy, ...options.policy } };
    [this.#retry, this.#opening, this.#aging, this.#dying] = [1, 2, 3, 4].map(() => this.timer());
  }

  /** "connecting", "open", "waiting" (for the next try), "lost" (tries seldom), or "closed". */
  get state() { return this.#state; }
  /** Whether what was heard last is too old to be believed. */
  get stale() { return this.#stale; }
  /** Bytes that the network has not taken yet. */
  get unsentBytes() { return this.#socket?.bufferedAmount ?? 0; }

  /** Begins to connect. Throws if the address is none; after that, nothing throws. */
  open() {
    if (this.#state !== "closed") return this;
    this.#failures = 0;
    this.#connect();
    this.#listen();
    return this;
  }

  /** Ends it for good, until open() is called again. */
  close(code = 1000, reason = "") { this.#stop({ code, reason }); }

  /** Sends a message if the connection is open; says whether it was. */
  send(message) {
    if (this.#state !== "open") return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  // For those who extend it: what happens, and what they may do.

  opened() {}
  heard(message) {
    this.news();
    this.onmessage?.(message);
  }
  /** The connection is gone; `forGood` if no other will follow. */
  ended(forGood) {}
  /** Asks the server for a sign of life. */
  ping() {}
  staled(stale) { this.onstale?.(stale); }
  timer() { return new Timer(this.#options.timers); }
  now() { return this.#options.timers.now(); }

  /** What is heard is fresh. */
  news() {
    this.#age();
    this.#die();
    this.#setStale(false);
  }

  /** Gives a connection up and tries again. */
  cut(code, reason) {
    if (this.#socket) this.#over({ code, reason });
  }

  #connect() {
    this.#retry.stop();
    const { WebSocket = globalThis.WebSocket, protocols = [], openMs } = this.#options;
    const socket = new WebSocket(absolute(textOf(this.#url)), textOf(protocols));
    this.#socket = socket;
    socket.onopen = () => {
      this.#opening.stop();
      this.#failures = 0;
      this.#die();
      this.#setState("open");
      if (this.#socket === socket) this.opened();
    };
    socket.onmessage = ({ data }) => {
      let message;
      try { message = JSON.parse(data); } catch { /* It is none. */ }
      if (typeof data === "string" && message?.type) this.heard(message);
      else this.ignored += 1;
    };
    socket.onclose = ({ code, reason }) => this.#over({ code, reason });
    // One that never opened: some say nothing more of it.
    socket.onerror = () => this.#state !== "open" && this.#over({ code: 1006, reason: "cannot connect" });
    this.#opening.start(openMs, () => this.#over({ code: 1006, reason: "no answer" }));
    // A try in the background of "lost" is nothing to show.
    if (this.#state !== "lost") this.#setState("connecting");
  }

  #again() {
    try { this.#connect(); } catch (error) { this.#wait({ code: 1006, reason: String(error) }); }
  }

  #over(why) {
    const again = this.#options.policy[why.code] ?? "soon";
    if (again === "never") return this.#stop(why);
    this.#forget();
    if (again === "later") this.#failures = this.#options.tries;
    this.ended(false);
    this.#wait(why);
  }

  #wait(why) {
    const { tries, retryMs, lostRetryMs, jitter, random } = this.#options;
    this.#failures += 1;
    const lost = this.#failures > tries;
    const ms = (lost ? lostRetryMs : retryMs) * (1 + jitter * (2 * random() - 1));
    this.#retry.start(ms, () => this.#again());
    this.#setState(lost ? "lost" : "waiting", why);
    if (lost) this.#setStale(true);
  }

  #stop(why) {
    if (this.#state === "closed") return;
    this.#forget(why);
    for (const timer of [this.#retry, this.#aging]) timer.stop();
    this.#page?.abort();
    this.ended(true);
    this.#setState("closed", why);
    this.#setStale(true);
  }

  /** Lets go of the socket: whatever it still says is about the past. */
  #forget({ code, reason } = {}) {
    for (const timer of [this.#opening, this.#dying]) timer.stop();
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {};
    // Pages may say no codes but these.
    if (code === 1000 || code >= 3000) socket.close(code, reason);
    else socket.close();
  }

  #setState(state, why) {
    if (state === this.#state) return;
    this.#state = state;
    this.onstate?.(state, why);
  }

  #setStale(stale) {
    if (stale === this.#stale) return;
    this.#stale = stale;
    this.staled(stale);
  }

  /** News grows old whether there is a connection or not. */
  #age() {
    const { staleMs } = this.#options;
    if (staleMs) this.#aging.start(staleMs, () => this.#setStale(true));
  }

  /** A connection on which nothing comes is asked, and then given up: its other end may have vanished without a word. */
  #die() {
    const { staleMs } = this.#options;
    if (!staleMs) return;
    this.#dying.start((staleMs * 2) / 3, () => {
      this.#dying.start((staleMs * 4) / 3, () => this.cut(1006, "nothing was heard"));
      this.ping();
    });
  }

  /** A page that has slept, or is on another network, knows before any timer does. */
  #listen() {
    const { page = globalThis } = this.#options;
    this.#page = new AbortController();
    const { signal } = this.#page;
    const look = () => {
      if (this.#state === "open") this.ping();
      else if (!this.#socket) this.#again();
    };
    page.addEventListener?.("online", look, { signal });
    const { document } = page;
    document?.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look(), { signal });
  }
}

const RATES = [0.2, 0.5, 1, 2, 5, 10, 20, 50];

/** The colour of equipment on a board. */
export function equipmentColor({ status, tags }) {
  if (!tags.connection) return "gray";
  if (tags.error_tag === 1) return "purple";
  return { stopped: "red", idle: "yellow", running: "green" }[status] ?? "gray";
}

const gray = (one) => ({ ...one, status: "disconnected", tags: { ...one.tags, connection: false } });

/** Watches a line of equipment. */
export class EquipmentMonitor extends Connection {
  onequipment = null; onsource = null;
  #known = new Map(); #seq = null; #changes;

  constructor(url, { rate, equipment, mode, periodMs, ...options } = {}) {
    const query = { rate, equipment: equipment?.join(","), mode };
    const period = periodMs ?? 1000 / (RATES.filter((one) => one <= (rate ?? 1)).pop() ?? RATES[0]);
    super(() => absolute(textOf(url), query), { staleMs: Math.max(3 * period, 1000), ...options });
    this.#changes = mode === "changes";
  }

  /** What was last heard, by code, however long ago. */
  get known() { return this.#known; }

  /** What to show, by code: all of it disconnected while it is stale. */
  get equipment() {
    return this.stale ? new Map([...this.#known].map(([code, one]) => [code, gray(one)])) : this.#known;
  }

  opened() { this.#seq = null; }
  ping() { this.send({ type: "ping", timestamp: new Date(this.now()).toISOString() }); }

  staled(stale) {
    super.staled(stale);
    this.onequipment?.(this.equipment, [...this.#known.keys()]);
  }

  heard(message) {
    const { type, equipment, seq } = message;
    const whole = Array.isArray(equipment);
    if (type === "connection_status") this.#told(message);
    // A quiet line says nothing, so that its pong is news; otherwise only equipment is.
    else if (type === "pong" && this.#changes && this.#seq !== null) this.news();
    else if (type === "equipment_status" && whole) {
      this.#seq = seq ?? null;
      this.#apply(new Map(), equipment);
    } else if (type === "equipment_changes" && whole && this.#seq !== null && seq === this.#seq + 1) {
      this.#seq = seq;
      this.#apply(this.#known, equipment);
      // Something is missing: nothing is believed before the next whole status.
    } else if (type === "equipment_changes" || type === "gap") this.#seq = null;
    this.onmessage?.(message);
  }

  #told({ status, message, equipment }) {
    if (Array.isArray(equipment)) this.#apply(new Map(), equipment);
    this.onsource?.(status, message);
    if (status === "disconnected") this.cut(1001, message);
  }

  #apply(onto, equipment) {
    for (const one of equipment) onto.set(one.equipment_code, one);
    this.#known = onto;
    // Coming back from being stale it has all been told.
    const told = this.stale;
    this.news();
    if (!told) this.onequipment?.(this.equipment, equipment.map((one) => one.equipment_code));
  }
}

/** Follows one topic of a hub. */
export class TopicHub extends Connection {
  onupdate = null; onshutdown = null;
  /** The latest of every key since the connection opened. */
  values = new Map();
  #topic; #key;

  constructor(url, topic, { key = () => undefined, ...options } = {}) {
    super(() => below(textOf(url), encodeURIComponent(topic)), { staleMs: 90_000, ...options });
    [this.#topic, this.#key] = [topic, key];
  }

  opened() { this.values.clear(); }
  ping() { this.#say("ping", { timestamp: this.now() / 1000 }); }

  heard(message) {
    this.news();
    const { type, data } = message;
    if (type === "ping") this.#say("pong", { timestamp: data?.timestamp });
    else if (type === "update") {
      const key = this.#key(data);
      this.values.set(key, data);
      this.onupdate?.(data, key);
    } else if (type === "error") this.onfault?.(new AndonError(data?.message, { field: data?.field }));
    else if (type === "shutdown") this.onshutdown?.(data?.reason);
    this.onmessage?.(message);
  }

  #say(type, data) { this.send({ type, topic: this.#topic, data }); }
}

const REQUESTS_MAX = 16;

function checkRoom(requests) {
  if (requests.length < REQUESTS_MAX) return;
  throw new AndonError(`${REQUESTS_MAX} requests wait already`, { code: "BUFFER_FULL" });
}

/** Takes the first out that `is` it. */
function take(requests, is) {
  const at = requests.findIndex(is);
  return at < 0 ? undefined : requests.splice(at, 1)[0];
}

const closed = () => new AndonError("the client was closed", { code: "CLOSED" });

const DEVICE_WORDS = ["device_register", "session_start", "session_end"];

/** A device that records in sessions. */
export class DeviceSession extends Connection {
  onended = null;
  /** Samples that were given up because too many waited. */
  dropped = 0;
  #device; #info; #samplesMax; #unsentMax; #soon;
  /** What is to be sent, in order; what was asked and not answered. */
  #queue = []; #asked = [];
  /** The request that began the session we are in; its `id` is there once it is answered. */
  #current = null;

  constructor(url, deviceId, { info = {}, samplesMax = 1000, unsentBytesMax = 1 << 20, ...options } = {}) {
    super(url, { staleMs: 60_000, ...options });
    [this.#device, this.#info, this.#samplesMax, this.#unsentMax] = [deviceId, info, samplesMax, unsentBytesMax];
    this.#soon = this.timer();
  }

  /** The session that samples go to, or null. */
  get sessionId() { return this.#current?.id ?? null; }
  /** Samples that wait to be sent. */
  get waiting() { return this.#queue.filter((one) => one.sample).length; }

  /** Begins a session; its id. One that was active is ended by the server. */
  start() {
    return this.#ask({ type: "session_start" }, (request) => { this.#current = request; });
  }

  /** Ends the session; its id once the server has everything of it, or null if there was none. */
  end() {
    const of = this.#current;
    if (!of) return Promise.resolve(null);
    return this.#ask({ type: "session_end", of }, () => { this.#current = null; });
  }

  /** Sends a sample under the session, or keeps it until it can. False if an older one was dropped for it. */
  send(sample) {
    if (DEVICE_WORDS.includes(sample.type)) throw new TypeError(`a sample cannot be a ${sample.type}`);
    const full = this.waiting >= this.#samplesMax;
    if (full) {
      this.#queue.splice(this.#queue.findIndex((one) => one.sample), 1);
      this.dropped += 1;
    }
    this.#queue.push({ sample: { type: "sensor_data", ...sample }, of: this.#current });
    this.#flush();
    return !full;
  }

  opened() {
    this.ping();
    this.#flush();
  }

  /** To register once more is the one question that this contract answers at any time. */
  ping() { super.send({ ...this.#info, type: "device_register", deviceId: this.#device, clientVersion: "1.1.0" }); }

  ended(forGood) {
    this.#soon.stop();
    // Asked again on the next connection: no answer will come on this one.
    this.#queue.unshift(...this.#asked.splice(0));
    if (!forGood) return;
    const requests = this.#queue.filter((one) => one.type);
    this.#queue = this.#queue.filter((one) => one.sample);
    this.#current = null;
    for (const { reject } of requests) reject(closed());
  }

  heard(message) {
    this.news();
    const { type, sessionId, errorCode: code, deviceId } = message;
    if (type === "session_created") this.#created(sessionId, message.timestamp);
    else if (type === "session_ended") this.#sessionEnded(sessionId);
    else if (type === "error") this.#refused(new AndonError(message.message, { code, deviceId }));
    this.onmessage?.(message);
    this.#flush();
  }

  async #ask(request, asked) {
    checkRoom(this.#queue.concat(this.#asked).filter((one) => one.type));
    return new Promise((resolve, reject) => {
      const whole = { ...request, timestamp: this.now(), resolve, reject };
      asked(whole);
      this.#queue.push(whole);
      this.#flush();
    });
  }

  #created(id, timestamp) {
    const request = take(this.#asked, (one) => one.type === "session_start" && one.timestamp === timestamp);
    // Nobody waits for it any more, so nobody would ever end it.
    if (!request) return super.send({ type: "session_end", deviceId: this.#device, sessionId: id, timestamp });
    request.id = id;
    request.resolve(id);
  }

  #sessionEnded(id) {
    take(this.#asked, (one) => one.type === "session_end" && one.of.id === id)?.resolve(id);
    if (id && id === this.sessionId) this.#lose();
  }

  #lose() {
    const { id } = this.#current;
    this.#current = null;
    this.onended?.(id);
  }

  /** An error does not say what it answers. Two are about samples; others are taken to be about the oldest request, if there is one. */
  #refused(error) {
    this.onfault?.(error);
    if (error.code === "NO_ACTIVE_SESSION" && this.sessionId) this.#lose();
    if (["NO_ACTIVE_SESSION", "UNKNOWN_TYPE"].includes(error.code)) return;
    const request = this.#asked.shift();
    if (request && request === this.#current) this.#current = null;
    request?.reject(error);
  }

  #flush() {
    while (this.state === "open" && this.#queue.length) {
      const [{ sample, of, type, timestamp }] = this.#queue;
      // Its session has no id yet.
      if (of && !of.id && this.#asked.includes(of)) return;
      if (this.unsentBytes > this.#unsentMax) return this.#soon.start(100, () => this.#flush());
      const request = this.#queue.shift();
      if (type) this.#asked.push(request);
      super.send({ ...(sample ?? { type, timestamp }), deviceId: this.#device, sessionId: of?.id });
    }
  }
}

const STUDENTS = ["step_complete", "request_help"];
const INSTRUCTORS = ["next_step", "pause_session", "resume_session", "end_session"];
const HEARTBEAT_MS = 30_000;

/** A student or an instructor in a guided session. Who one is the server knows by a cookie. */
export class GuidedSession extends Connection {
  onparticipant = null; onprogress = null; onhelp = null; onstep = null; onstatus = null;
  #role; #heart; #joins = false;
  /** What waits for its confirmation, in order. */
  #asked = [];

  constructor(url, code, { role, ...options } = {}) {
    super(() => below(textOf(url), `${encodeURIComponent(code)}/`), { staleMs: 2 * HEARTBEAT_MS, ...options });
    this.#role = role;
    this.#heart = this.timer();
  }

  /** Takes part, also after the connection was lost; the server's confirmation. */
  join() {
    this.#joins = true;
    return this.#ask("join", {});
  }

  /** Says that a step is done; kept and said again until the server has it for good. */
  completeStep(subtaskId) { return this.#ask("step_complete", { subtask_id: subtaskId }); }

  // These say whether they were sent; what they cause comes to everyone concerned, and is not said later on.
  requestHelp(subtaskId, message) { return this.#say("request_help", { subtask_id: subtaskId, message }); }
  nextStep(subtaskId, message = "") { return this.#say("next_step", { subtask_id: subtaskId, message }); }
  pause() { return this.#say("pause_session"); }
  resume() { return this.#say("resume_session"); }
  end() { return this.#say("end_session"); }

  opened() {
    this.#beat();
    const joining = this.#asked.some((one) => one.type === "join");
    if (this.#joins && !joining) this.#say("join");
    for (const { type, data } of this.#asked) this.#say(type, data);
  }

  ping() { this.#say("heartbeat", { timestamp: this.now() }); }

  ended(forGood) {
    this.#heart.stop();
    if (!forGood) return;
    this.#joins = false;
    for (const { reject } of this.#asked.splice(0)) reject(closed());
  }

  heard(message) {
    this.news();
    const { type } = message;
    if (type === "join_confirmed") take(this.#asked, (one) => one.type === "join")?.resolve(message);
    else if (type === "step_complete_confirmed") {
      take(this.#asked, (one) => one.data.subtask_id === message.subtask_id)?.resolve(message);
    } else if (type === "participant_joined" || type === "participant_left") this.onparticipant?.(message);
    else if (type === "progress_updated") this.onprogress?.(message);
    else if (type === "help_requested") this.onhelp?.(message);
    else if (type === "step_changed") this.onstep?.(message.subtask);
    else if (type === "session_status_changed") this.onstatus?.(message.status, message.message);
    else if (type === "error") this.#refused(new AndonError(message.message));
    this.onmessage?.(message);
  }

  #beat() {
    this.#heart.start(HEARTBEAT_MS, () => {
      this.ping();
      this.#beat();
    });
  }

  async #ask(type, data) {
    this.#permit(type);
    checkRoom(this.#asked);
    return new Promise((resolve, reject) => {
      this.#asked.push({ type, data, resolve, reject });
      this.#say(type, data);
    });
  }

  /** An error does not say what it answers: it is taken for the oldest that waits. */
  #refused(error) {
    this.onfault?.(error);
    this.#asked.shift()?.reject(error);
  }

  #permit(type) {
    const other = { STUDENT: INSTRUCTORS, INSTRUCTOR: STUDENTS }[this.#role];
    if (other?.includes(type)) throw new AndonError(`${type} is not for a ${this.#role}`, { code: "NOT_PERMITTED" });
  }

  #say(type, data = {}) {
    this.#permit(type);
    return this.send({ type, data });
  }
}
