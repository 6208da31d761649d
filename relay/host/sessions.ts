import { AuthError, seenFrom } from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { Attach, LinkInfo, LinkRequest } from "../../moq/link.ts";
import type { Broadcasts } from "../../moq/model/index.ts";
import { rootOf } from "../../moq/path.ts";
import type { Reason } from "../../moq/reason.ts";
import {
  type Access,
  type AnnounceTable,
  asksInSetup,
  type ChannelRegistry,
  codeOf,
  liteSession,
  type Session,
  type SessionDeps,
  type SessionLimits,
  type SessionReport,
} from "../../moq/session/index.ts";
import type { SessionCount, Verdict } from "../http/index.ts";
import { type Logger, logSessionClosed, logSessionOpened, type SessionOpened, scrub } from "../log/index.ts";
import type { Defects } from "./defects.ts";
import { watchExpiry } from "./expiry.ts";
import type { Admission, Gate } from "./gate.ts";
import { Meter, Meters } from "./quota.ts";
import { BAD_PATH, GOING_AWAY, peerOf, RefusalLog, type Refused, relayFull, TOO_LATE } from "./refusals.ts";
import { Setups } from "./setups.ts";

/** HTTP status of a refused session. */
const STATUS_BAD_REQUEST = 400;
const STATUS_ERROR = 500;

/** What a session that was let in gets to see and to do. */
export interface SessionPolicy {
  readonly access: Access;
  /** Where its announcements go and come from. */
  readonly table: AnnounceTable | undefined;
  /** Of the announcements that it is asked for; absent: none. */
  readonly announcePrefix: string | undefined;
  /** The peer looks after its token itself: it is not asked to leave before that expires. */
  readonly renews?: boolean;
  /** Instead of those that clients have. */
  readonly limits?: SessionLimits;
  /** As `SessionDeps` has it. */
  readonly ownNumbers?: boolean;
  readonly started?: (session: Session) => void;
  /** With the close code. */
  readonly ended?: (session: Session, code: number) => void;
}

/** Tells sessions of relays and of clients apart. Throws `AuthError`. */
export type DecideSessionPolicy = (info: LinkInfo, admission: Admission) => SessionPolicy;

export interface SessionHostDeps {
  readonly broadcasts: Broadcasts;
  readonly clock: Clock;
  readonly log: Logger;
  readonly defects: Defects;
  readonly limits: SessionLimits;
  readonly gate: Gate;
  readonly channels: ChannelRegistry;
  /** This relay in the hops of announcements. */
  readonly hop: bigint;
  /** What an admission means here, where it is more than it says. */
  readonly terms?: DecideSessionPolicy | undefined;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Milliseconds before its token expires at which a session is asked to leave; 0 for no notice. */
  readonly expiryNoticeMs: number;
  /** Sessions at once, those included whose handshake is under way. */
  readonly maxSessions: number;
  /** Milliseconds after which a handshake that was accepted and never finished is no longer counted. */
  readonly handshakeTimeoutMs: number;
}

/** A session that runs, and on what terms. */
interface Running {
  readonly admission: Admission;
  /** Ends the waiting for its token's expiry. */
  readonly cancel: () => void;
  /** What it asked for, by its URI or in its SETUP. */
  readonly path: string;
}

/** A handshake that is under way. */
interface Handshake {
  /** It ended, one way or another. */
  done(): void;
  /** It took too long and is no longer counted. */
  readonly late: boolean;
  admission: Admission | undefined;
}

/** Takes the requests of all listeners, makes sessions of them and knows which run. */
export class SessionHost {
  #deps: SessionHostDeps;
  readonly #sessions = new Map<Session, Running>();
  readonly #handshakes = new Set<Handshake>();
  readonly #refusals: RefusalLog;
  readonly #meters: Meters;
  readonly #setups: Setups;
  #nextId = 1;
  #accepting = true;

  constructor(deps: SessionHostDeps) {
    this.#deps = deps;
    this.#refusals = new RefusalLog(deps);
    this.#meters = new Meters(deps.clock);
    const { clock, maxSessions, broadcasts } = deps;
    this.#setups = new Setups({ clock, maxSessions, counters: broadcasts.counters, refusals: this.#refusals });
  }

  /** Sessions that run. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Sessions that run, by engine and protocol. */
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

  /** Decides on a client, at once or later: a session, or a refusal with an HTTP status. */
  accept(request: LinkRequest): void {
    const refusal = this.#refusal(request.info);
    if (refusal !== undefined) {
      this.#turnAway(request, refusal);
      return;
    }
    const handshake = this.#countHandshake();
    if (asksInSetup(request.info)) request.accept(this.#threshold(request.info, handshake), () => handshake.done());
    else this.#decide(request, handshake);
  }

  #decide(request: LinkRequest, handshake: Handshake): void {
    const refuse = (error: unknown) => {
      handshake.done();
      this.#refuse(request, error);
    };
    try {
      const admission = this.#deps.gate.admit(request.info, rootOf(request.info.path) ?? "");
      if (admission instanceof Promise) admission.then((one) => this.#admit(request, one, handshake)).catch(refuse);
      else this.#admit(request, admission, handshake);
    } catch (error) {
      refuse(error);
    }
  }

  /** Raw QUIC has no request: its client says in its SETUP what it asks for, and is then decided on like any other. */
  #threshold(info: LinkInfo, handshake: Handshake): Attach {
    return this.#setups.hold(info, {
      timeoutMs: this.#deps.handshakeTimeoutMs,
      left: () => handshake.done(),
      decide: (asked, answer) => {
        const reject = (status: number, message: string) => answer({ reason: reasonFor(status), message });
        const refusal = this.#refusal(asked, 1);
        if (refusal !== undefined) {
          handshake.done();
          this.#turnAway({ info: asked, reject }, refusal);
          return;
        }
        this.#decide({ info: asked, accept: answer, reject }, handshake);
      },
    });
  }

  /** Goes for sessions from now on. */
  reconfigure(bounds: Pick<SessionHostDeps, "limits" | "maxSessions" | "handshakeTimeoutMs">): void {
    this.#deps = { ...this.#deps, ...bounds };
  }

  /** Ends every session whose admission no longer holds. */
  recheck(): void {
    for (const [session, { admission }] of [...this.#sessions]) endIfOver(session, admission);
  }

  /**
   * What a session with this request would get. Nothing is opened, and the log says nothing; bounds of addresses count it as
   * they count an attempt, so that tokens cannot be guessed here. Rejects with `AuthError`.
   */
  async inspect(info: LinkInfo): Promise<Verdict> {
    const refusal = this.#refusal(info);
    if (refusal !== undefined) return { allowed: false, ...refusal };
    const root = rootOf(info.path) ?? "";
    const admission = await this.#deps.gate.admit(info, root);
    admission.release();
    const seen = (prefixes: readonly string[]) => prefixes.flatMap((prefix) => seenFrom(root, prefix) ?? []);
    const { publish, subscribe } = admission.granted;
    return { allowed: true, publish: seen(publish), subscribe: seen(subscribe) };
  }

  #refuse(request: LinkRequest, error: unknown): void {
    if (error instanceof AuthError) this.#turnAway(request, error);
    else {
      this.#deps.defects.report("in the decision on a session", error);
      request.reject(STATUS_ERROR, "internal error");
    }
  }

  /** Refuses a client with a reason that it can read, a line in the log and a count. */
  #turnAway(request: Pick<LinkRequest, "info" | "reject">, refusal: Refused): void {
    this.#deps.broadcasts.counters.refused(refusal.code);
    this.#refusals.tell(request.info, refusal);
    request.reject(refusal.status, scrub(`${refusal.code}: ${refusal.message}`));
  }

  #admit(request: LinkRequest, admission: Admission, handshake: Handshake): void {
    // Late, or its client has left meanwhile: it holds nothing any more, and nobody would give this back.
    const gone = !this.#handshakes.has(handshake);
    if (!this.#accepting || gone) {
      handshake.done();
      admission.release();
      this.#turnAway(request, this.#accepting ? TOO_LATE : GOING_AWAY);
      return;
    }
    handshake.admission = admission;
    // A refusal gives the admission back with the handshake.
    const terms = this.#deps.terms?.(request.info, admission) ?? clientSessionPolicy(admission);
    request.accept(
      (link) => {
        const { late } = handshake;
        handshake.admission = undefined;
        handshake.done();
        return this.#start(request.info, admission, terms, late)(link);
      },
      () => handshake.done(),
    );
  }

  /** `counted`: handshakes of its own that count against the bound already. */
  #refusal({ path }: LinkInfo, counted = 0): Refused | undefined {
    const { broadcasts, limits, maxSessions } = this.#deps;
    if (!this.#accepting) return GOING_AWAY;
    if (this.#sessions.size + this.#handshakes.size - counted >= maxSessions) {
      broadcasts.counters.boundsHit.sessions++;
      return relayFull(maxSessions);
    }
    const root = rootOf(path);
    const fits = root !== undefined && Buffer.byteLength(root) <= limits.pathBytes;
    return fits ? undefined : BAD_PATH;
  }

  /** Refuses every further request. */
  stopAccepting(): void {
    this.#accepting = false;
  }

  /** Asks every peer to leave for `uri`, or just to leave when it is empty. */
  goaway(uri: string): void {
    for (const [session, { path }] of [...this.#sessions]) session.goaway(uri === "" ? "" : elsewhere(uri, path));
  }

  /** Closes at most `atMost` sessions, those that have run longest first. */
  closeAll(code: number, reason: string, atMost = Number.POSITIVE_INFINITY): void {
    let left = atMost;
    for (const session of [...this.#sessions.keys()]) {
      if (left <= 0) return;
      left -= 1;
      session.close(code, reason);
    }
  }

  /** Drops the timers of handshakes that never finished, and of sessions that did not end. */
  close(): void {
    for (const handshake of [...this.#handshakes]) handshake.done();
    for (const [session, { cancel }] of this.#sessions) {
      cancel();
      this.#meters.delete(session);
    }
  }

  #countHandshake(): Handshake {
    let late = false;
    const handshake: Handshake = {
      admission: undefined,
      get late() {
        return late;
      },
      done: () => {
        if (!this.#handshakes.delete(handshake)) return;
        cancel();
        // Still there: the client never came to its link.
        handshake.admission?.release();
      },
    };
    const cancel = this.#deps.clock.timer(this.#deps.handshakeTimeoutMs, () => {
      late = true;
      handshake.done();
    });
    this.#handshakes.add(handshake);
    return handshake;
  }

  #start(info: LinkInfo, admission: Admission, terms: SessionPolicy, late: boolean) {
    const { broadcasts, clock, log, defects, channels, hop } = this.#deps;
    const { access, table, announcePrefix, ownNumbers = false, limits = this.#deps.limits } = terms;
    const opened: SessionOpened = { ...describe(this.#nextId++, info), ...admission.who };
    // Relays of the mesh carry what is counted where it came in and where it is watched.
    const seat = admission.cluster ? undefined : admission.seat;
    const meter = seat && new Meter(seat);
    let session: Session | undefined;
    const deps: SessionDeps = {
      broadcasts,
      clock,
      limits,
      channels,
      hop,
      access,
      ownNumbers,
      ...(meter !== undefined && { quota: meter }),
      ...(table !== undefined && { table }),
      ...(announcePrefix !== undefined && { announcePrefix }),
      defect: (error) => defects.report("in a session", error, { session: opened.session }),
      refused: (path, reason) => {
        log.warn(
          { session: opened.session, path, reason },
          "broadcast not taken in; the metrics count the bound that refused it",
        );
      },
      closed: (report) => {
        if (session !== undefined) {
          this.#forget(session);
          terms.ended?.(session, report.code);
        }
        logSessionClosed(log, closedEntry(opened, report));
      },
    };
    return liteSession(deps, (started) => {
      session = started;
      const cancel = this.#watchExpiry(started, admission, terms);
      this.#sessions.set(started, { admission, cancel, path: info.path });
      if (meter !== undefined && seat !== undefined) this.#meters.add(started, meter, seat);
      logSessionOpened(log, opened);
      terms.started?.(started);
      // It may have been revoked during the handshake.
      endIfOver(started, admission);
      // What it was counted by is given back by now.
      if (late) started.end("timeout", "the handshake took too long");
    });
  }

  #watchExpiry(session: Session, { expiresAt }: Admission, { renews }: SessionPolicy): () => void {
    const { clock, wallNow, expiryNoticeMs } = this.#deps;
    if (expiresAt === undefined) return () => {};
    return watchExpiry({
      clock,
      wallNow,
      expiresAt,
      noticeMs: renews === true ? 0 : expiryNoticeMs,
      notice: () => session.goaway(""),
      expired: () => session.end("token_expired", "the token has expired"),
    });
  }

  #forget(session: Session): void {
    const running = this.#sessions.get(session);
    this.#sessions.delete(session);
    this.#meters.delete(session);
    running?.cancel();
    running?.admission.release();
  }
}

/** What a client gets where there is no mesh. */
export function clientSessionPolicy({ access }: Admission): SessionPolicy {
  return { access, table: undefined, announcePrefix: "" };
}

function endIfOver(session: Session, admission: Admission): void {
  const why = admission.check();
  if (why === undefined) return;
  session.end(why, why === "token_expired" ? "the token has expired" : "the token was revoked");
}

/** What a client whose binding has no HTTP status is told instead. */
function reasonFor(status: number): Reason {
  switch (status) {
    case 401:
    case 403:
      return "unauthorized";
    case STATUS_BAD_REQUEST:
      return "unroutable";
    case 429:
      return "limit";
    case STATUS_ERROR:
      return "internal";
    default:
      return "closed";
  }
}

/** The place that a session is sent to: its own path, at another relay. Its query, which may hold a token, is not told again. */
function elsewhere(uri: string, path: string): string {
  const at = new URL(uri);
  at.pathname = `${at.pathname.replace(/\/+$/, "")}${path === "" ? "/" : path}`;
  return at.href;
}

/** Close code of sessions that a relay ends because it shuts down. */
export const CLOSE_SHUTDOWN = codeOf("closed");

function describe(session: number, info: LinkInfo): SessionOpened {
  return { session, engine: info.engine, protocol: info.protocol, peer: peerOf(info), path: info.path };
}

function closedEntry(opened: SessionOpened, report: SessionReport) {
  const { reason, code, message, durationMs, bytesReceived, bytesSent } = report;
  const { broadcasts, subscriptions, groupsReceived, groupsSent } = report;
  const totals = { bytesReceived, bytesSent, broadcasts, subscriptions, groupsReceived, groupsSent };
  return { ...opened, reason, code, text: message, durationMs, ...totals };
}
