/** Passing on, as the native engine does it: what a stream brings is written to other streams before the program learns of it. */
import type { Clock } from "../../moq/clock.ts";
import type { FanOut, Framing, PassOn, SendStream } from "../../moq/link.ts";
import { FrameWalker, type Piece, written } from "./frame-walker.ts";

/** How many milliseconds later the program may learn of what was passed on, as with the native engine. */
export const LATE_MS = 10;

/** Events of one host that may come later. They keep their order: a link that delivers another event calls {@link flush} first. */
export class LateEvents {
  readonly #clock: Clock;
  #events: (() => void)[] = [];
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(event: () => void): void {
    this.#events.push(event);
    this.#cancel ??= this.#clock.timer(LATE_MS, () => this.flush());
  }

  /** Gives all that wait. */
  flush(): void {
    if (this.#events.length === 0) return;
    const events = this.#events;
    this.clear();
    for (const event of events) event();
  }

  /** Drops all that wait. */
  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#events = [];
  }
}

/** A fan-out whose streams the engine may write to itself. */
export class PassingFanOut implements FanOut {
  readonly #streams = new Set<SendStream>();
  /** Those of its streams that the engine writes to. */
  readonly #passed = new Set<SendStream>();

  get size(): number {
    this.#sweep();
    return this.#streams.size;
  }

  get written(): number {
    this.#sweep();
    return this.#streams.size - this.#passed.size;
  }

  unpassed(): void {
    this.#passed.clear();
  }

  /** Its streams, which the engine writes to from now on. */
  passed(): readonly SendStream[] {
    this.#sweep();
    for (const stream of this.#streams) this.#passed.add(stream);
    return [...this.#streams];
  }

  /** Ignores a stream that is in the set already or has ended. */
  add(stream: SendStream): void {
    if (!stream.ended) this.#streams.add(stream);
  }

  remove(stream: SendStream): void {
    this.#streams.delete(stream);
    this.#passed.delete(stream);
  }

  write(bytes: Uint8Array): void {
    this.#sweep();
    for (const stream of this.#streams) if (!this.#passed.has(stream)) stream.write(bytes);
  }

  finish(): void {
    for (const stream of this.#take()) stream.finish();
  }

  reset(code: number): void {
    for (const stream of this.#take()) stream.reset(code);
  }

  #take(): SendStream[] {
    const streams = [...this.#streams];
    this.#streams.clear();
    this.#passed.clear();
    return streams;
  }

  #sweep(): void {
    for (const stream of this.#streams) if (stream.ended) this.remove(stream);
  }
}

/** Streams that get what another stream brings, in one framing. */
export interface Recipients {
  readonly framing: Framing;
  readonly streams: readonly SendStream[];
}

/** Hands the streams of `to` over to the engine. The fan-outs are of this engine. */
export function handedOver(to: PassOn["to"]): Recipients[] {
  return to.map(({ fan, framing }) => {
    if (!(fan instanceof PassingFanOut))
      throw new TypeError("a stream is passed on only to fan-outs of its own engine");
    return { framing, streams: fan.passed() };
  });
}

/** Writes what one stream brings to others. */
export class Passer {
  recipients: readonly Recipients[] = [];
  readonly #walker: FrameWalker;

  constructor(how: PassOn) {
    this.#walker = new FrameWalker(how);
  }

  /** Returns how many of the bytes were passed on; see {@link FrameWalker.walk}. */
  write(bytes: Uint8Array): number {
    const pieces: Piece[] = [];
    const taken = this.#walker.walk(bytes, pieces);
    for (const { framing, streams } of this.recipients) {
      const all = written(pieces, framing);
      for (const stream of streams) stream.write(all);
    }
    return taken;
  }
}
