import {
  type Attach,
  type BidiHandler,
  type BidiStream,
  type Link,
  type LinkClosed,
  type LinkHandler,
  PRIORITY_CONTROL,
  type RecvHandler,
  type RecvStream,
} from "../../link.ts";
import type { Asker, GroupWriter, Share, Source } from "../../model/index.ts";
import { joinPath, stripPrefix } from "../../path.ts";
import type { Reason } from "../../reason.ts";
import { DEFAULT_WIRE_LIMITS, ProtocolViolation, READ } from "../../wire/codec/index.ts";
import {
  type Capabilities,
  capabilities,
  decodeDatagram,
  encodeRequest,
  encodeSetupStream,
  type Setup,
} from "../../wire/lite/index.ts";
import type { AnnounceTable, Following, Session, SessionDeps } from "../contract.ts";
import { Intake } from "../intake.ts";
import { Opener } from "../opener.ts";
import { AnnounceSubscriber } from "./announce-subscriber.ts";
import type { AnnounceBudget, Announcer } from "./announcer.ts";
import { codeOf } from "./codes.ts";
import type { LiteContext, SessionTotals } from "./context.ts";
import { dialectOf } from "./dialect.ts";
import { IncomingBidi, IncomingUni } from "./incoming.ts";
import { PeerSource } from "./source.ts";
import type { SubscribeResponder } from "./subscribe-responder.ts";

/** Requests that a peer which may have more is taken to have room for at first: no engine's limit is lower unless configured so. */
const FIRST_REQUESTS = 64;
/** Units of work (see `Scheduler`) of a stream that begins, and of a datagram. */
const STREAM_UNITS = 4;
/** What the allowance grows by when half of it is open. */
const REQUESTS_GROWTH = 4;

/**
 * Starts a moq-lite session on a link: SETUP where the version has it, our announce request, and handlers for what
 * the peer opens. The returned function throws when the link's protocol is none of moq-lite's.
 */
export function liteSession(deps: SessionDeps, started?: (session: Session) => void): Attach {
  return (link) => {
    const caps = capabilities(link.info.protocol);
    if (caps === undefined) throw new Error(`not a moq-lite protocol: ${link.info.protocol}`);
    const session = new LiteSession(link, caps, deps);
    started?.(session);
    session.start();
    return session;
  };
}

/** The peer as one that asks. A relay asks on behalf of all of its viewers, each of which has a share of its own there. */
function askerOf(session: LiteSession): Asker {
  const { ownNumbers = false, limits } = session.deps;
  return {
    source: session.source,
    get hop() {
      return session.peerHop;
    },
    share: ownNumbers ? Number.POSITIVE_INFINITY : limits.unansweredPerViewer,
  };
}

/** One moq-lite session. Owns everything that its peer opened or that we opened there; all of it ends with the link. */
export class LiteSession implements Session, LinkHandler, LiteContext {
  readonly link: Link;
  readonly caps: Capabilities;
  readonly deps: SessionDeps;
  readonly wire;
  readonly channel;
  readonly opener: Opener;
  readonly asker: Asker;
  readonly share: Share;
  readonly totals: SessionTotals = { subscriptions: 0, broadcasts: 0, groupsSent: 0, groupsReceived: 0 };
  readonly announced: Promise<boolean>;
  readonly viewers = new Set<SubscribeResponder>();
  readonly announcers = new Set<Announcer>();
  readonly announceBudget: AnnounceBudget = { used: 0 };
  readonly heard = { count: 0 };
  /** Unanswered TRACK and running FETCH requests of the peer. */
  readonly running = { tracks: 0, fetches: 0, probes: 0 };
  /** Bytes of groups of the peer that were not refused. */
  taken = 0;
  /** Groups that the peer is sending. */
  readonly receiving = new Set<GroupWriter>();
  readonly #intake: Intake;
  readonly #source: PeerSource;
  readonly #listeners = new Set<AnnounceSubscriber>();
  readonly #incoming = new Set<IncomingBidi>();
  /** Streams of the peer without a complete first message, and when they began. */
  readonly #headless = new Map<IncomingBidi | IncomingUni, number>();
  readonly #startedAt: number;
  #cancelSweep: (() => void) | undefined;
  #over = false;
  #leaving = false;
  /** Requests that the peer may have open at least. */
  #allowed = FIRST_REQUESTS;
  #goaway: BidiStream | undefined;
  #setup: Setup | undefined;
  #ended: { reason: string; message: string } | undefined;

  constructor(link: Link, caps: Capabilities, deps: SessionDeps) {
    this.link = link;
    this.caps = caps;
    this.deps = deps;
    const { pathBytes, trackNameBytes, frameBytes } = deps.limits;
    this.wire = { ...DEFAULT_WIRE_LIMITS, pathBytes, trackNameBytes, frameBytes };
    this.channel = deps.channels.get(link.engine, dialectOf(caps));
    const { clock, limits, broadcasts } = deps;
    this.share = broadcasts.scheduler.share((work) => this.guard(work));
    this.#intake = new Intake(this);
    this.opener = new Opener({
      link,
      intake: this.#intake,
      clock,
      counters: broadcasts.counters,
      limit: limits.pendingStreamsPerSession,
      makeRoom: () => broadcasts.makeRoom(this.#source),
    });
    this.#startedAt = deps.clock.now();
    this.#source = new PeerSource(this);
    this.asker = askerOf(this);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.announced = promise;
    if (deps.announcePrefix === undefined) resolve(false);
    else {
      const table = deps.table ?? deps.broadcasts;
      this.#listeners.add(new AnnounceSubscriber(this, this.#source, deps.announcePrefix, table, resolve));
    }
    deps.broadcasts.counters.sessionsOpened++;
    deps.broadcasts.counters.sessionsActive++;
  }

  get info() {
    return this.link.info;
  }

  get source(): Source {
    return this.#source;
  }

  get over(): boolean {
    return this.#over;
  }

  get leaving(): boolean {
    return this.#leaving;
  }

  get peerHop(): bigint {
    return this.#setup?.origin ?? 0n;
  }

  get peerCost(): number | undefined {
    return this.#setup?.cost;
  }

  start(): void {
    this.guard(() => {
      if (this.caps.setupStream) this.#sendSetup();
      for (const listener of this.#listeners) listener.start();
    });
  }

  goaway(uri: string): void {
    if (!this.caps.goaway || this.#over || this.#goaway !== undefined) return;
    this.opener.open({
      handler: { data: () => READ, fin: () => {}, reset: () => {}, stop: () => {} },
      opened: (stream) => {
        this.#goaway = stream;
        stream.write(encodeRequest({ kind: "goaway", uri }, this.caps));
      },
      refused: () => {},
    });
  }

  follow(prefix: string, table: AnnounceTable): Following {
    const { promise: complete, resolve } = Promise.withResolvers<boolean>();
    if (this.#over || this.#leaving) {
      resolve(false);
      return { stop: () => {}, complete };
    }
    const listener = new AnnounceSubscriber(this, this.#source, prefix, table, resolve);
    this.#listeners.add(listener);
    this.guard(() => listener.start());
    return {
      stop: () => {
        if (this.#listeners.delete(listener)) this.guard(() => listener.cancel());
      },
      complete,
    };
  }

  traffic() {
    return { ingress: this.taken, egress: this.link.stats().bytesSent };
  }

  retry(): void {
    this.guard(() => {
      for (const viewer of [...this.viewers]) viewer.retry();
    });
  }

  close(code: number, message: string): void {
    this.#ended ??= { reason: "local", message };
    this.link.close(code, message);
  }

  end(reason: Reason, message: string): void {
    if (this.#over) return;
    this.#ended ??= { reason, message };
    this.link.close(codeOf(reason), message);
  }

  guard<T>(work: () => T): T | undefined {
    if (this.#over) return undefined;
    try {
      return work();
    } catch (error) {
      if (error instanceof ProtocolViolation) {
        this.deps.broadcasts.counters.protocolViolations++;
        this.end("protocol", `moq-lite ${error.message}`);
      } else {
        this.end("internal", "internal error");
        this.deps.defect(error);
      }
      return undefined;
    }
  }

  absolute(path: string): string {
    return joinPath(this.deps.access.root, path);
  }

  relative(path: string): string | undefined {
    return stripPrefix(this.deps.access.root, path);
  }

  uni(stream: RecvStream): RecvHandler {
    const incoming = new IncomingUni(this, this.#source, stream, {
      setup: (setup) => this.#onSetup(setup),
      named: () => this.#headless.delete(incoming),
    });
    this.#await(incoming);
    this.share.left -= STREAM_UNITS;
    return this.#intake.stream(incoming);
  }

  bidi(stream: BidiStream): BidiHandler {
    const incoming = new IncomingBidi(this, stream, () => {
      this.#incoming.delete(incoming);
      this.#headless.delete(incoming);
    });
    this.#incoming.add(incoming);
    this.#allowMore();
    this.#await(incoming);
    this.share.left -= STREAM_UNITS;
    return this.#intake.stream(incoming);
  }

  /** An engine has a place for every stream that is allowed, so there are to be only as many as are used, and some more. */
  #allowMore(): void {
    const { requests = 0 } = this.deps.limits;
    if (this.#allowed >= requests || this.#incoming.size * 2 < this.#allowed) return;
    this.#allowed = Math.min(requests, this.#allowed * REQUESTS_GROWTH);
    this.link.allowBidi(this.#allowed);
  }

  /** The first message of `incoming` is complete. */
  named(incoming: IncomingBidi): void {
    this.#headless.delete(incoming);
  }

  datagram(bytes: Uint8Array): void {
    this.#intake.data(this.#datagrams, bytes);
  }

  readonly #datagrams = {
    data: (bytes: Uint8Array) => {
      this.guard(() => {
        if (!this.caps.datagrams) return;
        this.share.left -= STREAM_UNITS;
        this.taken += bytes.length;
        const datagram = decodeDatagram(bytes);
        if (datagram === undefined) return;
        this.#source.datagram(datagram.subscribe, datagram.sequence, datagram.timestamp, datagram.payload);
      });
      return READ;
    },
  };

  /** A peer may allow one stream at a time: what waits for streams is looked through once a turn. */
  capacity(): void {
    if (!this.#over) this.share.later(this.#resume);
  }

  readonly #resume = (): boolean => {
    this.opener.resume();
    this.retry();
    return true;
  };

  backlog(queued: number): void {
    this.guard(() => {
      const { counters } = this.deps.broadcasts;
      for (const viewer of [...this.viewers]) viewer.shed();
      if (Math.min(queued, this.link.queued) <= this.deps.limits.sessionQueueBytes) return;
      counters.boundsHit.session_queue_bytes++;
      this.end("lagged", `more than ${this.deps.limits.sessionQueueBytes} bytes queued`);
    });
  }

  drained(): void {
    this.capacity();
  }

  closed(why: LinkClosed): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelSweep?.();
    this.opener.close();
    this.#headless.clear();
    this.share.end();
    // Routes first, so that nothing is subscribed anew at a peer that is gone.
    for (const end of [
      ...[...this.#listeners].map((listener) => () => listener.close()),
      () => this.#source.close(),
      ...[...this.receiving].map((writer) => () => writer.reset("upstream")),
      ...[...this.viewers].map((viewer) => () => viewer.cancel()),
      ...[...this.announcers].map((announcer) => () => announcer.close()),
      ...[...this.#incoming].map((incoming) => () => incoming.gone()),
    ]) {
      try {
        end();
      } catch (error) {
        this.deps.defect(error);
      }
    }
    this.#report(why);
  }

  /** The peer is leaving: nothing new is asked of it from now on. Once is enough: each broadcast of the peer is looked at. */
  onGoaway(uri: string): void {
    if (this.#leaving) return;
    this.#leaving = true;
    for (const listener of this.#listeners) listener.leave();
    this.deps.leaving?.(uri);
  }

  #report(why: LinkClosed): void {
    const { counters } = this.deps.broadcasts;
    const reason = this.#ended?.reason ?? (why.by === "remote" && why.code !== 0 ? "remote_error" : why.by);
    counters.sessionsActive--;
    counters.closed(reason);
    const { bytesSent, bytesReceived } = this.link.stats();
    this.deps.closed({
      info: this.info,
      durationMs: this.deps.clock.now() - this.#startedAt,
      reason,
      code: why.code,
      message: this.#ended?.message ?? why.reason,
      bytesSent,
      bytesReceived,
      ...this.totals,
    });
  }

  #sendSetup(): void {
    const stream = this.link.openUni(PRIORITY_CONTROL, { stop: () => {} });
    if (stream === undefined) return;
    // Always "Report": what an engine can tell of a link it mostly cannot tell yet when the link has just opened.
    const { dialled, binding, path, query } = this.info;
    // Where there is no URI the server is told here what is asked for (Path parameter).
    const target = dialled && binding === "quic" ? { path: query === "" ? path : `${path}?${query}` } : {};
    stream.write(encodeSetupStream({ probe: 1, role: "both", origin: this.deps.hop, ...target }, this.caps));
    stream.finish();
  }

  #onSetup(setup: Setup): void {
    const { binding, dialled } = this.info;
    if (this.#setup !== undefined) throw new ProtocolViolation("SETUP", "second Setup Stream");
    if (dialled && setup.role !== "both") throw new ProtocolViolation("Role Parameter", "sent by a server");
    if (setup.path !== undefined && (dialled || binding !== "quic")) {
      throw new ProtocolViolation("Path Parameter", "not on this binding, or sent by a server");
    }
    this.#setup = setup;
    if (setup.origin === undefined) return;
    for (const announcer of [...this.announcers]) announcer.refresh();
    for (const viewer of [...this.viewers]) viewer.recheck();
    this.deps.identified?.(setup.origin);
  }

  #await(incoming: IncomingBidi | IncomingUni): void {
    this.#headless.set(incoming, this.deps.clock.now());
    this.#cancelSweep ??= this.deps.clock.timer(this.deps.limits.headerTimeoutMs, () => this.#sweep());
  }

  /** Gives up streams whose first message does not come. */
  #sweep(): void {
    this.#cancelSweep = undefined;
    const { headerTimeoutMs } = this.deps.limits;
    const now = this.deps.clock.now();
    for (const [incoming, since] of this.#headless) {
      const left = since + headerTimeoutMs - now;
      if (left > 0) {
        this.#cancelSweep = this.deps.clock.timer(left, () => this.#sweep());
        return;
      }
      this.#headless.delete(incoming);
      this.deps.broadcasts.counters.boundsHit.header_timeout++;
      incoming.refuse("timeout");
    }
  }
}
