/** The mesh in the admin API of a root. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VERSION } from "../../relay/version.ts";
import { withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { ask, codeOf } from "./support.ts";

const ROOT = { "cluster.node": "root-1", "cluster.role": "root", "cluster.region": "eu" };

describe("the mesh at a root", () => {
  it("has its relays with version and load, and sums by region", () =>
    withRelay(ROOT, async (relay) => {
      const { nodes, regions } = await until(async () => {
        const { body } = await ask(relay, "GET", "/cluster");
        const [first] = body["regions"] as { silent: number }[];
        return first?.silent === 0 ? body : undefined;
      });
      const sums = { sessions: 0, subscriptions: 0, viewers: 0, broadcasts: 0 };
      const traffic = { bits_in: 0, bits_out: 0, groups_dropped: 0 };
      assert.deepEqual(regions, [{ region: "eu", relays: 1, silent: 0, ...sums, ...traffic }]);
      const self = { node: "root-1", role: "root", region: "eu", url: "", version: VERSION };
      const [{ fullness, ...shown }] = nodes as [Record<string, unknown>];
      assert.deepEqual(shown, { ...self, draining: false, present: true, ...sums, ...traffic, links: [] });
      assert.ok(typeof fullness === "number" && fullness >= 0 && fullness <= 1, String(fullness));
      const { body } = await ask(relay, "GET", "/cluster?limit=0");
      assert.deepEqual([body["nodes"], body["regions"]], [[], []]);
    }));

  it("is not there where the relay is in no mesh", () =>
    withRelay({}, async (relay) => assert.equal(codeOf(await ask(relay, "GET", "/cluster")), "no_mesh")));
});
