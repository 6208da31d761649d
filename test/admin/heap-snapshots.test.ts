import assert from "node:assert/strict";
import { test } from "node:test";
import { HeapSnapshots } from "../../relay/admin/heap-snapshots.ts";

test("a heap snapshot into a folder that cannot be created is refused at once", async () => {
  // Node's own recursive mkdir never settles there.
  const snapshots = new HeapSnapshots("/proc/nope/deeper", () => 0);
  await assert.rejects(snapshots.take(), { status: 507, code: "snapshot_failed" });
});
