import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { type AnnouncedChange, type Client, connect, FetchError } from "../../relay/client/index.ts";
import { publishTo } from "../support/publisher.ts";
import { TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const GROUPS = [["a", "b"], ["c"], ["d", "", "e"]];

const PROTOCOLS = ["moq-lite-05", "moq-lite-04", "moq-lite-03"];

let relay: TestRelay;
let url: URL;

before(async () => {
  relay = await TestRelay.start({ "limits.subscribe_wait": "50ms" });
  url = relay.url;
  await publishTo(url, "live/room1", "chat", GROUPS);
  // The session is open before its announcement has come.
  await until(() => relay.counters.broadcastsActive === 1);
});
after(async () => await relay.stop());

async function withClient<T>(use: (client: Client) => Promise<T>, at = url, protocols?: string[]): Promise<T> {
  const trust = { kind: "system" } as const;
  const client = await connect(at, { trust, timeoutMs: 5_000, ...(protocols && { protocols }) });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

const texts = (frames: readonly { payload: Uint8Array }[]) =>
  frames.map(({ payload }) => Buffer.from(payload).toString());

for (const [scheme, protocol] of ["http", "ws"].flatMap((one) => PROTOCOLS.map((name) => [one, name] as const))) {
  describe(`a client that speaks ${protocol} at a ${scheme} address`, () => {
    const at = () => new URL(url.href.replace(/^http/, scheme));

    test("fetches the named group, and the newest when no group is named", () =>
      withClient(
        async (client) => {
          assert.equal(client.protocol, protocol);
          const where = { broadcast: "live/room1", track: "chat", timeoutMs: 5_000 };
          const named = await client.fetch({ ...where, group: 0 });
          assert.deepEqual([named.group, texts(named.frames)], [0, ["a", "b"]]);
          const newest = await client.fetch(where);
          assert.deepEqual([newest.group, texts(newest.frames)], [2, ["d", "", "e"]]);
        },
        at(),
        [protocol],
      ));

    test("gets announcements by whole segments of the prefix, and their ends", () =>
      withClient(
        async (client) => {
          const seen: AnnouncedChange[] = [];
          const all = client.announced("", (change) => seen.push(change));
          await all.ready;
          assert.ok(seen.some(({ path, active }) => path === "live/room1" && active));
          const none: AnnouncedChange[] = [];
          const other = client.announced("live/room", (change) => none.push(change));
          await other.ready;
          assert.deepEqual(none, []);

          const path = `more/${scheme}/${protocol}`;
          const short = await publishTo(at(), path, "chat", GROUPS);
          await until(() => seen.some((change) => change.path === path && change.active));
          short.session.close(0, "");
          await until(() => seen.some((change) => change.path === path && !change.active));
          all.close();
        },
        at(),
        [protocol],
      ));
  });
}

describe("a client", () => {
  test("sees the paths under the root in its URL", () =>
    withClient(async (client) => {
      const seen: AnnouncedChange[] = [];
      await client.announced("", (change) => seen.push(change)).ready;
      assert.deepEqual(
        seen.map(({ path, active, hops }) => ({ path, active, hops: hops.length })),
        [{ path: "room1", active: true, hops: 2 }],
      );
      const { frames } = await client.fetch({ broadcast: "room1", track: "chat", group: 1, timeoutMs: 5_000 });
      assert.deepEqual(texts(frames), ["c"]);
    }, new URL("live", url)));

  test("gets not_found for a missing broadcast, track or group", () =>
    withClient(async (client) => {
      const where = { broadcast: "live/room1", track: "chat", timeoutMs: 5_000 };
      for (const wrong of [{ broadcast: "none" }, { track: "none" }, { group: 99 }, { broadcast: "none", group: 0 }]) {
        await assert.rejects(client.fetch({ ...where, ...wrong }), (error) => {
          assert.ok(error instanceof FetchError);
          assert.equal(error.code, "not_found", JSON.stringify(wrong));
          return true;
        });
      }
    }));

  test("gets the reason when the relay closes the session, also during a fetch", () =>
    withRelay({}, (other) =>
      withClient(async (client) => {
        await until(() => other.counters.sessionsActive === 1);
        const waiting = client.fetch({ broadcast: "none", track: "none", timeoutMs: 5_000 });
        const [failed] = await Promise.all([assert.rejects(waiting, FetchError), other.relay.close("gone fishing")]);
        assert.equal(failed, undefined);
        assert.deepEqual(await client.closed, { reason: "closed", message: "gone fishing" });
      }, other.url),
    ));

  test("fails with the reason when the address is no relay or unreachable", async () => {
    const web = createServer((_request, response) => response.end("hello")).listen(0, "127.0.0.1");
    await once(web, "listening");
    const address = web.address();
    assert.ok(address !== null && typeof address === "object");
    const at = `http://127.0.0.1:${address.port}/`;
    const options = { trust: { kind: "system" }, timeoutMs: 1_000 } as const;
    await assert.rejects(connect(new URL(at), options), { code: "dial_failed", message: /has no fingerprint/ });
    web.close();
    await once(web, "close");
    await assert.rejects(connect(new URL(at), options), { code: "dial_failed", message: /nothing listens there/ });
    await assert.rejects(connect(new URL("ftp://x/"), options), { code: "unsupported_url" });
  });

  test("does not connect when the certificate is not the pinned one", async () => {
    const trust = { kind: "hashes", sha256: [new Uint8Array(32)] } as const;
    await assert.rejects(connect(url, { trust, timeoutMs: 5_000 }), { code: "dial_failed" });
  });

  test("refuses to watch outside of its announcement prefix", async () => {
    const client = await connect(url, { trust: { kind: "system" }, timeoutMs: 5_000, announcePrefix: "live" });
    const seen: AnnouncedChange[] = [];
    await client.announced("live/room1", (change) => seen.push(change)).ready;
    assert.equal(seen.length, 1);
    assert.throws(() => client.announced("liver", () => {}), /under "live" only/);
    await client.close();
  });
});
