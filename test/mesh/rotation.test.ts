/** Keys, authorities and certificates of a running mesh are replaced, and a viewer loses nothing. */
import assert from "node:assert/strict";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { generateKey, publicJwk } from "../../auth/index.ts";
import type { Role } from "../../cluster/contract.ts";
import type { KeyPairPem } from "../../moq/link.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { Authority } from "../support/authority.ts";
import { missingEngine } from "../support/engines.ts";
import type { Settings } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { lastWithoutGap, nodesAt, Stage, type Staged, sendUntil, wholeGroups } from "./support/stage.ts";

const NODES: readonly (readonly [node: string, role: Role])[] = [
  ["root-1", "root"],
  ["origin-1", "origin"],
  ["regional-1", "regional"],
  ["edge-1", "edge"],
];

/** Files that are replaced as an operator does it: whole, in one step. */
class Files {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  async put(name: string, text: string): Promise<string> {
    await writeFile(`${this.at(name)}.new`, text, { mode: 0o600 });
    await rename(`${this.at(name)}.new`, this.at(name));
    return this.at(name);
  }

  async pair(name: string, { cert, key }: KeyPairPem): Promise<void> {
    await this.put(`${name}.key`, key);
    await this.put(`${name}.pem`, cert);
  }
}

/** The certificates that a mesh has under one authority for servers and one for relays as clients. */
async function certify(files: Files, servers: Authority, clients: Authority): Promise<void> {
  await files.pair("server", await servers.issue({ names: ["127.0.0.1", "localhost"] }));
  for (const [node] of NODES) await files.pair(node, await clients.issue({ use: "client", names: [node] }));
}

/** Who has a session with whom, all the time. */
const SESSIONS = [
  ["root-1", "origin-1"],
  ["root-1", "regional-1"],
  ["root-1", "edge-1"],
  ["origin-1", "regional-1"],
  ["regional-1", "edge-1"],
] as const;

/** How often each of these sessions was opened. */
function openings(relays: readonly Staged[]): number[] {
  return SESSIONS.map(([at, by]) => {
    const { entries = [] } = relays.find(({ node }) => node === at) ?? {};
    return entries.filter(({ msg, subject }) => msg === "session opened" && subject === `relay ${by}`).length;
  });
}

describe("a mesh", { skip: missingEngine() }, () => {
  it("replaces its cluster key, its authorities and its certificates while a viewer watches", {
    timeout: patient(60_000),
  }, async () => {
    const stage = await Stage.open();
    try {
      const { keys, publisherToken, viewerToken, clusterKey } = stage.workspace;
      const files = new Files(stage.workspace.folder);
      const [oldServers, newServers] = [await Authority.make("servers 1"), await Authority.make("servers 2")];
      const [oldClients, newClients] = [await Authority.make("relays 1"), await Authority.make("relays 2")];
      await certify(files, oldServers, oldClients);
      const shared: Settings = {
        "server.engine": "native",
        "tls.cert": files.at("server.pem"),
        "tls.key": files.at("server.key"),
        "cluster.fingerprints": "",
        "cluster.ca": await files.put("ca.pem", oldServers.root),
        "cluster.client_ca": await files.put("client-ca.pem", oldClients.root),
        "cluster.token_life": `${2_000 + patient(1_000)}ms`,
      };
      const relays: Staged[] = [];
      for (const [node, role] of NODES) {
        const [root] = relays;
        const own = { "cluster.client_cert": files.at(`${node}.pem`), "cluster.client_key": files.at(`${node}.key`) };
        relays.push(await stage.relay(node, role, { ...shared, ...own, ...(root && { "cluster.root": root.url }) }));
      }
      const [root, origin, , edge] = relays as [Staged, Staged, Staged, Staged];
      await until(() => nodesAt(root).filter((one) => one.present).length === NODES.length);
      const trust = { kind: "roots", pem: oldServers.root + newServers.root } as const;
      const source = (await stage.client(origin.url, { token: publisherToken, trust })).publish("live/a");
      const viewer = (await stage.client(edge.url, { token: viewerToken, trust })).watch("live/a");
      let absent = 0;
      /** Sends groups meanwhile. */
      const sendWhile = async (first: number, done: () => boolean) =>
        await sendUntil(source, first, () => {
          if (nodesAt(root).some(({ present }) => !present)) absent++;
          return done();
        });
      /** All relays have loaded what was replaced, and have renewed each session twice since: a first one may have begun before. */
      const settle = async (first: number) => {
        for (const { relay } of relays) await relay.settings.reload();
        const before = openings(relays);
        return await sendWhile(first, () => openings(relays).every((count, at) => count >= (before[at] ?? 0) + 2));
      };
      let next = await sendWhile(0, () => wholeGroups(viewer).length > 0);

      // Both are accepted.
      const made = await generateKey({ alg: "ES256", kid: "cluster-2" });
      await writeFile(join(keys, "cluster-2.jwk"), JSON.stringify(publicJwk(made)));
      await files.put("ca.pem", `${oldServers.root}\n${newServers.root}`);
      await files.put("client-ca.pem", `${oldClients.root}\n${newClients.root}`);
      next = await settle(next);

      // The new ones are used.
      await files.put("cluster-private.jwk", JSON.stringify(made.jwk));
      assert.equal(files.at("cluster-private.jwk"), clusterKey);
      await certify(files, newServers, newClients);
      next = await settle(next);

      // The old ones are accepted no more.
      await rm(join(keys, "cluster.jwk"));
      await files.put("ca.pem", newServers.root);
      await files.put("client-ca.pem", newClients.root);
      next = await settle(next);

      await until(() => lastWithoutGap(viewer) === next - 1, "every group, once and whole");
      assert.equal(absent, 0, "the root lost no relay");
      for (const { entries, node } of relays) {
        const refused = entries.filter(({ msg }) => msg === "session refused");
        assert.deepEqual(refused, [], node);
      }
    } finally {
      await stage.close();
    }
  });
});
