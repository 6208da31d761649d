import type { GroupWriter, Source, SubscribeOptions, TrackInfo, Upstream, UpstreamSink } from "../../model/contract.ts";
import type { Reason } from "../../model/reason.ts";
import type { BidiStream, RecvStream } from "../../transport/contract.ts";
import { BoundExceeded } from "../../wire/errors.ts";
import { FrameReader, type FrameSink } from "../../wire/lite/frame.ts";
import type { GroupHeader } from "../../wire/lite/group.ts";
import { encodeRequest } from "../../wire/lite/requests.ts";
import { encodeSubscribeUpdate, type SubscribeResponse, subscribeResponses } from "../../wire/lite/subscribe.ts";
import { trackResponses } from "../../wire/lite/track.ts";
import { codeOf, reasonOf } from "./codes.ts";
import type { LiteContext } from "./context.ts";

/** Timescale of versions without timestamps: the model stamps arrival in milliseconds. */
const ARRIVAL_TIMESCALE = 1000;

/** Frames of a group go to the model; what it refuses, the peer is told to stop sending. */
export function frameSink(writer: GroupWriter): FrameSink {
  return {
    frame: (size, timestamp) => writer.frame(size, timestamp),
    payload: (bytes) => writer.payload(bytes),
    end: () => writer.end(),
  };
}

/** The peer as a place to subscribe at: our half of its Subscribe, Track and Fetch Streams. One per session. */
export class PeerSource implements Source {
  readonly hasInfo: boolean;
  readonly #context: LiteContext;
  readonly #subscriptions = new Map<number, UpstreamSubscription>();
  /** Requests in flight, so that the end of the session ends them. */
  readonly #requests = new Set<(reason: Reason) => void>();
  #nextId = 0;

  constructor(context: LiteContext) {
    this.#context = context;
    this.hasInfo = context.caps.trackStream;
  }

  get crowded(): boolean {
    return this.#context.opener.crowded;
  }

  subscribe(path: string, track: string, options: SubscribeOptions, sink: UpstreamSink): Upstream {
    const id = this.#nextId++;
    const subscription = new UpstreamSubscription(this.#context, id, sink, () => this.#subscriptions.delete(id));
    const where = this.#where(path);
    if (typeof where !== "string") subscription.close(where.reason);
    else {
      this.#subscriptions.set(id, subscription);
      subscription.open(where, track, options);
    }
    return subscription;
  }

  info(path: string, track: string, answer: (result: TrackInfo | Reason) => void): () => void {
    const { caps, wire } = this.#context;
    const reader = trackResponses(caps, wire);
    return this.#request(
      path,
      { kind: "track", track },
      {
        data: (bytes, over) => reader.push(bytes, (info) => over(() => answer(info))),
        ended: (reason) => answer(reason ?? "protocol"),
      },
    );
  }

  fetch(path: string, track: string, sequence: number, priority: number, writer: GroupWriter): () => void {
    const { caps, wire } = this.#context;
    const reader = new FrameReader(caps, wire, frameSink(writer));
    return this.#request(
      path,
      { kind: "fetch", track, sequence, priority },
      {
        data: (bytes, over, stream) => {
          try {
            reader.push(bytes);
          } catch (error) {
            if (!(error instanceof BoundExceeded)) throw error;
            this.#context.deps.origin.counters.boundsHit[error.bound]++;
            stream.stop(codeOf("frame_too_large"));
            over(() => writer.reset("frame_too_large"));
          }
        },
        ended: (reason) => {
          if (reason !== undefined) return writer.reset(reason);
          reader.finish();
          writer.finish();
        },
        opened: (stream) => writer.onStop((reason) => stream.stop(codeOf(reason))),
      },
    );
  }

  /** A group stream of the peer: its subscription takes it, or it is stopped. */
  group(header: GroupHeader, stream: RecvStream): GroupWriter | undefined {
    const writer = this.#mayReceive()
      ? (this.#subscriptions.get(header.subscribe)?.group(header.sequence) ?? "cancelled")
      : "limit";
    if (typeof writer === "string") {
      stream.stop(codeOf(writer));
      return undefined;
    }
    this.#context.totals.groupsReceived++;
    writer.onStop((reason) => stream.stop(codeOf(reason)));
    return writer;
  }

  datagram(subscribe: number, sequence: number, timestamp: number, payload: Uint8Array): void {
    this.#subscriptions.get(subscribe)?.datagram(sequence, timestamp, payload);
  }

  #mayReceive(): boolean {
    const { quota, origin } = this.#context.deps;
    if (quota?.free("ingress") !== false) return true;
    origin.counters.boundsHit.tenant_ingress++;
    return false;
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
  #request(path: string, request: { kind: "track"; track: string } | FetchOne, on: RequestEvents): () => void {
    const context = this.#context;
    let stream: BidiStream | undefined;
    let live = true;
    const over = (then: () => void) => {
      if (!live) return;
      live = false;
      this.#requests.delete(fail);
      stream?.finish();
      then();
    };
    const fail = (reason: Reason) => over(() => on.ended(reason));
    const where = this.#where(path);
    if (typeof where !== "string") {
      fail(where.reason);
      return () => {};
    }
    this.#requests.add(fail);
    const leave = context.opener.open(
      {
        data: (bytes) => void context.guard(() => live && stream && on.data(bytes, over, stream)),
        fin: () => void context.guard(() => over(() => on.ended(undefined))),
        reset: (code) => void context.guard(() => fail(reasonOf(code))),
        stop: () => {},
      },
      (opened) => {
        stream = opened;
        on.opened?.(opened);
        const fields =
          request.kind === "track"
            ? { kind: "track" as const, path: where, track: request.track, epoch: 0n }
            : {
                kind: "fetch" as const,
                path: where,
                track: request.track,
                epoch: 0n,
                priority: request.priority,
                group: request.sequence,
              };
        opened.write(encodeRequest(fields, context.caps));
      },
      fail,
    );
    return () => {
      if (!live) return;
      live = false;
      this.#requests.delete(fail);
      leave();
      stream?.reset(codeOf("cancelled"));
      stream?.stop(codeOf("cancelled"));
    };
  }
}

interface FetchOne {
  readonly kind: "fetch";
  readonly track: string;
  readonly sequence: number;
  readonly priority: number;
}

interface RequestEvents {
  data(bytes: Uint8Array, over: (then: () => void) => void, stream: BidiStream): void;
  ended(reason: Reason | undefined): void;
  opened?(stream: BidiStream): void;
}

/** One Subscribe Stream that we opened. */
class UpstreamSubscription implements Upstream {
  readonly #context: LiteContext;
  readonly #id: number;
  readonly #sink: UpstreamSink;
  readonly #gone: () => void;
  #stream: BidiStream | undefined;
  #leave: () => void = () => {};
  /** What to ask for once the stream is open, when it changed meanwhile. */
  #options: SubscribeOptions | undefined;
  #over = false;
  #lingering: (() => void) | undefined;

  constructor(context: LiteContext, id: number, sink: UpstreamSink, gone: () => void) {
    this.#context = context;
    this.#id = id;
    this.#sink = sink;
    this.#gone = gone;
  }

  open(path: string, track: string, options: SubscribeOptions): void {
    const context = this.#context;
    const reader = subscribeResponses(context.caps, context.wire);
    this.#options = options;
    this.#leave = context.opener.open(
      {
        data: (bytes) => void context.guard(() => reader.push(bytes, (message) => this.#on(message))),
        fin: () =>
          void context.guard(() => {
            reader.finish();
            this.#finished();
          }),
        reset: (code) => void context.guard(() => this.close(reasonOf(code))),
        stop: () => {},
      },
      (stream) => {
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
      },
      (reason) => this.close(reason),
    );
  }

  update(options: SubscribeOptions): void {
    this.#options = options;
    if (this.#over) return;
    this.#stream?.write(encodeSubscribeUpdate(options, this.#context.caps));
  }

  cancel(): void {
    if (this.#over) {
      this.#forget();
      return;
    }
    this.#over = true;
    this.#forget();
    this.#leave();
    // A FIN is how a subscriber leaves: some publishers do not look at a reset while they have nothing to send.
    this.#stream?.finish();
    this.#stream?.stop(codeOf("cancelled"));
  }

  group(sequence: number): GroupWriter | Reason {
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
    this.#leave();
    this.#stream?.finish();
    this.#sink.closed(reason);
  }

  /** The publisher has said all; its last groups may still be on their way. */
  #finished(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream?.finish();
    this.#lingering = this.#context.deps.clock.timer(STRAGGLER_MS, () => this.#forget());
    this.#sink.closed(undefined);
  }

  #forget(): void {
    this.#lingering?.();
    this.#lingering = undefined;
    this.#gone();
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
