/** Limits of tenants over real relays of a mesh: a root and two edges, with clients at both. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { patient } from "../../scripts/suite/patience.ts";
import { missingEngine } from "../support/engines.ts";
import { until } from "../support/until.ts";
import { nodesAt, Stage, type StageClient, type Staged } from "./support/stage.ts";

const TIMEOUT = { timeout: patient(60_000) };
/** The other engines answer a client before they refuse it, so who was refused cannot be counted here. */
const skip = missingEngine();
const LIMIT = 4;

/** A root that grants after a second, and two edges. */
async function mesh(stage: Stage, settings: Record<string, string>) {
  const all = { "cluster.lease": "1s", "cluster.peer_timeout": "600ms", ...settings };
  const root = await stage.relay("root-1", "root", all);
  const edges = [
    await stage.relay("edge-1", "edge", { ...all, "cluster.root": root.url }),
    await stage.relay("edge-2", "edge", { ...all, "cluster.root": root.url }),
  ] as const;
  await until(() => nodesAt(root).filter((one) => one.present).length === 3);
  return { root, edges };
}

/** What the root knows of the tenant. */
function known({ relay }: Staged) {
  return [...(relay.cluster()?.registry?.tenants() ?? [])].find(({ tenant }) => tenant === "live");
}

describe("a limit per tenant in a mesh", () => {
  it("counts the sessions of all relays, and gives a place that becomes free to any of them", {
    ...TIMEOUT,
    skip,
  }, async () => {
    const stage = await Stage.open();
    try {
      const { root, edges } = await mesh(stage, { "auth.sessions_per_tenant": String(LIMIT) });
      const token = stage.workspace.viewerToken;
      const open: { edge: Staged; client: StageClient }[] = [];
      const enter = async (edge: Staged): Promise<boolean> => {
        const client = await stage.client(`${edge.url}/live`, { token }).catch(() => undefined);
        if (client !== undefined) open.push({ edge, client });
        return client !== undefined;
      };
      let refused = 0;
      for (let n = 0; refused < 6; n++) if (!(await enter(edges[n % 2] ?? root))) refused++;
      assert.equal(open.length, LIMIT);
      await until(() => known(root)?.use.sessions === LIMIT);
      assert.equal(known(root)?.limit.sessions, LIMIT);
      const first = open.findIndex(({ edge }) => edge === edges[0]);
      open.splice(first, 1)[0]?.client.close();
      await until(() => known(root)?.use.sessions === LIMIT - 1);
      while (!(await enter(edges[1]))) assert.ok(refused++ < 20, "the place stays taken");
      assert.equal(open.length, LIMIT);
      assert.equal(await enter(edges[0]), false);
    } finally {
      await stage.close();
    }
  });

  it("counts those of each relay alone where that is configured", TIMEOUT, async () => {
    const stage = await Stage.open();
    try {
      const settings = { "auth.sessions_per_tenant": "1", "auth.tenant_limits": "relay" };
      const { root, edges } = await mesh(stage, settings);
      const token = stage.workspace.viewerToken;
      for (const { url } of edges) await stage.client(`${url}/live`, { token });
      for (const { url } of edges) assert.equal(await stage.refusal(`${url}/live`, { token }), 429);
      assert.equal(known(root), undefined);
    } finally {
      await stage.close();
    }
  });
});
