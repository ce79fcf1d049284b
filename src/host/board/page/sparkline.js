// The numbers in what a device sends, and a line of the newest of each.

import { make, setText, soon } from "./page.js";
import { valueOf } from "./words.js";

const SERIES_MAX = 3, POINTS = 80, DEPTH_MAX = 4;
/** Numbers that say who and when, and measure nothing. */
const NO_MEASURE = /(^|[._])(id|seq|ts|time|timestamp|version)$|(Id|_id|Time|_at|timestamp)$/i;

/** The first numbers of a payload, each with where it stands. */
export function numbersOf(payload, path = "", found = [], depth = 0) {
  if (typeof payload === "number") {
    if (Number.isFinite(payload) && !NO_MEASURE.test(path)) found.push([path, payload]);
  } else if (payload && typeof payload === "object" && depth <= DEPTH_MAX) {
    for (const [name, inner] of Object.entries(payload)) {
      if (found.length >= 16) break;
      numbersOf(inner, path ? `${path}.${name}` : name, found, depth + 1);
    }
  }
  return found;
}

class Line {
  #points = [];

  constructor(path) {
    this.value = make("b");
    this.canvas = make("canvas", { width: 160, height: 32, "aria-hidden": "true" });
    // Most devices wrap what they measure.
    const name = path.replace(/^(data|payload|values)\./, "");
    this.node = make("li", { title: path }, make("span", { text: name }), this.value, this.canvas);
  }

  add(value) {
    this.#points.push(value);
    if (this.#points.length > POINTS) this.#points.shift();
    soon(this.draw);
  }

  draw = () => {
    setText(this.value, valueOf(this.#points.at(-1)));
    const { width, height } = this.canvas;
    const pen = this.canvas.getContext("2d");
    const low = Math.min(...this.#points), span = Math.max(...this.#points) - low;
    const x = (at) => width - 3 - (this.#points.length - 1 - at) * (width / POINTS);
    // One that does not move runs in the middle.
    const y = (value) => (span ? height - 3 - ((value - low) / span) * (height - 6) : height / 2);
    pen.clearRect(0, 0, width, height);
    pen.strokeStyle = pen.fillStyle = getComputedStyle(this.canvas).color;
    pen.lineWidth = 2;
    pen.lineJoin = "round";
    pen.beginPath();
    this.#points.forEach((value, at) => pen.lineTo(x(at), y(value)));
    pen.stroke();
    pen.beginPath();
    pen.arc(x(this.#points.length - 1), y(this.#points.at(-1)), 2.5, 0, 7);
    pen.fill();
  };
}

/** Lines of the first few numbers that a device has ever sent in this session. */
export class Sparklines {
  #lines = new Map();
  node = make("ul", { class: "sparklines" });

  add(payload) {
    for (const [path, value] of numbersOf(payload)) {
      if (!this.#lines.has(path)) {
        if (this.#lines.size >= SERIES_MAX) continue;
        const line = new Line(path);
        this.#lines.set(path, line);
        this.node.append(line.node);
      }
      this.#lines.get(path).add(value);
    }
  }
}
