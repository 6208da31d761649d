import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UsageError } from "../../bench/flags.ts";
import { tierFigures, upstreamRatio } from "../../bench/hops/figures.ts";
import { hopsHelp, parseHops } from "../../bench/hops/options.ts";
import { hopsJson, hopsText } from "../../bench/hops/report.ts";
import { Histogram } from "../../bench/load/histogram.ts";

function tier(name: string, latencies: readonly number[], received: readonly number[]) {
  const histogram = new Histogram();
  for (const us of latencies) histogram.record(us);
  return { tier: name, viewers: received.length, latencyUs: histogram.data(), received };
}

const TIERS = [
  tier("origin", [100, 100, 100, 200], [10, 10]),
  tier("regional", [150, 150, 150, 400], [10, 9]),
  tier("edge", [250, 250, 250, 450], [10, 10, 12]),
];

describe("latency per hop", () => {
  it("is what each tier adds to the one before", () => {
    const [origin, regional, edge] = tierFigures(TIERS, 10);
    assert.equal(origin?.added, undefined);
    // Percentiles are right to 0.8 %.
    const near = (value: number | undefined, ms: number) => assert.ok(Math.abs((value ?? 0) - ms) < 0.006, `${value}`);
    near(origin?.p50, 0.1);
    near(regional?.added?.p50, 0.05);
    near(regional?.added?.p99, 0.2);
    near(edge?.added?.p50, 0.1);
    near(edge?.added?.p99, 0.05);
  });

  it("counts what was lost, and does not offset it with what came in excess", () => {
    assert.deepEqual(
      tierFigures(TIERS, 10).map(({ frames, lost }) => [frames, lost]),
      [
        [20, 0],
        [19, 1],
        [32, 0],
      ],
    );
  });

  it("comes with what the edge pulled from upstream", () => {
    assert.equal(upstreamRatio(1_000, 33_000, 33), 1);
    assert.equal(upstreamRatio(1_000, 0, 33), 0);
    const options = parseHops([]);
    assert.ok(options !== "help");
    const found = {
      engine: "native",
      loadEngine: "native",
      protocol: "moq-lite-05",
      tiers: tierFigures(TIERS, 10),
      upstream: { viewers: 3, bytes: 1_000, ratio: 1 },
    };
    assert.match(hopsText(options, found), /regional +2 .* 19 +1\n/);
    const json = hopsJson(options, found);
    assert.deepEqual(
      json.tiers.map(({ added_ms }) => added_ms === null),
      [true, false, false],
    );
    assert.equal(json.edge_upstream.of_one_viewer, 1);
  });
});

describe("options of the mesh bench", () => {
  it("have defaults and bounds", () => {
    const options = parseHops([]);
    assert.ok(options !== "help");
    assert.deepEqual([options.viewers, options.framesPerSecond, options.seconds, options.warmup], [100, 30, 10, 3]);
    assert.throws(() => parseHops(["--viewers", "2"]), UsageError);
    assert.throws(() => parseHops(["--frame-bytes", "8"]), UsageError);
    assert.equal(parseHops(["--help"]), "help");
    assert.match(hopsHelp(), /--warmup S/);
  });
});
