import { Histogram } from "./histogram.ts";
import type { TrackReport, Window } from "./messages.ts";
import { Seen } from "./seen.ts";

/** Counts the frames of one track that the viewers of one process receive within a window. */
export class Tally {
  readonly #windowFrames: number;
  readonly #latency = new Histogram();
  #viewers: Seen[];
  #fromUs = Number.POSITIVE_INFINITY;
  #toUs = Number.POSITIVE_INFINITY;
  #duplicates = 0;
  #arrivedFrames = 0;
  #arrivedBytes = 0;
  #lightUs = Number.POSITIVE_INFINITY;
  /** By viewer. */
  readonly #recoveries = new Map<number, { firstUs: number; firstAgeUs: number; liveUs?: number }>();

  /** `windowFrames`: most frames of one broadcast in a window. */
  constructor(viewers: number, windowFrames: number) {
    this.#windowFrames = windowFrames;
    this.#viewers = this.#blank(viewers);
  }

  measure(window: Window): void {
    this.#fromUs = window.fromUs;
    this.#toUs = window.toUs;
    this.#viewers = this.#blank(this.#viewers.length);
    this.#latency.clear();
    this.#duplicates = 0;
    this.#arrivedFrames = 0;
    this.#arrivedBytes = 0;
    this.#lightUs = window.lightUs ?? Number.POSITIVE_INFINITY;
    this.#recoveries.clear();
  }

  /** A whole frame arrived at `viewer`. */
  frame(viewer: number, frame: number, sentUs: number, nowUs: number, bytes: number): void {
    if (nowUs >= this.#fromUs && nowUs < this.#toUs) {
      this.#arrivedFrames++;
      this.#arrivedBytes += bytes;
    }
    if (nowUs >= this.#lightUs) this.#recovers(viewer, sentUs, nowUs);
    if (sentUs < this.#fromUs || sentUs >= this.#toUs) return;
    if (this.#viewers[viewer]?.mark(frame) === true) this.#latency.record(nowUs - sentUs);
    else this.#duplicates++;
  }

  report(): TrackReport {
    return {
      received: this.#viewers.map((seen) => seen.count),
      duplicates: this.#duplicates,
      arrivedFrames: this.#arrivedFrames,
      arrivedBytes: this.#arrivedBytes,
      latencyUs: this.#latency.data(),
      recoveries: [...this.#recoveries.values()],
    };
  }

  #recovers(viewer: number, sentUs: number, nowUs: number): void {
    let recovery = this.#recoveries.get(viewer);
    if (recovery === undefined) {
      recovery = { firstUs: nowUs - this.#lightUs, firstAgeUs: nowUs - sentUs };
      this.#recoveries.set(viewer, recovery);
    }
    if (sentUs >= this.#lightUs) recovery.liveUs ??= nowUs - this.#lightUs;
  }

  #blank(viewers: number): Seen[] {
    return Array.from({ length: viewers }, () => new Seen(this.#windowFrames));
  }
}
