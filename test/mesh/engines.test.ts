/** The same small mesh over every engine and binding between relays. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freePorts } from "../../lab/ports.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { createEngine } from "../../transport/engines.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import type { Settings } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { nodesAt, Stage, sendUntil, wholeGroups } from "./support/stage.ts";

/** Longest gap for viewers in milliseconds, on a busy machine; the goal is a second. */
const PAUSE_MS = 5_000;

/** Why an engine cannot be used; false when it can. */
async function missing(engine: string): Promise<string | false> {
  return await createEngine(engine, { clock: systemClock, warn: () => {} }).then(
    () => false,
    (error: unknown) => `the engine ${engine} does not load: ${error instanceof Error ? error.message : String(error)}`,
  );
}

const WAYS = [
  { way: "WebTransport by native", engine: "native", scheme: "https" },
  { way: "WebTransport by rwebtransport", engine: "rwebtransport", scheme: "https" },
  { way: "QMux over WebSocket", engine: "auto", scheme: "wss" },
  { way: "raw QUIC by native", engine: "native", scheme: "moql" },
] as const;

describe("a mesh over", () => {
  for (const { way, engine, scheme } of WAYS) {
    it(`${way} carries broadcasts, also after the serving regional ends`, {
      timeout: patient(60_000),
    }, async (test) => {
      const why = await missing(engine);
      if (why !== false) {
        test.skip(why);
        return;
      }
      const stage = await Stage.open();
      try {
        const ports = await freePorts(5);
        const url = (at: number) => `${scheme}://127.0.0.1:${ports[at]}`;
        const of = (at: number): Settings => ({
          "server.engine": engine,
          "server.port": String(ports[at]),
          "cluster.url": url(at),
          "cluster.root": at === 0 ? "" : url(0),
          // Longer than a busy machine needs to fail over: the origin keeps its one subscription.
          "limits.track_linger": "1m",
        });
        const root = await stage.relay("root-1", "root", of(0));
        const origin = await stage.relay("origin-1", "origin", of(1));
        const regionals = [
          await stage.relay("regional-1", "regional", of(2)),
          await stage.relay("regional-2", "regional", of(3)),
        ];
        const edge = await stage.relay("edge-1", "edge", of(4));
        await until(() => nodesAt(root).length === 5);
        const { publisherToken, viewerToken } = stage.workspace;
        const source = (await stage.client(origin.url, { token: publisherToken })).publish("live/a");
        const viewer = await stage.client(edge.url, { token: viewerToken, follows: "" });
        await until(() => viewer.announced.includes("live/a"));
        const watching = viewer.watch("live/a");
        const next = await sendUntil(source, 0, () => wholeGroups(watching).length >= 3);
        const used = new Set(root.relay.sessions().map((one) => `${one.engine}, ${one.protocol}`));
        const serving = regionals.find(({ relay }) => relay.counters.tracksActive > 0);
        assert.ok(serving, "no regional serves");
        const from = performance.now();
        // Its sessions end at once. Other tests kill the process, whose sessions fall silent.
        const closing = serving.relay.close("gone");
        const seen = wholeGroups(watching).length;
        await sendUntil(source, next, () => wholeGroups(watching).length > seen + 3);
        const pause = performance.now() - from;
        await closing;
        test.diagnostic(`${[...used].join("; ")}: frames again ${Math.round(pause)} ms after the regional's end`);
        assert.ok(pause < PAUSE_MS, `${pause} ms`);
        const groups = wholeGroups(watching);
        assert.equal(new Set(groups).size, groups.length);
        assert.equal(origin.relay.counters.upstreamSubscriptions, 1);
      } finally {
        await stage.close();
      }
    });
  }
});
