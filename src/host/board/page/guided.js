// Guided sessions: steps, people and how far each is; and for instructors what leads them. The page watches over HTTP, and takes part only once an instructor takes control.

import { GuidedSession } from "./andon-client.js";
import { Panel } from "./panel.js";
import { arrange, make, match, setData, setText, soon } from "./page.js";
import { address, ask, follow, whenLetIn } from "./server-side.js";
import { onlanguage, say } from "./words.js";

const AGAIN_MS = 15_000, HELPS_MAX = 5, PEOPLE_SHOWN = 24;
/** What a status is called here, in whatever letters it comes. */
const STATUS = { active: "in_progress", completed: "ended" };
const statusOf = ({ status }) => { const word = String(status).toLowerCase(); return STATUS[word] ?? word; };
const PERSON = { ACTIVE: "participating", WAITING: "waiting", COMPLETED: "completed", DISCONNECTED: "away" };

function button(key, onclick, more = {}) {
  const node = make("button", { type: "button", ...more });
  node.dataset.key = key;
  node.addEventListener("click", onclick);
  return node;
}

class Person {
  constructor() {
    this.name = make("span", { class: "who" });
    this.state = make("span", { class: "quiet" });
    this.progress = make("progress", { max: "1", value: "0" });
    this.node = make("li", { class: "person" }, this.name, this.state, this.progress);
  }

  is({ name, role, status, online, completed_subtask: last }, subtasks) {
    const done = subtasks.findIndex(({ id }) => id === last) + 1;
    setText(this.name, name);
    setData(this.node, "online", String(online));
    const student = role !== "INSTRUCTOR";
    const state = online ? PERSON[status] ?? status : "away";
    setText(this.state, student ? `${say(state)} · ${done}/${subtasks.length}` : say(online ? "instructor" : "away"));
    this.progress.hidden = !student;
    this.progress.max = Math.max(1, subtasks.length);
    this.progress.value = done;
    this.progress.ariaLabel = `${name}: ${say("steps", done, subtasks.length)}`;
  }
}

class Step {
  constructor(subtask, onstart) {
    this.title = make("span", { class: "what" });
    this.state = make("span", { class: "quiet" });
    this.start = button("start", onstart);
    this.node = make("li", { class: "step" }, this.title, this.state, this.start);
  }

  is({ id, title }, { current, done, controlled }) {
    setText(this.title, title);
    const here = id === current;
    if (here) this.node.ariaCurrent = "step"; else this.node.ariaCurrent = null;
    setText(this.state, here ? say("current") : done ? say("doneBy", done) : "");
    this.start.hidden = !controlled;
    setText(this.start, say("start"));
    this.start.ariaLabel = say("startStep", title);
  }
}

class Session {
  #path; #session; #steps = new Map(); #people = new Map(); #helps = []; #socket = null; #fault = ""; #instructs = false; #sure = false;

  constructor(path, { code }) {
    this.#path = path;
    this.status = make("span", { class: "badge" });
    this.place = make("span", { class: "quiet" });
    this.here = make("span", { class: "quiet" });
    this.helpList = make("ul", { class: "helps" });
    this.stepList = make("ol", { class: "steps" });
    this.peopleList = make("ul", { class: "people" });
    this.faultText = make("p", { class: "fault", role: "alert" });
    this.take = button("control", () => this.#take());
    this.release = button("release", () => this.#release());
    this.pause = button("pause", () => this.#command((socket) => socket.pause()));
    this.resume = button("resume", () => this.#command((socket) => socket.resume()));
    this.end = button("end", () => this.#sureOf(true));
    this.sure = button("endSure", () => this.#command((socket) => socket.end()), { class: "danger" });
    this.cancel = button("cancel", () => this.#sureOf(false));
    this.buttons = [this.take, this.pause, this.resume, this.end, this.sure, this.cancel, this.release];
    this.controls = make("div", { class: "controls" }, ...this.buttons);
    const line = make("div", { class: "line" }, make("b", { text: code }), this.status, this.place);
    this.node = make("article", { class: "lesson" }, line, make("div", { role: "status" }, this.helpList), this.stepList, this.controls, this.faultText, this.here, this.peopleList);
    this.node.dataset.code = code;
  }

  get code() { return this.#session.code; }

  is(session) {
    // What is told of a session alone leaves its people out.
    this.#session = { participants: [], ...this.#session, ...session };
    soon(this.draw);
  }

  participant(person) {
    const others = this.#session.participants.filter(({ user_id: id }) => id !== person.user_id);
    this.is({ participants: [...others, person] });
  }

  help(help) {
    this.#helps = [...this.#helps.filter(({ user_id: id }) => id !== help.user_id), help].slice(-HELPS_MAX);
    soon(this.draw);
  }

  /** Whether the visitor may lead. */
  instructs(does) {
    this.#instructs = does;
    if (!does) this.#release();
    soon(this.draw);
  }

  /** It is no more. */
  gone() { this.#release(); }

  draw = () => {
    const { subtasks, participants, current_subtask: current } = this.#session;
    const status = statusOf(this.#session);
    const students = participants.filter(({ role }) => role !== "INSTRUCTOR");
    const at = subtasks.findIndex(({ id }) => id === current) + 1;
    setData(this.node, "status", status);
    setText(this.status, say(status));
    setText(this.place, at ? say("step", at, subtasks.length) : "");
    setText(this.here, participants.length ? say("participants", participants.filter(({ online }) => online).length, participants.length) : "");

    const through = ({ completed_subtask: last }) => subtasks.findIndex(({ id }) => id === last);
    const controlled = this.#socket?.state === "open" && status !== "ended";
    const steps = match(this.#steps, subtasks, ({ id }) => id, (one) => new Step(one, () => this.#command((socket) => socket.nextStep(one.id))));
    steps.forEach((step, n) => step.is(subtasks[n], { current, controlled, done: students.filter((one) => through(one) >= n).length }));
    arrange(this.stepList, steps.map(({ node }) => node));

    const rank = ({ online, role }) => (online ? 0 : 2) + (role === "INSTRUCTOR" ? 0 : 1);
    const shown = [...participants].sort((a, b) => rank(a) - rank(b) || a.user_id - b.user_id).slice(0, PEOPLE_SHOWN);
    const people = match(this.#people, shown, ({ user_id: id }) => id, () => new Person());
    people.forEach((person, n) => person.is(shown[n], subtasks));
    arrange(this.peopleList, people.map(({ node }) => node));

    this.#drawHelps(subtasks, participants);
    this.#drawControls(status, controlled);
  };

  #drawHelps(subtasks, participants) {
    const rows = this.#helps.map((help) => {
      const name = participants.find(({ user_id: id }) => id === help.user_id)?.name ?? String(help.user_id);
      const step = subtasks.find(({ id }) => id === help.subtask_id)?.title ?? String(help.subtask_id ?? "–");
      const seen = button("dismiss", () => {
        this.#helps = this.#helps.filter((one) => one !== help);
        soon(this.draw);
      });
      seen.textContent = say("dismiss");
      return make("li", {}, make("strong", { text: say("help", name, step) }), make("span", { text: help.message ?? "" }), seen);
    });
    // Built anew only when they are others, or they would be read out again.
    const sign = JSON.stringify([this.#helps, rows.map(({ textContent }) => textContent)]);
    if (this.helpList.dataset.sign === sign) return;
    this.helpList.dataset.sign = sign;
    this.helpList.replaceChildren(...rows);
  }

  #drawControls(status, controlled) {
    const shows = new Map([
      [this.take, !this.#socket && status !== "ended"],
      [this.pause, controlled && status !== "paused" && !this.#sure],
      [this.resume, controlled && status === "paused" && !this.#sure],
      [this.end, controlled && !this.#sure],
      [this.sure, controlled && this.#sure],
      [this.cancel, controlled && this.#sure],
      [this.release, Boolean(this.#socket) && !this.#sure],
    ]);
    this.controls.hidden = !this.#instructs;
    for (const one of this.buttons) {
      one.hidden = !shows.get(one);
      setText(one, say(one.dataset.key));
    }
    setText(this.faultText, this.#socket && this.#socket.state !== "open" ? say("controlling") : this.#fault);
  }

  // An instructor leads: only now is there a connection of this page in the session.

  #take() {
    const base = address(this.#path.replace(/\{[^}]*\}\/?$/, ""));
    const socket = new GuidedSession(base, this.code, { role: "INSTRUCTOR" });
    socket.onstate = () => soon(this.draw);
    socket.onfault = ({ message }) => this.#complain(say("refused", message));
    socket.onstatus = (status) => this.is({ status });
    socket.onstep = (subtask) => this.is({ current_subtask: subtask.id });
    [this.#socket, this.#fault] = [socket, ""];
    socket.open();
    soon(this.draw);
  }

  #release() {
    const socket = this.#socket;
    [this.#socket, this.#sure, this.#fault] = [null, false, ""];
    socket?.close();
    soon(this.draw);
  }

  #sureOf(sure) {
    this.#sure = sure;
    this.draw();
    (sure ? this.cancel : this.end).focus();
  }

  #command(say_) {
    this.#sure = false;
    this.#fault = "";
    if (!say_(this.#socket)) this.#complain(say("notSent"));
    soon(this.draw);
  }

  #complain(text) {
    this.#fault = text;
    soon(this.draw);
  }
}

export class Guided {
  #panel = new Panel("guided", 3 * AGAIN_MS); #path; #sessions = new Map(); #instructs = false;

  constructor(path) {
    this.#path = path;
    onlanguage(() => soon(this.#draw));
    // Who may not see lessons is not refused one thing after the other.
    whenLetIn("api/guided/me", (me) => me.user_id !== null && this.#follow());
  }

  #follow() {
    const of = (code) => this.#sessions.get(code);
    follow("api/guided/events", {
      begun: () => this.#ask(),
      ended: () => this.#panel.broken(),
      guided_session: (session) => (of(session.code) ? of(session.code).is(session) : this.#ask()),
      participant: ({ code, participant }) => of(code)?.participant(participant),
      help: (help) => of(help.code)?.help(help),
    });
    setInterval(() => document.hidden || this.#ask(), AGAIN_MS);
  }

  async #ask() {
    try {
      const [answer, me] = await Promise.all([ask("api/guided"), ask("api/guided/me")]);
      if (!answer) return this.#panel.show(false);
      this.#instructs = Boolean(me?.roles?.includes("INSTRUCTOR"));
      const known = new Set(answer.sessions.map(({ code }) => code));
      for (const [code, session] of this.#sessions) if (!known.has(code)) session.gone();
      const sessions = match(this.#sessions, answer.sessions, ({ code }) => code, (one) => new Session(this.#path, one));
      sessions.forEach((session, at) => {
        session.is(answer.sessions[at]);
        session.instructs(this.#instructs);
      });
      this.#panel.fresh();
      soon(this.#draw);
    } catch {
      this.#panel.broken();
    }
  }

  #draw = () => {
    const sessions = [...this.#sessions.values()];
    for (const session of sessions) session.draw();
    arrange(this.#panel.rows, sessions.map(({ node }) => node));
    this.#panel.count(sessions.length > 1 ? String(sessions.length) : "");
    this.#panel.rest(sessions.length, sessions.length);
  };
}
