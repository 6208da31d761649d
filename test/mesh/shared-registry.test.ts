/** Two roots that share nothing but a Redis: an origin at one, an edge at the other. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { runProgram } from "../../cli/main.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { recordedIo } from "../cli/support/io.ts";
import { RedisServer, withoutRedis } from "../cluster/redis-server.ts";
import { missingLinux } from "../support/engines.ts";
import { until } from "../support/until.ts";
import {
  broadcastsAt,
  lastWithoutGap,
  nodesAt,
  Stage,
  type StageClient,
  type Staged,
  sendUntil,
  wholeGroups,
} from "./support/stage.ts";

const TIMEOUT_MS = patient(90_000);
/** The `lease` of the relays, and a lease in groups of a publisher, with a margin. A slow machine must not make a relay lose its lease. */
const LEASE = `${patient(2)}s`;
const GROUPS_PER_LEASE = patient(60);

const skip = withoutRedis() || (await missingLinux());

const paths = (relay: Staged): string[] =>
  broadcastsAt(relay, "")
    .map(({ path }) => path)
    .sort();
const nodes = (relay: Staged): string[] =>
  nodesAt(relay)
    .map(({ node }) => node)
    .sort();
const admin = ({ relay }: Staged): string => `http://127.0.0.1:${relay.adminAddress?.port}/`;

/** What the admin listener of the root shows of its registry. */
async function shown(root: Staged): Promise<{ json: unknown; text: string; metrics: string }> {
  const at = admin(root);
  const io = recordedIo();
  assert.equal(await runProgram(["cluster", at], io), 0);
  const body = (await (await fetch(new URL("api/v1/cluster", at))).json()) as { registry?: unknown };
  return { json: body.registry, text: io.stdout(), metrics: await (await fetch(new URL("metrics", at))).text() };
}

describe("two roots that share a Redis", { skip, timeout: TIMEOUT_MS }, () => {
  let redis: RedisServer;
  let stage: Stage;
  let a: Staged;
  let b: Staged;
  let publisher: StageClient;
  let far: StageClient;
  let near: StageClient;
  let watched: ReturnType<StageClient["watch"]>;
  let sending: Promise<number>;
  let over = false;

  const root = (node: string, port?: number) =>
    stage.relay(node, "root", {
      "cluster.registry": `redis://:${redis.password}@127.0.0.1:${redis.port}/2`,
      "cluster.lease": LEASE,
      ...(port !== undefined && { "server.port": String(port) }),
    });
  /** Resolves when the viewer that watches throughout has received `count` more groups. */
  const more = async (groups: number) => {
    const wanted = wholeGroups(watched).length + groups;
    await until(() => wholeGroups(watched).length >= wanted);
  };

  before(async () => {
    redis = await RedisServer.start();
    stage = await Stage.open();
    [a, b] = [await root("root-a"), await root("root-b")];
    const at = ({ url }: Staged) => ({ "cluster.root": url, "cluster.lease": LEASE });
    const origin = await stage.relay("origin-1", "origin", at(a));
    const [edgeA, edgeB] = [await stage.relay("edge-a", "edge", at(a)), await stage.relay("edge-b", "edge", at(b))];
    const { publisherToken, viewerToken } = stage.workspace;
    publisher = await stage.client(origin.url, { token: publisherToken });
    near = await stage.client(edgeA.url, { token: viewerToken, follows: "" });
    far = await stage.client(edgeB.url, { token: viewerToken, follows: "" });
  });
  after(async () => {
    over = true;
    await sending;
    await stage.close();
    await redis.stop();
  });

  it("show a viewer at one what is published at the other", async () => {
    const broadcast = publisher.publish("live/a");
    await until(() => far.announced.includes("live/a"));
    watched = far.watch("live/a");
    sending = sendUntil(broadcast, 0, () => over);
    await more(5);
    for (const one of [a, b]) {
      await until(() => nodes(one).join() === "edge-a,edge-b,origin-1,root-a,root-b");
      assert.deepEqual(paths(one), ["live/a"]);
      const { json, text, metrics } = await shown(one);
      assert.deepEqual(json, { nodes: 5, broadcasts: 1, holdings: 1, backend: "redis", up: true });
      assert.match(text, /^Registry .*, in redis$/m);
      assert.match(metrics, /^moqmesh_registry_backend_up 1$/m);
    }
  });

  it("keep working after Redis is killed, say so, and each serves its own part of the registry", async () => {
    await redis.kill();
    const cut =
      "registry Redis unreachable; serving the last known state until it is back, without new broadcasts of other roots";
    for (const one of [a, b]) {
      await until(() => one.relay.cluster()?.registry?.backend.up === false);
      const { json, text, metrics } = await shown(one);
      assert.deepEqual(json, { nodes: 5, broadcasts: 1, holdings: 1, backend: "redis", up: false });
      assert.match(text, /^Registry .*, in redis, which is down$/m);
      assert.match(metrics, /^moqmesh_registry_backend_up 0$/m);
      assert.equal((await fetch(new URL("health/ready", admin(one)))).status, 200, "a root is ready without it");
    }
    publisher.publish("live/b");
    await until(() => near.announced.includes("live/b"));
    await more(GROUPS_PER_LEASE * 1.5);
    assert.deepEqual([nodes(b).length, paths(b), paths(a)], [5, ["live/a"], ["live/a", "live/b"]]);
    assert.deepEqual(far.announced, ["live/a"]);
    for (const one of [a, b]) assert.equal(one.entries.filter(({ msg }) => msg === cut).length, 1, "said once");
  });

  it("fill an empty Redis again when it is back", async () => {
    await redis.run();
    await until(() => far.announced.includes("live/b"));
    for (const one of [a, b]) {
      await until(() => one.relay.cluster()?.registry?.backend.up === true);
      await until(() => nodes(one).length === 5 && paths(one).length === 2);
      assert.match((await shown(one)).text, /^Registry .*, in redis$/m);
    }
    await more(GROUPS_PER_LEASE * 1.5);
    assert.deepEqual(
      [paths(a), paths(b)],
      [
        ["live/a", "live/b"],
        ["live/a", "live/b"],
      ],
    );
  });

  it("may restart: one learns everything from Redis while all relays are at the other", async () => {
    const { port } = b;
    await b.relay.close("restarted");
    await more(3);
    b = await root("root-b", port);
    await until(() => paths(b).length === 2 && nodes(b).length === 5);
    const late = publisher.publish("live/c");
    await until(() => far.announced.includes("live/c"));
    const viewer = far.watch("live/c");
    await sendUntil(late, 0, () => wholeGroups(viewer).length >= 3);
  });

  it("cost no viewer a group, and log no password", async () => {
    await more(3);
    await until(() => lastWithoutGap(watched) !== undefined, "every group, once and whole");
    assert.deepEqual(far.announced.sort(), ["live/a", "live/b", "live/c"]);
    const said = JSON.stringify([a.entries, b.entries, await shown(a), await shown(b)]);
    assert.equal(said.includes(redis.password), false);
    assert.match(said, /registry Redis reached/);
  });
});
