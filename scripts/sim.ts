/**
 * Lets random meshes come to harm, in one process, with a clock turned by hand.
 *
 *     npm run sim -- [--nodes 14] [--seeds 20] [--seed 1] [--rounds 3] [--blows 8]
 *     npm run sim -- --messages
 *
 * Seeds count up from `--seed`; one that fails is run again by `--seed N --seeds 1 --trace` with the same other options. Exit code 1
 * when a mesh did not keep its promises. The second form prints how messages for one publish event grow.
 */
import { parseArgs } from "node:util";
import { growthOf, SIZES } from "../test/cluster/sim/growth.ts";
import { Ordeal } from "../test/cluster/sim/ordeal.ts";

/** Of one mesh that are printed. */
const MOST_VIOLATIONS = 10;
const MOST_ROOTS = 3;

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "14" },
    seeds: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    rounds: { type: "string", default: "3" },
    blows: { type: "string", default: "8" },
    messages: { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
  },
});

function whole(name: "nodes" | "seeds" | "seed" | "rounds" | "blows", least: number): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Error(`--${name} must be a whole number from ${least}, not ${values[name]}`);
}

if (values.messages) await messages();
else await ordeals();

async function messages(): Promise<void> {
  const rows = [];
  for (const [nodes, roots] of SIZES) rows.push(await growthOf(nodes, roots));
  console.table(rows);
}

async function ordeals(): Promise<void> {
  const options = { nodes: whole("nodes", 8), rounds: whole("rounds", 1), blows: whole("blows", 1) };
  const first = whole("seed", 0);
  const told = values.trace ? { told: (line: string) => console.log(line) } : {};
  let failed = 0;
  const seeds = whole("seeds", 1);
  for (let seed = first; seed < first + seeds; seed++) {
    const roots = 1 + (seed % MOST_ROOTS);
    const { violations, simulatedMs, watched } = await new Ordeal({ seed, roots, ...options, ...told }).run();
    const found = violations.length === 0 ? "well" : `${violations.length} violations`;
    console.log(`seed ${seed}: ${roots} roots, ${simulatedMs / 1_000} s, ${watched} viewers: ${found}`);
    for (const violation of violations.slice(0, MOST_VIOLATIONS)) console.log(`  ${violation}`);
    if (violations.length > 0) failed++;
  }
  console.log(`${seeds - failed} of ${seeds} meshes of ${options.nodes} relays kept their promises`);
  if (failed > 0) process.exitCode = 1;
}
