import { randomBytes } from "node:crypto";
import type { Clock } from "../../moq/clock.ts";
import {
  type FetchRange,
  type FetchWriter,
  type Source,
  type SubgroupWriter,
  type SubscribeOptions,
  type TrackInfo,
  type Upstream,
  type UpstreamSink,
  wholeGroup,
} from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import { systemClock } from "../../transport/shared/index.ts";

/** Bytes at the start of a frame: its number and the time at which it was sent, eight bytes each. */
export const PROBE_HEADER_BYTES = 16;

const MS_PER_SECOND = 1_000;

/** Milliseconds by which the program may be late; what it misses beyond that is not published, so it is not lost either. */
const LATE_MS = 1_000;

/** Timestamps are milliseconds. */
const INFO: TrackInfo = { priority: 0, ordered: false, maxLatency: 10_000, timescale: MS_PER_SECOND };

export interface ProbeTrackOptions {
  readonly name: string;
  readonly framesPerSecond: number;
  /** At least {@link PROBE_HEADER_BYTES}. */
  readonly frameBytes: number;
  /** Default: the clock of the process, `performance.now()`. */
  readonly clock?: Clock;
}

/** A frame of a {@link ProbeTrack} as it was sent. */
export interface ProbeFrame {
  /** From 0. */
  readonly number: number;
  /** Milliseconds of the track's clock. */
  readonly sentMs: number;
}

/**
 * A track for measurements: frames at a steady rate, each with its number and its time, in groups of one second. A new subscription begins a
 * new group, as an encoder begins one when a viewer asks for a picture. Frames are published from {@link start} to {@link stop}.
 */
export class ProbeTrack implements Source {
  readonly hasInfo = true;
  readonly name: string;
  readonly #clock: Clock;
  readonly #stepMs: number;
  readonly #framesPerGroup: number;
  /** Content after the header: the same in every frame, and known to nobody else. */
  readonly #filler: Buffer;
  readonly #subscriptions = new Set<ProbeSubscription>();
  #cancel: () => void = () => {};
  #running = false;
  #startedAt = 0;
  #dueAt = 0;
  #next = 0;
  #group = 0;
  #framesLeft = 0;

  constructor({ name, framesPerSecond, frameBytes, clock = systemClock }: ProbeTrackOptions) {
    this.name = name;
    this.#clock = clock;
    this.#stepMs = MS_PER_SECOND / framesPerSecond;
    this.#framesPerGroup = Math.max(1, Math.round(framesPerSecond));
    this.#filler = randomBytes(frameBytes - PROBE_HEADER_BYTES);
  }

  /** Number of the next frame. */
  get next(): number {
    return this.#next;
  }

  start(): void {
    this.#running = true;
    this.#startedAt = this.#clock.now();
    this.#dueAt = this.#startedAt;
    this.#send();
  }

  /** Sends what is due, and ends the open group. No frame follows. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#cancel();
    this.#sendDue();
    for (const one of this.#subscriptions) one.finish();
  }

  /** Reads a frame. Undefined for one that this track did not send. */
  read(payload: Uint8Array): ProbeFrame | undefined {
    if (payload.length !== PROBE_HEADER_BYTES + this.#filler.length) return undefined;
    if (this.#filler.compare(payload, PROBE_HEADER_BYTES) !== 0) return undefined;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const number = Number(view.getBigUint64(0));
    return number < this.#next ? { number, sentMs: view.getFloat64(8) } : undefined;
  }

  subscribe(_path: string, track: string, _options: SubscribeOptions, sink: UpstreamSink): Upstream {
    if (track !== this.name) {
      queueMicrotask(() => sink.closed("not_found"));
      return { update: () => {}, cancel: () => {} };
    }
    const subscription = new ProbeSubscription(sink);
    this.#subscriptions.add(subscription);
    this.#framesLeft = 0;
    return { update: () => {}, cancel: () => void this.#subscriptions.delete(subscription) };
  }

  info(_path: string, track: string, answer: (result: TrackInfo | Reason) => void): () => void {
    answer(track === this.name ? INFO : "not_found");
    return () => {};
  }

  fetch(_path: string, _track: string, _range: FetchRange, _priority: number, writer: FetchWriter): () => void {
    writer.reset("unsupported");
    return () => {};
  }

  /** Sends what is due, and waits for the next frame. */
  readonly #send = (): void => {
    this.#sendDue();
    this.#cancel = this.#clock.timer(Math.max(0, this.#dueAt - this.#clock.now()), this.#send);
  };

  #sendDue(): void {
    const now = this.#clock.now();
    if (now - this.#dueAt > LATE_MS) this.#dueAt = now;
    while (this.#dueAt <= now) {
      this.#sendOne();
      this.#dueAt += this.#stepMs;
    }
  }

  #sendOne(): void {
    if (this.#framesLeft === 0) {
      for (const one of this.#subscriptions) one.begin(this.#group);
      this.#group++;
      this.#framesLeft = this.#framesPerGroup;
    }
    this.#framesLeft--;
    const now = this.#clock.now();
    const frame = Buffer.allocUnsafe(PROBE_HEADER_BYTES + this.#filler.length);
    frame.writeBigUInt64BE(BigInt(this.#next++), 0);
    frame.writeDoubleBE(now, 8);
    this.#filler.copy(frame, PROBE_HEADER_BYTES);
    const timestamp = Math.round(now - this.#startedAt);
    for (const one of this.#subscriptions) one.write(frame, timestamp);
  }
}

/** A relay's subscription, with its open group. */
class ProbeSubscription {
  readonly #sink: UpstreamSink;
  #writer: SubgroupWriter | undefined;

  constructor(sink: UpstreamSink) {
    this.#sink = sink;
  }

  begin(sequence: number): void {
    this.finish();
    const writer = this.#sink.subgroup(wholeGroup(sequence));
    if (typeof writer === "string") return;
    this.#writer = writer;
    writer.onStop(() => {
      if (this.#writer === writer) this.#writer = undefined;
    });
  }

  write(frame: Uint8Array, timestamp: number): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    writer.object(frame.length, timestamp);
    writer.payload(frame);
    writer.end();
  }

  finish(): void {
    this.#writer?.finish();
    this.#writer = undefined;
  }
}
