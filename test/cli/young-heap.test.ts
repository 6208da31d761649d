import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { it } from "node:test";
import { YOUNG_HEAP_BYTES } from "../../cli/young-heap.ts";

/** Makes garbage of which much survives a collection, and prints how large the young generation became. */
const PROGRAM = `
  import { getHeapSpaceStatistics } from "node:v8";
  const { boundYoungHeap } = await import(process.argv[1]);
  if (process.argv[2] === "bound") boundYoungHeap();
  const kept = [];
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 20_000; i++) kept[i] = { round, list: [i] };
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.log(getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space").space_size);
`;

function youngBytes(how: "bound" | "free"): number {
  const module = new URL("../../cli/young-heap.ts", import.meta.url).href;
  const args = ["--input-type=module", "-e", PROGRAM, "--", module, how];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  const bytes = Number(stdout);
  assert.ok(bytes > 0, stderr);
  return bytes;
}

it("keeps the young generation from growing beyond what a relay needs", (t) => {
  const [bound, free] = [youngBytes("bound"), youngBytes("free")];
  t.diagnostic(`${bound} bytes, and ${free} without it`);
  // It may double once more before the next collection.
  assert.ok(bound <= 2 * YOUNG_HEAP_BYTES && free > bound, `${bound} and ${free}`);
});
