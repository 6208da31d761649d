/**
 * A rolling upgrade under viewers from an earlier version to this one, and part of the way back. It stays halfway: relays of both versions send
 * media to each other. The earlier version is the one before the last change of the wire between relays; where that one does not start at once,
 * because it needs other packages or another engine, it is the one before the last change of the program. `npm run mesh -- --drill upgrade`
 * does all of it.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PROGRAM } from "../../bench/relays/program.ts";
import type { Broadcasting } from "../../lab/broadcasting.ts";
import { gapFigures } from "../../lab/drills/figures.ts";
import { Steps } from "../../lab/drills/steps.ts";
import { replace, upgradeOrder } from "../../lab/drills/upgrade.ts";
import { Mesh } from "../../lab/mesh.ts";
import {
  checkOut,
  commitBeforeWire,
  differences,
  earlierCommit,
  presentName,
  type Release,
} from "../../lab/release.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { missingLinux } from "../support/engines.ts";

const TIMEOUT_MS = patient(110_000);

/** Longest gap for a viewer on a busy machine: three times the goal of the drill. */
const GAP_MS = 3_000;

/** Milliseconds of watching before the first step. */
const WARM_UP_MS = 1_500;

/** The commit, or why there is none that starts at once. */
async function earlier(): Promise<{ commit: string; skip: string | false }> {
  try {
    const beforeWire = await commitBeforeWire();
    if (beforeWire !== undefined && (await differences(beforeWire)).length === 0)
      return { commit: beforeWire, skip: false };
    const commit = await earlierCommit();
    const different = await differences(commit);
    if (different.length === 0) return { commit, skip: false };
    return { commit, skip: `the last change of the program needs other ${different.join(" and ")}: run the drill` };
  } catch (error) {
    return { commit: "", skip: error instanceof Error ? error.message : String(error) };
  }
}

const { commit, skip } = await earlier();

describe("relays of two versions", { skip: (await missingLinux()) || skip }, () => {
  let mesh: Mesh;
  let broadcasting: Broadcasting;
  let old: Release;
  before(async () => {
    const say = (what: string) => console.log(what);
    mesh = await Mesh.make({ shape: { origins: 2, regionals: 1, edges: 2 }, engine: "auto", say });
    old = await checkOut(commit, join(mesh.workspace.folder, "earlier"), say);
    for (const node of mesh.nodes) node.release = old.program;
    await mesh.start();
    const flow = { framesPerSecond: 20, frameBytes: 600, framesPerGroup: 10 };
    broadcasting = mesh.broadcast({ name: "upgrade", publishing: "moving", viewers: [2], engine: "auto", ...flow });
    await broadcasting.start();
  });
  after(async () => await mesh?.stop());

  it("replace each other one by one, and no viewer loses a group", { timeout: TIMEOUT_MS }, async () => {
    await sleep(WARM_UP_MS);
    broadcasting.measure();
    const wrong: string[] = [];
    const steps = new Steps(broadcasting, (what) => console.log(what));
    const exercise = { mesh, broadcasting, steps, wrong: (what: string) => wrong.push(what) };
    const present: Release = { name: await presentName(), program: PROGRAM };
    const [canary, root, origin, , regional] = upgradeOrder(mesh);
    assert.ok(canary && root && origin && regional);
    for (const node of [canary, root, origin, regional]) await replace(exercise, node, present);
    assert.deepEqual(await running(), {
      "edge-1": "old",
      "edge-2": "new",
      "origin-1": "new",
      "origin-2": "old",
      "regional-1": "new",
      "root-1": "new",
    });
    await replace(exercise, regional, old);
    assert.equal((await running())["regional-1"], "old");
    assert.deepEqual(wrong, []);
    const { worst, lost, stalled, subscriptionsLost } = gapFigures(
      steps.seen ?? assert.fail(),
      Number.MAX_SAFE_INTEGER,
    );
    assert.deepEqual({ lost, stalled, subscriptionsLost }, { lost: 0, stalled: 0, subscriptionsLost: 0 });
    assert.ok(worst <= GAP_MS, `a gap of ${worst} ms`);
    assert.ok((steps.seen?.groups.length ?? 0) > 20);
  });

  /** By the name of each relay, the version that its process has loaded. */
  async function running(): Promise<Record<string, string>> {
    const versions = mesh.nodes.map(async ({ name, pid }) => {
      const command = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
      return [name, command.includes(old.program) ? "old" : command.includes(PROGRAM) ? "new" : "none"] as const;
    });
    return Object.fromEntries((await Promise.all(versions)).sort(([a], [b]) => a.localeCompare(b)));
  }
});
