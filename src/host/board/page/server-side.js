// What the page asks the server for over HTTP. Addresses are relative to the page, so that it may lie below a path of a proxy.

const RETRY_MS = 3_000, TRIES = 5, LOST_RETRY_MS = 15_000, ANSWER_MS = 10_000;
let ahead = 0;

/** An address of the server's, of which `/api` tells the path. */
export const address = (path) => new URL(path.replace(/^\//, ""), document.baseURI).href;

/** The server's time. Clocks of screens are often wrong. */
export const serverNow = () => Date.now() + ahead;

/** The answer, or null where there is none for us. Throws if the server cannot be asked. `fresh`: one that no cache has, so that its time is the server's. */
export async function ask(path, { fresh = false } = {}) {
  const answer = await fetch(address(path), { cache: fresh ? "no-store" : "no-cache", signal: AbortSignal.timeout(ANSWER_MS) });
  if ([401, 403, 404].includes(answer.status)) return null;
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  const json = await answer.json();
  if (fresh) ahead = Date.parse(json.timestamp) - Date.now();
  return json;
}

/** Asks again and again, while the page is seen. `heard(null)`: there is nothing for us, and it is not asked again. `failed` is told each time that it cannot be asked. */
export function poll(path, ms, heard, failed, how) {
  let timer, failures = 0;
  const look = async () => {
    clearTimeout(timer);
    let next = ms;
    try {
      const answer = await ask(path, how);
      failures = 0;
      heard(answer);
      if (!answer) return;
    } catch (error) {
      failures += 1;
      failed?.(error);
      next = Math.max(ms, failures > TRIES ? LOST_RETRY_MS : RETRY_MS);
    }
    clearTimeout(timer);
    timer = document.hidden ? undefined : setTimeout(look, next);
  };
  document.addEventListener("visibilitychange", () => document.hidden || look());
  look();
  return look;
}

/** Tells the first answer as soon as the server can be asked; nothing if there is none for us. */
export async function whenLetIn(path, then, failures = 0) {
  let answer;
  try {
    answer = await ask(path);
  } catch {
    setTimeout(() => whenLetIn(path, then, failures + 1), failures < TRIES ? RETRY_MS : LOST_RETRY_MS);
    return;
  }
  if (answer) then(answer);
}

/**
 * Follows a stream of events while the page is seen: a browser has few connections to one server, and pages in the background would use them up.
 * `begun` is told whenever the state must be asked for anew, `ended` when the stream breaks off.
 */
export function follow(path, { begun, ended, ...handlers }) {
  let source, retry, failures = 0;
  const open = () => {
    source = new EventSource(address(path));
    source.addEventListener("hello", () => {
      failures = 0;
      begun();
    });
    source.addEventListener("gap", begun);
    for (const [name, handle] of Object.entries(handlers)) source.addEventListener(name, ({ data }) => handle(JSON.parse(data)));
    source.onerror = () => {
      ended();
      // By itself it comes back only from a connection that broke, not from an answer that was none.
      if (source.readyState !== EventSource.CLOSED) return;
      failures += 1;
      retry = setTimeout(open, failures > TRIES ? LOST_RETRY_MS : RETRY_MS);
    };
  };
  const close = () => {
    clearTimeout(retry);
    source?.close();
    source = undefined;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : source ?? open()));
  if (!document.hidden) open();
}
