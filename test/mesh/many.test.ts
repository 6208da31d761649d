/** More broadcasts at one edge than a client may have requests open. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../../lab/ports.ts";
import { patient } from "../../scripts/suite/patience.ts";
import type { TestPublisher, TestViewer } from "../session/support.ts";
import { missingEngine } from "../support/engines.ts";
import type { Settings } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { contentOf, Stage, wholeGroups } from "./support/stage.ts";

/** More than the 256 streams that `limits.bidi_streams` allows; each broadcast is one request to the root and one to the origin. */
const BROADCASTS = 600;
const CLIENTS = 12;

/** `rwebtransport` allows 256 requests at once on a link (docs/engines.md); without `native` relays dial over WebSocket. */
const SCHEME = missingEngine() === false ? "https" : "wss";

/** A viewer of one broadcast. */
interface Watch {
  viewer: TestViewer;
  /** Subscribes again. */
  again(): TestViewer;
}

describe("an edge that watches hundreds of broadcasts by name", () => {
  it("asks the root for each and pulls each from the origin, over one session to either", {
    timeout: patient(60_000),
  }, async (test) => {
    const stage = await Stage.open();
    try {
      const [atRoot = 0, atOrigin = 0, atEdge = 0] = await freePorts(3);
      const of = (port: number): Settings => ({
        "server.port": String(port),
        "cluster.url": `${SCHEME}://127.0.0.1:${port}`,
        "cluster.root": port === atRoot ? "" : `${SCHEME}://127.0.0.1:${atRoot}`,
      });
      const root = await stage.relay("root-1", "root", of(atRoot));
      const origin = await stage.relay("origin-1", "origin", of(atOrigin));
      const edge = await stage.relay("edge-1", "edge", of(atEdge));
      const { publisherToken, viewerToken } = stage.workspace;
      const sources: TestPublisher[] = [];
      for (let at = 0; at < CLIENTS; at++) {
        const client = await stage.client(origin.url, { token: publisherToken });
        for (let n = at; n < BROADCASTS; n += CLIENTS) sources.push(client.publish(`live/${n}`));
      }
      await until(() => root.relay.cluster()?.registry?.counts.holdings === BROADCASTS);
      const from = performance.now();
      const watches: Watch[] = [];
      for (let at = 0; at < CLIENTS; at++) {
        const client = await stage.client(edge.url, { token: viewerToken });
        for (let n = at; n < BROADCASTS; n += CLIENTS) {
          const again = () => client.watch(`live/${n}`);
          watches.push({ viewer: again(), again });
        }
      }
      /** On a slow machine a broadcast may not be found in time: then its viewer subscribes again. */
      const subscribeAgain = () => {
        for (const watch of watches) if (watch.viewer.log.at(-1)?.startsWith("closed")) watch.viewer = watch.again();
      };
      await until(() => {
        subscribeAgain();
        return sources.every(({ sinks }) => sinks.size > 0);
      }, "a subscription of each broadcast at its publisher");
      let group = 0;
      await until(async () => {
        subscribeAgain();
        const lacking = sources.filter((_, at) => wholeGroups((watches[at] as Watch).viewer).length === 0);
        for (const source of lacking) source.send(group, ...contentOf(group));
        group++;
        // A slow machine may have cut a link meanwhile: then the next group comes over the new one.
        if (lacking.length > 0) await sleep(1_000);
        return lacking.length === 0;
      }, "a group of each broadcast at its viewer");
      test.diagnostic(`${BROADCASTS} broadcasts after ${Math.round(performance.now() - from)} ms`);
      const upstreams = edge.relay.cluster()?.upstreams.map(({ node }) => node);
      // Besides, what may serve all of them: `live`, and the empty path.
      assert.deepEqual([edge.relay.cluster()?.scopes, upstreams], [BROADCASTS + 2, ["origin-1"]]);
      assert.deepEqual(new Set(sources.map(({ sinks }) => sinks.size)), new Set([1]));
      // On a busy machine the edge may ask a second time for what is not answered in time.
      const asked = edge.relay.counters.upstreamSubscriptions;
      assert.ok(asked >= BROADCASTS && asked < 1.05 * BROADCASTS, `${asked} subscriptions`);
    } finally {
      await stage.close();
    }
  });
});
