/** What several roots share: one suite for every backend, and what only Redis can suffer. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";
import type { RegistryBackend } from "../../cluster/registry/contract.ts";
import { RedisBackend, redisChannel } from "../../cluster/registry/redis/backend.ts";
import { Registry } from "../../cluster/registry/registry.ts";
import { SharedRegistry } from "../../cluster/registry/sharing.ts";
import { dialRedis } from "../../relay/assemble/mesh/redis.ts";
import { systemClock } from "../../relay/transport/clock.ts";
import { MemoryBackend, MemoryStore } from "./memory-backend.ts";
import { RedisServer, withoutRedis } from "./redis-server.ts";
import { holdingOf, nodeInfo } from "./support.ts";

const LEASE_MS = 1_500;
const WAIT_MS = 20_000;
const NEVER_MS = LEASE_MS * 2;

interface Root {
  readonly registry: Registry;
  readonly shared: SharedRegistry;
  readonly said: string[];
  close(): void;
}

function rootOn(backend: RegistryBackend): Root {
  const clock = systemClock;
  const registry = new Registry({ clock, leaseMs: LEASE_MS, maxNodes: 1_000, maxHoldings: 500_000 });
  const said: string[] = [];
  const told = (up: boolean, why: string) => void said.push(up ? "up" : `down: ${why}`);
  const shared = new SharedRegistry({ registry, backend, clock, leaseMs: LEASE_MS, told });
  shared.start();
  const close = () => {
    shared.close();
    registry.close();
  };
  return { registry, shared, said, close };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let left = WAIT_MS; !holds(); left -= 10) {
    if (left <= 0) assert.fail(`not within ${WAIT_MS} ms: ${what}`);
    await sleep(10);
  }
}

const paths = ({ registry }: Root) => [...registry.under("")].map(({ path, node }) => `${path} ${node}`).sort();
const nodes = ({ registry }: Root) => [...registry.nodes()].map(({ info }) => info.node).sort();

/** A relay at a root, that has told all. */
function relayAt({ registry }: Root, node: string, held: readonly string[], startedAt = 1) {
  const session = {};
  assert.equal(registry.register(nodeInfo(node, "origin", { startedAt }), session), true);
  for (const path of held) assert.equal(registry.hold(holdingOf(path, node), session), true);
  registry.complete(session);
  return session;
}

function conforms(
  name: string,
  skip: string | false,
  open: () => Promise<() => RegistryBackend>,
  end: () => Promise<void>,
) {
  describe(`roots that share a registry in ${name}`, { skip }, () => {
    let backend: () => RegistryBackend;
    const roots: Root[] = [];
    const root = () => {
      const one = rootOn(backend());
      roots.push(one);
      return one;
    };
    before(async () => {
      backend = await open();
    });
    afterEach(async () => {
      const last = roots.splice(0);
      for (const one of last)
        for (const node of nodes(one)) {
          const speaker = one.registry.speaker(node);
          if (speaker !== undefined) one.registry.unregister(node, speaker);
        }
      await sleep(100);
      for (const one of last) one.close();
    });
    after(end);

    it("tell what is registered, changed, released and withdrawn at the other", async () => {
      const [a, b] = [root(), root()];
      const session = relayAt(a, "o1", ["live/a", "live/b"]);
      await until("both are told", () => paths(b).length === 2);
      a.registry.hold(holdingOf("live/a", "o1", { epoch: 7n, hops: [1n, (1n << 53n) - 1n], cost: 3 }), session);
      a.registry.release("live/b", "o1", session);
      await until(
        "the change is told",
        () => b.registry.holding("live/a", "o1")?.epoch === 7n && paths(b).length === 1,
      );
      assert.deepEqual(b.registry.holding("live/a", "o1"), a.registry.holding("live/a", "o1"));
      a.registry.unregister("o1", session);
      await until("the withdrawal is told", () => nodes(b).length === 0);
      assert.deepEqual(paths(b), []);
    });

    it("give one that starts later everything", async () => {
      const a = root();
      relayAt(
        a,
        "o1",
        Array.from({ length: 2_000 }, (_, n) => `live/${n}`),
      );
      await until("it is written", () => a.shared.connected && a.shared.counters.writes >= 4);
      const b = root();
      await until("it is read", () => paths(b).length === 2_000);
    });

    it("keep what one has whose root dies for the lease, and no longer", async () => {
      const [a, b] = [root(), root()];
      relayAt(a, "o1", ["live/a"]);
      await until("it is told", () => paths(b).length === 1);
      await sleep(NEVER_MS);
      assert.deepEqual(paths(b), ["live/a o1"], "renewed for as long as the root lives");
      a.close();
      await until("it is forgotten", () => nodes(b).length === 0);
    });

    it("take a relay that is lost at one and is at the other to be there", async () => {
      const [a, b] = [root(), root()];
      relayAt(b, "o1", ["live/a"]);
      const session = relayAt(a, "o1", ["live/a"]);
      a.registry.lost(session);
      await sleep(NEVER_MS);
      assert.deepEqual(paths(a), ["live/a o1"]);
    });

    it("believe the later of two that have one name", async () => {
      const [a, b] = [root(), root()];
      relayAt(a, "o1", ["live/old"], 1);
      await until("it is told", () => paths(b).length === 1);
      relayAt(b, "o1", ["live/new"], 2);
      await until("the later one counts", () => a.registry.get("o1")?.startedAt === 2);
      await until("and what it has", () => paths(a).join() === "live/new o1" && paths(b).join() === "live/new o1");
    });
  });
}

const store = new MemoryStore(systemClock);
conforms(
  "memory",
  false,
  async () => () => new MemoryBackend(store),
  async () => {},
);

const skip = withoutRedis();
let server: RedisServer;
const address = () =>
  ({ host: "127.0.0.1", port: server.port, database: 3, tls: false, user: undefined, password: "s3cret" }) as const;
let deaf = false;
function redis(): RegistryBackend {
  const dial = dialRedis(address());
  return new RedisBackend({
    clock: systemClock,
    random: Math.random,
    dial: ({ message, lost }) => dial({ lost, message: (text) => void (deaf || message(text)) }),
    writer: randomUUID(),
    unique: randomUUID,
    channel: redisChannel(3),
  });
}
conforms(
  "Redis",
  skip,
  async () => {
    server = await RedisServer.start();
    return redis;
  },
  async () => await server.stop(),
);

describe("a Redis that roots share", { skip }, () => {
  const roots: Root[] = [];
  const root = () => {
    const one = rootOn(redis());
    roots.push(one);
    return one;
  };
  before(async () => {
    server = await RedisServer.start();
  });
  afterEach(() => {
    for (const one of roots.splice(0)) one.close();
  });
  after(async () => await server.stop());

  async function pair() {
    const [a, b] = [root(), root()];
    const session = relayAt(a, "o1", ["live/a"]);
    relayAt(b, "o2", ["live/b"]);
    await until("both know both", () => paths(a).length === 2 && paths(b).length === 2);
    return { a, b, session };
  }

  it("may be killed: what was known is told on, and an empty one gets it all, and what changed meanwhile", async () => {
    const { a, b, session } = await pair();
    const gone: string[] = [];
    b.registry.watchUnder("", { holdingGone: ({ path }) => void gone.push(path) });
    await server.kill();
    await until("it is noticed", () => !a.shared.connected && !b.shared.connected);
    a.registry.hold(holdingOf("live/c", "o1"), session);
    a.registry.release("live/a", "o1", session);
    await sleep(NEVER_MS);
    assert.deepEqual(paths(b), ["live/a o1", "live/b o2"], "leases of others stand still");
    assert.equal(b.said.filter((one) => one.startsWith("down")).length, 1, "said once");
    await server.run();
    await until("it catches up", () => paths(b).join() === "live/b o2,live/c o1");
    assert.deepEqual(gone, ["live/a"]);
    const c = root();
    await until("it is full again", () => paths(c).length === 2);
  });

  it("may hang: nobody waits for it, and it goes on where it was", async () => {
    const { a, b, session } = await pair();
    server.signal("SIGSTOP");
    await until("it is noticed", () => !a.shared.connected && !b.shared.connected);
    a.registry.hold(holdingOf("live/c", "o1"), session);
    assert.deepEqual(paths(b), ["live/a o1", "live/b o2"]);
    server.signal("SIGCONT");
    await until("it catches up", () => paths(b).length === 3);
    assert.ok(a.shared.counters.errors > 0);
  });

  it("may lose messages: what is kept is compared", async () => {
    const { a, b, session } = await pair();
    deaf = true;
    a.registry.hold(holdingOf("live/c", "o1"), session);
    a.registry.release("live/a", "o1", session);
    await until("it is repaired", () => paths(b).join() === "live/b o2,live/c o1");
    a.registry.unregister("o1", session);
    await until("a withdrawal, too", () => nodes(b).join() === "o2");
    deaf = false;
  });

  it("may hold what no root wrote: it is ignored and counted", async () => {
    const { a, b } = await pair();
    const client = createClient({ url: `redis://:s3cret@127.0.0.1:${server.port}/3` });
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
    const messages = ["", "+", "- o1", "+ a b c", "+ a b []", "- a/b 1", `+ a b ["w","o1","n/o1/e30",[],[]]`];
    for (const text of messages) await client.publish(redisChannel(3), text);
    await until("it is counted", () => b.shared.counters.strange >= values.length + messages.length);
    await sleep(NEVER_MS);
    assert.deepEqual(
      [paths(a), paths(b)],
      [
        ["live/a o1", "live/b o2"],
        ["live/a o1", "live/b o2"],
      ],
    );
    await client.set("moqmesh:nodes", "not a set");
    await client.del(key);
    await client.set(key, "not a hash");
    const c = root();
    await until("it is written over", () => paths(c).length === 2);
    client.destroy();
  });
});
