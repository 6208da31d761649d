import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { millis } from "./step.ts";

/** Histograms count whole microseconds, from 1. */
const PER_MS = 1_000;

/** The distribution of times in milliseconds, in constant memory. Values are exact to three digits. */
export class Spread {
  readonly #histogram: RecordableHistogram = createHistogram();

  static of(values: readonly number[]): Spread {
    const made = new Spread();
    for (const value of values) made.add(value);
    return made;
  }

  add(ms: number): void {
    this.#histogram.record(Math.max(1, Math.round(ms * PER_MS)));
  }

  get count(): number {
    return this.#histogram.count;
  }

  get min(): number {
    return this.#histogram.min / PER_MS;
  }

  get max(): number {
    return this.#histogram.max / PER_MS;
  }

  /** `percent` from 0 to 100. */
  percentile(percent: number): number {
    return this.#histogram.percentile(percent) / PER_MS;
  }

  /** `min 0.10 ms, median 0.20 ms, max 1.2 ms` */
  text(): string {
    return `min ${millis(this.min)}, median ${millis(this.percentile(50))}, max ${millis(this.max)}`;
  }

  /** Null where there is no value. */
  toJson() {
    if (this.count === 0) return null;
    return { min: this.min, median: this.percentile(50), max: this.max, count: this.count };
  }
}
