import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Histogram } from "../../bench/load/histogram.ts";

/** Widest bucket, as part of the value. */
const PRECISION = 1 / 128;

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

/** The sample of that rank, by sorting. */
function exact(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(fraction * sorted.length)) - 1] ?? 0;
}

describe("latency histogram", () => {
  it("is exact for small values", () => {
    const histogram = histogramOf([0, 1, 2, 3, 100, 200, 255]);
    assert.equal(histogram.percentile(0.5), 3);
    assert.equal(histogram.percentile(1), 255);
    assert.equal(histogram.percentile(0), 0);
  });

  it("counts the samples above a value", () => {
    const histogram = histogramOf([10, 20, 30, 500_000, 600_000, 9_000_000]);
    assert.deepEqual(
      [0, 20, 500_000, 9_000_000, 2 ** 40].map((us) => histogram.above(us)),
      [6, 4, 2, 0, 0],
    );
  });

  it("gives the percentiles that sorting gives, within a bucket", () => {
    const values = fc.array(fc.nat({ max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (samples, fraction) => {
        const got = histogramOf(samples).percentile(fraction);
        const want = exact(samples, fraction);
        assert.ok(got >= want, `${got} is under ${want}`);
        assert.ok(got <= want * (1 + PRECISION), `${got} is too far over ${want}`);
      }),
    );
  });

  it("keeps the largest value exactly", () => {
    assert.equal(histogramOf([5, 123_457, 99]).max, 123_457);
    assert.equal(histogramOf([123_457]).percentile(0.99), 123_457);
  });

  it("counts a negative value as 0 and a value above its range as the largest", () => {
    const histogram = histogramOf([-5, 1e12]);
    assert.equal(histogram.percentile(0.5), 0);
    assert.equal(histogram.max, 2 ** 31 - 1);
  });

  it("is 0 everywhere when empty", () => {
    const histogram = new Histogram();
    assert.deepEqual([histogram.count, histogram.max, histogram.percentile(0.5)], [0, 0, 0]);
  });

  it("adds the counts of other processes", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 1e7 })), fc.array(fc.nat({ max: 1e7 })), (one, two) => {
        const sum = histogramOf(one);
        sum.add(histogramOf(two).data());
        assert.deepEqual(sum.data(), histogramOf([...one, ...two]).data());
        assert.equal(sum.count, one.length + two.length);
      }),
    );
  });

  it("is empty after it was cleared", () => {
    const histogram = histogramOf([1, 2, 3]);
    histogram.clear();
    assert.deepEqual(histogram.data(), { max: 0, counts: [] });
    assert.equal(histogram.count, 0);
  });
});
