// Types of andon-client.js. Times are in milliseconds.

export type State = "connecting" | "open" | "waiting" | "lost" | "closed";
/** What to do when the server closes: try again after `retryMs`, after `lostRetryMs`, or not at all. */
export type Again = "soon" | "later" | "never";
export interface Why {
  code: number;
  reason: string;
}

/** What a client needs of a WebSocket: a browser's, Node's, or that of the package `ws`. */
export interface Socket {
  readonly bufferedAmount: number;
  onopen: any;
  onmessage: any;
  onclose: any;
  onerror: any;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export interface Timers {
  setTimeout(then: () => void, ms: number): unknown;
  clearTimeout(id: any): void;
  /** Milliseconds since 1970. */
  now(): number;
}

export interface ConnectionOptions {
  /** The class of sockets. Default: the global `WebSocket`. */
  WebSocket?: new (url: string, protocols?: any) => Socket;
  /** Subprotocols, or what gives them for each try: `["andon.bearer", token]` shows a token. Default: none. */
  protocols?: string | string[] | (() => string | string[]);
  /** From the end of a connection to the next try. Default 3,000. */
  retryMs?: number;
  /** So many tries in a row may fail before the state is "lost". Default 5. */
  tries?: number;
  /** Between tries when lost; they never end. Default 15,000. */
  lostRetryMs?: number;
  /** By which part both vary, up and down, so that not all pages come back at once. Default 0.1. */
  jitter?: number;
  /** A try that has not opened by then has failed. Default 10,000. */
  openMs?: number;
  /**
   * What was heard is stale when nothing has come for so long. The server is asked for a sign of life after two thirds of
   * it, where the contract has one, and the connection given up after twice as long. 0: never. Default: each contract's.
   */
  staleMs?: number;
  /**
   * By close code, beside the defaults: 1000 "never"; 1003 and 1008 (not here, not you: also an identity that has expired or was
   * revoked) "later", and the state is "lost"; anything else "soon".
   */
  policy?: Record<number, Again>;
  /** In place of `Math.random`, for tests. */
  random?: () => number;
  /** In place of the real ones, for tests. */
  timers?: Timers;
  /** Whose `online` and `visibilitychange` events hint at a try. Default: the page, if there is one. */
  page?: any;
}

/** An address, absolute or the page's; or what gives it for each try, such as one with a fresh token. */
export type Address = string | (() => string);

export class AndonError extends Error {
  /**
   * A device's: `INVALID_MESSAGE`, `UNKNOWN_TYPE`, `MISSING_FIELD`, `SESSION_ALREADY_ACTIVE`, `NO_ACTIVE_SESSION`, `STORAGE_UNAVAILABLE`.
   * This client's own: `CLOSED`, `BUFFER_FULL`, `NOT_PERMITTED`.
   */
  readonly code?: string;
  /** A topic hub's: the field that was wrong. */
  readonly field?: string | null;
  readonly deviceId?: string | null;
  constructor(message: string, more?: { code?: string; field?: string | null; deviceId?: string | null });
}

export class Connection {
  constructor(url: Address, options?: ConnectionOptions);
  /** The state has changed; `why` when a connection or a try has ended. */
  onstate: ((state: State, why?: Why) => void) | null;
  /** What is shown has become too old to be believed, or is fresh again. It begins stale. */
  onstale: ((stale: boolean) => void) | null;
  /** Every message, behind the handler of its own. */
  onmessage: ((message: any) => void) | null;
  /** The server complains. */
  onfault: ((error: AndonError) => void) | null;
  /** Messages that were passed over, since they were no JSON objects with a type. */
  ignored: number;
  readonly state: State;
  readonly stale: boolean;
  /** Bytes that the network has not taken yet. */
  readonly unsentBytes: number;
  /** Begins to connect, and goes on until `close`. Throws if the address is none. */
  open(): this;
  /** Ends it. Codes: 1000, or 3000 and above. */
  close(code?: number, reason?: string): void;
  /** False, and nothing was sent, unless it is open. */
  send(message: object): boolean;

  /** For contracts of your own: the connection is open. */
  protected opened(): void;
  /** A message has come. Call `news()` if it shows that data flows. */
  protected heard(message: any): void;
  /** The connection has ended. */
  protected ended(forGood: boolean): void;
  /** Asks the server for a sign of life. */
  protected ping(): void;
  protected staled(stale: boolean): void;
  protected news(): void;
  /** Gives the connection up and tries again. */
  protected cut(code: number, reason: string): void;
  protected now(): number;
  protected timer(): { start(ms: number, then: () => void): void; stop(): void };
}

export interface Equipment {
  equipment_code: string;
  equipment_name: string;
  status: "running" | "idle" | "stopped" | "error" | "disconnected";
  tags: { status_tag: 0 | 1; error_tag: 0 | 1; connection: boolean; [own: string]: unknown };
  /** ISO 8601. */
  last_updated: string;
}

export interface MonitorOptions extends ConnectionOptions {
  /** Messages a second, snapped down to 0.2, 0.5, 1, 2, 5, 10, 20 or 50. Default: the server's, 1. */
  rate?: number;
  /** Only these codes. The server refuses one that it does not know. */
  equipment?: string[];
  /** "changes": after a first whole status only what changes. */
  mode?: "changes";
  /** The server's period, if it is not the usual one. Stale is three periods, but never under a second. */
  periodMs?: number;
}

export function equipmentColor(equipment: Equipment): "gray" | "purple" | "red" | "yellow" | "green";

/** At `/ws/monitor`. While it is stale, so also when the connection is lost, all equipment is shown as disconnected. */
export class EquipmentMonitor extends Connection {
  constructor(url: Address, options?: MonitorOptions);
  readonly equipment: Map<string, Equipment>;
  /** What was last heard, however long ago: for pages that show old news as such. */
  readonly known: ReadonlyMap<string, Equipment>;
  /** There is news of the equipment with these codes. */
  onequipment: ((equipment: Map<string, Equipment>, codes: string[]) => void) | null;
  /** What the server says of its source: "error" when that is lost. */
  onsource: ((status: "connected" | "disconnected" | "error", message: string) => void) | null;
}

export interface TopicOptions<Data> extends ConnectionOptions {
  /** The key of an update, as the host publishes it, such as `(robot) => robot.id`. Default: there is one key. */
  key?: (data: Data) => unknown;
}

/** At `/ws/{topic}`; the address is what stands before the topic, `/ws`. */
export class TopicHub<Data = any> extends Connection {
  constructor(url: Address, topic: string, options?: TopicOptions<Data>);
  /** The latest of every key since the connection opened. */
  values: Map<unknown, Data>;
  onupdate: ((data: Data, key: unknown) => void) | null;
  onshutdown: ((reason: string) => void) | null;
}

export interface DeviceOptions extends ConnectionOptions {
  /** What else the device says of itself when it registers. */
  info?: object;
  /** So many samples wait for a connection; then the oldest is dropped and counted. Default 1,000. */
  samplesMax?: number;
  /** Samples wait while the network has more bytes to take. Default 1 MiB. */
  unsentBytesMax?: number;
}

/**
 * At `/ws/device`. Samples and requests leave in the order in which they were made, also across connections: what was asked and not
 * answered is asked again, and a session that the server still has goes on. Up to 16 requests may wait. Samples are never answered, so
 * a connection on which nothing has come for 40 s is tried by registering once more, which the host is told of; `staleMs: 0` stops that.
 */
export class DeviceSession extends Connection {
  constructor(url: Address, deviceId: string, options?: DeviceOptions);
  readonly sessionId: string | null;
  /** Samples that wait to be sent. */
  readonly waiting: number;
  /** Samples that were given up. */
  dropped: number;
  /** The server has ended the session: after idling, at its stop, or as the connection was gone too long. */
  onended: ((sessionId: string) => void) | null;
  /**
   * Begins a session: its id. Rejects with the server's `AndonError`, and `CLOSED` at `close()`. An error does not say
   * what it answers: any but `NO_ACTIVE_SESSION` and `UNKNOWN_TYPE` rejects the oldest request that waits.
   */
  start(): Promise<string>;
  /** Ends it: its id, once the server has everything of it for good. Null if there was none. */
  end(): Promise<string | null>;
  /** Sends it under the session of this moment, or later; false if an older sample was dropped for it. Its type is "sensor_data" unless it has one. */
  send(sample: { type?: string; [field: string]: unknown }): boolean;
}

export type Role = "STUDENT" | "INSTRUCTOR";
export type GuidedStatus = "PAUSED" | "IN_PROGRESS" | "ENDED";
export interface Subtask {
  id: number;
  title: string;
  order_index: number;
  target_action: string | null;
  guide_text: string | null;
  voice_guide_text: string | null;
}
export type Participant =
  | { type: "participant_joined"; user_id: number; user_name: string; role: Role }
  | { type: "participant_left"; user_id: number; user_name: string };

export interface GuidedOptions extends ConnectionOptions {
  /** Who one is, if the page knows: what is not for them is then refused here (`NOT_PERMITTED`). */
  role?: Role;
}

/** At `/ws/sessions/{code}/`; the address is what stands before the code, `/ws/sessions`. Heartbeats go out every 30 s. */
export class GuidedSession extends Connection {
  constructor(url: Address, code: string, options?: GuidedOptions);
  onparticipant: ((participant: Participant) => void) | null;
  /** For instructors. */
  onprogress: ((progress: { user_id: number; user_name: string; subtask_id: number; status: string }) => void) | null;
  /** For instructors. */
  onhelp: ((help: { user_id: number; user_name: string; subtask_id: number; message: string }) => void) | null;
  onstep: ((subtask: Subtask) => void) | null;
  onstatus: ((status: GuidedStatus, message: string) => void) | null;
  /** Takes part, and does so again on every further connection. */
  join(): Promise<{ session_code: string; user_id: number; message: string }>;
  /**
   * Kept over lost connections until the server confirms it. An error does not say what it answers: it rejects the oldest of `join`
   * and `completeStep` that waits.
   */
  completeStep(subtaskId: number): Promise<{ subtask_id: number; message: string }>;
  /** These are sent, or not (false) while there is no connection. Those after the first are for instructors. */
  requestHelp(subtaskId: number, message: string): boolean;
  nextStep(subtaskId: number, message?: string): boolean;
  pause(): boolean;
  resume(): boolean;
  end(): boolean;
}
