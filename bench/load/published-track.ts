import type { BidiStream, SendStream } from "../../moq/link.ts";
import type { GroupFormat } from "./group-format.ts";
import { sharedMicros } from "./micros.ts";
import { putStamp } from "./stamp.ts";

/** Timestamp units per second: milliseconds. */
export const TIMESCALE = 1_000;

/** Milliseconds for which late groups are still sent: long, so that a slow relay shows as latency before it shows as loss. */
export const MAX_LATENCY_MS = 10_000;

/** The middle of 0 to 255. */
export const PRIORITY = 128;

/** Bytes in the queue to the relay at which the publisher begins no more groups. */
const QUEUE_BYTES = 64 * 2 ** 20;

export interface TrackShape {
  /** 0 to 255; default {@link PRIORITY}. */
  readonly priority?: number;
  readonly framesPerSecond: number;
  readonly framesPerGroup: number;
  /** Filler that every payload is a copy of, with the stamp. */
  readonly payload: Uint8Array;
  /** Sequence of the first group; default 0. */
  readonly firstGroup?: number;
  /**
   * A new subscription begins with the current group from its start, or with the requested group if that is kept; not with the next
   * group.
   */
  readonly keeps?: boolean;
}

/** A relay's subscription to a track. */
interface Subscription {
  readonly format: GroupFormat;
  group: SendStream | undefined;
  /** The first group has begun. */
  started: boolean;
}

/** A track that sends a frame to its subscribers at each call. A subscription begins at the start of a group. */
export class PublishedTrack {
  readonly #shape: TrackShape;
  readonly #subscriptions = new Map<BidiStream, Subscription>();
  /** Number of the next frame. */
  #frame: number;
  /** The latest group. */
  #current = -1;
  /** When each frame of the kept groups was sent, in shared microseconds; by sequence, the current group last. */
  readonly #kept = new Map<number, number[]>();
  /** True once a group has been sent to a subscriber. */
  #begun = false;

  constructor(shape: TrackShape) {
    this.#shape = shape;
    this.#frame = (shape.firstGroup ?? 0) * shape.framesPerGroup;
  }

  get priority(): number {
    return this.#shape.priority ?? PRIORITY;
  }

  /** Number of the next frame. */
  get next(): number {
    return this.#frame;
  }

  /** `start`: the first group that is asked for; absent: the newest. */
  subscribe(stream: BidiStream, format: GroupFormat, start?: number): void {
    const subscription: Subscription = { format, group: undefined, started: false };
    this.#subscriptions.set(stream, subscription);
    if (this.#shape.keeps !== true) return;
    const { framesPerGroup } = this.#shape;
    const begun = this.#frame % framesPerGroup !== 0;
    const from = start ?? (begun ? this.#current : this.#current + 1);
    for (const [sequence, sent] of this.#kept) {
      if (sequence < from) continue;
      this.#next(subscription, sequence);
      for (const [at, sentUs] of sent.entries()) {
        const frame = sequence * framesPerGroup + at;
        subscription.group?.write(this.#encode(frame, sentUs, this.#header(format, frame)));
      }
      if (sent.length === framesPerGroup) subscription.group?.finish();
    }
  }

  /** The subscriber left. */
  unsubscribe(stream: BidiStream): void {
    this.#subscriptions.get(stream)?.group?.finish();
    if (this.#subscriptions.delete(stream)) stream.finish();
  }

  /**
   * Sends the next frame. Returns the time in shared microseconds; `skipped` when no subscriber is left, or none accepts it; undefined
   * before the first subscription.
   */
  send(): number | "skipped" | undefined {
    const { framesPerGroup } = this.#shape;
    const frame = this.#frame++;
    const index = frame % framesPerGroup;
    if (index === 0) {
      this.#keep(frame / framesPerGroup);
      for (const subscription of this.#subscriptions.values()) this.#next(subscription, frame / framesPerGroup);
    }
    const now = sharedMicros();
    this.#kept.get(this.#current)?.push(now);
    let outcome: number | "skipped" | undefined = this.#begun ? "skipped" : undefined;
    for (const { group, format } of this.#subscriptions.values()) {
      if (group === undefined || group.ended) continue;
      group.write(this.#encode(frame, now, this.#header(format, frame)));
      outcome = now;
    }
    if (index === framesPerGroup - 1) for (const { group } of this.#subscriptions.values()) group?.finish();
    return outcome;
  }

  /** Begins a group and drops groups that are older than TRACK_INFO promises. */
  #keep(sequence: number): void {
    const { framesPerGroup, framesPerSecond } = this.#shape;
    const groups = Math.ceil((MAX_LATENCY_MS * framesPerSecond) / (1_000 * framesPerGroup));
    this.#current = sequence;
    this.#kept.set(sequence, []);
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size > groups + 1) this.#kept.delete(oldest);
  }

  #next(subscription: Subscription, sequence: number): void {
    const { format } = subscription;
    const { link } = format;
    subscription.group?.finish();
    subscription.group =
      link.queued > QUEUE_BYTES ? undefined : link.openUni(this.priority, { stop: () => this.#stopped(subscription) });
    subscription.group?.write(format.stream(sequence));
    if (subscription.started) return;
    subscription.started = true;
    this.#begun = true;
    format.started(sequence);
  }

  #stopped(subscription: Subscription): void {
    subscription.group = undefined;
  }

  #header(format: GroupFormat, frame: number): Uint8Array {
    const { framesPerGroup, framesPerSecond, payload } = this.#shape;
    const millis = (at: number) => Math.floor((at * TIMESCALE) / framesPerSecond);
    const delta = frame % framesPerGroup === 0 ? millis(frame) : millis(frame) - millis(frame - 1);
    return format.frame(payload.length, millis(frame), delta);
  }

  #encode(frame: number, sentUs: number, header: Uint8Array): Uint8Array {
    const { payload } = this.#shape;
    const bytes = new Uint8Array(header.length + payload.length);
    bytes.set(header);
    bytes.set(payload, header.length);
    putStamp(bytes, header.length, frame, sentUs);
    return bytes;
  }
}
