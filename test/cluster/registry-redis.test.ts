/** Backends of a registry that roots share: what each of them does, and what only Redis can suffer. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, afterEach, before, describe, it } from "node:test";
import { createClient } from "@redis/client";
import type { RegistryBackend } from "../../cluster/registry/contract.ts";
import { RedisBackend, redisChannel, redisNewsChannel } from "../../cluster/registry/redis/backend.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Clock } from "../../moq/clock.ts";
import { dialRedis } from "../../relay/mesh/dial-redis.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { until } from "../support/until.ts";
import { MemoryBackend, MemoryStore } from "./memory-backend.ts";
import { RedisServer, withoutRedis } from "./redis-server.ts";
import { many, Root } from "./roots.ts";
import { holdingOf, nodeInfo } from "./support.ts";

const TIMEOUT_MS = patient(60_000);
/** So long that it does not end while a test looks. */
const LEASE_MS = 30_000;
const DATABASE = 3;

const skip = withoutRedis();
let server: RedisServer;

function redis(clock: Clock = systemClock): RegistryBackend {
  const dial = dialRedis({
    host: "127.0.0.1",
    port: server.port,
    database: DATABASE,
    tls: false,
    user: undefined,
    password: server.password,
  });
  return new RedisBackend({
    clock,
    random: Math.random,
    leaseMs: LEASE_MS,
    dial,
    writer: randomUUID(),
    unique: randomUUID,
    channel: redisChannel(DATABASE),
    newsChannel: redisNewsChannel(DATABASE),
  });
}

/** A backend that is up, and what it reported. */
async function started(backend: RegistryBackend) {
  const events: string[] = [];
  let up = false;
  backend.start({
    up: () => {
      up = true;
    },
    revocationsChanged: () => void events.push("revocations"),
    down: () => {
      up = false;
    },
    changed: ({ info, holdings, released }, { before: from, partial }) =>
      void events.push(
        `${info.node} +${holdings.length} -${released.length}${from === "" ? " new" : ""}${partial ? " partial" : ""}`,
      ),
    leftElsewhere: (node, startedAt) => void events.push(`${node} left ${startedAt}`),
    rootSent: (text) => void events.push(text),
    unreadable: () => void events.push("unreadable"),
  });
  await until(() => up);
  return { backend, events };
}

function conforms(name: string, open: () => RegistryBackend): void {
  it(`${name} passes a text to the other roots, and not to the one that sends it`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    const [one, other] = [await started(open()), await started(open())];
    await one.backend.sendToRoots('[["e1","a"]]');
    await until(() => other.events.length > 0);
    assert.deepEqual([one.events, other.events], [[], ['[["e1","a"]]']]);
    for (const { backend } of [one, other]) backend.close();
  });

  it(`${name} keeps relays, reports changes, and knows which relays are complete`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    const [one, other] = [await started(open()), await started(open())];
    const a = one.backend;
    const info = nodeInfo("o1", "origin", { startedAt: 5 });
    const change = (holdings: readonly string[], released: readonly string[] = [], more = {}) => ({
      info: { ...info, ...more },
      holdings: holdings.map((path) => holdingOf(path, "o1")),
      released,
    });
    const versions: string[] = [""];
    const put = async (...[what, part, known]: [ReturnType<typeof change>, "whole" | "last" | "more", string]) => {
      const done = await a.put(what, LEASE_MS, part, known);
      assert.ok(done !== undefined);
      assert.equal(done.before, versions.at(-1));
      assert.ok(!versions.includes(done.after), "each version is new");
      versions.push(done.after);
      const kept = await other.backend.read("o1");
      assert.deepEqual([kept?.version, kept?.partial], [done.after, done.partial]);
      return done.partial;
    };
    assert.equal(await put(change(["x/1"]), "last", ""), true, "of a new one the last part is not all");
    assert.equal(await put(change(["x/2"]), "more", versions.at(-1) ?? ""), true);
    assert.equal(await put(change(["x/3"]), "last", "another"), true, "another root wrote in between");
    assert.equal(await put(change([], ["x/1"]), "last", versions.at(-1) ?? ""), false);
    assert.equal(await put(change(["x/4"]), "last", "another"), false, "it was complete");
    assert.equal(await put(change(["x/4"]), "more", versions.at(-1) ?? ""), true);
    assert.equal(await put(change(["x/2", "x/3", "x/4"]), "whole", ""), false);
    const kept = await other.backend.read("o1");
    assert.deepEqual([...(kept?.holdings.keys() ?? [])].sort(), ["x/2", "x/3", "x/4"]);
    assert.deepEqual([kept?.info, kept?.holdings.get("x/2")], [info, holdingOf("x/2", "o1")]);
    assert.ok(kept !== undefined && kept.remainingMs > 0 && kept.remainingMs <= LEASE_MS);

    assert.equal(await a.put(change(["x/9"], [], { startedAt: 4 }), LEASE_MS, "whole", ""), undefined);
    assert.equal(await a.renew({ ...info, startedAt: 4 }, LEASE_MS), undefined);
    assert.equal(await a.renew(nodeInfo("o9"), LEASE_MS), undefined);
    assert.equal(await a.renew(info, 2 * LEASE_MS), versions.at(-1));
    const [listed, ...others] = (await other.backend.list()).nodes;
    assert.deepEqual([listed?.node, listed?.version, others], ["o1", versions.at(-1), []]);
    assert.ok((listed?.remainingMs ?? 0) > LEASE_MS);
    assert.equal((await a.list()).instance, (await other.backend.list()).instance);

    await a.remove("o1", 4);
    assert.ok((await a.read("o1")) !== undefined, "a later start stays");
    await a.remove("o1", 5);
    assert.deepEqual([await a.read("o1"), (await a.list()).nodes], [undefined, []]);
    await until(() => other.events.includes("o1 left 5"));
    assert.deepEqual(other.events, [
      "o1 +1 -0 new partial",
      "o1 +1 -0 partial",
      "o1 +1 -0 partial",
      "o1 +0 -1",
      "o1 +1 -0",
      "o1 +1 -0 partial",
      "o1 +3 -0",
      "o1 left 5",
    ]);
    assert.deepEqual(
      one.events.filter((line) => !line.includes("left")),
      [],
      "a writer gets no message of its own change",
    );
    for (const { backend } of [one, other]) backend.close();
  });

  it(`${name} keeps revocations, and tells other roots that they changed`, { timeout: TIMEOUT_MS }, async () => {
    const [one, other] = [await started(open()), await started(open())];
    await one.backend.changeRevocations(["r/e1/0/a", "r/e1/0/b"], []);
    await until(() => other.events.includes("revocations"));
    const read = await other.backend.revocations("");
    assert.deepEqual(read?.paths.toSorted(), ["r/e1/0/a", "r/e1/0/b"]);
    assert.equal(await other.backend.revocations(read?.version ?? ""), undefined, "nothing has changed");
    await one.backend.changeRevocations([], ["r/e1/0/a"]);
    const later = await other.backend.revocations(read?.version ?? "");
    assert.deepEqual(later?.paths, ["r/e1/0/b"]);
    assert.equal(later?.version.split(":")[0], read?.version.split(":")[0]);
    assert.equal(one.events.includes("revocations"), false, "the writer gets no message");
    await one.backend.changeRevocations([], ["r/e1/0/b"]);
    for (const { backend } of [one, other]) backend.close();
  });

  it(`${name} forgets relays whose lease no root renews`, { timeout: TIMEOUT_MS }, async () => {
    const { backend } = await started(open());
    await backend.put({ info: nodeInfo("o2"), holdings: [], released: [] }, 50, "whole", "");
    for (let listed = 1; listed > 0; ) {
      await new Promise((resolve) => setImmediate(resolve));
      listed = (await backend.list()).nodes.length;
    }
    assert.equal(await backend.read("o2"), undefined);
    backend.close();
  });
}

describe("a backend in memory", () => {
  const store = new MemoryStore(systemClock);
  conforms("memory", () => new MemoryBackend(store));
});

describe("a Redis that roots share", { skip, timeout: TIMEOUT_MS }, () => {
  const roots: Root[] = [];
  const root = (clock: Clock = systemClock) => {
    const one = new Root(redis(clock), clock, LEASE_MS);
    roots.push(one);
    return one;
  };
  before(async () => {
    server = await RedisServer.start();
  });
  afterEach(async () => {
    for (const one of roots.splice(0)) one.close();
    await server.kill();
    await server.run();
  });
  after(async () => await server.stop());
  conforms("Redis", redis);

  it("gives everything at once to a root that starts", async () => {
    const a = root();
    const held = many(2_000);
    a.relay("o1", held);
    const { backend } = await started(redis());
    let kept = await backend.read("o1");
    while (kept?.partial !== false) kept = await backend.read("o1");
    backend.close();
    const b = root();
    await until(() => b.paths.length === held.length);
  });

  it("may be killed: an empty one is filled again, with what changed meanwhile", async () => {
    const [a, b] = [root(), root()];
    const relay = a.relay("o1", ["live/a"]);
    b.relay("o2", ["live/b"]);
    await until(() => a.paths.length === 2 && b.paths.length === 2);
    await server.kill();
    await until(() => !a.shared.connected && !b.shared.connected);
    relay.hold("live/c");
    assert.deepEqual([b.paths, b.said.length], [["live/a o1", "live/b o2"], 2]);
    await server.run();
    await until(() => b.paths.join() === "live/a o1,live/b o2,live/c o1");
    const c = root();
    await until(() => c.paths.length === 3);
    assert.deepEqual([a.gone, b.gone], [[], []]);
  });

  it("may hang: no root waits for it, and changes are written later", async () => {
    const clock = new ManualClock();
    const [a, b] = [root(clock), root()];
    const relay = a.relay("o1", ["live/a"]);
    await until(() => {
      clock.advance(20);
      return a.shared.connected && b.paths.length === 1;
    });
    server.signal("SIGSTOP");
    relay.hold("live/c");
    await until(() => {
      clock.advance(20);
      return !a.shared.connected;
    });
    assert.deepEqual([a.paths, a.said.at(-1)], [["live/a o1", "live/c o1"], "down: no answer within 2000 ms"]);
    server.signal("SIGCONT");
    await until(() => {
      clock.advance(20);
      return b.paths.length === 2;
    });
    assert.ok(a.shared.counters.errors > 0);
  });

  it("may contain what no root wrote, which is ignored and counted", async () => {
    const [a, b] = [root(), root()];
    a.relay("o1", ["live/a"]);
    b.relay("o2", ["live/b"]);
    await until(() => a.paths.length === 2 && b.paths.length === 2);
    const client = createClient({ url: `redis://:${server.password}@127.0.0.1:${server.port}/${DATABASE}` });
    client.on("error", () => {});
    await client.connect();
    const key = "moqmesh:node:o1";
    const values = [
      "",
      "null",
      "{",
      "[1,2]",
      '["0",[],0,0]',
      '["1",["x"],0,0]',
      '["1",[],-1,0]',
      "x".repeat(1_000_000),
    ];
    for (const [n, value] of values.entries()) await client.hSet(key, `pbad/${n}`, value);
    await client.hSet(key, "foreign", "x");
    await client.hIncrBy(key, "@v", 1);
    await client.sAdd("moqmesh:nodes", ["o1", "a/b", "", "x".repeat(1_000), "text", "list"]);
    await client.set("moqmesh:node:text", "x");
    await client.lPush("moqmesh:node:list", "x");
    const messages = [
      "",
      "+",
      "- o1",
      "+ a b 0 c",
      "+ a b 0 []",
      "+ a b 2 []",
      "- a/b 1",
      `+ a b 1 ["w","o1","n/o1/e30",[],[]]`,
    ];
    for (const text of messages) await client.publish(redisChannel(DATABASE), text);
    await until(() => b.shared.counters.unreadable >= values.length + messages.length);
    for (const one of [a, b]) assert.deepEqual([one.paths, one.gone], [["live/a o1", "live/b o2"], []]);
    await client.set("moqmesh:nodes", "not a set");
    await client.del(key);
    await client.set(key, "not a hash");
    const c = root();
    await until(() => c.paths.length === 2);
    client.destroy();
  });
});
