/** Runs random meshes with random failures in one process, with a clock turned by hand: `npm run sim`. */
import { badNetwork, growthOf, Ordeal, SIZES } from "../lab/sim/index.ts";
import { readFlags, wholeFlag } from "./flags.ts";

/** Most problems of one mesh that are printed. */
const MOST_VIOLATIONS = 10;
const MOST_ROOTS = 3;

const HELP = `Usage: npm run sim -- [--nodes 14] [--seeds 20] [--seed 1] [--rounds 3] [--blows 8] [--token-life SECONDS] [--trace]
       npm run sim -- --messages
       npm run sim -- --bad-network [--seconds 600] [--round-trip 150] [--jitter 50] [--loss 5] [--seeds 20] [--seed 1]

Runs random meshes with faults in one process, with a clock turned by hand, and checks what the mesh promises. The second form
prints how the number of messages for one publish event grows with the mesh. In the third form no relay fails, and the network
between all relays is bad: no relay may suspect another one, and no link may end.

  --nodes N   Relays of a mesh, at least 8 (default 14).
  --seeds N   Meshes to run (default 20), with seeds that count up from --seed.
  --seed N    The first seed (default 1).
  --rounds N  Rounds of faults, after each of which the mesh has to recover (default 3).
  --blows N   Faults in each round (default 8).
  --token-life SECONDS
              Tokens of relays expire after so long, and links are renewed before (default: no token expires).
  --trace     Print what happens. A seed that failed is run again by --seed N --seeds 1 --trace with the same other flags.
  --messages  Count messages instead.
  --seconds N, --round-trip MS, --jitter MS, --loss PERCENT
              With --bad-network: simulated seconds; round trip; most jitter each way; packets that are lost each way.

Exit codes: 0 all meshes kept their promises, 1 one did not, 2 wrong command line.`;

const values = readFlags(HELP, {
  nodes: { type: "string", default: "14" },
  seeds: { type: "string", default: "20" },
  seed: { type: "string", default: "1" },
  rounds: { type: "string", default: "3" },
  blows: { type: "string", default: "8" },
  "token-life": { type: "string" },
  messages: { type: "boolean", default: false },
  "bad-network": { type: "boolean", default: false },
  seconds: { type: "string", default: "600" },
  "round-trip": { type: "string", default: "150" },
  jitter: { type: "string", default: "50" },
  loss: { type: "string", default: "5" },
  trace: { type: "boolean", default: false },
});

type WholeFlag = "nodes" | "seeds" | "seed" | "rounds" | "blows" | "seconds" | "round-trip" | "jitter" | "loss";

function whole(name: WholeFlag, least: number): number {
  return wholeFlag(HELP, name, values[name], least);
}

if (values.messages) await messages();
else if (values["bad-network"]) await badNetworks();
else await ordeals();

async function badNetworks(): Promise<void> {
  const network = {
    seconds: whole("seconds", 1),
    roundTripMs: whole("round-trip", 0),
    jitterMs: whole("jitter", 0),
    loss: whole("loss", 0) / 100,
  };
  const first = whole("seed", 0);
  for (let seed = first; seed < first + whole("seeds", 1); seed++) {
    const { suspicions, linksLost, groups } = await badNetwork({ seed, ...network });
    console.log(`seed ${seed}: ${groups} groups watched, ${suspicions} suspicions, ${linksLost} links lost`);
    if (suspicions + linksLost > 0 || groups === 0) process.exitCode = 1;
  }
}

async function messages(): Promise<void> {
  const rows = [];
  for (const [nodes, roots] of SIZES) rows.push(await growthOf(nodes, roots));
  console.table(rows);
}

async function ordeals(): Promise<void> {
  const options = { nodes: whole("nodes", 8), rounds: whole("rounds", 1), blows: whole("blows", 1) };
  const first = whole("seed", 0);
  const life = values["token-life"];
  const tokens = life === undefined ? {} : { tokenLifeMs: 1_000 * wholeFlag(HELP, "token-life", life, 1) };
  const trace = values.trace ? { trace: (line: string) => console.log(line) } : {};
  let failed = 0;
  const seeds = whole("seeds", 1);
  for (let seed = first; seed < first + seeds; seed++) {
    const roots = 1 + (seed % MOST_ROOTS);
    const { violations, simulatedMs, watched } = await new Ordeal({
      seed,
      roots,
      ...options,
      ...tokens,
      ...trace,
    }).run();
    const found = violations.length === 0 ? "well" : `${violations.length} violations`;
    console.log(`seed ${seed}: ${roots} roots, ${simulatedMs / 1_000} s, ${watched} viewers: ${found}`);
    for (const violation of violations.slice(0, MOST_VIOLATIONS)) console.log(`  ${violation}`);
    if (violations.length > 0) failed++;
  }
  console.log(`${seeds - failed} of ${seeds} meshes of ${options.nodes} relays kept their promises`);
  if (failed > 0) process.exitCode = 1;
}
