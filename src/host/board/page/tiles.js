// The equipment: a tile for each, and how many are in each state.

import { equipmentColor } from "./andon-client.js";
import { HISTORY_MS, History, keep, recall } from "./history.js";
import { arrange, everySecond, icon, make, setData, setText, soon } from "./page.js";
import { onlanguage, say, spanOf, timeOf, valueOf } from "./words.js";

/** The contract's colours and the words for them; the worst first. */
const STATES = [["purple", "fault"], ["red", "stopped"], ["gray", "disconnected"], ["yellow", "idle"], ["green", "running"]];
const WORDS = Object.fromEntries(STATES);
const OWN = ["status_tag", "error_tag", "connection"];
/** Of more than this only the first are drawn. */
const TILES_MAX = 2_000, TAGS_MAX = 12;
/** From so many on, tiles are small, and there is something to find them by. */
const MANY = 40;
/** So much is drawn in one frame: tiles that are made, that have news, and whose times go on. Of few machines all are made in the first. */
const FRAME_MS = 6, FRAME_MADE = 24, FRAME_NEWS = 16, FRAME_OLD = 8;
/** What was drawn so long ago says another time. */
const OLD_MS = 1_000;
const NEWS_MS = 10_000, NAMES_TOLD = 3;
/** A strip moves by one point of its width. */
const STRIP_MS = HISTORY_MS / 150;

const template = document.getElementById("tile-template");
const byId = (id) => document.getElementById(id);

class Tile {
  #color; #history; #tags = new Map(); #equipment; #known = true; #drawn = 0; #strip = 0;

  constructor(history) {
    this.#history = history;
    this.node = template.content.firstElementChild.cloneNode(true);
    const find = (what) => this.node.querySelector(what);
    [this.lamp, this.use, this.state, this.lasting] = [find(".lamp"), find("use"), find(".state"), find(".for")];
    [this.name, this.code, this.sinceText, this.strip] = [find("h3"), find(".code"), find(".since"), find(".strip")];
    [this.numbers, this.texts] = [find(".numbers"), find(".texts")];
  }

  /** What is to be drawn; `known` is false while nobody can say whether it is still so. */
  is(equipment, color, known) { [this.#equipment, this.#color, this.#known] = [equipment, color, known]; }

  get old() { return Date.now() - this.#drawn > OLD_MS; }

  draw = () => {
    const { equipment_code: code, equipment_name: name, tags } = this.#equipment;
    const word = WORDS[this.#color];
    if (this.node.dataset.color !== this.#color) {
      this.node.classList.toggle("turned", "color" in this.node.dataset && this.#known);
      this.node.dataset.color = this.#color;
      this.use.setAttribute("href", `#${word}`);
    }
    setData(this.node, "code", code);
    setText(this.name, name || code);
    setText(this.code, name ? code : "");
    setText(this.state, this.#known ? say(word) : say("last", say(word)));
    this.#drawTags(Object.entries(tags).filter(([tag]) => !OWN.includes(tag)));
    this.#drawTime();
  };

  #drawTime() {
    const now = this.#drawn = Date.now();
    const { from, seen } = this.#history.since;
    const span = spanOf(now - from);
    // Of what was so before it was seen a minute is the least worth telling.
    const least = now - from < 60_000 ? "" : say("atLeast", span);
    setText(this.lasting, !this.#known ? "" : seen ? span : least);
    const heard = !this.#known ? from : this.#color === "gray" && Date.parse(this.#equipment.last_updated);
    setText(this.sinceText, heard ? say("heard", timeOf(heard)) : say(seen ? "since" : "before", timeOf(from)));
    if (from <= this.#strip && now - this.#strip < STRIP_MS) return;
    this.#strip = now;
    this.#history.draw(this.strip, now);
  }

  #drawTags(entries) {
    const shown = entries.slice(0, TAGS_MAX);
    for (const [tag, value] of shown) {
      let node = this.#tags.get(tag);
      if (!node) {
        node = make("dd");
        this.#tags.set(tag, node);
        const of = typeof value === "string" ? this.texts : this.numbers;
        of.append(make("div", {}, make("dt", { text: tag }), node));
      }
      setText(node, valueOf(value));
      // A text that says nothing leaves its place empty, so that nothing jumps when it does.
      node.parentElement.classList.toggle("none", value === "");
    }
    if (this.#tags.size === shown.length) return;
    for (const [tag, node] of this.#tags) {
      if (shown.some(([one]) => one === tag)) continue;
      node.parentElement.remove();
      this.#tags.delete(tag);
    }
  }
}

/** All tiles. */
export class Tiles {
  #section = byId("equipment"); #list = byId("tiles"); #empty = byId("no-equipment"); #find = byId("find");
  #equipment = new Map(); #tiles = new Map(); #colors = new Map(); #histories = recall();
  #known = false; #lost = false; #heard = false; #changed = new Set(); #later = new Set(); #olds = new Set(); #chips = new Map();
  #only = null; #shown = 0; #seen = new Set(); #news = new Map(); #newsDue;
  #watch = new IntersectionObserver((entries) => entries.forEach((one) => this.#sees(one)));

  constructor() {
    this.#section.hidden = false;
    byId("summary").append(...STATES.map(([color, word]) => this.#chip(color, word)).reverse());
    this.#find.addEventListener("input", () => soon(this.#choose));
    document.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => soon(this.#columns)).observe(this.#list);
    addEventListener("pagehide", () => keep(this.#histories));
    everySecond(() => this.#seconds());
    onlanguage(() => this.#all());
    this.#all();
  }

  /** Equipment with these codes has news. `lost`: nobody has been able to ask for long, so that all of it is disconnected. */
  show(equipment, codes, { known, lost }) {
    const turned = known !== this.#known || lost !== this.#lost || equipment.size !== this.#equipment.size;
    [this.#equipment, this.#known, this.#lost] = [equipment, known, lost];
    this.#heard ||= known;
    for (const code of turned ? equipment.keys() : codes) this.#note(code);
    if (turned) soon(this.#order);
    soon(this.#patch);
    soon(this.#count);
  }

  #note(code) {
    const one = this.#equipment.get(code);
    if (!one) return;
    const color = this.#lost ? "gray" : equipmentColor(one);
    const history = this.#histories.get(code) ?? new History();
    this.#histories.set(code, history);
    const turned = history.note(this.#known ? color : null);
    if (turned && this.#known && history.since.seen) this.#tell(color, one.equipment_name || code);
    this.#colors.set(code, color);
    const seen = this.#equipment.size < MANY || this.#seen.has(this.#tiles.get(code));
    (seen ? this.#changed : this.#later).add(code);
  }

  /** Of many machines those that are out of sight may wait for this. */
  #seconds() {
    for (const { node } of this.#seen) this.#olds.add(node.dataset.code);
    for (const code of this.#later) this.#olds.add(code);
    this.#later.clear();
    if (this.#olds.size) soon(this.#patch);
  }

  #now(codes) {
    for (const code of codes) {
      this.#later.delete(code);
      this.#changed.add(code);
    }
    if (this.#changed.size) soon(this.#patch);
  }

  /** Draws what has changed, and then what has grown old. A long list takes several frames. */
  #patch = () => {
    const end = performance.now() + FRAME_MS;
    this.#drawSome(this.#changed, FRAME_NEWS, end);
    this.#drawSome(this.#olds, this.#equipment.size < MANY ? MANY : FRAME_OLD, end);
    if (this.#changed.size || this.#olds.size) soon(this.#patch);
  };

  #drawSome(codes, room, end) {
    for (const code of codes) {
      if (!room || performance.now() > end) return;
      const one = this.#equipment.get(code), tile = this.#tiles.get(code);
      codes.delete(code);
      if (!one || !tile) continue;
      this.#olds.delete(code);
      tile.is(one, this.#colors.get(code), this.#known || this.#lost);
      tile.draw();
      if (this.#only) soon(this.#choose);
      room -= 1;
    }
  }

  /** Makes the tiles that there are not yet, a handful for each frame, in the server's order. */
  #order = () => {
    const codes = [...this.#equipment.keys()].slice(0, TILES_MAX);
    for (const [code, tile] of this.#tiles) {
      if (this.#equipment.has(code)) continue;
      this.#watch.unobserve(tile.node);
      this.#seen.delete(tile);
      for (const map of [this.#tiles, this.#histories, this.#colors]) map.delete(code);
    }
    const many = codes.length >= MANY, end = performance.now() + FRAME_MS;
    let room = many ? FRAME_MADE : codes.length;
    for (const code of codes) {
      if (this.#tiles.has(code)) continue;
      const tile = new Tile(this.#histories.get(code));
      tile.is(this.#equipment.get(code), this.#colors.get(code), this.#known || this.#lost);
      tile.draw();
      tile.node.tile = tile;
      this.#tiles.set(code, tile);
      this.#changed.delete(code);
      this.#watch.observe(tile.node);
      room -= 1;
      if (!room || (many && performance.now() > end)) break;
    }
    const more = this.#tiles.size < codes.length;
    if (more) soon(this.#order);
    this.#emptiness();
    // Rows are made for all that there will be, and before there is anything in them: then it is laid out once.
    if (this.#shown !== codes.length) {
      this.#find.closest("label").hidden = !many;
      this.#section.classList.toggle("many", many);
      this.#shown = codes.length;
      this.#columns();
    }
    arrange(this.#list, codes.filter((code) => this.#tiles.has(code)).map((code) => this.#tiles.get(code).node));
    if (this.#only || this.#find.value) soon(this.#choose);
  };

  #count = () => {
    const counts = Object.fromEntries(STATES.map(([color]) => [color, 0]));
    for (const code of this.#equipment.keys()) counts[this.#colors.get(code)] += 1;
    for (const [color, { button, number }] of this.#chips) {
      setText(number, String(counts[color]));
      button.classList.toggle("none", counts[color] === 0);
    }
    setText(byId("total"), this.#equipment.size ? say("machines", this.#equipment.size) : "");
    this.#section.classList.toggle("unknown", this.#heard && !this.#known && !this.#lost);
    const troubles = counts.purple + counts.red;
    document.title = `${troubles && this.#known ? `(${troubles}) ` : ""}${byId("title").textContent}`;
    this.#emptiness();
  };

  #all = () => {
    for (const { label, word } of this.#chips.values()) setText(label, say(word));
    this.#now(this.#equipment.keys());
    soon(this.#count);
  };

  /** Rows of equal length, as many in one as there is width for. */
  #columns = () => {
    const style = getComputedStyle(this.#list);
    const least = Number.parseFloat(style.getPropertyValue("--least")) * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    const gap = Number.parseFloat(style.columnGap) || 0;
    const room = Math.max(1, Math.floor((this.#list.clientWidth + gap) / (least + gap)));
    const all = this.#shown || 1;
    const columns = String(this.#only || this.#find.value ? room : Math.ceil(all / Math.ceil(all / room)));
    if (this.#list.style.getPropertyValue("--columns") !== columns) this.#list.style.setProperty("--columns", columns);
  };

  // What the visitor wants to see.

  #chip(color, word) {
    const number = make("span", { class: "number", text: "0" });
    const label = make("span", { class: "word" });
    const button = make("button", { type: "button", class: "chip", "data-color": color, "aria-pressed": "false" }, number, make("span", { class: "mark" }, icon(word)), label);
    button.addEventListener("click", () => this.#show(this.#only === color ? null : color));
    this.#chips.set(color, { button, number, label, word });
    return button;
  }

  #show(color) {
    this.#only = color;
    for (const [one, { button }] of this.#chips) button.ariaPressed = String(one === color);
    soon(this.#choose);
  }

  #choose = () => {
    const text = this.#find.value.trim().toLowerCase();
    for (const [code, { node }] of this.#tiles) {
      const name = this.#equipment.get(code)?.equipment_name ?? "";
      const hidden = (this.#only !== null && this.#colors.get(code) !== this.#only) || !`${code} ${name}`.toLowerCase().includes(text);
      if (node.hidden !== hidden) node.hidden = hidden;
    }
    this.#emptiness();
    soon(this.#columns);
  };

  #emptiness() {
    const all = [...this.#tiles.values()];
    const none = all.every(({ node }) => node.hidden);
    this.#list.classList.toggle("none", none);
    this.#empty.hidden = !none || (this.#equipment.size > 0 && all.length === 0);
    setText(this.#empty, say(!this.#heard ? "waitingForData" : this.#equipment.size ? "noneMatch" : "noEquipment"));
  }

  #key(event) {
    if (event.key === "Escape" && (this.#only || this.#find.value)) {
      this.#find.value = "";
      this.#show(null);
    } else if (event.key === "/" && !event.target.closest("input, textarea, select") && this.#equipment.size >= MANY) {
      event.preventDefault();
      this.#find.focus();
    }
  }

  #sees({ target: { tile }, isIntersecting }) {
    if (!isIntersecting) return this.#seen.delete(tile);
    this.#seen.add(tile);
    if (this.#later.has(tile.node.dataset.code)) this.#now([tile.node.dataset.code]);
    else if (tile.old) soon(tile.draw);
  }

  // What is read out: what went wrong, a sentence for all of it, and not every second.

  #tell(color, name) {
    const kind = { purple: "newsFault", red: "newsStopped", gray: "newsGray" }[color];
    if (!kind) return;
    this.#news.set(kind, [...(this.#news.get(kind) ?? []), name]);
    this.#newsDue ??= setTimeout(() => this.#sayNews(), NEWS_MS);
  }

  #sayNews() {
    this.#newsDue = undefined;
    const sentences = [...this.#news].map(([kind, names]) => {
      const rest = names.length - NAMES_TOLD;
      return say(kind, names.slice(0, NAMES_TOLD).join(", ")) + (rest > 0 ? say("andMore", rest) : "");
    });
    this.#news.clear();
    setText(byId("news"), sentences.join(". "));
  }
}
