import type { SubgroupWriter } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";

/** A frame of a fetched group. */
export interface FetchedFrame {
  readonly payload: Uint8Array;
  /** In the track's timescale; absent if the version has no timestamps. */
  readonly timestamp?: number;
}

/** Collects the frames of one group, and reports the frames or an error once. */
export class GroupCollector implements SubgroupWriter {
  readonly #begin: () => void;
  readonly #maxBytes: number;
  readonly #done: (result: readonly FetchedFrame[] | Reason) => void;
  readonly #frames: FetchedFrame[] = [];
  #stop: (reason: Reason) => void = () => {};
  #chunks: Uint8Array[] = [];
  #timestamp: number | undefined;
  #bytes = 0;
  #over = false;

  /** `begin` is called at the start of each frame. A group with more than `maxBytes` of payload ends with `limit`. */
  constructor(begin: () => void, maxBytes: number, done: (result: readonly FetchedFrame[] | Reason) => void) {
    this.#begin = begin;
    this.#maxBytes = maxBytes;
    this.#done = done;
  }

  object(size: number, timestamp: number | undefined): void {
    this.#begin();
    if (this.#bytes + size > this.#maxBytes) {
      this.#stop("limit");
      this.reset("limit");
      return;
    }
    this.#timestamp = timestamp;
    this.#chunks = [];
  }

  payload(bytes: Uint8Array): void {
    if (this.#over) return;
    this.#chunks.push(bytes.slice());
    this.#bytes += bytes.length;
  }

  end(): void {
    if (this.#over) return;
    const payload = new Uint8Array(Buffer.concat(this.#chunks));
    this.#frames.push({ payload, ...(this.#timestamp !== undefined && { timestamp: this.#timestamp }) });
  }

  status(): void {}

  finish(): void {
    this.#tell(this.#frames);
  }

  reset(reason: Reason): void {
    this.#tell(reason);
  }

  onStop(callback: (reason: Reason) => void): void {
    this.#stop = callback;
  }

  #tell(result: readonly FetchedFrame[] | Reason): void {
    if (this.#over) return;
    this.#over = true;
    this.#done(result);
  }
}
