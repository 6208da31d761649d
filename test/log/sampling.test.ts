import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { createLogger } from "../../relay/log/logger.ts";
import { Sampling, type Suppressed } from "../../relay/log/sampling.ts";

const INFO = 30;
const WARN = 40;

function sampled(burst: number) {
  const clock = new ManualClock();
  const summaries: [level: number, summary: Suppressed][] = [];
  const sampling = new Sampling({
    now: () => clock.now(),
    timer: (delayMs, callback) => clock.timer(delayMs, callback),
    burst,
    summarize: (level, summary) => summaries.push([level, summary]),
  });
  return { clock, summaries, sampling };
}

describe("sampling of the log", () => {
  test("writes the first lines of a second, and one line about the rest", () => {
    const { clock, summaries, sampling } = sampled(3);
    const taken = Array.from({ length: 10 }, () => sampling.take(INFO, "session opened"));
    assert.deepEqual(taken, [...[true, true, true], ...Array.from({ length: 7 }, () => false)]);
    assert.ok(sampling.take(WARN, "session opened"), "another level is another kind");
    assert.ok(sampling.take(INFO, "session closed"), "another text is another kind");
    clock.advance(1_000);
    assert.deepEqual(summaries, [[INFO, { message: "session opened", suppressed: 7, seconds: 1 }]]);
    assert.equal(sampling.suppressed, 7);
    assert.ok(sampling.take(INFO, "session opened"), "the next second begins with nothing counted");
    clock.advance(1_000);
    assert.equal(summaries.length, 1, "a quiet second has no line");
  });

  test("leaves out nothing with a burst of 0, which a reload may set", () => {
    const { clock, summaries, sampling } = sampled(1);
    sampling.burst = 0;
    assert.ok(Array.from({ length: 5 }, () => sampling.take(INFO, "a")).every(Boolean));
    clock.advance(1_000);
    assert.deepEqual(summaries, []);
  });

  test("holds a bounded number of kinds", () => {
    const { clock, summaries, sampling } = sampled(1);
    for (let kind = 0; kind < 5_000; kind++) sampling.take(INFO, `relay ${kind} unreachable`);
    clock.advance(1_000);
    assert.deepEqual(summaries, [[INFO, { message: "lines of many kinds", suppressed: 3_975, seconds: 1 }]]);
  });

  test("drops lines of a logger and of its children", () => {
    const { sampling } = sampled(2);
    const lines: string[] = [];
    const log = createLogger({
      level: "info",
      format: "json",
      stream: { write: (line) => lines.push(line) },
      sampling,
    });
    for (let i = 0; i < 4; i++) log.info({ i }, "flood");
    const child = log.child({ module: "mesh" });
    for (let i = 0; i < 4; i++) child.warn("flood of warnings");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).msg),
      ["flood", "flood", "flood of warnings", "flood of warnings"],
    );
  });
});
