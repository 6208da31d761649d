import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseMetrics } from "../../lab/admin.ts";
import { type DrillReport, gapFigures } from "../../lab/drills/figures.ts";
import { drillText } from "../../lab/drills/text.ts";
import type { ViewerReport } from "../../lab/load/messages.ts";
import { WatchLog } from "../../lab/load/watch-log.ts";

const viewer = (fields: Partial<ViewerReport>): ViewerReport => ({
  edge: 0,
  frames: 100,
  gapUs: 40_000,
  gapFromUs: 0,
  moved: 0,
  reconnected: 0,
  subscriptionsLost: 0,
  lost: [],
  ...fields,
});

describe("a viewer's gaps", () => {
  it("are measured from one new frame to the next", () => {
    const log = new WatchLog(10);
    log.frame(100, 1_000);
    log.frame(101, 34_000);
    log.frame(102, 500_000);
    log.frame(103, 533_000);
    assert.deepEqual(log.longest(540_000), { gapUs: 466_000, fromUs: 34_000 });
  });

  it("do not end with a frame that arrives twice, which counts once", () => {
    const log = new WatchLog(10);
    assert.equal(log.frame(100, 1_000), true);
    assert.equal(log.frame(100, 300_000), false);
    assert.equal(log.frames, 1);
    assert.deepEqual(log.longest(400_000), { gapUs: 399_000, fromUs: 1_000 });
  });

  it("include a gap that has begun before the measurement", () => {
    const log = new WatchLog(10);
    log.frame(100, 1_000);
    log.restart();
    log.frame(101, 900_000);
    assert.deepEqual(log.longest(900_000), { gapUs: 899_000, fromUs: 1_000 });
  });

  it("come with the groups that are missing or not whole", () => {
    const log = new WatchLog(3);
    for (const frame of [30, 31, 32, 33, 35, 36, 38, 37]) log.frame(frame, frame * 1_000);
    assert.deepEqual(log.lost([10, 11, 12, 13]), [11, 13]);
  });
});

describe("figures of a drill", () => {
  it("are the maximum and the median of the viewers' longest gaps", () => {
    const viewers = [30, 500, 40, 60].map((ms) => viewer({ gapUs: ms * 1_000 }));
    const { worst, median } = gapFigures({ viewers }, 100_000_000);
    assert.deepEqual([worst, median], [500, 50]);
  });

  it("add up the groups that viewers lost", () => {
    const viewers = [viewer({ lost: [1, 2], moved: 1 }), viewer({ lost: [2], subscriptionsLost: 2, reconnected: 1 })];
    const { lost, moved, reconnected, subscriptionsLost } = gapFigures({ viewers }, 100_000_000);
    assert.deepEqual([lost, moved, reconnected, subscriptionsLost], [3, 1, 1, 2]);
  });

  it("tell viewers that stopped for good from those with a long gap", () => {
    const nowUs = 60_000_000;
    const viewers = [
      viewer({ frames: 0 }),
      viewer({ gapFromUs: nowUs - 3_000_000, gapUs: 3_000_000 }),
      viewer({ gapFromUs: nowUs - 30_000_000, gapUs: 3_000_000 }),
      viewer({}),
    ];
    assert.equal(gapFigures({ viewers }, nowUs).stalled, 2);
  });
});

describe("metrics", () => {
  it("are read with the sum over their labels", () => {
    const samples = parseMetrics(
      '# HELP a b\n# TYPE a gauge\na 3\nb_total{x="1",y="2"} 4\nb_total{x="2",y="z{"} 1.5\nc NaN\n\n',
    );
    assert.equal(samples.get("a"), 3);
    assert.equal(samples.get("b_total"), 5.5);
    assert.equal(samples.has("x"), false);
  });
});

describe("the text of a drill", () => {
  const report: DrillReport = {
    drill: "kill-regional",
    ok: false,
    wrong: ["a viewer waited for 900 ms, more than 300"],
    viewers: 20,
    worst_gap_ms: 900,
    median_gap_ms: 400,
    groups_lost: 0,
    groups: 6,
    upstream_subscriptions_per_track: 1,
    moved: 0,
    reconnected: 0,
    subscriptionsLost: 0,
    stalled: 0,
    usual_gap_ms: 50,
    seconds: 15,
    engine: "native",
    load_engine: "native",
    figures: {},
  };

  it("says that a busy machine may be why a drill failed", () => {
    assert.match(
      drillText({ ...report, usual_gap_ms: 600 }),
      /FAILED.*\nnote: a viewer waited for 600 ms before the drill already/,
    );
    assert.doesNotMatch(drillText(report), /note:/);
    assert.doesNotMatch(drillText({ ...report, usual_gap_ms: 600, ok: true, wrong: [] }), /note:/);
  });
});
