/** Buckets per doubling, as a power of two: each is at most 1/128 wide, so percentiles are exact to 0.8 %. */
const SUB_BITS = 7;
const SUB = 2 ** SUB_BITS;
/** Largest value with its own bucket, in microseconds: about 36 minutes. */
const LARGEST = 2 ** 31 - 1;
const BUCKETS = (31 - SUB_BITS + 1) * SUB;

/** A histogram as a message between processes. */
export interface HistogramData {
  readonly max: number;
  /** Buckets that are not empty: index, count, index, count … */
  readonly counts: readonly number[];
}

/** Latencies in whole microseconds, in log-linear buckets: memory does not grow with the number of samples. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #max = 0;

  get count(): number {
    return this.#total;
  }

  /** Exact; 0 when there are none. */
  get max(): number {
    return this.#max;
  }

  /** Below 0 counts as 0. */
  record(us: number): void {
    const value = Math.min(Math.max(0, us), LARGEST);
    const bucket = bucketOf(value);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total++;
    if (value > this.#max) this.#max = value;
  }

  /** The smallest bucket end that `fraction` of the samples do not exceed; 0 when there are none. */
  percentile(fraction: number): number {
    const rank = Math.max(1, Math.ceil(fraction * this.#total));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(endOf(bucket), this.#max);
    }
    return 0;
  }

  /** How many samples are over `us`, to the width of a bucket. */
  above(us: number): number {
    let sum = 0;
    for (let bucket = bucketOf(Math.min(us, LARGEST)) + 1; bucket < BUCKETS; bucket++) sum += this.#counts[bucket] ?? 0;
    return sum;
  }

  add(data: HistogramData): void {
    for (let i = 0; i + 1 < data.counts.length; i += 2) {
      const bucket = data.counts[i] ?? 0;
      const count = data.counts[i + 1] ?? 0;
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#total += count;
    }
    this.#max = Math.max(this.#max, data.max);
  }

  data(): HistogramData {
    const counts: number[] = [];
    for (const [bucket, count] of this.#counts.entries()) if (count > 0) counts.push(bucket, count);
    return { max: this.#max, counts };
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#max = 0;
  }
}

/** Values under `2 * SUB` have a bucket each. */
function bucketOf(value: number): number {
  const shift = Math.max(0, 31 - Math.clz32(value) - SUB_BITS);
  return shift * SUB + (value >>> shift);
}

/** The largest value of a bucket. */
function endOf(bucket: number): number {
  if (bucket < 2 * SUB) return bucket;
  const shift = Math.floor(bucket / SUB) - 1;
  return (bucket - shift * SUB + 1) * 2 ** shift - 1;
}
