import { Bucket } from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { LinkInfo } from "../../moq/link.ts";
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

/** Logs refused clients, at most a bounded number per second. */
export class RefusalLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #lines: Bucket;
  #left = 0;
  #advisedAt = Number.NEGATIVE_INFINITY;

  constructor({ log, clock }: { readonly log: Logger; readonly clock: Clock }) {
    this.#log = log;
    this.#clock = clock;
    this.#lines = new Bucket(LINES_PER_SECOND, LINES_AT_ONCE, clock.now());
  }

  /** `session`: the id that the client's session would have had. */
  log(session: string, info: LinkInfo, { code, status, message }: Refused): void {
    const now = this.#clock.now();
    if (code === "not_configured" && now - this.#advisedAt >= ADVICE_INTERVAL_MS) {
      this.#advisedAt = now;
      this.#log.warn({ code }, ADVICE);
    }
    if (!this.#lines.take(1, now)) {
      this.#left++;
      return;
    }
    const entry = { session, peer: peerOf(info), path: info.path, engine: info.engine, status, code, text: message };
    this.#log.info({ ...entry, ...(this.#left > 0 && { unlogged: this.#left }) }, "session refused");
    this.#left = 0;
  }
}

/** `address:port` of a client. */
export function peerOf({ peer: { address, port } }: LinkInfo): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
