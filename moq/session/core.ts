import type { EndReason } from "../counters.ts";
import type { BidiHandler, Link, LinkClosed, LinkStats } from "../link.ts";
import type { Asker, Channel, Dialect, Share, Source } from "../model/index.ts";
import { joinPath, stripPrefix } from "../path.ts";
import type { Reason } from "../reason.ts";
import type { ProtocolViolation } from "../wire/codec/index.ts";
import { Admission } from "./admission.ts";
import type { ReasonCodes, SessionContext } from "./context.ts";
import type { Following, SessionDeps, SessionFigures, SessionTotals, SessionUse } from "./contract.ts";
import { EndReport } from "./end-report.ts";
import { Guard } from "./guard.ts";
import { HeaderSweep, type Unopened } from "./header-sweep.ts";
import { Intake, type TurnHandler } from "./intake.ts";
import { Opener } from "./opener.ts";
import { ReceivedGroups } from "./received-groups.ts";
import { Serving } from "./serving.ts";
import { Stragglers } from "./stragglers.ts";
import { StreamAllowance } from "./stream-allowance.ts";

/** Units of work (see `Scheduler`) of a stream that begins, and of a datagram. */
const STREAM_UNITS = 4;

/** A datagram of no subscription. */
const NOTHING = new Uint8Array(0);

/** What differs between protocol families. */
export interface Family<S extends Source> {
  /** For messages to the peer. */
  readonly name: string;
  /** Codes of streams. */
  readonly codes: ReasonCodes;
  /** The code with which a session is closed. Absent: as for a stream. */
  readonly closeCodeOf?: (reason: Reason) => number;
  /** The code with which a session is closed that broke the protocol. Absent: that of the reason `protocol`. */
  readonly violationCode?: (violation: ProtocolViolation) => number;
  readonly dialect: Dialect;
  /** The peer as a place to subscribe at. */
  source(session: SessionContext): S;
}

/** What every session has, whatever its protocol. A family's session owns one and adds its own states and messages. */
export class SessionCore<S extends Source> implements SessionContext {
  readonly link: Link;
  readonly deps: SessionDeps;
  readonly codes: ReasonCodes;
  readonly channel: Channel;
  readonly opener: Opener;
  readonly admission: Admission;
  readonly serving: Serving;
  readonly received: ReceivedGroups;
  readonly stragglers: Stragglers;
  readonly share: Share;
  readonly source: S;
  readonly asker: Asker;
  readonly peer: { hop: bigint; cost: number | undefined; leaving: boolean } = {
    hop: 0n,
    cost: undefined,
    leaving: false,
  };
  readonly totals: SessionTotals;
  readonly announcedByPeer = { count: 0 };
  readonly announcedToPeer = { count: 0 };
  readonly #guard: Guard;
  readonly #report: EndReport;
  readonly #intake: Intake;
  readonly #sweep: HeaderSweep;
  readonly #allowance: StreamAllowance;
  readonly #closeCodeOf: (reason: Reason) => number;

  constructor(link: Link, deps: SessionDeps, family: Family<S>) {
    const { clock, limits, broadcasts } = deps;
    const { counters } = broadcasts;
    this.link = link;
    this.deps = deps;
    this.codes = family.codes;
    this.#closeCodeOf = family.closeCodeOf ?? family.codes.codeOf;
    this.channel = deps.channels.get(link.engine, family.dialect);
    this.#guard = new Guard({
      violated: (violation) => {
        counters.protocolViolations++;
        this.#endWith("protocol", `${family.name} ${violation.message}`, family.violationCode?.(violation));
      },
      failed: (error) => {
        this.end("internal", "internal error");
        deps.defect(error);
      },
    });
    this.share = broadcasts.scheduler.share((work) => this.guard(work));
    this.#intake = new Intake(this);
    this.opener = new Opener({
      link,
      intake: this.#intake,
      clock,
      counters,
      limit: limits.pendingStreamsPerSession,
      makeRoom: () => broadcasts.makeRoom(this.source),
    });
    this.serving = new Serving(counters, deps.ownNumbers !== true);
    this.#report = new EndReport(link, deps);
    this.totals = this.#report.totals;
    this.admission = new Admission(deps, this.totals);
    this.received = new ReceivedGroups({ deps, totals: this.totals, codeOf: family.codes.codeOf });
    this.stragglers = new Stragglers(clock, counters);
    this.#allowance = new StreamAllowance(link, limits.requests ?? 0);
    this.#sweep = new HeaderSweep({
      clock,
      timeoutMs: limits.headerTimeoutMs,
      count: () => counters.boundsHit.header_timeout++,
    });
    this.source = family.source(this);
    this.asker = new PeerAsker(this);
  }

  get over(): boolean {
    return this.#guard.closed;
  }

  guard<T>(work: () => T): T | undefined {
    return this.#guard.run(work);
  }

  failed(error: unknown): void {
    this.#guard.caught(error);
  }

  end(reason: EndReason, message: string): void {
    this.#endWith(reason, message);
  }

  close(code: number, message: string): void {
    this.#report.because("local", message);
    this.link.close(code, message);
  }

  /** As `follow` of a session. `begin` makes the request; its argument is called when the peer's first announcements are complete. */
  follow(begin: (complete: (known: boolean) => void) => { start(): void; stop(): void }): Following {
    const { promise: complete, resolve } = Promise.withResolvers<boolean>();
    if (this.over || this.peer.leaving) {
      resolve(false);
      return { stop: () => {}, complete };
    }
    const request = begin(resolve);
    this.guard(() => request.start());
    return { stop: () => void this.guard(() => request.stop()), complete };
  }

  absolute(path: string): string {
    return joinPath(this.deps.access.root, path);
  }

  relative(path: string): string | undefined {
    return stripPrefix(this.deps.access.root, path);
  }

  /** Bytes so far, as `Session.traffic`. */
  traffic() {
    return { ingress: this.received.bytes, egress: this.link.stats().bytesSent };
  }

  /** As `Session.figures`. */
  figures(): SessionFigures {
    const { link, totals, serving } = this;
    return {
      ...link.stats(),
      ...totals,
      ageMs: this.#report.ageMs,
      queuedBytes: link.queued,
      subscriptionsNow: serving.viewers.size,
      watchingNow: serving.watchers.size,
      broadcastsNow: this.announcedByPeer.count,
    };
  }

  /** As `Session.use`. */
  use(): SessionUse {
    const { running, admitted } = this.admission.requests;
    const { count: announced } = this.announcedByPeer;
    const { viewers, sentPayload } = this.serving;
    const activity = admitted + this.received.bytes;
    return { running, announced, viewing: viewers.size, activity, sentPayload, queuedBytes: this.link.queued };
  }

  /** As `Session.vitals`. */
  vitals(): LinkStats {
    return this.link.stats();
  }

  /** As `Session.probe`. */
  probe(): void {
    this.link.sendDatagram(NOTHING);
  }

  /** Handles the events of a stream that the peer has opened. It is refused unless it is {@link headerComplete} in time. */
  stream(incoming: TurnHandler & Unopened): BidiHandler {
    this.#sweep.add(incoming);
    this.share.left -= STREAM_UNITS;
    return this.#intake.stream(incoming);
  }

  /** Handles the events of a control stream, whose first message has a limit of its own. */
  control(handler: TurnHandler): BidiHandler {
    return this.#intake.stream(handler);
  }

  /** The peer has opened a request stream, and has `open` now. */
  requestOpened(open: number): void {
    this.#allowance.opened(open);
  }

  /** The first message of a stream is complete, or the stream is over. */
  headerComplete(incoming: Unopened): void {
    this.#sweep.delete(incoming);
  }

  /** Handles a datagram with `handler`, in its turn. */
  datagram(bytes: Uint8Array, handler: Pick<TurnHandler, "data">): void {
    this.#intake.data(handler, bytes);
  }

  /** Counts the work and the bytes of a datagram. */
  countDatagram(bytes: Uint8Array): void {
    this.share.left -= STREAM_UNITS;
    this.received.count(bytes.length);
  }

  /** Groups that were held back may be sent now. */
  retry(): void {
    this.guard(() => this.serving.retry());
  }

  /** The peer allows more streams. It may allow one at a time, so waiting requests and groups are tried once a turn. */
  capacity(): void {
    if (!this.over) this.share.later(this.#resume);
  }

  readonly #resume = (): boolean => {
    this.opener.resume();
    this.retry();
    return true;
  };

  /** `queued` bytes wait for the peer: gives up old groups, and ends the session past its bound. */
  backlog(queued: number): void {
    this.guard(() => {
      const { limits, broadcasts } = this.deps;
      this.serving.shed();
      if (Math.min(queued, this.link.queued) <= limits.sessionQueueBytes) return;
      broadcasts.counters.boundsHit.session_queue_bytes++;
      this.end("lagged", `more than ${limits.sessionQueueBytes} bytes queued`);
    });
  }

  /** Nothing has reached the peer for a while: gives up old groups of those who watch live. */
  dark(): void {
    this.guard(() => this.serving.dark());
  }

  /** The link is gone. `first` ends what offers routes, `last` what is left; both are the family's. */
  closed(why: LinkClosed, first: Iterable<() => void>, last: Iterable<() => void>): void {
    if (this.over) return;
    this.#guard.close();
    this.#sweep.close();
    this.stragglers.close();
    this.opener.close();
    this.share.end();
    // Routes go first, so that nothing subscribes again at a peer that is gone.
    for (const end of [...first, ...this.received.closers(), ...this.serving.closers(), ...last]) {
      try {
        end();
      } catch (error) {
        this.deps.defect(error);
      }
    }
    this.#report.send(why);
  }

  #endWith(reason: EndReason, message: string, code = this.#closeCodeOf(reason)): void {
    if (this.over) return;
    this.#report.because(reason, message);
    this.link.close(code, message);
  }
}

/**
 * The peer as one that asks. A relay asks on behalf of all of its viewers, each of which has a share of its own there. A class, because V8 keeps
 * an object literal with a getter as a hash table of 450 bytes.
 */
class PeerAsker implements Asker {
  readonly share: number;
  readonly #session: SessionContext;

  constructor(session: SessionContext) {
    const { ownNumbers = false, limits } = session.deps;
    this.share = ownNumbers ? Number.POSITIVE_INFINITY : limits.unansweredPerViewer;
    this.#session = session;
  }

  get who() {
    return this.#session.deps.who;
  }

  get source(): Source {
    return this.#session.source;
  }

  get hop(): bigint {
    return this.#session.peer.hop;
  }
}
