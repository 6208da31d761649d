import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UsageError } from "../../bench/flags.ts";
import { Histogram } from "../../bench/load/histogram.ts";
import { Progress } from "../../bench/report/progress.ts";
import { figuresOf, framesLost } from "../../bench/storm/figures.ts";
import { KINDS } from "../../bench/storm/kinds.ts";
import { parseStorm, stormHelp } from "../../bench/storm/options.ts";
import { stormJson, stormText } from "../../bench/storm/report.ts";
import { stormOnce } from "../../bench/storm/storm.ts";

function optionsOf(...args: string[]) {
  const options = parseStorm(args);
  assert.ok(options !== "help");
  return options;
}

const at = (ms: number) => ({ p50: ms, p99: ms, max: ms });

/** A storm in which p99 rises from 10 ms to `p99`, and memory from 100 MB to `peak`, then to `withCrowd` and to `after`. */
function measured(p99: number, peak: number, withCrowd: number, after = 100) {
  const stay = { before: at(10), during: at(p99), framesLost: 0 };
  const rssMb = { before: 100, peak, with: withCrowd, after };
  return { kind: "viewers" as const, size: 10, watchers: 0, stay, rssMb, cpuS: 1 };
}

function stormed(done: number, refused: Record<string, number> = {}) {
  const waits = new Histogram();
  for (let ms = 1; ms <= done; ms++) waits.record(ms * 1_000);
  return { done, of: 10, waits: waits.data(), refused, lost: {} };
}

describe("figures of a storm", () => {
  it("miss no goal where the viewers who stay and the memory hardly notice it", () => {
    const figures = figuresOf(measured(20, 150, 100), stormed(10), {});
    assert.deepEqual(figures.missed, []);
    assert.equal(figures.waitMs.max, 10);
    // Memory of those who stay is no part of the storm.
    assert.deepEqual(figuresOf(measured(20, 200, 180), stormed(10), {}).missed, []);
  });

  it("name each goal that was missed", () => {
    const { missed } = figuresOf(measured(21, 151, 100, 151), stormed(9, { "status 503": 2 }), { "remote 1": 3 });
    assert.deepEqual(missed, [
      "1 of 10 did not get what they came for",
      "2 attempts were refused (status 503)",
      "3 sessions ended (remote 1)",
      "memory rose to 1.51 times what it is at rest",
      "memory was 1.51 times that before the storm when all had left",
      "p99 of the viewers who stay rose from 10.0 to 21.0 ms",
    ]);
  });

  it("count the frames that viewers who stay lost, each by itself", () => {
    const track = { received: [10, 8, 12], duplicates: 0, arrivedFrames: 0, arrivedBytes: 0, recoveries: [] };
    const report = { ...track, latencyUs: { max: 0, counts: [] } };
    assert.equal(framesLost({ kind: "audienceReport", tracks: [report], lostSessions: {} }, 10), 2);
  });

  it("are printed for a person and for a program", () => {
    const figures = [figuresOf(measured(30, 150, 100), stormed(10), {})];
    const text = stormText(optionsOf(), figures);
    assert.match(text, /viewers +10 +10 of 10 .* 10\.0, 30\.0 +100, 150, 100, 100/);
    assert.match(text, /missed \(viewers\): p99/);
    assert.equal(stormJson(optionsOf(), figures).kinds[0]?.stay_latency_ms.during.p99, 30);
  });
});

describe("options of the storm bench", () => {
  it("have defaults and bounds", () => {
    const { kinds, size, stay } = optionsOf();
    assert.deepEqual([kinds.length, size, stay], [4, undefined, 50]);
    assert.deepEqual(optionsOf("--kind", "churn", "--size", "7").kinds, [KINDS.churn]);
    assert.throws(() => parseStorm(["--kind", "rain"]), UsageError);
    assert.match(stormHelp(), /lobby +sessions that list all broadcasts/);
  });
});

describe("a storm", { skip: process.platform !== "linux" && "it reads /proc, so it needs Linux" }, () => {
  it("ends with every viewer served although the service that decides is slow", async () => {
    const options = optionsOf("--size", "12", "--seconds", "0.5", "--after", "0.1", "--stay", "2", "--auth", "300");
    const figures = await stormOnce(KINDS.viewers, options, undefined, new Progress(process.stderr, true));
    assert.deepEqual([figures.done, figures.of, figures.refused, figures.lost], [12, 12, {}, {}]);
    // Each waited for the service.
    assert.ok(figures.waitMs.p50 >= 300, `${figures.waitMs.p50} ms`);
    assert.equal(figures.stay.framesLost, 0);
  });
});
