/** Tokens of relays and viewers in a running mesh expire, are renewed and are revoked. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type ClaimsInput, generateKey, type Key, parseKeys, signToken } from "../../auth/index.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { revokeAt } from "../support/admin.ts";
import type { Settings } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { lastWithoutGap, nodesAt, Stage, type Staged, sendUntil, wholeGroups } from "./support/stage.ts";

const TIMEOUT = { timeout: patient(60_000) };

/** Life of a relay's token here, in seconds. A new session must be open within its last third, so it is longer on a slow machine. */
const LIFE_S = 4 + patient(2_000) / 1_000;

/**
 * Most groups that are sent without one that arrives, of one every 50 ms: 0.4 s, which is shorter than any time-out, back-off or second
 * attempt. On a busy machine the publisher pauses as well, for it is in the same process.
 */
const MOST_BEHIND = 8;

/** A mesh of a root, an origin, a regional and an edge. */
async function mesh(stage: Stage, settings: Settings = {}) {
  const root = await stage.relay("root-1", "root", settings);
  const all = { "cluster.root": root.url, ...settings };
  const origin = await stage.relay("origin-1", "origin", all);
  const regional = await stage.relay("regional-1", "regional", all);
  const edge = await stage.relay("edge-1", "edge", all);
  const present = () => nodesAt(root).filter((one) => one.present).length;
  await until(() => present() === 4);
  return { root, origin, regional, edge };
}

const closedBy = ({ entries }: Staged, reason: string) =>
  entries.filter((entry) => entry["msg"] === "session closed" && entry["reason"] === reason);
const reached = ({ entries }: Staged) => entries.filter((entry) => entry["msg"] === "relay reached").length;

describe("tokens that relays make", () => {
  it("are renewed without a gap for viewers, and the root never loses a relay", TIMEOUT, async (test) => {
    const stage = await Stage.open();
    try {
      const settings = { "cluster.token_life": `${LIFE_S}s` };
      const { root, origin, regional, edge } = await mesh(stage, settings);
      const { publisherToken, viewerToken } = stage.workspace;
      const source = (await stage.client(origin.url, { token: publisherToken })).publish("live/a");
      const quiet = (await stage.client(origin.url, { token: publisherToken })).publish("live/quiet");
      const viewer = (await stage.client(edge.url, { token: viewerToken })).watch("live/a");
      const waiting = (await stage.client(edge.url, { token: viewerToken })).watch("live/quiet");
      let next = await sendUntil(source, 0, () => wholeGroups(viewer).length > 0);
      await sendUntil(quiet, 0, () => wholeGroups(waiting).length > 0);
      const begun = performance.now();
      const before = reached(edge);
      let most = 0;
      let absent = 0;
      next = await sendUntil(source, next, (coming) => {
        most = Math.max(most, coming - 1 - (viewer.groups.at(-1)?.sequence ?? 0));
        if (nodesAt(root).some(({ present }) => !present)) absent++;
        return performance.now() - begun > 3 * LIFE_S * 1_000;
      });
      await until(() => lastWithoutGap(viewer) === next - 1, "every group, once and whole");
      const renewed = reached(edge) - before;
      test.diagnostic(`${renewed} links renewed in ${3 * LIFE_S} s, at most ${most} groups under way`);
      assert.ok(renewed >= 2, `${renewed} links`);
      assert.ok(most <= MOST_BEHIND, `${most} groups`);
      assert.equal(absent, 0, "the root missed a relay");
      // A track without groups for several lives of a token is still subscribed.
      const sent = wholeGroups(waiting).length;
      await sendUntil(quiet, 1_000, () => wholeGroups(waiting).length > sent);
      assert.deepEqual(edge.relay.cluster()?.failovers, 0);
      // No control session ended because of a renewal.
      assert.deepEqual(closedBy(root, "token_expired"), []);
      assert.ok(reached(regional) > 2);
    } finally {
      await stage.close();
    }
  });
});

async function clusterKey({ workspace }: Stage): Promise<Key> {
  const [key] = parseKeys(await readFile(workspace.clusterKey, "utf8"));
  assert.ok(key);
  return key;
}

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

/** Revokes at the admin listener of one relay. */
async function revoke({ relay }: Staged, entry: object): Promise<void> {
  const answer = await revokeAt(relay.adminAddress?.port, entry);
  assert.equal(answer.status, 200, await answer.text());
}

/** Codes by which sessions were refused. */
const refusals = ({ entries }: Staged): unknown[] =>
  entries.filter((entry) => entry["msg"] === "session refused").map((entry) => entry["code"]);

describe("a revocation in a mesh", () => {
  it("of a viewer's token ends its session at the edge, and the edge refuses it again", TIMEOUT, async () => {
    const stage = await Stage.open();
    try {
      const { origin, edge } = await mesh(stage);
      const key = await clusterKey(stage);
      const token = (claims: ClaimsInput) => signToken(key, { get: "live", exp: inSeconds(600), ...claims });
      const source = (await stage.client(origin.url, { token: stage.workspace.publisherToken })).publish("live/a");
      const [gone, kept] = [await token({ jti: "gone" }), await token({ jti: "kept" })];
      const leaver = await stage.client(edge.url, { token: gone });
      const [left, stays] = [leaver.watch("live/a"), (await stage.client(edge.url, { token: kept })).watch("live/a")];
      const next = await sendUntil(source, 0, () => wholeGroups(left).length > 0 && wholeGroups(stays).length > 0);
      await revoke(edge, { jti: "gone" });
      assert.equal((await leaver.ended).code, 67);
      assert.equal(await stage.refusal(edge.url, { token: gone }), 401);
      const seen = wholeGroups(stays).length;
      await sendUntil(source, next, () => wholeGroups(stays).length > seen);
    } finally {
      await stage.close();
    }
  });

  it(
    "made at the root ends the viewer's session at the edge within 2 s, and holds at an edge that joins later",
    TIMEOUT,
    async (test) => {
      const stage = await Stage.open();
      try {
        const { root, edge } = await mesh(stage);
        const key = await clusterKey(stage);
        const token = (jti: string) => signToken(key, { get: "live", exp: inSeconds(600), jti });
        const [gone, kept] = [await token("gone"), await token("kept")];
        const leaver = await stage.client(edge.url, { token: gone });
        await stage.client(edge.url, { token: kept });
        const begun = performance.now();
        await revoke(root, { jti: "gone", until: inSeconds(600) });
        assert.equal((await leaver.ended).code, 67);
        const ms = Math.round(performance.now() - begun);
        test.diagnostic(`the session at the edge ended ${ms} ms after the root was asked`);
        assert.ok(ms < 2_000, `${ms} ms`);
        await until(() => closedBy(edge, "token_revoked").length > 0);
        assert.equal(closedBy(edge, "token_revoked").length, 1, "and no other session");
        const late = await stage.relay("edge-2", "edge", { "cluster.root": root.url });
        await until(async () => (await stage.refusal(late.url, { token: gone })) === 401);
        await stage.client(late.url, { token: kept });
      } finally {
        await stage.close();
      }
    },
  );

  it("of a relay's token ends its session at the root, and the root refuses it again", TIMEOUT, async () => {
    const stage = await Stage.open();
    try {
      const { root, origin, edge } = await mesh(stage, { "cluster.lease": "1s" });
      await revoke(root, { sub: "relay edge-1" });
      await until(() => closedBy(root, "token_revoked").length === 1);
      await until(() => refusals(root).includes("token_revoked"));
      const nodes = () => nodesAt(root).map(({ node }) => node);
      await until(() => !nodes().includes("edge-1"));
      assert.ok(nodes().includes("origin-1"));
      const warned = () =>
        edge.entries.find((entry) => /refused this relay's token \(401\); trying again$/.test(String(entry["msg"])));
      await until(() => warned() !== undefined);
      assert.match(JSON.stringify(warned()), /"status":401|token_revoked/);
      // It serves what it has, and finds no new broadcasts.
      const source = (await stage.client(origin.url, { token: stage.workspace.publisherToken })).publish("live/new");
      const viewer = await stage.client(edge.url, { token: stage.workspace.viewerToken });
      viewer.watch("live/new");
      await until(() => refusals(root).length >= 2);
      assert.equal(source.sinks.size, 0);
    } finally {
      await stage.close();
    }
  });

  it("of a relay's token ends its session at an origin, and the origin refuses it again", TIMEOUT, async () => {
    const stage = await Stage.open();
    try {
      const { origin, edge } = await mesh(stage);
      const source = (await stage.client(origin.url, { token: stage.workspace.publisherToken })).publish("live/a");
      const watching = (await stage.client(edge.url, { token: stage.workspace.viewerToken })).watch("live/a");
      await sendUntil(source, 0, () => wholeGroups(watching).length > 0);
      await revoke(origin, { sub: "relay regional-1" });
      await until(() => closedBy(origin, "token_revoked").length === 1);
      await until(() => refusals(origin).filter((code) => code === "token_revoked").length >= 2);
      // The edge is still accepted there and pulls the track itself, because the regional cannot any more.
      const seen = wholeGroups(watching).length;
      await sendUntil(source, 100, () => wholeGroups(watching).length > seen);
      assert.deepEqual(
        origin.entries.filter((entry) => entry["msg"] === "session opened" && entry["subject"] === "relay edge-1")
          .length,
        1,
      );
    } finally {
      await stage.close();
    }
  });
});

describe("a token that is read from a file", () => {
  it("is read again for each dial; an expired one, or one of another key, is refused", TIMEOUT, async () => {
    const stage = await Stage.open();
    try {
      const key = await clusterKey(stage);
      const file = join(stage.workspace.folder, "edge.jwt");
      const write = async (by: Key, claims: ClaimsInput) => await writeFile(file, await signToken(by, claims));
      await write(await generateKey({ alg: "ES256", kid: "cluster" }), { cluster: true, exp: inSeconds(600) });
      const root = await stage.relay("root-1", "root");
      // An empty variable counts as unset.
      const edge = await stage.relay("edge-1", "edge", {
        "cluster.root": root.url,
        "cluster.key_file": "",
        "cluster.token_file": file,
      });
      const ready = async () => await fetch(`http://127.0.0.1:${edge.relay.adminAddress?.port}/health/ready`);
      await until(() => refusals(root).includes("signature_invalid"));
      const answer = await ready();
      assert.deepEqual([answer.status, /no_root/.test(await answer.text())], [503, true]);
      await write(key, { cluster: true, exp: inSeconds(-60) });
      await until(() => refusals(root).includes("token_expired"));
      await write(key, { get: "", put: "", exp: inSeconds(600) });
      await until(() => refusals(root).includes("cluster_required"));
      assert.equal(edge.relay.cluster()?.roots.connected, 0);
      assert.deepEqual(
        nodesAt(root).map(({ node }) => node),
        ["root-1"],
      );
      await write(key, { cluster: true, exp: inSeconds(600) });
      await until(() => edge.relay.cluster()?.roots.connected === 1);
      await until(async () => (await ready()).status === 200);
    } finally {
      await stage.close();
    }
  });

  it("is warned of before it expires without a newer one, and replaced without a gap with one", TIMEOUT, async () => {
    const stage = await Stage.open();
    try {
      const key = await clusterKey(stage);
      const file = join(stage.workspace.folder, "edge.jwt");
      const write = async (seconds: number) =>
        await writeFile(file, await signToken(key, { cluster: true, sub: "relay edge-1", exp: inSeconds(seconds) }));
      await write(8);
      const root = await stage.relay("root-1", "root");
      const settings = { "cluster.root": root.url, "cluster.key_file": "", "cluster.token_file": file };
      const edge = await stage.relay("edge-1", "edge", settings);
      await until(() => edge.entries.some((entry) => entry["code"] === "cluster_token_ends"));
      await write(600);
      const opened = () => root.entries.filter((entry) => entry["msg"] === "session opened").length;
      await until(() => opened() === 2);
      assert.deepEqual(closedBy(root, "token_expired"), []);
      assert.equal(edge.relay.cluster()?.roots.connected, 1);
    } finally {
      await stage.close();
    }
  });
});
