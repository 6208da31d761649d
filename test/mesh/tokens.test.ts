/** Tokens of relays and viewers in a mesh that runs: they expire, are renewed and are revoked. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { until } from "../main/support.ts";
import { type Settings, Stage, type Staged, sendUntil, whole } from "./support/stage.ts";

const TIMEOUT = { timeout: 60_000 };

/** Life of a relay's token here, in seconds. */
const LIFE_S = 6;

/** Longest wait for a group that is sent every 50 ms: no time-out, back-off or second attempt fits into it. */
const PAUSE_MS = 400;

/** A whole mesh of few relays. */
async function mesh(stage: Stage, settings: Settings = {}) {
  const root = await stage.relay("root-1", "root", settings);
  const all = { "cluster.root": root.url, ...settings };
  const origin = await stage.relay("origin-1", "origin", all);
  const regional = await stage.relay("regional-1", "regional", all);
  const edge = await stage.relay("edge-1", "edge", all);
  const present = () => [...(root.relay.cluster()?.registry?.nodes() ?? [])].filter((one) => one.present).length;
  await until(() => present() === 3);
  return { root, origin, regional, edge };
}

const closedBy = ({ entries }: Staged, reason: string) =>
  entries.filter((entry) => entry["msg"] === "session closed" && entry["reason"] === reason);
const reached = ({ entries }: Staged) => entries.filter((entry) => entry["msg"] === "relay reached").length;

describe("tokens that relays make", () => {
  it(
    "are renewed without a pause for viewers, and without a moment in which the root misses a relay",
    TIMEOUT,
    async (test) => {
      const stage = await Stage.open();
      try {
        const settings = { "cluster.token_life": `${LIFE_S}s` };
        const { root, origin, regional, edge } = await mesh(stage, settings);
        const { publisherToken, viewerToken } = stage.workspace;
        const source = (await stage.client(origin.url, { token: publisherToken })).publish("live/a");
        const quiet = (await stage.client(origin.url, { token: publisherToken })).publish("live/quiet");
        const viewer = (await stage.client(edge.url, { token: viewerToken })).watch("live/a");
        const patient = (await stage.client(edge.url, { token: viewerToken })).watch("live/quiet");
        let next = await sendUntil(source, 0, () => whole(viewer).length > 0);
        await sendUntil(quiet, 0, () => whole(patient).length > 0);
        const begun = performance.now();
        const before = reached(edge);
        let [last, longest, seen] = [begun, 0, whole(viewer).length];
        let absent = 0;
        next = await sendUntil(source, next, () => {
          const now = performance.now();
          if (viewer.groups.length > seen) [seen, last] = [viewer.groups.length, now];
          longest = Math.max(longest, now - last);
          if ([...(root.relay.cluster()?.registry?.nodes() ?? [])].some(({ present }) => !present)) absent++;
          return now - begun > 3 * LIFE_S * 1_000;
        });
        await until(() => whole(viewer).at(-1) === next - 1);
        const renewed = reached(edge) - before;
        test.diagnostic(
          `${renewed} links made anew in ${3 * LIFE_S} s, longest wait for a group ${Math.round(longest)} ms`,
        );
        // Every group once, each whole, in their order.
        const groups = whole(viewer);
        assert.deepEqual(
          groups,
          Array.from({ length: groups.length }, (_, index) => (groups[0] ?? 0) + index),
        );
        assert.equal(groups.length, viewer.groups.length);
        assert.ok(renewed >= 2, `${renewed} links`);
        assert.ok(longest < PAUSE_MS, `${longest} ms`);
        assert.equal(absent, 0, "the root missed a relay");
        // What nobody sent anything on for several lives of a token is still there.
        const sent = whole(patient).length;
        await sendUntil(quiet, 1_000, () => whole(patient).length > sent);
        assert.deepEqual(edge.relay.cluster()?.failovers, 0);
        // Control sessions had no reason to end by it.
        assert.deepEqual(closedBy(root, "token_expired"), []);
        assert.ok(reached(regional) > 2);
      } finally {
        await stage.close();
      }
    },
  );
});
