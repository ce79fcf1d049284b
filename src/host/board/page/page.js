// How the page is changed: only what differs, in one animation frame per burst, and never so much at once that the page stands still.

const FRAME_MS = 8;
const waiting = new Set();
let due = false;

/** Draws with the next frame, once however often it is asked for. What does not fit into a frame is drawn in the one after. */
export function soon(draw) {
  waiting.add(draw);
  if (due) return;
  due = true;
  requestAnimationFrame(frame);
}

function frame() {
  due = false;
  const end = performance.now() + FRAME_MS;
  for (const draw of waiting) {
    waiting.delete(draw);
    draw();
    if (performance.now() > end) break;
  }
  if (waiting.size && !due) {
    due = true;
    requestAnimationFrame(frame);
  }
}

/** An element with its class, its text and what is in it. */
export function make(tag, { text, ...attributes } = {}, ...inside) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  node.append(...inside);
  return node;
}

/** An icon of the page's own. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setData(node, name, value) {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}

/** Puts nodes in this order with as few moves as that needs, and takes all others out. */
export function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const node of [...parent.children]) if (!wanted.has(node)) node.remove();
  nodes.forEach((node, at) => {
    if (parent.children[at] !== node) parent.insertBefore(node, parent.children[at] ?? null);
  });
}

/** What `list` needs by key: kept, or made by `create`; what it names no more is forgotten. */
export function match(known, list, keyOf, create) {
  const keys = new Set(list.map(keyOf));
  for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
  return list.map((one) => {
    const key = keyOf(one);
    if (!known.has(key)) known.set(key, create(one));
    return known.get(key);
  });
}

/** When what was drawn is to be seen. */
export const painted = () => new Promise((then) => requestAnimationFrame(() => setTimeout(then)));

/** Each second, and at once. */
export function everySecond(draw) {
  setInterval(() => soon(draw), 1000);
  soon(draw);
}
