import type { Clock } from "../../moq/clock.ts";
import type { Counters } from "../../moq/counters.ts";
import { closeCodes, type Session } from "../../moq/session/index.ts";
import type { SessionCount } from "../http/index.ts";
import type { SessionOpened } from "../log/index.ts";
import type { Admission } from "./gate.ts";
import { IdleTimes } from "./idle-times.ts";
import { type Meter, Meters } from "./quota.ts";
import { redirectUri } from "./redirect-uri.ts";
import { Traffic } from "./traffic.ts";

/** What the host knows of an open session. */
interface Running {
  /** Its id, its protocol, its peer and its token. */
  readonly opened: SessionOpened;
  readonly admission: Admission;
  /** Cancels the wait for its token's expiry. */
  readonly cancel: () => void;
  /** The path of its URL or of its SETUP. */
  readonly path: string;
}

/** An open session, as operators see it. */
export interface OpenSession {
  readonly opened: SessionOpened;
  /** A relay of the mesh. */
  readonly cluster: boolean;
  /** Empty for a session without a token. */
  readonly tenant: string;
  /** When its token expires, in milliseconds since 1970. */
  readonly expiresAt: number | undefined;
  readonly session: Session;
  /** Milliseconds without a request, an announcement or a group, in either direction, as exact as the sessions are looked at often. */
  idleMs(): number;
}

export interface OpenSessionsDeps {
  readonly clock: Clock;
  readonly counters: Counters;
  /** Tenants with metrics of their own. */
  readonly series: number;
}

/** The open sessions of a relay: who they are, the sums of their figures, and how the relay asks all of them to leave. */
export class OpenSessions {
  readonly #sessions = new Map<Session, Running>();
  readonly #meters: Meters;
  readonly #traffic: Traffic;
  readonly #idle: IdleTimes;

  constructor({ clock, counters, series }: OpenSessionsDeps) {
    this.#traffic = new Traffic(clock, counters, series);
    this.#meters = new Meters(clock);
    this.#idle = new IdleTimes(clock);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** By engine and protocol. */
  counts(): SessionCount[] {
    const counts = new Map<string, { engine: string; protocol: string; count: number }>();
    for (const { info } of this.#sessions.keys()) {
      const key = `${info.engine} ${info.protocol}`;
      const entry = counts.get(key) ?? { engine: info.engine, protocol: info.protocol, count: 0 };
      counts.set(key, entry);
      entry.count += 1;
    }
    return [...counts.values()];
  }

  /** Oldest first. */
  *list(): Generator<OpenSession> {
    for (const [session, { opened, admission }] of this.#sessions) {
      const { cluster, seat, expiresAt } = admission;
      const idleMs = () => this.#idle.of(session);
      yield { opened, cluster, tenant: seat?.tenant ?? "", expiresAt, session, idleMs };
    }
  }

  /** `meter`: charges the bytes of the session to its tenant. */
  add(session: Session, running: Running, meter: Meter | undefined): void {
    const { cluster, seat } = running.admission;
    this.#sessions.set(session, running);
    this.#idle.of(session);
    this.#traffic.add(session, { cluster, tenant: seat?.tenant ?? "" });
    if (meter !== undefined) this.#meters.add(session, meter);
  }

  /** The session has ended. */
  delete(session: Session): void {
    const running = this.#sessions.get(session);
    this.#sessions.delete(session);
    this.#traffic.delete(session);
    this.#meters.delete(session);
    running?.cancel();
    running?.admission.release();
  }

  /** Ends every session whose admission no longer holds. */
  recheck(): void {
    for (const [session, { admission }] of [...this.#sessions]) endIfOver(session, admission);
  }

  /** Sends GOAWAY to every peer, with `uri` unless it is empty. */
  goaway(uri: string): void {
    for (const [session, { path }] of [...this.#sessions]) session.goaway(uri === "" ? "" : redirectUri(uri, path));
  }

  /** Closes at most `atMost` sessions, oldest first, because the relay shuts down. */
  closeAll(reason: string, atMost: number): void {
    let left = atMost;
    for (const session of [...this.#sessions.keys()]) {
      if (left <= 0) return;
      left -= 1;
      session.close(closeCodes(session.info.protocol).codeOf("closed"), reason);
    }
  }

  /** Cancels the timers of the sessions. */
  close(): void {
    for (const [session, { cancel }] of this.#sessions) {
      cancel();
      this.#meters.delete(session);
    }
  }
}

/** Ends a session whose token has expired or is revoked. */
export function endIfOver(session: Session, admission: Admission): void {
  const why = admission.check();
  if (why === undefined) return;
  session.end(why, why === "token_expired" ? "the token has expired" : "the token was revoked");
}
