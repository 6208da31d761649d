import type { BoundName } from "../../counters.ts";
import type { BidiStream, RecvStream } from "../../link.ts";
import type { GroupWriter } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { BoundExceeded, READ } from "../../wire/codec/index.ts";
import { type Request, RequestReader, type Setup, UniReader } from "../../wire/lite/index.ts";
import type { Taker } from "../intake.ts";
import { Announcer } from "./announcer.ts";
import { codeOf, reasonOf } from "./codes.ts";
import { type Responder, serveFetch, serveProbe, serveTrack } from "./serve.ts";
import type { LiteSession } from "./session.ts";
import type { PeerSource } from "./source.ts";
import { SubscribeResponder } from "./subscribe-responder.ts";

/** Probe Streams of one session: one is of use. */
const MAX_PROBES = 4;

/** A bidirectional stream of the peer: its first message says what serves it (moq-lite Bidirectional Streams). */
export class IncomingBidi implements Taker {
  readonly #session: LiteSession;
  readonly #stream: BidiStream;
  readonly #reader: RequestReader;
  readonly #left: () => void;
  #responder: Responder | undefined;
  #viewer: SubscribeResponder | undefined;
  #over = false;

  constructor(session: LiteSession, stream: BidiStream, left: () => void) {
    this.#session = session;
    this.#stream = stream;
    this.#reader = new RequestReader(session.caps, session.wire);
    this.#left = left;
  }

  data(bytes: Uint8Array): Uint8Array {
    if (this.#over) return READ;
    return this.#session.guard(() => this.#read(bytes)) ?? READ;
  }

  fin(): void {
    if (this.#over) return;
    this.#session.guard(() => {
      if (this.#reader.finish()) this.#responder?.fin();
      else this.refuse("protocol");
    });
  }

  reset(): void {
    this.#session.guard(() => this.gone());
  }

  stop(): void {
    this.#session.guard(() => this.gone());
  }

  /** The peer gave it up, or the session ended. */
  gone(): void {
    if (this.#over) return;
    this.#over = true;
    this.#left();
    if (this.#responder === undefined) this.#stream.finish();
    else this.#responder.gone();
  }

  refuse(reason: Reason): void {
    if (this.#over) return;
    this.#over = true;
    this.#left();
    this.#stream.reset(codeOf(reason));
    this.#stream.stop(codeOf(reason));
  }

  #read(bytes: Uint8Array): Uint8Array {
    let rest: Uint8Array = READ;
    try {
      rest = this.#reader.push(bytes, (request) => this.#on(request), this.#session.share);
    } catch (error) {
      if (!(error instanceof BoundExceeded)) throw error;
      this.refuse(this.#full(error.bound));
    }
    const unanswered = this.#reader.probe && this.#responder === undefined && !this.#over;
    if (unanswered) this.#on({ kind: "probe", bitrate: 0, rtt: 0 });
    return rest;
  }

  #on(request: Request): void {
    if (request.kind === "subscribeUpdate") {
      this.#viewer?.update(request);
      return;
    }
    // Later targets of a probe: we report and never pad.
    if (request.kind === "probe" && this.#responder !== undefined) return;
    this.#session.named(this);
    const responder = this.#serve(request);
    if (typeof responder === "string") this.refuse(responder);
    else this.#responder = responder;
  }

  #serve(request: Request): Responder | Reason {
    const session = this.#session;
    const { limits, access, quota } = session.deps;
    const { running } = session;
    switch (request.kind) {
      case "announce": {
        if (session.announcers.size >= limits.announceStreamsPerSession)
          return this.#full("announce_streams_per_session");
        const announcer = new Announcer(session, this.#stream, request, session.announceBudget, () => {
          session.announcers.delete(announcer);
          this.#done();
        });
        session.announcers.add(announcer);
        announcer.start();
        return { fin: () => announcer.finish(), gone: () => announcer.close() };
      }
      case "subscribe": {
        if (!access.maySubscribe(session.absolute(request.path))) return "unauthorized";
        if (session.viewers.size + running.tracks >= limits.subscriptionsPerSession)
          return this.#full("subscriptions_per_session");
        const giveBack = quota === undefined ? () => {} : quota.take("subscriptions");
        if (giveBack === undefined) return this.#full("tenant_subscriptions");
        const viewer = new SubscribeResponder(session, this.#stream, request, () => {
          session.viewers.delete(viewer);
          giveBack();
          this.#done();
        });
        this.#viewer = viewer;
        session.viewers.add(viewer);
        session.totals.subscriptions++;
        viewer.start();
        const cancel = () => viewer.cancel();
        return { fin: cancel, gone: cancel };
      }
      case "track": {
        if (!access.maySubscribe(session.absolute(request.path))) return "unauthorized";
        if (session.viewers.size + running.tracks >= limits.subscriptionsPerSession)
          return this.#full("subscriptions_per_session");
        running.tracks++;
        return serveTrack(session, this.#stream, request, () => {
          running.tracks--;
          this.#done();
        });
      }
      case "fetch": {
        if (!access.maySubscribe(session.absolute(request.path))) return "unauthorized";
        if (running.fetches >= limits.fetchesPerSession) return this.#full("fetches_per_session");
        if (quota?.free("egress") === false) return this.#full("tenant_egress");
        running.fetches++;
        return serveFetch(session, this.#stream, request, () => {
          running.fetches--;
          this.#done();
        });
      }
      case "probe": {
        // Whatever a session may do, it may ask about its own link.
        if (running.probes >= MAX_PROBES) return this.#full("probes_per_session");
        running.probes++;
        return serveProbe(session, this.#stream, () => {
          running.probes--;
          this.#done();
        });
      }
      case "goaway":
        session.onGoaway(request.uri);
        return { fin: () => this.gone(), gone: () => this.#stream.finish() };
      case "subscribeUpdate":
      case "unknown":
        return "unsupported";
    }
  }

  #full(bound: BoundName): Reason {
    this.#session.deps.broadcasts.counters.boundsHit[bound]++;
    return "limit";
  }

  #done(): void {
    this.#over = true;
    this.#left();
  }
}

/** What a unidirectional stream of the peer may turn out to be, beside a group. */
export interface UniEvents {
  setup(setup: Setup): void;
  /** Its header is complete. */
  named(): void;
}

/** A unidirectional stream of the peer: SETUP or a group (moq-lite Unidirectional Streams). */
export class IncomingUni implements Taker {
  readonly #session: LiteSession;
  readonly #stream: RecvStream;
  readonly #reader: UniReader;
  /** No header is awaited any more. */
  readonly #named: () => void;
  #writer: GroupWriter | undefined;
  #ignored = false;

  constructor(session: LiteSession, source: PeerSource, stream: RecvStream, events: UniEvents) {
    this.#session = session;
    this.#stream = stream;
    this.#named = () => events.named();
    this.#reader = new UniReader(session.caps, session.wire, {
      group: (header) => {
        events.named();
        const writer = source.group(header, stream);
        if (writer === undefined) {
          this.#ignored = true;
          return NOTHING;
        }
        this.#writer = writer;
        session.receiving.add(writer);
        return writer;
      },
      setup: (setup) => {
        events.named();
        events.setup(setup);
      },
      unknown: () => {
        events.named();
        this.refuse("unsupported");
      },
    });
  }

  data(bytes: Uint8Array): Uint8Array {
    if (this.#ignored) return READ;
    return this.#session.guard(() => this.#read(bytes)) ?? READ;
  }

  fin(): void {
    if (this.#ignored) return;
    this.#session.guard(() => {
      this.#named();
      this.#reader.finish();
      this.#end((writer) => writer.finish());
    });
  }

  reset(code: number): void {
    this.#session.guard(() => {
      this.#named();
      this.#end((writer) => writer.reset(reasonOf(code)));
    });
  }

  /** It has no half that sends. */
  stop(): void {}

  refuse(reason: Reason): void {
    this.#ignored = true;
    this.#stream.stop(codeOf(reason));
  }

  #read(bytes: Uint8Array): Uint8Array {
    this.#session.taken += bytes.length;
    try {
      const rest = this.#reader.push(bytes, this.#session.share);
      this.#session.taken -= rest.length;
      return rest;
    } catch (error) {
      // A frame over its bound ends its group, not the session.
      if (!(error instanceof BoundExceeded)) throw error;
      this.#session.deps.broadcasts.counters.boundsHit[error.bound]++;
      this.#end((writer) => writer.reset("frame_too_large"));
      this.refuse("frame_too_large");
      return READ;
    }
  }

  #end(how: (writer: GroupWriter) => void): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    this.#session.receiving.delete(writer);
    how(writer);
  }
}

/** Where the frames of a group that nobody wants go. */
const NOTHING = { frame: () => {}, payload: () => {}, end: () => {} };
