/** Bounds that the sessions of one tenant share, and that do not affect other tenants. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { closeCodes } from "../../moq/session/index.ts";
import { codeOf } from "../../moq/session/lite/codes.ts";
import { type TestClient, type TestPublisher, type TestViewer, VERSIONS } from "../session/support.ts";
import type { Settings } from "../support/relay.ts";
import { GuardedRelay } from "./relay.ts";

const VERSION = "moq-lite-05";
/** A subscription that was refused for a bound, as the versions say it. */
const REFUSED = /^closed (limit|no_capacity)$/;
const LIMIT = codeOf("limit");
/** Bytes of a group in the tests of rates, and groups a second. */
const GROUP = new Uint8Array(20_000);
const GROUPS_PER_SECOND = 10;

async function guarded(settings: Settings, work: (relay: GuardedRelay) => Promise<void>): Promise<void> {
  const relay = await GuardedRelay.start({ settings });
  try {
    await work(relay);
  } finally {
    await relay.stop();
  }
}

/** Everything under `tenant`, both ways. */
async function join(relay: GuardedRelay, tenant: string, version: string = VERSION): Promise<TestClient> {
  return await relay.connect(version, await relay.token({ root: tenant, put: "", get: "" }));
}

/** Two clients of the tenant "a" and one of "b". */
async function threeClients(relay: GuardedRelay, version: string) {
  return [await join(relay, "a", version), await join(relay, "a", version), await join(relay, "b", version)] as const;
}

/** A group every tenth of a second for `seconds`. */
async function sendFor(relay: GuardedRelay, seconds: number, publishers: readonly TestPublisher[], from = 0) {
  for (let group = from; group < from + seconds * GROUPS_PER_SECOND; group++) {
    for (const publisher of publishers) publisher.send(group, GROUP);
    await relay.pass(1_000 / GROUPS_PER_SECOND);
  }
}

const bytesOf = (viewers: readonly TestViewer[]) =>
  viewers.flatMap(({ groups }) => groups).reduce((sum, { bytes }) => sum + bytes, 0);

for (const version of VERSIONS) {
  describe(`${version}: bounds of a tenant`, () => {
    it("a broadcast over the bound ends the session that announces it, and one that ends makes room", () =>
      guarded({ "auth.broadcasts_per_tenant": "2" }, async (relay) => {
        const [one, two, other] = await threeClients(relay, version);
        const first = one.publish("a/1");
        one.publish("a/2");
        other.publish("b/1");
        await relay.pass(100);
        two.publish("a/3");
        await relay.pass(100);
        assert.equal(two.reports[0]?.code, closeCodes(version).codeOf("limit"));
        assert.match(two.reports[0]?.message ?? "", /too many broadcasts/);
        assert.equal(relay.counters.boundsHit.tenant_broadcasts, 1);
        first.end();
        await relay.pass(100);
        const three = await join(relay, "a", version);
        three.publish("a/4");
        await relay.pass(100);
        assert.deepEqual(
          [one, three, other].map(({ reports }) => reports.length),
          [0, 0, 0],
        );
        const everything = await relay.connect(version, await relay.token({ get: "" }));
        await relay.pass(100);
        assert.deepEqual([...everything.broadcasts.list()].map(({ path }) => path).sort(), ["a/2", "a/4", "b/1"]);
      }));

    it("a subscription over the bound is refused, and one that ends makes room", () =>
      guarded({ "auth.subscriptions_per_tenant": "2" }, async (relay) => {
        const [publisher, viewer, other] = await threeClients(relay, version);
        for (const path of ["a/1", "a/2", "a/3"]) publisher.publish(path);
        other.publish("b/1");
        await relay.pass(100);
        const [first] = [viewer.watch("a/1"), viewer.watch("a/2")];
        await relay.pass(100);
        const refused = viewer.watch("a/3");
        await relay.pass(100);
        assert.match(refused.log.join(), REFUSED);
        assert.equal(relay.counters.boundsHit.tenant_subscriptions, 1);
        first?.upstream?.cancel();
        await relay.pass(100);
        const [again, others] = [viewer.watch("a/3"), other.watch("b/1")];
        await relay.pass(100);
        for (const { log } of [again, others]) assert.doesNotMatch(log.join(), REFUSED);
      }));
  });
}

describe("the bit rate of a tenant", () => {
  it("drops groups to its viewers above the rate; viewers of other tenants get everything", () =>
    guarded({ "auth.egress_per_tenant": "500KB" }, async (relay) => {
      const clients = { a: await join(relay, "a"), b: await join(relay, "b") };
      const publishers = [clients.a.publish("a/live"), clients.b.publish("b/live")];
      await relay.pass(100);
      // Six viewers of 200 kB a second each are over the rate, two are not.
      const watch = async (tenant: string, count: number) => {
        const viewers: TestViewer[] = [];
        for (let n = 0; n < count; n++) viewers.push((await join(relay, tenant)).watch(`${tenant}/live`));
        return viewers;
      };
      const many = await watch("a", 6);
      const few = await watch("b", 2);
      await relay.pass(100);
      await sendFor(relay, 20, publishers);
      const got = bytesOf(many);
      assert.ok(got < 500_000 * (20 + 2) * 1.05, `${got} bytes`);
      assert.ok(got > 500_000 * 20 * 0.8, `${got} bytes`);
      assert.equal(bytesOf(few), 2 * 20 * GROUPS_PER_SECOND * GROUP.length);
      assert.ok(relay.counters.boundsHit.tenant_egress > 0);
      // Every group that was sent was sent whole, and no subscription was closed.
      for (const { groups, log } of many) {
        assert.ok(groups.every(({ state }) => state === "finished"));
        assert.equal(
          log.some((line) => line.startsWith("closed")),
          false,
        );
      }
    }));

  it("refuses groups of its publishers above the rate; groups of other tenants come through", () =>
    guarded({ "auth.ingress_per_tenant": "100KB" }, async (relay) => {
      const clients = { a: await join(relay, "a"), b: await join(relay, "b") };
      const [fast, slow] = [clients.a.publish("a/live"), clients.b.publish("b/live")];
      await relay.pass(100);
      const over = (await join(relay, "a")).watch("a/live");
      const under = (await join(relay, "b")).watch("b/live");
      await relay.pass(100);
      for (let group = 0; group < 200; group++) {
        fast.send(group, GROUP);
        if (group % 4 === 0) slow.send(group / 4, GROUP);
        await relay.pass(100);
      }
      assert.ok(relay.counters.boundsHit.tenant_ingress > 0);
      assert.ok(bytesOf([over]) < 100_000 * (20 + 2) * 1.05, `${bytesOf([over])} bytes`);
      assert.ok(bytesOf([over]) > 100_000 * 20 * 0.7, `${bytesOf([over])} bytes`);
      assert.equal(bytesOf([under]), 50 * GROUP.length);
      assert.equal(clients.a.reports.length + clients.b.reports.length, 0);
    }));

  it("ends the session that sends most when one group goes on without end", () =>
    guarded({ "auth.egress_per_tenant": "50KB" }, async (relay) => {
      const [publisher, viewer, other] = [await join(relay, "a"), await join(relay, "a"), await join(relay, "b")];
      const live = publisher.publish("a/live");
      await relay.pass(100);
      viewer.watch("a/live");
      await relay.pass(100);
      const writers = live.open(0);
      for (let n = 0; n < 100 && viewer.reports.length === 0; n++) {
        for (const writer of writers) {
          writer.object(GROUP.length, n);
          writer.payload(GROUP);
          writer.end();
        }
        await relay.pass(100);
      }
      assert.equal(viewer.reports[0]?.code, LIMIT);
      assert.match(viewer.reports[0]?.message ?? "", /tenant exceeded its byte rate/);
      assert.equal(publisher.reports.length + other.reports.length, 0);
    }));
});
