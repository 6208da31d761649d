/** Ports for relays of tests and of the demo mesh. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { freePorts } from "../../lab/ports.ts";

const MODULE = new URL("../../lab/ports.ts", import.meta.url).href;

/** Ports that another process takes, which has ended afterwards. */
async function takenElsewhere(count: number, taken: readonly number[]): Promise<number[]> {
  const code = `
    const { freePorts } = await import(${JSON.stringify(MODULE)});
    const ports = ${JSON.stringify(taken)};
    // Tries the ports of the first process before all others.
    const random = Math.random;
    Math.random = () => (ports.length > 0 ? (ports.shift() - 20_000) / (32_768 - 20_000) + 1e-9 : random());
    console.log(JSON.stringify(await freePorts(${count})));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code]);
  return JSON.parse(stdout) as number[];
}

test("no two processes get one port, though neither listens there", async () => {
  const ours = await freePorts(4);
  const theirs = await takenElsewhere(4, ours);
  assert.equal(new Set([...ours, ...theirs]).size, 8);
});
