/** Names of relays over real links: which relay may use one, and what happens when two relays have the same one. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseKeys, signToken } from "../../auth/index.ts";
import { nodePath } from "../../cluster/control-paths.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { nodeInfo } from "../cluster/support.ts";
import { until } from "../support/until.ts";
import { nodesAt, Stage, type Staged } from "./support/stage.ts";

const TIMEOUT = { timeout: patient(60_000) };

async function tokenOf({ workspace }: Stage, sub: string | undefined): Promise<string> {
  const [key] = parseKeys(await readFile(workspace.clusterKey, "utf8"));
  assert.ok(key);
  const exp = Math.floor(Date.now() / 1_000) + 600;
  return await signToken(key, { cluster: true, exp, ...(sub !== undefined && { sub }) });
}

const registered = (relay: Staged) =>
  nodesAt(relay)
    .map(({ node, url }) => `${node} ${url}`)
    .toSorted();
const codes = ({ entries }: Staged) => entries.map(({ code }) => code).filter((code) => code !== undefined);

describe("the name of a relay", { concurrency: true }, () => {
  it("cannot be used by a relay whose token has another name", TIMEOUT, async () => {
    const stage = await Stage.open();
    try {
      const root = await stage.relay("root-1", "root");
      const origin = await stage.relay("origin-1", "origin", { "cluster.root": root.url });
      await until(() => registered(root).length === 2);
      const before = registered(root);
      const token = await tokenOf(stage, "relay evil-1");
      const options = { token, protocol: "moqmesh-1" };
      assert.equal(await stage.refusal(`${root.url}/.moqmesh?node=origin-1`, options), 403);
      assert.equal(await stage.refusal(`${origin.url}/?node=edge-1&role=edge`, options), 403);
      const evil = await stage.client(`${root.url}/.moqmesh?node=evil-1`, options);
      evil.publish(nodePath(nodeInfo("origin-1", "origin", { startedAt: Date.now() + 60_000 })));
      assert.match((await evil.ended).message, /^node_mismatch/);
      assert.deepEqual(registered(root), before);
      assert.deepEqual(
        [...root.entries, ...origin.entries].filter(({ msg }) => msg === "session refused").map(({ code }) => code),
        ["node_mismatch", "node_mismatch"],
      );
    } finally {
      await stage.close();
    }
  });

  it("must be that of the token in `token_file`, or the relay does not start", TIMEOUT, async () => {
    const stage = await Stage.open();
    try {
      const file = join(stage.workspace.folder, "relay.jwt");
      const settings = { "cluster.key_file": "", "cluster.token_file": file };
      await writeFile(file, await tokenOf(stage, "origin-2"));
      await assert.rejects(stage.relay("origin-1", "origin", settings), /origin-2.*origin-1/);
      await stage.relay("origin-2", "origin", settings);
    } finally {
      await stage.close();
    }
  });

  it(
    "stays with the first relay when tokens have no `sub`, and the root warns of each duplicate",
    TIMEOUT,
    async () => {
      const stage = await Stage.open();
      try {
        const root = await stage.relay("root-1", "root");
        const file = join(stage.workspace.folder, "relay.jwt");
        await writeFile(file, await tokenOf(stage, undefined));
        const settings = { "cluster.root": root.url, "cluster.key_file": "", "cluster.token_file": file };
        const first = await stage.relay("origin-1", "origin", settings);
        await until(() => registered(root).length === 2);
        const second = await stage.relay("origin-1", "origin", settings);
        await until(() => codes(second).includes("node_twice") && codes(first).includes("node_twice"));
        assert.ok(registered(root).includes(`origin-1 ${first.url}`));
        assert.deepEqual([first.relay.reasons(), second.relay.reasons()], [[], ["node_taken"]]);
        assert.ok(codes(root).includes("node_unnamed"));
      } finally {
        await stage.close();
      }
    },
  );

  it("is logged by the root and by both relays when two have it, each with the URL of the other", TIMEOUT, async () => {
    const stage = await Stage.open();
    try {
      const root = await stage.relay("root-1", "root");
      const settings = { "cluster.root": root.url };
      const first = await stage.relay("origin-1", "origin", settings);
      await until(() => registered(root).length === 2);
      const second = await stage.relay("origin-1", "origin", settings);
      const warned = ({ entries }: Staged) => entries.find(({ code }) => code === "node_twice");
      await until(() => [root, first, second].every((relay) => warned(relay) !== undefined));
      assert.deepEqual([warned(first)?.["url"], warned(second)?.["url"]], [second.url, first.url]);
      assert.deepEqual(new Set(warned(root)?.["urls"] as string[]), new Set([first.url, second.url]));
      assert.deepEqual([first.relay.reasons(), second.relay.reasons()], [["node_taken"], []], "the later start has it");
      const counted = [first, second].map(({ relay }) => relay.cluster()?.namesakes);
      assert.deepEqual([...counted, root.relay.cluster()?.registry?.contested], [1, 1, 1]);
      await second.relay.close("the test gives the name back");
      await until(() => first.relay.reasons().length === 0);
      assert.ok(registered(root).includes(`origin-1 ${first.url}`));
    } finally {
      await stage.close();
    }
  });
});
