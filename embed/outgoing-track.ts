import {
  type SubgroupWriter as Sink,
  type TrackInfo,
  type Upstream,
  type UpstreamSink,
  wholeGroup,
} from "../moq/model/index.ts";
import { type GroupWriter, MoqmeshError, type TrackOptions, type TrackWriter } from "./contract.ts";

const PRIORITY = 128;
const TIMESCALE = 1_000;
const MAX_LATENCY_MS = 10_000;

/**
 * Bytes of the newest group that are kept for relays that subscribe in the middle of it. A longer group is not kept: they wait for the next
 * one.
 */
const KEPT_BYTES = 64 * 2 ** 20;

interface Frame {
  readonly payload: Uint8Array;
  readonly timestamp: number | undefined;
}

/** A track of this program: the newest group, and the relays that subscribe. */
export class OutgoingTrack implements TrackWriter {
  readonly name: string;
  readonly info: TrackInfo;
  readonly #left: () => void;
  readonly #readers = new Set<Reader>();
  #newest: OutgoingGroup | undefined;
  #next = 0;
  #over = false;

  /** `left` is called when the track has ended. */
  constructor(name: string, options: TrackOptions, left: () => void) {
    const { priority = PRIORITY, timescale = TIMESCALE, maxLatencyMs = MAX_LATENCY_MS } = options;
    this.name = name;
    this.info = { priority, timescale, ordered: false, maxLatency: maxLatencyMs };
    this.#left = left;
  }

  get wanted(): boolean {
    return this.#readers.size > 0;
  }

  group(): GroupWriter {
    if (this.#over) throw new MoqmeshError("closed", `the track ${this.name} is closed`);
    this.#newest?.end();
    const group = new OutgoingGroup(this.#next++);
    this.#newest = group;
    for (const reader of this.#readers) reader.begin(group);
    return group;
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#newest?.end();
    for (const { sink } of this.#readers) {
      sink.ended(this.#next);
      sink.closed(undefined);
    }
    this.#readers.clear();
    this.#left();
  }

  /** A relay subscribes, from the newest group on. */
  serve(sink: UpstreamSink): Upstream {
    const reader = new Reader(sink);
    this.#readers.add(reader);
    // The caller has to have the answer before the first group.
    queueMicrotask(() => {
      if (!this.#readers.has(reader)) return;
      sink.info(this.info);
      if (this.#newest !== undefined) reader.begin(this.#newest);
    });
    return { update: () => {}, cancel: () => void this.#readers.delete(reader) };
  }

  /** A relay fetches a group: the newest one is there. */
  send(sequence: number, sink: Sink): void {
    if (this.#newest?.sequence !== sequence || !this.#newest.replay(sink)) sink.reset("not_found");
  }
}

/** A relay's subscription. */
class Reader {
  readonly sink: UpstreamSink;
  /** Sequence of the last group that it was offered. */
  #last = -1;

  constructor(sink: UpstreamSink) {
    this.sink = sink;
  }

  begin(group: OutgoingGroup): void {
    if (group.sequence <= this.#last || group.lost) return;
    this.#last = group.sequence;
    const to = this.sink.subgroup(wholeGroup(group.sequence));
    if (typeof to !== "string") group.replay(to);
  }
}

/** A group, its frames so far, and where they go. */
class OutgoingGroup implements GroupWriter {
  readonly sequence: number;
  readonly #sinks = new Set<Sink>();
  #frames: Frame[] = [];
  #bytes = 0;
  #ended = false;

  constructor(sequence: number) {
    this.sequence = sequence;
  }

  /** It is longer than what is kept, so it can be sent to no further relay. */
  get lost(): boolean {
    return this.#bytes > KEPT_BYTES;
  }

  write(payload: Uint8Array, timestamp?: number): void {
    if (!(payload instanceof Uint8Array))
      throw new MoqmeshError("bad_option", "write: the payload must be a Uint8Array");
    if (this.#ended) throw new MoqmeshError("closed", `group ${this.sequence} has ended`);
    const frame = { payload, timestamp };
    this.#bytes += payload.length;
    if (this.lost) this.#frames = [];
    else this.#frames.push(frame);
    for (const sink of this.#sinks) send(sink, frame);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const sink of this.#sinks) sink.finish();
    this.#sinks.clear();
  }

  /** Sends what there is, and then what follows. False where the beginning is no longer there. */
  replay(sink: Sink): boolean {
    if (this.lost) return false;
    for (const frame of this.#frames) send(sink, frame);
    if (this.#ended) {
      sink.finish();
      return true;
    }
    this.#sinks.add(sink);
    sink.onStop(() => void this.#sinks.delete(sink));
    return true;
  }
}

function send(sink: Sink, { payload, timestamp }: Frame): void {
  sink.object(payload.length, timestamp);
  if (payload.length > 0) sink.payload(payload);
  sink.end();
}
