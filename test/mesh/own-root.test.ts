/** Relays over real QUIC, one of which is origin and root. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freePorts } from "../../lab/ports.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { until } from "../support/until.ts";
import { nodesAt, Stage, type Staged, sendUntil, wholeGroups } from "./support/stage.ts";

const TIMEOUT = { timeout: patient(30_000) };

const registered = (relay: Staged): string[] =>
  nodesAt(relay)
    .map(({ node, present }) => `${node} ${present}`)
    .toSorted();

async function shown({ relay }: Staged): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${relay.adminAddress?.port}/api/v1/cluster`)).text();
}

describe("an origin that is also the root", () => {
  // The second name is not the one in its `url`: the relay recognises itself when it dials it.
  for (const name of ["127.0.0.1", "localhost"]) {
    it(
      `and names itself in \`root\` as ${name} tells what is published at it, and hears of what is published elsewhere`,
      TIMEOUT,
      async () => {
        const stage = await Stage.open();
        try {
          const [port = 0] = await freePorts(1);
          const settings = { "cluster.root": `https://${name}:${port}` };
          const own = { ...settings, "cluster.serve_root": "true", "server.port": String(port) };
          const root = await stage.relay("origin-1", "origin", own);
          const other = await stage.relay("origin-2", "origin", settings);
          const edge = await stage.relay("edge-1", "edge", settings);
          await until(() => registered(root).join() === "edge-1 true,origin-1 true,origin-2 true");
          // The relay has no session with itself.
          await until(() => root.relay.sessions()[0]?.count === 2);
          const { publisherToken, viewerToken } = stage.workspace;
          const here = (await stage.client(root.url, { token: publisherToken })).publish("live/here");
          const there = (await stage.client(other.url, { token: publisherToken })).publish("live/there");
          const atEdge = await stage.client(edge.url, { token: viewerToken, follows: "" });
          const atRoot = await stage.client(root.url, { token: viewerToken, follows: "" });
          await until(() => atEdge.announced.toSorted().join() === "live/here,live/there");
          await until(() => atRoot.announced.includes("live/there"));
          const [first, second] = [atEdge.watch("live/here"), atRoot.watch("live/there")];
          await sendUntil(here, 0, () => wholeGroups(first).length >= 3);
          await sendUntil(there, 0, () => wholeGroups(second).length >= 3);
          const body = await shown(root);
          for (const part of [/"origin-1"/, /"live\/here"/, /"live\/there"/]) assert.match(body, part);
          assert.deepEqual(root.relay.cluster()?.roots, { configured: 1, connected: 1 });
          here.end();
          await until(() => !atEdge.announced.includes("live/here"));
        } finally {
          await stage.close();
        }
      },
    );
  }
});
