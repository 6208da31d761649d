import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { it } from "node:test";
import { promisify } from "node:util";

/**
 * Keeps 20 MB, collects the rest as a relay does at the end of its start, and replaces the 20 MB little by little, as a cache does. Prints how
 * often V8 has collected the whole heap in that time.
 */
const PROGRAM = `
  import { constants, PerformanceObserver } from "node:perf_hooks";
  import { setFlagsFromString } from "node:v8";
  const [, heap, shared, how] = process.argv;
  const { roomForSmallHeap } = await import(heap);
  const { collectStart } = await import(shared);
  setFlagsFromString("--semi-space-growth-factor=1");
  if (how === "room") roomForSmallHeap();
  const kept = Array.from({ length: 20_000 }, (_, i) => Array.from({ length: 120 }, () => i));
  collectStart();
  // An observer would also get the collections that others have not been told of yet.
  await new Promise((resolve) => setTimeout(resolve, 50));
  let whole = 0;
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) whole++;
  }).observe({ entryTypes: ["gc"] });
  for (let next = 0; next < 32_000; ) {
    for (let i = 0; i < 40; i++, next++) kept[next % kept.length] = Array.from({ length: 120 }, () => next);
    await new Promise((resolve) => setTimeout(resolve, 9));
  }
  console.log(whole);
`;

async function collections(how: "room" | "v8"): Promise<number> {
  const [heap, shared] = ["../../cli/old-heap.ts", "../../transport/shared/index.ts"].map(
    (path) => new URL(path, import.meta.url).href,
  );
  // V8's memory reducer also collects when little happens, as on a slow machine.
  const args = ["--no-memory-reducer", "--input-type=module", "-e", PROGRAM, "--", `${heap}`, `${shared}`, how];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
  assert.match(stdout, /^\d+\n$/, stderr);
  return Number(stdout);
}

it("a small heap that changes slowly is collected less often", async (t) => {
  const [room, v8] = await Promise.all([collections("room"), collections("v8")]);
  t.diagnostic(`${room} collections, and ${v8} without room`);
  assert.ok(room < v8, `${room} and ${v8}`);
});
