/** A mesh of processes without a root: relays know each other from their configuration. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Mesh } from "../../lab/mesh.ts";
import { sample, survey, upstreamSubscriptions } from "../../lab/survey.ts";
import { waitFor } from "../../lab/wait.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { missingLinux } from "../support/engines.ts";
import { watching } from "./support/watching.ts";

const TIMEOUT_MS = patient(60_000);

/** Longest wait in milliseconds until each viewer has groups. */
const GROUPS_MS = patient(20_000);
const GROUPS = 5;

describe("a mesh of processes without a root", { skip: await missingLinux() }, () => {
  let mesh: Mesh;

  before(async () => {
    mesh = await Mesh.make({
      shape: { roots: 0, origins: 1, regionals: 2, edges: 2 },
      engine: "auto",
      say: (what) => console.log(what),
    });
    await mesh.start();
  });
  after(async () => await mesh.stop());

  it("announces and carries what is published at an origin, and each relay pulls each track once", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const [edge] = mesh.role("edge");
    assert.ok(edge !== undefined);
    const broadcasting = mesh.broadcast({
      name: "static",
      publishing: "one",
      viewers: [2],
      framesPerSecond: 30,
      frameBytes: 1_200,
      framesPerGroup: 15,
      engine: "auto",
    });
    const watcher = await watching(mesh, edge, broadcasting.path);
    try {
      await broadcasting.start();
      await watcher.seen;
      broadcasting.measure();
      const seen = await waitFor(GROUPS_MS, async () => {
        const now = await broadcasting.seen();
        return now.groups.length >= GROUPS ? now : undefined;
      });
      assert.deepEqual(
        seen?.viewers.map(({ lost }) => lost),
        [[], [], [], []],
      );
      const surveys = await waitFor(GROUPS_MS, async () => {
        const all = await survey(mesh.nodes);
        return all.every(({ samples }) => samples !== undefined) ? all : undefined;
      });
      assert.ok(surveys !== undefined, "every relay's admin listener answers");
      assert.equal(upstreamSubscriptions(surveys, 1), 1);
      const edges = surveys.filter(({ node }) => node.place.role === "edge");
      assert.equal(new Set(edges.flatMap(({ from }) => from)).size, 1, "both take it from one regional");
      assert.ok(edges.every((one) => sample(one, "mesh_tier_asks") > 0));
    } finally {
      await Promise.allSettled([watcher.close(), broadcasting.stop()]);
    }
  });
});
