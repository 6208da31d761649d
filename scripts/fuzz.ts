/** Feeds random and mutated input to every decoder of peer data: `npm run fuzz`. */
import { inspect } from "node:util";
import { drive } from "../test/fuzz/driver.ts";
import { TARGETS } from "../test/fuzz/targets.ts";
import { readFlags, wholeFlag, wrongCommandLine } from "./flags.ts";

const INPUTS = 1_000_000;
/** Milliseconds that one input may take: it needs microseconds, but the machine may be busy. */
const STALL_MS = 10_000;
/** MiB that memory may grow by: decoders keep one message at most; the rest is for the corpus and garbage. */
const HEAP_MB = 256;

const HELP = `Usage: npm run fuzz -- [--inputs ${INPUTS}] [--seed N] [--target PART]...
       npm run fuzz -- --target NAME --hex INPUT

Feeds random and tampered input to every reader of what peers send. The second form runs one input again.

  --inputs N     Inputs for all targets together (default ${INPUTS}).
  --seed N       Where the random numbers begin (default: another one each time).
  --target PART  Only targets with this in their names: ${TARGETS.map(({ name }) => name).join(", ")}.
  --hex INPUT    One input, in hexadecimal.

Exit codes: 0 nothing found; 1 an input failed, hung or took too much memory, and is printed in hexadecimal; 2 wrong
command line.`;

const values = readFlags(HELP, {
  inputs: { type: "string", default: String(INPUTS) },
  seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
  target: { type: "string", multiple: true, default: [] },
  hex: { type: "string" },
});
for (const part of values.target) {
  if (!TARGETS.some(({ name }) => name.includes(part)))
    wrongCommandLine(`--target: no target has "${part}" in its name`, HELP);
}

if (values.hex === undefined) await all();
else again(values.hex);

async function all(): Promise<void> {
  const inputs = wholeFlag(HELP, "inputs", values.inputs, 1);
  const seed = wholeFlag(HELP, "seed", values.seed);
  console.log(`${inputs} inputs, seed ${seed}`);
  const progress = (count: number) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${((100 * count) / inputs).toFixed(0)} % `);
  };
  const module = new URL("../test/fuzz/targets.ts", import.meta.url);
  const watched = { module, names: values.target, stallMs: STALL_MS, heapMb: HEAP_MB, progress };
  const result = await drive({ ...watched, inputs, seed });
  if (process.stderr.isTTY) process.stderr.write("\r");
  if (result.kind === "failed") {
    console.error(`${result.target}: ${result.what}\n--target "${result.target}" --hex ${result.input}`);
    process.exitCode = 1;
    return;
  }
  console.table(
    Object.fromEntries(
      result.summaries.map(({ name, slowestMs, ...rest }) => [name, { ...rest, "slowest ms": slowestMs.toFixed(1) }]),
    ),
  );
  const rate = Math.round(inputs / result.seconds);
  console.log(`${inputs} inputs in ${result.seconds.toFixed(1)} s, ${rate} a second, none failed`);
}

function again(hex: string): void {
  const input = Uint8Array.from(Buffer.from(hex, "hex"));
  for (const target of TARGETS.filter(({ name }) => values.target.length === 0 || values.target.includes(name))) {
    try {
      console.log(`${target.name}: ${target.run(input) ? "taken" : "refused"}`);
    } catch (error) {
      console.error(`${target.name}: ${inspect(error)}`);
      process.exitCode = 1;
    }
  }
}
