import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { SessionCount } from "../http/view.ts";
import { type Logger, logSessionClosed, logSessionOpened, type SessionOpened } from "../log.ts";
import type { Origin } from "../model/origin.ts";
import {
  ChannelRegistry,
  codeOf,
  liteSession,
  openAccess,
  type Session,
  type SessionDeps,
  type SessionLimits,
  type SessionReport,
} from "../session/index.ts";
import type { LinkInfo, LinkRequest } from "../transport/contract.ts";

/** HTTP status of a refused session: too many, or not any more. */
const STATUS_UNAVAILABLE = 503;
const STATUS_BAD_REQUEST = 400;

export interface SessionHostDeps {
  readonly origin: Origin;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: SessionLimits;
  /** Sessions at once, those included whose handshake is under way. */
  readonly maxSessions: number;
  /** Milliseconds after which a handshake that was accepted and never finished is no longer counted. */
  readonly handshakeTimeoutMs: number;
}

/** Takes the requests of all listeners, makes sessions of them and knows which run. */
export class SessionHost {
  readonly #deps: SessionHostDeps;
  readonly #channels = new ChannelRegistry();
  /** This relay in the hops of announcements: random per start, 53 bits so that it fits every peer's number type. */
  readonly #hop = (randomBytes(8).readBigUInt64BE() & ((1n << 53n) - 1n)) | 1n;
  readonly #sessions = new Set<Session>();
  /** Ends the count of a handshake, one for each that is under way. */
  readonly #handshakes = new Set<() => void>();
  #nextId = 1;
  #accepting = true;

  constructor(deps: SessionHostDeps) {
    this.#deps = deps;
  }

  /** Sessions that run. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Sessions that run, by engine and protocol. */
  counts(): SessionCount[] {
    const counts = new Map<string, { engine: string; protocol: string; count: number }>();
    for (const { info } of this.#sessions) {
      const key = `${info.engine} ${info.protocol}`;
      const entry = counts.get(key) ?? { engine: info.engine, protocol: info.protocol, count: 0 };
      counts.set(key, entry);
      entry.count += 1;
    }
    return [...counts.values()];
  }

  /** Decides on a client: a session, or a refusal with an HTTP status. */
  accept(request: LinkRequest): void {
    const refusal = this.#refusal(request.info);
    if (refusal !== undefined) {
      request.reject(refusal.status, refusal.reason);
      return;
    }
    const root = rootOf(request.info.path) ?? "";
    const done = this.#countHandshake();
    request.accept((link) => {
      done();
      return this.#start(link.info, root)(link);
    });
  }

  #refusal({ path }: LinkInfo): { status: number; reason: string } | undefined {
    const { origin, limits, maxSessions } = this.#deps;
    if (!this.#accepting) return { status: STATUS_UNAVAILABLE, reason: "this relay is going away" };
    if (this.#sessions.size + this.#handshakes.size >= maxSessions) {
      origin.counters.boundsHit.sessions++;
      return { status: STATUS_UNAVAILABLE, reason: "too many sessions" };
    }
    const root = rootOf(path);
    const fits = root !== undefined && Buffer.byteLength(root) <= limits.pathBytes;
    return fits ? undefined : { status: STATUS_BAD_REQUEST, reason: "bad path" };
  }

  /** Refuses every further request. */
  stopAccepting(): void {
    this.#accepting = false;
  }

  /** Asks every peer to leave for `uri`, or just to leave when it is empty. */
  goaway(uri: string): void {
    for (const session of [...this.#sessions]) session.goaway(uri);
  }

  /** Closes at most `atMost` sessions, those that have run longest first. */
  closeAll(code: number, reason: string, atMost = Number.POSITIVE_INFINITY): void {
    let left = atMost;
    for (const session of [...this.#sessions]) {
      if (left <= 0) return;
      left -= 1;
      session.close(code, reason);
    }
  }

  /** Drops the timers of handshakes that never finished. */
  close(): void {
    for (const done of [...this.#handshakes]) done();
  }

  #countHandshake(): () => void {
    const done = () => {
      if (this.#handshakes.delete(done)) cancel();
    };
    const cancel = this.#deps.clock.timer(this.#deps.handshakeTimeoutMs, done);
    this.#handshakes.add(done);
    return done;
  }

  #start(info: LinkInfo, root: string) {
    const { origin, clock, limits, log } = this.#deps;
    const opened = describe(this.#nextId++, info);
    let session: Session | undefined;
    const deps: SessionDeps = {
      origin,
      clock,
      limits,
      channels: this.#channels,
      hop: this.#hop,
      access: openAccess(root),
      announcePrefix: "",
      defect: (err) => log.error({ err, session: opened.session }, "a defect in a session"),
      closed: (report) => {
        if (session !== undefined) this.#sessions.delete(session);
        logSessionClosed(log, closedEntry(opened, report));
      },
    };
    return liteSession(deps, (started) => {
      session = started;
      this.#sessions.add(started);
      logSessionOpened(log, opened);
    });
  }
}

/** Close code of sessions that a relay ends because it shuts down. */
export const CLOSE_SHUTDOWN = codeOf("closed");

/**
 * The root of a session's paths: the path of its URL without the slashes at its ends, percent-decoded. Nothing when
 * it cannot be decoded.
 */
export function rootOf(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
      .replace(/^\/+|\/+$/g, "")
      .replace(/\/{2,}/g, "/");
  } catch {
    return undefined;
  }
}

function describe(session: number, info: LinkInfo): SessionOpened {
  const { address, port } = info.peer;
  const peer = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  return { session, engine: info.engine, protocol: info.protocol, peer, path: info.path };
}

function closedEntry(opened: SessionOpened, report: SessionReport) {
  const { reason, code, message, durationMs, bytesReceived, bytesSent } = report;
  const { broadcasts, subscriptions, groupsReceived, groupsSent } = report;
  const totals = { bytesReceived, bytesSent, broadcasts, subscriptions, groupsReceived, groupsSent };
  return { ...opened, reason, code, text: message, durationMs, ...totals };
}
