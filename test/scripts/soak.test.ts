import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Chance } from "../../lab/random.ts";
import { faultsOf } from "../../lab/soak/report.ts";
import { leftovers } from "../../lab/soak/tables.ts";
import { type Sample, trendOf } from "../../lab/soak/trend.ts";
import { grew } from "../../lab/soak/watch.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { missingEngine } from "../support/engines.ts";

/** 45 minutes of samples, one every ten seconds: a line of `perHour` MB with `noise` MB around it that changes every `steps` samples. */
function samples(perHour: number, noise: number, steps: number, seed: number): Sample[] {
  const chance = new Chance(seed);
  let now = 0;
  return Array.from({ length: 270 }, (_, index) => {
    if (index % steps === 0) now = (chance.next() - 0.5) * 2 * noise;
    const hours = index / 360;
    return { hours, value: 180 + perHour * hours + now };
  });
}

const HOURS = 0.75;
const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);
/** How many of the seeds show growth. */
const growing = (perHour: number, noise: number, steps: number) =>
  SEEDS.filter((seed) => grew(trendOf(samples(perHour, noise, steps, seed)), HOURS)).length;

describe("the slope of memory", () => {
  test("is that of the line, and sure where there is no noise", () => {
    const { perHour, error } = trendOf(samples(2, 0, 1, 1));
    assert.ok(Math.abs(perHour - 2) < 1e-9);
    assert.ok(error < 1e-9);
  });

  test("of a leak of 4 MB an hour counts as growth, also in noise of 3 MB", () => {
    assert.equal(growing(4, 0, 1), SEEDS.length);
    assert.ok(growing(4, 3, 1) > 35);
  });

  test("of flat memory does not, also where noise comes in steps of minutes", () => {
    assert.ok(growing(0, 5, 1) <= 1);
    assert.ok(growing(0, 5, 12) <= 1);
  });

  test("is less sure where neighbours resemble each other", () => {
    assert.ok(trendOf(samples(0, 5, 12, 1)).error > 2 * trendOf(samples(0, 5, 1, 1)).error);
  });

  test("of a short run is not judged", () => {
    assert.equal(grew({ perHour: 100, error: 1 }, 0.1), false);
    assert.equal(grew({ perHour: 100, error: 1 }, 0.5), true);
    assert.equal(grew(trendOf([]), 1), false);
  });
});

test("tables that are not empty again are faults, and so is memory that grows", () => {
  const before = new Map([["moqmesh_sessions", 2]]);
  assert.deepEqual(leftovers(before, before), []);
  const left = leftovers(before, new Map([...before, ["moqmesh_tracks", 1]]));
  assert.deepEqual(left, [{ table: "tracks", before: 0, now: 1 }]);
  const slope = { kind: "rss", perHour: 3, error: 0.5 } as const;
  const outcome = { name: "edge-1", slopes: [slope], hours: HOURS, leftovers: left };
  assert.deepEqual(faultsOf(outcome), [
    "edge-1: resident memory grows: RSS +3.00 ± 0.50 MB an hour",
    "edge-1: tracks is 1, and was 0 before the first client",
  ]);
  assert.deepEqual(faultsOf({ ...outcome, slopes: [{ ...slope, error: 2.5 }], leftovers: [] }), []);
});

test("a soak of three seconds ends with empty tables", { skip: missingEngine(), timeout: patient(110_000) }, () => {
  const file = fileURLToPath(new URL("../../scripts/soak.ts", import.meta.url));
  const args = [file, "--minutes", "0.05", "--rate", "15", "--seed", "7"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /^seed 7: 0.05 minutes with one relay/);
  assert.match(stdout, /\d\d sessions so far/);
  assert.match(stdout, /relay: all tables are as before the first client/);
});
