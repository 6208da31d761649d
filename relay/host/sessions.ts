import { AuthError, seenFrom } from "../../auth/index.ts";
import { peerSessionOf, type SessionPolicy } from "../../cluster/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { Attach, LinkInfo, LinkRequest } from "../../moq/link.ts";
import type { Broadcasts, RefusedTrack } from "../../moq/model/index.ts";
import { rootOf } from "../../moq/path.ts";
import {
  asksInSetup,
  type ChannelRegistry,
  isSpoken,
  type Session,
  type SessionDeps,
  type SessionLimits,
  startSession,
} from "../../moq/session/index.ts";
import type { SessionCount, Verdict } from "../http/index.ts";
import { type Logger, logSessionClosed, logSessionOpened, type SessionOpened, scrub } from "../log/index.ts";
import { type EventSink, SessionEvents } from "../webhooks/index.ts";
import type { Plane } from "./client-authorities.ts";
import type { Defects } from "./defects.ts";
import { watchExpiry } from "./expiry.ts";
import type { Admission, Gate } from "./gate.ts";
import { type Handshake, Handshakes } from "./handshakes.ts";
import { endIfOver, type OpenSession, OpenSessions } from "./open-sessions.ts";
import { PolicyBounds } from "./policy-bounds.ts";
import { reasonFor, STATUS_ERROR } from "./refusal-reason.ts";
import {
  BAD_PATH,
  GOING_AWAY,
  MEMORY_SHORT,
  NO_PROTOCOL,
  type RefusalEntry,
  RefusalLog,
  type Refused,
  relayFull,
  TOO_LATE,
} from "./refusals.ts";
import { closedEntry, describe } from "./session-entry.ts";
import { SessionIds } from "./session-ids.ts";
import { clientSessionPolicy, type DecideSessionPolicy } from "./session-policy.ts";
import { Setups } from "./setups.ts";

export interface SessionHostDeps {
  readonly broadcasts: Broadcasts;
  readonly clock: Clock;
  readonly log: Logger;
  readonly defects: Defects;
  readonly limits: SessionLimits;
  readonly gate: Gate;
  readonly channels: ChannelRegistry;
  /** This relay's id in the hops of announcements. */
  readonly hop: bigint;
  /** Gets the events of clients' sessions; absent: nothing does. */
  readonly events?: EventSink;
  /** True while the relay takes no new sessions for want of memory; absent: never. */
  readonly shortOfMemory?: () => boolean;
  /** The policies of sessions; default: that of clients. */
  readonly policyOf?: DecideSessionPolicy | undefined;
  /** The session for a request by which the relay probes itself; undefined for every other request. */
  readonly ownSession?: ((info: LinkInfo) => Attach | undefined) | undefined;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Milliseconds before its token expires at which a session gets GOAWAY; 0 for never. */
  readonly expiryNoticeMs: number;
  /** Tenants with metrics of their own; none unless given. */
  readonly tenantSeries?: number;
  /** Most sessions at once, with those whose handshake is under way. */
  readonly maxSessions: number;
  /** Milliseconds after which an accepted handshake that has not finished is no longer counted. */
  readonly handshakeTimeoutMs: number;
}

/** Accepts the requests of all listeners and keeps the sessions that result. */
export class SessionHost {
  #deps: SessionHostDeps;
  readonly #open: OpenSessions;
  readonly #handshakes: Handshakes;
  readonly #refusals: RefusalLog;
  readonly #policies: PolicyBounds;
  readonly #setups: Setups;
  readonly #ids = new SessionIds();
  #accepting = true;

  constructor(deps: SessionHostDeps) {
    this.#deps = deps;
    this.#refusals = new RefusalLog({ ...deps, counters: deps.broadcasts.counters });
    this.#policies = new PolicyBounds(deps.broadcasts, this.#refusals, deps.clock);
    this.#handshakes = new Handshakes(deps.clock);
    const { clock, maxSessions, tenantSeries = 0 } = deps;
    const { counters } = deps.broadcasts;
    this.#open = new OpenSessions({ clock, counters, series: tenantSeries });
    this.#setups = new Setups({ clock, maxSessions, counters, refusals: this.#refusals });
  }

  /** The newest refusals first. */
  refusals(): readonly RefusalEntry[] {
    return this.#refusals.entries;
  }

  /** An id for a session that this relay opens. */
  newId(): string {
    return this.#ids.next();
  }

  /** Open sessions. */
  get sessions(): number {
    return this.#open.size;
  }

  /** Open sessions by engine and protocol. */
  counts(): SessionCount[] {
    return this.#open.counts();
  }

  /** Open sessions, oldest first. */
  list(): Generator<OpenSession> {
    return this.#open.list();
  }

  /** Admits a client of the listener `plane` or refuses it with an HTTP status, at once or later. */
  accept(request: LinkRequest, plane: Plane = "public"): void {
    const own = this.#deps.ownSession?.(request.info);
    if (own !== undefined) {
      request.accept(own);
      return;
    }
    const id = this.#ids.next();
    const refusal = isSpoken(request.info.protocol) ? this.#refusal(request.info) : NO_PROTOCOL;
    if (refusal !== undefined) {
      this.#reject(request, id, refusal);
      return;
    }
    const handshake = this.#handshakes.begin(id, this.#deps.handshakeTimeoutMs);
    if (asksInSetup(request.info))
      request.accept(this.#awaitSetup(request.info, handshake, plane), () => handshake.done());
    else this.#decide(request, handshake, plane);
  }

  #decide(request: LinkRequest, handshake: Handshake, plane: Plane): void {
    const refuse = (error: unknown) => {
      handshake.done();
      this.#refuse(request, handshake.id, error);
    };
    try {
      const admission = this.#deps.gate.admit(request.info, rootOf(request.info.path) ?? "", plane);
      if (admission instanceof Promise) admission.then((one) => this.#admit(request, one, handshake)).catch(refuse);
      else this.#admit(request, admission, handshake);
    } catch (error) {
      refuse(error);
    }
  }

  /** Raw QUIC has no request: the path is in the SETUP of its client, and the decision waits for that. */
  #awaitSetup(info: LinkInfo, handshake: Handshake, plane: Plane): Attach {
    return this.#setups.hold(info, {
      id: handshake.id,
      timeoutMs: this.#deps.handshakeTimeoutMs,
      left: () => handshake.done(),
      decide: (asked, answer) => {
        const reject = (status: number, message: string) => answer({ reason: reasonFor(status), message });
        const refusal = this.#refusal(asked, 1);
        if (refusal !== undefined) {
          handshake.done();
          this.#reject({ info: asked, reject }, handshake.id, refusal);
          return;
        }
        this.#decide({ info: asked, accept: answer, reject }, handshake, plane);
      },
    });
  }

  /** A policy refused a track to a peer. */
  refusedTrack(track: RefusedTrack): void {
    this.#policies.refusedTrack(track);
  }

  /** Changes the bounds of new sessions. The broadcasts have their policies already. */
  reconfigure(bounds: Pick<SessionHostDeps, "limits" | "maxSessions" | "handshakeTimeoutMs" | "expiryNoticeMs">): void {
    this.#deps = { ...this.#deps, ...bounds };
    this.#setups.setMaxSessions(bounds.maxSessions);
    this.#policies.reconfigure();
  }

  /** Ends every session whose admission no longer holds. */
  recheck(): void {
    this.#open.recheck();
  }

  /**
   * The decision on a session with this request. No session is opened and nothing is logged. Bounds of addresses count it like an attempt,
   * so that tokens cannot be guessed here. Rejects with `AuthError`.
   */
  async inspect(info: LinkInfo): Promise<Verdict> {
    const refusal = this.#refusal(info);
    if (refusal !== undefined) return { allowed: false, ...refusal };
    const root = rootOf(info.path) ?? "";
    const admission = await this.#deps.gate.admit(info, root, "public");
    admission.release();
    const seen = (prefixes: readonly string[]) => prefixes.flatMap((prefix) => seenFrom(root, prefix) ?? []);
    const { publish, subscribe } = admission.granted;
    return { allowed: true, publish: seen(publish), subscribe: seen(subscribe) };
  }

  #refuse(request: LinkRequest, id: string, error: unknown): void {
    if (error instanceof AuthError) this.#reject(request, id, error);
    else {
      this.#deps.defects.report("while deciding on a session", error, { session: id });
      request.reject(STATUS_ERROR, "internal error");
    }
  }

  /** Refuses a client with a readable reason; logs and counts it. */
  #reject(request: Pick<LinkRequest, "info" | "reject">, id: string, refusal: Refused): void {
    this.#deps.broadcasts.counters.refused(refusal.code);
    this.#refusals.log(id, request.info, refusal);
    request.reject(refusal.status, scrub(`${refusal.code}: ${refusal.message}`));
  }

  #admit(request: LinkRequest, admission: Admission, handshake: Handshake): void {
    // The handshake was too late or its client has left, so nothing else would release this admission.
    const gone = !this.#handshakes.has(handshake);
    if (!this.#accepting || gone) {
      handshake.done();
      admission.release();
      this.#reject(request, handshake.id, this.#accepting ? TOO_LATE : GOING_AWAY);
      return;
    }
    const counted = this.#policies.count(admission);
    if ("code" in counted) {
      handshake.done();
      admission.release();
      this.#reject(request, handshake.id, counted);
      return;
    }
    handshake.admission = counted;
    // If this throws, the admission is released with the handshake.
    const policy = this.#deps.policyOf?.(request.info, counted) ?? clientSessionPolicy(counted);
    request.accept(
      (link) => {
        handshake.admission = undefined;
        handshake.done();
        return this.#start(request.info, counted, policy, handshake)(link);
      },
      () => handshake.done(),
    );
  }

  /** `counted`: handshakes of this client that are counted already. */
  #refusal({ path }: LinkInfo, counted = 0): Refused | undefined {
    const { broadcasts, limits, maxSessions } = this.#deps;
    if (!this.#accepting) return GOING_AWAY;
    if (this.#deps.shortOfMemory?.() === true) return MEMORY_SHORT;
    if (this.#open.size + this.#handshakes.size - counted >= maxSessions) {
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

  /** Accepts requests again. */
  startAccepting(): void {
    this.#accepting = true;
  }

  /** Sends GOAWAY to every peer, with `uri` unless it is empty. */
  goaway(uri: string): void {
    this.#open.goaway(uri);
  }

  /** Closes at most `atMost` sessions, oldest first, because the relay shuts down. */
  closeAll(reason: string, atMost = Number.POSITIVE_INFINITY): void {
    this.#open.closeAll(reason, atMost);
  }

  /** Cancels the timers of handshakes and sessions. */
  close(): void {
    this.#handshakes.close();
    this.#open.close();
  }

  #start(info: LinkInfo, admission: Admission, policy: SessionPolicy, { id, late }: Handshake) {
    const { broadcasts, clock, log, defects, channels, hop } = this.#deps;
    const { access, table, announcePrefix, ownNumbers = false, limits = this.#deps.limits } = policy;
    const peerSession = admission.cluster ? peerSessionOf(info.query) : undefined;
    const other = peerSession === undefined ? {} : { peerSession };
    const opened: SessionOpened = { ...describe(id, info), ...admission.who, ...other };
    const meter = this.#policies.meter(admission, opened);
    const { events: sink } = this.#deps;
    const events =
      sink === undefined || admission.cluster
        ? undefined
        : new SessionEvents(sink, opened, admission.seat?.tenant ?? "");
    let session: Session | undefined;
    const deps: SessionDeps = {
      broadcasts,
      clock,
      limits,
      who: opened,
      channels,
      hop,
      access,
      ownNumbers,
      ...(meter !== undefined && { quota: meter }),
      ...(table !== undefined && { table }),
      ...(events !== undefined && { table: events.table(table ?? broadcasts) }),
      ...(announcePrefix !== undefined && { announcePrefix }),
      defect: (error) => defects.report("in a session", error, { session: opened.session }),
      refused: (path, reason) => {
        const why = reason === "limit" ? "a bound was reached, which the metrics count" : reason;
        log.warn(
          { session: opened.session, path, reason },
          `an announcement of this session is ignored: ${why}; the session goes on, and the log has only the first one`,
        );
      },
      closed: (report) => {
        if (session !== undefined) {
          this.#open.delete(session);
          policy.ended?.(session, report.code);
        }
        const entry = closedEntry(opened, report);
        logSessionClosed(log, entry);
        events?.closed(entry);
      },
    };
    return startSession(deps, (started) => {
      session = started;
      const cancel = this.#watchExpiry(started, admission, policy);
      this.#open.add(started, { opened, admission, cancel, path: info.path }, meter);
      logSessionOpened(log, opened);
      events?.opened();
      policy.started?.(started);
      // The token may have been revoked during the handshake.
      endIfOver(started, admission);
      // The handshake is no longer counted, so the session may not stay.
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
}
