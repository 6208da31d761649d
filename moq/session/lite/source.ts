import type { BidiStream } from "../../link.ts";
import type {
  Asker,
  GroupWriter,
  Source,
  SubscribeOptions,
  TrackInfo,
  Upstream,
  UpstreamSink,
} from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { BoundExceeded, READ } from "../../wire/codec/index.ts";
import {
  encodeRequest,
  encodeSubscribeUpdate,
  FrameReader,
  type SubscribeResponse,
  subscribeResponses,
  trackResponses,
} from "../../wire/lite/index.ts";
import type { Place } from "../opener.ts";
import { codeOf, reasonOf } from "./codes.ts";
import type { OldContext } from "./old-context.ts";

/** Timescale of versions without timestamps: the model stamps arrival in milliseconds. */
const ARRIVAL_TIMESCALE = 1000;

/** The peer as a place to subscribe at: our half of its Subscribe, Track and Fetch Streams. One per session. */
export class PeerSource implements Source {
  readonly hasInfo: boolean;
  readonly #context: OldContext;
  readonly #subscriptions = new Map<number, UpstreamSubscription>();
  /** Requests in flight, so that the end of the session ends them. */
  readonly #requests = new Set<(reason: Reason) => void>();
  #nextId = 0;

  constructor(context: OldContext) {
    this.#context = context;
    this.hasInfo = context.caps.trackStream;
  }

  subscribe(path: string, track: string, options: SubscribeOptions, sink: UpstreamSink, asker?: Asker): Upstream {
    const id = this.#nextId++;
    const subscription = new UpstreamSubscription(this.#context, id, sink, () => this.#subscriptions.delete(id));
    const where = this.#where(path);
    if (typeof where !== "string") subscription.close(where.reason);
    else {
      this.#subscriptions.set(id, subscription);
      subscription.open(where, track, options, asker);
    }
    return subscription;
  }

  info(path: string, track: string, answer: (result: TrackInfo | Reason) => void, asker?: Asker): () => void {
    const { caps, wire, share } = this.#context;
    const reader = trackResponses(caps, wire);
    return this.#request(path, { kind: "track", track }, asker, {
      data: (bytes, over) => reader.push(bytes, (info) => over(() => answer(info)), share),
      ended: (reason) => answer(reason ?? "protocol"),
    });
  }

  fetch(
    path: string,
    track: string,
    sequence: number,
    priority: number,
    writer: GroupWriter,
    asker?: Asker,
  ): () => void {
    const { caps, wire, share } = this.#context;
    const reader = new FrameReader(caps, wire, writer);
    return this.#request(path, { kind: "fetch", track, sequence, priority }, asker, {
      data: (bytes, over, stream) => {
        try {
          return reader.push(bytes, share);
        } catch (error) {
          if (!(error instanceof BoundExceeded)) throw error;
          this.#context.deps.broadcasts.counters.boundsHit[error.bound]++;
          stream.stop(codeOf("frame_too_large"));
          over(() => writer.reset("frame_too_large"));
          return READ;
        }
      },
      ended: (reason) => {
        if (reason !== undefined) return writer.reset(reason);
        reader.finish();
        writer.finish();
      },
      opened: (stream) => writer.onStop((reason) => stream.stop(codeOf(reason))),
    });
  }

  /** Our subscription of that id, which the groups of the peer name. */
  subscription(id: number): UpstreamSubscription | undefined {
    return this.#subscriptions.get(id);
  }

  datagram(subscribe: number, sequence: number, timestamp: number, payload: Uint8Array): void {
    this.#subscriptions.get(subscribe)?.datagram(sequence, timestamp, payload);
  }

  /** The session is over. */
  close(): void {
    for (const subscription of [...this.#subscriptions.values()]) subscription.close("upstream");
    for (const end of [...this.#requests]) end("upstream");
  }

  #where(path: string): string | { reason: Reason } {
    if (this.#context.over || this.#context.leaving) return { reason: "upstream" };
    return this.#context.relative(path) ?? { reason: "unroutable" };
  }

  /** One request and its answer on a stream of its own. `ended` is called once, unless it was cancelled before. */
  #request(path: string, request: OneRequest, asker: Asker | undefined, on: RequestEvents): () => void {
    const context = this.#context;
    let stream: BidiStream | undefined;
    let place: Place | undefined;
    let live = true;
    const end = (): boolean => {
      if (!live) return false;
      live = false;
      this.#requests.delete(fail);
      answered();
      place?.leave();
      return true;
    };
    const over = (then: () => void) => {
      if (!end()) return;
      stream?.finish();
      then();
    };
    const fail = (reason: Reason) => over(() => on.ended(reason));
    const where = this.#where(path);
    if (typeof where !== "string") {
      on.ended(where.reason);
      return () => {};
    }
    const giveUp = (reason: Reason) => {
      stream?.reset(codeOf(reason));
      stream?.stop(codeOf(reason));
      fail(reason);
    };
    const answered = awaitAnswer(context, () => giveUp("timeout"));
    this.#requests.add(fail);
    place = context.opener.open({
      asker,
      handler: {
        data: (bytes) =>
          context.guard(() => {
            answered();
            place?.answered();
            return live && stream !== undefined ? on.data(bytes, over, stream) : READ;
          }) ?? READ,
        fin: () =>
          void context.guard(() => {
            place?.answered();
            over(() => on.ended(undefined));
          }),
        reset: (code) =>
          void context.guard(() => {
            place?.answered();
            fail(reasonOf(code));
          }),
        stop: () => {},
      },
      opened: (opened) => {
        stream = opened;
        on.opened?.(opened);
        opened.write(encodeRequest(fieldsOf(where, request), context.caps));
      },
      refused: giveUp,
    });
    if (!live) place.leave();
    return () => {
      if (!end()) return;
      stream?.reset(codeOf("cancelled"));
      stream?.stop(codeOf("cancelled"));
    };
  }
}

/** Calls `late`, counted, unless the returned function is called before the peer's time to answer is over. */
function awaitAnswer({ deps }: OldContext, late: () => void): () => void {
  const { requestTimeoutMs } = deps.limits;
  if (requestTimeoutMs === undefined) return () => {};
  return deps.clock.timer(requestTimeoutMs, () => {
    deps.broadcasts.counters.boundsHit.request_timeout++;
    late();
  });
}

function fieldsOf(path: string, request: OneRequest) {
  const { track } = request;
  if (request.kind === "track") return { kind: "track" as const, path, track, epoch: 0n };
  return { kind: "fetch" as const, path, track, epoch: 0n, priority: request.priority, group: request.sequence };
}

type OneRequest = { readonly kind: "track"; readonly track: string } | FetchOne;

interface FetchOne {
  readonly kind: "fetch";
  readonly track: string;
  readonly sequence: number;
  readonly priority: number;
}

interface RequestEvents {
  data(bytes: Uint8Array, over: (then: () => void) => void, stream: BidiStream): Uint8Array;
  ended(reason: Reason | undefined): void;
  opened?(stream: BidiStream): void;
}

/** Milliseconds until an update that found the one before still queued is looked at again. */
const UPDATE_RETRY_MS = 100;

/** One Subscribe Stream that we opened. */
class UpstreamSubscription implements Upstream {
  readonly #context: OldContext;
  readonly #id: number;
  readonly #sink: UpstreamSink;
  readonly #gone: () => void;
  #stream: BidiStream | undefined;
  #place: Place | undefined;
  /** The publisher has said something: it is not waited for any more. */
  #heard = false;
  #answered: () => void = () => {};
  /** What was asked for last, or is to be once the stream is open or has room. */
  #options: SubscribeOptions | undefined;
  #updating = false;
  #over = false;
  #lingering: (() => void) | undefined;

  constructor(context: OldContext, id: number, sink: UpstreamSink, gone: () => void) {
    this.#context = context;
    this.#id = id;
    this.#sink = sink;
    this.#gone = gone;
  }

  open(path: string, track: string, options: SubscribeOptions, asker: Asker | undefined): void {
    const context = this.#context;
    const reader = subscribeResponses(context.caps, context.wire);
    this.#options = options;
    this.#answered = awaitAnswer(context, () => this.#late());
    const place = context.opener.open({
      asker,
      handler: {
        data: (bytes) =>
          context.guard(() => {
            if (this.#over) return READ;
            this.known();
            return reader.push(bytes, (message) => this.#on(message), context.share);
          }) ?? READ,
        fin: () =>
          void context.guard(() => {
            this.known();
            reader.finish();
            this.#finished();
          }),
        reset: (code) =>
          void context.guard(() => {
            this.known();
            this.close(reasonOf(code));
          }),
        stop: () => {},
      },
      opened: (stream) => {
        this.#stream = stream;
        const request = {
          kind: "subscribe" as const,
          id: this.#id,
          path,
          track,
          epoch: 0n,
          ...(this.#options ?? options),
        };
        stream.write(encodeRequest(request, context.caps));
        this.#settle();
      },
      shared: () => this.#sink.shared?.() === true,
      refused: (reason) => this.#giveUp(reason),
    });
    this.#place = place;
    if (this.#over) place.leave();
    else if (this.#sink.known === true) this.known();
  }

  /** Only the newest options wait for a publisher that reads slowly, however often they change. */
  update(options: SubscribeOptions): void {
    this.#options = options;
    if (this.#over || this.#stream === undefined || this.#updating) return;
    this.#updating = true;
    this.#sendUpdate();
  }

  /** The publisher has answered, or has said on a Track Stream that it has the track: there may be no group for long. */
  known(): void {
    if (this.#heard) return;
    this.#heard = true;
    this.#settle();
  }

  /** It waits for no answer any more, once it has been sent. */
  #settle(): void {
    if (!this.#heard || this.#stream === undefined) return;
    this.#answered();
    this.#place?.answered();
  }

  cancel(): void {
    if (this.#over) {
      this.#forget();
      return;
    }
    this.#over = true;
    this.#forget();
    // A FIN is how a subscriber leaves: some publishers do not look at a reset while they have nothing to send.
    this.#stream?.finish();
    this.#stream?.stop(codeOf("cancelled"));
  }

  #sendUpdate(): void {
    const { deps, caps } = this.#context;
    if (this.#over || this.#stream === undefined || this.#options === undefined) return;
    if (this.#stream.queued > 0) {
      deps.clock.timer(UPDATE_RETRY_MS, () => this.#sendUpdate());
      return;
    }
    this.#updating = false;
    this.#stream.write(encodeSubscribeUpdate(this.#options, caps));
  }

  /** The publisher's time to answer is over. Where it answers TRACK instead, that request has a limit. */
  #late(): void {
    if (this.#context.caps.trackStream && this.#stream !== undefined) this.#place?.answered();
    else this.#giveUp("timeout");
  }

  #giveUp(reason: Reason): void {
    this.#stream?.reset(codeOf(reason));
    this.#stream?.stop(codeOf(reason));
    this.close(reason);
  }

  group(sequence: number): GroupWriter | Reason {
    this.known();
    return this.#sink.group(sequence);
  }

  datagram(sequence: number, timestamp: number, payload: Uint8Array): void {
    this.#sink.datagram(sequence, timestamp, payload);
  }

  /** It failed, or the session is over. */
  close(reason: Reason): void {
    if (this.#over) {
      this.#forget();
      return;
    }
    this.#over = true;
    this.#forget();
    this.#stream?.finish();
    this.#sink.closed(reason);
  }

  /** The publisher has said all; its last groups may still be on their way. */
  #finished(): void {
    if (this.#over) return;
    this.#over = true;
    this.#leave();
    this.#stream?.finish();
    this.#lingering = this.#context.deps.clock.timer(STRAGGLER_MS, () => this.#forget());
    this.#sink.closed(undefined);
  }

  #forget(): void {
    this.#lingering?.();
    this.#lingering = undefined;
    this.#leave();
    this.#gone();
  }

  #leave(): void {
    this.#answered();
    this.#place?.leave();
  }

  #on(message: SubscribeResponse): void {
    switch (message.kind) {
      case "ok": {
        const { priority, ordered, maxLatency } = message;
        this.#sink.info({ priority, ordered, maxLatency, timescale: ARRIVAL_TIMESCALE });
        break;
      }
      case "start":
        this.#sink.started(message.group);
        break;
      case "end":
        this.#sink.ended(message.group);
        break;
      case "drop":
        this.#sink.dropped(message.start, message.end);
        break;
    }
  }
}

/** Milliseconds that group streams of a finished subscription are still taken. */
const STRAGGLER_MS = 2000;
