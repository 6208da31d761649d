/** A relay that is closed leaves the root's registry at once, however much it still has to send. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { patient } from "../../scripts/suite/patience.ts";
import { until } from "../support/until.ts";
import { Stage } from "./support/stage.ts";

/** Far longer than the test: a relay that is gone from the registry did not expire. */
const LEASE = "10m";
const BROADCASTS = 480;
const CLIENTS = 6;

describe("a relay that is ended", () => {
  it("leaves the root's registry at once and not when its lease expires", {
    timeout: patient(30_000),
  }, async (test) => {
    const stage = await Stage.open();
    try {
      const root = await stage.relay("root-1", "root", { "cluster.lease": LEASE });
      const settings = { "cluster.root": root.url, "cluster.lease": LEASE };
      const origin = await stage.relay("origin-1", "origin", settings);
      const counts = () => root.relay.cluster()?.registry?.counts;
      const { publisherToken } = stage.workspace;
      for (let at = 0; at < CLIENTS; at++) {
        const client = await stage.client(origin.url, { token: publisherToken });
        for (let n = at; n < BROADCASTS; n += CLIENTS) client.publish(`live/${n}`);
      }
      await until(() => counts()?.holdings === BROADCASTS);
      const from = performance.now();
      const closing = origin.relay.close("gone");
      await until(() => counts()?.nodes === 1);
      test.diagnostic(`removed ${Math.round(performance.now() - from)} ms after its end`);
      assert.deepEqual(counts(), { nodes: 1, broadcasts: 0, holdings: 0 });
      await closing;
    } finally {
      await stage.close();
    }
  });
});
