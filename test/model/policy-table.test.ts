/** Which policy holds for a path, and how what is in use is counted by policy. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { COUNTED, PolicyLedger, type PolicyRefusal, PolicyTable } from "../../moq/model/policy/index.ts";
import { isUnder, pathParts } from "../../moq/path.ts";

const path = fc.array(fc.constantFrom("a", "b", "ab"), { maxLength: 4 }).map((segments) => segments.join("/"));
const policy = fc.record(
  { prefix: path, broadcasts: fc.nat({ max: 3 }), tracks: fc.nat({ max: 3 }), priority: fc.nat({ max: 7 }) },
  { requiredKeys: ["prefix"] },
);
const policies = fc.uniqueArray(policy, { selector: ({ prefix }) => prefix, maxLength: 8 });

describe("the table of policies", () => {
  it("takes each key from the longest prefix of whole segments that gives it", () => {
    fc.assert(
      fc.property(policies, path, (all, asked) => {
        const found = new PolicyTable(all).find(asked);
        for (const key of ["broadcasts", "tracks", "priority"] as const) {
          const [longest] = all
            .filter(({ prefix, ...values }) => isUnder(asked, prefix) && values[key] !== undefined)
            .toSorted((a, b) => pathParts(b.prefix) - pathParts(a.prefix));
          const expected = longest && { value: longest[key], prefix: longest.prefix };
          assert.deepEqual(found[key], expected, `${key} of "${asked}"`);
        }
      }),
    );
  });

  it("inherits what a longer prefix does not give", () => {
    const table = new PolicyTable([
      { prefix: "live/tenant-a", broadcasts: 5 },
      { prefix: "", priority: 1 },
      { prefix: "live", priority: 3, tracks: 9 },
    ]);
    assert.deepEqual(table.find("live/tenant-a/cam"), {
      priority: { value: 3, prefix: "live" },
      tracks: { value: 9, prefix: "live" },
      broadcasts: { value: 5, prefix: "live/tenant-a" },
    });
    assert.deepEqual(table.find("live/tenant-ab").broadcasts, undefined, "a prefix ends with a segment");
    assert.deepEqual(table.find("other"), { priority: { value: 1, prefix: "" } });
    assert.deepEqual(new PolicyTable([]).find("live"), {});
  });
});

type Step =
  | { readonly do: "take"; readonly path: string; readonly owner: number; readonly what: "broadcasts" | "tracks" }
  | { readonly do: "release"; readonly which: number }
  | { readonly do: "change"; readonly policies: readonly { prefix: string; broadcasts?: number; tracks?: number }[] };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("take" as const),
      path,
      owner: fc.nat({ max: 2 }),
      what: fc.constantFrom("broadcasts" as const, "tracks" as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("release" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("change" as const), policies }) },
);

describe("the ledger of policies", () => {
  it("refuses at the bound and never before, whatever comes, goes and is reconfigured", () => {
    const owners = [{}, {}, {}];
    fc.assert(
      fc.property(policies, fc.array(step, { maxLength: 60 }), (first, steps) => {
        let table = new PolicyTable(first);
        const ledger = new PolicyLedger(table);
        const held: { what: "broadcasts" | "tracks"; path: string; release: () => void }[] = [];
        const used = (what: "broadcasts" | "tracks", prefix: string) =>
          held.filter((one) => one.what === what && table.find(one.path)[what]?.prefix === prefix).length;
        for (const one of steps) {
          if (one.do === "take") {
            const given = table.find(one.path)[one.what];
            const full = given !== undefined && given.value > 0 && used(one.what, given.prefix) >= given.value;
            const taken = ledger.take(one.what, { path: one.path, owner: owners[one.owner] ?? {} });
            assert.equal(typeof taken !== "function", full);
            if (typeof taken === "function") held.push({ what: one.what, path: one.path, release: taken });
          } else if (one.do === "release") {
            const [gone] = held.splice(one.which % Math.max(1, held.length), 1);
            gone?.release();
            gone?.release();
          } else {
            table = new PolicyTable(one.policies);
            ledger.reconfigure(table);
          }
          const counted = [...ledger.uses()].map((use) => [use.used.broadcasts, use.used.tracks]);
          const expected = table.policies.map(({ prefix }) => [used("broadcasts", prefix), used("tracks", prefix)]);
          assert.deepEqual(counted, expected);
        }
        for (const { release } of held.splice(0)) release();
        for (const { used: left } of ledger.uses())
          assert.deepEqual(left, Object.fromEntries(COUNTED.map((what) => [what, 0])));
      }),
    );
  });

  it("counts a session once among the publishers of a prefix, however many broadcasts it announces", () => {
    const ledger = new PolicyLedger(new PolicyTable([{ prefix: "live", publishers: 1 }]));
    const [one, other] = [{}, {}];
    const first = taken(ledger.take("broadcasts", { path: "live/a", owner: one }));
    const second = taken(ledger.take("broadcasts", { path: "live/b", owner: one }));
    assert.deepEqual(ledger.take("broadcasts", { path: "live/c", owner: other }), {
      bound: "publishers",
      prefix: "live",
      most: 1,
    });
    first();
    assert.equal(
      typeof ledger.take("broadcasts", { path: "live/c", owner: other }),
      "object",
      "it still announces one",
    );
    second();
    taken(ledger.take("broadcasts", { path: "live/c", owner: other }));
  });

  it("calls those that wait in turn, and leaves the place to the next when one does not use it", () => {
    const ledger = new PolicyLedger(new PolicyTable([{ prefix: "live", broadcasts: 1 }]));
    const release = taken(ledger.take("broadcasts", { path: "live/a", owner: {} }));
    const refusal = refused(ledger.take("broadcasts", { path: "live/b", owner: {} }));
    const called: string[] = [];
    ledger.whenRoom(refusal, () => called.push("gone"));
    ledger.whenRoom(refusal, () => {
      called.push("takes");
      taken(ledger.take("broadcasts", { path: "live/b", owner: {} }));
    });
    ledger.whenRoom(refusal, () => called.push("too late"));
    const cancel = ledger.whenRoom(refusal, () => called.push("cancelled"));
    cancel();
    release();
    assert.deepEqual(called, ["gone", "takes"]);
    ledger.reconfigure(new PolicyTable([]));
    assert.deepEqual(called, ["gone", "takes", "too late"], "without the bound there is room for all");
  });
});

function taken(result: (() => void) | PolicyRefusal): () => void {
  if (typeof result !== "function") throw new Error(`refused: ${JSON.stringify(result)}`);
  return result;
}

function refused(result: (() => void) | PolicyRefusal): PolicyRefusal {
  if (typeof result === "function") throw new Error("it was not refused");
  return result;
}
