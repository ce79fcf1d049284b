// What was seen of one machine in the last minutes, and its strip. A page that is loaded anew goes on where it was; what nobody watched stays empty.

export const HISTORY_MS = 600_000;
const KEY = "andon-history";
const CHANGES_MAX = 300;
/** The worse, the higher: a strip is read without its colours. */
const HEIGHTS = { green: 3, yellow: 4, red: 7, purple: 8, gray: 2 };
const STRIP_WIDTH = 150;

export class History {
  /** [from when, colour or null], oldest first. */
  changes;

  constructor(changes = []) { this.changes = changes; }

  /** What it has been for, and whether that began while somebody looked. */
  get since() {
    const at = this.changes.length - 1;
    const [from] = this.changes[at] ?? [Date.now()];
    return { from, seen: at > 0 && this.changes[at - 1][1] !== null };
  }

  /** From now on it is this colour; null if nobody knows. */
  note(color, now = Date.now()) {
    if (this.changes.at(-1)?.[1] === color) return false;
    this.changes.push([now, color]);
    // Of what is no longer shown the last is kept: it says what the strip begins with.
    while (this.changes.length > CHANGES_MAX || this.changes[1]?.[0] < now - HISTORY_MS) this.changes.shift();
    return true;
  }

  /** Draws it as one path for each colour: cheaper for a browser than an image for each machine. */
  draw(strip, now = Date.now()) {
    const x = (at) => Math.max(0, STRIP_WIDTH - ((now - at) / HISTORY_MS) * STRIP_WIDTH);
    const paths = {};
    this.changes.forEach(([from, color], at) => {
      const left = x(from), right = x(this.changes[at + 1]?.[0] ?? now);
      if (!color || right <= 0) return;
      const width = Math.max(0.5, right - left).toFixed(1);
      paths[color] = `${paths[color] ?? ""}M${left.toFixed(1)} 8h${width}v-${HEIGHTS[color]}h-${width}z`;
    });
    for (const path of strip.children) path.setAttribute("d", paths[path.dataset.color] ?? "");
  }
}

/** The histories that this tab left behind, by code. */
export function recall() {
  try {
    const { at, histories } = JSON.parse(sessionStorage.getItem(KEY));
    const known = Object.entries(histories).map(([code, changes]) => [code, new History([...changes, [at, null]])]);
    return new Map(known);
  } catch {
    return new Map();
  }
}

/** Leaves them behind. */
export function keep(histories) {
  try {
    const all = Object.fromEntries([...histories].map(([code, { changes }]) => [code, changes]));
    sessionStorage.setItem(KEY, JSON.stringify({ at: Date.now(), histories: all }));
  } catch { /* There is no room, or it is forbidden. */ }
}
