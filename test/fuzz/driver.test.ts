/** The fuzzer finds what it is there to find. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type DriverResult, drive } from "./driver.ts";
import { FuzzFailure, fuzz } from "./fuzz.ts";
import { nextInput } from "./mutate.ts";
import { Random, seedOf } from "./random.ts";
import { TARGETS } from "./support/odd-targets.ts";

const MODULE = new URL("./support/odd-targets.ts", import.meta.url);

function run(name: string, stallMs = 1000): Promise<DriverResult> {
  return drive({ module: MODULE, names: [name], inputs: 1000, seed: 5, stallMs, heapMb: 64 });
}

/** The failure of a target, whose input must be one that it cannot take. */
async function failure(name: string, stallMs?: number): Promise<string> {
  const result = await run(name, stallMs);
  assert.ok(result.kind === "failed");
  assert.equal(result.target, name);
  assert.ok(Number.parseInt(result.input.slice(0, 2), 16) >= 0x80, result.input);
  return result.what;
}

describe("the driver", () => {
  test("counts accepted and refused inputs", async () => {
    const result = await run("well");
    assert.ok(result.kind === "done");
    const [summary] = result.summaries;
    assert.ok(summary);
    assert.equal(summary.inputs, 1000);
    assert.equal(summary.taken + summary.refused, 1000);
    assert.ok(summary.taken > 0 && summary.refused > 0);
  });

  test("names the input at which a target throws", async () => {
    assert.match(await failure("throws"), /TypeError: not thought of/);
  });

  test("names the input at which a target hangs", async () => {
    assert.equal(await failure("hangs"), "takes longer than 1000 ms");
  });

  test("names the input at which a target uses up all memory", async () => {
    assert.equal(await failure("grows", 60_000), "takes more than 64 MiB");
  });

  test("refuses unknown names of targets", async () => {
    await assert.rejects(run("nobody"), /no target/);
  });
});

describe("inputs", () => {
  const [well, throws] = TARGETS;
  assert.ok(well && throws);

  test("are the same for the same seed, and different for another", () => {
    const some = (seed: number) => {
      const seen: string[] = [];
      const before = (_: unknown, input: Uint8Array) => void seen.push(Buffer.from(input).toString("hex"));
      fuzz([well], { inputs: 200, seed, before });
      return seen;
    };
    assert.deepEqual(some(1), some(1));
    assert.notDeepEqual(some(1), some(2));
  });

  test("are divided among the targets, with exactly the requested total", () => {
    const counts = fuzz([well, { ...well, name: "other" }], { inputs: 101, seed: 1 });
    assert.deepEqual(
      counts.map(({ inputs }) => inputs),
      [51, 50],
    );
  });

  test("that fail are in the error", () => {
    assert.throws(
      () => fuzz([throws], { inputs: 1000, seed: 1 }),
      (error) => error instanceof FuzzFailure && error.target === "throws" && (error.input[0] ?? 0) >= 0x80,
    );
  });

  test("do not change the samples that they are made from, and some are unchanged samples", () => {
    const sound = [Uint8Array.of(5, 4, 3, 2, 1), Uint8Array.of(1)];
    const random = new Random(7);
    let untouched = 0;
    for (let i = 0; i < 2000; i++) {
      if (sound.some((one) => Buffer.from(one).equals(nextInput(random, sound)))) untouched++;
    }
    assert.deepEqual(sound, [Uint8Array.of(5, 4, 3, 2, 1), Uint8Array.of(1)]);
    assert.ok(untouched > 50 && untouched < 1000, `${untouched}`);
  });

  test("alone decide every random value of a run", () => {
    assert.equal(seedOf(Uint8Array.of(1, 2)), seedOf(Uint8Array.of(1, 2)));
    assert.notEqual(seedOf(Uint8Array.of(1, 2)), seedOf(Uint8Array.of(2, 1)));
  });
});
