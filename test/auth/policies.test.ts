/** What policies by prefix allow the sessions of clients, and that others lose nothing. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { codeOf } from "../../moq/session/lite/codes.ts";
import { itemsOf } from "../admin/support.ts";
import { type TestClient, VERSIONS } from "../session/support.ts";
import { type GuardedOptions, GuardedRelay } from "./relay.ts";

const VERSION = "moq-lite-05";
/** A subscription that was refused for a bound, as the versions say it. */
const REFUSED = /^closed (limit|no_capacity)$/;
const GROUP = new Uint8Array(15_000);

type Policies = readonly Readonly<Record<string, unknown>>[];

async function guarded(
  policies: Policies,
  work: (relay: GuardedRelay) => Promise<void>,
  { settings = {}, ...more }: GuardedOptions = {},
): Promise<void> {
  const relay = await GuardedRelay.start({ ...more, settings: { ...listOf(policies), ...settings } });
  try {
    await work(relay);
  } finally {
    await relay.stop();
  }
}

const listOf = (policies: Policies) => ({ "policies.list": JSON.stringify(policies) });

/** May publish and watch everything under `root`. */
async function join(relay: GuardedRelay, root: string, version: string = VERSION): Promise<TestClient> {
  return await relay.connect(version, await relay.token({ root, put: "", get: "" }));
}

const pathsOf = ({ broadcasts }: TestClient) => [...broadcasts.list()].map(({ path }) => path).sort();

/** Codes and paths of what was refused, newest first. */
async function refusals(relay: GuardedRelay) {
  const items = itemsOf(await relay.ask("GET", "/refusals"));
  return items.map(({ code, path, count }) => ({ code, path, count }));
}

describe("clients without a token", () => {
  const policies = [
    { prefix: "open", public_subscribe: true, public_publish: true },
    { prefix: "open/closed", public_subscribe: false, public_publish: false },
    { prefix: "open/closed/lobby", public_subscribe: true },
  ];

  it("may watch and publish where the longest prefix says so, and nowhere else", () =>
    guarded(policies, async (relay) => {
      const insider = await join(relay, "");
      const paths = ["open/a", "open/closed/b", "open/closed/lobby/c", "other/d"];
      for (const path of paths) insider.publish(path);
      const guest = await relay.connect(VERSION);
      await relay.pass(100);
      assert.deepEqual(pathsOf(guest), ["open/a", "open/closed/lobby/c"], "announcements");
      const viewers = paths.map((path) => guest.watch(path));
      await relay.pass(100);
      const refused = viewers.map(({ log }) => log.includes("closed unauthorized"));
      assert.deepEqual(refused, [false, true, false, true]);
      guest.publish("open/mine");
      await relay.pass(100);
      assert.ok(pathsOf(insider).includes("open/mine"));
      guest.publish("open/closed/lobby/mine");
      await relay.pass(100);
      assert.equal(guest.reports[0]?.code, codeOf("unauthorized"));
      assert.equal(insider.reports.length, 0);
    }));

  it("are refused with a code where the URL leads to a closed prefix, and tokens count there as before", () =>
    guarded(policies, async (relay) => {
      // Below it is a public prefix, so the session opens; nothing else is granted.
      await relay.connect(VERSION, undefined, "/open/closed");
      await assert.rejects(relay.connect(VERSION, undefined, "/open/closed/b"), {
        status: 401,
        message: /token_missing/,
      });
      await assert.rejects(relay.connect(VERSION, undefined, "/other"), { status: 401, message: /token_missing/ });
      const insider = await relay.connect(VERSION, await relay.token({ put: "open/closed", get: "" }), "/");
      insider.publish("open/closed/b");
      await relay.pass(100);
      assert.equal(insider.reports.length, 0);
    }));

  it("of a relay with public prefixes in [auth] are kept out by a policy for the same prefix or a longer one", () =>
    guarded(
      [
        { prefix: "live/private", public_subscribe: false },
        { prefix: "old", public_subscribe: false },
      ],
      async (relay) => {
        const insider = await join(relay, "");
        for (const path of ["live/a", "live/private/b", "old/c"]) insider.publish(path);
        const guest = await relay.connect(VERSION);
        await relay.pass(100);
        assert.deepEqual(pathsOf(guest), ["live/a"]);
      },
      { settings: { "auth.public_subscribe": "live,old" } },
    ));
});

for (const version of VERSIONS) {
  describe(`${version}: bounds of a prefix`, () => {
    it("a broadcast over the bound waits, its session goes on, and it is published when another ends", () =>
      guarded([{ prefix: "a", broadcasts: 2 }], async (relay) => {
        const [one, two, watching] = [
          await join(relay, "", version),
          await join(relay, "", version),
          await join(relay, ""),
        ];
        const first = one.publish("a/1");
        one.publish("a/2");
        await relay.pass(100);
        two.publish("a/3");
        two.publish("b/1");
        await relay.pass(100);
        assert.deepEqual(pathsOf(watching), ["a/1", "a/2", "b/1"]);
        assert.equal(relay.counters.boundsHit.policy_broadcasts, 1);
        assert.deepEqual(await refusals(relay), [{ code: "policy_broadcasts", path: "a/3", count: 1 }]);
        first.end();
        await relay.pass(100);
        assert.deepEqual(pathsOf(watching), ["a/2", "a/3", "b/1"]);
        assert.equal(one.reports.length + two.reports.length, 0);
      }));

    it("a subscription over the bound is refused, and one that ends makes room", () =>
      guarded([{ prefix: "a", subscriptions: 2 }], async (relay) => {
        const [publisher, viewer] = [await join(relay, "", version), await join(relay, "", version)];
        for (const path of ["a/1", "a/2", "a/3", "b/1"]) publisher.publish(path);
        await relay.pass(100);
        const [first] = [viewer.watch("a/1"), viewer.watch("a/2")];
        await relay.pass(100);
        const [refused, elsewhere] = [viewer.watch("a/3"), viewer.watch("b/1")];
        await relay.pass(100);
        assert.match(refused.log.join(), REFUSED);
        assert.doesNotMatch(elsewhere.log.join(), REFUSED);
        assert.equal(relay.counters.boundsHit.policy_subscriptions, 1);
        assert.deepEqual(await refusals(relay), [{ code: "policy_subscriptions", path: "a/3", count: 1 }]);
        first?.upstream?.cancel();
        await relay.pass(100);
        const again = viewer.watch("a/3");
        await relay.pass(100);
        assert.doesNotMatch(again.log.join(), REFUSED);
      }));
  });
}

describe("bounds of a prefix", () => {
  it("sessions that can use nothing else are counted; those of wider tokens are not", () =>
    guarded([{ prefix: "live/a", sessions: 1 }], async (relay) => {
      const token = await relay.token({ root: "live/a", put: "", get: "" });
      const first = await relay.connect(VERSION, token);
      await assert.rejects(relay.connect(VERSION, token), {
        status: 429,
        message: /policy_sessions: too many sessions under \/live\/a/,
      });
      await join(relay, "live");
      await join(relay, "live/ab");
      assert.equal(relay.counters.boundsHit.policy_sessions, 1);
      assert.equal(relay.counters.sessionsRefused.get("policy_sessions"), 1);
      assert.equal((await refusals(relay)).filter(({ code }) => code === "policy_sessions").length, 1);
      first.session.close(0, "");
      await relay.pass(50);
      await relay.connect(VERSION, token);
    }));

  it("publishers are sessions, whatever the number of their broadcasts", () =>
    guarded([{ prefix: "a", publishers: 1 }], async (relay) => {
      const [one, two] = [await join(relay, ""), await join(relay, "")];
      one.publish("a/1");
      one.publish("a/2");
      await relay.pass(100);
      two.publish("a/3");
      await relay.pass(100);
      assert.equal(relay.counters.boundsHit.policy_publishers, 1);
      assert.deepEqual(pathsOf(two), ["a/1", "a/2", "a/3"], "its own is there for itself alone");
      assert.deepEqual(
        pathsOf(one).filter((path) => path === "a/3"),
        [],
      );
      one.session.close(0, "");
      await relay.pass(100);
      assert.deepEqual(pathsOf(await join(relay, "")), []);
      const watching = await join(relay, "");
      await relay.pass(100);
      assert.deepEqual(pathsOf(watching), ["a/3"]);
    }));

  it("a track over the bound is refused to viewers and seen among the refusals", () =>
    guarded([{ prefix: "a", tracks: 1 }], async (relay) => {
      const [publisher, viewer] = [await join(relay, ""), await join(relay, "")];
      publisher.publish("a/1");
      await relay.pass(100);
      viewer.watch("a/1");
      await relay.pass(100);
      const refused = viewer.watch("a/1", undefined, "audio");
      await relay.pass(100);
      assert.deepEqual(refused.log, ["closed limit"]);
      assert.deepEqual(await refusals(relay), [{ code: "policy_tracks", path: "a/1", count: 1 }]);
    }));

  it("are those of the longest prefix, and end nothing that runs when they change", () =>
    guarded(
      [
        { prefix: "a", subscriptions: 1 },
        { prefix: "a/big", subscriptions: 3 },
      ],
      async (relay) => {
        const [publisher, viewer] = [await join(relay, ""), await join(relay, "")];
        const paths = ["a/1", "a/big/1", "a/big/2", "a/big/3"];
        for (const path of paths) publisher.publish(path);
        await relay.pass(100);
        const viewers = paths.map((path) => viewer.watch(path));
        await relay.pass(100);
        assert.deepEqual(
          viewers.filter(({ log }) => log.includes("closed limit")),
          [],
        );
        const { failed } = await relay.reload(listOf([{ prefix: "a", subscriptions: 1 }]));
        assert.deepEqual(failed, {});
        for (const { log } of viewers)
          assert.equal(
            log.some((line) => line.startsWith("closed")),
            false,
          );
        const late = viewer.watch("a/1", undefined, "audio");
        await relay.pass(100);
        assert.deepEqual(late.log, ["closed limit"], "what runs already counts");
      },
    ));

  it("drop groups above a rate, name it once in the refusals, and leave other prefixes alone", () =>
    guarded([{ prefix: "a", egress: "100KB" }], async (relay) => {
      const publishers = [(await join(relay, "a")).publish("a/live"), (await join(relay, "b")).publish("b/live")];
      await relay.pass(100);
      const [over, under] = [(await join(relay, "a")).watch("a/live"), (await join(relay, "b")).watch("b/live")];
      await relay.pass(100);
      for (let group = 0; group < 200; group++) {
        for (const publisher of publishers) publisher.send(group, GROUP);
        await relay.pass(50);
      }
      const bytesOf = ({ groups }: typeof over) => groups.reduce((sum, { bytes }) => sum + bytes, 0);
      assert.ok(bytesOf(over) < 100_000 * (10 + 2) * 1.1, `${bytesOf(over)} bytes`);
      assert.ok(bytesOf(over) > 100_000 * 10 * 0.8, `${bytesOf(over)} bytes`);
      assert.equal(bytesOf(under), 200 * GROUP.length);
      assert.ok(relay.counters.boundsHit.policy_egress > 0);
      const [refusal] = await refusals(relay);
      assert.equal(refusal?.code, "policy_egress");
    }));
});

describe("priority by prefix on a link that is too narrow", () => {
  for (const version of [VERSION, "moqmesh-2"]) {
    it(`delivers the higher one and lets the lower one wait (${version})`, () =>
      guarded(
        [
          { prefix: "vip", priority: 6 },
          { prefix: "bulk", priority: 1 },
        ],
        async (relay) => {
          const publishers = [
            (await join(relay, "vip")).publish("vip/live"),
            (await join(relay, "bulk")).publish("bulk/live"),
          ];
          const viewer = await join(relay, "", version);
          await relay.pass(100);
          const options = { priority: 0, ordered: false, maxLatency: 1_000 };
          const [vip, bulk] = [
            viewer.watch("vip/live", options),
            viewer.watch("bulk/live", { ...options, priority: 255 }),
          ];
          await relay.pass(100);
          for (let group = 0; group < 50; group++) {
            for (const publisher of publishers) publisher.send(group, GROUP);
            for (let ms = 0; ms < 100; ms += 5) await relay.pass(5);
          }
          const whole = ({ groups }: typeof vip) => groups.filter(({ state }) => state === "finished").length;
          // 150 kB a second each, over a link of 200 kB a second.
          assert.ok(whole(vip) >= 48, `${whole(vip)} groups of the higher priority`);
          assert.ok(whole(bulk) < 30, `${whole(bulk)} groups of the lower priority`);
        },
        { bandwidth: 200_000 },
      ));
  }
});
