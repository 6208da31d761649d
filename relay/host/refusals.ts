import { Bucket, REFUSALS } from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { Counters } from "../../moq/counters.ts";
import type { LinkInfo } from "../../moq/link.ts";
import { counter, metricGroup } from "../../moq/metrics.ts";
import type { PeerName } from "../../moq/model/index.ts";
import type { Logger } from "../log/index.ts";

/** Most lines per second about refused clients, so that an attack cannot fill the disk. */
const LINES_PER_SECOND = 5;
const LINES_AT_ONCE = 20;
/** Milliseconds between two lines that name what to configure. */
const ADVICE_INTERVAL_MS = 60_000;

const ADVICE =
  "clients of other machines are refused because neither keys nor public prefixes are configured: set [auth] key, key_dir or key_url (moqmesh token keygen makes a key), or public_subscribe and public_publish; docs/auth.md has the steps";

/** Why a client is refused: the HTTP status (the close code without HTTP), a stable code, and a sentence. */
export interface Refused {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const UNAVAILABLE = 503;
const TOO_MANY = 429;

/** The codes of refusals: of the decision on a client, of the relay as a whole, and of the wait for a SETUP. */
const REFUSAL_CODES = [
  ...Object.keys(REFUSALS),
  "policy_sessions",
  "relay_draining",
  "relay_full",
  "timeout",
  "protocol",
  "limit",
];

export const REFUSAL_METRICS = metricGroup("Refused clients", {
  refused: counter("sessions_refused_total", "Clients that the relay refused, by the code of the refusal.", {
    code: REFUSAL_CODES,
  }),
});

/** What {@link REFUSAL_METRICS} show: every code from the start. */
function refusalReadings(counts: ReadonlyMap<string, number>) {
  return { refused: Object.fromEntries(REFUSAL_CODES.map((code) => [code, counts.get(code) ?? 0])) };
}

export const NO_PROTOCOL: Refused = {
  status: 406,
  code: "protocol",
  message: "the client offered none of the protocols that this relay speaks",
};
export const GOING_AWAY: Refused = {
  status: UNAVAILABLE,
  code: "relay_draining",
  message: "this relay is shutting down: use another one",
};
export const TOO_LATE: Refused = {
  status: UNAVAILABLE,
  code: "busy",
  message: "the decision on this session took too long: try again",
};
export const MEMORY_SHORT: Refused = {
  status: UNAVAILABLE,
  code: "memory_short",
  message: "this relay is short of memory: try again later, or use another relay",
};
export const BAD_PATH: Refused = {
  status: 400,
  code: "path_invalid",
  message: "the path of the URL is too long or cannot be decoded",
};

/** The relay has as many sessions as `[limits] sessions` allows. */
export function relayFull(sessions: number): Refused {
  const message = `this relay is full (${sessions} sessions): try again later, or use another relay`;
  return { status: UNAVAILABLE, code: "relay_full", message };
}

/** A bound was reached that others use as well. */
export function tooMuch(code: string, message: string): Refused {
  return { status: TOO_MANY, code, message };
}

/** Entries that {@link RefusalLog} remembers: the newest ones. */
const REMEMBERED = 256;

/** Clients of one address that were refused with one code, or whose sessions were refused something with it. */
export interface RefusalEntry {
  readonly code: string;
  readonly status: number;
  /** IP address. */
  readonly address: string;
  /** How often since the entry is remembered. */
  readonly count: number;
  /** In milliseconds since 1970. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** Of the last one. */
  readonly session: string;
  /** Of the URL; of the broadcast where a session was refused something. */
  readonly path: string;
  readonly engine: string;
  readonly message: string;
}

export interface RefusalLogDeps {
  readonly log: Logger;
  readonly clock: Clock;
  readonly wallNow: () => number;
  readonly counters: Counters;
}

/** Logs refused clients, at most a bounded number per second, and remembers the newest {@link REMEMBERED} pairs of code and address. */
export class RefusalLog {
  /** By code and address, the newest last. */
  readonly #entries = new Map<string, RefusalEntry>();
  readonly #wallNow: () => number;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #lines: Bucket;
  #left = 0;
  #advisedAt = Number.NEGATIVE_INFINITY;

  constructor({ log, clock, wallNow, counters }: RefusalLogDeps) {
    counters.attach(REFUSAL_METRICS, () => refusalReadings(counters.sessionsRefused));
    this.#wallNow = wallNow;
    this.#log = log;
    this.#clock = clock;
    this.#lines = new Bucket(LINES_PER_SECOND, LINES_AT_ONCE, clock.now());
  }

  /** `session`: the id that the client's session would have had. */
  log(session: string, info: LinkInfo, refused: Refused): void {
    const { code } = refused;
    const now = this.#clock.now();
    if (code === "not_configured" && now - this.#advisedAt >= ADVICE_INTERVAL_MS) {
      this.#advisedAt = now;
      this.#log.warn({ code }, ADVICE);
    }
    const { engine, path } = info;
    this.#note({ session, peer: peerOf(info), engine, path }, info.peer.address, refused, "session refused");
  }

  /** An open session was refused something under `path`. */
  note(who: PeerName & { readonly path: string }, refused: Refused): void {
    this.#note(who, addressOf(who.peer), refused, "request refused");
  }

  #note(who: PeerName & { readonly path: string }, address: string, refused: Refused, line: string): void {
    const { session, peer, engine, path } = who;
    this.#remember({ session, engine, path, address }, refused);
    if (!this.#lines.take(1, this.#clock.now())) {
      this.#left++;
      return;
    }
    const { status, code, message: text } = refused;
    const entry = { session, peer, path, engine, status, code, text };
    this.#log.info({ ...entry, ...(this.#left > 0 && { unlogged: this.#left }) }, line);
    this.#left = 0;
  }

  /** The newest first. */
  get entries(): RefusalEntry[] {
    return [...this.#entries.values()].toReversed();
  }

  #remember(where: Pick<RefusalEntry, "session" | "address" | "path" | "engine">, refused: Refused): void {
    const { session, address, path, engine } = where;
    const { code, status, message } = refused;
    const key = `${code} ${address}`;
    const at = this.#wallNow();
    const { count = 0, firstAt = at } = this.#entries.get(key) ?? {};
    this.#entries.delete(key);
    const entry = { code, status, address, count: count + 1, firstAt, lastAt: at, session, path, engine, message };
    this.#entries.set(key, entry);
    if (this.#entries.size <= REMEMBERED) return;
    const [oldest = ""] = this.#entries.keys();
    this.#entries.delete(oldest);
  }
}

/** `address:port` of a client. */
export function peerOf({ peer: { address, port } }: LinkInfo): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The address of {@link peerOf}. */
function addressOf(peer: string): string {
  return peer.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
}
