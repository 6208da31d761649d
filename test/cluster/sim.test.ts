/** Random meshes that come to harm, from seeds that are printed: MOQMESH_SEED=N runs one again, `npm run sim` runs many. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Ordeal, type OrdealOptions } from "../../lab/sim/ordeal.ts";

const given = process.env["MOQMESH_SEED"];
const MESHES: readonly Omit<OrdealOptions, "seed">[] = [
  { nodes: 12, roots: 1, rounds: 2, blows: 8 },
  { nodes: 14, roots: 2, rounds: 2, blows: 8 },
  { nodes: 40, roots: 3, rounds: 2, blows: 8 },
  { nodes: 40, roots: 2, rounds: 2, blows: 8, parents: true },
  { nodes: 40, roots: 2, rounds: 1, blows: 8, parents: true },
  { nodes: 200, roots: 3, rounds: 1, blows: 8 },
];

describe("a random mesh with failures", () => {
  for (const [n, options] of MESHES.entries()) {
    const seed = given === undefined ? n + 1 : Number(given);
    const { nodes, roots, parents } = options;
    it(`of ${nodes} relays with ${roots} roots${parents === true ? " and parent regions" : ""} keeps its promises (seed ${seed})`, async (t) => {
      const trace = given === undefined ? {} : { trace: (line: string) => t.diagnostic(line) };
      const report = await new Ordeal({ seed, ...options, ...trace }).run();
      const { blows, simulatedMs, worstWaitMs, watched } = report;
      const happened = Object.entries(blows).map(([kind, count]) => `${count} ${kind}`);
      t.diagnostic(`${happened.join(", ")} in ${simulatedMs / 1_000} s of simulated time`);
      t.diagnostic(`${watched} viewers tried, the last of them got something after ${worstWaitMs} ms`);
      assert.deepEqual(report.violations, []);
      assert.ok(watched > 0);
    });
  }
});
