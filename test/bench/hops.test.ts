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
  const report = { duplicates: 0, arrivedFrames: 0, arrivedBytes: 5_000, recoveries: [] };
  const packets = { passed: 99, lost: 1, dropped: 0, dark: 0, overtaken: 0 };
  return {
    tier: name,
    viewers: received.length,
    report: { ...report, received: [...received], latencyUs: histogram.data() },
    cpuPercent: 5,
    packets,
  };
}

const SENT = { due: 10, frameBytes: 1_000, seconds: 10, path: undefined };

const TIERS = [
  tier("origin", [100, 100, 100, 200], [10, 10]),
  tier("regional", [150, 150, 150, 400], [10, 9]),
  tier("edge", [250, 250, 250, 450], [10, 10, 12]),
];

describe("latency per hop", () => {
  it("is what each tier adds to the one before", () => {
    const [origin, regional, edge] = tierFigures(TIERS, SENT);
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
      tierFigures(TIERS, SENT).map(({ frames, lost }) => [frames, lost]),
      [
        [20, 0],
        [19, 1],
        [32, 0],
      ],
    );
  });

  it("comes with what a bad network between the relays costs", () => {
    const late = tier("edge", [250, 250, 600_000], [3]);
    const [origin, edge] = tierFigures([tier("origin", [100], [10]), late], { ...SENT, path: "delay=40 outage=2" });
    // The origin's viewers have no such network, so no packets were lost on the way to them.
    assert.deepEqual(
      [origin, edge].map((one) => one?.network && [one.network.framesLate, one.network.packetsLostPercent]),
      [
        [0, 0],
        [1, 1],
      ],
    );
    // 5,000 bytes arrived at one viewer, of ten frames of 1,000 bytes; nothing after the outage.
    assert.equal(edge?.network?.deliveredPercent, 50);
    assert.equal(edge.network.recoveryMs, undefined);
    // A link of 4 kbit/s carries 5,000 bytes in ten seconds.
    const [, thin] = tierFigures([tier("origin", [100], [10]), late], { ...SENT, path: "rate=0.004" });
    assert.equal(thin?.network?.deliveredPercent, 100);
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
      tiers: tierFigures(TIERS, SENT),
      upstream: { viewers: 3, bytes: 1_000, ratio: 1 },
      failovers: 0,
    };
    assert.match(hopsText(options, found), /regional +2 .* 19 +1 +5\.0\n/);
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
    assert.throws(() => parseHops(["--path", "lose=1"]), /--path: "lose" is unknown/);
    assert.throws(() => parseHops(["--frame-bytes", "8"]), UsageError);
    assert.equal(parseHops(["--help"]), "help");
    assert.match(hopsHelp(), /--warmup S/);
  });
});
