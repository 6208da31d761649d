import type { SubgroupWriter } from "../moq/model/index.ts";
import type { Reason } from "../moq/reason.ts";
import { Bell } from "./bell.ts";
import type { Frame, Group } from "./contract.ts";

export interface IncomingGroupDeps {
  /** So many more bytes wait for the reader; fewer where it is negative. */
  readonly buffered: (bytes: number) => void;
  /** The group will not come whole. */
  readonly cut: () => void;
  /** Nothing more comes, and nothing waits. */
  readonly over: () => void;
}

/** One group as it arrives, and its reader. */
export class IncomingGroup implements Group, SubgroupWriter {
  readonly sequence: number;
  readonly #deps: IncomingGroupDeps;
  readonly #bell = new Bell();
  readonly #frames: Frame[] = [];
  /** Of the frame that arrives. */
  #chunks: Uint8Array[] = [];
  #timestamp: number | undefined;
  /** Bytes that wait for the reader, with those of the frame that arrives. */
  #bytes = 0;
  #cut: Reason | undefined;
  #ended = false;
  #stop: (reason: Reason) => void = () => {};

  constructor(sequence: number, deps: IncomingGroupDeps) {
    this.sequence = sequence;
    this.#deps = deps;
  }

  get cut(): Reason | undefined {
    return this.#cut;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Frame, void, undefined> {
    try {
      for (;;) {
        const frame = this.#frames.shift();
        if (frame === undefined) {
          if (this.#ended) return;
          await this.#bell.heard();
          continue;
        }
        this.#buffer(-frame.payload.length);
        if (this.#ended && this.#frames.length === 0) this.#deps.over();
        yield frame;
      }
    } finally {
      this.abandon("cancelled");
    }
  }

  /** Drops what waits, and asks for no more. */
  abandon(reason: Reason): void {
    this.#frames.length = 0;
    this.#chunks = [];
    if (!this.#ended) {
      this.#stop(reason);
      this.#finish(reason);
    } else if (this.#bytes > 0) {
      this.#cutFor(reason);
    }
    this.#buffer(-this.#bytes);
    this.#deps.over();
  }

  object(_size: number, timestamp: number | undefined): void {
    this.#timestamp = timestamp;
    this.#chunks = [];
  }

  payload(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#chunks.push(bytes.slice());
    this.#buffer(bytes.length);
  }

  end(): void {
    if (this.#ended) return;
    const payload = new Uint8Array(Buffer.concat(this.#chunks));
    this.#chunks = [];
    this.#frames.push({ payload, ...(this.#timestamp !== undefined && { timestamp: this.#timestamp }) });
    this.#bell.ring();
  }

  status(): void {}

  finish(): void {
    if (!this.#ended) this.#finish(undefined);
  }

  reset(reason: Reason): void {
    if (this.#ended) return;
    // Of the frame that arrived the rest is missing.
    const part = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#chunks = [];
    this.#buffer(-part);
    this.#finish(reason);
  }

  onStop(callback: (reason: Reason) => void): void {
    this.#stop = callback;
  }

  #finish(cut: Reason | undefined): void {
    this.#ended = true;
    if (cut !== undefined) this.#cutFor(cut);
    if (this.#frames.length === 0) this.#deps.over();
    this.#bell.ring();
  }

  /** What the reader itself leaves is not missing. */
  #cutFor(reason: Reason): void {
    this.#cut ??= reason;
    if (reason !== "cancelled") this.#deps.cut();
  }

  #buffer(bytes: number): void {
    if (bytes === 0) return;
    this.#bytes += bytes;
    this.#deps.buffered(bytes);
  }
}
