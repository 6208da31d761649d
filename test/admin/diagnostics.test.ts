/** What the admin API shows of tracks, slow viewers, refusals, prefixes and threads. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connect } from "../../relay/client/index.ts";
import { accepted, clientBroadcasts, dialling, openClient } from "../support/client.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { ask, codeOf, itemsOf } from "./support.ts";

const SYSTEM = { kind: "system" } as const;
const PATIENT = { priority: 0, ordered: false, maxLatency: 60_000 };

async function client(relay: TestRelay) {
  const dial = dialling(relay.at("ws"), { trust: SYSTEM, protocol: "moq-lite-04", timeoutMs: 5_000 });
  return await openClient(dial, { broadcasts: clientBroadcasts(), announcePrefix: "" });
}

/** A relay with `live/room`, its publisher, and a viewer of `video` that has one group. */
async function withViewer(
  work: (relay: TestRelay, parts: { publisher: Publisher; viewer: Client }) => Promise<void>,
): Promise<void> {
  await withRelay({}, async (relay) => {
    const { client: publishing } = await client(relay);
    const publisher = publishing.publish("live/room");
    await until(() => relay.counters.broadcastsActive === 1);
    const { client: viewer } = await client(relay);
    const watching = viewer.watch("live/room", PATIENT, "video");
    await accepted(watching);
    publisher.send(0, "12345");
    await until(() => watching.groups.length === 1);
    await work(relay, { publisher, viewer });
    viewer.session.close(0, "");
    publishing.session.close(0, "");
  });
}
type Client = Awaited<ReturnType<typeof client>>["client"];
type Publisher = ReturnType<Client["publish"]>;

describe("tracks", () => {
  it("are listed with their groups in the cache, their viewers and how often the cache answered", () =>
    withViewer(async (relay, { viewer }) => {
      const late = viewer.watch("live/room", PATIENT, "video");
      await until(() => late.groups.length === 1);
      const [row] = itemsOf(await ask(relay, "GET", "/tracks?prefix=live"));
      assert.ok(row !== undefined);
      const { newest_group_age_ms: age, cached_bytes: bytes, ...rest } = row;
      assert.ok(Number(age) >= 0 && Number(age) < 60_000);
      assert.ok(Number(bytes) >= 5);
      assert.deepEqual(rest, {
        broadcast: "live/room",
        track: "video",
        viewers: 2,
        subscribed: true,
        kept: false,
        cached_groups: 1,
        oldest_group: 0,
        newest_group: 0,
        cache_hits: 1,
        cache_misses: 1,
        hit_ratio: 0.5,
      });
      assert.equal((await ask(relay, "GET", "/tracks?prefix=other")).body["total"], 0);
    }));

  it("are diagnosed with each viewer and the way from the publisher", () =>
    withViewer(async (relay) => {
      const sessions = itemsOf(await ask(relay, "GET", "/sessions"));
      const { body } = await ask(relay, "GET", "/tracks/diagnostics?broadcast=/live/room&track=video");
      const [viewer] = body["viewer_list"] as Record<string, unknown>[];
      const watching = sessions.find((one) => one["role"] === "viewer");
      assert.equal(viewer?.["session"], watching?.["id"]);
      assert.equal(viewer?.["address"], watching?.["address"]);
      assert.equal(viewer?.["lost_groups"], 0);
      const way = body["upstream"] as Record<string, unknown>[];
      const publisher = sessions.find((one) => one["role"] === "publisher");
      assert.equal(way.at(-1)?.["session"], publisher?.["id"]);
      const missing = await ask(relay, "GET", "/tracks/diagnostics?broadcast=live/room&track=none");
      assert.equal(codeOf(missing), "no_such_track");
      assert.equal(codeOf(await ask(relay, "GET", "/tracks/diagnostics?broadcast=live&track=x")), "no_such_broadcast");
    }));
});

describe("prefixes", () => {
  it("have the broadcasts, viewers and bytes under them", () =>
    withViewer(async (relay) => {
      await until(async () => itemsOf(await ask(relay, "GET", "/prefixes"))[0]?.["bytes_out"] === 5);
      const row = { broadcasts: 1, viewers: 1, tracks: 1, bytes_in: 5, bytes_out: 5 };
      assert.deepEqual(itemsOf(await ask(relay, "GET", "/prefixes")), [{ prefix: "live", ...row }]);
      assert.deepEqual(itemsOf(await ask(relay, "GET", "/prefixes?depth=2")), [{ prefix: "live/room", ...row }]);
      assert.equal((await ask(relay, "GET", "/prefixes?depth=0")).status, 400);
    }));
});

describe("refusals", () => {
  it("are listed by code and address with their number", () =>
    withRelay({ "limits.sessions": "1" }, async (relay) => {
      const first = await connect(relay.at("ws"), { trust: SYSTEM, timeoutMs: 5_000 });
      for (let i = 0; i < 2; i++) {
        await assert.rejects(connect(relay.at("ws", "/late"), { trust: SYSTEM, timeoutMs: 5_000 }));
      }
      const [entry, ...others] = itemsOf(await ask(relay, "GET", "/refusals"));
      assert.equal(others.length, 0);
      assert.deepEqual(
        [entry?.["code"], entry?.["status"], entry?.["address"], entry?.["count"], entry?.["path"]],
        ["relay_full", 503, "127.0.0.1", 2, "/late"],
      );
      await first.close();
    }));
});

describe("workers", () => {
  it("are the threads of the native engine with their links", (t) =>
    withRelay({ "server.threads": "1" }, async (relay) => {
      if (relay.relay.engine !== "native") {
        t.skip("only the native engine shows its threads");
        return;
      }
      const one = await connect(relay.at("https"), { trust: relay.trust, timeoutMs: 5_000 });
      const rows = async () => (await ask(relay, "GET", "/workers")).body["workers"] as Record<string, unknown>[];
      const [first] = await rows();
      assert.equal(first?.["alive"], true);
      assert.ok(Number(first?.["links"]) >= 1);
      assert.ok(Number(first?.["busy_seconds"]) > 0);
      const share = await until(async () => (await rows())[0]?.["busy_share"] as number | undefined);
      assert.ok(share >= 0 && share <= 1);
      await one.close();
    }));
});
